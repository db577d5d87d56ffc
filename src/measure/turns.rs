//! The order in which backends take their turns with slices that nothing samples.

use super::backends::{Backend, Backends};

/// The least number of slices in a block.
const BLOCK_MIN: usize = 4;

/// Who samples in which slice.
///
/// Slices come in blocks. In a block each backend has two turns, and so has none at all; the
/// second half of a block is the first one backwards, so that a steady drift of the machine's
/// speed adds as much to each kind. From block to block the kinds move up by one place, so that
/// whatever follows a switch is spread over them: with one backend, off, on, on, off; then on,
/// off, off, on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turns {
    kinds: Vec<Option<Backend>>,
}

impl Turns {
    pub(super) fn of(backends: &Backends) -> Self {
        let backends = backends.as_slice().iter().copied().map(Some);
        Self { kinds: std::iter::once(None).chain(backends).collect() }
    }

    /// How many slices a block has.
    pub(super) fn block(&self) -> usize {
        (2 * self.kinds.len()).max(BLOCK_MIN)
    }

    /// What samples in the slice at `index`.
    pub(super) fn at(&self, index: usize) -> Option<Backend> {
        let (block, place) = (index / self.block(), index % self.block());
        let kinds = self.kinds.len();
        let place = place % (2 * kinds);
        let place = if place < kinds { place } else { 2 * kinds - 1 - place };
        self.kinds[(place + block) % kinds]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(backends: &str, count: usize) -> String {
        let backends = match backends {
            "" => Backends::none(),
            backends => backends.parse().expect("they are known"),
        };
        let turns = Turns::of(&backends);
        let letter = |index| match turns.at(index) {
            None => '.',
            Some(Backend::PerfEvent) => 'E',
            Some(Backend::Pprof) => 'P',
            Some(Backend::PySpy) => 'Y',
        };
        (0..count).map(letter).collect()
    }

    #[test]
    fn the_order_is_balanced_within_blocks_and_between_them() {
        assert_eq!(order("perf-event", 8), ".EE.E..E");
        assert_eq!(order("perf-event,pprof", 18), ".EPPE.EP..PEP.EE.P");
        assert_eq!(order("py-spy,perf-event,pprof", 8), ".YEPPEY.");
        assert_eq!(order("", 4), "....");
        for backends in ["perf-event", "pprof,perf-event"] {
            let block = 2 * (backends.split(',').count() + 1);
            let kinds: Vec<char> = order(backends, block * 6).chars().collect();
            for block in kinds.chunks(block) {
                for kind in ['.', 'E'] {
                    let of_kind = block.iter().enumerate().filter(|(_, found)| **found == kind);
                    let places: Vec<usize> = of_kind.map(|(place, _)| place).collect();
                    assert_eq!(places.len(), 2);
                    assert_eq!(places.iter().sum::<usize>(), block.len() - 1);
                }
            }
        }
    }
}
