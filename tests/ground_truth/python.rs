//! Python's functions: in the stacks of native code where the interpreter names them, and in the
//! interpreter's own memory.

use std::{fs, path::Path, sync::atomic::AtomicBool, thread, time::Duration};

use flameload::{
    sample::{
        Config, NamedCapture, NamedKind, Origin, Sampler,
        py_spy::{PySpy, Root},
    },
    symbolize::{Frame, FrameKind, Profile, adopt},
    target::{BuildOptions, Guard, Held, LaunchOptions, Manifest, PerfMaps, build, launch, usage},
    unit::{Bytes, Nanos},
};
use tempfile::TempDir;

use super::{
    known::{HZ, release, sample_for, sampler},
    view::{Seen, count, resolved, seen},
};
use crate::skip::skip;

const DUMP: Bytes = Bytes(48 << 10);
const CPU: Nanos = Nanos(4_000_000_000);
/// A moment in which the stack is another, such as at the start of a function's first line.
const FEW: f64 = 0.02;

/// The program, built for one version of Python and held before its exec. None where that is not
/// installed.
fn hold(version: &str, mode: &str) -> Option<(Held, TempDir)> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let program =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/known-python/stack.py");
    let text = format!(
        "name = \"stack\"\nlanguage = \"Python\"\ndescription = \"a test\"\n\
         [build]\nkind = \"python\"\nversion = \"{version}\"\n\
         [[process]]\nname = \"stack\"\ncommand = [\"{{bin}}\", '{}', \"{mode}\"]\n\
         env.UNUSED = '{{port}}'\nready = {{ line = \"ready\", timeout = \"300s\" }}\n",
        program.display(),
    );
    fs::write(dir.path().join("target.toml"), text).expect("a file");
    fs::write(dir.path().join("requirements.lock"), "").expect("a file");
    let manifest = Manifest::read(dir.path()).expect("a manifest that fits");
    let options = BuildOptions { cache: dir.path().join("cache"), ..BuildOptions::default() };
    let guard = Guard::start().expect("a guard");
    let built = match build(&manifest, &options, &guard, &AtomicBool::new(false), &mut |_| {}) {
        Ok(built) => built,
        Err(why) => {
            skip(why);
            return None;
        }
    };
    let options = LaunchOptions { perf_maps: true, ..LaunchOptions::default() };
    Some((launch(&manifest, &built, &options, &guard).expect("a process"), dir))
}

/// The function of a frame of Python, without its place.
fn function(frame: &Frame) -> Option<&str> {
    let is_python = frame.module.as_deref() == Some("python") && frame.kind == FrameKind::User;
    is_python.then(|| frame.name.split(" (").next().unwrap_or_default())
}

/// The functions of Python in a stack from the root in, a run of one as `name x times`.
fn functions(seen: &Seen<'_>) -> String {
    let mut runs: Vec<(&str, usize)> = Vec::new();
    for name in seen.frames.iter().filter_map(|frame| function(frame)) {
        match runs.last_mut().filter(|(last, _)| *last == name) {
            Some((_, times)) => *times += 1,
            None => runs.push((name, 1)),
        }
    }
    let words = runs.into_iter().map(|(name, times)| match times {
        1 => name.to_owned(),
        _ => format!("{name} x {times}"),
    });
    words.collect::<Vec<_>>().join(" > ")
}

