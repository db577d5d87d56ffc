//! Switching: samples only while on, and nothing that happens while off is missed.

use std::{fs, thread, time::Duration};

use flameload::{
    sample::{Config, Sampler},
    unit::{Nanos, Samples},
};

use super::{
    callers::callers_are_right,
    known::{HZ, Known, eventually, release, sample_for, sampler},
    view::{count, resolved},
};
use crate::measured::{Measured, holds, repeated};

#[test]
fn samples_fall_into_the_intervals_in_which_sampling_was_on() {
    repeated(sample_in_intervals);
}

fn sample_in_intervals() -> Measured {
    let Some((known, mut sampler)) = Known::new().zip(sampler()) else { return Ok(()) };
    let _running = release(known.hold_watched(&mut sampler, "shares", 1e6, "ready"));
    sampler.begin_window();
    let mut on = Vec::new();
    for _ in 0..6 {
        let start = Nanos::now();
        sample_for(&sampler, Nanos(100_000_000));
        on.push((start, Nanos::now()));
        let idle = sampler.cpu_time();
        eventually("work while off", || sampler.cpu_time().since(idle) >= Nanos(50_000_000));
    }
    let capture = sampler.finish();
    let mut per_interval = vec![0_u64; on.len()];
    for sample in &capture.samples {
        let time = capture.started + sample.time;
        let interval = on.iter().position(|(start, end)| (*start..=*end).contains(&time));
        per_interval[interval.expect("a sample while sampling was off")] += sample.weight.0;
    }
    assert_eq!(per_interval.iter().sum::<u64>(), capture.counts.samples.0);
    // Each is worth 100 samples.
    holds(per_interval.iter().all(|samples| *samples >= 80), format_args!("{per_interval:?}"))
}

#[test]
fn what_started_while_off_is_known_when_on() {
    repeated(sample_what_started_while_off);
}

fn sample_what_started_while_off() -> Measured {
    let Some((known, mut sampler)) = Known::new().zip(sampler()) else { return Ok(()) };
    let _running = release(known.hold_watched(&mut sampler, "late", 0.0, "ready"));
    sampler.begin_window();
    sample_for(&sampler, Nanos(200_000_000));
    let before = sampler.counts();
    fs::write(known.path("go"), "").expect("a file");
    eventually("a new library", || known.path("gone").exists());
    thread::sleep(Duration::from_millis(20));
    assert_eq!(sampler.counts(), before, "nothing is sampled while off");
    sample_for(&sampler, Nanos(1_500_000_000));
    let capture = sampler.finish();
    let profile = resolved(&capture).profile;
    callers_are_right(&profile, "caller_of_late", &["caller_of_late > in_late_library"])?;
    for (name, function) in
        [("known-late", "in_late_library"), ("known-child", "in_plain_library"), ("known", "late")]
    {
        let of_thread = count(&profile, |seen| seen.thread.name == name);
        let right = count(&profile, |seen| seen.thread.name == name && seen.has(function));
        // A third of the time each, where they are scheduled fairly.
        holds(of_thread.0 >= 100, format_args!("{name}: {of_thread:?}"))?;
        assert!(right.share_of(of_thread).0 > 0.95, "{name}: {right:?} of {of_thread:?}");
    }
    let truncated = capture.counts.truncated();
    assert!(truncated.share_of(capture.counts.samples).0 <= 0.01, "{:?}", capture.counts);
    Ok(())
}

#[test]
fn a_sampler_that_only_counts_takes_no_sample() {
    if sampler().is_none() {
        return;
    }
    let Some(known) = Known::new() else { return };
    let config = Config::at(HZ);
    let mut sampler = Sampler::counting(&config).expect("one that samples was allowed");
    let _running = release(known.hold_watched(&mut sampler, "shares", 1e6, "ready"));
    sampler.begin_window();
    sample_for(&sampler, Nanos(100_000_000));
    assert!(!sampler.takes_samples() && sampler.adapt().is_none());
    assert!(sampler.cpu_time() >= Nanos(100_000_000));
    let capture = sampler.finish();
    assert_eq!((capture.counts.samples, capture.samples.len()), (Samples(0), 0));
}
