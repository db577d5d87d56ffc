//! Takes every process that was started down with the tool, even when the tool is killed.

use std::{io, os::fd::OwnedFd, sync::Arc};

use rustix::{
    io::fcntl_dupfd_cloexec,
    pipe::{PipeFlags, pipe_with},
    process::Pid,
};

use super::{birthmark::Birthmark, sys};

/// A tiny process that outlives this one just long enough to kill the process groups it was told
/// of.
///
/// Dropping what was launched stops it, but a tool that gets SIGKILL drops nothing. The guard
/// notices the end of the tool as the end of its pipe. Start it early: it is a copy of the
/// process that starts it. Clones share one guard process.
///
/// It kills groups, and the processes that have left theirs, as with `setsid`: those are known by
/// their birthmark, whoever their parent is and whatever their environment.
#[derive(Debug, Clone)]
pub struct Guard(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Taken before the guard is waited for.
    registrations: Option<OwnedFd>,
    pid: Pid,
    /// What begins the marks of those that it kills.
    mark: Birthmark,
}

/// A process group that dies with the tool until this is dropped.
#[derive(Debug)]
pub(super) struct Registration {
    guard: Guard,
    group: Pid,
}

impl Guard {
    /// Starts the guard's process.
    ///
    /// # Errors
    /// When the system refuses a pipe or a process.
    pub fn start() -> io::Result<Self> {
        let (theirs, ours) = pipe_with(PipeFlags::CLOEXEC)?;
        let theirs = fcntl_dupfd_cloexec(&theirs, sys::LOWEST_FD)?;
        let mark = Birthmark::of_guard()?;
        let pid = sys::fork_guard(&theirs, &mark.bytes(), mark.brand())?;
        Ok(Self(Arc::new(Inner { registrations: Some(ours), pid, mark })))
    }

    /// The guard's process id.
    pub fn pid(&self) -> u32 {
        self.0.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// A mark for a process that it is to find, wherever that goes.
    pub(super) fn mark(&self) -> Birthmark {
        self.0.mark.next()
    }

    /// Has `group` killed when this process ends.
    pub(super) fn register(&self, group: Pid) -> io::Result<Registration> {
        self.send(group.as_raw_nonzero().get())?;
        Ok(Registration { guard: self.clone(), group })
    }

    fn send(&self, message: i32) -> io::Result<()> {
        let Some(pipe) = &self.0.registrations else { return Ok(()) };
        loop {
            match rustix::io::write(pipe, &message.to_ne_bytes()) {
                Err(rustix::io::Errno::INTR) => {}
                sent => return Ok(sent.map(drop)?),
            }
        }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // The group has ended by now. If the guard has too, nothing is left to tell.
        let _ = self.guard.send(-self.group.as_raw_nonzero().get());
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.registrations.take());
        // It ends at once, now that its pipe has; waiting leaves no zombie.
        sys::reap(self.pid);
    }
}
