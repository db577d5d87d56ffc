//! A benchmark: targets at load levels, in rounds that alternate between the targets.
//!
//! ```text
//! level 1:  A B C   C B A   A B C   C B A      each a fresh server process: a round of a cell
//! level 2:  A B C   C B A   ...                a cell: a target at a level, all its rounds
//! ```
//!
//! The rounds of a cell are its replicates. Between two targets, rounds are compared that were
//! made one soon after the other, so that what drifts with the machine is in both.

mod cell;
mod compare;
mod level;
mod order;
mod processes;
mod runs;
mod share;
mod turns;
mod unlike;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::{
    error::MeasureError,
    event::{Event, Sink},
    profile::{Prepared, Settings},
    subject::What,
};
use crate::record::{Bench, Host, Status, Store, UtcTime};
pub use runs::{Source, bench_of};
pub use share::share_of;
use turns::{Clock, Course, Outcome};

/// What is to be measured against each other.
#[derive(Debug)]
pub struct Contest {
    /// The targets in their order.
    pub entrants: Vec<Entrant>,
    /// How often each is measured at each level.
    pub rounds: usize,
    /// The place of the target that ratios are to.
    pub baseline: usize,
    /// The command line, for the record.
    pub command: String,
}

/// A target of a benchmark.
#[derive(Debug)]
pub struct Entrant {
    /// Its name, distinct from the others'.
    pub name: String,
    /// What it is.
    pub what: What,
    /// How to measure a round of it at each level; only those are measured that all have.
    pub levels: Vec<Settings>,
}

/// What a benchmark tells while it goes on.
#[derive(Debug)]
pub enum BenchEvent<'a> {
    /// A target is made ready, before anything is measured: where the benchmark fails before the
    /// first turn, it is because of the one that was named last.
    Preparing {
        /// Its name.
        target: &'a str,
    },
    /// A turn begins.
    Turn {
        /// The target.
        target: &'a str,
        /// The load, such as `64 connections`.
        level: &'a str,
        /// Which round of that target at that level, from 1, and how many there are.
        round: (usize, usize),
        /// Which turn of all, from 1, and how many there are.
        place: (usize, usize),
        /// About how long all turns to come take.
        left: Duration,
    },
    /// The turn that was announced last could not be measured.
    Missed {
        /// Why.
        error: &'a MeasureError,
    },
    /// A step of the measurement that is under way.
    Step(Event),
}

/// Where the events of a benchmark go.
pub type BenchSink<'a> = &'a mut dyn FnMut(BenchEvent<'_>);

/// Measures every target at every level and says what it came to. Each run is kept in `store`.
///
/// A turn that cannot be measured does not keep the others from it, and where `interrupted` is
/// set, there is what was measured until then.
///
/// # Errors
/// When a target cannot be made ready, or nothing at all was measured. Nothing that was started
/// outlives it.
pub fn bench(
    contest: &Contest,
    store: &Store,
    interrupted: &AtomicBool,
    events: BenchSink<'_>,
) -> Result<Bench, MeasureError> {
    store.check_bench_writable()?;
    let prepared = prepare(contest, store, interrupted, events)?;
    let mut bench = Bench::new(UtcTime::now(), contest.command.clone());
    bench.host = Host::read();
    let mut course = Course::new(contest);
    let mut clock = Clock::start(&course);
    for turn in course.order() {
        if course.is_given_up(turn) {
            continue;
        }
        course.announce(turn, clock.left(turn), events);
        let settings = course.settings(turn);
        let outcome = prepared[turn.entrant].profile(settings, store, interrupted, &mut |event| {
            events(BenchEvent::Step(event));
        });
        let outcome = Outcome::of(outcome, events);
        clock.tick(turn);
        course.note(turn, outcome);
        let rested = cool_down(settings, clock.is_last(turn), interrupted, events);
        if interrupted.load(Ordering::Relaxed) || rested.is_err() {
            bench.status = Status::Interrupted;
            break;
        }
    }
    course.finish(bench)
}

/// Makes all targets ready, so that no build goes on beside a measurement.
fn prepare<'a>(
    contest: &'a Contest,
    store: &Store,
    interrupted: &AtomicBool,
    events: BenchSink<'_>,
) -> Result<Vec<Prepared<'a>>, MeasureError> {
    let all = contest.entrants.iter().map(|Entrant { name, what, levels }| {
        events(BenchEvent::Preparing { target: name });
        let sink: Sink<'_> = &mut |event| events(BenchEvent::Step(event));
        Prepared::new(what, levels, store, interrupted, sink)
    });
    all.collect()
}

/// Leaves the machine alone for as long as the script says, unless it was the last turn.
fn cool_down(
    settings: &Settings,
    is_last: bool,
    interrupted: &AtomicBool,
    events: BenchSink<'_>,
) -> Result<(), MeasureError> {
    let pause = if is_last { Duration::ZERO } else { settings.script.cooldown };
    Prepared::cool_down(pause, interrupted, &mut |event| events(BenchEvent::Step(event)))
}

#[cfg(test)]
mod tests;
