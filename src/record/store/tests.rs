use std::{collections::BTreeSet, os::unix::fs::PermissionsExt};

use proptest::prelude::*;

use super::*;
use crate::{
    record::{Bench, CellFacts, ProfileFacts, TargetFacts, UtcTime},
    symbolize::{Frame, FrameId, FrameKind, Sample, Stack, StackId, Thread, ThreadId},
    unit::{Hertz, Nanos, Samples},
};

fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().expect("the system has room for a directory");
    let store = Store::new(directory.path().join("flamegraphs"));
    (directory, store)
}

fn run(target: &str, seconds: u64) -> Run {
    let facts = TargetFacts { name: target.into(), ..TargetFacts::default() };
    let mut run = Run::new(UtcTime::from_unix_seconds(seconds), "xtask profile".into(), facts);
    run.load.script = "users".into();
    run.load.requests_per_second = Some(52_340.1 / 3.0);
    run.server.cpu_us_per_request = Some(0.1 + 0.2);
    run.profile = Some(ProfileFacts { coverage: Some(f64::NAN), ..ProfileFacts::default() });
    run
}

fn profile() -> Profile {
    let frame = |name: &str, kind| Frame {
        name: name.into(),
        module: Some("app".into()),
        file: None,
        line: None,
        kind,
    };
    Profile {
        title: "app · users".into(),
        hz: Hertz(997),
        started: Nanos(5),
        duration: Nanos(1_000_000_000),
        frames: vec![frame("app::main", FrameKind::User), frame("read", FrameKind::Kernel)],
        stacks: vec![
            Stack { parent: None, frame: FrameId(0) },
            Stack { parent: Some(StackId(0)), frame: FrameId(1) },
        ],
        threads: vec![Thread {
            pid: 1,
            tid: 1,
            of: None,
            process: "app".into(),
            name: "app".into(),
        }],
        samples: vec![Sample {
            time: Nanos(1),
            thread: ThreadId(0),
            stack: StackId(1),
            weight: Samples(3),
            tag: 0,
        }],
    }
}

fn names(directory: &Path) -> BTreeSet<String> {
    fs::read_dir(directory)
        .expect("the directory exists")
        .map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn a_run_is_kept_whole_and_rendered_the_same() {
    let (_guard, store) = store();
    store.check_writable("hyper").expect("a new directory is writable");
    let run = run("hyper", 1_795_300_424);
    let directory = store.write(&run, Some(&profile())).expect("it can be kept");
    assert_eq!(directory, store.root().join("hyper").join(run.id.as_str()));
    assert_eq!(names(&directory), [FOLDED, PROFILE, RUN, SVG].map(String::from).into());
    assert_eq!(names(directory.parent().expect("the target's")).len(), 1, "nothing is left over");

    let derived = [FOLDED, SVG].map(|name| fs::read(directory.join(name)).expect("it is there"));
    assert_eq!(derived[0], b"app;app::main;read_[k] 3\n");
    for name in [FOLDED, SVG] {
        fs::write(directory.join(name), "damaged").expect("it can be damaged");
    }
    let svg = Store::render(&directory).expect("it can be rendered again");
    assert_eq!(svg, directory.join(SVG));
    let again = [FOLDED, SVG].map(|name| fs::read(directory.join(name)).expect("it is there"));
    assert_eq!(again, derived);
    assert_eq!(names(&directory).len(), 4);

    let read = Store::read(&directory).expect("it reads back");
    assert_eq!((read.id, read.load), (run.id, run.load));
    assert_eq!(read.profile.and_then(|profile| profile.coverage), None, "NaN is no figure");
    assert_eq!(Store::read_profile(&directory).expect("it reads back"), profile());
}

#[test]
fn a_run_without_a_profile_has_only_its_record() {
    let (_guard, store) = store();
    let directory = store.write(&run("hyper", 0), None).expect("it can be kept");
    assert_eq!(names(&directory), [RUN.to_owned()].into());
    assert!(Store::read(&directory).expect("it reads back").artifacts.is_empty());
}

#[test]
fn a_run_that_cannot_be_kept_leaves_nothing() {
    let (_guard, store) = store();
    let mut broken = profile();
    broken.samples[0].stack = StackId(9);
    let error = store.write(&run("hyper", 0), Some(&broken)).expect_err("stack 9 is missing");
    assert!(matches!(error, RecordError::Profile { .. }), "{error}");
    assert_eq!(names(&store.root().join("hyper")), BTreeSet::new());

    let run = run("hyper", 0);
    store.write(&run, None).expect("it can be kept once");
    store.write(&run, None).expect_err("its place is taken");
    assert_eq!(names(&store.root().join("hyper")), [run.id.to_string()].into());
}

#[test]
fn leftovers_of_the_dead_are_removed() {
    let (_guard, store) = store();
    let target = store.root().join("hyper");
    // Above the greatest id that Linux gives (2^22), so nobody has it.
    let dead = target.join(".writing-4194999-abc");
    let alive = target.join(format!(".writing-{}-abc", std::process::id()));
    let other = target.join(".keep");
    for directory in [&dead, &alive, &other] {
        fs::create_dir_all(directory).expect("it can be made");
    }
    fs::write(dead.join(RUN), "half").expect("it can be written");
    store.check_writable("other").expect("it is writable");
    assert!(!dead.exists() && alive.exists() && other.exists());

    fs::create_dir(&dead).expect("it can be made again");
    let held = fs::File::open(&dead).expect("it can be opened");
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).expect("it is free");
    store.check_writable("other").expect("it is writable");
    assert!(dead.exists(), "a locked one has a living writer somewhere");
}

