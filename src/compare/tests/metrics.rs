//! Estimates and verdicts by hand.

use crate::{
    compare::{
        Basis, Change, Comparison, Design, Floor, Metric, Options, Round, Verdict, compare,
        tests::support::{figures, pair, round, slice},
    },
    unit::Nanos,
};

fn cpu(comparison: &Comparison) -> &Change {
    comparison.metric(Metric::Cpu).expect("both sides have it")
}

/// Rounds of an interleaved measurement whose log ratios are these, with a speed of their own.
fn interleaved(logs: &[f64]) -> Comparison {
    let speed = |at: usize| 10.0 * (1.0 + at as f64 * 0.1);
    let a = (0..logs.len()).map(|at| round(&[speed(at); 8])).collect();
    let b = logs.iter().enumerate().map(|(at, log)| round(&[speed(at) * log.exp(); 8])).collect();
    compare(&pair(Design::Interleaved, a, b), &Options::default())
}

#[track_caller]
fn is_near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-5, "{found}, not {expected}");
}

#[test]
fn three_rounds_by_hand() {
    let found = interleaved(&[0.01, 0.02, 0.03]);
    let change = cpu(&found);
    // s = 0.01, the standard error 0.01 / √3, and t of two degrees of freedom 4.302653.
    let reach = 4.302_653 * 0.01 / 3_f64.sqrt();
    let [low, high] = change.ci95.expect("three rounds scatter");
    is_near(change.ratio.ln(), 0.02);
    is_near(low.ln(), 0.02 - reach);
    is_near(high.ln(), 0.02 + reach);
    assert_eq!((change.basis, change.rounds), (Some(Basis::Rounds), [3, 3]));
    assert_eq!(change.verdict, Verdict::Inconclusive);
    // 2.919986 is the quantile of 95 %.
    let visible = 1.01_f64.ln() + reach + 2.919_986 * 0.01 / 3_f64.sqrt();
    is_near(change.visible.expect("it is known").ln_1p(), visible);
}

#[test]
fn the_four_verdicts() {
    let verdict = |logs: &[f64]| interleaved(logs).verdict;
    assert_eq!(verdict(&[0.020, 0.021, 0.019, 0.020]), Verdict::Regressed);
    assert_eq!(verdict(&[-0.020, -0.021, -0.019, -0.020]), Verdict::Improved);
    assert_eq!(verdict(&[0.001, -0.001, 0.002, 0.000]), Verdict::Equivalent);
    assert_eq!(verdict(&[0.02, -0.02, 0.03, -0.01]), Verdict::Inconclusive);
    // Surely slower, and not surely by more than 1 %.
    let small = interleaved(&[0.010, 0.011, 0.009, 0.010]);
    assert_eq!((small.verdict, cpu(&small).direction()), (Verdict::Inconclusive, Some(true)));
}

#[test]
fn a_steady_drift_cancels_within_blocks() {
    // A B B A, then B A A B, on a machine that slows down by 1 % with each slice; B costs 2 % more.
    let drift = |at: i32| 10.0 * 1.01_f64.powi(at);
    let of = |places: [i32; 4], more: f64| {
        round(&places.map(|at| drift(at) * more)) // Two slices to a block.
    };
    let a = vec![of([0, 3, 5, 6], 1.0), of([8, 11, 13, 14], 1.0)];
    let b = vec![of([1, 2, 4, 7], 1.02), of([9, 10, 12, 15], 1.02)];
    let found = compare(&pair(Design::Interleaved, a, b), &Options::default());
    is_near(cpu(&found).ratio, 1.02);
    assert_eq!(found.verdict, Verdict::Regressed);
}

#[test]
fn a_block_with_a_slice_missing_is_left_out() {
    let whole = || round(&[10.0, 10.0, 20.0, 20.0]);
    let mut broken = round(&[10.0, 10.0, 90.0, 90.0]);
    broken.slices.pop();
    let found = compare(
        &pair(Design::Interleaved, vec![whole(), whole()], vec![whole(), broken]),
        &Options::default(),
    );
    is_near(cpu(&found).ratio, 1.0);
}

