//! The slices of a window, and what they add up to.

use super::{
    agenda::Place,
    slice::{Invalid, Slice, is_behind},
    steady::Unsteady,
};
use crate::{
    load::{Errors, Tally},
    sample::CpuTimes,
    unit::Nanos,
};

/// The slices of a window in their order, and what they add up to as they come.
#[derive(Debug)]
pub(super) struct Slices {
    rows: Vec<Slice>,
    /// Which slices the headline is of: those without sampling, where there are any.
    sampled: bool,
    /// Those that may be in a headline.
    headline: Total,
    /// All of the mix that are recorded. Where a load flows on, what is due in one slice is done in
    /// another one: only together they have as much of both.
    flow: Total,
    /// Those of the mix without sampling, valid or not: a slice in which a server stands still has
    /// the latency that users see.
    unsampled: Total,
    /// By stage, those without sampling; and the errors of all.
    stages: Vec<StageTotal>,
    all: Total,
    broke_off: bool,
}

/// Slices together.
#[derive(Debug)]
pub(super) struct Total {
    pub(super) tally: Tally,
    /// Time of load: slices may lie apart, so that the tally's own span is too long.
    pub(super) elapsed: Nanos,
    pub(super) server_cpu: CpuTimes,
}

/// The slices of a stage together.
#[derive(Debug)]
pub(super) struct StageTotal {
    /// Those without sampling.
    pub(super) total: Total,
    /// All of the mix.
    pub(super) flow: Total,
    /// How long all of them lasted.
    pub(super) elapsed: Nanos,
    /// The errors of all of them.
    pub(super) errors: u64,
}

/// What the headline numbers come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Headline<'a> {
    pub(super) total: &'a Total,
    /// What throughput and schedule are of: that, or all slices of a schedule, which does not stop
    /// between them.
    pub(super) flow: &'a Total,
    /// What latency is of: that, or where there is a schedule, all slices without sampling.
    pub(super) latency: &'a Total,
    /// Why they may not be quoted; none if they may.
    pub(super) invalid: Option<&'static str>,
}

impl Slices {
    /// Slices with and without sampling, in turn.
    pub(super) fn new() -> Self {
        Self::of_kind(false)
    }

    /// Slices of which all are sampled.
    pub(super) fn all_sampled() -> Self {
        Self::of_kind(true)
    }

    fn of_kind(sampled: bool) -> Self {
        Self {
            rows: Vec::new(),
            sampled,
            headline: Total::new(),
            flow: Total::new(),
            unsampled: Total::new(),
            stages: Vec::new(),
            all: Total::new(),
            broke_off: false,
        }
    }

    /// Adds the next slice, with what its load came to.
    pub(super) fn push(&mut self, slice: Slice, tally: &Tally) {
        self.all.add(&slice, tally);
        let is_kind = self.is_of_headline(&slice.place);
        if is_kind && slice.place.recorded && slice.invalid.is_none() {
            self.headline.add(&slice, tally);
        }
        if is_kind && slice.place.recorded && slice.invalid != Some(Invalid::StoodStill) {
            self.unsampled.add(&slice, tally);
        }
        let is_mix = slice.place.request.is_none();
        if is_mix && slice.place.recorded {
            self.flow.add(&slice, tally);
        }
        if let Some(index) = slice.place.stage {
            while self.stages.len() <= index {
                self.stages.push(StageTotal::new());
            }
            if let Some(stage) = self.stages.get_mut(index) {
                stage.elapsed += slice.elapsed;
                stage.errors += slice.errors;
                if is_mix {
                    stage.flow.add(&slice, tally);
                }
                if is_kind {
                    stage.total.add(&slice, tally);
                }
            }
        }
        self.rows.push(slice);
    }

    /// Whether what a slice of this kind came to belongs to the headline, or to its stage.
    fn is_of_headline(&self, place: &Place) -> bool {
        place.request.is_none() && place.is_sampled() == self.sampled
    }

    /// Adds what failed outside of all slices: in a warm-up that was the end of it, between two of
    /// them, or among the requests that were under way at the end. An error is never left out.
    pub(super) fn add_outside(&mut self, errors: &Errors, good: u64) {
        self.all.tally.errors.merge(errors);
        self.all.tally.requests += good;
    }

    /// The load collapsed, or the server went silent: whatever was good before was on the way there.
    pub(super) fn break_off(&mut self) {
        self.broke_off = true;
    }

    pub(super) fn rows(&self) -> &[Slice] {
        &self.rows
    }

