//! How often comparisons are wrong, and how often they find what is there, on a machine that
//! drifts. Chance is drawn from a seed, so each number here is the same each time.

use crate::compare::{
    Comparison, Design, Frames, Kind, Metric, Options, Pair, Round, Sampled, Stacks, Verdict,
    compare,
    tests::support::{Chance, figures, pair, round},
};

/// Functions with shares like 1, 1/2, 1/3 and so on, as in a flamegraph.
const FUNCTIONS: usize = 80;
const SAMPLES: f64 = 20_000.0;
/// What differs between pairs of rounds, between the sides of a pair, and between two rounds of a
/// function, as standard deviations of logarithms.
const PAIR_DRIFT: f64 = 0.05;
const SIDE_DRIFT: f64 = 0.02;
const FUNCTION_DRIFT: f64 = 0.04;

/// A round of a server in which `culprit` costs `more` times what it did.
fn profiled(chance: &mut Chance, drift: f64, culprit: usize, more: f64) -> Round {
    let costs: Vec<f64> = (0..FUNCTIONS)
        .map(|at| {
            let usual = 1.0 / (at as f64 + 1.0) * (FUNCTION_DRIFT * chance.normal()).exp();
            usual * if at == culprit { more } else { 1.0 }
        })
        .collect();
    let whole: f64 = costs.iter().sum();
    let mut stacks = Stacks::default();
    for (at, cost) in costs.iter().enumerate() {
        let function = |name: String| crate::compare::Function { name, kernel: false };
        let path = [function("main".to_owned()), function(format!("f{at:02}"))];
        stacks.add(path, chance.poisson(SAMPLES * cost / whole));
    }
    let us_per_request = whole * (drift + SIDE_DRIFT * chance.normal()).exp();
    let mut round = figures(&[(Metric::Cpu, us_per_request)]);
    round.profile = Some(Sampled { stacks, us_per_request });
    round
}

/// Pairs of rounds, in B of which a function costs more.
fn measured(chance: &mut Chance, rounds: usize, culprit: usize, more: f64) -> Pair {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let drift = PAIR_DRIFT * chance.normal();
        a.push(profiled(chance, drift, culprit, 1.0));
        b.push(profiled(chance, drift, culprit, more));
    }
    pair(Design::Interleaved, a, b)
}

/// How often the culprit was named, and what else was.
#[derive(Debug, Default)]
struct Score {
    found: usize,
    false_findings: usize,
    with_false_findings: usize,
}

fn score(seed: u64, repeats: usize, rounds: usize, culprit: usize, more: f64) -> Score {
    let mut chance = Chance(seed);
    let mut score = Score::default();
    for _ in 0..repeats {
        let found = compare(&measured(&mut chance, rounds, culprit, more), &Options::default());
        let named = named(found.frames.as_ref().expect("both sides have samples"));
        let is_culprit = |name: &&String| **name == format!("f{culprit:02}");
        let right = usize::from(more > 1.0 && named.iter().any(|name| is_culprit(&name)));
        score.found += right;
        score.false_findings += named.len() - right;
        score.with_false_findings += usize::from(named.len() > right);
    }
    score
}

/// The functions of which it is said that they surely changed, whatever is said of them.
fn named(frames: &Frames) -> Vec<String> {
    let sure = |function: &&crate::compare::FunctionChange| function.kind != Kind::Unsure;
    frames.functions.iter().filter(sure).map(|function| function.name.clone()).collect()
}

#[test]
fn few_findings_are_false_where_nothing_changed() {
    let score = score(1, 40, 8, 0, 1.0);
    // At most 5 % of the comparisons should have one; 40 of them may have up to 5 by chance.
    assert!(score.with_false_findings <= 5, "{score:?}");
}

#[test]
fn a_function_that_costs_twice_as_much_is_found_and_no_other() {
    let doubled = score(2, 20, 8, 1, 2.0);
    assert_eq!(doubled.found, 20, "{doubled:?}");
    assert!(doubled.false_findings <= 2, "{doubled:?}");
    // Its share is 10 %: what the others lose of theirs looks like a change of each, where shares
    // are compared as if all rounds were one. That would be the same as no method at all.
    let mut chance = Chance(2);
    let naive = (0..20).map(|_| by_shares(&measured(&mut chance, 8, 1, 2.0))).sum::<usize>();
    assert!(naive > 20 * 20, "{naive}");
}

