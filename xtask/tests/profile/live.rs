//! `xtask compare`, `calibrate` and `bench-compare` on servers that are measured in turns.

use std::{fs, process::Command};

use rustix::process::Signal;
use serde_json::Value;

use super::{
    case::{Case, Live, run, tool},
    system::{alone, can_sample, can_take_perf_events_away, marked, without_perf_events},
};

/// A server that works for 30 µs on each request, in no git repository.
fn server() -> Case {
    Case::faulty("none", u64::MAX)
}

impl Case {
    fn side(&self, rest: &str) -> String {
        format!("{}{rest}", self.path("target.toml").display())
    }

    /// `COMMAND SIDE...` with the least time that there is.
    fn live(&self, command: &str, sides: &[String]) -> Command {
        let mut tool = tool();
        tool.arg(command).args(sides).arg("--script").arg(self.path("short.toml"));
        tool.arg("--out").arg(self.store());
        tool
    }

    fn compare(&self, a: &str, b: &str) -> Command {
        let mut command = self.live("compare", &[self.side(a), self.side(b)]);
        command.args(["--duration", "13s", "--max-duration", "13s"]);
        command
    }
}

#[test]
fn a_server_that_works_more_is_found_with_its_function() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let case = server();
    let outcome = run(case.compare("", "?env.WORK_US=60").args(["--json", "--fail"]));
    outcome.expect(1, &["round 1 of 4", "round 4 of 4"]);
    let found: Value = serde_json::from_str(&outcome.stdout).expect("a line of JSON");
    assert_eq!((&found["design"], &found["verdict"]), (&"interleaved".into(), &"regressed".into()));
    assert_eq!(found["a"]["rounds"], 4);
    let cpu = &found["metrics"][0];
    let ratio = cpu["ratio"].as_f64().expect("a ratio");
    // 30 µs more, beside what the kernel does for a request.
    assert!((1.3..2.1).contains(&ratio), "{cpu:#}");
    let functions = found["frames"]["functions"].as_array().expect("functions");
    let work = functions.iter().find(|it| it["name"].as_str().is_some_and(|n| n.ends_with("work")));
    let work = work.unwrap_or_else(|| panic!("work is seen: {functions:#?}"));
    let more = work["total"]["change_us"].as_f64().expect("a change");
    assert!((20.0..40.0).contains(&more) && work["total"]["sure"] == true, "{work:#}");
    let sum: f64 = functions.iter().filter_map(|it| it["self"]["change_us"].as_f64()).sum();
    let whole = cpu["b"].as_f64().expect("b") - cpu["a"].as_f64().expect("a");
    assert!((sum - whole).abs() < 0.01 * whole, "{sum} is not {whole}");
    case.assert_clean();
}

#[test]
fn without_perf_events_there_are_verdicts_and_no_functions() {
    if !can_take_perf_events_away() {
        return;
    }
    let _alone = alone();
    let case = server();
    let compare = case.compare("", "?env.WORK_US=90");
    let mut compare = without_perf_events(&compare);
    let outcome = run(compare.args(["--json", "--fail"]));
    outcome.expect(1, &["round 4 of 4"]);
    let found: Value = serde_json::from_str(&outcome.stdout).expect("a line of JSON");
    assert_eq!(found["verdict"], "regressed", "{found:#}");
    let caveats = found["caveats"].as_array().expect("caveats");
    let says = |it: &Value| it.as_str().is_some_and(|it| it.contains("no functions"));
    assert!(caveats.iter().any(says), "{caveats:#?}");
    assert!(found["frames"]["functions"].as_array().is_none_or(Vec::is_empty), "{found:#}");
    case.assert_clean();
}

