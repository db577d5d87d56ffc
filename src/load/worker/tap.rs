//! What the threads share with the generator: the tap, and a gauge for each thread.

use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

/// Opens and closes the traffic of all threads: odd while it flows, even while it is closed.
///
/// Every change is one more, so that no thread can miss a slice however short.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(in crate::load) struct Tap(AtomicU64);

impl Tap {
    /// The last position, at which all threads end.
    pub(super) const STOP: u64 = u64::MAX;

    pub(in crate::load) fn is_open(&self) -> bool {
        is_open_at(self.position())
    }

    /// Opens a closed tap, or closes an open one.
    pub(in crate::load) fn turn(&self) {
        self.0.fetch_add(1, AcqRel);
    }

    /// Ends all threads.
    pub(in crate::load) fn stop(&self) {
        self.0.store(Self::STOP, Release);
    }

    pub(super) fn position(&self) -> u64 {
        self.0.load(Acquire)
    }

    /// Whether the tap is open and still where a thread at `position` thinks it is.
    ///
    /// This is asked before every request, so that closing takes effect at the next one.
    pub(super) fn flows_at(&self, position: u64) -> bool {
        is_open_at(position) && self.0.load(Relaxed) == position
    }
}

pub(super) fn is_open_at(position: u64) -> bool {
    position % 2 == 1
}

/// What others may read of a running thread; alone on its cache line, since it is written often.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(in crate::load) struct Gauge {
    pub(in crate::load) completed: AtomicU64,
    pub(in crate::load) live: AtomicUsize,
}
