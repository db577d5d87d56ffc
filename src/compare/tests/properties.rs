//! What holds whatever is compared.

use std::collections::BTreeMap;

use proptest::{collection::vec, prelude::*};

use crate::compare::{
    Comparison, Design, Function, Kind, Options, Pair, Part, Round, Sampled, Stacks, Verdict,
    compare,
    tests::support::{pair, round, swapped},
};

fn design() -> impl Strategy<Value = Design> {
    prop_oneof![Just(Design::Interleaved), Just(Design::Turns), Just(Design::Separate)]
}

/// Stacks of a few functions that call each other in any way.
fn stacks() -> impl Strategy<Value = Stacks> {
    let names = ["a", "b", "c<T>", "c<U>", "d", "main"];
    vec((vec(0..names.len(), 1..5), 0..400_u64), 0..12).prop_map(move |lines| {
        let mut stacks = Stacks::default();
        for (path, samples) in lines {
            let function = |at: usize| Function { name: names[at].to_owned(), kernel: at == 4 };
            stacks.add(path.into_iter().map(function), samples);
        }
        stacks
    })
}

fn rounds() -> impl Strategy<Value = Round> {
    (vec(1.0..30.0_f64, 0..10), proptest::option::of((stacks(), 0.5..1.0_f64))).prop_map(
        |(us, profile)| {
            let mut round = round(&us);
            let cpu = round.figures.get(&crate::compare::Metric::Cpu).copied();
            round.profile = profile
                .zip(cpu)
                .map(|((stacks, share), cpu)| Sampled { stacks, us_per_request: cpu * share });
            round
        },
    )
}

fn pairs() -> impl Strategy<Value = Pair> {
    (design(), vec(rounds(), 1..5), vec(rounds(), 1..5))
        .prop_map(|(design, a, b)| pair(design, a, b))
}

fn is_near(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * (1.0 + one.abs().max(other.abs()))
}

fn are_reversed(found: Verdict, back: Verdict) -> bool {
    matches!(
        (found, back),
        (Verdict::Regressed, Verdict::Improved)
            | (Verdict::Improved, Verdict::Regressed)
            | (Verdict::Equivalent, Verdict::Equivalent)
            | (Verdict::Inconclusive, Verdict::Inconclusive)
    )
}

fn reverse(kind: Kind) -> Kind {
    match kind {
        Kind::Slower => Kind::Faster,
        Kind::Faster => Kind::Slower,
        Kind::New => Kind::Gone,
        Kind::Gone => Kind::New,
        Kind::Moved | Kind::Unsure => kind,
    }
}

fn kinds(comparison: &Comparison) -> BTreeMap<(String, bool), (Kind, f64)> {
    let functions = comparison.frames.iter().flat_map(|frames| &frames.functions);
    functions.map(|one| ((one.name.clone(), one.kernel), (one.kind, one.own.change_us))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn the_other_way_round_is_the_reverse(pair in pairs()) {
        let there = compare(&pair, &Options::default());
        let back = compare(&swapped(&pair), &Options::default());
        prop_assert_eq!(there.metrics.len(), back.metrics.len());
        for (there, back) in there.metrics.iter().zip(&back.metrics) {
            prop_assert!(is_near(there.ratio.ln(), -back.ratio.ln()));
            prop_assert_eq!(there.ci95.is_some(), back.ci95.is_some());
            if let (Some([low, high]), Some([back_low, back_high])) = (there.ci95, back.ci95) {
                prop_assert!(is_near(low.ln(), -back_high.ln()));
                prop_assert!(is_near(high.ln(), -back_low.ln()));
            }
            prop_assert!(are_reversed(there.verdict, back.verdict), "{there:?} {back:?}");
        }
        let (there, back) = (kinds(&there), kinds(&back));
        prop_assert_eq!(there.len(), back.len());
        for (name, (kind, change)) in there {
            prop_assert_eq!(reverse(kind), back[&name].0, "{:?}", name);
            prop_assert!(is_near(change, -back[&name].1));
        }
    }

    #[test]
    fn the_waterfall_closes(pair in pairs()) {
        let found = compare(&pair, &Options::default());
        let Some(frames) = &found.frames else { return Ok(()) };
        let waterfall = &frames.waterfall;
        let sum: f64 = waterfall.rows.iter().map(|row| row.change_us).sum();
        prop_assert!(is_near(sum, waterfall.change_us));
        prop_assert!(is_near(waterfall.b_us - waterfall.a_us, waterfall.change_us));
        let own: f64 = frames.functions.iter().map(|function| function.own.change_us).sum();
        let unsampled = waterfall.rows.iter().find(|row| row.part == Part::Unsampled);
        let unsampled = unsampled.map_or(0.0, |row| row.change_us);
        prop_assert!(is_near(own + unsampled, waterfall.change_us));
        // And in print, to the last digit.
        let nanos = |text: &str| text.replace('.', "").parse::<i64>().expect("a number");
        let lines = frames.lines();
        let (total, parts) = lines.split_last().expect("there is a total");
        let printed: i64 = parts.iter().map(|line| nanos(&line.change)).sum();
        prop_assert_eq!(printed, nanos(&total.change));
        prop_assert_eq!(nanos(&total.b) - nanos(&total.a), nanos(&total.change));
    }

    #[test]
    fn identical_sides_have_not_changed(design in design(), rounds in vec(rounds(), 1..5)) {
        let found = compare(&pair(design, rounds.clone(), rounds), &Options::default());
        for change in &found.metrics {
            prop_assert!(is_near(change.ratio, 1.0));
            let unchanged = matches!(change.verdict, Verdict::Equivalent | Verdict::Inconclusive);
            prop_assert!(unchanged, "{:?}", change);
        }
        let kinds = kinds(&found);
        prop_assert!(kinds.values().all(|(kind, _)| *kind == Kind::Unsure), "{:?}", kinds);
    }

    #[test]
    fn it_survives_as_json(pair in pairs()) {
        let found = compare(&pair, &Options::default());
        let json = serde_json::to_string(&found).expect("it can be written");
        let read: Comparison = serde_json::from_str(&json).expect("it can be read");
        prop_assert_eq!(serde_json::to_string(&read).expect("it can be written"), json);
        prop_assert_eq!(&compare(&pair, &Options::default()), &found);
        prop_assert_eq!(read, found);
    }
}
