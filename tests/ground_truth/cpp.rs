//! A program of C++ whose threads are started by the library, which has no names for that.

use std::{path::Path, process::Command};

use flameload::{
    sample::Origin,
    target::{Built, Guard, LaunchOptions, Manifest, launch},
    unit::Nanos,
};

use super::{
    callers::callers_are_right,
    known::{release, sample_for, sampler},
    view::{count, resolved},
};
use crate::{
    measured::{Measured, repeated},
    skip::skip,
};

/// Builds the program, where there is a compiler.
fn build(to: &Path) -> bool {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/threads.cpp");
    let build =
        Command::new("g++").args(["-O2", "-g", "-pthread", "-o"]).arg(to).arg(source).output();
    match build {
        Err(error) => {
            skip(format!("g++ cannot be run: {error}"));
            false
        }
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            true
        }
    }
}

#[test]
fn the_start_of_a_thread_is_no_hole() {
    repeated(sample_threads);
}

fn sample_threads() -> Measured {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let program = dir.path().join("threads");
    let Some(mut sampler) = sampler().filter(|_| build(&program)) else { return Ok(()) };
    let manifest = format!(
        "name = \"threads\"\nlanguage = \"C++\"\ndescription = \"a test\"\n[[process]]\n\
         name = \"threads\"\ncommand = ['{}']\nenv.UNUSED = '{{port}}'\n\
         ready = {{ line = \"ready\", timeout = \"300s\" }}\n",
        program.display()
    );
    std::fs::write(dir.path().join("target.toml"), manifest).expect("a file");
    let manifest = Manifest::read(dir.path()).expect("a manifest that fits");
    let guard = Guard::start().expect("a guard");
    let held = launch(&manifest, &Built::default(), &LaunchOptions::default(), &guard);
    let held = held.expect("a process");
    sampler.watch(held.profiled()[0], Origin::BeforeExec).expect("it is held");
    let _running = release(held);
    sampler.begin_window();
    sample_for(&sampler, Nanos(500_000_000));
    let capture = sampler.finish();
    let resolved = resolved(&capture);
    let all = capture.counts.samples;
    assert!(resolved.unknown.share_of(all).0 <= 0.01, "{:?} of {all:?}", resolved.unknown);
    let started = count(&resolved.profile, |seen| {
        seen.frames.iter().any(|frame| frame.name.ends_with(" start]"))
            || seen.has("execute_native_thread_routine")
    });
    assert!(started.share_of(all).0 >= 0.95, "{started:?} of {all:?} begin with a thread");
    callers_are_right(&resolved.profile, "serve", &["serve > handle"])
}
