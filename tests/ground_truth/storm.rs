//! Thousands of threads that live for two milliseconds each.

use std::collections::BTreeSet;

use flameload::unit::Samples;

use super::{
    known::{HZ, Known, release, sampler},
    view::{resolved, seen},
};

const THREADS: usize = 2000;

#[test]
fn a_storm_of_short_threads_is_seen_whole() {
    let Some((known, mut sampler)) = Known::new().zip(sampler()) else { return };
    let held = known.hold_watched(&mut sampler, "storm", THREADS as f64, "done");
    sampler.begin_window();
    sampler.enable();
    let running = release(held);
    sampler.disable();
    let cpu = sampler.cpu_time();
    let capture = sampler.finish();
    let counts = capture.counts;
    assert_eq!((counts.bad_records, counts.lost), (0, Samples(0)), "{counts:?}");
    // Each thread was seen, and under its own name.
    let names: BTreeSet<&str> = capture.threads.iter().map(|thread| thread.name.as_str()).collect();
    let missing = (0..THREADS).filter(|i| !names.contains(format!("storm-{i}").as_str())).count();
    assert_eq!(missing, 0);
    let ids: BTreeSet<u32> = capture.threads.iter().map(|thread| thread.pid).collect();
    assert_eq!(ids, BTreeSet::from([running.pids()[0]]));
    // Every thread's clock starts anew, so that up to a period of each is never sampled; but
    // nothing is sampled that was not used.
    let resolved = resolved(&capture);
    let total: u64 = seen(&resolved.profile).map(|seen| seen.weight()).sum();
    assert_eq!(Samples(total), counts.samples);
    let due = cpu.as_secs_f64() * f64::from(HZ.0);
    assert!((total as f64) < due * 1.05, "{total} of {due}");
    assert!(total as f64 > due - THREADS as f64 * cpus(), "{total} of {due}");
    assert!(counts.truncated().share_of(counts.samples).0 <= 0.01, "{counts:?}");
    report(total as f64 / due);
}

/// A thread has a sampling event on each CPU, and loses up to a period on each.
fn cpus() -> f64 {
    std::thread::available_parallelism().map_or(1.0, |cpus| cpus.get() as f64)
}

#[expect(clippy::print_stderr, reason = "shown with --nocapture")]
fn report(coverage: f64) {
    eprintln!("coverage of {THREADS} threads of 2 ms: {coverage:.3}");
}
