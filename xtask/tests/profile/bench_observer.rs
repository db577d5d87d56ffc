//! `xtask bench-observer`: one round on a real server, and what is said where it cannot be.

use rustix::process::Signal;

use super::{
    case::{Case, Live, run, tool},
    system::{alone, can_sample},
};

fn bench_observer(case: &Case) -> std::process::Command {
    let mut command = tool();
    command.arg("bench-observer").arg("--manifest").arg(case.path("target.toml"));
    command.arg("--script").arg(case.path("short.toml")).args(["--alone", "--hz", "997"]);
    command
}

#[test]
fn everybody_has_a_row() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let case = Case::faulty("none", u64::MAX);
    let output = run(bench_observer(&case).args(["--rounds", "1", "--slice", "200ms"]));
    output.expect(0, &["warming up", "round 1 of 1"]);
    let rows: Vec<Vec<&str>> = output
        .stdout
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    assert!(rows.len() == 4 && rows.iter().all(|row| row.len() == 10), "{output:?}");
    assert_eq!(
        (&rows[2][1..3], &rows[3][1..3]),
        (&["nothing", "-"][..], &["flameload", "997"][..])
    );
    let number = |cell: &str| cell.parse::<f64>().unwrap_or(0.0);
    assert!(number(rows[2][3]) > 0.0 && number(rows[3][5]) > 0.0, "{output:?}");
    assert_eq!((rows[2][4], rows[2][8]), ("-", "-"));
    assert!(rows[3][4].ends_with("% (one round: no interval)"), "{output:?}");
    assert!(number(rows[3][7]) > 0.0 && number(rows[3][8]) > 0.0, "{output:?}");
}

#[test]
fn an_interruption_leaves_nothing() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let case = Case::faulty("none", u64::MAX);
    let mut live = Live::start(bench_observer(&case).args(["--rounds", "500"]));
    live.wait_for("round 1 of 500");
    live.signal(Signal::INT);
    live.outcome().expect(130, &["interrupted"]);
    case.assert_clean();
}

#[test]
fn what_is_typed_wrongly_is_told() {
    for (arguments, texts) in [
        (&["--perf", "lbr"][..], &["[possible values: fp, dwarf]"][..]),
        (&["--alone", "--perf", "fp"], &["cannot be used with"]),
        (&["--rounds", "0"], &["--rounds"]),
        (&["hypr"], &["did you mean 'hyper'?"]),
        (&["--script", "hello-ladder"], &["several load levels"]),
    ] {
        run(tool().arg("bench-observer").args(arguments)).expect(2, texts);
    }
}