    /// The stages that have begun.
    pub(super) fn stages(&self) -> &[StageTotal] {
        &self.stages
    }

    /// All slices together, sampled or not, valid or not.
    pub(super) fn all(&self) -> &Total {
        &self.all
    }

    /// What changed over the window, if much did.
    pub(super) fn unsteady(&self) -> Option<Unsteady> {
        Unsteady::of(&self.rows, self.all.tally.response.is_some())
    }

    /// The slices that the headline numbers come from, and whether those may be quoted.
    ///
    /// These are the valid ones of all requests, without sampling, of stages that are recorded. Where fewer than
    /// half of those without sampling are valid, it is all slices: there is something to look at
    /// then, and nothing to quote.
    pub(super) fn headline(&self) -> Headline<'_> {
        let is_counted = |row: &&Slice| self.is_of_headline(&row.place) && row.place.recorded;
        let counted = || self.rows.iter().filter(is_counted);
        let good = counted().filter(|slice| slice.invalid.is_none()).count();
        let invalid = if good == 0 || good * 2 < counted().count() {
            Some("too few slices are")
        } else if self.headline.tally.requests == 0 {
            Some("there was no good response")
        } else if self.broke_off {
            Some("the load broke off, as nearly all of it failed in the end")
        } else if is_behind(&self.flow.tally) {
            Some("less than 99 % of the requests that were due were sent")
        } else if self.unsteady().is_some_and(|found| found.is_broken()) {
            Some("its early and late slices differ by a factor of two or more")
        } else {
            None
        };
        let total =
            if good * 2 >= counted().count() && good > 0 { &self.headline } else { &self.all };
        let (flow, latency) = match self.flow.tally.response {
            Some(_) => (&self.flow, &self.unsampled),
            None => (total, total),
        };
        Headline { total, flow, latency, invalid }
    }
}

impl StageTotal {
    fn new() -> Self {
        Self { total: Total::new(), flow: Total::new(), elapsed: Nanos(0), errors: 0 }
    }
}

impl Total {
    fn new() -> Self {
        Self { tally: Tally::new(Nanos(0)), elapsed: Nanos(0), server_cpu: CpuTimes::default() }
    }

    fn add(&mut self, slice: &Slice, tally: &Tally) {
        self.tally.merge(tally);
        self.elapsed += slice.elapsed;
        self.server_cpu += &slice.server_cpu;
    }

    /// Good responses and failures.
    pub(super) fn attempts(&self) -> u64 {
        self.tally.requests + self.tally.errors.total()
    }

    /// An amount over the seconds of load.
    pub(super) fn per_second(&self, amount: f64) -> f64 {
        amount / self.elapsed.as_secs_f64()
    }

