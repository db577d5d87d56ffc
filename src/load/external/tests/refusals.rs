//! What few tools can do, and what the others say of it.

use std::time::Duration;

use expect_test::expect;

use super::scripts::{check, some};
use crate::load::{Cookies, Metric, Pace, Script, Stat, Think, Threshold};

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