/// Of the stacks with this function of the program, the share that is as expected.
fn share_as(profile: &Profile, of: &str, expected: impl Fn(&Seen<'_>) -> bool) -> f64 {
    let has = |seen: &Seen<'_>| seen.frames.iter().any(|frame| function(frame) == Some(of));
    let all = count(profile, has);
    assert!(all.0 >= 50, "{of}: only {all:?}");
    count(profile, |seen| has(seen) && expected(seen)).share_of(all).0
}

fn position(seen: &Seen<'_>, is: impl Fn(&Frame) -> bool) -> Option<usize> {
    seen.frames.iter().position(|frame| is(frame))
}

/// A sampler that copies as much of a stack as it can, where this machine allows one: each call of
/// Python takes three of C.
fn sampler_of_deep_stacks() -> Option<Sampler> {
    // Whether there may be one at all.
    sampler()?;
    let config = Config { dump: Some(DUMP), ..Config::at(HZ) };
    Some(Sampler::start(&config).expect("as before"))
}

/// Kernel, C and Python in one stack: each function of Python is called by the interpreter, each
/// call of the kernel by the function that makes it, and all of them by the program's start.
#[test]
fn trampolines_join_python_with_native_code_and_the_kernel() {
    for version in ["3.12", "3.13"] {
        let Some(mut sampler) = sampler_of_deep_stacks() else { return };
        let Some((held, _dir)) = hold(version, "calls") else { continue };
        let mut maps = PerfMaps::default();
        maps.add(held.profiled().into_iter());
        for pid in held.profiled() {
            sampler.watch(pid, Origin::BeforeExec).expect("the process is held");
        }
        let running = release(held);
        sampler.begin_window();
        sample_for(&sampler, CPU);
        let capture = sampler.finish();
        drop(running);
        let (profile, counts) = (resolved(&capture).profile, capture.counts);
        let truncated = counts.truncated().share_of(counts.samples).0;
        assert!(truncated <= FEW, "{version}: {counts:?}");

        let spinning = "<module> > main > calls > turn x 21 > spin";
        let right = share_as(&profile, "spin", |seen| {
            [spinning, "<module> > main > calls > turn x 21 > sort > key > spin"]
                .contains(&functions(seen).as_str())
        });
        assert!(right >= 1.0 - FEW, "{version}: {right}");
        let through_c = share_as(&profile, "key", |seen| {
            let sort = position(seen, |frame| function(frame) == Some("sort"));
            let key = position(seen, |frame| function(frame) == Some("key"));
            let list_sort = position(seen, |frame| frame.name.contains("list_sort"));
            sort < list_sort && list_sort < key
        });
        assert!(through_c >= 1.0 - FEW, "{version}: {through_c}");
        let in_kernel = share_as(&profile, "read", |seen| {
            let read = position(seen, |frame| function(frame) == Some("read"));
            let kernel = position(seen, |frame| frame.kind == FrameKind::Kernel);
            let chain = functions(seen);
            kernel.is_some() && read < kernel && chain.ends_with("turn x 21 > read")
        });
        assert!(in_kernel >= 0.5, "{version}: {in_kernel}");
        let from_main = share_as(&profile, "main", |seen| {
            let main = position(seen, |frame| frame.name == "Py_BytesMain");
            main.is_some() && main < position(seen, |frame| function(frame).is_some())
        });
        assert!(from_main >= 1.0 - FEW, "{version}: {from_main}");
        check_alternation(&profile, version);
    }
}

/// After each function of Python comes the interpreter, which runs it.
fn check_alternation(profile: &Profile, version: &str) {
    for seen in seen(profile) {
        for pair in seen.frames.windows(2) {
            if function(pair[0]).is_some() && pair[1].kind == FrameKind::User {
                let name = pair[1].name.as_str();
                assert!(name.starts_with("_PyEval_EvalFrame"), "{version}: {name}");
            }
        }
    }
}

/// What a reader of the interpreter's memory takes of the program.
fn spied(version: &str, mode: &str) -> Option<NamedCapture> {
    let (held, _dir) = hold(version, mode)?;
    let pid = held.profiled()[0];
    let mut maps = PerfMaps::default();
    maps.add([pid].into_iter());
    let _running = release(held);
    let roots = vec![Root { process: "stack".to_owned(), pid }];
    let mut spy = PySpy::start(roots, &[], |pid| usage::cpu_time(&[pid])).expect("it is Python");
    spy.begin_window();
    spy.enable();
    let start = usage::cpu_time(&[pid]);
    while usage::cpu_time(&[pid]).since(start) < CPU {
        thread::sleep(Duration::from_millis(20));
    }
    Some(spy.finish())
}

#[test]
fn stacks_in_the_interpreters_memory_are_whole() {
    for version in ["3.11", "3.12", "3.13"] {
        let Some(capture) = spied(version, "calls") else { continue };
        let truncated = capture.counts.truncated().share_of(capture.counts.samples).0;
        assert!(truncated <= FEW, "{version}: {:?}", capture.counts);
        assert!(capture.seed.is_some());
        let profile = adopt(&capture, String::new(), &[]).profile;
        let right = share_as(&profile, "spin", |seen| {
            let chain = functions(seen);
            chain.starts_with("<module> > main > calls > turn x 21 > ")
                && (chain.ends_with(" > turn x 21 > spin") || chain.ends_with("sort > key > spin"))
        });
        assert!(right >= 1.0 - FEW, "{version}: {right}");
        // Its lines, and that of its definition, which it begins at.
        let lines = capture.frames.iter().filter(|frame| frame.name.starts_with("spin ("));
        for frame in lines.filter(|frame| frame.kind == NamedKind::Function) {
            let line = frame.line.unwrap_or_default();
            assert!((21..=25).contains(&line), "{version}: {}", frame.name);
            assert!(frame.name.ends_with(&format!("stack.py:{line})")), "{}", frame.name);
        }
    }
}

/// Those that change every few microseconds, faster than a stack is copied, too: the thread is held
/// still for these.
#[test]
fn coroutines_that_take_turns_have_whole_stacks() {
    let versions = ["3.11", "3.12", "3.13"];
    let cases = versions.iter().flat_map(|version| [(*version, "tasks"), (*version, "hasty")]);
    for (version, mode) in cases {
        let Some(capture) = spied(version, mode) else { continue };
        let truncated = capture.counts.truncated().share_of(capture.counts.samples).0;
        assert!(truncated <= FEW, "{version}, {mode}: {:?}", capture.counts);
        let profile = adopt(&capture, String::new(), &[]).profile;
        let right = share_as(&profile, "spin", |seen| {
            let chain = functions(seen);
            chain.starts_with("<module> > main > run") && chain.ends_with("serve > step x 4 > spin")
        });
        assert!(right >= 1.0 - FEW, "{version}, {mode}: {right}");
    }
}
