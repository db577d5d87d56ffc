//! Shares of time in named functions, from the first instruction to the last.

use std::{collections::BTreeMap, env, fmt::Write as _, fs, path::Path};

use expect_test::expect;
use flameload::{
    fold::Folded,
    sample::{Access, Counts},
    symbolize::{FrameKind, Resolved},
    unit::{Nanos, Samples},
};

use super::{
    callers::callers_are_right,
    known::{Known, release, sampler},
    view::{chains, count, resolved, seen},
};
use crate::{
    measured::{self, holds, repeated},
    skip::skip,
};

/// CPU time of each of the three workers, together 10.2 s: about 10,200 samples, so that a share
/// of a half has a standard deviation of `sqrt(0.5 * 0.5 / 10,200)`, 0.495 points, and what is
/// allowed below is more than four of them.
const SECONDS: f64 = 3.4;
const POINTS_ALLOWED: f64 = 2.0;

/// Sections of the program, each with the function that does its work.
const SECTIONS: [(&str, &str); 4] = [
    ("caller_of_inlined", "inlined_arithmetic"),
    ("recursive", "bottom_of_recursion"),
    ("caller_of_library", "in_plain_library"),
    ("caller_of_kernel", "fill_randomly"),
];

/// What a worker really used, as it says itself.
struct Truth {
    worker: String,
    pid: u32,
    nanos: [u64; 4],
}

struct Measured {
    truth: Vec<Truth>,
    resolved: Resolved,
    counts: Counts,
    cpu: Nanos,
    period: Nanos,
    pid: u32,
}

fn measure() -> Option<Measured> {
    let (known, mut sampler) = (Known::new()?, sampler()?);
    if sampler.access() != Access::KernelAndUser {
        skip("the kernel's part of the truth is out of reach");
        return None;
    }
    let seconds = env::var("KNOWN_SECONDS").ok().and_then(|text| text.parse().ok());
    let seconds = seconds.unwrap_or(SECONDS);
    let held = known.hold_watched(&mut sampler, "shares", seconds, "done");
    sampler.begin_window();
    sampler.enable();
    let running = release(held);
    sampler.disable();
    let cpu = sampler.cpu_time();
    let capture = sampler.finish();
    let pid = running.pids()[0];
    let truth = read_truth(&known.path("truth"));
    Some(Measured {
        truth,
        resolved: resolved(&capture),
        counts: capture.counts,
        cpu,
        period: capture.mean_period(),
        pid,
    })
}

fn read_truth(path: &Path) -> Vec<Truth> {
    let text = fs::read_to_string(path).expect("the program wrote the truth");
    let line = |line: &str| {
        let mut words = line.split(' ');
        let worker = words.next().expect("a name").to_owned();
        let pid = words.next().and_then(|word| word.parse().ok()).expect("a process");
        let nanos: Vec<u64> = words.map(|word| word.parse().expect("nanoseconds")).collect();
        Truth { worker, pid, nanos: nanos.try_into().expect("four sections") }
    };
    text.lines().map(line).collect()
}

#[test]
fn shares_callers_and_threads_are_as_the_program_says() {
    repeated(|| {
        let Some(measured) = measure() else { return Ok(()) };
        report(&measured);
        callers_are_right(&measured.resolved.profile, "work", &CALLERS)?;
        quality_is_as_promised(&measured)?;
        shares_are_right(&measured)?;
        workers_are_right(&measured)
    });
}

fn quality_is_as_promised(measured: &Measured) -> measured::Measured {
    let Measured { counts, cpu, resolved, .. } = measured;
    let total = counts.samples;
    let coverage = counts.samples.0 as f64 * measured.period.as_secs_f64() / cpu.as_secs_f64();
    assert!(counts.truncated().share_of(total).0 <= 0.01, "{counts:?}");
    assert!(resolved.unknown.share_of(total).0 <= 0.01, "unknown: {:?}", resolved.unknown);
    assert_eq!(counts.bad_records, 0);
    // Nothing is dropped or invented on the way to the folded stacks.
    assert_eq!(Folded::from_profile(&resolved.profile).total(), total);
    let is_right = (0.95..=1.05).contains(&coverage) && counts.lost == Samples(0);
    holds(is_right, format_args!("coverage {coverage}, {counts:?}, {cpu:?}"))
}

