//! The stacks of both sides, against the functions that are compared.

use super::support::{figures, pair};
use crate::compare::{Design, Function, Metric, Options, Pair, Round, Sampled, Stacks, compare};

/// A round with these stacks, each with how often it was seen, and so many microseconds in all.
fn round(us: f64, stacks: &[(&str, u64)]) -> Round {
    let mut seen = Stacks::default();
    for (stack, samples) in stacks {
        let function = |name: &str| Function { name: name.to_owned(), kernel: false };
        seen.add(stack.split(';').map(function), *samples);
    }
    let profile = Some(Sampled { stacks: seen, us_per_request: us });
    Round { profile, ..figures(&[(Metric::Cpu, us + 1.0)]) }
}

fn sides() -> Pair {
    pair(
        Design::Interleaved,
        vec![
            round(10.0, &[("main;parse<A>", 60), ("main;render", 40)]),
            round(12.0, &[("main;parse<A>", 50), ("main", 50)]),
        ],
        vec![round(14.0, &[("main;parse<B>", 70), ("main;render;parse<B>", 30)])],
    )
}

#[test]
fn stacks_have_the_names_and_costs_of_the_functions() {
    let pair = sides();
    let paths = pair.paths().expect("both sides have samples");
    let frames = compare(&pair, &Options::default()).frames.expect("both sides have samples");
    assert_eq!(paths.functions.len(), frames.functions.len());
    for (at, change) in frames.functions.iter().enumerate() {
        assert_eq!(paths.functions[at].name, change.name);
        let own = paths.paths.iter().filter(|path| path.functions.last() == Some(&at));
        let total = paths.paths.iter().filter(|path| path.functions.contains(&at));
        let sum = |side: usize, of: &mut dyn Iterator<Item = &crate::compare::Path>| -> f64 {
            of.map(|path| path.us[side]).sum()
        };
        for (side, expected) in [(0, change.own.a_us), (1, change.own.b_us)] {
            assert!((sum(side, &mut own.clone()) - expected).abs() < 1e-9, "{}", change.name);
        }
        for (side, expected) in [(0, change.total.a_us), (1, change.total.b_us)] {
            assert!((sum(side, &mut total.clone()) - expected).abs() < 1e-9, "{}", change.name);
        }
    }
    // `parse<A>` and `parse<B>` are one.
    let names: Vec<&str> = paths.functions.iter().map(|function| &*function.name).collect();
    assert_eq!(names, ["main", "parse", "render"]);
    assert_eq!(paths.unsampled_us, [1.0, 1.0]);
}

#[test]
fn what_cannot_be_compared_has_no_stacks() {
    let without = Pair { without_frames: Some("the kernel was not seen".to_owned()), ..sides() };
    assert_eq!(without.paths(), None);
    let one_side = Pair { b: crate::compare::Side::default(), ..sides() };
    assert_eq!(one_side.paths(), None);
}
