//! Tables from composed runs, against values that were computed by hand.

use expect_test::{Expect, expect};

use super::{
    cell::{Cell, Round},
    compare, level,
    turns::Outcome,
    *,
};
use crate::record::{
    BottleneckFacts, BudgetFacts, CallFacts, CellFacts, Distribution, EstimateFacts, LatencyFacts,
    LoadFacts, ProcessFacts, Run, TargetFacts, ThresholdFacts,
};

/// A valid run of 2 s over 64 connections.
fn run(target: &str, rate: f64, cpu_us: f64) -> Run {
    let facts =
        TargetFacts { name: target.into(), language: "rust".into(), ..TargetFacts::default() };
    let mut run = Run::new(UtcTime::from_unix_seconds(1_795_300_424), String::new(), facts);
    run.budget = BudgetFacts { server_cpus: vec![0], load_cpus: vec![1], ..BudgetFacts::default() };
    run.load = LoadFacts {
        script: "hello".into(),
        engine: "builtin".into(),
        mode: "closed".into(),
        connections: 64,
        threads: Some(1),
        warmup_s: 2.0,
        duration_s: 2.0,
        requests: (rate * 2.0) as u64,
        requests_per_second: Some(rate),
        bytes_per_second: Some(rate * 100.0),
        latency_kind: Some("service".into()),
        attempts: (rate * 2.0) as u64,
        valid: true,
        ..LoadFacts::default()
    };
    run.server.cpu_us_per_request = Some(cpu_us);
    run.server.rss_initial_bytes = Some(3_000_000);
    run.server.rss_peak_bytes = Some(rate as u64 * 1_000);
    run.server.first_call_us = Some(rate);
    let p50 = Some(rate / 2.0);
    run.server.following_calls_us = Some(CallFacts { p50, ..CallFacts::default() });
    run.bottleneck = Some(BottleneckFacts { verdict: "server-bound".into(), why: String::new() });
    run
}

fn cell(rounds: impl IntoIterator<Item = Result<Run, &'static str>>) -> Cell {
    let rounds = rounds.into_iter().enumerate().filter_map(|(index, made)| {
        let outcome = match made {
            Ok(run) => Outcome::Kept(Box::new(run)),
            Err(error) => Outcome::Missed(error.to_owned()),
        };
        Round::new(index + 1, index + 1, outcome)
    });
    let rounds: Vec<Round> = rounds.collect();
    let first = rounds.iter().find_map(Round::run);
    Cell {
        target: first.map(|run| run.target.name.clone()).unwrap_or_default(),
        language: "rust".into(),
        script: "hello".into(),
        engine: "builtin".into(),
        level: first.map(level::of_run).unwrap_or_default(),
        rounds,
    }
}

#[track_caller]
fn near(found: Option<EstimateFacts>, value: f64, ci95: Option<[f64; 2]>) {
    let found = found.expect("there is an estimate");
    let is_near = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-4;
    let same = match (found.ci95, ci95) {
        (Some(a), Some(b)) => is_near(a[0], b[0]) && is_near(a[1], b[1]),
        (a, b) => a == b,
    };
    assert!(is_near(found.value, value) && same, "{found:?}, not {value} {ci95:?}");
}

#[test]
fn rounds_are_replicates_of_a_geometric_mean() {
    let facts = cell([Ok(run("a", 100.0, 10.0)), Ok(run("a", 400.0, 40.0))]).facts();
    // ln 100 and ln 400 lie 2 ln 2 apart: the standard error is ln 2, and t(1) is 12.706205.
    let reach = (12.706_205_f64 * 2_f64.ln()).exp();
    near(facts.requests_per_second, 200.0, Some([200.0 / reach, 200.0 * reach]));
    near(facts.cpu_us_per_request, 20.0, Some([20.0 / reach, 20.0 * reach]));
    assert_eq!((facts.requests, facts.duration_s, facts.counted), (1_000, 4.0, 2));
    // By time, not by round: (100 x 2 s + 400 x 2 s) x 100 bytes over 4 s.
    assert_eq!(facts.bytes_per_second, Some(25_000.0));
    assert_eq!(facts.rss_peak_bytes, Some(400_000));
    assert_eq!((facts.first_call_us, facts.following_calls_us), (Some(250.0), Some(125.0)));
    assert_eq!(facts.bottleneck.as_deref(), Some("server-bound"));
    near(cell([Ok(run("a", 100.0, 10.0))]).facts().requests_per_second, 100.0, None);
}

