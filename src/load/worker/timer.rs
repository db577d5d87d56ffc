//! Wakes a thread at an instant, more exactly than the timeout of `epoll_wait` in milliseconds.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use mio::{Interest, Registry, Token, unix::SourceFd};
use rustix::{
    fs::Timespec,
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create,
        timerfd_settime,
    },
};

use crate::unit::Nanos;

const SECOND: u64 = 1_000_000_000;

/// A timer of the kernel whose expiry is an event like any other (`timerfd_create(2)`).
///
/// It goes off at an absolute instant and is set again only when an earlier one is wanted, so that
/// a loop in which nothing becomes due makes no system call for it, and waits without a timeout.
#[derive(Debug)]
pub(super) struct Timer {
    fd: OwnedFd,
    /// When it goes off, or went off.
    due: Nanos,
}

impl Timer {
    /// A timer that does not go off yet, and whose events have `token`. They are edges: nothing
    /// has to be read for the next one to come.
    pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        registry.register(&mut SourceFd(&fd.as_raw_fd()), token, Interest::READABLE)?;
        Ok(Self { fd, due: Nanos(0) })
    }

    /// Sees to it that there is an event at `due` at the latest, if it is known at `now` that
    /// everything due by then has been done.
    pub(super) fn set(&mut self, due: Nanos, now: Nanos) -> io::Result<()> {
        if now < self.due && self.due <= due {
            return Ok(());
        }
        // A time of zero would stop the timer instead.
        let at = due.0.max(1);
        let value = Timespec { tv_sec: (at / SECOND) as i64, tv_nsec: (at % SECOND) as i64 };
        let interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        let spec = Itimerspec { it_interval: interval, it_value: value };
        timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &spec)?;
        self.due = due;
        Ok(())
    }
}
