//! Warm-up and the window that counts: load and sampling, slice by slice.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use super::{
    event::{Event, Sink},
    slice::{self, Invalid, Slice},
    slices::Slices,
    subject::Subject,
};
use crate::{
    load::{Generator, Tally},
    sample::{Capture, Sampler},
    unit::{Nanos, Samples},
};

/// How long a slice lasts: short against the drift of the machine, long against a switch.
const SLICE: Duration = Duration::from_millis(250);
/// A warm-up too short to find the size of the copies goes on for so many slices at most.
const SETTLING_SLICES: usize = 8;
/// That size is found when so many samples have shown no need of another.
const SAMPLES_TO_SETTLE: Samples = Samples(50);
/// So many slices without a single response, one after the other, mean that no more will come.
/// Each lasts as long as the script's timeout, so waiting on would take very long.
const SILENT_SLICES: usize = 4;
/// How often a slice looks up from waiting: for Ctrl-C, a server that ended, and to report.
const GLANCE: Duration = Duration::from_millis(50);

/// Load, sampler and server during a measurement.
pub(super) struct Window<'a> {
    pub(super) generator: Generator,
    pub(super) sampler: Sampler,
    pub(super) subject: &'a mut Subject,
    pub(super) load_threads: usize,
    pub(super) interrupted: &'a AtomicBool,
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
}

impl Window<'_> {
    /// Applies load without counting it, and finds how much of the stack samples must copy.
    pub(super) fn warm_up(&mut self, duration: Duration, events: Sink<'_>) -> Result<(), Cut> {
        let start = Nanos::now();
        let left = |now: Nanos| Duration::from(Nanos::from(duration) - now.since(start));
        let mut is_settled = false;
        let mut extra = 0;
        while !left(Nanos::now()).is_zero() || (!is_settled && extra < SETTLING_SLICES) {
            let round = match left(Nanos::now()) {
                Duration::ZERO => {
                    extra += 1;
                    SLICE
                }
                left => SLICE.min(left),
            };
            self.sampler.enable();
            self.generator.resume();
            let waited = self.wait(round, &mut |now| {
                events(Event::WarmingUp { left: left(now) });
            });
            self.generator.pause();
            self.sampler.disable();
            waited?;
            let grown = self.sampler.adapt();
            is_settled = grown.is_none() && self.sampler.counts().samples >= SAMPLES_TO_SETTLE;
            if let Some(bytes) = grown {
                events(Event::DumpGrew { bytes });
            }
        }
        Ok(())
    }

    /// Measures slices for about `duration`, in whole blocks. What was measured is kept even if
    /// it ends before its time.
    pub(super) fn measure(
        &mut self,
        duration: Duration,
        events: Sink<'_>,
    ) -> (Slices, Option<Cut>) {
        let blocks = duration.div_duration_f64(SLICE * slice::BLOCK as u32).round().max(1.0);
        let count = blocks as usize * slice::BLOCK;
        let mut slices = Slices::new();
        self.sampler.begin_window();
        let start = Nanos::now();
        let completed_before = self.generator.completed();
        let total = Nanos::from(SLICE * count as u32);
        for index in 0..count {
            let (slice, tally, cut) =
                self.slice(slice::is_sampled(index), &mut |now, completed| {
                    let elapsed = now.since(start);
                    let completed = completed - completed_before;
                    let requests_per_second = completed as f64 / elapsed.as_secs_f64();
                    let left = Duration::from(total - elapsed);
                    events(Event::Measuring { left, requests_per_second });
                });
            slices.push(slice, &tally);
            if cut.is_some() {
                return (slices, cut);
            }
            if is_silent(slices.rows()) {
                return (slices, Some(Cut::Silent));
            }
        }
        (slices, None)
    }

    /// Ends the load, then the sampling; the server still lives, as naming its code wants.
    pub(super) fn finish(self) -> Capture {
        drop(self.generator);
        self.sampler.finish()
    }

    fn slice(
        &mut self,
        sampled: bool,
        report: &mut dyn FnMut(Nanos, u64),
    ) -> (Slice, Tally, Option<Cut>) {
        if sampled {
            self.sampler.enable();
        }
        let cpu_before = self.sampler.cpu_time();
        self.generator.resume();
        let mut completed = self.generator.completed();
        let waited = self.wait_reporting(SLICE, &mut completed, report);
        let tally = self.generator.pause();
        let server_cpu = self.sampler.cpu_time() - cpu_before;
        if sampled {
            self.sampler.disable();
        }
        let mut slice = Slice::new(sampled, &tally, server_cpu, self.load_threads);
        if waited.is_err() {
            slice.invalid = Some(Invalid::Cut);
        }
        (slice, tally, waited.err())
    }

    fn wait_reporting(
        &mut self,
        duration: Duration,
        completed: &mut u64,
        report: &mut dyn FnMut(Nanos, u64),
    ) -> Result<(), Cut> {
        let end = Nanos::now() + duration.into();
        loop {
            let now = Nanos::now();
            *completed = self.generator.completed();
            report(now, *completed);
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(Cut::Interrupted);
            }
            if let Some(exit) = self.subject.exited() {
                return Err(Cut::Exited(exit));
            }
            let left = Duration::from(end - now);
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(GLANCE));
        }
    }

    fn wait(&mut self, duration: Duration, report: &mut dyn FnMut(Nanos)) -> Result<(), Cut> {
        self.wait_reporting(duration, &mut 0, &mut |now, _| report(now))
    }
}

/// Whether the last slices had no response, good or not.
fn is_silent(slices: &[Slice]) -> bool {
    let answered = |slice: &Slice| slice.answers > 0;
    slices.len() >= SILENT_SLICES && !slices.iter().rev().take(SILENT_SLICES).any(answered)
}