#[test]
fn a_stalled_slice_changes_no_verdict_and_is_told() {
    let steady = |more: f64| {
        let us: Vec<f64> = (0..40).map(|at| more * (10.0 + 0.01 * f64::from(at % 7))).collect();
        round(&us)
    };
    let mut b: Vec<Round> = (0..4).map(|_| steady(1.0)).collect();
    b[0].slices[5].cpu = Nanos(b[0].slices[5].cpu.0 * 10);
    b[0] = Round::of(b[0].slices.clone());
    let a = (0..4).map(|_| steady(1.0)).collect();
    let found = compare(&pair(Design::Interleaved, a, b), &Options::default());
    let change = cpu(&found);
    assert!((change.ratio - 1.0).abs() < 0.002, "{change:?}");
    assert!(change.b > change.a * 1.05, "{change:?}");
    // What a few slices cost is not in typical ones, so nobody may call the sides equivalent.
    assert_eq!(change.verdict, Verdict::Inconclusive);
    assert!(change.remark.as_deref().is_some_and(|remark| remark.contains("B as a whole has +")));
}

#[test]
fn columns_that_say_something_else_are_explained_in_every_format() {
    // One slow round of B is in its mean, and hardly in the change of the pairs.
    let of = |p99: f64| {
        let mut whole = round(&[10.0; 8]);
        for (at, slice) in whole.slices.iter_mut().enumerate() {
            slice.p99 = Some(Nanos(1_000_000 + 1_000 * (at as u64 % 3)));
        }
        whole.figures.insert(Metric::P99, p99);
        whole
    };
    let a = vec![of(6_183.0); 4];
    let b = vec![of(6_183.0), of(6_183.0), of(6_183.0), of(9_503.0)];
    let found = compare(&pair(Design::Interleaved, a.clone(), b), &Options::default());
    let says = "(B as a whole has +13.4 %: the change is that of typical slices, and a few are far \
                from them)";
    let line = found.metric_lines().into_iter().find(|line| line.label == "p99 latency");
    let line = line.expect("it was measured");
    assert_eq!((line.b.as_str(), line.change.as_str()), ("7013 µs", "+0.0 %"));
    assert!(line.verdict.ends_with(says), "{line:?}");
    let markdown = found.markdown();
    assert!(markdown.contains(says), "{markdown}");
    // What is in the last digit alone needs no words.
    let b = vec![of(6_183.0), of(6_183.0), of(6_183.0), of(6_190.0)];
    let found = compare(&pair(Design::Interleaved, a, b), &Options::default());
    let change = found.metric(Metric::P99).expect("it was measured");
    assert_eq!(change.remark, None);
}

#[test]
fn one_run_each_is_widened_by_the_floor() {
    let a = round(&[10.0, 10.1, 9.9, 10.0, 10.2, 9.8, 10.0, 10.1]);
    let found = |b: Round, floors| {
        let options = Options { floors, ..Options::default() };
        compare(&pair(Design::Separate, vec![a.clone()], vec![b]), &options)
    };
    let more =
        |share: f64| round(&[10.0, 10.1, 9.9, 10.0, 10.2, 9.8, 10.0, 10.1].map(|us| us * share));
    let assumed = found(more(1.2), [].into());
    let change = cpu(&assumed);
    assert_eq!((assumed.verdict, change.basis), (Verdict::Inconclusive, Some(Basis::Slices)));
    // 1.96 times the assumed 15 %, and the scatter of the slices.
    let [low, high] = change.ci95.expect("slices scatter");
    let reach = (high.ln() - low.ln()) / 2.0;
    assert!((0.294..0.296).contains(&reach), "{reach}");
    assert!(assumed.caveats.iter().any(|caveat| caveat.contains("drift is in it")));
    assert!(assumed.caveats.iter().any(|caveat| caveat.contains("assumed to be 15.0 %")));
    assert_eq!(found(more(2.0), [].into()).verdict, Verdict::Regressed);
    // Where the machine was calibrated, that is what counts; t of nine degrees of freedom, nearly.
    let floor = Floor { sd: 0.01, comparisons: Some(10) };
    let measured = found(more(1.2), [(Metric::Cpu, floor)].into());
    assert_eq!(measured.verdict, Verdict::Regressed);
    let [low, high] = cpu(&measured).ci95.expect("slices scatter");
    let reach = (high.ln() - low.ln()) / 2.0;
    assert!((0.020..0.030).contains(&reach), "{reach}");
    assert!(measured.caveats.iter().any(|caveat| caveat.contains("found to be 1.0 %")));
}

