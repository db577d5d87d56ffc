//! Profiles that agree, that scatter, and that see different things.

use proptest::prelude::*;

use super::*;
use crate::{fold::folded::tests::profile, unit::Samples};

fn compare(first: &str, second: &str) -> Agreement {
    agreement(&profile(first), &profile(second), 20).expect("both have samples")
}

#[track_caller]
fn near(found: Ratio, expected: f64) {
    assert!((found.0 - expected).abs() < 1e-9, "{found:?}, not {expected}");
}

#[test]
fn the_overlap_is_what_both_give_to_the_same_function() {
    let stacks = "app/app;main;f 60\napp/app;main;g 40\n";
    let same = compare(stacks, stacks);
    near(same.overlap, 1.0);
    assert!(same.by_chance.0 < 1.0 && same.covers == [Ratio(1.0); 2]);
    let other = compare(stacks, "app/app;main;f 20\napp/app;main;h 180\n");
    near(other.overlap, 0.1);
    let names: Vec<&str> = other.functions.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["h", "f", "g"]);
    assert_eq!(other.functions[0].shares, [Ratio(0.0), Ratio(0.9)]);
}

#[test]
fn time_in_the_kernel_belongs_to_the_function_that_went_there() {
    let with = "app/app;main;send;tcp_[k];copy_[k] 70\napp/app;main;f 30\napp/app;exit_[k] 9\n";
    near(compare(with, "app/app;main;send 7\napp/app;main;f 3\n").overlap, 1.0);
}

#[test]
fn spelling_is_no_difference() {
    near(compare("a/a;f[go.shape.int] 5\n", "a/a;f[...] 3\n").overlap, 1.0);
}

#[test]
fn only_the_hottest_of_either_count() {
    let stacks = |own: &str| format!("a/a;f 50\na/a;g 30\na/a;{own} 10\na/a;rest 10\n");
    let [first, second] = ["x", "y"].map(|own| profile(&stacks(own)));
    let found = agreement(&first, &second, 2).expect("both have samples");
    near(found.overlap, 1.0);
    near(found.covers[0], 0.8);
    assert_eq!(found.functions.len(), 2);
}

#[test]
fn without_samples_there_is_no_agreement() {
    assert_eq!(agreement(&profile(""), &profile("a/a;f 1\n"), 20), None);
}

/// Two samples of one truth, drawn a thousand times by a generator that is always the same.
#[test]
fn by_chance_is_what_two_samples_of_one_truth_come_to() {
    let truth = [0.4, 0.3, 0.2, 0.07, 0.03];
    let mut state = 1_u64;
    let mut draw = |size: u64| {
        let mut profile = profile("a/a;f0 1\na/a;f1 1\na/a;f2 1\na/a;f3 1\na/a;f4 1\n");
        let mut counts = [0_u64; 5];
        for _ in 0..size {
            // Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let mut point = (word ^ (word >> 31)) as f64 / u64::MAX as f64;
            let index = truth.iter().position(|share| {
                point -= share;
                point < 0.0
            });
            counts[index.unwrap_or(4)] += 1;
        }
        for (sample, count) in profile.samples.iter_mut().zip(counts) {
            sample.weight = Samples(count);
        }
        profile
    };
    let (mut seen, mut predicted) = (0.0, 0.0);
    let rounds = 1000;
    for _ in 0..rounds {
        let found = agreement(&draw(500), &draw(200), 20).expect("both have samples");
        seen += found.overlap.0 / f64::from(rounds);
        predicted += found.by_chance.0 / f64::from(rounds);
    }
    assert!((seen - predicted).abs() < 0.003, "{seen} seen, {predicted} predicted");
    assert!((0.9..0.98).contains(&seen), "{seen}");
}

proptest! {
    #[test]
    fn shares_add_up_and_no_overlap_is_above_one(
        first in prop::collection::vec((0_u8..6, 1_u64..100), 1..9),
        second in prop::collection::vec((0_u8..6, 1_u64..100), 1..9),
        top in 1_usize..8,
    ) {
        let text = |counts: &[(u8, u64)]| -> String {
            counts.iter().map(|(f, n)| format!("a/a;f{f} {n}\n")).collect()
        };
        let found = agreement(&profile(&text(&first)), &profile(&text(&second)), top);
        let found = found.expect("both have samples");
        prop_assert!((0.0..=1.0).contains(&found.overlap.0) && (0.0..=1.0).contains(&found.by_chance.0));
        for side in 0..2 {
            let sum: f64 = found.functions.iter().map(|f| f.shares[side].0).sum();
            prop_assert!((sum - 1.0).abs() < 1e-9);
        }
        let turned = agreement(&profile(&text(&second)), &profile(&text(&first)), top);
        prop_assert!((turned.expect("the same").overlap.0 - found.overlap.0).abs() < 1e-12);
    }
}
