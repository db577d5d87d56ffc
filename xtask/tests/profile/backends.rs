//! Backends other than the kernel's events, on programs that know what they spend their time on.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use super::{
    case::{Case, run},
    system::{alone, can_sample, can_take_perf_events_away, known_go, without_perf_events},
};
use crate::{
    measured::{Measured, holds, repeated},
    skip::skip,
};

fn go() -> Option<Case> {
    Some(Case::working(known_go()?, &["serve", "{port}"]))
}

/// The weight of the stacks that go through these frames, each calling the next.
fn weight(folded: &str, frames: &str) -> f64 {
    let stacks = folded.lines().filter_map(|line| line.rsplit_once(' '));
    let through = stacks.filter(|(stack, _)| format!(";{stack};").contains(&format!(";{frames};")));
    through.map(|(_, weight)| weight.parse::<f64>().expect("a number")).sum()
}

fn text(directory: &Path, file: &str) -> String {
    fs::read_to_string(directory.join(file)).expect("a text")
}

/// What a Go server says of itself is what it does.
fn check_go_profile(record: &Value, profile: &Value, folded: &str) -> Measured {
    let figure = |name: &str| profile[name].as_f64().unwrap_or_else(|| panic!("{profile}"));
    assert_eq!((&profile["backend"], &profile["hz_requested"]), (&"pprof".into(), &100.into()));
    assert_eq!(profile["missing"], serde_json::json!(["kernel frames"]));
    let exact = &record["server"]["cpu_us_per_request"];
    assert_eq!(&profile["sampled_us_per_request"], exact, "kernel time is in it");
    holds(figure("samples") >= 60.0, format_args!("{profile}"))?;
    // Its timers are coarse, and those of a busy machine late.
    holds((0.5..=1.3).contains(&figure("coverage")), format_args!("{profile}"))?;
    let work = "net/http.HandlerFunc.ServeHTTP;main.serve.func1;main.work";
    let alpha = weight(folded, &format!("{work};main.callerOfAlpha;main.alpha"));
    let inlined = weight(folded, &format!("{work};main.beta;main.inlined"));
    let system = weight(folded, &format!("{work};main.system"));
    let all = weight(folded, "net/http.(*conn).serve");
    let shares = format!("alpha {alpha}, inlined {inlined}, system {system} of {all}\n{folded}");
    holds((1.2..3.4).contains(&(alpha / inlined)), &shares)?;
    holds(system > 0.0 && (alpha + inlined + system) / all > 0.8, &shares)
}

/// A server in Python that knows what it spends its time on.
const KNOWN_PYTHON: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/programs/known-python/server.py");

/// The weight of the stacks that end in these functions of the server, whatever their lines.
fn python_weight(folded: &str, functions: &str) -> f64 {
    let stacks = folded.lines().filter_map(|line| line.rsplit_once(' '));
    let name = |frame: &str| frame.split(" (").next().unwrap_or_default().to_owned();
    let names = |stack: &str| stack.split(';').map(name).collect::<Vec<_>>().join(";");
    let ending = stacks.filter(|(stack, _)| format!(";{}", names(stack)).ends_with(functions));
    ending.map(|(_, weight)| weight.parse::<f64>().expect("a number")).sum()
}

#[test]
fn a_python_server_is_sampled_by_function_in_all_workers() {
    if !can_sample() {
        return;
    }
    let script = "import sys; sys.exit(sys.version_info < (3, 11))";
    let python = Command::new("python3").args(["-c", script]).status();
    if !python.is_ok_and(|status| status.success()) {
        return skip("no Python 3.11 or newer");
    }
    repeated(|| {
        let case = Case::working(Path::new("python3"), &[KNOWN_PYTHON, "{port}", "2"]);
        let _alone = alone();
        let backends = ["--backend", "perf-event,py-spy", "--duration", "6s"];
        let outcome = run(case.profile().args(backends));
        holds(outcome.code == Some(0), format_args!("{outcome:#?}"))?;
        let (directory, record) = case.kept();
        let other = &record["other_profiles"][0];
        assert_eq!((&other["name"], &other["backend"]), (&"py-spy".into(), &"py-spy".into()));
        assert!(other["observer_effect"]["throughput_ratio"].as_f64() > Some(0.0), "{other}");
        let folded = text(&directory, "py-spy.folded");
        let alpha = python_weight(&folded, ";work;call_alpha;alpha");
        let beta = python_weight(&folded, ";work;beta");
        let shares = format!("alpha {alpha}, beta {beta}\n{folded}");
        // Twice the work; a busy machine makes few samples.
        holds(beta > 0.0 && (1.3..3.2).contains(&(alpha / beta)), &shares)?;
        check_rendered_again(&directory, "py-spy");
        case.assert_clean();
        Ok(())
    });
}

