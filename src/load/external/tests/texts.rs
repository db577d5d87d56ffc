//! Text of wrk and wrk2, and what tools say in rare cases.
//!
//! wrk2 is in no package and was not there to be run: its texts are composed from the format that
//! its source prints, not recorded.

use expect_test::{Expect, expect};

use super::support::{context, parse, shown};
use crate::{
    load::{EngineKind, ExternalError, external::invocation::Context},
    unit::Nanos,
};

#[track_caller]
fn check(kind: EngineKind, output: &str, expected: Expect) {
    let text = match parse(kind, context(), output.as_bytes(), Some(0)) {
        Ok(reported) => shown(&reported),
        Err(error) => error.to_string(),
    };
    expected.assert_eq(&text);
}

const WRK: &str = "\
Running 2m test @ http://127.0.0.1:8080/
  12 threads and 400 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   635.91us    0.89ms   1.50m    93.69%
    Req/Sec    56.20k     8.07k   62.00k    86.54%
  Latency Distribution
     50%  250.00us
     75%    0.85ms
     90%    1.00s
     99%  999.99ms
  22464657 requests in 120.00s, 17.76GB read
  Socket errors: connect 1, read 2, write -3, timeout 4
  Non-2xx or 3xx responses: 12
Requests/sec: 748868.53
Transfer/sec:    606.33MB
";

