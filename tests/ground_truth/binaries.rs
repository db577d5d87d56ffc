//! Programs without symbols, without a file, and without ever having had one.

use std::{fs, path::PathBuf, process::Command};

use flameload::{sample::Origin, symbolize::FrameKind, unit::Nanos};

use super::{
    callers::callers_in_sections_are_right,
    known::{Known, release, sample_for, sampler},
    view::{count, resolved},
};
use crate::{
    measured::{Measured, repeated},
    skip::skip,
};

const CPU: Nanos = Nanos(500_000_000);

#[test]
fn a_stripped_program_is_unwound_and_called_by_its_module() {
    let Some((known, mut sampler)) = Known::new().zip(sampler()) else { return };
    match Command::new("strip").arg(known.program()).status() {
        Ok(status) => assert!(status.success(), "{status}"),
        Err(error) => return skip(format!("strip: {error}")),
    }
    let _running = release(known.hold_watched(&mut sampler, "shares", 1e6, "ready"));
    sampler.begin_window();
    sample_for(&sampler, CPU);
    let capture = sampler.finish();
    let (profile, counts) = (resolved(&capture).profile, capture.counts);
    assert!(counts.truncated().share_of(counts.samples).0 <= 0.01, "{counts:?}");
    let unnamed = count(&profile, |seen| {
        seen.frames.iter().any(|f| f.name == "[known]" && f.kind == FrameKind::Unknown)
    });
    assert!(unnamed.share_of(counts.samples).0 > 0.95, "{unnamed:?} of {counts:?}");
    // The recursion is as deep as with names.
    let deep = count(&profile, |seen| {
        seen.frames.iter().filter(|frame| frame.name == "[known]").count() > 61
    });
    assert!((0.1..0.3).contains(&deep.share_of(counts.samples).0), "{deep:?} of {counts:?}");
    // What the library exports has its name all the same.
    assert!(count(&profile, |seen| seen.has("in_plain_library")).0 > 0);
}

#[test]
fn a_program_deleted_after_its_start_has_its_names() {
    repeated(sample_what_is_deleted);
}

fn sample_what_is_deleted() -> Measured {
    for origin in [Origin::BeforeExec, Origin::Running] {
        let Some((known, mut sampler)) = Known::new().zip(sampler()) else { return Ok(()) };
        let held = known.hold("shares", 1e6, "ready");
        let pid = held.profiled()[0];
        if origin == Origin::BeforeExec {
            sampler.watch(pid, origin).expect("it is held");
        }
        let _running = release(held);
        // One is gone, in the place of the other is something else.
        fs::remove_file(known.program()).expect("it exists");
        fs::remove_file(known.path("libplain.so")).expect("it exists");
        fs::copy(known.path("liblate.so"), known.path("libplain.so")).expect("a copy");
        if origin == Origin::Running {
            sampler.watch(pid, origin).expect("it runs, and is ours");
        }
        sampler.begin_window();
        sample_for(&sampler, CPU);
        let capture = sampler.finish();
        let (profile, counts) = (resolved(&capture).profile, capture.counts);
        assert!(counts.truncated().share_of(counts.samples).0 <= 0.01, "{origin:?}: {counts:?}");
        callers_in_sections_are_right(&profile)?;
    }
    Ok(())
}

/// Removes the map that the program leaves behind.
struct Map(PathBuf);

impl Drop for Map {
    fn drop(&mut self) {
        // It may not have come to writing it.
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn generated_code_is_called_as_its_perf_map_says() {
    let Some((known, mut sampler)) = Known::new().zip(sampler()) else { return };
    let held = known.hold_watched(&mut sampler, "generated", 0.0, "ready");
    let _map = Map(PathBuf::from(format!("/tmp/perf-{}.map", held.profiled()[0])));
    let _running = release(held);
    sampler.begin_window();
    sample_for(&sampler, CPU);
    let capture = sampler.finish();
    let (profile, counts) = (resolved(&capture).profile, capture.counts);
    let spinning = "caller_of_generated > run_code (inlined) > spin";
    let right = count(&profile, |seen| {
        seen.chain("caller_of_generated").is_some_and(|chain| chain.starts_with(spinning))
    });
    assert!(right.share_of(counts.samples).0 > 0.95, "{right:?} of {counts:?}");
    assert!(counts.truncated().share_of(counts.samples).0 <= 0.01, "{counts:?}");
}