#[test]
fn an_unwritable_store_is_said_before_the_run() {
    let (guard, _) = store();
    let file = guard.path().join("file");
    fs::write(&file, "").expect("it can be written");
    let error = Store::new(&file).check_writable("hyper").expect_err("a file holds no runs");
    assert!(error.to_string().starts_with("cannot "), "{error}");
    let error = Store::new("/proc/flamegraphs").check_writable("hyper").expect_err("procfs");
    assert!(matches!(error, RecordError::Unwritable { .. }), "{error}");
    for name in ["", "..", ".hidden", "a/b", "a\0b"] {
        let error = Store::new(guard.path()).check_writable(name).expect_err("no name");
        assert!(matches!(error, RecordError::TargetName(_)), "{error}");
    }
}

#[test]
fn runs_are_found_by_what_their_users_write() {
    let (_guard, store) = store();
    assert_eq!(
        store.find("latest").expect_err("there are none").to_string(),
        "there is no run 'latest': there are none yet"
    );
    let runs = [run("hyper", 0), run("hyper", 86_400), run("other", 172_800)];
    let paths = runs.each_ref().map(|run| store.write(run, None).expect("it can be kept"));
    let [first, second, third] = &paths;
    let id = runs[0].id.as_str();
    let found = |text: &str| store.find(text).expect("it is there");
    assert_eq!(&found("latest"), third);
    assert_eq!(&found("hyper/latest"), second);
    assert_eq!(&found(id), first);
    assert_eq!(&found(&format!("hyper/{id}")), first);
    assert_eq!(&found("19700102"), second);
    assert_eq!(&found(first.to_str().expect("a plain path")), first);
    assert_eq!(&found(first.join(RUN).to_str().expect("a plain path")), first);

    let message = |text: &str| store.find(text).expect_err("no run is meant").to_string();
    assert_eq!(
        message("1970010"),
        format!(
            "'1970010' could be any of hyper/{id}, hyper/{}, other/{}: write more of the id",
            runs[1].id, runs[2].id
        )
    );
    assert_eq!(message("lates"), "there is no run 'lates': did you mean 'latest'?");
    assert!(message("zzz").contains("the last ones are hyper/"), "{}", message("zzz"));
    assert!(message("").starts_with("there is no run ''"));
}

#[test]
fn a_broken_record_is_listed_with_its_error() {
    let (_guard, store) = store();
    assert!(store.list().expect("an absent store is empty").is_empty());
    let good = store.write(&run("hyper", 0), None).expect("it can be kept");
    for (name, json, message) in [
        ("19700102-000000-0001", "{\"schema\": 9}", "has schema 9, and this version reads 1"),
        ("19700102-000000-0002", "{\"schema\": 1}", "is not a run's record: missing field"),
        ("19700102-000000-0003", "{", "is not a run's record: EOF"),
    ] {
        let directory = good.with_file_name(name);
        fs::create_dir(&directory).expect("it can be made");
        fs::write(directory.join(RUN), json).expect("it can be written");
        let listed = store.list().expect("the store can be read");
        let error = listed.last().and_then(|run| run.run.as_ref().err()).expect("it is broken");
        assert!(error.to_string().contains(message), "{error}");
    }
    fs::create_dir(good.with_file_name("notes")).expect("it can be made");
    assert_eq!(store.list().expect("the store can be read").len(), 4);
    assert_eq!(store.find("latest").expect("the good one"), good);
}

#[test]
fn a_benchmark_is_kept_whole_beside_the_runs() {
    let (_guard, store) = store();
    store.check_bench_writable().expect("a new directory is writable");
    let run = run("hyper", 0);
    store.write(&run, None).expect("it can be kept");
    let mut bench = Bench::new(UtcTime::from_unix_seconds(0), "xtask bench".into());
    bench.cells = vec![CellFacts { target: "hyper".into(), ..CellFacts::default() }];
    let files = [("table.md", b"# t\n".to_vec()), ("chart.svg", b"<svg/>".to_vec())];
    let directory = store.write_bench(&bench, &files).expect("it can be kept");
    assert_eq!(directory, store.root().join("bench").join(bench.id.as_str()));
    assert_eq!(names(&directory), ["bench.json", "chart.svg", "table.md"].map(String::from).into());
    assert_eq!(names(&store.root().join("bench")).len(), 1, "nothing is left over");
    assert_eq!(Store::read_bench(&directory).expect("it reads back"), bench);
    store.write_bench(&bench, &files).expect_err("its place is taken");
    assert_eq!(names(&store.root().join("bench")).len(), 1, "nothing is left over");

    let listed = store.list().expect("the store can be read");
    assert_eq!(listed.iter().map(|run| run.target.as_str()).collect::<Vec<_>>(), ["hyper"]);
    let error = Store::read_bench(&store.root().join("hyper").join(run.id.as_str()));
    assert!(matches!(error, Err(RecordError::Read { .. })), "{error:?}");
    fs::write(directory.join("bench.json"), "{\"schema\": 1}").expect("it can be damaged");
    let error = Store::read_bench(&directory).expect_err("it is damaged").to_string();
    assert!(error.contains("is not a benchmark's record: missing field"), "{error}");
}

