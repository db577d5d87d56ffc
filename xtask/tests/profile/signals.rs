//! Ctrl-C, SIGTERM and SIGKILL in every phase. A terminal sends Ctrl-C to the tool alone: what it
//! starts is in process groups of its own.

use std::{
    fs,
    path::Path,
    process, thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use super::{
    case::{Case, Live, run},
    system::{alone, can_sample, eventually},
};

/// Interrupts the tool when a line of its progress begins with `phase`.
fn interrupt(case: &Case, phase: &str, signal: Signal) -> super::case::Outcome {
    // The phase that is interrupted goes on for long, however late the signal comes.
    let warmup = if phase == "warming up" { "60s" } else { "1s" };
    let mut live = Live::start(case.profile().args(["--duration", "60s", "--warmup", warmup]));
    live.wait_for(phase);
    live.signal(signal);
    live.outcome()
}

#[test]
fn ctrl_c_during_the_build_stops_it() {
    let build = r#"[build]
command = ["sh", "-c", "echo compiling; sleep 3600"]
binary = "none""#;
    let case = Case::with_build("none", u64::MAX, build);
    interrupt(&case, "building", Signal::INT).expect(130, &["interrupted"]);
    case.assert_clean();
    assert!(case.runs().is_empty());
}

#[test]
fn ctrl_c_while_the_server_starts_or_warms_up_keeps_nothing() {
    if !can_sample() {
        return;
    }
    let case = Case::faulty("none", u64::MAX);
    interrupt(&case, "warming up", Signal::INT)
        .expect(130, &["interrupted before anything was measured"]);
    case.assert_clean();
    assert!(case.runs().is_empty());
    let slow = Case::faulty("thinks", 0);
    let manifest = fs::read_to_string(slow.path("target.toml")).expect("a manifest");
    fs::write(slow.path("target.toml"), manifest.replace("\"1s\"", "\"1h\"")).expect("a file");
    interrupt(&slow, "starting", Signal::INT).expect(130, &["interrupted"]);
    slow.assert_clean();
    assert!(slow.runs().is_empty());
}

#[test]
fn an_interrupted_measurement_is_kept_and_says_so() {
    if !can_sample() {
        return;
    }
    for signal in [Signal::INT, Signal::TERM] {
        let _alone = alone();
        let case = Case::faulty("none", u64::MAX);
        let outcome = interrupt(&case, "measuring", signal);
        outcome.expect(130, &["interrupted: what was measured until then is kept"]);
        assert!(outcome.stdout.contains("INTERRUPTED"), "{outcome:#?}");
        case.assert_clean();
        let (directory, record) = case.kept();
        assert_eq!(record["status"], "interrupted");
        assert!(directory.join("cpu.svg").is_file());
    }
}

/// The profile of a slice that has ended is waited for: eleven seconds, unless the user gives up.
#[test]
fn ctrl_c_does_not_wait_for_a_profile_that_does_not_come() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let case = Case::faulty("stuck-profile", u64::MAX);
    let profile = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/pprof/go.pb.gz");
    let manifest = fs::read_to_string(case.path("target.toml")).expect("a manifest");
    let env = format!("env.PROFILE = '{}'\n", profile.display());
    fs::write(case.path("target.toml"), manifest + &env).expect("a file");
    let mut live = Live::start(case.profile().args(["--backend", "pprof", "--duration", "4s"]));
    live.wait_for("measuring");
    // A second without samples, a second with them, and what it takes to begin.
    thread::sleep(Duration::from_millis(3500));
    let began = Instant::now();
    live.signal(Signal::INT);
    let outcome = live.outcome();
    let took = began.elapsed();
    outcome.expect(130, &["interrupted: what was measured until then is kept"]);
    assert!(took < Duration::from_secs(5), "{took:?}: {outcome:#?}");
    let (_, record) = case.kept();
    assert_eq!(record["status"], "interrupted");
    case.assert_clean();
}

/// Ctrl-Z, a debugger, a laptop that is closed: nothing of it is the server's fault.
#[test]
fn a_tool_that_stood_still_does_not_blame_the_server() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let case = Case::faulty("none", u64::MAX);
    let script = fs::read_to_string(case.path("short.toml")).expect("a script");
    let mut lines: Vec<String> = script.lines().map(str::to_owned).collect();
    for line in lines.iter_mut().filter(|line| line.starts_with("timeout")) {
        *line = "timeout = \"2s\"".to_owned();
    }
    fs::write(case.path("short.toml"), lines.join("\n")).expect("a file");
    let mut live = Live::start(case.profile().args(["--duration", "8s"]));
    live.wait_for("measuring");
    live.signal(Signal::STOP);
    // Longer than the timeout.
    thread::sleep(Duration::from_secs(3));
    live.signal(Signal::CONT);
    let outcome = live.outcome();
    outcome.expect(0, &[]);
    assert!(outcome.stdout.contains("flameload itself stood still for "), "{outcome:#?}");
    let (_, record) = case.kept();
    assert_eq!(record["load"]["errors"]["timeout"], 0, "{record}");
    assert_eq!(record["load"]["valid"], true, "{record}");
}

#[test]
fn a_second_ctrl_c_does_not_wait() {
    if !can_sample() {
        return;
    }
    let case = Case::faulty("hangs", 2000);
    let script = fs::read_to_string(case.path("short.toml")).expect("a script");
    // The first one waits for responses in flight, here for an hour.
    fs::write(case.path("short.toml"), script.replace("300ms", "1h")).expect("a file");
    let mut live = Live::start(case.profile().args(["--warmup", "60s"]));
    live.wait_for("warming up");
    live.signal(Signal::INT);
    live.signal(Signal::INT);
    // Two at once may come as one; whichever it was, another ends it.
    eventually("it ends, long before the hour is over", || {
        let has_ended = live.has_ended();
        if !has_ended {
            live.signal(Signal::INT);
        }
        has_ended
    });
    assert_eq!(live.outcome().code, Some(130));
    case.assert_clean();
    assert!(case.runs().is_empty());
}

#[test]
fn killing_the_tool_takes_the_server_along_and_the_next_run_tidies_up() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let case = Case::faulty("none", u64::MAX);
    let outcome = interrupt(&case, "measuring", Signal::KILL);
    assert_eq!(outcome.code, None);
    case.assert_clean();
    assert!(case.runs().is_empty());
    // As if it had been killed while it wrote: by a process that lives no more.
    let mut dead = process::Command::new("true").spawn().expect("a process");
    dead.wait().expect("it ends");
    let half = case.store().join("faulty").join(format!(".writing-{}-x", dead.id()));
    fs::create_dir_all(&half).expect("a directory");
    fs::write(half.join("run.json"), "{").expect("a file");
    run(&mut case.profile()).expect(0, &["writing the run"]);
    case.assert_clean();
    assert!(!half.exists());
    assert_eq!(case.runs().len(), 1);
}
