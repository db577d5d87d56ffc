//! The rungs of privilege below root: what an ordinary user gets is said, and is right.

use std::{
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
};

use flameload::{
    sample::{Access, Config, SampleError, Sampler, paranoid},
    symbolize::FrameKind,
    unit::Nanos,
};

use super::{
    callers::callers_in_sections_are_right,
    known::{HZ, Known, PROGRAMS, release, sample_for},
    view::{count, resolved},
};
use crate::{
    measured::{Measured, holds, repeated},
    skip::skip,
};

/// The user `nobody` of most systems; any other than root would do.
const NOBODY: u32 = 65_534;

/// Run again as that user, the test takes its other way.
const THIS_TEST: &str = "ground_truth::unprivileged::\
                         an_ordinary_user_samples_what_the_kernel_allows_or_is_told_why_not";

#[test]
fn an_ordinary_user_samples_what_the_kernel_allows_or_is_told_why_not() {
    if !rustix::process::geteuid().is_root() {
        // We are that user.
        return repeated(sample_as_we_are);
    }
    let Some(programs) = Known::new() else { return };
    // Through this link, even where the user may not look into the folders above the program.
    let output = Command::new("/proc/self/exe")
        .args([THIS_TEST, "--exact", "--nocapture"])
        .current_dir("/")
        .env(PROGRAMS, programs.dir.path())
        .uid(NOBODY)
        .gid(NOBODY)
        .stdin(Stdio::null())
        .output();
    match output {
        Err(error) => skip(format!("cannot run as another user: {error}")),
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{text}{errors}");
            assert!(text.contains("1 passed"), "{text}{errors}");
        }
    }
}

fn sample_as_we_are() -> Measured {
    let Some(known) = Known::new() else { return Ok(()) };
    let mut sampler = match Sampler::start(&Config::at(HZ)) {
        Ok(sampler) => sampler,
        Err(SampleError::Refused { advice, .. }) => {
            assert!(advice.contains("sysctl") || advice.contains("seccomp"), "{advice}");
            return Ok(());
        }
        Err(error) => panic!("{error}"),
    };
    let access = sampler.access();
    match paranoid() {
        Some(2) => assert_eq!(access, Access::UserOnly),
        Some(..=1) => assert_eq!(access, Access::KernelAndUser),
        Some(3..) | None => {}
    }
    let _running = release(known.hold_watched(&mut sampler, "shares", 1e6, "ready"));
    sampler.begin_window();
    sample_for(&sampler, Nanos(1_500_000_000));
    let cpu = sampler.cpu_time();
    let capture = sampler.finish();
    let (profile, counts) = (resolved(&capture).profile, capture.counts);
    assert!(counts.truncated().share_of(counts.samples).0 <= 0.01, "{counts:?}");
    let in_kernel = count(&profile, |seen| seen.has_kind(FrameKind::Kernel));
    let all = cpu.as_secs_f64() * f64::from(HZ.0);
    match access {
        Access::UserOnly => {
            assert_eq!(in_kernel.0, 0);
            // The quarter that is spent in the kernel is missing, and nothing else.
            let share = counts.samples.0 as f64 / all;
            holds((0.65..0.85).contains(&share), format_args!("{share} of the samples"))?;
            assert!(access.missing().is_some() && access.lifted_by().is_some());
        }
        Access::KernelAndUser => {
            let share = in_kernel.share_of(counts.samples).0;
            holds((0.2..0.35).contains(&share), format_args!("{share} in the kernel"))?;
        }
    }
    callers_in_sections_are_right(&profile)?;
    two_share_what_a_user_is_granted();
    Ok(())
}

/// Where one sampler alone may have all, the second of two must find as much as the first.
fn two_share_what_a_user_is_granted() {
    let little = rustix::process::Rlimit { current: Some(64 << 10), maximum: Some(64 << 10) };
    rustix::process::setrlimit(rustix::process::Resource::Memlock, little).expect("less is fine");
    let config = Config { samplers: 2, ..Config::at(HZ) };
    let _first = Sampler::start(&config).expect("one of two");
    let _second = Sampler::start(&config).expect("two of two");
}
