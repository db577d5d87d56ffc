//! Attaching to what runs already: every thread is sampled, and none twice.

use std::{collections::BTreeMap, fs};

use flameload::{
    sample::{Capture, Origin, Sampler},
    target::descendants,
    unit::{Nanos, Samples},
};

use super::{
    callers::{INLINED, callers_are_right},
    known::{Known, eventually, sample_for, sampler},
    view::{resolved, seen},
};
use crate::measured::{Measured, holds, repeated};

/// A period more or less at either end, and what the kernel's two clocks disagree about.
const TOLERANCE: f64 = 0.06;

/// CPU time by process and thread, exact, as the scheduler counts it.
fn scheduled(pids: &[u32]) -> BTreeMap<(u32, u32), u64> {
    let mut all = BTreeMap::new();
    for pid in pids {
        for entry in fs::read_dir(format!("/proc/{pid}/task")).expect("a process").flatten() {
            let tid = entry.file_name().to_string_lossy().parse().expect("a thread");
            let stat = fs::read_to_string(entry.path().join("schedstat")).unwrap_or_default();
            let nanos = stat.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0);
            all.insert((*pid, tid), nanos);
        }
    }
    all
}

/// Each thread has as many samples as its CPU time is worth; no other thread has any.
fn counts_are_right(
    capture: &Capture,
    before: &BTreeMap<(u32, u32), u64>,
    after: &BTreeMap<(u32, u32), u64>,
) -> Measured {
    let mut sampled: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    for sample in &capture.samples {
        let thread = &capture.threads[sample.thread as usize];
        *sampled.entry((thread.pid, thread.tid)).or_default() += sample.weight.0;
    }
    assert_eq!(Samples(sampled.values().sum()), capture.counts.samples);
    for (thread, nanos) in after {
        let due =
            (nanos - before.get(thread).unwrap_or(&0)) as f64 / capture.mean_period().0 as f64;
        let found = sampled.remove(thread).unwrap_or(0) as f64;
        let is_right = (found - due).abs() <= due * TOLERANCE + 5.0;
        holds(is_right, format_args!("{thread:?}: {found} for {due:.1}"))?;
    }
    assert!(sampled.is_empty(), "threads from nowhere: {sampled:?}");
    Ok(())
}

/// Attaches to a process and then to its children, as a measurement does.
fn watch(sampler: &mut Sampler, pid: u32) -> Vec<u32> {
    sampler.watch(pid, Origin::Running).expect("it runs, and is ours");
    let mut pids = descendants(pid);
    for child in &pids {
        sampler.watch(*child, Origin::Running).expect("it runs, and is ours");
    }
    pids.push(pid);
    pids
}

#[test]
fn every_thread_of_a_running_program_and_its_child_is_sampled_once() {
    repeated(sample_threads_and_a_child);
}

fn sample_threads_and_a_child() -> Measured {
    let Some((known, mut sampler)) = Known::new().zip(sampler()) else { return Ok(()) };
    let running = known.run("shares", 1e6, "ready");
    let pids = watch(&mut sampler, running.pids()[0]);
    assert_eq!(pids.len(), 2, "the program and its child");
    sampler.begin_window();
    let before = scheduled(&pids);
    sample_for(&sampler, Nanos(3_000_000_000));
    let after = scheduled(&pids);
    assert_eq!(after.len(), 4, "two main threads and two workers");
    let capture = sampler.finish();
    counts_are_right(&capture, &before, &after)?;
    let resolved = resolved(&capture);
    assert!(resolved.unknown.share_of(capture.counts.samples).0 <= 0.01, "{:?}", resolved.unknown);
    for seen in seen(&resolved.profile) {
        let (process, thread) = (seen.thread.process.as_str(), seen.thread.name.as_str());
        let expected = [("known", "known-a"), ("known", "known-b"), ("known-child", "known-child")];
        assert!(expected.contains(&(process, thread)), "{process} {thread}");
    }
    Ok(())
}

#[test]
fn a_child_that_was_forked_while_attaching_is_not_sampled_twice() {
    repeated(sample_a_late_child);
}

fn sample_a_late_child() -> Measured {
    let Some((known, mut sampler)) = Known::new().zip(sampler()) else { return Ok(()) };
    let running = known.run("late", 0.0, "ready");
    let pid = running.pids()[0];
    sampler.watch(pid, Origin::Running).expect("it runs, and is ours");
    // From here on, children inherit the events; they are listed all the same.
    fs::write(known.path("go"), "").expect("a file");
    eventually("a child", || known.path("gone").exists());
    let children = descendants(pid);
    assert_eq!(children.len(), 1);
    sampler.watch(children[0], Origin::Running).expect("it runs, and is ours");
    sampler.begin_window();
    let pids = [pid, children[0]];
    let before = scheduled(&pids);
    sample_for(&sampler, Nanos(1_500_000_000));
    let after = scheduled(&pids);
    counts_are_right(&sampler.finish(), &before, &after)
}

#[test]
fn a_program_whose_main_thread_has_ended_can_be_sampled() {
    repeated(sample_without_a_main_thread);
}

fn sample_without_a_main_thread() -> Measured {
    let Some((known, mut sampler)) = Known::new().zip(sampler()) else { return Ok(()) };
    let running = known.run("headless", 0.0, "ready");
    let pids = watch(&mut sampler, running.pids()[0]);
    sampler.begin_window();
    let before = scheduled(&pids);
    sample_for(&sampler, Nanos(300_000_000));
    let after = scheduled(&pids);
    let capture = sampler.finish();
    counts_are_right(&capture, &before, &after)?;
    assert!(capture.counts.truncated().share_of(capture.counts.samples).0 <= 0.01);
    callers_are_right(&resolved(&capture).profile, "caller_of_inlined", &[INLINED])
}

/// CPU time of a process with all threads that it ever had, in the kernel's ticks of 10 ms.
fn process_cpu(pid: u32) -> Nanos {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
    let ticks = |index: usize| fields.split(' ').nth(index).and_then(|word| word.parse().ok());
    let ticks: [Option<u64>; 2] = [ticks(11), ticks(12)];
    Nanos(ticks.map(|ticks| ticks.expect("ticks")).iter().sum::<u64>() * 10_000_000)
}

#[test]
fn lines_of_short_lived_threads_are_neither_missed_nor_doubled() {
    repeated(count_lines_of_threads);
}

fn count_lines_of_threads() -> Measured {
    let Some((known, mut sampler)) = Known::new().zip(sampler()) else { return Ok(()) };
    let running = known.run("forks", 0.0, "ready");
    let pid = running.pids()[0];
    watch(&mut sampler, pid);
    let (cpu, truth) = (sampler.cpu_time(), process_cpu(pid));
    sample_for(&sampler, Nanos(2_000_000_000));
    let counted = sampler.cpu_time().since(cpu).as_secs_f64();
    let used = process_cpu(pid).since(truth).as_secs_f64();
    let counts = sampler.finish().counts;
    assert!(counts.samples.0 > 0 && counts.bad_records == 0, "{counts:?}");
    let is_right = (counted / used - 1.0).abs() <= TOLERANCE;
    holds(is_right, format_args!("counted {counted} s, used {used} s"))
}
