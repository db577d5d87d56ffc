//! The slices that a measurement is going to have: how they end, how long they are, which are
//! sampled.

use std::{num::NonZeroU64, time::Duration};

use crate::{
    load::{Extent, Pace, Script, Stage, Think},
    unit::Nanos,
};

/// How long a slice lasts: short against the drift of the machine, long against a switch.
pub(super) const SLICE: Duration = Duration::from_millis(250);
/// Slices come in blocks of this many, two of either kind.
pub(super) const BLOCK: usize = 4;

/// The slices to come, in their order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Agenda {
    pub(super) way: Way,
    pub(super) places: Vec<Place>,
    /// How long all of them take together; none where only the requests are known.
    pub(super) duration: Option<Nanos>,
}

/// How slices are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The load stops between two slices, until every response has come.
    Drained,
    /// The same, and a slice is so many requests.
    Counted(NonZeroU64),
    /// The load flows on, and is cut where a slice ends: what is under way belongs to the next.
    Flowing,
}

/// The place of a slice in the measurement.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Whether samples are taken.
    pub sampled: bool,
    /// Whether it is part of what the headline is about.
    pub recorded: bool,
    /// The stage it belongs to, where the load has stages.
    pub stage: Option<usize>,
    /// When it ends, since the window began; of no meaning where a slice is counted.
    pub end: Nanos,
}

impl Agenda {
    pub(super) fn of(script: &Script) -> Self {
        match &script.extent {
            Extent::Requests(count) => Self::counted(*count),
            Extent::Stages { stages, .. } => Self::staged(stages),
            Extent::Duration(duration) if flows(&script.pace) => {
                let mut agenda = Self::flowing();
                agenda.add(None, *duration, true);
                agenda
            }
            Extent::Duration(duration) => Self::drained(*duration),
        }
    }

    /// The same slices, none of them sampled.
    pub(super) fn unsampled(mut self) -> Self {
        self.places.iter_mut().for_each(|place| place.sampled = false);
        self
    }

    fn counted(count: NonZeroU64) -> Self {
        let place = |index| Place {
            sampled: is_sampled(index),
            recorded: true,
            stage: None,
            end: Nanos(0),
        };
        let places = (0..BLOCK).map(place).collect();
        Self { way: Way::Counted(count), places, duration: None }
    }

    /// Whole blocks of slices of the same length, and at least one.
    fn drained(duration: Duration) -> Self {
        let blocks = duration.div_duration_f64(SLICE * BLOCK as u32).round().max(1.0);
        let total = SLICE * (blocks as u32 * BLOCK as u32);
        let mut agenda = Self { way: Way::Drained, ..Self::flowing() };
        agenda.add(None, total, true);
        agenda
    }

    fn staged(stages: &[Stage]) -> Self {
        let mut agenda = Self::flowing();
        for (index, stage) in stages.iter().enumerate() {
            agenda.add(Some(index), stage.duration, stage.record);
        }
        agenda
    }

    fn flowing() -> Self {
        Self { way: Way::Flowing, places: Vec::new(), duration: Some(Nanos(0)) }
    }

    /// Divides a time evenly into whole blocks, so that no slice lies in two stages.
    fn add(&mut self, stage: Option<usize>, duration: Duration, recorded: bool) {
        let blocks = duration.div_duration_f64(SLICE * BLOCK as u32).round().max(1.0) as usize;
        let start = self.duration.unwrap_or_default();
        let span = Nanos::from(duration);
        let count = blocks * BLOCK;
        for index in 1..=count {
            let sampled = is_sampled(self.places.len());
            let offset = (u128::from(span.0) * index as u128 / count as u128) as u64;
            self.places.push(Place { sampled, recorded, stage, end: start + Nanos(offset) });
        }
        self.duration = Some(start + span);
    }
}

/// Whether a load must not be stopped between slices: users that think, and schedules, go on.
fn flows(pace: &Pace) -> bool {
    match pace {
        Pace::Closed { think, .. } => *think != Think::None,
        Pace::Open { .. } => true,
    }
}

/// Whether the slice at `index` is sampled: off, on, on, off; then on, off, off, on; and so on.
///
/// Within a block, a steady drift of the machine's speed adds as much to either kind; from block
/// to block, so does whatever follows a switch.
pub(super) fn is_sampled(index: usize) -> bool {
    let (block, place) = (index / BLOCK, index % BLOCK);
    let inner = place == 1 || place == 2;
    inner == block.is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[test]
    fn the_order_is_balanced_within_blocks_and_between_them() {
        let order: String = (0..8).map(|i| if is_sampled(i) { 'S' } else { '.' }).collect();
        assert_eq!(order, ".SS.S..S");
        for start in (0..80).step_by(BLOCK) {
            let places = |sampled| (0..BLOCK).filter(move |i| is_sampled(start + i) == sampled);
            assert_eq!(places(true).count(), places(false).count());
            assert_eq!(places(true).sum::<usize>(), places(false).sum::<usize>());
        }
    }

    /// The way, then each slice with its kind, its end in milliseconds and its stage.
    #[track_caller]
    fn check(agenda: &Agenda, expected: Expect) {
        let slices = agenda.places.iter().map(|place| {
            let kind = if place.sampled { 'S' } else { '.' };
            let end = place.end.0 as f64 / 1e6;
            let stage = place.stage.map(|stage| format!("/{stage}")).unwrap_or_default();
            format!("{kind}{end}{stage}{}", if place.recorded { "" } else { "-" })
        });
        let slices: Vec<String> = slices.collect();
        expected.assert_eq(&format!("{:?} {}", agenda.way, slices.join(" ")));
    }

    #[test]
    fn a_drained_window_has_whole_blocks() {
        check(
            &Agenda::drained(Duration::from_millis(1400)),
            expect!["Drained .250 S500 S750 .1000"],
        );
        check(&Agenda::drained(Duration::from_millis(1)), expect!["Drained .250 S500 S750 .1000"]);
        assert_eq!(Agenda::drained(Duration::from_secs(10)).places.len(), 40);
    }

    #[test]
    fn a_count_is_one_block() {
        let count = NonZeroU64::new(200).expect("it is not zero");
        check(&Agenda::counted(count), expect!["Counted(200) .0 S0 S0 .0"]);
    }

    #[test]
    fn without_sampling_the_slices_are_the_same() {
        check(
            &Agenda::drained(Duration::from_secs(1)).unsampled(),
            expect!["Drained .250 .500 .750 .1000"],
        );
    }

    #[test]
    fn no_slice_lies_in_two_stages() {
        let stage =
            |millis, record| Stage { duration: Duration::from_millis(millis), level: 1.0, record };
        check(
            &Agenda::staged(&[stage(1300, false), stage(40, true), stage(2000, true)]),
            expect![
                "Flowing .325/0- S650/0- S975/0- .1300/0- S1310/1 .1320/1 .1330/1 S1340/1 .1590/2 S1840/2 S2090/2 .2340/2 S2590/2 .2840/2 .3090/2 S3340/2"
            ],
        );
    }
}
