//! The order in which two sides take their turns in a round.

use std::time::Duration;

use crate::{
    measure::{agenda::Place, backends::Backend},
    unit::Nanos,
};

/// How long a slice lasts: short against the drift of the machine, long against a switch.
const SLICE: Duration = Duration::from_millis(200);
/// The least where there is little time: a slice begins and ends without load, which takes some
/// milliseconds.
const SLICE_MIN: Duration = Duration::from_millis(50);
/// Slices of a block: each side has two, in an order in which a steady drift cancels.
const BLOCK: usize = 4;
/// Blocks of a round, of which one is sampled.
const BLOCKS: usize = 4;
/// The block that is sampled.
const SAMPLED: usize = 1;

/// A turn of a side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slot {
    /// Whose it is: 0 is A, 1 is B.
    pub(super) side: usize,
    /// Which block of the round it belongs to.
    pub(super) block: u32,
    /// Its place among the slices of its side.
    pub(super) place: Place,
}

/// Who is launched first in a round, and begins it.
pub(super) fn leader(round: usize) -> usize {
    round % 2
}

/// How long a slice lasts where so many rounds have so much time.
pub(super) fn slice(time: Duration, rounds: usize) -> Duration {
    (time / (BLOCK * BLOCKS * rounds.max(1)) as u32).clamp(SLICE_MIN, SLICE)
}

/// How long the slices of a round last together.
pub(super) fn duration(slice: Duration) -> Duration {
    slice * (BLOCK * BLOCKS) as u32
}

/// The turns of a round. Each block is led by the other side than the one before, but for the one
/// that `backend` samples, which has the order of the one before; in the next round, all is the
/// other way round. So each side leads as often, and as often has the turn after its own, with the
/// caches still its own.
pub(super) fn slots(round: usize, slice: Duration, backend: Option<Backend>) -> Vec<Slot> {
    let mut ends = [Nanos(0); 2];
    let turns = (0..BLOCKS).flat_map(|block| (0..BLOCK).map(move |turn| (block, turn)));
    let slot = |(block, turn): (usize, usize)| {
        let before = block - usize::from(block >= SAMPLED);
        let first = (leader(round) + before) % 2;
        let side = if turn == 0 || turn == 3 { first } else { 1 - first };
        ends[side] += Nanos::from(slice);
        let backend = backend.filter(|_| block == SAMPLED);
        let place = Place { backend, recorded: true, end: ends[side], ..Place::default() };
        Slot { side, block: block as u32, place }
    };
    turns.map(slot).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_have_the_same_turns() {
        let shown = |round| -> String {
            let letter = |slot: &Slot| {
                let letter = ['a', 'b'][slot.side];
                if slot.place.is_sampled() { letter.to_ascii_uppercase() } else { letter }
            };
            slots(round, SLICE, Some(Backend::PerfEvent)).iter().map(letter).collect()
        };
        assert_eq!(shown(0), "abbaABBAbaababba");
        assert_eq!(shown(1), "baabBAABabbabaab");
        // Over two rounds, without those that are sampled: who leads, and who follows himself.
        let plain = (shown(0) + &shown(1)).replace(char::is_uppercase, "-");
        let count = |what: &str| plain.matches(what).count();
        assert_eq!((count("abba"), count("aa")), (count("baab"), count("bb")));
        assert!(slots(0, SLICE, None).iter().all(|slot| !slot.place.is_sampled()));
        let ends = |side| slots(0, SLICE, None).into_iter().filter(move |slot| slot.side == side);
        let last = ends(1).next_back().expect("it has turns").place.end;
        assert_eq!((ends(0).count(), last), (8, Nanos::from(SLICE * 8)));
    }

    #[test]
    fn little_time_is_kept_by_shorter_slices() {
        let whole = |seconds| duration(slice(Duration::from_secs(seconds), 4)) * 4;
        assert_eq!(whole(4), Duration::from_secs(4));
        assert_eq!(whole(1), Duration::from_millis(3200));
        assert_eq!(whole(60), Duration::from_millis(12_800));
    }
}
