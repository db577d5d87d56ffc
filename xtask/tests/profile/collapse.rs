//! The run that has half of its connections beyond the server's limit of descriptors: refused
//! before the load; and where it is asked for all the same, diagnosed and never headlined.

use std::fs;

use flameload::load::raise_nofile;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    case::{Outcome, read_record, run, tool},
    system::{alone, can_sample},
};
use crate::skip::skip;

/// What the server may open; more than half of the connections fit.
const OPEN_FILES: u64 = 1_024;
const CONNECTIONS: u64 = 2_000;

/// Runs the load with the check before it, or without.
fn profile(preflight: bool) -> (TempDir, Outcome) {
    let dir = tempfile::tempdir().expect("a folder");
    let script = format!(
        "schema = 1\nname = \"collapse\"\n[load]\nmode = \"closed\"\nconnections = {CONNECTIONS}\n\
         duration = \"1s\"\nwarmup = \"250ms\"\ntimeout = \"2s\"\n\
         [limits]\npreflight = {preflight}\n[[request]]\nname = \"hello\"\npath = \"/\"\n"
    );
    let path = dir.path().join("collapse.toml");
    fs::write(&path, script).expect("a script");
    let mut command = tool();
    command.args(["profile", "hyper", "--server-open-files", &OPEN_FILES.to_string(), "--script"]);
    command.arg(&path).arg("--out").arg(dir.path().join("runs"));
    let outcome = run(&mut command);
    (dir, outcome)
}

/// Whether this process may open as many files as the load needs. Where it may not, the test is
/// skipped.
fn can_connect() -> bool {
    let (_, limit) = raise_nofile().expect("raising to the hard limit is always allowed");
    if limit < CONNECTIONS + 200 {
        skip(format!("{CONNECTIONS} connections need more open files than the {limit} here"));
        return false;
    }
    true
}

#[test]
fn too_few_descriptors_in_the_server_are_refused_before_the_load() {
    if !can_sample() || !can_connect() {
        return;
    }
    let _alone = alone();
    let (dir, outcome) = profile(true);
    outcome.expect(
        3,
        &[
            "this load cannot work: the server has room for 1",
            " of 2000 connections, with a limit of 1024 open files and ",
            "raise it with `ulimit -n 20",
            "`preflight = false`",
        ],
    );
    assert_eq!(outcome.stdout, "");
    assert!(!dir.path().join("runs/hyper").read_dir().is_ok_and(|mut runs| runs.next().is_some()));
}

#[test]
fn too_few_descriptors_in_the_server_are_the_diagnosis_and_no_throughput_is_quoted() {
    if !can_sample() || !can_connect() {
        return;
    }
    let _alone = alone();
    let (dir, outcome) = profile(false);
    outcome.expect(3, &["not valid"]);
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    let diagnosis = lines.iter().find(|line| line.contains("DIAGNOSIS"));
    let diagnosis = diagnosis.unwrap_or_else(|| panic!("no diagnosis in {outcome:#?}"));
    assert!(diagnosis.contains("the server is at its limit of 1,024 open files"), "{diagnosis}");
    assert!(diagnosis.contains("of 2,000 connections were never served"), "{diagnosis}");
    assert!(diagnosis.contains("raise it with `ulimit -n`"), "{diagnosis}");
    assert!(!outcome.stdout.contains("requests/s"), "{}", outcome.stdout);
    let run = only_run(&dir);
    assert_eq!(run["load"]["valid"], false);
    assert!(run["diagnosis"].as_str().is_some_and(|text| diagnosis.contains(text)), "{run}");
    // Connections that hang longer than the run lasts have not failed in it; they are missing.
    let slices = run["slices"].as_array().expect("a list");
    let live = |slice: &Value| slice["live_connections"].as_u64().expect("a number");
    assert!(slices.iter().any(|slice| live(slice) < CONNECTIONS - 900), "{slices:?}");
}

/// The record of the only run that was kept.
#[track_caller]
fn only_run(dir: &TempDir) -> Value {
    let runs = dir.path().join("runs/hyper").read_dir().expect("runs");
    let runs: Vec<_> = runs.map(|entry| entry.expect("readable").path()).collect();
    let [run] = runs.as_slice() else { panic!("one run is kept, not {runs:?}") };
    read_record(run)
}
