//! Stopping: every process of the target ends, and none is left as a zombie.

use flameload::target::{Ending, descendants, left_running};
use rustix::process::Signal;

use super::support::{Fixture, alive, eventually, exists, helper, kill, script};

const TERM: Ending = Ending::Signal(15);
const KILL: Ending = Ending::Signal(9);

#[test]
fn stopping_is_polite_first() {
    let polite = "trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.01; done";
    let fixture = Fixture::new(&script(polite, "ready = { line = \"up\" }"));
    let running = fixture.run().expect("starts");
    let pid = running.pids()[0];
    let exits = running.stop();
    assert_eq!(exits[0].ending, Ending::Status(3));
    // The shell may add that its `sleep` was terminated.
    assert!(exits[0].last_lines.contains(&"bye".to_owned()), "{}", exits[0]);
    assert!(!exists(pid));
}

#[test]
fn what_ignores_the_signal_is_killed() {
    let deaf = "trap '' TERM; echo up; while :; do sleep 0.01; done";
    let fixture = Fixture::new(&script(deaf, "ready = { line = \"up\" }"));
    let running = fixture.run().expect("starts");
    let pid = running.pids()[0];
    assert_eq!(running.stop()[0].ending, KILL);
    assert!(!exists(pid));
    let running = fixture.run().expect("starts");
    let pid = running.pids()[0];
    drop(running);
    assert!(!exists(pid));
}

#[test]
fn dropping_stops_children_and_those_that_left() {
    let fixture = Fixture::new(&helper("family", "ready = { url = \"/\" }"));
    let running = fixture.run().expect("starts");
    let pid = running.pids()[0];
    eventually("a child, a loner and its child run", || descendants(pid).len() == 3);
    let family = descendants(pid);
    drop(running);
    assert!(!exists(pid));
    // They end by a signal too; whoever adopted them has to notice that first.
    eventually("the family has ended", || !family.iter().any(|&pid| alive(pid)));
}

#[test]
fn a_server_that_leaves_its_group_is_stopped() {
    let fixture = Fixture::new(&helper("leaver", "ready = { url = \"/\" }"));
    let running = fixture.run().expect("starts");
    let pid = running.pids()[0];
    let group = |pid| rustix::process::getpgid(rustix::process::Pid::from_raw(pid)).ok();
    assert_eq!(group(pid.cast_signed()), group(0));
    assert_eq!(running.stop()[0].ending, TERM);
    assert!(!exists(pid) && left_running().is_empty());
}

#[test]
fn a_server_in_the_background_is_named_and_stopped() {
    let exe = std::env::current_exe().expect("this test");
    let start = format!(
        "HELPER=server setsid {} target::helper::helper --exact --nocapture & exit 0",
        exe.display()
    );
    let fixture = Fixture::new(&script(&start, "ready = { url = \"/\" }"));
    let mark = format!("{}\0target::helper::helper", exe.display());
    let servers = || {
        let serves = |pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&mark) && is_of(*pid, &fixture)
        };
        let all = std::fs::read_dir("/proc").expect("procfs").flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(serves).count()
    };
    let error = fixture.error();
    assert!(error.contains("ended with exit status 0"), "{error}");
    assert!(error.contains("in the background, now stopped; a server is measured as"), "{error}");
    eventually("it is gone", || servers() == 0);
}

/// Whether a process was started in the fixture's folder.
fn is_of(pid: u32, fixture: &Fixture) -> bool {
    std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == fixture.manifest.dir)
}

#[test]
fn a_server_that_ends_by_itself_is_noticed() {
    let fixture = Fixture::new(&helper("server", ""));
    let mut running = fixture.run().expect("starts");
    assert_eq!(running.exited(), None);
    kill(running.pids()[0], Signal::ABORT);
    let mut exit = None;
    eventually("the end is noticed", || {
        exit = running.exited();
        exit.is_some()
    });
    let exit = exit.expect("it has ended");
    assert_eq!((exit.process.as_str(), exit.ending), ("server", Ending::Signal(6)));
    assert!(exit.last_lines.iter().any(|line| line.contains("listening on")), "{exit}");
    assert!(exit.to_string().starts_with("process 'server' was ended by signal 6 (SIGABRT"));
    assert_eq!(running.stop()[0].ending, Ending::Signal(6));
}

#[test]
fn a_plain_server_ends_by_the_signal() {
    let fixture = Fixture::new(&helper("server", ""));
    assert_eq!(fixture.run().expect("starts").stop()[0].ending, TERM);
}

#[test]
fn a_failed_chain_leaves_nothing() {
    let back = helper("back", "");
    let front = script("exit 1", "");
    let fixture = Fixture::new(&format!("{back}{front}"));
    let held = fixture.hold(&Default::default()).expect("forks");
    let pids: Vec<_> = held.processes().map(|(_, pid)| pid).collect();
    assert_eq!(pids.len(), 2);
    held.release(&super::support::GO_ON).map(|_| ()).expect_err("the front ends at once");
    assert!(!pids.iter().any(|&pid| exists(pid)));
}
