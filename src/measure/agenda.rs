//! The slices that a measurement is going to have: how they end, how long they are, which are
//! sampled.

use std::{num::NonZeroU64, time::Duration};

use super::{
    backends::{Backend, Backends},
    error::MeasureError,
    turns::{Kind, Turns},
};
use crate::{
    load::{Extent, Pace, Script, Stage, Think},
    unit::Nanos,
};

/// How long a slice lasts: short against the drift of the machine, long against a switch.
pub(super) const SLICE: Duration = Duration::from_millis(250);
/// How long a slice lasts that lies within a profile of a second, which is the shortest there is.
const PROFILE_SLICE: Duration = Duration::from_millis(900);
/// The same where each request has slices of its own: with so many kinds of them, a block would
/// take too long.
const REQUEST_SLICE: Duration = Duration::from_millis(125);
/// Where the load flows on, requests of the kind before have so long to end.
const LEAD: Duration = Duration::from_millis(25);
/// How long a slice lasts that lies within a profile of a second where the load flows on: it is
/// packed in it, too.
const FLOWING_PROFILE_SLICE: Duration = Duration::from_millis(1500);
/// With fewer requests in a slice than this, their times could be in step with it.
const FEW: f64 = 8.0;
/// Slices of a slow load end so much earlier or later, as a part of their length.
const SHIFT: f64 = 0.2;
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
    /// The part at the beginning of each slice that is of none.
    lead: Duration,
    /// What the lengths of slices and the order of blocks are drawn from, where the load is slow
    /// enough to fall into step with them.
    varied: Option<u64>,
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
    /// The only request of the script that is sent, by its number; none for the mix of all.
    pub request: Option<usize>,
    /// What takes samples, if anything does.
    pub backend: Option<Backend>,
    /// Whether it is part of what the headline is about.
    pub recorded: bool,
    /// The stage it belongs to, where the load has stages.
    pub stage: Option<usize>,
    /// When it ends, since the window began; of no meaning where a slice is counted.
    pub end: Nanos,
    /// How much of it goes by before it begins: the requests of the kind before end then.
    pub lead: Nanos,
}

impl Place {
    /// Whether samples are taken.
    pub fn is_sampled(&self) -> bool {
        self.backend.is_some()
    }
}

impl Agenda {
    /// The slices of a script's load, in which `backends` take turns, and the requests where each
    /// of several has slices of its own.
    ///
    /// # Errors
    /// When a backend cannot sample slices as short as they are, or of a length nobody knows, and
    /// when a stage is too short for as many kinds of slices as there are.
    pub(super) fn of(script: &Script, backends: &Backends) -> Result<Self, MeasureError> {
        let asks = backends.contains(Backend::Pprof);
        let alone = requests_alone(script);
        let flows = flows(&script.pace) || matches!(script.extent, Extent::Stages { .. });
        let mut agenda = Self::new(backends, alone, flows);
        agenda.varied = is_slow(&script.pace).then_some(script.seed);
        match &script.extent {
            Extent::Requests(_) if asks => Err(MeasureError::CountedProfile),
            Extent::Requests(count) => Ok(agenda.counted(*count)),
            Extent::Stages { stages, .. } if asks || alone > 0 => {
                agenda.staged(stages).with_long_stages(stages)
            }
            Extent::Stages { stages, .. } => Ok(agenda.staged(stages)),
            Extent::Duration(duration) if flows => {
                // Profiles need their time, even if the window was to be shorter, and so do slices
                // of each request.
                let has_least = asks || alone > 0;
                let least = if has_least { agenda.block_duration() } else { Duration::ZERO };
                Ok(agenda.lasting(None, (*duration).max(least), true))
            }
            Extent::Duration(duration) => Ok(agenda.drained(*duration)),
        }
    }