#[test]
fn three_rounds_have_the_interval_of_the_textbook() {
    let rates = [1_000.0, 1_100.0, 1_210.0];
    let facts = cell(rates.map(|rate| Ok(run("a", rate, 1.0)))).facts();
    // The logarithms are ln 1100 - d, ln 1100, ln 1100 + d with d = ln 1.1: s = d, and the
    // interval reaches 4.302653 x d / sqrt(3).
    let reach = (4.302_653 * 1.1_f64.ln() / 3_f64.sqrt()).exp();
    near(facts.requests_per_second, 1_100.0, Some([1_100.0 / reach, 1_100.0 * reach]));
}

#[test]
fn latencies_are_those_of_all_rounds_together() {
    let with = |nanos: u64, count: u64, rate| {
        let mut run = run("a", rate, 1.0);
        run.load.latency_histogram = Some(Distribution::new([(nanos, count)]));
        run.load.latency_us.p99 = Some(nanos as f64 / 1e3);
        Ok(run)
    };
    // 980 of 1,000 requests took 1 ms; the others, all in the other round, 9 ms. No mean of the
    // rounds' percentiles, 1 and 9 ms, has anything to do with the p95 and p99 of all.
    let facts = cell([with(1_000_000, 980, 1.0), with(9_000_000, 20, 1.0)]).facts();
    let us = facts.latency_us;
    assert_eq!(facts.latency_from.as_deref(), Some("histograms"));
    let is_near =
        |figure: Option<f64>, value: f64| (figure.unwrap_or(0.0) / value - 1.0).abs() < 0.001;
    assert!(is_near(us.p95, 1_000.0) && is_near(us.p99, 9_000.0), "{us:?}");
    assert!(is_near(us.mean, 1_160.0) && is_near(us.max, 9_000.0), "{us:?}");
    assert!(is_near(us.p10, 1_000.0) && is_near(us.stdev, 1_120.0), "{us:?}");
}

#[test]
fn without_histograms_the_medians_of_the_rounds_are_told_as_such() {
    let with = |p99, max| {
        let mut run = run("a", 1.0, 1.0);
        let (p99, max) = (Some(p99), Some(max));
        run.load.latency_us = LatencyFacts { p99, max, ..LatencyFacts::default() };
        Ok(run)
    };
    let facts = cell([with(3.0, 5.0), with(1.0, 90.0), with(2.0, 4.0)]).facts();
    assert_eq!(facts.latency_from.as_deref(), Some("medians"));
    let (p99, max) = (Some(2.0), Some(90.0));
    assert_eq!(facts.latency_us, LatencyFacts { p99, max, ..LatencyFacts::default() });
    let none = cell([Ok(run("a", 1.0, 1.0))]).facts();
    assert_eq!((none.latency_from, none.latency_us), (None, LatencyFacts::default()));
}