/// Share of all samples, and of all CPU time, of a section.
fn share(measured: &Measured, section: usize, function: &str) -> (f64, f64) {
    let in_function = count(&measured.resolved.profile, |seen| seen.has(function));
    let nanos: u64 = measured.truth.iter().map(|truth| truth.nanos[section]).sum();
    let all: u64 = measured.truth.iter().flat_map(|truth| truth.nanos).sum();
    (100.0 * in_function.share_of(measured.counts.samples).0, 100.0 * nanos as f64 / all as f64)
}

fn shares_are_right(measured: &Measured) -> measured::Measured {
    for (section, (caller, worker)) in SECTIONS.into_iter().enumerate() {
        for function in [caller, worker] {
            let (found, truth) = share(measured, section, function);
            let off = (found - truth).abs();
            let what = format_args!("{function}: {found:.2} % instead of {truth:.2} %");
            holds(off <= POINTS_ALLOWED, what)?;
        }
    }
    let in_kernel = |kind| {
        move |seen: &super::view::Seen<'_>| seen.has("caller_of_kernel") && seen.has_kind(kind)
    };
    let profile = &measured.resolved.profile;
    let kernel = count(profile, in_kernel(FrameKind::Kernel));
    let section = count(profile, |seen| seen.has("caller_of_kernel"));
    assert!(kernel.share_of(section).0 > 0.95, "{kernel:?} of {section:?} in the kernel");
    Ok(())
}

/// Each section's callers, from the function on that runs them all.
const CALLERS: [&str; 4] = [
    "work > caller_of_inlined > inlined_arithmetic (inlined)",
    "work > caller_of_kernel > fill_randomly (inlined) > [libc] > [kernel]",
    "work > caller_of_library > in_plain_library",
    "work > recursive x 61 > bottom_of_recursion",
];

fn workers_are_right(measured: &Measured) -> measured::Measured {
    let mut found: BTreeMap<(u32, &str), u64> = BTreeMap::new();
    for seen in seen(&measured.resolved.profile) {
        *found.entry((seen.thread.pid, &seen.thread.name)).or_default() += seen.weight();
        let is_child = seen.thread.pid != measured.pid;
        assert!(!is_child || seen.thread.name == seen.thread.process, "{:?}", seen.thread);
    }
    for Truth { worker, pid, nanos } in &measured.truth {
        assert_eq!(*pid == measured.pid, worker != "known-child", "{worker}");
        let sampled = found[&(*pid, worker.as_str())] as f64 * measured.period.as_secs_f64();
        let used = nanos.iter().sum::<u64>() as f64 / 1e9;
        let is_right = (0.95..1.05).contains(&(sampled / used));
        holds(is_right, format_args!("{worker}: {sampled} s of {used} s"))?;
    }
    Ok(())
}

/// The table of docs/RESULTS.md.
#[expect(clippy::print_stderr, reason = "shown with --nocapture, and where the test fails")]
fn report(measured: &Measured) {
    let Measured { counts, cpu, resolved, .. } = measured;
    let coverage = counts.samples.0 as f64 * measured.period.as_secs_f64() / cpu.as_secs_f64();
    let mut text = format!(
        "{} samples over {:.2} s of CPU time, coverage {coverage:.4}, truncated {}, unknown {}, \
         lost {}, throttled {}\n\n| function | truth % | measured % | off |\n|---|---|---|---|\n",
        counts.samples.0,
        cpu.as_secs_f64(),
        counts.truncated().0,
        resolved.unknown.0,
        counts.lost.0,
        counts.throttled
    );
    for (section, (caller, worker)) in SECTIONS.into_iter().enumerate() {
        for function in [caller, worker] {
            let (found, truth) = share(measured, section, function);
            let off = found - truth;
            let _ = writeln!(text, "| `{function}` | {truth:.2} | {found:.2} | {off:+.2} |");
        }
    }
    eprintln!("{text}\n{:#?}", chains(&resolved.profile, "work"));
}
