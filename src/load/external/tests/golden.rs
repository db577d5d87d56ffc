//! Real output of wrk 4.1.0, k6 1.8.1, hey 0.1.4, oha 1.16.0 and bombardier 1.2.6, with the figures
//! that are made of it beside it, in `tests/data/external/`.

use std::fs;

use expect_test::expect_file;

use super::support::{context, parse, shown};
use crate::load::{EngineKind, external::invocation::Context};

#[track_caller]
fn check(case: &str, exit_code: i32) {
    check_with(context(), case, exit_code);
}

#[track_caller]
fn check_with(context: Context, case: &str, exit_code: i32) {
    let path = format!("{}/tests/data/external/{case}", env!("CARGO_MANIFEST_DIR"));
    let output = fs::read(format!("{path}.txt")).expect("the recorded output");
    let kind = EngineKind::ALL
        .into_iter()
        .find(|kind| case.strip_prefix(kind.as_str()).is_some_and(|rest| rest.starts_with('-')));
    let reported = parse(kind.expect("a tool"), context, &output, Some(exit_code));
    expect_file![format!("{path}.figures")].assert_eq(&shown(&reported.expect("it is complete")));
}

#[test]
fn wrk_while_its_server_ends() {
    check("wrk-killed", 0);
}

#[test]
fn wrk_without_a_response() {
    check("wrk-never", 0);
}

#[test]
fn wrk_with_time_to_think() {
    check("wrk-think", 0);
}

#[test]
fn wrk_with_a_connection_for_each_request() {
    check("wrk-churn", 0);
}

#[test]
fn k6_as_it_should() {
    check("k6-plain", 0);
}

#[test]
fn k6_while_nobody_listens() {
    check("k6-refused", 0);
}

#[test]
fn k6_with_another_status() {
    check("k6-missing", 0);
}

#[test]
fn k6_while_its_server_ends() {
    check("k6-killed", 0);
}

#[test]
fn k6_with_a_script_of_the_users_own() {
    check("k6-own", 99);
}

#[test]
fn k6_with_stages_and_thresholds() {
    check("k6-stages", 99);
}

#[test]
fn k6_in_its_new_shape() {
    check("k6-listed", 99);
}

#[test]
fn hey_as_it_should() {
    check("hey-plain", 0);
}

#[test]
fn hey_while_its_server_ends() {
    check("hey-killed", 0);
}

#[test]
fn hey_while_nobody_listens() {
    check("hey-refused", 0);
}

#[test]
fn hey_with_another_status() {
    check("hey-missing", 0);
}

#[test]
fn hey_without_a_response() {
    check("hey-never", 0);
}

#[test]
fn oha_as_it_should() {
    check("oha-plain", 0);
}

#[test]
fn oha_while_its_server_ends() {
    check("oha-killed", 0);
}

#[test]
fn oha_while_nobody_listens() {
    check("oha-refused", 0);
}

#[test]
fn oha_with_another_status() {
    check("oha-missing", 0);
}

#[test]
fn oha_with_a_rate() {
    check_with(Context { corrected: true, ..context() }, "oha-rate", 0);
}

#[test]
fn bombardier_as_it_should() {
    check("bombardier-plain", 0);
}

#[test]
fn bombardier_while_its_server_ends() {
    check("bombardier-killed", 0);
}

#[test]
fn bombardier_while_nobody_listens() {
    check("bombardier-refused", 0);
}

#[test]
fn bombardier_with_another_status() {
    check("bombardier-missing", 0);
}