#[test]
fn two_profilers_of_a_go_server_take_turns_and_agree() {
    if !can_sample() {
        return;
    }
    repeated(|| {
        let Some(case) = go() else { return Ok(()) };
        let _alone = alone();
        let backends = ["--backend", "pprof,perf-event", "--duration", "10s"];
        let outcome = run(case.profile().args(backends));
        holds(outcome.code == Some(0), format_args!("{outcome:#?}"))?;
        let (directory, record) = case.kept();
        for text in ["agreement    pprof and perf-event overlap ", "perf-event.svg", " by pprof, "]
        {
            assert!(outcome.stdout.contains(text), "no '{text}' in {outcome:#?}");
        }
        check_go_profile(&record, &record["profile"], &text(&directory, "cpu.folded"))?;
        let slices = record["slices"].as_array().expect("a list").iter();
        let order: Vec<&str> = slices.map(|s| s["backend"].as_str().unwrap_or("-")).collect();
        let block = ["-", "pprof", "perf-event", "perf-event", "pprof", "-"];
        assert_eq!(order[..6], block);
        let other = &record["other_profiles"][0];
        assert_eq!(
            (&other["name"], &other["backend"]),
            (&"perf-event".into(), &"perf_event".into())
        );
        for profile in [&record["profile"], other] {
            assert!(profile["observer_effect"]["throughput_ratio"].as_f64() > Some(0.0));
        }
        let agreement = &record["agreement"];
        assert_eq!(agreement["backends"], serde_json::json!(["pprof", "perf-event"]));
        let overlap = agreement["self_overlap"].as_f64().expect("a number");
        holds((0.6..=1.0).contains(&overlap), agreement)?;
        check_rendered_again(&directory, "perf-event");
        case.assert_clean();
        Ok(())
    });
}

/// Each backend's files come out the same, byte for byte.
fn check_rendered_again(directory: &Path, other: &str) {
    let of_other = [".folded", ".svg"].map(|kind| format!("{other}{kind}"));
    let files = ["cpu.folded", "cpu.svg", &of_other[0], &of_other[1]];
    let before = files.map(|file| text(directory, file));
    files.iter().for_each(|file| fs::remove_file(directory.join(file)).expect("it is there"));
    run(super::case::tool().arg("render").arg(directory)).expect(0, &[]);
    assert!(before == files.map(|file| text(directory, file)), "the bytes differ");
}

#[test]
fn without_perf_events_a_server_profiles_itself() {
    if !can_take_perf_events_away() {
        return;
    }
    repeated(|| {
        let Some(case) = go() else { return Ok(()) };
        let _alone = alone();
        run(&mut without_perf_events(&case.profile())).expect(3, &["seccomp", "--backend pprof"]);
        let mut profile = case.profile();
        profile.args(["--backend", "pprof", "--duration", "4s"]);
        let outcome = run(&mut without_perf_events(&profile));
        holds(outcome.code == Some(0), format_args!("{outcome:#?}"))?;
        assert!(outcome.stdout.contains("read from the clocks of the processes"), "{outcome:#?}");
        let (directory, record) = case.kept();
        let cpu = record["server"]["cpu_us_per_request"].as_f64().expect("a number");
        assert!(cpu > 10.0, "{cpu} µs");
        check_go_profile(&record, &record["profile"], &text(&directory, "cpu.folded"))
    });
}

#[test]
fn a_server_without_a_profile_is_told_before_the_load() {
    let case = Case::faulty("healthy", u64::MAX);
    let outcome = run(case.profile().args(["--backend", "pprof"]));
    outcome
        .expect(3, &["/debug/pprof/profile?seconds=1", "cannot be used: it is not profile.proto"]);
    assert!(!outcome.stderr.contains("warming up"), "{outcome:#?}");
    assert!(case.runs().is_empty());
    case.assert_clean();
}

#[test]
fn wrong_backends_are_wrong_usage() {
    let case = Case::faulty("healthy", u64::MAX);
    let with = |backends: &str| run(case.profile().args(["--backend", backends]));
    with("pprov").expect(2, &["unknown backend 'pprov'; did you mean 'pprof'?"]);
    with("pprof,pprof").expect(2, &["twice"]);
    fs::write(
        case.path("short.toml"),
        text(case.dir.path(), "short.toml").replace("duration = \"1s\"", "requests = 100"),
    )
    .expect("a file");
    with("pprof").expect(2, &["a window of so many requests has no length in time"]);
    assert!(case.runs().is_empty());
}
