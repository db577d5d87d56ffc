//! Which command a script becomes, what is refused, and how tools are found.

use std::{
    fs,
    num::{NonZeroU32, NonZeroU64},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    time::Duration,
};

use expect_test::{Expect, expect};

use super::support::external;
use crate::load::{
    Arrival, Body, Cookies, EngineKind, Extent, ExternalError, LoadError, Metric, OnOverload, Pace,
    Script, Stage, Stat, Think, Threads, Threshold, Tls, Version, external::find,
};

const TOOLS: [EngineKind; 6] = [
    EngineKind::Wrk,
    EngineKind::Wrk2,
    EngineKind::K6,
    EngineKind::Hey,
    EngineKind::Oha,
    EngineKind::Bombardier,
];

fn some(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).expect("some")
}

/// A script of 64 connections; wrk2 has a rate as well.
fn script(kind: EngineKind) -> Script {
    let text = "schema = 1\nname = \"test\"\n[load]\nconnections = 64\nduration = \"10s\"\n\
                [[request]]\nname = \"first\"\npath = \"/a?b=c\"\n";
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("test.toml");
    fs::write(&path, text).expect("it is written");
    let mut script = Script::read(&path).expect("it is valid").remove(0);
    if kind == EngineKind::Wrk2 {
        script.pace = open(2_000.0, OnOverload::Queue);
    }
    script
}

fn open(rate: f64, on_overload: OnOverload) -> Pace {
    Pace::Open { rate, arrival: Arrival::Constant, max_in_flight: some(64), on_overload }
}

fn command(kind: EngineKind, script: &Script) -> Result<String, ExternalError> {
    let dir = tempfile::tempdir().expect("a directory");
    let addr = "127.0.0.1:8080".parse().expect("an address");
    let invocation = external(kind).command(script, addr, dir.path())?;
    Ok(invocation.shown().replace(&dir.path().display().to_string(), "DIR"))
}

