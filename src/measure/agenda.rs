//! The slices that a measurement is going to have: how they end, how long they are, which are
//! sampled.

use std::{num::NonZeroU64, time::Duration};

use super::{
    backends::{Backend, Backends},
    error::MeasureError,
    turns::Turns,
};
use crate::{
    load::{Extent, Pace, Script, Stage, Think},
    unit::Nanos,
};

/// How long a slice lasts: short against the drift of the machine, long against a switch.
pub(super) const SLICE: Duration = Duration::from_millis(250);
/// How long a slice lasts that lies within a profile of a second, which is the shortest there is.
const PROFILE_SLICE: Duration = Duration::from_millis(900);
/// The same, where the load flows on: a profile lies within the slice, and is packed in it, too.
const FLOWING_PROFILE_SLICE: Duration = Duration::from_millis(1500);
/// A window that becomes longer than was asked for by more than this factor is told of.
const STRETCH: f64 = 2.0;

/// The slices to come, in their order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Agenda {
    pub(super) way: Way,
    pub(super) places: Vec<Place>,
    /// How long all of them take together; none where only the requests are known.
    pub(super) duration: Option<Nanos>,
    turns: Turns,
    /// The least that a slice lasts.
    slice: Duration,
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
    /// What takes samples, if anything does.
    pub backend: Option<Backend>,
    /// Whether it is part of what the headline is about.
    pub recorded: bool,
    /// The stage it belongs to, where the load has stages.
    pub stage: Option<usize>,
    /// When it ends, since the window began; of no meaning where a slice is counted.
    pub end: Nanos,
}

impl Place {
    /// Whether samples are taken.
    pub fn is_sampled(&self) -> bool {
        self.backend.is_some()
    }
}

impl Agenda {
    /// The slices of a script's load, in which `backends` take turns.
    ///
    /// # Errors
    /// When a backend cannot sample slices as short as they are, or of a length nobody knows.
    pub(super) fn of(script: &Script, backends: &Backends) -> Result<Self, MeasureError> {
        let asks = backends.contains(Backend::Pprof);
        match &script.extent {
            Extent::Requests(_) if asks => Err(MeasureError::CountedProfile),
            Extent::Requests(count) => Ok(Self::counted(*count, backends)),
            Extent::Stages { stages, .. } => {
                let agenda = Self::staged(stages, backends);
                if asks { agenda.with_long_stages(stages) } else { Ok(agenda) }
            }
            Extent::Duration(duration) if flows(&script.pace) => {
                let mut agenda = Self::flowing(backends);
                // Profiles need their time, even if the window was to be shorter.
                let least = if asks { agenda.block_duration() } else { Duration::ZERO };
                agenda.add(None, (*duration).max(least), true);
                Ok(agenda)
            }
            Extent::Duration(duration) => Ok(Self::drained(*duration, backends)),
        }
    }

    fn counted(count: NonZeroU64, backends: &Backends) -> Self {
        let turns = Turns::of(backends);
        let place =
            |index| Place { backend: turns.at(index), recorded: true, stage: None, end: Nanos(0) };
        let places = (0..turns.block()).map(place).collect();
        Self { way: Way::Counted(count), places, duration: None, turns, slice: SLICE }
    }

    /// Whole blocks of slices of the same length, and at least one.
    fn drained(duration: Duration, backends: &Backends) -> Self {
        let asks = backends.contains(Backend::Pprof);
        let slice = if asks { PROFILE_SLICE } else { SLICE };
        let mut agenda = Self { way: Way::Drained, slice, ..Self::flowing(backends) };
        let blocks = duration.div_duration_f64(agenda.block_duration()).round().max(1.0);
        agenda.add(None, agenda.block_duration() * blocks as u32, true);
        agenda
    }

    fn staged(stages: &[Stage], backends: &Backends) -> Self {
        let mut agenda = Self::flowing(backends);
        for (index, stage) in stages.iter().enumerate() {
            agenda.add(Some(index), stage.duration, stage.record);
        }
        agenda
    }

    fn flowing(backends: &Backends) -> Self {
        let asks = backends.contains(Backend::Pprof);
        Self {
            way: Way::Flowing,
            places: Vec::new(),
            duration: Some(Nanos(0)),
            turns: Turns::of(backends),
            slice: if asks { FLOWING_PROFILE_SLICE } else { SLICE },
        }
    }

    /// A stage cannot be made longer: its load has its course.
    fn with_long_stages(self, stages: &[Stage]) -> Result<Self, MeasureError> {
        let least = self.block_duration();
        match stages.iter().position(|stage| stage.duration < least) {
            Some(index) => Err(MeasureError::ShortStage { stage: index + 1, least }),
            None => Ok(self),
        }
    }

    /// How many slices a block has: two of each kind.
    pub(super) fn block(&self) -> usize {
        self.turns.block()
    }

    fn block_duration(&self) -> Duration {
        self.slice * self.block() as u32
    }