#[test]
fn several_runs_are_replicates() {
    let run = |us: f64| round(&[us; 4]);
    let a = vec![run(10.0), run(10.1), run(10.2)];
    let b = vec![run(11.0), run(11.1)];
    let found = compare(&pair(Design::Turns, a.clone(), b.clone()), &Options::default());
    let (first, second) = (a, b);
    // By hand: pooled variance of the logarithms, three degrees of freedom, t = 3.182446.
    let logs = |values: &[f64]| values.iter().map(|us| us.ln()).collect::<Vec<_>>();
    let (a, b) = (logs(&[10.0, 10.1, 10.2]), logs(&[11.0, 11.1]));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let squares =
        |values: &[f64]| -> f64 { values.iter().map(|value| (value - mean(values)).powi(2)).sum() };
    let sd = ((squares(&a) + squares(&b)) / 3.0 * (1.0 / 3.0 + 1.0 / 2.0)).sqrt();
    let [low, _] = cpu(&found).ci95.expect("five rounds scatter");
    is_near(cpu(&found).ratio.ln(), mean(&b) - mean(&a));
    is_near(low.ln(), mean(&b) - mean(&a) - 3.182_446 * sd);
    assert_eq!(cpu(&found).basis, Some(Basis::Rounds));
    // First all of A and then all of B: rounds know nothing of what drifted between.
    let apart = compare(&pair(Design::Separate, first, second), &Options::default());
    let [low, high] = cpu(&apart).ci95.expect("it is assumed");
    assert!((high / low).ln() / 2.0 > 1.96 * 0.15, "{apart:?}");
    assert!(apart.caveats.iter().any(|caveat| caveat.contains("assumed to be 15.0 %")));
}

#[test]
fn a_calibrated_machine_needs_fewer_rounds() {
    let a = || vec![round(&[10.0; 8]), round(&[10.0; 8])];
    let b = vec![round(&[10.3; 8]), round(&[10.5; 8])];
    let found = |b: Vec<Round>, floors| {
        let options = Options { floors, ..Options::default() };
        compare(&pair(Design::Interleaved, a(), b), &options)
    };
    // Two rounds alone have one degree of freedom.
    assert_eq!(found(b.clone(), [].into()).verdict, Verdict::Inconclusive);
    let floor = Floor { sd: 0.005, comparisons: Some(30) };
    let calibrated = found(b, [(Metric::Cpu, floor)].into());
    assert_eq!(calibrated.verdict, Verdict::Regressed);
    // (4 · 0.005² + s²) / 5, with t of five degrees of freedom.
    let (first, second) = (1.03_f64.ln(), 1.05_f64.ln());
    let squares = (first - second).powi(2) / 2.0;
    let sd = ((4.0 * 0.005_f64.powi(2) + squares) / 5.0 / 2.0).sqrt();
    let [low, _] = cpu(&calibrated).ci95.expect("it is known");
    is_near(low.ln(), f64::midpoint(first, second) - 2.570_582 * sd);
}

#[test]
fn no_verdict_is_finer_than_the_floor() {
    let found = |sd, by: f64| {
        let floor = Floor { sd, comparisons: Some(30) };
        let options = Options { floors: [(Metric::Cpu, floor)].into(), ..Options::default() };
        let a = (0..40).map(|_| round(&[10.0; 8])).collect();
        let b = (0..40).map(|at| round(&[by + 0.01 * f64::from(at % 2); 8])).collect();
        compare(&pair(Design::Interleaved, a, b), &options)
    };
    let of_small = found(0.01, 10.2);
    assert_eq!((of_small.verdict, cpu(&of_small).tolerance), (Verdict::Regressed, 0.01));
    let of_large = found(0.08, 10.2);
    // 95 of 100 comparisons of 40 such rounds stay within it.
    is_near(cpu(&of_large).tolerance.ln_1p(), 1.96 * 0.08 / 40_f64.sqrt());
    assert_ne!(of_large.verdict, Verdict::Regressed);
}

#[test]
fn whoever_looks_more_often_has_wider_intervals() {
    let width = |looks| {
        let a = (0..8).map(|_| round(&[10.0; 8])).collect();
        let b = (0..8).map(|at| round(&[10.0 + 0.01 * f64::from(at % 2); 8])).collect();
        let options = Options { looks, ..Options::default() };
        let [low, high] =
            cpu(&compare(&pair(Design::Interleaved, a, b), &options)).ci95.expect("it is known");
        (high / low).ln()
    };
    // Student's quantiles of 7 degrees of freedom at 97.5 % and, of three looks, at 98.895 %.
    is_near(width(3) / width(1), 2.927_59 / 2.364_62);
    assert!(width(9) > width(3));
}

