//! The descendants of a process, those that have left its group among them.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, getpgid, kill_process, waitid};

use super::POLL;
use crate::target::{birthmark::Birthmark, procfs};

/// Processes other than the one that was launched, each with the time of its start, which tells
/// it from a later process of the same id.
pub(super) struct Family(Vec<(u32, u64)>);

/// A descendant of a process that was launched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relative {
    /// Its id.
    pub pid: u32,
    /// The name that the system knows it by.
    pub name: String,
}

impl fmt::Display for Relative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

impl Family {
    /// Those that descend from `pid`, and those that have its mark.
    pub(super) fn of(pid: u32, mark: Option<&Birthmark>) -> Self {
        let mut pids = procfs::descendants(pid);
        pids.extend(mark.into_iter().flat_map(Birthmark::bearers));
        pids.sort_unstable();
        pids.dedup();
        let others = pids.into_iter().filter(|&other| other != pid && other != std::process::id());
        let started = |pid| procfs::read_stat(pid).map(|stat| (pid, stat.started));
        Self(others.filter_map(started).collect())
    }

    pub(super) fn alive(&self) -> impl Iterator<Item = Pid> {
        let alive = |&(pid, started): &(u32, u64)| {
            procfs::read_stat(pid).is_some_and(|stat| stat.started == started && !stat.ended)
        };
        self.0.iter().filter(move |one| alive(one)).filter_map(|(pid, _)| raw(*pid))
    }

    /// Those that are alive and in another process group than `group`.
    pub(super) fn outside(&self, group: Pid) -> impl Iterator<Item = Pid> {
        self.alive().filter(move |pid| getpgid(Some(*pid)).is_ok_and(|theirs| theirs != group))
    }

    /// Ends those that do not end by themselves within `patience`, and tells which are still there
    /// after as much time again: those that this user may not end, or that hang in the kernel.
    pub(super) fn end(&self, patience: Duration) -> Vec<Relative> {
        if !self.wait(patience) {
            for pid in self.alive() {
                let _ = kill_process(pid, Signal::KILL);
            }
            self.wait(patience);
        }
        for pid in self.0.iter().filter_map(|(pid, _)| raw(*pid)) {
            // Those that became this process's own children; of any other the system says so.
            let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        }
        self.alive().map(Relative::of).collect()
    }

    /// Whether all have ended in time.
    fn wait(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.alive().next().is_some() {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(POLL);
        }
        true
    }
}

impl Relative {
    pub(super) fn of(pid: Pid) -> Self {
        let pid = pid.as_raw_nonzero().get().cast_unsigned();
        let name = procfs::read_lossy(&format!("/proc/{pid}/comm")).unwrap_or_default();
        Self { pid, name: name.trim_end().to_owned() }
    }
}

static LEFT: Mutex<Vec<Relative>> = Mutex::new(Vec::new());

/// The processes that this one has started and could not stop: those of another user, and those
/// that hang in the kernel.
pub fn left_running() -> Vec<Relative> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

pub(super) fn leave(relative: Relative) {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner).push(relative);
}

fn raw(pid: u32) -> Option<Pid> {
    Pid::from_raw(pid.cast_signed())
}
