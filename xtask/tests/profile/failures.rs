//! Servers that do not build, start, answer or last: a clear error, 3, nothing left running.

use std::net::TcpListener;

use rustix::process::Signal;
use serde_json::Value;

use super::{
    case::{Case, Live, Outcome, run},
    system::{alone, can_sample},
};

/// Fails before anything is measured: nothing is kept.
#[track_caller]
fn fails(case: &Case, arguments: &[&str], texts: &[&str]) -> Outcome {
    let outcome = run(case.profile().args(arguments));
    outcome.expect(3, texts);
    case.assert_clean();
    assert_eq!(case.runs(), Vec::<std::path::PathBuf>::new());
    assert_eq!(outcome.stdout, "");
    outcome
}

#[test]
fn a_build_that_fails_shows_what_the_compiler_said() {
    let build = r#"[build]
command = ["sh", "-c", "echo 'error: expected one of `;` or `}`' >&2; exit 101"]
binary = "none""#;
    let case = Case::with_build("none", u64::MAX, build);
    fails(&case, &[], &["the build failed", "exit status 101", "error: expected one of `;`"]);
}

#[test]
fn a_taken_port_names_its_holder() {
    // The port is looked at once the server could be sampled.
    if !can_sample() {
        return;
    }
    let case = Case::faulty("none", u64::MAX);
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = holder.local_addr().expect("its address").port().to_string();
    fails(&case, &["--port", &port], &[&format!("port {port} is taken"), "--port"]);
}

#[test]
fn a_server_that_exits_at_once_shows_its_last_words() {
    if can_sample() {
        let case = Case::faulty("exits", 0);
        fails(&case, &[], &["exit status 7", "cannot open the database"]);
    }
}

#[test]
fn a_server_that_is_never_ready_is_given_up() {
    if can_sample() {
        let case = Case::faulty("thinks", 0);
        fails(&case, &[], &["not ready within 1s", "still thinking", "raise `timeout`"]);
    }
}

#[test]
fn an_unexpected_status_ends_it_before_the_load() {
    if can_sample() {
        let case = Case::faulty("status", 0);
        fails(&case, &[], &["GET / is answered with status 500", "'short'", "--script"]);
    }
}

/// It broke off in the middle: what was measured is kept, whole, and says so.
#[track_caller]
fn broke_off(case: &Case, outcome: &Outcome, texts: &[&str]) -> Value {
    outcome.expect(3, texts);
    case.assert_clean();
    let (directory, record) = case.kept();
    for file in ["cpu.svg", "cpu.folded", "profile.json.gz"] {
        assert!(directory.join(file).is_file(), "{file}");
    }
    assert_eq!(record["status"], "failed");
    let printed: Value = serde_json::from_str(&outcome.stdout).expect("one line of JSON");
    assert_eq!(printed, record);
    record
}

#[test]
fn a_server_that_dies_under_load_leaves_its_status_and_last_words() {
    if can_sample() {
        let _alone = alone();
        let case = Case::faulty("none", u64::MAX);
        let mut live = Live::start(case.profile().args(["--duration", "60s", "--json"]));
        live.wait_for("measuring");
        case.signal_server(Signal::ABORT);
        let outcome = live.outcome();
        let record = broke_off(&case, &outcome, &["SIGABRT", "serving", "marked as failed"]);
        assert!(record["reason"].as_str().is_some_and(|reason| reason.contains("SIGABRT")));
    }
}

#[test]
fn a_server_that_stops_answering_is_not_waited_for() {
    if can_sample() {
        let _alone = alone();
        let case = Case::faulty("hangs", 4000);
        let outcome = run(case.profile().args(["--duration", "60s", "--json"]));
        let record = broke_off(&case, &outcome, &["stopped answering", "marked as failed"]);
        assert!(record["load"]["errors"]["timeout"].as_u64() > Some(0), "{record}");
    }
}

#[test]
fn errors_under_load_are_never_a_headline() {
    if can_sample() {
        let _alone = alone();
        let case = Case::faulty("status", 4000);
        let outcome = run(case.profile().args(["--duration", "60s", "--json"]));
        let record = broke_off(&case, &outcome, &["collapse", "status 500", "marked as failed"]);
        assert_eq!(record["load"]["valid"], false);
        assert!(record["load"]["errors"]["status"].as_u64() > Some(0), "{record}");
        assert_eq!(record["load"]["errors"]["detail"][0]["cause"], "status 500");
        assert!(record["diagnosis"].as_str().is_some_and(|line| line.contains("status 500")));
        let (directory, _) = case.kept();
        let svg = std::fs::read_to_string(directory.join("cpu.svg")).expect("a picture");
        assert!(svg.contains("NOT VALID") && !svg.contains(" requests/s<"), "{svg}");
    }
}
