//! A short rest between two rounds of a saturated closed loop, so that responses gather.
//!
//! A generator that is faster than the server is woken for every single response: the wake-up and
//! the sleep after it cost both sides more than the reading and the writing. With many requests
//! under way the server has enough to do without the one that has just been answered, and the
//! responses of some microseconds are taken in one round.

use std::num::NonZeroU64;

use rustix::{
    fs::Timespec,
    thread::{nanosleep, set_current_timer_slack},
};

use crate::unit::Nanos;

/// With fewer requests under way, the server might run dry.
const BUSY_MIN: usize = 16;
/// A round that took this part of what is under way took enough.
const ENOUGH: usize = 8;
/// A rest lasts this part of a service time, and so long at most: it may delay the reading of a
/// response by so much.
const PART: u64 = 5;
const LONGEST: Nanos = Nanos(100_000);
/// A shorter one costs more than it saves.
const SHORTEST: Nanos = Nanos(10_000);
/// A rest has been worth it if at least so many responses came in it; else there is none for so
/// many rounds.
const WORTH: usize = 3;
const PAUSE: u32 = 256;

/// Decides when to rest.
#[derive(Debug, Default)]
pub(super) struct Lull {
    has_rested: bool,
    /// Rounds until it is tried again.
    pause: u32,
}

impl Lull {
    /// Lets the thread rest for as long as it says, and not for the 50 µs more that the kernel may add.
    pub(super) fn prepare() {
        // Without it, rests are longer: that is all.
        let _ = set_current_timer_slack(Some(NonZeroU64::MIN));
    }

    /// Rests after a round of so many events, if that is of use: with so many requests under way,
    /// of which the last one took `latency`.
    pub(super) fn rest(&mut self, events: usize, busy: usize, latency: Nanos) {
        if let Some(time) = self.after(events, busy, latency) {
            let time = Timespec { tv_sec: 0, tv_nsec: time.0 as i64 };
            // A signal may end it early, which does no harm.
            let _ = nanosleep(&time);
        }
    }

    fn after(&mut self, events: usize, busy: usize, latency: Nanos) -> Option<Nanos> {
        if std::mem::take(&mut self.has_rested) && events < WORTH {
            self.pause = PAUSE;
        }
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        let time = Nanos(latency.0 / PART).min(LONGEST);
        self.has_rested = busy >= BUSY_MIN && events * ENOUGH < busy && time >= SHORTEST;
        self.has_rested.then_some(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATENCY: Nanos = Nanos(200_000);

    #[test]
    fn it_rests_only_while_many_are_under_way_and_few_come() {
        let rest = |events, busy, latency| Lull::default().after(events, busy, latency);
        assert_eq!(rest(1, 64, LATENCY), Some(Nanos(40_000)));
        assert_eq!(rest(1, 64, Nanos(10_000_000)), Some(LONGEST));
        assert_eq!(rest(8, 64, LATENCY), None);
        assert_eq!(rest(1, 15, LATENCY), None);
        assert_eq!(rest(1, 64, Nanos(40_000)), None);
    }

    #[test]
    fn it_pauses_where_nothing_gathers() {
        let mut lull = Lull::default();
        assert!(lull.after(1, 64, LATENCY).is_some());
        assert!(lull.after(5, 64, LATENCY).is_some());
        for _ in 0..PAUSE {
            assert_eq!(lull.after(2, 64, LATENCY), None);
        }
        assert!(lull.after(1, 64, LATENCY).is_some());
    }
}
