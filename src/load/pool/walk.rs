//! A thread's way through a pool.

use super::Pool;

/// A thread's way through a pool: through all of it, or through the requests of one kind only.
/// Each way goes on where it was left.
#[derive(Debug, Clone)]
pub(in crate::load) struct Walk {
    /// The next place in the order of the whole pool.
    next: usize,
    /// The next place among those of each kind.
    next_of_kind: Vec<usize>,
}

impl Walk {
    /// The way of the thread number `index` of so many: threads far apart in the pool do not ask
    /// for the same at the same time.
    pub(in crate::load) fn new(pool: &Pool, index: usize, of: usize) -> Self {
        let start = |length: usize| length / of.max(1) * index;
        let next_of_kind = pool.of_kind.iter().map(|places| start(places.len())).collect();
        Self { next: start(pool.len()), next_of_kind }
    }

    /// The place of the next request, of the kind number `only` if there is one.
    pub(in crate::load) fn next(&mut self, pool: &Pool, only: Option<usize>) -> usize {
        let kind = only.and_then(|kind| Some((self.next_of_kind.get_mut(kind)?, kind)));
        if let Some((next, kind)) = kind
            && let Some(places) = pool.of_kind.get(kind)
            && let Some(place) = places.get(*next)
        {
            *next = if *next + 1 < places.len() { *next + 1 } else { 0 };
            return *place as usize;
        }
        let place = self.next;
        self.next = if place + 1 < pool.len() { place + 1 } else { 0 };
        place
    }
}
