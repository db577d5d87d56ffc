//! A program of Go: its runtime changes stacks, and the callers are found all the same.

use std::{collections::BTreeMap, path::Path, process::Command};

use flameload::{
    sample::Origin,
    symbolize::FrameKind,
    target::{Built, Guard, LaunchOptions, Manifest, launch},
    unit::{Nanos, Samples},
};

use super::{
    known::{release, sample_for, sampler},
    view::{Seen, resolved, seen},
};
use crate::skip::skip;

/// At most this share of the samples may have callers or names missing.
const BROKEN_MAX: f64 = 0.02;

/// At most this share may begin elsewhere than goroutines and threads do.
const STRAY_MAX: f64 = 0.01;

/// Builds the program, where there is a compiler.
fn build(to: &Path) -> bool {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/gostacks");
    let build = Command::new("go")
        .args(["build", "-o"])
        .arg(to)
        .arg(".")
        .current_dir(source)
        .env("GOTOOLCHAIN", "local")
        .output();
    match build {
        Err(error) => {
            skip(format!("go cannot be run: {error}"));
            false
        }
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            true
        }
    }
}

fn root<'a>(seen: &Seen<'a>) -> &'a str {
    let is_user = |frame: &&&flameload::symbolize::Frame| frame.kind != FrameKind::Kernel;
    seen.frames.iter().find(is_user).map_or("", |frame| frame.name.as_str())
}

#[test]
fn callers_across_a_change_of_stacks_are_found() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let program = dir.path().join("gostacks");
    let Some(mut sampler) = sampler().filter(|_| build(&program)) else { return };
    let manifest = format!(
        "name = \"gostacks\"\nlanguage = \"Go\"\ndescription = \"a test\"\n[[process]]\n\
         name = \"gostacks\"\ncommand = ['{}']\nenv.UNUSED = '{{port}}'\n\
         ready = {{ line = \"ready\", timeout = \"300s\" }}\n",
        program.display()
    );
    std::fs::write(dir.path().join("target.toml"), manifest).expect("a file");
    let manifest = Manifest::read(dir.path()).expect("a manifest that fits");
    let built = Built::default();
    let guard = Guard::start().expect("a guard");
    let held = launch(&manifest, &built, &LaunchOptions::default(), &guard).expect("a process");
    sampler.watch(held.profiled()[0], Origin::BeforeExec).expect("it is held");
    let _running = release(held);
    sampler.begin_window();
    sample_for(&sampler, Nanos(2_000_000_000));
    let capture = sampler.finish();
    let resolved = resolved(&capture);

    let all = capture.counts.samples;
    let broken = (capture.counts.truncated() + resolved.unknown).share_of(all).0;
    assert!(broken <= BROKEN_MAX, "{broken} of {all:?}: {:?}", capture.counts);
    // On a goroutine's stack, or on a thread's own.
    let roots = ["goexit", "mcall", "mstart", "mstart0", "rt0_go", "_rt0_amd64", "morestack"];
    let (mut switched, mut asked) = (0, 0);
    let mut strays: BTreeMap<&str, u64> = BTreeMap::new();
    for seen in seen(&resolved.profile).filter(|seen| !seen.has_kind(FrameKind::Truncated)) {
        let root = root(&seen);
        let function = root.trim_start_matches("runtime.").trim_end_matches(".abi0");
        if !root.is_empty() && !roots.contains(&function) {
            *strays.entry(root).or_default() += seen.weight();
        }
        let has = |name: &str| seen.frames.iter().any(|frame| frame.name == name);
        let by_work = has("main.work") || has("main.startOthers.func1");
        if has("runtime.systemstack") || has("runtime.systemstack.abi0") {
            // The collector works for nobody.
            let collects = seen.frames.iter().any(|frame| frame.name.contains("gcBgMarkWorker"));
            switched += if by_work && !collects { seen.weight() } else { 0 };
        }
        asked += if has("time.now") && by_work { seen.weight() } else { 0 };
    }
    // A goroutine that is only just beginning or ending may have no more than that.
    let stray: u64 = strays.values().sum();
    assert!(Samples(stray).share_of(all).0 <= STRAY_MAX, "roots of their own: {strays:?}");
    assert!(switched > 0, "the runtime was never seen at work for its caller");
    assert!(asked > 0, "the time was never seen to be asked for");
}
