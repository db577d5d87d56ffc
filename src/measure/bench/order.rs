//! The order of a benchmark: no target is always first, and none always last.

/// One measurement: a round of a target at a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) level: usize,
    pub(super) round: usize,
    pub(super) entrant: usize,
    /// Its place in the whole order.
    pub(super) place: usize,
}

/// Level by level, and at each in rounds of all targets: `A B C`, then `C B A`, and so on.
///
/// In two rounds, each target has the same mean place, so that a steady drift of the machine's
/// speed favours none. Where the number of rounds is odd, the next level begins the other way.
pub(super) fn turns(levels: usize, rounds: usize, entrants: usize) -> Vec<Turn> {
    let mut turns = Vec::with_capacity(levels * rounds * entrants);
    for index in 0..levels * rounds {
        for step in 0..entrants {
            let entrant = if index.is_multiple_of(2) { step } else { entrants - 1 - step };
            let (level, round) = (index / rounds, index % rounds);
            turns.push(Turn { level, round, entrant, place: turns.len() });
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn targets_take_turns() {
        let text = turns(2, 3, 3).chunks(9).fold(String::new(), |text, level| {
            let rounds = level.chunks(3).map(|round| {
                let letters = round.iter().map(|turn| ['A', 'B', 'C'][turn.entrant]);
                letters.collect::<String>()
            });
            text + &rounds.collect::<Vec<_>>().join(" ") + "\n"
        });
        expect![[r#"
            ABC CBA ABC
            CBA ABC CBA
        "#]]
        .assert_eq(&text);
    }

    proptest! {
        #[test]
        fn drift_favours_no_target(levels in 1_usize..4, rounds in 1_usize..7, entrants in 1_usize..6) {
            let all = turns(levels, rounds, entrants);
            let distinct: BTreeSet<_> =
                all.iter().map(|turn| (turn.level, turn.round, turn.entrant)).collect();
            prop_assert_eq!(distinct.len(), levels * rounds * entrants, "each turn is there, once");
            prop_assert!(all.iter().enumerate().all(|(place, turn)| turn.place == place));
            prop_assert!(all.is_sorted_by_key(|turn| (turn.level, turn.round)));
            // Over any two rounds in a row, each has the same mean place.
            for pair in all.chunks_exact(2 * entrants) {
                let places = |entrant| {
                    pair.iter().filter(move |turn| turn.entrant == entrant).map(|turn| turn.place)
                };
                let sums: BTreeSet<usize> = (0..entrants).map(|entrant| places(entrant).sum()).collect();
                prop_assert_eq!(sums.len(), 1);
            }
        }
    }
}