#[test]
fn a_calibration_is_kept_and_is_the_floor_from_then_on() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let case = server();
    let mut calibrate = case.live("calibrate", &[case.side("")]);
    let outcome = run(calibrate.args(["--rounds", "2", "--json"]));
    outcome.expect(0, &["round 2 of 2"]);
    let kept: Value = serde_json::from_str(&outcome.stdout).expect("a line of JSON");
    let sd = kept["floors"]["cpu"]["sd"].as_f64().expect("a standard deviation");
    assert!(sd > 0.0 && kept["target"] == "faulty" && kept["script"] == "short", "{kept:#}");
    let path = case.store().join("calibration.json");
    let text = fs::read_to_string(&path).expect("it is kept");
    // As on a machine that is much less quiet.
    fs::write(&path, text.replace(&format!("\"sd\": {sd}"), "\"sd\": 0.3")).expect("a file");
    let outcome = run(case.compare("", "").arg("--json"));
    outcome.expect(0, &[]);
    let found: Value = serde_json::from_str(&outcome.stdout).expect("a line of JSON");
    let tolerance = found["metrics"][0]["tolerance"].as_f64().expect("a tolerance");
    // 1.96 · 0.3 / √4, as a ratio.
    assert!((tolerance - 0.3419).abs() < 0.001, "{tolerance}");
    case.assert_clean();
}

#[test]
fn ctrl_c_compares_what_there_is_and_leaves_nothing() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let case = server();
    let start = |line: &str| {
        let mut command = case.live("compare", &[case.side(""), case.side("")]);
        let mut live = Live::start(command.args(["--duration", "10m"]));
        live.wait_for(line);
        assert!(!marked(&case.marker()).is_empty() || line.starts_with("round 1"));
        live.signal(Signal::INT);
        live.outcome()
    };
    let early = start("round 1 of");
    early.expect(130, &["interrupted"]);
    assert_eq!(early.stdout, "");
    case.assert_clean();
    let late = start("round 2 of");
    late.expect(130, &["interrupted: what was measured until then is compared"]);
    assert!(
        late.stdout.contains("CPU/request") && late.stdout.contains("one process on each side"),
        "{late:#?}"
    );
    case.assert_clean();
}

#[test]
fn what_cannot_be_compared_says_so() {
    let case = server();
    let refused = |a: &str, b: &str, code: i32, what: &str| {
        run(&mut case.live("compare", &[a.to_owned(), b.to_owned()])).expect(code, &[what]);
    };
    refused(&case.side(""), "latest", 2, "name two targets, or profile");
    refused(&case.side("@HEAD"), &case.side(""), 2, "is in no git repository");
    refused(&case.side("?wrkers=2"), &case.side(""), 2, "did you mean 'workers'?");
    refused(&case.side("?features=x"), &case.side(""), 2, "is in no git repository");
    let script = fs::read_to_string(case.path("short.toml")).expect("a script");
    let stages = script
        .replace("duration = \"1s\"", "")
        .replace("[[request]]", "[[stage]]\nduration = \"1s\"\nconnections = 8\n[[request]]");
    fs::write(case.path("short.toml"), stages).expect("a file");
    refused(&case.side(""), &case.side(""), 2, "it has stages");
    case.assert_clean();
}

#[test]
fn a_side_that_fails_is_named() {
    let case = server();
    let broken = Case::faulty("exits", 0);
    let mut command = case.live("compare", &[case.side(""), broken.side("")]);
    run(&mut command).expect(3, &["side B (", "cannot open the database"]);
    case.assert_clean();
    broken.assert_clean();
    // It answers some thousand requests, and is gone.
    let brief = Case::faulty("crashes", 9_000);
    let mut command = case.live("compare", &[case.side(""), brief.side("")]);
    run(&mut command).expect(3, &["side B (", "the server ended"]);
    case.assert_clean();
    brief.assert_clean();
}

#[test]
fn little_time_is_kept() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let case = server();
    for (words, round) in [
        (["--duration", "4s", "--max-duration", "4s"], "round 1 of 4 (10 s left)"),
        (["--duration", "30s", "--max-duration", "1s"], "round 1 of 4 (9 s left)"),
    ] {
        let mut command = case.live("compare", &[case.side(""), case.side("?env.WORK_US=90")]);
        let outcome = run(command.args(words).arg("--json"));
        outcome.expect(0, &[round, "round 4 of 4"]);
        let found: Value = serde_json::from_str(&outcome.stdout).expect("a line of JSON");
        assert_eq!(found["verdict"], "regressed", "{found:#}");
        assert!(found["frames"].is_object(), "{found:#}");
    }
    case.assert_clean();
}