#[track_caller]
fn check(change: impl Fn(&mut Script), expected: Expect) {
    let of = |kind: EngineKind| {
        let mut script = script(kind);
        change(&mut script);
        command(kind, &script).unwrap_or_else(|error| error.to_string())
    };
    let lines: Vec<String> = TOOLS.into_iter().map(of).collect();
    expected.assert_eq(&lines.join("\n"));
}

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
fn what_few_tools_can() {
    let time = Duration::from_millis(5);
    let think =
        Pace::Closed { connections: some(64), think: Think::Uniform { min: time, max: time } };
    check(
        |script| script.pace = think,
        expect![[r#"
        wrk -t 2 -c 64 -d 10s --timeout 2s --latency -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        wrk2 cannot express mode = "closed": it needs a rate: use wrk, or mode = "open"
        K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
        hey cannot express think: it does not wait: use wrk, k6 or the built-in engine
        oha cannot express think: it does not wait: use wrk, k6 or the built-in engine
        bombardier cannot express think: it does not wait: use wrk, k6 or the built-in engine"#]],
    );
    check(
        |script| script.http.cookies = Cookies::PerConnection,
        expect![[r#"
        wrk cannot express cookies: it keeps no cookies: use k6 or the built-in engine
        wrk2 cannot express cookies: it keeps no cookies: use k6 or the built-in engine
        K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
        hey cannot express cookies: it keeps no cookies: use k6 or the built-in engine
        oha cannot express cookies: it keeps no cookies: use k6 or the built-in engine
        bombardier cannot express cookies: it keeps no cookies: use k6 or the built-in engine"#]],
    );
    check(
        |script| script.http.unix = Some("/run/x.sock".into()),
        expect![[r#"
        wrk cannot express unix: it connects to addresses only: use oha or the built-in engine
        wrk2 cannot express unix: it connects to addresses only: use oha or the built-in engine
        k6 cannot express unix: it connects to addresses only: use oha or the built-in engine
        hey cannot express unix: it connects to addresses only: use oha or the built-in engine
        oha --no-tui --output-format json -c 64 -z 10000ms -m GET -t 2000ms --disable-compression --redirect 0 --unix-socket /run/x.sock 'http://127.0.0.1:8080/a?b=c'
        bombardier cannot express unix: it connects to addresses only: use oha or the built-in engine"#]],
    );
    check(
        |script| script.requests_per_connection = Some(some(1)),
        expect![[r#"
        wrk -t 2 -c 64 -d 10s --timeout 2s --latency -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        wrk2 -t 2 -c 64 -d 10s --timeout 2s --latency -R 2000 -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
        hey -c 64 -z 10000ms -m GET -t 2 -disable-compression -disable-redirects -disable-keepalive 'http://127.0.0.1:8080/a?b=c'
        oha --no-tui --output-format json -c 64 -z 10000ms -m GET -t 2000ms --disable-compression --redirect 0 --disable-keepalive 'http://127.0.0.1:8080/a?b=c'
        bombardier -p r -o j -l -c 64 -d 10000ms -m GET -t 2000ms -H 'Connection: close' 'http://127.0.0.1:8080/a?b=c'"#]],
    );
    check(
        |script| script.requests_per_connection = Some(some(7)),
        expect![[r#"
        wrk cannot express requests_per_connection: it closes a connection after each request or never: use 1, or the built-in engine
        wrk2 cannot express requests_per_connection: it closes a connection after each request or never: use 1, or the built-in engine
        k6 cannot express requests_per_connection: it closes a connection after each request or never: use 1, or the built-in engine
        hey cannot express requests_per_connection: it closes a connection after each request or never: use 1, or the built-in engine
        oha cannot express requests_per_connection: it closes a connection after each request or never: use 1, or the built-in engine
        bombardier cannot express requests_per_connection: it closes a connection after each request or never: use 1, or the built-in engine"#]],
    );
    check(
        |script| script.pipeline = some(4),
        expect![[r#"
        wrk -t 2 -c 64 -d 10s --timeout 2s --latency -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        wrk2 cannot express pipeline: its latencies would be those of whole batches: use wrk
        k6 cannot express pipeline: it waits for each response: use wrk or the built-in engine
        hey cannot express pipeline: it waits for each response: use wrk or the built-in engine
        oha cannot express pipeline: it waits for each response: use wrk or the built-in engine
        bombardier cannot express pipeline: it waits for each response: use wrk or the built-in engine"#]],
    );
    check(
        |script| script.requests[0].method = "HEAD".to_owned(),
        expect![[r#"
        wrk cannot express method = "HEAD": it waits for a body after HEAD: use hey, oha or k6
        wrk2 cannot express method = "HEAD": it waits for a body after HEAD: use hey, oha or k6
        K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
        hey -c 64 -z 10000ms -m HEAD -t 2 -disable-compression -disable-redirects 'http://127.0.0.1:8080/a?b=c'
        oha --no-tui --output-format json -c 64 -z 10000ms -m HEAD -t 2000ms --disable-compression --redirect 0 'http://127.0.0.1:8080/a?b=c'
        bombardier -p r -o j -l -c 64 -d 10000ms -m HEAD -t 2000ms 'http://127.0.0.1:8080/a?b=c'"#]],
    );
}

#[test]
fn expectations() {
    check(
        |script| script.requests[0].expect.status = vec![200, 404],
        expect![[r#"
        wrk -t 2 -c 64 -d 10s --timeout 2s --latency -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        wrk2 -t 2 -c 64 -d 10s --timeout 2s --latency -R 2000 -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
        hey -c 64 -z 10000ms -m GET -t 2 -disable-compression -disable-redirects 'http://127.0.0.1:8080/a?b=c'
        oha --no-tui --output-format json -c 64 -z 10000ms -m GET -t 2000ms --disable-compression --redirect 0 'http://127.0.0.1:8080/a?b=c'
        bombardier cannot express expect.status: it counts statuses by class, and only 2xx are good: expect those, or use hey or oha"#]],
    );
    let two = |script: &mut Script| {
        script.requests.push(script.requests[0].clone());
        script.requests[1].expect.status = vec![404];
    };
    check(
        two,
        expect![[r#"
        wrk cannot express expect.status: it does not tell the requests of a mix apart: expect the same of all
        wrk2 cannot express expect.status: it does not tell the requests of a mix apart: expect the same of all
        K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
        hey cannot express more than one [[request]]: it knows one request: use wrk, k6 or the built-in engine
        oha cannot express expect.status: it does not tell the requests of a mix apart: expect the same of all
        bombardier cannot express more than one [[request]]: it knows one request: use wrk, k6 or the built-in engine"#]],
    );
    check(
        |script| script.requests[0].expect.max_bytes = Some(1),
        expect![[r#"
        wrk -t 2 -c 64 -d 10s --timeout 2s --latency -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        wrk2 -t 2 -c 64 -d 10s --timeout 2s --latency -R 2000 -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
        hey cannot express expect.max_bytes: it does not look at bodies: use wrk, k6 or the built-in engine
        oha cannot express expect.max_bytes: it does not look at bodies: use wrk, k6 or the built-in engine
        bombardier cannot express expect.max_bytes: it does not look at bodies: use wrk, k6 or the built-in engine"#]],
    );
}

#[test]
fn thresholds_need_their_figure() {
    let on =
        |metric, abort_after| vec![Threshold { metric, min: None, max: Some(1.0), abort_after }];
    check(
        |script| script.thresholds = on(Metric::Latency(Stat::P99_9), None),
        expect![[r#"
        wrk -t 2 -c 64 -d 10s --timeout 2s --latency -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        wrk2 -t 2 -c 64 -d 10s --timeout 2s --latency -R 2000 -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
        hey cannot express a threshold on latency.p99_9: it does not report this figure
        oha --no-tui --output-format json -c 64 -z 10000ms -m GET -t 2000ms --disable-compression --redirect 0 'http://127.0.0.1:8080/a?b=c'
        bombardier cannot express a threshold on latency.p99_9: it does not report this figure"#]],
    );
    check(
        |script| script.thresholds = on(Metric::Service(Stat::P50), None),
        expect![[r#"
        wrk -t 2 -c 64 -d 10s --timeout 2s --latency -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        wrk2 cannot express a threshold on service.p50: its latencies count from the schedule on, not from the write
        K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
        hey -c 64 -z 10000ms -m GET -t 2 -disable-compression -disable-redirects 'http://127.0.0.1:8080/a?b=c'
        oha --no-tui --output-format json -c 64 -z 10000ms -m GET -t 2000ms --disable-compression --redirect 0 'http://127.0.0.1:8080/a?b=c'
        bombardier -p r -o j -l -c 64 -d 10000ms -m GET -t 2000ms 'http://127.0.0.1:8080/a?b=c'"#]],
    );
    let second = Some(Duration::from_secs(1));
    check(
        |script| script.thresholds = on(Metric::ErrorsRate, second),
        expect![[r#"
        wrk cannot express abort_after in a [[threshold]]: its figures come at its end: use the built-in engine
        wrk2 cannot express abort_after in a [[threshold]]: its figures come at its end: use the built-in engine
        k6 cannot express abort_after in a [[threshold]]: it delays the decision, which is not the same: leave it out
        hey cannot express abort_after in a [[threshold]]: its figures come at its end: use the built-in engine
        oha cannot express abort_after in a [[threshold]]: its figures come at its end: use the built-in engine
        bombardier cannot express abort_after in a [[threshold]]: its figures come at its end: use the built-in engine"#]],
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

/// A program that prints what it is told.
fn program(dir: &Path, name: &str, says: &str) {
    let path = dir.join(name);
    fs::write(&path, format!("#!/bin/sh\necho '{says}'\nexit 1\n")).expect("it is written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is allowed");
}

#[test]
fn tools_are_told_from_others_of_their_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let find = |kind: EngineKind| find::find_in(kind, dir.path().as_os_str());
    let missing = find(EngineKind::Wrk).expect_err("nothing is there").to_string();
    assert!(missing.contains("apt-get install wrk"), "{missing}");
    program(dir.path(), "wrk", "wrk 4.0.0 [epoll] -R, --rate <T>");
    let error = find(EngineKind::Wrk).expect_err("it is wrk2").to_string();
    assert!(error.contains("it is wrk2"), "{error}");
    assert_eq!(find(EngineKind::Wrk2).expect("it is").version.as_deref(), Some("4.0.0"));
    program(dir.path(), "wrk", "wrk debian/4.1.0-3+b2 [epoll] Copyright");
    let found = find(EngineKind::Wrk).expect("it is wrk");
    assert_eq!(found.version.as_deref(), Some("debian/4.1.0-3+b2"));
    assert!(matches!(find(EngineKind::Wrk2), Err(ExternalError::NotInstalled { .. })));
    program(dir.path(), "oha", "another program");
    let error = find(EngineKind::Oha).expect_err("it is not oha").to_string();
    assert!(error.contains("is not oha"), "{error}");
    program(dir.path(), "bombardier", "bombardier version v1.2.6 linux/amd64");
    assert_eq!(find(EngineKind::Bombardier).expect("it is").version.as_deref(), Some("1.2.6"));
    program(dir.path(), "k6", "");
    let error = find(EngineKind::K6).expect_err("it says nothing").to_string();
    assert!(error.contains("said nothing"), "{error}");
}
