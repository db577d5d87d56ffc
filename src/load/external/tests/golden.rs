//! Real output of wrk 4.1.0, k6 1.8.1, hey 0.1.4, oha 1.16.0 and bombardier 1.2.6.

use std::fs;

use expect_test::{Expect, expect};

use super::support::{context, parse, shown};
use crate::load::{EngineKind, external::invocation::Context};

#[track_caller]
fn check(case: &str, exit_code: i32, expected: Expect) {
    check_with(context(), case, exit_code, expected);
}

#[track_caller]
fn check_with(context: Context, case: &str, exit_code: i32, expected: Expect) {
    let path = format!("{}/tests/data/external/{case}.txt", env!("CARGO_MANIFEST_DIR"));
    let output = fs::read(path).expect("the recorded output");
    let kind = EngineKind::ALL
        .into_iter()
        .find(|kind| case.strip_prefix(kind.as_str()).is_some_and(|rest| rest.starts_with('-')));
    let reported = parse(kind.expect("a tool"), context, &output, Some(exit_code));
    expected.assert_eq(&shown(&reported.expect("it is complete")));
}

#[test]
fn wrk_while_its_server_ends() {
    check(
        "wrk-killed",
        0,
        expect![[r#"
        requests 146
        duration 1.091769 s
        requests/s 133.73
        bytes 7446
        kind Service
        latency_us.mean 659.1
        latency_us.stdev 1314.3
        latency_us.p50 47.1
        latency_us.p75 145.4
        latency_us.p90 2934.8
        latency_us.p95 4132.9
        latency_us.p99 5763.1
        latency_us.p99_9 5775.4
        latency_us.max 5775.4
        histogram of 146
        errors.connect 0
        errors.write 11857
        errors.read 4
        errors.timeout 0
        errors.status 0
    "#]],
    );
}

#[test]
fn wrk_without_a_response() {
    check(
        "wrk-never",
        0,
        expect![[r#"
        requests 0
        duration 2.030621 s
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
fn wrk_with_time_to_think() {
    check(
        "wrk-think",
        0,
        expect![[r#"
        requests 76
        duration 1.012068 s
        requests/s 75.09
        bytes 3876
        kind Service
        latency_us.mean 185.1
        latency_us.stdev 308.3
        latency_us.p50 144.4
        latency_us.p75 150.0
        latency_us.p90 186.4
        latency_us.p95 223.2
        latency_us.p99 2035.7
        latency_us.p99_9 2035.7
        latency_us.max 2035.7
        histogram of 76
        errors.connect 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 0
    "#]],
    );
}

#[test]
fn wrk_with_a_connection_for_each_request() {
    check(
        "wrk-churn",
        0,
        expect![[r#"
        requests 4072
        duration 1.009914 s
        requests/s 4032.03
        bytes 207672
        kind Service
        latency_us.mean 785.8
        latency_us.stdev 813.2
        latency_us.p50 611.3
        latency_us.p75 836.1
        latency_us.p90 1212.4
        latency_us.p95 2005.0
        latency_us.p99 4155.4
        latency_us.p99_9 8847.4
        latency_us.max 19857.4
        histogram of 4072
        errors.connect 0
        errors.write 0
        errors.read 4068
        errors.timeout 0
        errors.status 0
    "#]],
    );
}

#[test]
fn k6_as_it_should() {
    check(
        "k6-plain",
        0,
        expect![[r#"
        requests 6735
        duration 1.000291 s
        requests/s 6733.04
        bytes 343485
        kind Service
        latency_us.mean 537.8
        latency_us.p50 304.5
        latency_us.p75 591.5
        latency_us.p90 1072.4
        latency_us.p95 1532.0
        latency_us.p99 4102.3
        latency_us.p99_9 15338.3
        latency_us.max 41048.5
        errors.connect 0
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 0
        errors.check 0
        errors.other 0
        dropped 0
    "#]],
    );
}

#[test]
fn k6_while_nobody_listens() {
    check(
        "k6-refused",
        0,
        expect![[r#"
        requests 0
        duration 1.016888 s
        requests/s 0.00
        bytes 0
        kind Service
        errors.connect 1934
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 0
        errors.check 0
        errors.other 0
        dropped 0
    "#]],
    );
}

#[test]
fn k6_with_another_status() {
    check(
        "k6-missing",
        0,
        expect![[r#"
        requests 0
        duration 1.001994 s
        requests/s 0.00
        bytes 351967
        kind Service
        errors.connect 0
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 7183
        errors.check 0
        errors.other 0
        dropped 0
    "#]],
    );
}

#[test]
fn k6_while_its_server_ends() {
    check(
        "k6-killed",
        0,
        expect![[r#"
        requests 124
        duration 1.035272 s
        requests/s 119.78
        bytes 6324
        kind Service
        latency_us.mean 2807.9
        latency_us.p50 214.9
        latency_us.p75 382.7
        latency_us.p90 4565.6
        latency_us.p95 12306.4
        latency_us.p99 61693.6
        latency_us.p99_9 68066.1
        latency_us.max 68160.2
        errors.connect 1441
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 0
        errors.check 0
        errors.other 0
        dropped 0
    "#]],
    );
}

#[test]
fn k6_with_a_script_of_the_users_own() {
    check(
        "k6-own",
        99,
        expect![[r#"
        requests 0
        duration 0.038968 s
        requests/s 0.00
        bytes 1470
        kind Service
        errors.other 30
        dropped 0
        failed threshold http_req_failed: rate<0.01
    "#]],
    );
}

#[test]
fn k6_with_stages_and_thresholds() {
    check(
        "k6-stages",
        99,
        expect![[r#"
        requests 7148
        duration 1.229244 s
        requests/s 5814.96
        bytes 364548
        kind Service
        latency_us.mean 342.9
        latency_us.p50 169.5
        latency_us.p75 358.3
        latency_us.p90 709.0
        latency_us.p95 1064.0
        latency_us.p99 2738.0
        latency_us.p99_9 7995.6
        latency_us.max 29400.9
        errors.connect 0
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 0
        errors.check 0
        errors.other 0
        dropped 0
        failed threshold http_req_duration{expected_response:true}: p(99)<=0.000001
    "#]],
    );
}

#[test]
fn k6_in_its_new_shape() {
    check(
        "k6-listed",
        99,
        expect![[r#"
        requests 4308
        duration 1.005950 s
        requests/s 4282.52
        bytes 463049
        kind Service
        latency_us.mean 242.9
        latency_us.p50 126.0
        latency_us.p90 331.7
        latency_us.p95 604.8
        latency_us.max 23249.9
        errors.other 2153
        dropped 0
        failed threshold one that k6 does not name
    "#]],
    );
}

#[test]
fn hey_as_it_should() {
    check(
        "hey-plain",
        0,
        expect![[r#"
        requests 8227
        duration 1.001600 s
        requests/s 8213.86
        kind Service
        latency_us.mean 400.0
        latency_us.p50 100.0
        latency_us.p75 300.0
        latency_us.p90 900.0
        latency_us.p95 1600.0
        latency_us.p99 5100.0
        latency_us.max 30400.0
        errors.connect 0
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 0
        errors.other 0
        status 200: 8227
        note: hey's times are multiples of 100 µs
    "#]],
    );
}

#[test]
fn hey_while_its_server_ends() {
    check(
        "hey-killed",
        0,
        expect![[r#"
        requests 142
        duration 1.149600 s
        requests/s 123.52
        kind Service
        latency_us.mean 500.0
        latency_us.p50 100.0
        latency_us.p75 200.0
        latency_us.p90 1100.0
        latency_us.p95 1500.0
        latency_us.p99 10300.0
        latency_us.max 10300.0
        errors.connect 3263
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 0
        errors.other 0
        status 200: 142
        note: hey's times are multiples of 100 µs
    "#]],
    );
}

#[test]
fn hey_while_nobody_listens() {
    check(
        "hey-refused",
        0,
        expect![[r#"
        requests 0
        duration 1.009000 s
        requests/s 0.00
        kind Service
        errors.connect 6182
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 0
        errors.other 0
    "#]],
    );
}

#[test]
fn hey_with_another_status() {
    check(
        "hey-missing",
        0,
        expect![[r#"
        requests 0
        duration 1.000700 s
        requests/s 0.00
        kind Service
        latency_us.mean 200.0
        latency_us.p50 200.0
        latency_us.p75 300.0
        latency_us.p90 400.0
        latency_us.p95 500.0
        latency_us.p99 900.0
        latency_us.max 14600.0
        errors.connect 0
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 15747
        errors.other 0
        status 404: 15747
        note: hey's times are multiples of 100 µs
        note: the latencies are those of all responses, whatever their status
    "#]],
    );
}

#[test]
fn hey_without_a_response() {
    check(
        "hey-never",
        0,
        expect![[r#"
        requests 0
        duration 2.111000 s
        requests/s 0.00
        kind Service
        errors.connect 0
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 8
        errors.status 0
        errors.other 0
    "#]],
    );
}

#[test]
fn oha_as_it_should() {
    check(
        "oha-plain",
        0,
        expect![[r#"
        requests 22165
        duration 1.001621 s
        requests/s 22129.12
        kind Service
        latency_us.mean 171.3
        latency_us.p50 65.7
        latency_us.p75 148.6
        latency_us.p90 259.9
        latency_us.p95 392.0
        latency_us.p99 2203.3
        latency_us.p99_9 9891.1
        latency_us.max 44355.3
        errors.connect 0
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 0
        errors.other 0
        status 200: 22165
        note: 4 requests were under way at the end, and were given up
    "#]],
    );
}

#[test]
fn oha_while_its_server_ends() {
    check(
        "oha-killed",
        0,
        expect![[r#"
        requests 100
        duration 1.040292 s
        requests/s 96.13
        kind Service
        latency_us.mean 3080.4
        latency_us.p50 155.8
        latency_us.p75 352.3
        latency_us.p90 9102.1
        latency_us.p95 28424.9
        latency_us.p99 63103.9
        latency_us.p99_9 63103.9
        latency_us.max 63103.9
        errors.connect 11656
        errors.tls 0
        errors.write 0
        errors.read 2
        errors.timeout 0
        errors.status 0
        errors.other 0
        status 200: 100
        note: 4 requests were under way at the end, and were given up
    "#]],
    );
}

#[test]
fn oha_while_nobody_listens() {
    check(
        "oha-refused",
        0,
        expect![[r#"
        requests 0
        duration 1.008223 s
        requests/s 0.00
        kind Service
        errors.connect 5976
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 0
        errors.other 0
        note: 4 requests were under way at the end, and were given up
    "#]],
    );
}

#[test]
fn oha_with_another_status() {
    check(
        "oha-missing",
        0,
        expect![[r#"
        requests 0
        duration 1.018664 s
        requests/s 0.00
        kind Service
        latency_us.mean 105.3
        latency_us.p50 88.2
        latency_us.p75 113.4
        latency_us.p90 139.7
        latency_us.p95 151.0
        latency_us.p99 197.0
        latency_us.p99_9 2365.9
        latency_us.max 20563.6
        errors.connect 0
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 37499
        errors.other 0
        status 404: 37499
        note: 4 requests were under way at the end, and were given up
        note: the latencies are those of all responses, whatever their status
    "#]],
    );
}

#[test]
fn oha_with_a_rate() {
    let context = Context { corrected: true, ..context() };
    check_with(
        context,
        "oha-rate",
        0,
        expect![[r#"
        requests 200
        duration 2.001251 s
        requests/s 99.94
        kind Response
        latency_us.mean 458.0
        latency_us.p50 235.7
        latency_us.p75 295.3
        latency_us.p90 436.3
        latency_us.p95 1192.9
        latency_us.p99 4059.0
        latency_us.p99_9 19851.6
        latency_us.max 19851.6
        errors.connect 0
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 0
        errors.other 0
        status 200: 200
        note: 3 requests were under way at the end, and were given up
    "#]],
    );
}

#[test]
fn bombardier_as_it_should() {
    check(
        "bombardier-plain",
        0,
        expect![[r#"
        requests 29579
        duration 0.999799 s
        requests/s 29584.94
        bytes 1508529
        kind Service
        latency_us.mean 133.9
        latency_us.stdev 368.4
        latency_us.p50 87.0
        latency_us.p75 125.0
        latency_us.p90 205.0
        latency_us.p95 312.0
        latency_us.p99 792.0
        latency_us.max 17152.0
        errors.connect 0
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 0
        errors.other 0
        status 2xx: 29579
    "#]],
    );
}

#[test]
fn bombardier_while_its_server_ends() {
    check(
        "bombardier-killed",
        0,
        expect![[r#"
        requests 160
        duration 1.004642 s
        requests/s 159.26
        bytes 8160
        kind Service
        latency_us.mean 336.9
        latency_us.stdev 3000.9
        latency_us.p50 21.0
        latency_us.p75 58.0
        latency_us.p90 97.0
        latency_us.p95 139.0
        latency_us.p99 8582.0
        latency_us.max 84207.0
        errors.connect 11575
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 0
        errors.other 0
        status 2xx: 160
        note: bombardier's latencies include requests that failed
    "#]],
    );
}

#[test]
fn bombardier_while_nobody_listens() {
    check(
        "bombardier-refused",
        0,
        expect![[r#"
        requests 0
        duration 1.039830 s
        requests/s 0.00
        bytes 0
        kind Service
        errors.connect 11312
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 0
        errors.other 0
    "#]],
    );
}

#[test]
fn bombardier_with_another_status() {
    check(
        "bombardier-missing",
        0,
        expect![[r#"
        requests 0
        duration 0.989576 s
        requests/s 0.00
        bytes 672623
        kind Service
        latency_us.mean 286.2
        latency_us.stdev 1014.5
        latency_us.p50 90.0
        latency_us.p75 145.0
        latency_us.p90 322.0
        latency_us.p95 747.0
        latency_us.p99 5245.0
        latency_us.max 21887.0
        errors.connect 0
        errors.tls 0
        errors.write 0
        errors.read 0
        errors.timeout 0
        errors.status 13727
        errors.other 0
        status 4xx: 13727
        note: the latencies are those of all responses, whatever their status
    "#]],
    );
}
