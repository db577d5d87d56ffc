//! The order in which requests and backends take their turns with slices of the mix that nothing
//! samples.

use super::backends::{Backend, Backends};

/// The least number of slices in a block.
const BLOCK_MIN: usize = 4;

/// What goes on in a slice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Kind {
    /// The only request of the script that is sent; none for the mix of all.
    pub(super) request: Option<usize>,
    /// What takes samples, if anything does.
    pub(super) backend: Option<Backend>,
}

/// What goes on in which slice.
///
/// Slices come in blocks. In a block each kind has two turns: the mix of all requests, and each
/// request alone where they have slices of their own, with each backend and with none. The second
/// half of a block is the first one backwards, so that a steady drift of the machine's speed adds
/// as much to each kind. From block to block the kinds move up by one place, so that whatever
/// follows a switch is spread over them: with one backend, off, on, on, off; then on, off, off, on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Turns {
    kinds: Vec<Kind>,
}

impl Turns {
    /// Of these backends, and of so many requests that have slices of their own.
    pub(super) fn of(backends: &Backends, requests: usize) -> Self {
        let loads = std::iter::once(None).chain((0..requests).map(Some));
        let sampled = || std::iter::once(None).chain(backends.as_slice().iter().copied().map(Some));
        let kinds = loads
            .flat_map(|request| sampled().map(move |backend| Kind { request, backend }))
            .collect();
        Self { kinds }
    }

    /// How many slices a block has.
    pub(super) fn block(&self) -> usize {
        (2 * self.kinds.len()).max(BLOCK_MIN)
    }

    /// After how many blocks their order comes again.
    pub(super) fn round(&self) -> usize {
        self.kinds.len()
    }

    /// What goes on in the slice at `index`.
    pub(super) fn at(&self, index: usize) -> Kind {
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

    fn turns(backends: &str, requests: usize) -> Turns {
        let backends = match backends {
            "" => Backends::none(),
            backends => backends.parse().expect("they are known"),
        };
        Turns::of(&backends, requests)
    }

    fn order(backends: &str, count: usize) -> String {
        let turns = turns(backends, 0);
        let letter = |index| match turns.at(index).backend {
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

    /// `m` is the mix and `0` a request alone; a star marks what is sampled.
    fn kinds(backends: &str, requests: usize, count: usize) -> Vec<String> {
        let turns = turns(backends, requests);
        let shown = |index| {
            let Kind { request, backend } = turns.at(index);
            let request = request.map_or("m".to_owned(), |request| request.to_string());
            format!("{request}{}", if backend.is_some() { "*" } else { "" })
        };
        (0..count).map(shown).collect()
    }

    #[test]
    fn each_request_has_its_turns_beside_the_mix() {
        assert_eq!(kinds("perf-event", 2, 12).join(" "), "m m* 0 0* 1 1* 1* 1 0* 0 m* m");
        assert_eq!(kinds("", 3, 16).join(" "), "m 0 1 2 2 1 0 m 0 1 2 m m 2 1 0");
        let requests = 3;
        let count = 2 * 2 * (requests + 1);
        let all = kinds("pprof", requests, count * 8);
        let mut at_place = std::collections::BTreeMap::new();
        for block in all.chunks(count) {
            for kind in &all[..count / 2] {
                let places: Vec<usize> = (0..count).filter(|at| block[*at] == *kind).collect();
                assert_eq!((places.len(), places.iter().sum::<usize>()), (2, count - 1));
                *at_place.entry((kind, places[0])).or_insert(0) += 1;
            }
        }
        // Over as many blocks as there are kinds, each has each place once.
        assert!(at_place.len() == count / 2 * (count / 2) && at_place.values().all(|n| *n == 1));
    }
}