    /// A time over good responses, in microseconds.
    pub(super) fn us_per_request(&self, time: Nanos) -> f64 {
        time.as_micros_f64() / self.tally.requests as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{backends::Backend, slice::Readings};

    const PLACE: Place = Place {
        request: None,
        backend: None,
        recorded: true,
        stage: None,
        end: Nanos(0),
        lead: Nanos(0),
    };
    const ALONE: Place = Place { request: Some(0), ..PLACE };
    const SAMPLED: Place = Place { backend: Some(Backend::PerfEvent), ..PLACE };

    fn slices(places: &[(Place, Option<Invalid>)]) -> Slices {
        let mut slices = Slices::new();
        for (index, (place, invalid)) in places.iter().enumerate() {
            let mut tally = Tally::new(Nanos(index as u64 * 1_000_000_000));
            tally.ended = tally.started + Nanos(500_000_000);
            tally.requests = 100;
            let server_cpu = [Nanos(700_000), Nanos(300_000)].into_iter().collect();
            let readings = Readings { server_cpu, load_threads: 1, ..Readings::default() };
            let slice = Slice::new(*place, &tally, readings);
            slices.push(Slice { invalid: *invalid, ..slice }, &tally);
        }
        slices
    }

    const BAD: Option<Invalid> = Some(Invalid::Errors);

    #[test]
    fn the_headline_is_of_valid_slices_without_sampling() {
        let slices = slices(&[(PLACE, None), (SAMPLED, None), (SAMPLED, None), (PLACE, BAD)]);
        let Headline { total, invalid, .. } = slices.headline();
        assert_eq!(invalid, None);
        assert_eq!((total.tally.requests, total.elapsed), (100, Nanos(500_000_000)));
        assert_eq!(total.per_second(100.0), 200.0);
        assert_eq!(total.us_per_request(total.server_cpu.total()), 10.0);
        assert_eq!(total.us_per_request(total.server_cpu.of(1)), 3.0);
        assert_eq!(slices.all().tally.requests, 400);
    }

    #[test]
    fn a_request_alone_is_not_in_the_headline() {
        let slices = slices(&[(PLACE, None), (ALONE, BAD), (ALONE, None), (ALONE, BAD)]);
        let Headline { total, invalid, .. } = slices.headline();
        assert_eq!((invalid, total.tally.requests), (None, 100));
    }

    #[test]
    fn with_too_few_valid_slices_there_is_nothing_to_quote() {
        let slices = slices(&[(PLACE, None), (SAMPLED, None), (PLACE, BAD), (PLACE, BAD)]);
        let Headline { total, invalid, .. } = slices.headline();
        assert!(invalid.is_some());
        assert_eq!(total.tally.requests, 400);
        assert!(Slices::new().headline().invalid.is_some());
    }

    #[test]
    fn a_load_that_broke_off_is_nothing_to_quote() {
        let mut slices = slices(&[(PLACE, None), (SAMPLED, None), (PLACE, None), (SAMPLED, BAD)]);
        assert_eq!(slices.headline().invalid, None);
        slices.break_off();
        assert!(slices.headline().invalid.is_some_and(|why| why.contains("broke off")));
    }

    #[test]
    fn stages_that_are_not_recorded_are_not_in_the_headline() {
        let ramp = Place { recorded: false, stage: Some(0), ..PLACE };
        let (plateau, sampled) =
            (Place { stage: Some(1), ..PLACE }, Place { stage: Some(1), ..SAMPLED });
        let slices =
            slices(&[(ramp, None), (ramp, BAD), (ramp, BAD), (plateau, None), (sampled, None)]);
        assert_eq!(slices.headline().total.tally.requests, 100);
        assert_eq!(slices.headline().invalid, None);
        let requests = |stage: &StageTotal| stage.total.tally.requests;
        assert_eq!(slices.stages().iter().map(requests).collect::<Vec<_>>(), [300, 100]);
    }

    #[test]
    fn where_all_are_sampled_those_are_the_headline() {
        let mut slices = Slices::all_sampled();
        let mut tally = Tally::new(Nanos(0));
        tally.ended = Nanos(1_000_000_000);
        tally.requests = 7;
        let readings = Readings { load_threads: 1, ..Readings::default() };
        slices.push(Slice::new(SAMPLED, &tally, readings), &tally);
        assert_eq!(slices.headline().invalid, None);
        assert_eq!(slices.headline().total.tally.requests, 7);
    }

    #[test]
    fn a_schedule_has_never_done_more_than_was_due() {
        // A stall in a sampled slice, which the next one makes up for.
        let mut slices = Slices::new();
        for (place, sent) in [(PLACE, 250), (SAMPLED, 10), (PLACE, 490), (SAMPLED, 250)] {
            let mut tally = Tally::new(Nanos(0));
            tally.ended = Nanos(250_000_000);
            tally.response = Some(tally.latency.clone());
            tally.requests = sent;
            (tally.schedule.due, tally.schedule.sent) = (250, sent);
            let readings = Readings { load_threads: 1, flows: true, ..Readings::default() };
            slices.push(Slice::new(place, &tally, readings), &tally);
        }
        let Headline { flow, latency, invalid, .. } = slices.headline();
        assert_eq!((invalid, flow.per_second(flow.tally.requests as f64)), (None, 1_000.0));
        assert_eq!(latency.tally.requests, 740, "what sampling slows down is not in the latency");
    }

    #[test]
    fn a_slice_in_which_a_server_stands_still_is_in_the_latency_of_a_schedule() {
        let mut slices = Slices::new();
        let stood_still = Some(Invalid::StoodStill);
        for (sent, why) in [(250, None), (10, None), (490, None), (250, stood_still), (250, None)] {
            let mut tally = Tally::new(Nanos(0));
            tally.ended = Nanos(250_000_000);
            tally.response = Some(tally.latency.clone());
            tally.requests = sent;
            (tally.schedule.due, tally.schedule.sent) = (250, sent);
            let readings = Readings { load_threads: 1, flows: true, ..Readings::default() };
            let slice = Slice::new(PLACE, &tally, readings);
            let invalid = why.or(slice.invalid);
            slices.push(Slice { invalid, ..slice }, &tally);
        }
        assert_eq!(slices.rows[1].invalid, Some(Invalid::Behind));
        let Headline { total, latency, .. } = slices.headline();
        assert_eq!((total.tally.requests, latency.tally.requests), (990, 1_000));
    }
}
