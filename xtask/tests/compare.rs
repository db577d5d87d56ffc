//! `xtask compare` as its users meet it: the real binary on runs that were kept.

use std::process::{Command, Output};

use flameload::{
    record::{ProfileFacts, Run, SliceFacts, Store, TargetFacts, UtcTime},
    symbolize::{Frame, FrameId, FrameKind, Profile, Sample, Stack, StackId, Thread, ThreadId},
    unit::{Hertz, Nanos, Samples},
};
use serde_json::Value;
use tempfile::TempDir;

/// A run in which `parse` costs so much and `render` 6 µs of each request.
fn keep(store: &TempDir, parse: f64) -> String {
    keep_at(store, parse, &UtcTime::now().to_string())
}

fn keep_at(store: &TempDir, parse: f64, time: &str) -> String {
    let us = parse + 6.0;
    let target = TargetFacts { name: "made-up".to_owned(), ..TargetFacts::default() };
    let mut run = Run::new(time.parse().expect("a time"), String::new(), target);
    run.load.valid = true;
    run.server.cpu_us_per_request = Some(us);
    run.slices = (0..12).map(|index| slice(index, us)).collect();
    run.profile = Some(ProfileFacts { samples: 1, coverage: Some(1.0), ..ProfileFacts::default() });
    let id = run.id.to_string();
    Store::new(store.path()).write(&run, Some(&profile(parse))).expect("it can be kept");
    id
}

fn slice(index: u32, us: f64) -> SliceFacts {
    SliceFacts {
        index,
        duration_s: 0.25,
        requests: 10_000,
        server_cpu_us_per_request: Some(us * (1.0 + 0.001 * f64::from(index % 4))),
        valid: true,
        ..SliceFacts::default()
    }
}

fn profile(parse: f64) -> Profile {
    let frame = |name: &str| Frame {
        name: name.to_owned(),
        module: None,
        file: None,
        line: None,
        kind: FrameKind::User,
    };
    let sample = |frame: u32, weight: f64| Sample {
        time: Nanos(0),
        thread: ThreadId(0),
        stack: StackId(frame),
        weight: Samples(weight as u64),
        tag: 0,
    };
    let stack = |frame| Stack { parent: None, frame: FrameId(frame) };
    Profile {
        title: "made up".to_owned(),
        hz: Hertz(997),
        started: Nanos(0),
        duration: Nanos(1),
        frames: ["parse", "render"].map(frame).into(),
        stacks: vec![stack(0), stack(1)],
        threads: vec![Thread { pid: 1, tid: 1, of: None, process: "a".into(), name: "a".into() }],
        samples: vec![sample(0, parse * 1e3), sample(1, 6e3)],
    }
}

#[track_caller]
fn compare(store: &TempDir, arguments: &[&str], code: i32) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("compare").args(arguments).arg("--out").arg(store.path());
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    let text = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(code), "{text}");
    text
}

#[test]
fn runs_are_compared_and_the_exit_code_says_so_where_asked() {
    let store = tempfile::tempdir().expect("a folder");
    let (a, b) = (keep(&store, 4.0), keep(&store, 16.0));
    let text = compare(&store, &[&a, &b], 0);
    for part in ["drift is in it", "REGRESSED", "CPU/request", "10.00 µs", "22.00 µs", "+12.000"]
    {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    let page = text.lines().find_map(|line| line.trim().strip_prefix("page ")).map(str::trim);
    let page = std::fs::read_to_string(page.expect("it says where")).expect("it is kept");
    assert!(page.contains("+12.000") && page.contains("data-view=\"difference\""), "{page}");
    compare(&store, &[&a, &b, "--fail"], 1);
    compare(&store, &[&b, &a, "--fail"], 0);
    // It cannot be told whether a run differs from one like it.
    compare(&store, &[&a, &a, "--fail"], 4);
    assert!(compare(&store, &[&a, &a], 0).contains("is on both sides"));
}

#[test]
fn json_and_markdown_are_for_programs_and_pull_requests() {
    let store = tempfile::tempdir().expect("a folder");
    let (a, b) = (keep(&store, 4.0), keep(&store, 16.0));
    let json = compare(&store, &[&a, &b, "--json", "--tolerance", "3%"], 0);
    let json: Value = serde_json::from_str(&json).expect("it is one line of JSON");
    assert_eq!(json["schema"], 1);
    assert_eq!(json["verdict"], "regressed");
    assert_eq!(json["metrics"][0]["metric"], "cpu_us_per_request");
    assert!((json["metrics"][0]["tolerance"].as_f64().expect("a number") - 0.03).abs() < 1e-12);
    assert_eq!(json["frames"]["functions"][0]["name"], "parse");
    assert_eq!(json["frames"]["waterfall"]["change_us"], 12.0);
    let markdown = compare(&store, &[&a, &b, "--markdown"], 0);
    assert!(markdown.starts_with("### CPU/request: slower by 120.0 %"), "{markdown}");
    assert!(markdown.contains("/diff.svg>)"), "{markdown}");
}

#[test]
fn nothing_is_kept_where_nobody_wants_it() {
    let store = tempfile::tempdir().expect("a folder");
    let (a, b) = (keep(&store, 4.0), keep(&store, 16.0));
    let kept = || std::fs::read_dir(store.path().join("compare")).map_or(0, Iterator::count);
    let text = compare(&store, &[&a, &b, "--no-keep"], 0);
    assert!(text.contains("REGRESSED") && !text.contains("index.html"), "{text}");
    let markdown = compare(&store, &[&a, &b, "--no-keep", "--markdown"], 0);
    assert!(!markdown.contains("diff.svg"), "{markdown}");
    assert_eq!(kept(), 0);
    compare(&store, &[&a, &b, "--json"], 0);
    assert_eq!(kept(), 1);
    // The runs are found as before.
    compare(&store, &[&a, "made-up/latest", "--no-keep"], 0);
}

#[test]
fn several_runs_of_a_side_are_replicates() {
    let store = tempfile::tempdir().expect("a folder");
    // A second apart, in this order.
    let [a, b, b_again, a_again] = [(4.0, 1), (5.0, 2), (5.1, 3), (4.1, 4)]
        .map(|(parse, second)| keep_at(&store, parse, &format!("2026-11-21T22:33:0{second}Z")));
    let (a, b) = (format!("{a},{a_again}"), format!("{b},{b_again}"));
    let text = compare(&store, &[&a, &b, "--fail"], 1);
    assert!(text.contains("2 processes") && !text.contains("assumed"), "{text}");
}

#[test]
fn what_is_typed_wrongly_says_what_would_be_right() {
    let store = tempfile::tempdir().expect("a folder");
    let a = keep(&store, 4.0);
    assert!(compare(&store, &[&a, "nonsense"], 2).contains("there is no run 'nonsense'"));
    assert!(compare(&store, &[&a, &a, "--tolerance", "3"], 2).contains("such as 3%"));
    assert!(compare(&store, &[&format!("{a},{a}"), &a], 2).contains("twice"));
}