#[test]
fn wrk_without_our_line() {
    check(
        EngineKind::Wrk,
        WRK,
        expect![[r#"
        requests 22464641
        duration 120.000000 s
        requests/s 187205.34
        bytes 19069654794
        kind Service
        latency_us.mean 635.9
        latency_us.stdev 890.0
        latency_us.p50 250.0
        latency_us.p75 850.0
        latency_us.p90 1000000.0
        latency_us.p99 999990.0
        latency_us.max 90000000.0
        errors.connect 1
        errors.read 2
        errors.timeout 4
        errors.status 12
        note: wrk's latencies include some that it did not observe but estimated
        note: the latencies are those of all responses, whatever their status
    "#]],
    );
}

#[test]
fn wrk_without_a_response() {
    let text = "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n\
                \x20   Latency     0.00us    0.00us   0.00us    -nan%\n\
                \x20 Latency Distribution\n     50%    0.00us\n\
                \x20 0 requests in 1.03s, 0.00B read\nRequests/sec:      0.00\n\
                Transfer/sec:       0.00B\n";
    check(
        EngineKind::Wrk,
        text,
        expect![[r#"
        requests 0
        duration 1.030000 s
        requests/s 0.00
        bytes 0
        kind Service
        errors.connect 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 0
        note: no response came, and wrk does not count requests that are never answered
    "#]],
    );
}

#[test]
fn wrk_with_nothing_of_use() {
    check(
        EngineKind::Wrk,
        "",
        expect!["cannot read the output of wrk: there is no line `... requests in ...`"],
    );
    check(
        EngineKind::Wrk,
        &WRK[..WRK.len() - 30],
        expect!["cannot read the output of wrk: its last line is missing"],
    );
    check(
        EngineKind::Wrk,
        "flameload {\"requests\":1}\n",
        expect![
            "cannot read the output of wrk: the line of figures: missing field `duration_us` at line 1 column 14"
        ],
    );
}

const WRK2: &str = "\
Running 30s test @ http://127.0.0.1:8080/
  2 threads and 100 connections
  Thread calibration: mean lat.: 10.087ms, rate sampling interval: 22ms
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     6.60ms    1.92ms  12.50ms   68.46%
    Req/Sec     1.04k     1.08k    2.50k    72.79%
  Latency Distribution (HdrHistogram - Recorded Latency)
 50.000%    6.67ms
 75.000%    7.78ms
 90.000%    9.14ms
 99.000%   11.18ms
 99.900%   12.30ms
 99.990%   12.45ms
100.000%   12.50ms

  Detailed Percentile spectrum:
       Value   Percentile   TotalCount 1/(1-Percentile)

       0.921     0.000000            1         1.00
       6.671     0.500000        19890         2.00
#[Mean    =        6.602, StdDeviation   =        1.919]
#[Max     =       12.496, Total count    =        39500]
#[Buckets =           27, SubBuckets     =         2048]
----------------------------------------------------------

  Latency Distribution (HdrHistogram - Uncorrected Latency (measured without taking delayed starts into account))
 50.000%    1.11ms
  Detailed Percentile spectrum:
----------------------------------------------------------
  60018 requests in 30.00s, 19.81MB read
Requests/sec:   2000.28
Transfer/sec:    676.18KB
";

#[test]
fn wrk2_as_its_source_prints() {
    check(
        EngineKind::Wrk2,
        WRK2,
        expect![[r#"
            requests 60018
            duration 30.000000 s
            requests/s 2000.60
            bytes 20772290
            kind Response
            latency_us.mean 6600.0
            latency_us.stdev 1920.0
            latency_us.p50 6670.0
            latency_us.p75 7780.0
            latency_us.p90 9140.0
            latency_us.p99 11180.0
            latency_us.p99_9 12300.0
            latency_us.max 12500.0
            errors.connect 0
            errors.write 0
            errors.read 0
            errors.timeout 0
            errors.status 0
        "#]],
    );
}

#[test]
fn wrk2_with_our_line() {
    let line = "flameload {\"duration_us\":30001234.000,\"requests\":60018.000,\"bytes\":20770000.000,\
                \"connect\":0.000,\"read\":0.000,\"write\":0.000,\"timeout\":3.000,\"status\":1.000,\
                \"failed_status\":null,\"failed_body\":null,\"mean\":6602.000,\"stdev\":1919.000,\
                \"max\":12496.000,\"percentiles\":{\"50\":6671.000,\"99.9\":12300.000},\
                \"buckets\":null}\n";
    let context = Context { corrected: true, ..context() };
    let reported = parse(EngineKind::Wrk2, context, [WRK2, line].concat().as_bytes(), Some(0));
    expect![[r#"
        requests 60014
        duration 30.001234 s
        requests/s 2000.38
        bytes 20770000
        kind Response
        latency_us.mean 6602.0
        latency_us.stdev 1919.0
        latency_us.p50 6671.0
        latency_us.p99_9 12300.0
        latency_us.max 12496.0
        errors.connect 0
        errors.write 0
        errors.read 0
        errors.timeout 3
        errors.status 1
        note: the latencies are those of all responses, whatever their status
    "#]]
    .assert_eq(&shown(&reported.expect("it is complete")));
}

/// Above a million responses, hey's statuses and its mean stand still.
fn hey(statuses: &str) -> String {
    format!(
        "Summary:\n  Total:\t100.0000 secs\n  Slowest:\t0.5000 secs\n  Average:\t0.0300 secs\n  \
         Requests/sec:\t30000.0000\n\nLatency distribution:\n  0% in 0.0000 secs\n  \
         50% in 0.0001 secs\n\nStatus code distribution:\n{statuses}\n\
         Error distribution:\n  [5]\tGet \"http://127.0.0.1/%!d(MISSING)\": EOF\n"
    )
}

#[test]
fn hey_with_more_than_it_keeps() {
    check(
        EngineKind::Hey,
        &hey("  [200]\t1000000 responses"),
        expect![[r#"
        requests 2999995
        duration 100.000000 s
        requests/s 29999.95
        kind Service
        latency_us.p50 100.0
        latency_us.max 500000.0
        errors.connect 0
        errors.tls 0
        errors.write 0
        errors.read 5
        errors.timeout 0
        errors.status 0
        errors.other 0
        note: hey keeps a million responses: its latencies are those of the first million, and requests were computed from its rate
        note: hey's times are multiples of 100 µs
    "#]],
    );
    let mixed = hey("  [200]\t999000 responses\n  [500]\t1000 responses");
    check(
        EngineKind::Hey,
        &mixed,
        expect![
            "cannot read the output of hey: it counts the statuses of a million responses only, and not all of them were good: ask for fewer requests"
        ],
    );
}

#[test]
fn codes_of_k6_say_what_failed() {
    let summary = "{\"metrics\":{\"http_reqs\":{\"count\":1,\"rate\":1},\
                   \"http_req_failed\":{\"passes\":0,\"fails\":1}}}\n";
    for (code, words) in
        [(104, "configuration"), (105, "interrupted"), (107, "exception"), (110, "")]
    {
        let failed = parse(EngineKind::K6, context(), summary.as_bytes(), Some(code));
        let error = failed.expect_err("it failed");
        assert!(matches!(error, ExternalError::Failed { exit: Some(_), .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let crossed = parse(EngineKind::K6, context(), summary.as_bytes(), Some(99)).expect("it ran");
    assert_eq!(crossed.thresholds_failed, ["one that k6 does not name"]);
    assert_eq!((crossed.requests, crossed.duration), (1, Some(Nanos(1_000_000_000))));
}

#[test]
fn a_tool_that_a_signal_ended_has_no_figures() {
    let killed = parse(EngineKind::Wrk, context(), WRK.as_bytes(), None).expect_err("it failed");
    assert!(killed.to_string().contains("signal"), "{killed}");
}
