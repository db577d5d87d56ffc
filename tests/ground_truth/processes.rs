//! Several processes watched at once: the CPU time and the samples of each are its own.

use std::collections::{BTreeMap, BTreeSet};

use flameload::{
    sample::{CpuTimes, Origin, Sampler},
    target::{descendants, usage},
    unit::Nanos,
};

use super::{
    known::{Known, eventually, release, sampler},
    view::resolved,
};

/// What the counters and the system's clocks may disagree about, and a little at either end.
const TOLERANCE: f64 = 0.05;
const ENDS_S: f64 = 0.01;

/// The counters, and before and after them the system's clocks of each family.
fn look(sampler: &Sampler, families: &[Vec<u32>]) -> (Vec<Nanos>, CpuTimes, Vec<Nanos>) {
    let clocks = || families.iter().map(|pids| usage::cpu_time(pids)).collect();
    (clocks(), sampler.cpu_times(), clocks())
}

#[test]
fn each_process_has_its_own_time_and_samples() {
    let Some((front, back)) = Known::new().zip(Known::new()) else { return };
    let Some(mut sampler) = sampler() else { return };
    // One whose child is seen to be forked, and one that was there before, with its child.
    let held = front.hold("shares", 1e6, "ready");
    sampler.watch_as("front", held.profiled()[0], Origin::BeforeExec).expect("it is held");
    let running = [release(held), back.run("shares", 1e6, "ready")];
    let families = running.each_ref().map(|running| {
        let pid = running.pids()[0];
        [vec![pid], descendants(pid)].concat()
    });
    for pid in &families[1] {
        sampler.watch_as("back", *pid, Origin::Running).expect("it runs, and is ours");
    }
    sampler.begin_window();

    let (outer_before, counted_before, inner_before) = look(&sampler, &families);
    let clock = |pid: &u32| usage::cpu_time(&[*pid]);
    let started: Vec<Nanos> = families.iter().flatten().map(clock).collect();
    sampler.enable();
    eventually("some time of each process", || {
        let now = families.iter().flatten().map(clock);
        now.zip(&started).all(|(now, before)| now.since(*before) >= Nanos(200_000_000))
    });
    sampler.disable();
    let (inner_after, counted_after, outer_after) = look(&sampler, &families);

    let counted = counted_after - &counted_before;
    assert_eq!(counted.of(0) + counted.of(1), counted.total());
    for index in 0..2 {
        let own = counted.of(index).as_secs_f64();
        let least = inner_after[index].since(inner_before[index]).as_secs_f64();
        let most = outer_after[index].since(outer_before[index]).as_secs_f64();
        assert!(own >= least * (1.0 - TOLERANCE) - ENDS_S, "{index}: {own} of {least}");
        assert!(own <= most * (1.0 + TOLERANCE) + ENDS_S, "{index}: {own} of {most}");
    }

    let resolved = resolved(&sampler.finish());
    let mut seen: BTreeMap<&str, BTreeSet<u32>> = BTreeMap::new();
    for sample in &resolved.profile.samples {
        let thread = &resolved.profile.threads[sample.thread.0 as usize];
        seen.entry(thread.of.as_deref().expect("it is known")).or_default().insert(thread.pid);
    }
    for (name, pids) in ["front", "back"].into_iter().zip(families) {
        assert_eq!(seen.remove(name), Some(pids.into_iter().collect()), "{name}");
    }
    assert!(seen.is_empty(), "{seen:?}");
}