    /// One without slices yet, of a load that flows on or is drained, with so many requests that
    /// have slices of their own.
    fn new(backends: &Backends, alone: usize, flows: bool) -> Self {
        let asks = backends.contains(Backend::Pprof);
        Self {
            way: if flows { Way::Flowing } else { Way::Drained },
            places: Vec::new(),
            duration: Some(Nanos(0)),
            turns: Turns::of(backends, alone),
            slice: match (asks, flows) {
                (true, false) => PROFILE_SLICE,
                (true, true) => FLOWING_PROFILE_SLICE,
                (false, _) if alone > 0 => REQUEST_SLICE,
                (false, _) => SLICE,
            },
            lead: if flows && alone > 0 { LEAD } else { Duration::ZERO },
            varied: None,
        }
    }

    fn counted(self, count: NonZeroU64) -> Self {
        let place = |index| Place { recorded: true, ..self.place(index) };
        let places = (0..self.block()).map(place).collect();
        Self { way: Way::Counted(count), places, duration: None, ..self }
    }

    /// Whole blocks of slices of the same length, and at least one.
    fn drained(self, duration: Duration) -> Self {
        let blocks = duration.div_duration_f64(self.block_duration()).round().max(1.0);
        let duration = self.block_duration() * blocks as u32;
        self.lasting(None, duration, true)
    }

    fn staged(self, stages: &[Stage]) -> Self {
        stages.iter().enumerate().fold(self, |agenda, (index, stage)| {
            agenda.lasting(Some(index), stage.duration, stage.record)
        })
    }

    /// What goes on in the slice at `index`.
    fn place(&self, index: usize) -> Place {
        let Kind { request, backend } = self.turns.at(self.turn(index));
        Place { request, backend, ..Place::default() }
    }

    /// The turn that the slice at `index` has: its own, or where the load is slow, that of another
    /// block of the same round, each of which begins with one that is drawn.
    fn turn(&self, index: usize) -> usize {
        let Some(seed) = self.varied else { return index };
        let (block, round) = (self.block(), self.turns.round());
        let (at, place) = (index / block, index % block);
        let first = drawn(seed, at / round) as usize % round;
        (at / round * round + (at + first) % round) * block + place
    }

    /// How much later or earlier than at its even part of a window a slice ends.
    fn shift(&self, index: usize, length: u64) -> i64 {
        let Some(seed) = self.varied.filter(|_| self.slice <= SLICE) else { return 0 };
        let most = (length as f64 * SHIFT) as i64;
        (drawn(!seed, index) % (2 * most as u64 + 1)) as i64 - most
    }

