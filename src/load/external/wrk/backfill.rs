//! wrk's back-fill, undone.
//!
//! After a run, wrk adds latencies that it did not observe to its table: for each latency of at
//! least two mean cycles, one a cycle shorter, one two cycles shorter, and so on down to one cycle,
//! as if requests had gone on being sent meanwhile (`stats_correct` in its `stats.c`). A mean
//! cycle is its run time over the requests of one connection, in whole microseconds. Each added
//! latency is shorter than the one it comes from, so that they can be taken away again, from the
//! longest down, and what was observed is left. Those shorter than any that was observed do not
//! show: wrk's table starts at its shortest.

use std::collections::BTreeMap;

/// Latencies in microseconds, and how often each was counted.
pub(super) type Buckets = BTreeMap<u64, u64>;

/// So many steps take about a second; wrk itself took as many.
const STEPS_MAX: u64 = 100_000_000;

/// The mean cycle in microseconds, as wrk computes it; none if nothing is added.
pub(super) fn cycle(duration_us: u64, requests: u64, connections: u64) -> Option<u64> {
    let of_one = requests.checked_div(connections)?;
    duration_us.checked_div(of_one).filter(|cycle| *cycle > 0)
}

/// What was observed, if `filled` is that with back-fill for this cycle; none if it cannot be.
pub(super) fn undone(filled: &Buckets, cycle: u64) -> Option<Buckets> {
    let mut buckets = filled.clone();
    let shortest = filled.keys().next().copied().unwrap_or(0);
    let mut steps = 0;
    let longest_first: Vec<u64> = filled.keys().rev().copied().collect();
    for latency in longest_first {
        if latency < cycle.checked_mul(2)? {
            break;
        }
        let count = buckets.get(&latency).copied().unwrap_or(0);
        if count == 0 {
            continue;
        }
        steps += latency / cycle;
        if steps > STEPS_MAX {
            return None;
        }
        let mut added = latency - cycle;
        while added > cycle && added >= shortest {
            let there = buckets.get_mut(&added)?;
            *there = there.checked_sub(count)?;
            added -= cycle;
        }
    }
    buckets.retain(|_, count| *count > 0);
    Some(buckets)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::btree_map, prelude::*};

    use super::*;

    /// What wrk does: for each latency in ascending order, with the counts as they are by then.
    fn fill(observed: &Buckets, cycle: u64) -> Buckets {
        let mut filled = observed.clone();
        let shortest = observed.keys().next().copied().unwrap_or(0);
        let longest = observed.keys().next_back().copied().unwrap_or(0);
        for latency in cycle * 2..=longest {
            let count = filled.get(&latency).copied().unwrap_or(0);
            let mut added = latency - cycle;
            while count > 0 && added > cycle {
                *filled.entry(added).or_default() += count;
                added -= cycle;
            }
        }
        filled.retain(|latency, _| *latency >= shortest);
        filled
    }

    proptest! {
        #[test]
        fn what_was_observed_is_left(
            observed in btree_map(1_u64..3_000, 1_u64..50, 0..40),
            cycle in 1_u64..500,
        ) {
            prop_assert_eq!(undone(&fill(&observed, cycle), cycle), Some(observed));
        }

        #[test]
        fn anything_else_is_refused_or_has_no_more(
            buckets in btree_map(any::<u64>(), any::<u64>(), 0..40),
            cycle in 1_u64..,
        ) {
            if let Some(left) = undone(&buckets, cycle) {
                for (latency, count) in left {
                    prop_assert!(count <= buckets.get(&latency).copied().unwrap_or(0));
                }
            }
        }
    }

    #[test]
    fn a_cycle_is_that_of_one_connection() {
        assert_eq!(cycle(1_000_000, 1_000, 10), Some(10_000));
        assert_eq!((cycle(1_000_000, 9, 10), cycle(1, 10, 1), cycle(5, 5, 0)), (None, None, None));
    }
}