#[test]
fn each_of_several_processes_has_its_part() {
    let with = |front: f64, back| {
        let mut run = run("a", 100.0, front + back);
        let process = |name: &str, us| ProcessFacts {
            name: name.into(),
            cpu_us_per_request: Some(us),
            cpus_used: Some(us / 10.0),
            rss_peak_bytes: Some(us as u64),
            ..ProcessFacts::default()
        };
        run.processes = vec![process("front/1", front), process("back", back)];
        run.artifacts =
            ["cpu.svg", "cpu-front_1.svg"].map(|it| (it.to_owned(), it.to_owned())).into();
        Ok(run)
    };
    let facts = cell([with(1.0, 2.0), with(4.0, 8.0)]).facts();
    let [front, back] = facts.processes.as_slice() else { panic!("two: {facts:?}") };
    assert_eq!((front.name.as_str(), back.name.as_str()), ("front/1", "back"));
    let reach = (12.706_205_f64 * 2_f64.ln()).exp();
    near(front.cpu_us_per_request, 2.0, Some([2.0 / reach, 2.0 * reach]));
    near(back.cpu_us_per_request, 4.0, Some([4.0 / reach, 4.0 * reach]));
    assert_eq!((front.cpus_used, front.rss_peak_bytes), (Some(0.25), Some(4)));
    let svg = front.flamegraph.as_deref().expect("it has one");
    assert!(svg.starts_with("a/") && svg.ends_with("/cpu-front_1.svg"), "{svg}");
    assert_eq!(back.flamegraph, None);
    assert!(cell([Ok(run("a", 1.0, 1.0))]).facts().processes.is_empty());
}

/// A run that collapsed.
fn collapsed(failed: u64) -> Run {
    let mut run = run("a", 563.0, 1.0);
    (run.status, run.load.valid) = (Status::Failed, false);
    run.reason = Some("collapse: most attempts failed".into());
    run.diagnosis = Some(format!("{failed} of 2,000 connections were never served"));
    (run.load.attempts, run.load.errors.read) = (failed + 1, failed);
    run
}

#[track_caller]
fn check_problems(facts: &CellFacts, expected: Expect) {
    expected.assert_eq(&facts.problems.join("\n"));
}