    /// A stage cannot be made longer: its load has its course.
    fn with_long_stages(self, stages: &[Stage]) -> Result<Self, MeasureError> {
        let least = self.block_duration();
        let short = stages.iter().position(|stage| stage.duration < least);
        match short.map(|index| index + 1) {
            Some(stage) if self.slice == REQUEST_SLICE => {
                Err(MeasureError::CrowdedStage { stage, least, slices: self.block() })
            }
            Some(stage) => Err(MeasureError::ShortStage { stage, least }),
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
    fn lasting(mut self, stage: Option<usize>, duration: Duration, recorded: bool) -> Self {
        let blocks = duration.div_duration_f64(self.block_duration());
        // Slices may become a little shorter, unless a profile must have its time in them.
        let may_shrink = self.slice <= SLICE;
        let blocks = if may_shrink { blocks.round() } else { blocks.floor() }.max(1.0) as usize;
        let start = self.duration.unwrap_or_default();
        let span = Nanos::from(duration);
        let count = blocks * self.block();
        for index in 1..=count {
            let offset = (u128::from(span.0) * index as u128 / count as u128) as u64;
            let is_last = index == count;
            let shift = if is_last { 0 } else { self.shift(index, span.0 / count as u64) };
            let (end, lead) =
                (start + Nanos(offset.saturating_add_signed(shift)), self.lead.into());
            let place = self.place(self.places.len());
            self.places.push(Place { recorded, stage, end, lead, ..place });
        }
        self.duration = Some(start + span);
        self
    }

    /// What is to be said where the window is much longer than was asked for.
    pub(super) fn stretched(&self, script: &Script) -> Option<String> {
        let Extent::Duration(asked) = &script.extent else { return None };
        let (asked, takes) = (asked.as_secs_f64(), self.duration?.as_secs_f64());
        let why = match self.slice {
            REQUEST_SLICE => "as each request has slices of its own",
            _ => "as each must have room for a profile of a second",
        };
        (takes > asked * STRETCH).then(|| {
            format!(
                "the window has {takes:.1} s of load, not {asked:.1} s: a block of {} slices takes \
                 so long, {why}",
                self.block()
            )
        })
    }
}

/// Whether a load that flows on has so few requests in a slice that their times could be the same
/// in each block: what is in step with the slices is in all that are sampled, or in none.
fn is_slow(pace: &Pace) -> bool {
    let rate = match *pace {
        Pace::Open { rate, .. } => rate,
        Pace::Closed { think: Think::None, .. } => return false,
        Pace::Closed { think: Think::Uniform { min, max }, connections } => {
            f64::from(connections.get()) / (min + max).as_secs_f64() * 2.0
        }
    };
    rate * SLICE.as_secs_f64() < FEW
}

/// A number that depends on a seed and a place (splitmix64).
fn drawn(seed: u64, place: usize) -> u64 {
    let mut bits = seed.wrapping_add((place as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// How many requests of a script have slices of their own: all of several, if it asks for that.
pub(super) fn requests_alone(script: &Script) -> usize {
    if script.by_request && script.requests.len() > 1 { script.requests.len() } else { 0 }
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
            let alone = place.request.map(|request| request.to_string()).unwrap_or_default();
            format!("{alone}{kind}{end:.0}{stage}{}", if place.recorded { "" } else { "-" })
        });
        let slices: Vec<String> = slices.collect();
        expected.assert_eq(&format!("{:?} {}", agenda.way, slices.join(" ")));
    }

    fn stage(millis: u64, record: bool) -> Stage {
        Stage { duration: Duration::from_millis(millis), level: 1.0, record }
    }

    #[test]
    fn a_drained_window_has_whole_blocks() {
        let drained =
            |millis| Agenda::new(&kernel(), 0, false).drained(Duration::from_millis(millis));
        check(&drained(1400), expect!["Drained .250 S500 S750 .1000"]);
        check(&drained(1), expect!["Drained .250 S500 S750 .1000"]);
        assert_eq!(drained(10_000).places.len(), 40);
    }

    #[test]
    fn a_count_is_one_block() {
        let count = NonZeroU64::new(200).expect("it is not zero");
        let counted = |alone| Agenda::new(&kernel(), alone, false).counted(count);
        check(&counted(0), expect!["Counted(200) .0 S0 S0 .0"]);
        check(&counted(2), expect!["Counted(200) .0 S0 0.0 0S0 1.0 1S0 1S0 1.0 0S0 0.0 S0 .0"]);
    }

    #[test]
    fn without_sampling_the_slices_are_the_same() {
        check(
            &Agenda::new(&Backends::none(), 0, false).drained(Duration::from_secs(1)),
            expect!["Drained .250 .500 .750 .1000"],
        );
    }

    #[test]
    fn no_slice_lies_in_two_stages() {
        let stages = [stage(1300, false), stage(40, true), stage(2000, true)];
        check(
            &Agenda::new(&kernel(), 0, true).staged(&stages),
            expect![
                "Flowing .325/0- S650/0- S975/0- .1300/0- S1310/1 .1320/1 .1330/1 S1340/1 .1590/2 S1840/2 S2090/2 .2340/2 S2590/2 .2840/2 .3090/2 S3340/2"
            ],
        );
    }

    #[test]
    fn requests_have_slices_of_their_own_beside_the_mix() {
        check(
            &Agenda::new(&kernel(), 2, false).drained(Duration::from_secs(2)),
            expect![
                "Drained .125 S250 0.375 0S500 1.625 1S750 1S875 1.1000 0S1125 0.1250 S1375 .1500"
            ],
        );
        // In ten seconds, three requests and the mix have ten slices each, and ten sampled ones.
        let three = Agenda::new(&kernel(), 3, false).drained(Duration::from_secs(10));
        assert_eq!((three.places.len(), three.block()), (80, 16));
        let flowing = Agenda::new(&Backends::none(), 2, true);
        let flowing = flowing.lasting(None, Duration::from_millis(800), true);
        check(&flowing, expect!["Flowing .133 0.267 1.400 1.533 0.667 .800"]);
        assert!(flowing.places.iter().all(|place| place.lead == Nanos::from(LEAD)));
        let staged = |stages: &[Stage]| {
            Agenda::new(&Backends::none(), 2, true).staged(stages).with_long_stages(stages)
        };
        assert!(staged(&[stage(750, true)]).is_ok());
        let error = staged(&[stage(900, true), stage(700, true)]).expect_err("it is too short");
        let error = error.to_string();
        assert!(error.contains("stage 2") && error.contains("0.75 s"), "{error}");
    }

    #[test]
    fn slices_with_profiles_have_room_for_them() {
        let pprof: Backends = "pprof".parse().expect("it is known");
        check(
            &Agenda::new(&pprof, 0, false).drained(Duration::from_secs(1)),
            expect!["Drained .900 P1800 P2700 .3600"],
        );
        check(
            &Agenda::new(&both(), 0, false).drained(Duration::from_secs(5)),
            expect!["Drained .900 S1800 P2700 P3600 S4500 .5400"],
        );
        // One block has room in it, two have not.
        check(
            &Agenda::new(&pprof, 0, true).lasting(None, Duration::from_secs(11), true),
            expect!["Flowing .2750 P5500 P8250 .11000"],
        );
    }

    #[test]
    fn a_stage_must_have_room_for_a_block() {
        let refused = |stages: &[Stage]| {
            let agenda = Agenda::new(&both(), 0, true).staged(stages).with_long_stages(stages);
            agenda.err().map(|error| error.to_string())
        };
        assert_eq!(refused(&[stage(9_000, true), stage(10_000, true)]), None);
        let error = refused(&[stage(9_000, true), stage(8_000, true)]);
        let error = error.expect("the second is too short");
        assert!(error.contains("stage 2") && error.contains("9 s"), "{error}");
    }

    #[test]
    fn a_slow_schedule_is_never_in_step_with_the_slices() {
        let length = Duration::from_secs(400);
        let agenda = Agenda { varied: Some(42), ..Agenda::new(&kernel(), 0, true) };
        let agenda = agenda.lasting(None, length, true);
        assert_eq!(agenda.duration, Some(length.into()));
        assert!(agenda.places.is_sorted_by(|a, b| a.end.0 + 100_000_000 < b.end.0));
        for rate in [0.25, 1.0 / 3.0, 0.5, 0.8, 1.0, 2.0, 2.5, 4.0] {
            for phase in [0.0, 0.1, 0.125, 0.2] {
                let due = |number: u32| Duration::from_secs_f64((f64::from(number) + phase) / rate);
                let times: Vec<Duration> = (0..).map(due).take_while(|at| *at < length).collect();
                let is_sampled = |at: &&Duration| {
                    let place = agenda.places.iter().find(|place| Nanos::from(**at) < place.end);
                    place.expect("it is within").is_sampled()
                };
                let share = times.iter().filter(is_sampled).count() as f64 / times.len() as f64;
                assert!((0.35..0.65).contains(&share), "{share} at {rate}/s from {phase} on");
            }
        }
    }

    #[test]
    fn only_slow_loads_have_uneven_slices() {
        let open = |rate| Pace::Open {
            rate,
            arrival: crate::load::Arrival::Constant,
            max_in_flight: std::num::NonZeroU32::MIN,
            on_overload: crate::load::OnOverload::Queue,
        };
        assert!(is_slow(&open(2.5)) && !is_slow(&open(1_000.0)));
        let closed = |think| Pace::Closed { connections: std::num::NonZeroU32::MIN, think };
        let time = |ms| Duration::from_millis(ms);
        assert!(is_slow(&closed(Think::Uniform { min: time(400), max: time(600) })));
        assert!(!is_slow(&closed(Think::Uniform { min: time(1), max: time(2) })));
        assert!(!is_slow(&closed(Think::None)));
    }
}