    /// Divides a time evenly into whole blocks, so that no slice lies in two stages.
    fn add(&mut self, stage: Option<usize>, duration: Duration, recorded: bool) {
        let blocks = duration.div_duration_f64(self.block_duration());
        // Slices may become a little shorter, unless a profile must have its time in them.
        let may_shrink = self.slice == SLICE;
        let blocks = if may_shrink { blocks.round() } else { blocks.floor() }.max(1.0) as usize;
        let start = self.duration.unwrap_or_default();
        let span = Nanos::from(duration);
        let count = blocks * self.block();
        for index in 1..=count {
            let backend = self.turns.at(self.places.len());
            let offset = (u128::from(span.0) * index as u128 / count as u128) as u64;
            self.places.push(Place { backend, recorded, stage, end: start + Nanos(offset) });
        }
        self.duration = Some(start + span);
    }

    /// What is to be said where the window is much longer than was asked for.
    pub(super) fn stretched(&self, script: &Script) -> Option<String> {
        let Extent::Duration(asked) = &script.extent else { return None };
        let (asked, takes) = (asked.as_secs_f64(), self.duration?.as_secs_f64());
        (takes > asked * STRETCH).then(|| {
            format!(
                "the window has {takes:.1} s of load, not {asked:.1} s: a block of {} slices takes \
                 so long, as each must have room for a profile of a second",
                self.block()
            )
        })
    }
}

/// Whether a load must not be stopped between slices: users that think, and schedules, go on.
fn flows(pace: &Pace) -> bool {
    match pace {
        Pace::Closed { think, .. } => *think != Think::None,
        Pace::Open { .. } => true,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn kernel() -> Backends {
        Backends::default()
    }

    fn both() -> Backends {
        "perf-event,pprof".parse().expect("both are known")
    }

    /// The way, then each slice with its kind, its end in milliseconds and its stage.
    #[track_caller]
    fn check(agenda: &Agenda, expected: Expect) {
        let slices = agenda.places.iter().map(|place| {
            let kind = match place.backend {
                None => '.',
                Some(Backend::PerfEvent) => 'S',
                Some(Backend::Pprof) => 'P',
                Some(Backend::PySpy) => 'Y',
            };
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
            &Agenda::drained(Duration::from_millis(1400), &kernel()),
            expect!["Drained .250 S500 S750 .1000"],
        );
        check(
            &Agenda::drained(Duration::from_millis(1), &kernel()),
            expect!["Drained .250 S500 S750 .1000"],
        );
        assert_eq!(Agenda::drained(Duration::from_secs(10), &kernel()).places.len(), 40);
    }

    #[test]
    fn a_count_is_one_block() {
        let count = NonZeroU64::new(200).expect("it is not zero");
        check(&Agenda::counted(count, &kernel()), expect!["Counted(200) .0 S0 S0 .0"]);
    }

    #[test]
    fn without_sampling_the_slices_are_the_same() {
        check(
            &Agenda::drained(Duration::from_secs(1), &Backends::none()),
            expect!["Drained .250 .500 .750 .1000"],
        );
    }

    #[test]
    fn no_slice_lies_in_two_stages() {
        let stage =
            |millis, record| Stage { duration: Duration::from_millis(millis), level: 1.0, record };
        check(
            &Agenda::staged(&[stage(1300, false), stage(40, true), stage(2000, true)], &kernel()),
            expect![
                "Flowing .325/0- S650/0- S975/0- .1300/0- S1310/1 .1320/1 .1330/1 S1340/1 .1590/2 S1840/2 S2090/2 .2340/2 S2590/2 .2840/2 .3090/2 S3340/2"
            ],
        );
    }

    #[test]
    fn slices_with_profiles_have_room_for_them() {
        let pprof: Backends = "pprof".parse().expect("it is known");
        check(
            &Agenda::drained(Duration::from_secs(1), &pprof),
            expect!["Drained .900 P1800 P2700 .3600"],
        );
        check(
            &Agenda::drained(Duration::from_secs(5), &both()),
            expect!["Drained .900 S1800 P2700 P3600 S4500 .5400"],
        );
        let mut flowing = Agenda::flowing(&pprof);
        // One block has room in it, two have not.
        flowing.add(None, Duration::from_secs(11), true);
        check(&flowing, expect!["Flowing .2750 P5500 P8250 .11000"]);
    }

    #[test]
    fn a_stage_must_have_room_for_a_block() {
        let stage = |secs| Stage { duration: Duration::from_secs(secs), level: 1.0, record: true };
        let refused = |stages: &[Stage]| {
            let agenda = Agenda::staged(stages, &both()).with_long_stages(stages);
            agenda.err().map(|error| error.to_string())
        };
        assert_eq!(refused(&[stage(9), stage(10)]), None);
        let error = refused(&[stage(9), stage(8)]).expect("the second is too short");
        assert!(error.contains("stage 2") && error.contains("9 s"), "{error}");
    }
}
