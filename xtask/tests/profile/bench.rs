//! `bench` as its users meet it: targets in turns, cells that fail, Ctrl-C, tables of kept runs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use rustix::process::Signal;
use serde_json::Value;

use super::{
    case::{Case, Live, Outcome, run, tool},
    system::{alone, can_sample},
};

/// Users who think: neither side is busy, so that no slice is spoiled by a machine that is.
const SCRIPT: &str = r#"
schema = 1
name = "a|b"
[load]
connections = [2, 4]
duration = "4s"
warmup = "200ms"
think = "5ms"
timeout = "30s"
[[request]]
name = "hello"
path = "/"
"#;

/// A healthy server, and one with this fault after so many requests, called `other`.
struct Pair {
    good: Case,
    other: Case,
}

impl Pair {
    fn new(fault: &str, healthy: u64) -> Self {
        let (good, other) = (Case::faulty("none", u64::MAX), Case::faulty(fault, healthy));
        fs::write(good.path("short.toml"), SCRIPT).expect("a file");
        let manifest = fs::read_to_string(other.path("target.toml")).expect("a manifest");
        let manifest = manifest.replace("name = \"faulty\"", "name = \"other\"");
        fs::write(other.path("target.toml"), manifest).expect("a file");
        Self { good, other }
    }

    /// `bench` of both, the good one first.
    fn bench(&self) -> Command {
        let mut command = tool();
        command.arg("bench");
        for case in [&self.good, &self.other] {
            command.arg("--manifest").arg(case.dir.path());
        }
        command.arg("--script").arg(self.good.path("short.toml"));
        command.arg("--out").arg(self.good.store());
        command
    }

    /// `bench` of what is in the store.
    fn from(&self, what: &[&str]) -> Command {
        let mut command = tool();
        command.args(["bench", "--from"]).args(what).arg("--out").arg(self.good.store());
        command
    }

    /// The directory and the record of the only benchmark that was kept.
    #[track_caller]
    fn kept(&self) -> (PathBuf, Value) {
        let all = self.all();
        let [directory] = all.as_slice() else { panic!("one is kept, not {all:?}") };
        let json = fs::read(directory.join("bench.json")).expect("a record");
        (directory.clone(), serde_json::from_slice(&json).expect("it is JSON"))
    }

    fn all(&self) -> Vec<PathBuf> {
        let of_bench = |path: &PathBuf| path.parent().is_some_and(|dir| dir.ends_with("bench"));
        self.good.runs().into_iter().filter(of_bench).collect()
    }

    #[track_caller]
    fn assert_clean(&self) {
        self.good.assert_clean();
        self.other.assert_clean();
    }
}

fn cells(bench: &Value) -> &[Value] {
    bench["cells"].as_array().map_or(&[], Vec::as_slice)
}

fn rounds(cell: &Value) -> &[Value] {
    cell["rounds"].as_array().map_or(&[], Vec::as_slice)
}

#[track_caller]
fn text(directory: &Path, file: &str) -> String {
    fs::read_to_string(directory.join(file)).expect(file)
}

#[test]
fn targets_take_turns_and_their_rounds_make_a_table() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let pair = Pair::new("none", u64::MAX);
    let outcome = run(pair.bench().args(["--rounds", "2", "--json"]));
    outcome.expect(0, &["1 of 8: 2 connections, faulty, round 1 of 2, about "]);
    pair.assert_clean();
    let (directory, bench) = pair.kept();
    let printed: Value = serde_json::from_str(&outcome.stdout).expect("one line of JSON");
    assert_eq!(printed, bench);
    let order = |cell: &Value| {
        let places = rounds(cell).iter().map(|round| round["place"].to_string());
        let (level, target) = (&cell["level"]["name"], &cell["target"]);
        format!("{level} {target} {}", places.collect::<Vec<_>>().join(" "))
    };
    assert_eq!(
        cells(&bench).iter().map(order).collect::<Vec<_>>(),
        [
            "\"2 connections\" \"faulty\" 1 4",
            "\"2 connections\" \"other\" 2 3",
            "\"4 connections\" \"faulty\" 5 8",
            "\"4 connections\" \"other\" 6 7",
        ]
    );
    for cell in cells(&bench) {
        check_cell(&pair, cell, &bench["baseline"]);
    }
    for file in ["table.md", "table.csv", "chart.svg"] {
        let text = text(&directory, file);
        assert!(text.contains("faulty") && text.contains("other"), "{file}: {text}");
    }
    assert!(text(&directory, "table.md").starts_with("# a\\|b: faulty, other\n"));
}

