//! Thousands of threads that live for two milliseconds each.

use std::collections::BTreeSet;

use flameload::unit::Samples;

use super::{
    known::{Known, release, sampler},
    view::{resolved, seen},
};
use crate::measured::{Measured, holds, repeated};

const THREADS: usize = 2000;

#[test]
fn a_storm_of_short_threads_is_seen_whole() {
    repeated(measure);
}

fn measure() -> Measured {
    let Some((known, mut sampler)) = Known::new().zip(sampler()) else { return Ok(()) };
    let held = known.hold_watched(&mut sampler, "storm", THREADS as f64, "done");
    sampler.begin_window();
    sampler.enable();
    let running = release(held);
    sampler.disable();
    let cpu = sampler.cpu_time();
    let capture = sampler.finish();
    let counts = capture.counts;
    assert_eq!(counts.bad_records, 0, "{counts:?}");
    // A ring overflows where its reader does not get its turn for long.
    holds(counts.lost == Samples(0), format_args!("{counts:?}"))?;
    // Each thread was seen, and under its own name.
    let names: BTreeSet<&str> = capture.threads.iter().map(|thread| thread.name.as_str()).collect();
    let missing = (0..THREADS).filter(|i| !names.contains(format!("storm-{i}").as_str())).count();
    assert_eq!(missing, 0);
    let ids: BTreeSet<u32> = capture.threads.iter().map(|thread| thread.pid).collect();
    assert_eq!(ids, BTreeSet::from([running.pids()[0]]));
    let resolved = resolved(&capture);
    let total: u64 = seen(&resolved.profile).map(|seen| seen.weight()).sum();
    assert_eq!(Samples(total), counts.samples);
    let due = cpu.0 as f64 / capture.mean_period().0 as f64;
    // Nothing is sampled that was not used. But where events are on threads, each thread begins a
    // period of its own, on each CPU that it comes to, and the last ones end with the thread: of two
    // periods at least one is seen, unless the thread moved.
    assert!(counts.truncated().share_of(counts.samples).0 <= 0.01, "{counts:?}");
    report(total as f64 / due);
    holds((0.4..1.05).contains(&(total as f64 / due)), format_args!("{total} of {due}"))
}

#[expect(clippy::print_stderr, reason = "shown with --nocapture")]
fn report(coverage: f64) {
    eprintln!("coverage of {THREADS} threads of 2 ms: {coverage:.3}");
}