#[test]
fn a_server_that_sleeps_is_a_latency_regression() {
    let side = |p50: [f64; 4], cpu: [f64; 4]| -> Vec<Round> {
        let one = |(p50, cpu): (f64, f64)| {
            figures(&[(Metric::Cpu, cpu), (Metric::P50, p50), (Metric::Throughput, 6.4e7 / p50)])
        };
        p50.into_iter().zip(cpu).map(one).collect()
    };
    let a = side([700.0, 705.0, 710.0, 702.0], [10.0, 10.01, 10.0, 10.02]);
    let b = side([1700.0, 1705.0, 1720.0, 1702.0], [10.0, 10.02, 10.01, 10.01]);
    let found = compare(&pair(Design::Interleaved, a, b), &Options::default());
    assert_eq!((found.verdict, found.waits), (Verdict::Equivalent, Some(Metric::P50)));
    assert_eq!(found.outcome(), Verdict::Regressed);
    assert!(
        found.headline.starts_with("a latency regression without a CPU regression"),
        "{}",
        found.headline
    );
    let throughput = found.metric(Metric::Throughput).expect("both have it");
    assert_eq!(throughput.verdict, Verdict::Regressed);
}

#[test]
fn a_server_that_waits_has_another_load() {
    let found = |throughput: f64| {
        let side = |throughput: f64| -> Vec<Round> {
            let one = |at: u32| {
                let cpu = 10.0 + 0.01 * f64::from(at);
                figures(&[(Metric::Cpu, cpu), (Metric::Throughput, throughput)])
            };
            (0..4).map(one).collect()
        };
        compare(&pair(Design::Interleaved, side(1e5), side(throughput)), &Options::default())
    };
    let told = |throughput| {
        let caveats = found(throughput).caveats;
        caveats.into_iter().find(|caveat| caveat.contains("--rate"))
    };
    assert_eq!((told(9e4), told(1.1e5)), (None, None));
    assert!(told(5e4).is_some_and(|caveat| caveat.starts_with("B uses only 50.0 %")));
    assert!(told(2e5).is_some_and(|caveat| caveat.starts_with("A uses only 50.0 %")));
}

#[test]
fn latency_that_cpu_time_explains_is_no_waiting() {
    let side = |cpu: f64| {
        let one = |at: u32| {
            let us = cpu + 0.001 * f64::from(at);
            figures(&[(Metric::Cpu, us), (Metric::P50, us * 64.0)])
        };
        (0..4).map(one).collect()
    };
    let found = compare(&pair(Design::Interleaved, side(10.0), side(12.0)), &Options::default());
    assert_eq!((found.verdict, found.waits), (Verdict::Regressed, None));
}

#[test]
fn a_single_figure_has_no_interval() {
    let one = |bytes: f64| figures(&[(Metric::Memory, bytes)]);
    let found =
        compare(&pair(Design::Separate, vec![one(4e6)], vec![one(9e6)]), &Options::default());
    let memory = found.metric(Metric::Memory).expect("both have it");
    assert_eq!((memory.ci95, memory.verdict), (None, Verdict::Inconclusive));
    assert_eq!(found.metric(Metric::Cpu), None);
    assert_eq!(found.verdict, Verdict::Inconclusive);
}

#[test]
fn what_is_not_valid_has_no_verdict() {
    let rounds = |us: f64| (0..4).map(|at| round(&[us + 0.01 * f64::from(at); 8])).collect();
    let mut pair = pair(Design::Interleaved, rounds(10.0), rounds(20.0));
    assert_eq!(compare(&pair, &Options::default()).verdict, Verdict::Regressed);
    pair.b.invalid = Some("most slices had errors".to_owned());
    let found = compare(&pair, &Options::default());
    assert_eq!(found.outcome(), Verdict::Inconclusive);
    assert!(found.headline.contains("B is not valid"), "{}", found.headline);
}

#[test]
fn percentiles_of_few_requests_are_no_figures() {
    let mut few = slice(0, 10.0);
    few.p50 = Some(Nanos(700_000));
    few.p99 = Some(Nanos(900_000));
    assert_eq!(few.figure(Metric::P99), Some(900.0));
    few.requests = 100;
    assert_eq!((few.figure(Metric::P50), few.figure(Metric::P99)), (Some(700.0), None));
    few.requests = 0;
    assert_eq!((few.figure(Metric::P50), few.figure(Metric::Cpu)), (None, None));
}
