//! Budgets in effect: CPUs, workers, and the limit of memory.

use std::{fs, num::NonZero, path::PathBuf};

use flameload::{
    target::{Budget, BudgetName, Cpus, LaunchOptions, Running},
    unit::Bytes,
};

use super::support::{Fixture, GO_ON, eventually, script};
use crate::skip::skip;

fn options(budget: Budget) -> LaunchOptions {
    LaunchOptions { cpus: Cpus::available().ok(), budget, ..LaunchOptions::default() }
}

#[test]
fn a_target_is_told_of_its_budget_and_bound_to_it() {
    let say = "echo budget $CPUS $WORKERS; exec sleep 1000";
    let more = "env.CPUS = \"{cpus}\"\nenv.WORKERS = \"{workers}\"\nready = { line = \"budget\" }\n\
                [budget.multi]\nworkers = 7\n";
    let fixture = Fixture::new(&script(say, more));
    let available = Cpus::available().expect("some");
    for (name, told, cpus) in [
        (BudgetName::Single, "budget 1 1", available.first(1)),
        (BudgetName::Multi, "budget 4 7", available.first(4)),
    ] {
        let held = fixture.hold(&options(fixture.manifest.budget(name))).expect("forks");
        assert_eq!((held.allowance().budget, &held.allowance().cpus), (name, &cpus));
        let running = held.release(&GO_ON).expect("starts");
        let bound = Cpus::of_process(running.pids()[0]).expect("it runs");
        assert_eq!(bound, cpus);
        assert_eq!(running.stop()[0].last_lines, [told]);
    }
}

/// Starts the target with a limit of memory; none where that is not allowed.
fn limited(fixture: &Fixture, memory: Bytes) -> Option<Running> {
    let budget = Budget { memory: Some(memory), ..Budget::default() };
    let held = fixture.hold(&options(budget)).expect("forks");
    if let Some(why) = &held.allowance().memory_refused {
        skip(why);
        return None;
    }
    Some(held.release(&GO_ON).expect("starts"))
}

/// The folder of the control group that limits the memory of a process.
fn group(pid: u32) -> PathBuf {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("it runs");
    let name = |line: &str| line.rsplit_once("/flameload-").map(|(_, name)| name.to_owned());
    let name = format!("flameload-{}", groups.lines().find_map(name).expect("a group of ours"));
    let mut folders = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            if entry.file_name() == name.as_str() {
                return entry.path();
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
    }
    panic!("no folder for {name}");
}

#[test]
fn memory_is_limited_for_a_process_and_its_children() {
    let fixture =
        Fixture::new(&script("sleep 1000 & echo child $!; wait", "ready = { line = \"child\" }"));
    let memory = Bytes(64 << 20);
    let Some(running) = limited(&fixture, memory) else { return };
    let pid = running.pids()[0];
    let group = group(pid);
    let read = |file: &str| fs::read_to_string(group.join(file)).ok();
    let limit = read("memory.limit_in_bytes").or_else(|| read("memory.max")).expect("a limit");
    assert_eq!(limit.trim(), memory.0.to_string());
    let inside = read("cgroup.procs").expect("its processes");
    let mut all = flameload::target::descendants(pid);
    all.push(pid);
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|pid| inside.lines().any(|line| line == pid.to_string())), "{inside}");
    drop(running);
    assert!(!group.exists());
}

#[test]
fn what_needs_more_memory_than_its_limit_says_so() {
    let text = "echo up; read -r go < go; x=x; while :; do x=$x$x; done";
    let fixture = Fixture::with_files(&script(text, "ready = { line = \"up\" }"), &[]);
    let fifo = fixture.manifest.dir.join("go");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().expect("mkfifo runs");
    assert!(made.success());
    let Some(mut running) = limited(&fixture, Bytes(32 << 20)) else { return };
    assert_eq!(running.exited(), None);
    fs::write(&fifo, "go\n").expect("it waits");
    let mut exit = None;
    eventually("it has ended", || {
        exit = running.exited();
        exit.is_some()
    });
    let exit = exit.expect("it has ended").to_string();
    let expected = "process 'script' was ended by signal 9 (SIGKILL, perhaps for want of memory); \
                    with its children it needed more memory than its limit of 32.0 MiB;";
    assert!(exit.starts_with(expected), "{exit}");
}

#[test]
fn connections_are_told_to_each_worker() {
    let more = "env.EACH = \"{db_connections}\"\nenv.WORKERS = \"{workers}\"\n\
                ready = { line = \"each\" }";
    let fixture = Fixture::new(&script("echo each $EACH; exec sleep 1000", more));
    let connections = NonZero::new(40).expect("some");
    let workers = NonZero::new(4);
    let budget = Budget { workers, db_connections: connections, ..Budget::default() };
    let held = fixture.hold(&options(budget)).expect("forks");
    assert_eq!(held.allowance().db_connections, Some(40));
    let running = held.release(&GO_ON).expect("starts");
    assert_eq!(running.stop()[0].last_lines, ["each 10"]);
}