#[test]
fn a_benchmark_that_cannot_be_kept_leaves_nothing() {
    let (_guard, store) = store();
    let bench = Bench::new(UtcTime::from_unix_seconds(0), String::new());
    let files = [("table.md", Vec::new()), ("no/such/folder.svg", Vec::new())];
    let error = store.write_bench(&bench, &files).expect_err("there is no such folder");
    assert!(matches!(error, RecordError::Write { .. }), "{error}");
    assert_eq!(names(&store.root().join("bench")), BTreeSet::new());
}

#[test]
fn benchmarks_are_found_by_what_their_users_write() {
    let (_guard, store) = store();
    let none = store.find_bench("bench/latest").expect_err("there is none").to_string();
    assert_eq!(none, "there is no run 'bench/latest': there are none yet");
    let keep = |seconds| {
        let bench = Bench::new(UtcTime::from_unix_seconds(seconds), String::new());
        store.write_bench(&bench, &[]).expect("it can be kept")
    };
    let (first, second) = (keep(0), keep(86_400));
    let found = |text: &str| store.find_bench(text).expect("one is meant, or a run");
    assert_eq!(found("bench/latest"), Some(second.clone()));
    assert_eq!(found("bench/19700101"), Some(first.clone()));
    assert_eq!(found(second.to_str().expect("a plain path")), Some(second));
    for run in ["latest", "hyper/latest", "19700101", ""] {
        assert_eq!(found(run), None, "{run} is a run");
    }
    let many = store.find_bench("bench/1970").expect_err("there are two").to_string();
    assert!(many.starts_with("'bench/1970' could be any of bench/19700101-000000-"), "{many}");
    assert!(store.find_bench("bench/").is_err() && store.find_bench("bench/2").is_err());
}

#[test]
fn comparisons_are_kept_whole_and_found_beside_the_runs() {
    let (_guard, store) = store();
    store.check_comparison_writable().expect("a new directory is writable");
    let keep = |seconds, page: &str| {
        let id = RunId::new(UtcTime::from_unix_seconds(seconds));
        let files = [("comparison.json", b"{}\n".to_vec()), (page, b"<html>".to_vec())];
        store.write_comparison(&id, &files)
    };
    let first = keep(0, "index.html").expect("it can be kept");
    let second = keep(86_400, "index.html").expect("it can be kept");
    assert_eq!(names(&first), ["comparison.json", "index.html"].map(String::from).into());
    keep(0, "no/such/folder.html").expect_err("there is no such folder");
    assert_eq!(names(&store.root().join("compare")).len(), 2, "nothing is left over");

    let found = |text: &str| store.find_comparison(text).expect("one is meant, or another thing");
    assert_eq!(found("compare/latest"), Some(second.clone()));
    assert_eq!(found("compare/19700101"), Some(first));
    assert_eq!(found(second.to_str().expect("a plain path")), Some(second));
    assert_eq!([found("latest"), found("bench/latest"), found("")], [None, None, None]);
    assert!(store.find_comparison("compare/2").is_err());
    assert!(store.list().expect("the store can be read").is_empty(), "they are no runs");
}

#[test]
fn others_may_read_what_the_umask_lets_them() {
    let (_guard, store) = store();
    let directory = store.write(&run("hyper", 0), Some(&profile())).expect("it can be kept");
    let plain = directory.with_file_name("plain");
    fs::create_dir(&plain).expect("it can be made");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode();
    assert_eq!(mode(&directory), mode(&plain));
    Store::render(&directory).expect("it can be rendered");
    assert_eq!(mode(&directory.join(SVG)), mode(&directory.join(RUN)));
}

proptest! {
    #[test]
    fn any_text_is_a_record_or_an_error(json in "[\\[\\]{}\":,a-z0-9_. -]{0,60}") {
        prop_assert!(parse(json.as_bytes(), Path::new(RUN)).is_err());
    }

    #[test]
    fn no_text_leads_out_of_the_store(text in any::<String>()) {
        let (_guard, store) = store();
        let unknown = matches!(store.find(&text), Err(RecordError::Unknown { .. }));
        prop_assert!(unknown);
    }
}