/// How many functions a test of shares names that takes all samples of a side for one sample.
fn by_shares(pair: &Pair) -> usize {
    let counts = |rounds: &[Round]| -> Vec<f64> {
        let of = |at: usize| -> u64 {
            let profiles = rounds.iter().filter_map(|round| round.profile.as_ref());
            // The root is the first node.
            profiles.map(|profile| profile.stacks.samples[at + 1]).sum()
        };
        (0..FUNCTIONS).map(|at| of(at) as f64).collect()
    };
    let (a, b) = (counts(&pair.a.rounds), counts(&pair.b.rounds));
    let (all_a, all_b) = (a.iter().sum::<f64>(), b.iter().sum::<f64>());
    let z = |(a, b): (&f64, &f64)| {
        let (share_a, share_b) = (a / all_a, b / all_b);
        let share = (a + b) / (all_a + all_b);
        (share_b - share_a) / (share * (1.0 - share) * (1.0 / all_a + 1.0 / all_b)).sqrt()
    };
    a.iter().zip(&b).map(z).filter(|z| z.abs() > 1.96).count()
}

#[test]
fn a_tenth_more_in_a_small_function_is_found_at_times_and_others_hardly_ever() {
    let score = score(3, 30, 8, 2, 1.1);
    assert!(score.found >= 5, "{score:?}");
    assert!(score.with_false_findings <= 3, "{score:?}");
}

#[test]
fn without_replicates_findings_are_still_mostly_true() {
    let score = score(4, 40, 1, 1, 2.0);
    assert!(score.found >= 30, "{score:?}");
    assert!(score.with_false_findings <= 8, "{score:?}");
}

/// A measurement in alternating slices: what differs between blocks, between slices of a block,
/// between processes, and a stall of a quarter in one slice of fifty.
fn alternating(chance: &mut Chance, rounds: usize, more: f64) -> Comparison {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let processes = [0.003 * chance.normal(), 0.003 * chance.normal()];
        let mut sides = [Vec::new(), Vec::new()];
        for _ in 0..6 {
            let block = 0.1 * chance.normal();
            for side in [0, 1, 1, 0] {
                let stall = if chance.uniform() < 0.02 { 0.25 } else { 0.0 };
                let log = block + processes[side] + 0.02 * chance.normal() + stall;
                let factor = if side == 1 { more } else { 1.0 };
                sides[side].push(10.0 * log.exp() * factor);
            }
        }
        a.push(round(&sides[0]));
        b.push(round(&sides[1]));
    }
    compare(&pair(Design::Interleaved, a, b), &Options::default())
}

#[test]
fn intervals_hold_the_truth_and_verdicts_are_hardly_ever_false() {
    let mut chance = Chance(5);
    let (mut covered, mut wrong, mut sum) = (0, 0, 0.0);
    let repeats = 300;
    for _ in 0..repeats {
        let found = alternating(&mut chance, 6, 1.0);
        let change = found.metric(Metric::Cpu).expect("both sides have it");
        let [low, high] = change.ci95.expect("rounds scatter");
        covered += usize::from((low..=high).contains(&1.0));
        wrong += usize::from(matches!(found.verdict, Verdict::Regressed | Verdict::Improved));
        sum += change.ratio.ln();
    }
    let share = covered as f64 / f64::from(repeats);
    assert!((0.92..=0.99).contains(&share), "{share}");
    assert!(wrong <= 3, "{wrong}");
    // No bias: with a standard error of 0.3 % each, the mean of 300 has one of 0.02 %.
    let bias = sum / f64::from(repeats);
    assert!(bias.abs() < 0.0006, "{bias}");
}

/// Twelve rounds of six blocks of four slices of 200 ms are a minute.
#[test]
fn two_percent_more_are_seen_in_a_minute() {
    let mut chance = Chance(6);
    let (mut seen, mut regressed, mut sum) = (0, 0, 0.0);
    for _ in 0..100 {
        let found = alternating(&mut chance, 12, 1.02);
        let change = found.metric(Metric::Cpu).expect("both sides have it");
        seen += usize::from(change.direction() == Some(true));
        regressed += usize::from(found.verdict == Verdict::Regressed);
        sum += change.ratio.ln();
    }
    assert!(seen >= 95, "{seen}");
    // Surely by more than the tolerance of 1 %, too.
    assert!(regressed >= 50, "{regressed}");
    assert!((sum / 100.0 - 1.02_f64.ln()).abs() < 0.001, "{}", sum / 100.0);
}

/// However many runs there are of each.
#[test]
fn runs_at_different_times_are_hardly_ever_called_different() {
    let mut chance = Chance(7);
    let mut wrong = 0;
    for repeat in 0..600 {
        let mut runs = || {
            // The two sides differ by 15 %.
            let drift = 0.15 / 2_f64.sqrt() * chance.normal();
            let mut log = || drift + 0.03 * chance.normal();
            let mut run = || round(&[(); 12].map(|()| 10.0 * log().exp()));
            (0..1 + repeat % 4).map(|_| run()).collect()
        };
        let (a, b) = (runs(), runs());
        let found = compare(&pair(Design::Separate, a, b), &Options::default());
        wrong += usize::from(found.verdict != Verdict::Inconclusive);
    }
    // 5 % of them are 30, give or take 5.
    assert!(wrong <= 40, "{wrong} of 600");
}