/// A cell of two good rounds, none of them sampled.
#[track_caller]
fn check_cell(pair: &Pair, cell: &Value, baseline: &Value) {
    assert_eq!((&cell["valid"], &cell["counted"]), (&true.into(), &2.into()), "{cell}");
    assert_eq!(cell["latency_from"], "histograms");
    for figure in ["requests_per_second", "cpu_us_per_request"] {
        assert!(cell[figure]["value"].as_f64() > Some(0.0), "{figure}: {cell}");
        assert!(cell[figure]["ci95"].is_array(), "{figure}: {cell}");
    }
    assert_eq!(cell["throughput_ratio"].is_null(), cell["target"] == *baseline, "{cell}");
    let sum: u64 = rounds(cell)
        .iter()
        .map(|round| {
            let directory = pair.good.store().join(round["run"].as_str().expect("a path"));
            let files: Vec<_> = fs::read_dir(&directory).expect("a run").collect();
            assert_eq!(files.len(), 1, "a run without a profile is its record: {files:?}");
            let record = super::case::read_record(&directory);
            assert!(record["profile"].is_null() && record["hottest"] == Value::Array(Vec::new()));
            let slices = record["slices"].as_array().expect("a list");
            assert!(slices.iter().all(|slice| slice["sampled"] == false), "{slices:?}");
            record["load"]["requests"].as_u64().expect("a number")
        })
        .sum();
    assert_eq!(cell["requests"], sum);
}

#[test]
fn a_target_that_fails_does_not_stop_the_others() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let pair = Pair::new("exits", 0);
    let outcome = run(pair.bench().args(["--rounds", "3", "--connections", "2"]));
    outcome.expect(
        3,
        &[
            "this round could not be measured: ",
            "exit status 7",
            "1 of 2 cells have no figure that could be quoted",
        ],
    );
    pair.assert_clean();
    // Twice in a row is enough.
    assert_eq!(outcome.stderr.matches("could not be measured").count(), 2, "{outcome:#?}");
    let (_, bench) = pair.kept();
    let [good, bad] = cells(&bench) else { panic!("two cells: {bench}") };
    assert!(good["valid"] == true && good["counted"] == 3, "{good}");
    assert!(bad["valid"] == false && bad["requests_per_second"].is_null(), "{bad}");
    let problem = bad["problems"][0].as_str().expect("a problem");
    assert!(problem.contains("exit status 7"), "{problem}");
    assert!(outcome.stdout.contains("other: failed: rounds 1, 2: "), "{outcome:#?}");
}

#[test]
fn a_collapse_is_no_throughput() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let pair = Pair::new("status", 100);
    let outcome = run(pair.bench().args(["--rounds", "2", "--connections", "4"]));
    outcome.expect(3, &["1 of 2 cells have no figure that could be quoted"]);
    pair.assert_clean();
    assert!(outcome.stdout.contains("NOT VALID"), "{outcome:#?}");
    assert!(outcome.stdout.contains("status 500"), "{outcome:#?}");
    let (directory, bench) = pair.kept();
    let bad = &cells(&bench)[1];
    assert!(bad["requests_per_second"].is_null() && bad["latency_us"]["p50"].is_null(), "{bad}");
    assert!(bad["errors"]["status"].as_u64() > Some(0), "{bad}");
    for file in ["table.md", "chart.svg"] {
        assert!(text(&directory, file).contains("NOT VALID"), "{file}");
    }
}

