//! Warm-up and the window that counts: load and sampling, slice by slice.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use super::{
    agenda::{Agenda, Place, SLICE, Way},
    collapse::{Collapse, CollapseWatch},
    event::{Event, Sink},
    heartbeat::Heartbeat,
    instruments::{Instruments, Taken, Turn},
    profile::Sides,
    server_watch::ServerWatch,
    slice::{Invalid, Readings, Slice},
    slices::Slices,
    subject::Subject,
    thresholds::{Broken, ThresholdWatch},
};
use crate::{
    load::{Extent, Generator, Plan, Script, Tally},
    sample::CpuTimes,
    unit::Nanos,
};

/// How long a slice of the warm-up lasts: short, as some are sampled and some are not.
const WARM_SLICE: Duration = Duration::from_millis(125);
/// A warm-up too short to find the size of the copies goes on for so many slices at most.
const SETTLING_SLICES: usize = 16;
/// So many slices without a single response, one after the other, mean that no more will come.
/// Each lasts as long as the script's timeout, so waiting on would take very long.
const SILENT_SLICES: usize = 4;
/// How often a slice looks up from waiting: for Ctrl-C, a server that ended, and to report.
const GLANCE: Duration = Duration::from_millis(50);
/// The same where a slice ends with its last request, which nobody announces.
const SPENT_GLANCE: Duration = Duration::from_millis(1);

/// Load, instruments and server during a measurement.
pub(super) struct Window<'a> {
    pub(super) generator: Generator,
    pub(super) instruments: Instruments,
    pub(super) subject: &'a mut Subject,
    pub(super) server: ServerWatch,
    pub(super) load_threads: usize,
    /// How many there should be at any time; none where that changes.
    connections: Option<usize>,
    pub(super) interrupted: &'a AtomicBool,
    pub(super) collapse: CollapseWatch,
    pub(super) thresholds: ThresholdWatch,
    edge: Edge,
    /// What the load came to between two slices.
    between: Tally,
    heartbeat: Heartbeat,
}

/// The end of the last slice, where the load flows on into the next.
#[derive(Debug, Clone, Default)]
struct Edge {
    /// When the window began.
    start: Nanos,
    /// When the last slice was to end, since then.
    last: Nanos,
    /// CPU time of the server at the last cut, if there was one.
    cpu: Option<CpuTimes>,
}

/// Why a measurement ended before its time.
#[derive(Debug)]
pub(super) enum Cut {
    /// Its user stopped it.
    Interrupted,
    /// A process of the server ended.
    Exited(String),
    /// The server runs, but answers nothing any more.
    Silent,
    /// Most attempts failed.
    Collapsed(Collapse),
    /// A limit was broken that ends the measurement.
    Threshold(Broken),
}

impl<'a> Window<'a> {
    pub(super) fn new(
        generator: Generator,
        Sides { instruments, subject, server }: Sides<'a>,
        (script, plan): (&Script, &Plan),
        interrupted: &'a AtomicBool,
    ) -> Self {
        Self {
            generator,
            instruments,
            subject,
            server,
            load_threads: plan.threads(),
            connections: match script.extent {
                Extent::Stages { .. } => None,
                _ => Some(plan.connections()),
            },
            interrupted,
            collapse: CollapseWatch::new(script.limits.max_error_rate),
            thresholds: ThresholdWatch::new(&script.thresholds),
            edge: Edge::default(),
            between: Tally::new(Nanos::now()),
            heartbeat: Heartbeat::start(),
        }
    }

    /// For how long the tool itself stood still.
    pub(super) fn stood_still(&self) -> Nanos {
        self.heartbeat.standstill().total
    }

    /// Applies load without counting it, and finds how much of the stack samples must copy.
    ///
    /// # Errors
    /// When it ends before its time, with what the load had come to until then.
    pub(super) fn warm_up(
        &mut self,
        duration: Duration,
        way: Way,
        events: Sink<'_>,
    ) -> Result<(), Box<(Cut, Tally)>> {
        let start = Nanos::now();
        let left = |now: Nanos| Duration::from(Nanos::from(duration) - now.since(start));
        let mut all = Tally::new(start);
        let mut is_settled = false;
        let mut extra = 0;
        while !left(Nanos::now()).is_zero() || (!is_settled && extra < SETTLING_SLICES) {
            let round = match left(Nanos::now()) {
                Duration::ZERO => {
                    extra += 1;
                    WARM_SLICE
                }
                left => WARM_SLICE.min(left),
            };
            self.instruments.begin_warm_slice();
            self.generator.resume();
            let end = Nanos::now() + round.into();
            let waited = self.wait(end, &mut |now, _| events(Event::WarmingUp { left: left(now) }));
            let tally =
                if way == Way::Flowing { self.generator.cut() } else { self.generator.pause() };
            self.instruments.end_warm_slice(tally.requests);
            all.merge(&tally);
            if let Err(cut) = waited.and_then(|()| self.look_at(&tally)) {
                all.merge(&self.generator.pause());
                return Err(Box::new((cut, all)));
            }
            let grown = self.instruments.adapt();
            is_settled = grown.is_none() && self.instruments.has_shown_enough();
            if let Some(bytes) = grown {
                events(Event::DumpGrew { bytes });
            }
        }
        self.generator.pause();
        self.instruments.settle();
        Ok(())
    }

