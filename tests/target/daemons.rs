//! Daemons that take nothing along of whoever started them: neither the parent, nor the group, nor
//! the session, nor the environment.

use std::{env, path::Path, process::Command};

use flameload::target::{Guard, left_running};
use tempfile::TempDir;

use super::{
    killed::Tool,
    support::{Fixture, alive, body, eventually},
};
use crate::skip::skip;

/// `tests/programs/daemon.c`, built, and a target that starts it.
struct Daemon {
    dir: TempDir,
    fixture: Fixture,
}

impl Daemon {
    /// None where there is no compiler; `more` is the second argument of the program.
    fn new(more: &str) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let program = dir.path().join("daemon");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/daemon.c");
        let mut cc = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()));
        match cc.arg("-O1").arg("-o").arg(&program).arg(source).status() {
            Ok(status) => assert!(status.success(), "{status}"),
            Err(error) => {
                skip(format!("no compiler of C: {error}"));
                return None;
            }
        }
        let fixture = Fixture::new(&format!(
            "[[process]]\nname = \"web\"\ncommand = ['{}', \"{{port}}\"{more}]\n\
             ready = {{ url = \"/\" }}\n",
            program.display()
        ));
        Some(Self { dir, fixture })
    }

    /// The processes that run it and serve.
    fn servers(&self) -> Vec<u32> {
        let start = format!("{}\0serve\0", self.dir.path().join("daemon").display());
        let all = std::fs::read_dir("/proc").expect("procfs").flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let serves = |pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.starts_with(start.as_bytes()) && alive(*pid)
        };
        pids.filter(serves).collect()
    }
}

#[test]
fn one_that_is_all_that_was_started_is_named_and_stopped() {
    let Some(daemon) = Daemon::new("") else { return };
    let error = daemon.fixture.error();
    assert!(error.contains("ended with exit status 0"), "{error}");
    assert!(error.contains("daemon (process ") && error.contains("now stopped"), "{error}");
    assert!(daemon.servers().is_empty());
    assert!(left_running().is_empty());
}

#[test]
fn one_beside_its_parent_ends_with_it_and_with_no_other() {
    let Some(daemon) = Daemon::new(", \"stay\"") else { return };
    let running = daemon.fixture.run().expect("starts");
    assert_eq!(body(running.addr().expect("a port"), "/"), "hi");
    let servers = daemon.servers();
    assert_eq!(servers.len(), 1);
    let environment = std::fs::read(format!("/proc/{}/environ", servers[0])).expect("ours");
    assert!(environment.is_empty(), "nothing to know it by");
    drop(Guard::start().expect("another guard"));
    assert_eq!(daemon.servers(), servers);
    drop(running);
    assert!(daemon.servers().is_empty());
}

#[test]
fn one_goes_with_the_tool_that_is_killed() {
    let Some(daemon) = Daemon::new(", \"stay\"") else { return };
    let mut tool = Tool::start(&daemon.fixture, "running");
    tool.numbers("pids ");
    assert_eq!(daemon.servers().len(), 1);
    tool.kill();
    eventually("it has ended", || daemon.servers().is_empty());
}
