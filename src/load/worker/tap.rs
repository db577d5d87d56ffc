//! What the threads share with the generator: the tap, and a gauge for each thread.

use std::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};

use crate::unit::Nanos;

/// Opens and closes the traffic of all threads: odd while it flows, even while it is closed.
///
/// Every change adds to it, so that no thread can miss a slice however short: one to open or to
/// close, two to cut an open one in two.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(in crate::load) struct Tap {
    position: AtomicU64,
    /// When the script's course began, zero before it does.
    course: AtomicU64,
    /// The only kind of request that is sent, counted from 1; zero for the mix of all.
    only: AtomicUsize,
}

impl Tap {
    /// The last position, at which all threads end.
    pub(in crate::load) const STOP: u64 = u64::MAX;

    pub(in crate::load) fn is_open(&self) -> bool {
        is_open_at(self.position())
    }

    /// Opens a closed tap, or closes an open one.
    pub(in crate::load) fn turn(&self) {
        self.position.fetch_add(1, AcqRel);
    }

    /// Ends a slice of an open tap and begins the next.
    pub(in crate::load) fn cut(&self) {
        self.position.fetch_add(2, AcqRel);
    }

    /// Ends all threads.
    pub(in crate::load) fn stop(&self) {
        self.position.store(Self::STOP, Release);
    }

    /// The script's course begins at `start`; the threads see it at the tap's next change.
    pub(in crate::load) fn set_course(&self, start: Nanos) {
        self.course.store(start.0, Relaxed);
    }

    /// When the script's course began, if it has.
    pub(in crate::load) fn course(&self) -> Option<Nanos> {
        Some(Nanos(self.course.load(Relaxed))).filter(|start| *start > Nanos(0))
    }

    /// From its next request on, each thread sends this kind only; the mix of all if none.
    pub(in crate::load) fn set_only(&self, kind: Option<usize>) {
        self.only.store(kind.map_or(0, |kind| kind + 1), Relaxed);
    }

    /// The only kind of request to send, if not the mix of all.
    pub(in crate::load) fn only(&self) -> Option<usize> {
        self.only.load(Relaxed).checked_sub(1)
    }

    pub(in crate::load) fn position(&self) -> u64 {
        self.position.load(Acquire)
    }

    /// Whether a thread at `position` may send.
    ///
    /// This is asked before every request, so that closing takes effect at the next one. Where
    /// both are odd but differ, the slice was cut: the traffic goes on.
    pub(in crate::load) fn flows_at(&self, position: u64) -> bool {
        is_open_at(position) && is_open_at(self.position.load(Relaxed))
    }
}

pub(in crate::load) fn is_open_at(position: u64) -> bool {
    position % 2 == 1 && position != Tap::STOP
}

/// What the generator and one running thread tell each other; alone on its cache line, since it is
/// written often.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(in crate::load) struct Gauge {
    pub(in crate::load) completed: AtomicU64,
    pub(in crate::load) live: AtomicUsize,
    /// The requests that the next slice may send.
    pub(in crate::load) quota: AtomicU64,
    /// The tap's position up to which the quotas are used and every request has ended.
    spent: AtomicU64,
}

impl Gauge {
    /// Tells that the quota of the slice at `position` is used and nothing is under way.
    pub(in crate::load) fn set_spent(&self, position: u64) {
        self.spent.store(position, Release);
    }

    pub(in crate::load) fn is_spent(&self, position: u64) -> bool {
        self.spent.load(Acquire) >= position
    }
}