    /// Begins the window that counts, and says when that was.
    pub(super) fn begin(&mut self) -> Nanos {
        self.instruments.begin_window();
        let start = Nanos::now();
        self.edge = Edge { start, ..Edge::default() };
        start
    }

    /// Measures the slices of the agenda. What was measured is kept even if it ends before its
    /// time.
    pub(super) fn measure(&mut self, agenda: &Agenda, events: Sink<'_>) -> (Slices, Option<Cut>) {
        let mut slices = Slices::new();
        self.generator.begin_course();
        let start = self.begin();
        let completed_before = self.generator.completed();
        let mut report = |now: Nanos, completed: u64| {
            let elapsed = now.since(start);
            let completed = completed - completed_before;
            let requests_per_second = completed as f64 / elapsed.as_secs_f64();
            events(match (agenda.way, agenda.duration) {
                (Way::Counted(count), _) => {
                    let all = count.get().saturating_mul(agenda.places.len() as u64);
                    Event::Counting { left: all.saturating_sub(completed), requests_per_second }
                }
                (_, duration) => {
                    let left = Duration::from(duration.unwrap_or_default() - elapsed);
                    Event::Measuring { left, requests_per_second }
                }
            });
        };
        let mut cut = None;
        for place in &agenda.places {
            let (slice, tally, waited) = self.slice(agenda.way, *place, &mut report);
            // A limit is one of the script's load, which one request alone is not.
            let aborted = match place.request {
                None => self.thresholds.note(&slice, &tally).map(Cut::Threshold),
                Some(_) => None,
            };
            slices.push(slice, &tally);
            cut = waited.err().or_else(|| is_silent(slices.rows()).then_some(Cut::Silent));
            cut = cut.or(aborted);
            if cut.is_some() {
                break;
            }
        }
        if cut.is_some() {
            self.instruments.abandon();
        }
        if let Some(Cut::Collapsed(_) | Cut::Silent) = cut {
            slices.break_off();
        }
        // What is under way when the last slice ends belongs to none, but for its errors.
        let rest = self.generator.pause();
        self.between.merge(&rest);
        // Where the load flowed, profiles may still be on their way.
        cut = cut.or_else(|| self.switch_off().err());
        slices.add_outside(&self.between.errors, self.between.requests);
        (slices, cut)
    }

    /// Switches off what samples, and waits for all that it took.
    fn switch_off(&mut self) -> Result<(), Cut> {
        match self.instruments.switch_off(false, self.interrupted) {
            true => Ok(()),
            false => Err(Cut::Interrupted),
        }
    }

    /// Ends the load, then the sampling; the server still lives, as naming its code wants.
    pub(super) fn finish(self) -> (Vec<Taken>, ServerWatch) {
        drop(self.generator);
        (self.instruments.finish(), self.server)
    }

    /// Measures the next slice: load, sampling as its place has it, and exact CPU time.
    pub(super) fn slice(
        &mut self,
        way: Way,
        place: Place,
        report: &mut dyn FnMut(Nanos, u64),
    ) -> (Slice, Tally, Result<(), Cut>) {
        let flows = way == Way::Flowing;
        let last = std::mem::replace(&mut self.edge.last, place.end);
        let changed = self.change_over(&place, last, report);
        let span = place.end - last - place.lead;
        self.instruments.tag(tag(place.request));
        let turn = Turn { backend: place.backend, span: span.into(), flows };
        let sampled_part = self.instruments.switch(turn);
        let cpu_before = self.edge.cpu.take().unwrap_or_else(|| self.instruments.cpu_times());
        let (tally, waited) = match way {
            Way::Drained => self.drained(span.into(), report),
            Way::Counted(count) => self.counted(count.get(), report),
            Way::Flowing => self.flowing(place.end, report),
        };
        let waited = changed.and(waited);
        let cpu = self.instruments.cpu_times();
        // Where the load flows on, so does the server's time.
        self.edge.cpu = flows.then(|| cpu.clone());
        let waited = waited.and_then(|()| match flows {
            true => Ok(()),
            false => self.switch_off(),
        });
        if waited.is_err() {
            self.instruments.abandon();
        }
        let live = self.generator.live_connections();
        self.server.note_live(live);
        let readings = Readings {
            server_cpu: cpu - &cpu_before,
            sampled_part: Some(sampled_part),
            load_threads: self.load_threads,
            live_connections: Some(live),
            connections: self.connections,
            flows,
        };
        let mut slice = Slice::new(place, &tally, readings);
        // What had to wait until then is sent and answered right after it.
        let until = self.heartbeat.standstill().until;
        if until > Nanos(0) && slice.started < until + SLICE.into() {
            slice.invalid = Some(Invalid::StoodStill);
        }
        if waited.is_err() {
            slice.invalid = Some(Invalid::Cut);
        }
        // A slice that shows a collapse is whole.
        let waited = waited.and_then(|()| match way {
            // It was looked at piece by piece.
            Way::Counted(_) => Ok(()),
            _ => self.look_at(&tally),
        });
        (slice, tally, waited)
    }

