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
        wait::{Id, WaitPidFlag, WaitStatus, waitid},
    },
    unistd::Pid,
};

use crate::{sample::attach::thread_cpu_time, unit::Nanos};

/// A thread stops once it has a CPU; where others keep it from that, its stack does not change.
const PATIENCE: Duration = Duration::from_millis(20);
/// One that has not stopped by then hangs in the kernel.
const GIVEN_UP: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_micros(20);
/// What a thread runs between two stops, at least: a few calls of Python.
const MOMENT: Duration = Duration::from_micros(50);

/// A thread that stands still until this is dropped.
///
/// The kernel lets it go on if this process or the thread that has stopped it ends.
#[derive(Debug)]
pub(in crate::sample) struct Paused {
    tid: Pid,
    /// What it was about to get when it was stopped.
    signal: Option<Signal>,
}

impl Paused {
    /// Stops a thread of the process `pid`. None where this user may not, where somebody else has
    /// it, as a debugger, or where it has ended.
    pub(in crate::sample) fn thread(pid: u32, tid: u32) -> Option<Self> {
        // The id may be one of a namespace, and another thread's out here.
        if !Path::new(&format!("/proc/{pid}/task/{tid}")).exists() {
            return None;
        }
        let tid = Pid::from_raw(tid.cast_signed());
        ptrace::seize(tid, ptrace::Options::empty()).ok()?;
        // From here on it has to be let go, whatever comes.
        let mut paused = Self { tid, signal: None };
        ptrace::interrupt(tid).ok()?;
        paused.has_stopped(PATIENCE).then_some(paused)
    }

    /// Lets it run for a moment, and stops it again, elsewhere in its code. None as above.
    pub(in crate::sample) fn later(mut self, pid: u32) -> Option<Self> {
        let tid = self.tid.as_raw().cast_unsigned();
        let used = || thread_cpu_time(pid, tid);
        let (before, deadline) = (used()?, Instant::now() + PATIENCE);
        loop {
            ptrace::cont(self.tid, self.signal.take()).ok()?;
            thread::sleep(MOMENT);
            ptrace::interrupt(self.tid).ok()?;
            if !self.has_stopped(PATIENCE) {
                return None;
            }
            let has_run = used()?.since(before) > Nanos::from(MOMENT);
            if has_run || Instant::now() > deadline {
                return Some(self);
            }
        }
    }

    /// Waits until it stands still; not for ever, and not for one that has ended.
    fn has_stopped(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            // Only for that: how it ends is for whoever has started it.
            match waitid(Id::Pid(self.tid), WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG) {
                Ok(WaitStatus::PtraceEvent(..)) => return true,
                Ok(WaitStatus::Stopped(_, signal)) => {
                    self.signal = Some(signal);
                    return true;
                }
                Ok(WaitStatus::StillAlive) if Instant::now() < deadline => thread::sleep(POLL),
                _ => return false,
            }
        }
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        // One that has not stopped yet cannot be let go; it will stop, and must not stay so.
        if ptrace::detach(self.tid, self.signal).is_err() && self.has_stopped(GIVEN_UP) {
            let _ = ptrace::detach(self.tid, self.signal);
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
            let used = thread_cpu_time(pid, pid);
            let Some(paused) = paused.later(pid) else { continue };
            assert_eq!(state(&child), 't');
            assert!(thread_cpu_time(pid, pid) > used, "it has run meanwhile");
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
