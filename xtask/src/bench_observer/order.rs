//! The order of slices, in which drift cancels.

/// Whose turn it is in a round, by index: everybody once, and then in reverse. Each round begins
/// with the next one, so that nobody is always in the middle, where two slices follow each other.
pub(super) fn turns(kinds: usize, round: usize) -> Vec<usize> {
    let there = (0..kinds).map(|place| (place + round) % kinds);
    there.clone().chain(there.rev()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drift_favours_nobody() {
        for kinds in 1..10 {
            for round in 0..20 {
                let turns = turns(kinds, round);
                assert_eq!(turns.len(), 2 * kinds);
                for kind in 0..kinds {
                    let places = turns.iter().enumerate().filter(|(_, turn)| **turn == kind);
                    let places: Vec<usize> = places.map(|(place, _)| place).collect();
                    // The middle of everybody's turns is the middle of the round.
                    assert_eq!((places.len(), places.iter().sum()), (2, 2 * kinds - 1));
                }
            }
        }
    }

    #[test]
    fn everybody_begins_and_is_in_the_middle_alike() {
        let kinds = 7;
        let at = |place: usize| {
            let mut whose: Vec<usize> =
                (0..kinds).map(|round| turns(kinds, round)[place]).collect();
            whose.sort_unstable();
            whose
        };
        for place in 0..2 * kinds {
            assert_eq!(at(place), (0..kinds).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nobody_has_no_turns() {
        assert!(turns(0, 3).is_empty());
    }
}
