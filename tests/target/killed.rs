//! The tool gets SIGKILL: whatever it has started goes with it.

use std::{
    env,
    io::{BufRead, BufReader, Read},
    process::{Child, ChildStdout, Command, Stdio},
};

use flameload::target::{Guard, descendants};
use rustix::process::Signal;

use super::{
    builds::SLOW_BUILD,
    support::{Fixture, alive, eventually, helper, kill},
};

/// A tool that uses the library, and what it prints.
pub(super) struct Tool {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Tool {
    pub(super) fn start(fixture: &Fixture, stage: &str) -> Self {
        let mut child = Command::new(env::current_exe().expect("this test"))
            .args(["target::helper::helper", "--exact", "--nocapture"])
            .env("HELPER", "tool")
            .env("STAGE", stage)
            .env("MANIFEST", &fixture.manifest.dir)
            .env("CACHE", &fixture.cache)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a tool");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, output }
    }

    /// The numbers on the next line that has `key` in it.
    pub(super) fn numbers(&mut self, key: &str) -> Vec<u32> {
        for line in self.output.by_ref().lines() {
            let line = line.expect("text");
            if let Some((_, rest)) = line.split_once(key) {
                return rest.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            }
        }
        panic!("the tool ended without '{key}'");
    }

    pub(super) fn kill(mut self) {
        self.child.kill().expect("it still runs");
        self.child.wait().expect("it was killed");
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        // Where a test fails before it has killed the tool.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn check_gone(pids: &[u32]) {
    eventually("all have ended", || !pids.iter().any(|&pid| alive(pid)));
}

#[test]
fn running_servers_and_their_children_go() {
    let fixture = Fixture::new(&helper("family", "ready = { url = \"/\" }"));
    let mut tool = Tool::start(&fixture, "running");
    let guard = tool.numbers("guard ");
    let server = tool.numbers("pids ");
    assert_eq!((guard.len(), server.len()), (1, 1));
    eventually("a child, a loner and its child run", || descendants(server[0]).len() == 3);
    // One child stayed in the group; the loner and its child left it.
    let family = descendants(server[0]);
    let left = family.iter().filter(|pid| group(**pid) != server[0]).count();
    assert_eq!((family.len(), left), (3, 2));
    assert!(alive(guard[0]) && alive(server[0]));
    tool.kill();
    check_gone(&[guard, server, family].concat());
}

#[test]
fn held_processes_go() {
    let fixture = Fixture::new(&format!("{}{}", helper("back", ""), helper("front", "")));
    let mut tool = Tool::start(&fixture, "held");
    let guard = tool.numbers("guard ");
    let held = tool.numbers("pids ");
    assert_eq!(held.len(), 2);
    assert!(held.iter().all(|&pid| alive(pid)));
    tool.kill();
    check_gone(&[held, guard].concat());
}

#[test]
fn builds_go() {
    let fixture = Fixture::with_files(SLOW_BUILD, &[]);
    let mut tool = Tool::start(&fixture, "build");
    let guard = tool.numbers("guard ");
    let build = tool.numbers("building ");
    assert_eq!(build.len(), 2);
    assert!(build.iter().all(|&pid| alive(pid)));
    tool.kill();
    check_gone(&[build, guard].concat());
}

#[test]
fn the_guard_outlives_what_ends_the_tool() {
    let guard = Guard::start().expect("a guard");
    let pid = guard.pid();
    eventually("it is set up", || {
        std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| name == "flameload-guard\n")
            && std::fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|files| files.count() == 1)
    });
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        kill(pid, signal);
    }
    assert_ne!(group(pid), group(std::process::id()));
    assert!(alive(pid));
    drop(guard);
    assert!(!super::support::exists(pid));
}

#[test]
fn a_guard_that_ends_leaves_the_servers_of_others() {
    let fixture = Fixture::new(&helper("server", "ready = { url = \"/\" }"));
    let running = fixture.run().expect("starts");
    // When this returns, it has ended, and whatever it kills with it.
    drop(Guard::start().expect("a guard"));
    assert!(alive(running.pids()[0]));
    assert_eq!(running.stop()[0].ending, flameload::target::Ending::Signal(15));
}

/// The process group of a process.
fn group(pid: u32) -> u32 {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed());
    let leader = rustix::process::getpgid(pid).expect("exists");
    leader.as_raw_nonzero().get().cast_unsigned()
}