#[test]
fn what_mostly_failed_has_no_figure_and_says_why() {
    let facts = cell([
        Ok(collapsed(900)),
        Ok(run("a", 100.0, 1.0)),
        Ok(collapsed(900)),
        Ok(collapsed(901)),
        Err("the build is gone"),
        Err("the disk as well"),
    ])
    .facts();
    assert!(!facts.valid && facts.counted == 1);
    assert_eq!((facts.requests_per_second, facts.latency_us.p99), (None, None));
    assert_eq!((facts.cpu_us_per_request, facts.bottleneck.clone()), (None, None));
    // What failed is told all the same, and the memory that was used.
    assert_eq!((facts.errors.read, facts.attempts), (2_701, 2_704 + 200));
    assert!(facts.rss_peak_bytes.is_some());
    check_problems(
        &facts,
        expect![[r#"
            rounds 1, 3: collapse: most attempts failed; 900 of 2,000 connections were never served
            round 4: collapse: most attempts failed; 901 of 2,000 connections were never served
            rounds 5, 6: other reasons"#]],
    );
}

#[test]
fn a_round_that_failed_is_left_out_where_most_are_good() {
    let good = || Ok(run("a", 100.0, 1.0));
    let facts = cell([good(), Ok(collapsed(9)), good()]).facts();
    assert!(facts.valid && facts.counted == 2);
    near(facts.requests_per_second, 100.0, Some([100.0, 100.0]));
    assert_eq!((facts.requests, facts.errors.read), (400, 9));
    assert_eq!(facts.rounds[1].reason.as_deref().map(|why| why.contains("collapse")), Some(true));
    // Half of them are not most.
    assert!(!cell([good(), Ok(collapsed(9))]).facts().valid);
}

#[test]
fn an_interrupted_round_counts_neither_way() {
    let mut stopped = run("a", 50.0, 1.0);
    stopped.status = Status::Interrupted;
    let facts = cell([Ok(run("a", 100.0, 1.0)), Ok(stopped.clone())]).facts();
    assert!(facts.valid && facts.made() == 1);
    near(facts.requests_per_second, 100.0, None);
    check_problems(&facts, expect!["round 2: interrupted"]);
    let facts = cell([Ok(stopped)]).facts();
    assert!(!facts.valid && facts.made() == 0);
}

#[test]
fn broken_limits_are_counted() {
    let with = |passed| {
        let mut run = run("a", 100.0, 1.0);
        let limit = ThresholdFacts {
            metric: "latency.p95".into(),
            max: Some(50_000.0),
            passed,
            ..ThresholdFacts::default()
        };
        run.thresholds = vec![limit];
        Ok(run)
    };
    let facts = cell([with(false), with(true), with(false)]).facts();
    assert_eq!(facts.broken, ["latency.p95 at most 50000: broken in 2 of 3"]);
}

/// The ratios of `b` to `a`, of rounds with these rates.
fn compared(a: &[f64], b: &[f64], paired: bool) -> CellFacts {
    let of = |name, rates: &[f64]| {
        let runs = rates
            .iter()
            .map(|rate| if *rate > 0.0 { Ok(run(name, *rate, 1e6 / rate)) } else { Err("missed") });
        let mut cell = cell(runs).facts();
        cell.target = name.to_owned();
        cell
    };
    let mut bench = Bench::new(UtcTime::from_unix_seconds(0), String::new());
    bench.paired = paired;
    bench.cells = vec![of("a", a), of("b", b)];
    compare::to_baseline(&mut bench, "a");
    assert_eq!(bench.cells[0].throughput_ratio, None, "the baseline has none");
    bench.cells.remove(1)
}

#[test]
fn rounds_made_together_are_compared_so_that_drift_is_in_neither() {
    // Every round is twice as fast as the one before, and `b` always half as fast as `a`.
    let cell = compared(&[100.0, 200.0, 400.0], &[50.0, 100.0, 200.0], true);
    near(cell.throughput_ratio, 0.5, Some([0.5, 0.5]));
    near(cell.cpu_ratio, 2.0, Some([2.0, 2.0]));
    // Ratios of 0.5 and 2: their mean is 1, a standard error of ln 2 around it.
    let cell = compared(&[100.0, 100.0], &[50.0, 200.0], true);
    let reach = (12.706_205_f64 * 2_f64.ln()).exp();
    near(cell.throughput_ratio, 1.0, Some([1.0 / reach, reach]));
}

#[test]
fn only_rounds_that_both_have_are_compared() {
    let cell = compared(&[100.0, 0.0, 400.0, 100.0], &[50.0, 1e9, 200.0, 0.0], true);
    near(cell.throughput_ratio, 0.5, Some([0.5, 0.5]));
    let cell = compared(&[0.0, 0.0], &[50.0, 50.0], true);
    assert_eq!((cell.throughput_ratio, cell.cpu_ratio), (None, None));
}

#[test]
fn runs_that_took_no_turns_have_no_interval() {
    let cell = compared(&[100.0, 400.0], &[100.0, 100.0], false);
    near(cell.throughput_ratio, 0.5, None);
}

#[test]
fn what_makes_rows_unlike_is_said() {
    assert_eq!(
        unlike::warnings(&[cell([Ok(run("a", 1.0, 1.0))]), cell([Ok(run("b", 2.0, 1.0))])]),
        [""; 0]
    );
    let mut other = run("b", 1.0, 1.0);
    other.budget = BudgetFacts {
        server_cpus: vec![0, 1, 2, 3],
        load_cpus: vec![1],
        workers: Some(4),
        memory_bytes: Some(512 << 20),
        memory_enforced: Some(false),
        db_connections: Some(40),
        ..BudgetFacts::default()
    };
    other.load.engine = "wrk".into();
    other.load.engine_version = Some("4.1.0".into());
    other.load.script = "users".into();
    other.load.warmup_s = 0.5;
    other.host.kernel = "6.1".into();
    let mut rebuilt = run("a", 1.0, 1.0);
    rebuilt.target.build_id = Some("beef".into());
    let cells = [cell([Ok(run("a", 1.0, 1.0)), Ok(rebuilt)]), cell([Ok(other)])];
    expect![[r#"
        unlike budgets: server CPUs 1 (a), 4 (b); workers not set (a), 4 (b); database connections not set (a), 40 (b); memory no limit (a), 512.0 MiB, not enforced (b)
        unlike scripts: hello (a), users (b)
        unlike engines: builtin (a), wrk 4.1.0 (b)
        unlike warm-ups: 2 s (a), 0.5 s (b)
        unlike hosts: 0 CPUs of a CPU without a name, Linux  (a), 0 CPUs of a CPU without a name, Linux 6.1 (b)
        a: its runs are of unlike builds"#]]
    .assert_eq(&unlike::warnings(&cells).join("\n"));
}

#[test]
fn runs_of_before_make_a_table() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::new(dir.path());
    let keep = |run: &Run| Source::Run(store.write(run, None).expect("it is kept"));
    let mut by_wrk = run("a", 300.0, 1.0);
    by_wrk.load.engine = "wrk".into();
    let mut more = run("b", 50.0, 2.0);
    more.load.connections = 128;
    let sources = [run("a", 100.0, 1.0), by_wrk, run("b", 50.0, 2.0), run("b", 200.0, 2.0), more]
        .iter()
        .map(keep)
        .collect::<Vec<_>>();
    let bench = bench_of(&store, &sources, None, "x".into()).expect("they are read");
    let rows = bench.cells.iter().map(|cell| {
        let rate = cell.requests_per_second.map(|rate| rate.value.round());
        let ratio = cell.throughput_ratio.map(|of| ((of.value * 1e6).round() / 1e6, of.ci95));
        format!("{} | {} | {rate:?} | {ratio:?}\n", cell.level.name, cell.target)
    });
    expect![[r#"
        64 connections | a · builtin | Some(100.0) | None
        64 connections | a · wrk | Some(300.0) | Some((3.0, None))
        64 connections | b | Some(100.0) | Some((1.0, None))
        128 connections | b | Some(50.0) | None
    "#]]
    .assert_eq(&rows.collect::<String>());
    assert_eq!(bench.baseline.as_deref(), Some("a · builtin"));
    expect![[r#"
        these runs did not take turns: the machine's drift is in the ratios
        unlike engines: builtin (a · builtin, b), wrk (a · wrk)"#]]
    .assert_eq(&bench.warnings.join("\n"));
}

#[test]
fn a_benchmark_made_again_of_its_runs_is_the_same() {
    let dir = tempfile::tempdir().expect("a folder");
    let store = Store::new(dir.path());
    let mut bench = Bench::new(UtcTime::from_unix_seconds(0), String::new());
    (bench.rounds, bench.paired) = (2, true);
    let mut cells = Vec::new();
    for (name, rates) in [("a", [100.0, 400.0]), ("b", [50.0, 100.0])] {
        let runs = rates.map(|rate| run(name, rate, 1e3 / rate));
        runs.iter().for_each(|run| drop(store.write(run, None).expect("it is kept")));
        let mut cell = cell(runs.map(Ok)).facts();
        cell.target = format!("{name} #1");
        cells.push(cell);
    }
    bench.cells = cells;
    bench.baseline = Some("a #1".into());
    compare::to_baseline(&mut bench, "a #1");
    let directory = store.write_bench(&bench, &[]).expect("it is kept");
    let again = bench_of(&store, &[Source::Bench(directory.clone())], None, String::new());
    let again = again.expect("it is read");
    assert_eq!(again.cells, bench.cells);
    assert_eq!((again.paired, again.baseline.as_deref()), (true, Some("a #1")));
    assert!(again.cells[1].throughput_ratio.is_some_and(|ratio| ratio.ci95.is_some()));
    let to_b = bench_of(&store, &[Source::Bench(directory)], Some("b #1"), String::new());
    let ratio = to_b.expect("it is read").cells[0].throughput_ratio;
    near(ratio, 8_f64.sqrt(), ratio.and_then(|ratio| ratio.ci95));
}
