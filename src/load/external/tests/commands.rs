//! Which command a script becomes, and what of its pace, length and encryption is refused.

use std::{num::NonZeroU64, time::Duration};

use expect_test::expect;

use super::{
    scripts::{TOOLS, check, open, script, some},
    support::external,
};
use crate::load::{
    Body, Extent, ExternalError, LoadError, OnOverload, Script, Stage, Threads, Tls, Version,
};

#[test]
fn the_simplest_script() {
    check(
        |_| {},
        expect![[r#"
        wrk -t 2 -c 64 -d 10s --timeout 2s --latency -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        wrk2 -t 2 -c 64 -d 10s --timeout 2s --latency -R 2000 -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
        hey -c 64 -z 10000ms -m GET -t 2 -disable-compression -disable-redirects 'http://127.0.0.1:8080/a?b=c'
        oha --no-tui --output-format json -c 64 -z 10000ms -m GET -t 2000ms --disable-compression --redirect 0 'http://127.0.0.1:8080/a?b=c'
        bombardier -p r -o j -l -c 64 -d 10000ms -m GET -t 2000ms 'http://127.0.0.1:8080/a?b=c'"#]],
    );
}

#[test]
fn a_request_with_a_body() {
    let change = |script: &mut Script| {
        let request = &mut script.requests[0];
        request.method = "POST".to_owned();
        request.body = Body::Fixed(b"{}".to_vec());
        request.headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        script.threads = Threads::Count(some(2));
    };
    check(
        change,
        expect![[r#"
        wrk -t 2 -c 64 -d 10s --timeout 2s --latency -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        wrk2 -t 2 -c 64 -d 10s --timeout 2s --latency -R 2000 -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        K6_NO_USAGE_REPORT=true GOMAXPROCS=2 k6 run --quiet --address '' --log-output none DIR/run.js
        hey -c 64 -z 10000ms -m POST -t 2 -disable-compression -disable-redirects -T application/json -cpus 2 -D DIR/body 'http://127.0.0.1:8080/a?b=c'
        oha cannot express threads: it has a thread for each CPU that it may use: leave it "auto"
        GOMAXPROCS=2 bombardier -p r -o j -l -c 64 -d 10000ms -m POST -t 2000ms -H 'Content-Type: application/json' -f DIR/body 'http://127.0.0.1:8080/a?b=c'"#]],
    );
}

#[test]
fn a_rate() {
    check(
        |script| script.pace = open(2_000.0, OnOverload::Queue),
        expect![[r#"
        wrk cannot express rate (an open loop): use wrk2, oha or the built-in engine
        wrk2 -t 2 -c 64 -d 10s --timeout 2s --latency -R 2000 -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        k6 cannot express on_overload = "queue": what is due when none of its virtual users is free, it leaves out: say on_overload = "drop", or use wrk2, oha or the built-in engine
        hey -c 64 -z 10000ms -q 31.25 -m GET -t 2 -disable-compression -disable-redirects 'http://127.0.0.1:8080/a?b=c'
        oha --no-tui --output-format json -c 64 -z 10000ms -q 2000 --latency-correction -m GET -t 2000ms --disable-compression --redirect 0 'http://127.0.0.1:8080/a?b=c'
        bombardier -p r -o j -l -c 64 -d 10000ms -r 2000 -m GET -t 2000ms 'http://127.0.0.1:8080/a?b=c'"#]],
    );
    check(
        |script| script.pace = open(2_000.5, OnOverload::Drop),
        expect![[r#"
        wrk cannot express rate (an open loop): use wrk2, oha or the built-in engine
        wrk2 cannot express rate (an open loop): its rate is a whole number of requests a second
        K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
        hey cannot express rate (an open loop): each of its workers waits whole microseconds between requests, and connections / rate is not a whole number of them: change one of the two
        oha cannot express on_overload = "drop": a request that is due waits for a connection: use k6
        bombardier cannot express rate (an open loop): its rate is a whole number of requests a second"#]],
    );
}

#[test]
fn a_number_of_requests() {
    let requests = |count| Extent::Requests(NonZeroU64::new(count).expect("some"));
    check(
        |script| script.extent = requests(6_400),
        expect![[r#"
        wrk cannot express requests: it ends after a time: use hey, oha, k6 or bombardier
        wrk2 cannot express requests: it ends after a time: use hey, oha, k6 or bombardier
        K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
        hey -c 64 -n 6400 -m GET -t 2 -disable-compression -disable-redirects 'http://127.0.0.1:8080/a?b=c'
        oha --no-tui --output-format json -c 64 -n 6400 -m GET -t 2000ms --disable-compression --redirect 0 'http://127.0.0.1:8080/a?b=c'
        bombardier -p r -o j -l -c 64 -n 6400 -m GET -t 2000ms 'http://127.0.0.1:8080/a?b=c'"#]],
    );
    check(
        |script| script.extent = requests(100),
        expect![[r#"
        wrk cannot express requests: it ends after a time: use hey, oha, k6 or bombardier
        wrk2 cannot express requests: it ends after a time: use hey, oha, k6 or bombardier
        K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
        hey cannot express requests: it gives each worker the same number of requests and leaves the remainder out: ask for a multiple of the connections
        oha --no-tui --output-format json -c 64 -n 100 -m GET -t 2000ms --disable-compression --redirect 0 'http://127.0.0.1:8080/a?b=c'
        bombardier -p r -o j -l -c 64 -n 100 -m GET -t 2000ms 'http://127.0.0.1:8080/a?b=c'"#]],
    );
}

#[test]
fn times_that_are_no_whole_seconds() {
    check(
        |script| script.extent = Extent::Duration(Duration::from_millis(1_500)),
        expect![[r#"
        wrk cannot express duration: its times are whole seconds
        wrk2 cannot express duration: its times are whole seconds
        K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
        hey -c 64 -z 1500ms -m GET -t 2 -disable-compression -disable-redirects 'http://127.0.0.1:8080/a?b=c'
        oha --no-tui --output-format json -c 64 -z 1500ms -m GET -t 2000ms --disable-compression --redirect 0 'http://127.0.0.1:8080/a?b=c'
        bombardier -p r -o j -l -c 64 -d 1500ms -m GET -t 2000ms 'http://127.0.0.1:8080/a?b=c'"#]],
    );
    check(
        |script| script.timeout = Duration::from_micros(1_500),
        expect![[r#"
        wrk cannot express timeout: its times are whole seconds
        wrk2 cannot express timeout: its times are whole seconds
        k6 cannot express timeout: its times are milliseconds here
        hey cannot express timeout: its timeout is in whole seconds
        oha cannot express timeout: its times are milliseconds here
        bombardier cannot express timeout: its times are milliseconds here"#]],
    );
}

#[test]
fn threads_that_do_not_divide_the_connections() {
    check(
        |script| script.threads = Threads::Count(some(12)),
        expect![[r#"
        wrk cannot express threads: it gives each thread the same number of connections and leaves the remainder out: make the connections a multiple of the threads
        wrk2 cannot express threads: it gives each thread the same number of connections and leaves the remainder out: make the connections a multiple of the threads
        K6_NO_USAGE_REPORT=true GOMAXPROCS=12 k6 run --quiet --address '' --log-output none DIR/run.js
        hey -c 64 -z 10000ms -m GET -t 2 -disable-compression -disable-redirects -cpus 12 'http://127.0.0.1:8080/a?b=c'
        oha cannot express threads: it has a thread for each CPU that it may use: leave it "auto"
        GOMAXPROCS=12 bombardier -p r -o j -l -c 64 -d 10000ms -m GET -t 2000ms 'http://127.0.0.1:8080/a?b=c'"#]],
    );
}

#[test]
fn stages() {
    let stage = |record| Stage { duration: Duration::from_secs(1), level: 3.0, record };
    let extent = |record| Extent::Stages { start: 1.0, stages: vec![stage(record)] };
    check(
        |script| script.extent = extent(true),
        expect![[r#"
        wrk cannot express [[stage]]: its load does not change: use k6 or the built-in engine
        wrk2 cannot express [[stage]]: its load does not change: use k6 or the built-in engine
        K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
        hey cannot express [[stage]]: its load does not change: use k6 or the built-in engine
        oha cannot express [[stage]]: its load does not change: use k6 or the built-in engine
        bombardier cannot express [[stage]]: its load does not change: use k6 or the built-in engine"#]],
    );
    check(
        |script| script.extent = extent(false),
        expect![[r#"
        wrk cannot express [[stage]]: its load does not change: use k6 or the built-in engine
        wrk2 cannot express [[stage]]: its load does not change: use k6 or the built-in engine
        k6 cannot express record = false in a [[stage]]: its figures are those of the whole run: use the built-in engine
        hey cannot express [[stage]]: its load does not change: use k6 or the built-in engine
        oha cannot express [[stage]]: its load does not change: use k6 or the built-in engine
        bombardier cannot express [[stage]]: its load does not change: use k6 or the built-in engine"#]],
    );
}

#[test]
fn encryption() {
    let insecure = || Some(Tls { insecure: true, ..Tls::default() });
    check(
        |script| script.http.tls = insecure(),
        expect![[r#"
        wrk -t 2 -c 64 -d 10s --timeout 2s --latency -s DIR/run.lua 'https://127.0.0.1:8080/a?b=c'
        wrk2 -t 2 -c 64 -d 10s --timeout 2s --latency -R 2000 -s DIR/run.lua 'https://127.0.0.1:8080/a?b=c'
        K6_NO_USAGE_REPORT=true GODEBUG=http2client=0 k6 run --quiet --address '' --log-output none DIR/run.js
        hey -c 64 -z 10000ms -m GET -t 2 -disable-compression -disable-redirects 'https://127.0.0.1:8080/a?b=c'
        oha --no-tui --output-format json -c 64 -z 10000ms -m GET -t 2000ms --disable-compression --redirect 0 --insecure 'https://127.0.0.1:8080/a?b=c'
        bombardier -p r -o j -l -c 64 -d 10000ms -m GET -t 2000ms -k 'https://127.0.0.1:8080/a?b=c'"#]],
    );
    check(
        |script| script.http.tls = Some(Tls::default()),
        expect![[r#"
        wrk cannot express tls: it trusts any certificate and sends the address for a name: say `insecure = true`, or use k6 or oha
        wrk2 cannot express tls: it trusts any certificate and sends the address for a name: say `insecure = true`, or use k6 or oha
        K6_NO_USAGE_REPORT=true GODEBUG=http2client=0 k6 run --quiet --address '' --log-output none DIR/run.js
        hey cannot express tls: it trusts any certificate: say `insecure = true`, or use k6 or oha
        oha --no-tui --output-format json -c 64 -z 10000ms -m GET -t 2000ms --disable-compression --redirect 0 --connect-to localhost:8080:127.0.0.1:8080 'https://localhost:8080/a?b=c'
        bombardier cannot express tls: it has no option for the certificates to trust or for the server's name: say `insecure = true`, or use k6 or oha"#]],
    );
    let http2 = |script: &mut Script| {
        script.http.tls = insecure();
        script.http.version = Version::Http2;
    };
    check(
        http2,
        expect![[r#"
        wrk cannot express version = "2": it speaks HTTP/1.1 only: use oha or the built-in engine
        wrk2 cannot express version = "2": it speaks HTTP/1.1 only: use oha or the built-in engine
        K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
        hey cannot express version = "2": it speaks HTTP/2 under TLS only, and over a single connection: use oha
        oha --no-tui --output-format json -c 64 -z 10000ms -m GET -t 2000ms --disable-compression --redirect 0 --http2 -p 1 --insecure 'https://127.0.0.1:8080/a?b=c'
        bombardier cannot express version = "2": it speaks HTTP/2 under TLS only, and over a single connection: use oha"#]],
    );
}

#[test]
fn other_machines_get_no_load() {
    let dir = tempfile::tempdir().expect("a directory");
    let addr = "192.0.2.1:80".parse().expect("an address");
    for kind in TOOLS {
        let mut script = script(kind);
        let refused = external(kind).command(&script, addr, dir.path());
        let error = refused.expect_err("it is refused");
        assert!(matches!(error, ExternalError::Load(LoadError::Remote(_))), "{error}");
        script.limits.allow_remote = true;
        assert!(external(kind).command(&script, addr, dir.path()).is_ok());
    }
}