#[test]
fn ctrl_c_keeps_what_was_measured() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let pair = Pair::new("none", u64::MAX);
    let mut live = Live::start(pair.bench().args(["--rounds", "40", "--connections", "2"]));
    live.wait_for("2 of 80: ");
    live.signal(Signal::INT);
    let outcome = live.outcome();
    outcome.expect(130, &["interrupted: what was measured until then is kept"]);
    pair.assert_clean();
    let (_, bench) = pair.kept();
    assert_eq!(bench["status"], "interrupted");
    assert!(cells(&bench)[0]["valid"] == true, "{bench}");
    assert!(outcome.stdout.contains("BEWARE interrupted"), "{outcome:#?}");
}

#[test]
fn ctrl_c_before_anything_was_measured_keeps_nothing() {
    if !can_sample() {
        return;
    }
    let pair = Pair::new("none", u64::MAX);
    let mut live = Live::start(pair.bench().args(["--warmup", "60s"]));
    live.wait_for("1 of 16: ");
    live.signal(Signal::INT);
    live.outcome().expect(130, &["interrupted before anything was measured"]);
    pair.assert_clean();
    assert!(pair.good.runs().is_empty());
}

#[test]
fn everything_is_built_before_anything_is_measured() {
    if !can_sample() {
        return;
    }
    let mut pair = Pair::new("none", u64::MAX);
    let build = "[build]\ncommand = [\"sh\", \"-c\", \"echo no compiler >&2; exit 4\"]\n\
                 binary = \"none\"";
    pair.other = Case::with_build("none", u64::MAX, build);
    let outcome = run(&mut pair.bench());
    outcome.expect(3, &["cannot make faulty #2 ready: the build failed", "no compiler"]);
    assert!(!outcome.stderr.contains("1 of "), "{outcome:#?}");
    pair.assert_clean();
    assert!(pair.good.runs().is_empty());
}

/// The figures of a table in CSV, row by row, by their names.
fn rows(outcome: &Outcome) -> Vec<Vec<(String, String)>> {
    let mut lines = outcome.stdout.lines().map(|line| line.split(',').map(str::to_owned));
    let names: Vec<String> = lines.next().expect("a header").collect();
    lines.map(|values| names.iter().cloned().zip(values).collect()).collect()
}

#[test]
fn flamegraphs_are_kept_and_tables_are_made_of_kept_runs() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let pair = Pair::new("none", u64::MAX);
    let profiled = ["--rounds", "1", "--connections", "2", "--duration", "1s", "--profile"];
    let outcome = run(pair.bench().args(profiled).arg("--markdown"));
    outcome.expect(0, &[]);
    pair.assert_clean();
    let (directory, bench) = pair.kept();
    assert_eq!(outcome.stdout, text(&directory, "table.md"));
    for cell in cells(&bench) {
        let svg = cell["flamegraph"].as_str().expect("a path");
        assert!(pair.good.store().join(svg).is_file(), "{svg}");
        assert!(outcome.stdout.contains(&format!("[last round](<../../{svg}>)")), "{outcome:#?}");
        assert!(directory.join(format!("../../{svg}")).is_file());
    }
    let again = run(pair.from(&["bench/latest"]).args(["--baseline", "other", "--csv"]));
    again.expect(0, &[]);
    let figure = |row: &[(String, String)], name: &str| {
        row.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    };
    let table = rows(&again);
    assert_eq!(table.len(), 2, "{again:#?}");
    for (row, cell) in table.iter().zip(cells(&bench)) {
        assert_eq!(figure(row, "target").as_deref(), cell["target"].as_str());
        assert_eq!(figure(row, "baseline").as_deref(), Some("other"));
        assert_eq!(figure(row, "requests"), Some(cell["requests"].to_string()));
    }
    assert_ne!(figure(&table[0], "throughput_ratio").as_deref(), Some(""));
    // Any runs: they did not take turns, as far as anybody knows.
    let ids = cells(&bench).iter().map(|cell| rounds(cell)[0]["run"].as_str().expect("a path"));
    let loose = run(&mut pair.from(&ids.collect::<Vec<_>>()));
    loose.expect(0, &[]);
    assert!(loose.stdout.contains("BEWARE these runs did not take turns"), "{loose:#?}");
    assert_eq!(pair.all().len(), 3);
}
