//! Holds a thread still for as long as its stack is copied. Only for stacks that change faster than
//! they can be read: it costs the server a switch of threads.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        ptrace,
        signal::Signal,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

/// A thread that does not stop within this time hangs in the kernel, where its stack changes not.
const PATIENCE: Duration = Duration::from_millis(2);
const POLL: Duration = Duration::from_micros(20);

/// A thread that stands still until this is dropped.
///
/// The kernel lets it go on if this process or the thread that has stopped it ends.
#[derive(Debug)]
pub(super) struct Paused {
    tid: Pid,
    /// What it was about to get when it was stopped.
    signal: Option<Signal>,
}

impl Paused {
    /// Stops a thread of the process `pid`. None where this user may not, where somebody else has
    /// it, as a debugger, or where it has ended.
    pub(super) fn thread(pid: u32, tid: u32) -> Option<Self> {
        // The id may be one of a namespace, and another thread's out here.
        if !Path::new(&format!("/proc/{pid}/task/{tid}")).exists() {
            return None;
        }
        let tid = Pid::from_raw(tid.cast_signed());
        ptrace::seize(tid, ptrace::Options::empty()).ok()?;
        let mut paused = Self { tid, signal: None };
        ptrace::interrupt(tid).ok()?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let flags = WaitPidFlag::__WALL | WaitPidFlag::WNOHANG;
            match waitpid(tid, Some(flags)).ok()? {
                WaitStatus::PtraceEvent(..) => return Some(paused),
                WaitStatus::Stopped(_, signal) => {
                    paused.signal = Some(signal);
                    return Some(paused);
                }
                WaitStatus::StillAlive if Instant::now() < deadline => thread::sleep(POLL),
                _ => return None,
            }
        }
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        if ptrace::detach(self.tid, self.signal).is_ok() {
            return;
        }
        // One that has not stopped yet cannot be let go; it stops soon, and must not stay so.
        let deadline = Instant::now() + 10 * PATIENCE;
        while Instant::now() < deadline {
            let flags = WaitPidFlag::__WALL | WaitPidFlag::WNOHANG;
            let signal = match waitpid(self.tid, Some(flags)) {
                Ok(WaitStatus::PtraceEvent(..)) => None,
                Ok(WaitStatus::Stopped(_, signal)) => Some(signal),
                Ok(WaitStatus::StillAlive) => {
                    thread::sleep(POLL);
                    continue;
                }
                _ => return,
            };
            let _ = ptrace::detach(self.tid, signal);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        process::{Child, Command},
    };

    use super::*;

    fn state(child: &Child) -> char {
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).expect("it lives");
        let (_, fields) = stat.rsplit_once(") ").expect("a stat");
        fields.chars().next().expect("a state")
    }

    #[test]
    fn a_thread_stands_still_and_goes_on() {
        let mut child = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().expect("sh");
        let pid = child.id();
        for _ in 0..50 {
            let Some(paused) = Paused::thread(pid, pid) else { continue };
            assert_eq!(state(&child), 't');
            drop(paused);
            assert_ne!(state(&child), 't');
        }
        // A signal that comes meanwhile is not lost.
        let paused = Paused::thread(pid, pid);
        child.kill().expect("it runs");
        drop(paused);
        child.wait().expect("it was killed");
        assert!(Paused::thread(pid, pid).is_none(), "it is gone");
        assert!(Paused::thread(1, pid).is_none(), "it is none of that process's");
    }
}