    /// Lets the load become that of the next slice. Where it flows on, what is under way of another
    /// kind has a moment to end, which is of no slice.
    fn change_over(
        &mut self,
        place: &Place,
        last: Nanos,
        report: &mut dyn FnMut(Nanos, u64),
    ) -> Result<(), Cut> {
        if place.lead == Nanos(0) {
            self.generator.send_only(place.request);
            return Ok(());
        }
        self.instruments.switch_off(true, self.interrupted);
        self.edge.cpu = None;
        self.generator.send_only(place.request);
        self.generator.resume();
        let waited = self.wait(self.edge.start + last + place.lead, report);
        let tally = self.generator.cut();
        self.between.merge(&tally);
        waited.and_then(|()| self.look_at(&tally))
    }

    fn drained(
        &mut self,
        span: Duration,
        report: &mut dyn FnMut(Nanos, u64),
    ) -> (Tally, Result<(), Cut>) {
        self.generator.resume();
        let waited = self.wait(Nanos::now() + span.into(), report);
        (self.generator.pause(), waited)
    }

    /// Where the first slice begins, the load does; where the others begin, it flows already.
    fn flowing(
        &mut self,
        end: Nanos,
        report: &mut dyn FnMut(Nanos, u64),
    ) -> (Tally, Result<(), Cut>) {
        self.generator.resume();
        let waited = self.wait(self.edge.start + end, report);
        (self.generator.cut(), waited)
    }

    /// So many requests may take long: the load is looked at now and then, as slices are.
    fn counted(
        &mut self,
        count: u64,
        report: &mut dyn FnMut(Nanos, u64),
    ) -> (Tally, Result<(), Cut>) {
        let mut all = Tally::new(Nanos::now());
        self.generator.resume_for(count);
        loop {
            let waited = self.wait_spent(Nanos::now() + SLICE.into(), report);
            let is_last = waited.is_err() || self.generator.is_spent();
            let tally = if is_last { self.generator.pause() } else { self.generator.cut() };
            all.merge(&tally);
            let waited = waited.and_then(|()| self.look_at(&tally));
            if is_last {
                return (all, waited);
            }
            if waited.is_err() {
                all.merge(&self.generator.pause());
                return (all, waited);
            }
        }
    }

    /// Looks for a collapse, and at the server where there are errors.
    fn look_at(&mut self, tally: &Tally) -> Result<(), Cut> {
        if tally.errors.total() > 0 {
            let subject = &self.subject;
            self.server.look_again(|| subject.pids());
        }
        match self.collapse.note(tally) {
            Some(Collapse { is_silent: true, .. }) => Err(Cut::Silent),
            Some(collapse) => Err(Cut::Collapsed(collapse)),
            None => Ok(()),
        }
    }

    fn wait(&mut self, end: Nanos, report: &mut dyn FnMut(Nanos, u64)) -> Result<(), Cut> {
        loop {
            self.glance(report)?;
            let left = Duration::from(end - Nanos::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(GLANCE));
        }
    }

    /// The same, or until all requests of a slice have ended.
    fn wait_spent(&mut self, end: Nanos, report: &mut dyn FnMut(Nanos, u64)) -> Result<(), Cut> {
        while Nanos::now() < end {
            self.glance(report)?;
            let next = Nanos::now() + GLANCE.into();
            while Nanos::now() < next.min(end) {
                if self.generator.is_spent() {
                    return Ok(());
                }
                thread::sleep(SPENT_GLANCE);
            }
        }
        Ok(())
    }

    fn glance(&mut self, report: &mut dyn FnMut(Nanos, u64)) -> Result<(), Cut> {
        report(Nanos::now(), self.generator.completed());
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Cut::Interrupted);
        }
        match self.subject.exited() {
            Some(exit) => {
                self.server.note_exit(&exit);
                Err(Cut::Exited(exit))
            }
            None => Ok(()),
        }
    }
}

/// What marks the samples of a slice: 0 for the mix, else the request's number from 1.
pub(super) fn tag(request: Option<usize>) -> u16 {
    request.map_or(0, |request| u16::try_from(request + 1).unwrap_or(u16::MAX))
}

/// Whether the last slices had no response, good or not, and something was asked.
fn is_silent(slices: &[Slice]) -> bool {
    let last = || slices.iter().rev().take(SILENT_SLICES);
    let is_mute = |slice: &Slice| slice.answers == 0;
    slices.len() >= SILENT_SLICES && last().all(is_mute) && last().all(|slice| slice.errors > 0)
}
