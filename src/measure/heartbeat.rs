//! Notices that the tool itself stood still: stopped by a signal, or without a CPU. What it sends
//! late then, and sees late, must not be taken for the server's doing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use crate::unit::Nanos;

/// How often it beats.
const PERIOD: Duration = Duration::from_millis(100);
/// A beat that comes later than this, beyond its time, was kept from coming.
const OVERSLEPT: Duration = Duration::from_millis(500);

/// The times in which the tool stood still.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Standstill {
    pub(super) total: Nanos,
    /// When the last one ended.
    pub(super) until: Nanos,
}

impl Standstill {
    /// With what a beat at `now` says that should have come a period after `last`.
    fn at(self, last: Nanos, now: Nanos) -> Self {
        let late = now.since(last + PERIOD.into());
        if late <= OVERSLEPT.into() {
            return self;
        }
        Self { total: self.total + late, until: now }
    }
}

/// A thread that wakes up at even times, until this is dropped.
#[derive(Debug)]
pub(super) struct Heartbeat {
    beats: Arc<Beats>,
    thread: Option<JoinHandle<()>>,
}

/// What its thread writes alone.
#[derive(Debug, Default)]
struct Beats {
    last: AtomicU64,
    total: AtomicU64,
    until: AtomicU64,
    is_over: AtomicBool,
}

impl Beats {
    fn standstill(&self) -> Standstill {
        let read = |value: &AtomicU64| Nanos(value.load(Ordering::SeqCst));
        Standstill { total: read(&self.total), until: read(&self.until) }
    }

    fn beat(&self) {
        let now = Nanos::now();
        let found = self.standstill().at(Nanos(self.last.load(Ordering::SeqCst)), now);
        self.total.store(found.total.0, Ordering::SeqCst);
        self.until.store(found.until.0, Ordering::SeqCst);
        self.last.store(now.0, Ordering::SeqCst);
    }
}

impl Heartbeat {
    /// Begins. Where the system has no thread for it, nothing is ever noticed.
    pub(super) fn start() -> Self {
        let beats = Arc::new(Beats::default());
        beats.last.store(Nanos::now().0, Ordering::SeqCst);
        let own = beats.clone();
        let beat = move || {
            while !own.is_over.load(Ordering::SeqCst) {
                thread::park_timeout(PERIOD);
                own.beat();
            }
        };
        let thread = thread::Builder::new().name("heartbeat".to_owned()).spawn(beat).ok();
        Self { beats, thread }
    }

    /// For how long the tool stood still, and until when: until now, where it has just begun to
    /// move again and its heart has not.
    pub(super) fn standstill(&self) -> Standstill {
        let known = self.beats.standstill();
        if self.thread.is_none() {
            return known;
        }
        known.at(Nanos(self.beats.last.load(Ordering::SeqCst)), Nanos::now())
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.beats.is_over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_much_too_late_is_a_standstill() {
        let ms = |ms: u64| Nanos(ms * 1_000_000);
        let none = Standstill::default();
        assert_eq!(none.at(ms(1_000), ms(1_100)), none);
        assert_eq!(none.at(ms(1_000), ms(1_600)), none, "a busy machine");
        let once = Standstill { total: ms(2_900), until: ms(4_000) };
        assert_eq!(none.at(ms(1_000), ms(4_000)), once);
        assert_eq!(once.at(ms(4_000), ms(4_100)), once);
        let twice = Standstill { total: ms(3_800), until: ms(5_000) };
        assert_eq!(once.at(ms(4_000), ms(5_000)), twice);
    }

    #[test]
    fn a_heart_beats_and_ends() {
        let heartbeat = Heartbeat::start();
        let first = heartbeat.beats.last.load(Ordering::SeqCst);
        while heartbeat.beats.last.load(Ordering::SeqCst) == first {
            thread::sleep(Duration::from_millis(5));
        }
        drop(heartbeat);
    }
}
