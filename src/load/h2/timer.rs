//! Waits until an instant, more exactly than the runtime's timers in milliseconds.

use std::{
    future::{Future, poll_fn},
    io,
    os::fd::OwnedFd,
    pin::pin,
    task::Poll,
};

use rustix::{
    fs::Timespec,
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create,
        timerfd_settime,
    },
};
use tokio::io::unix::AsyncFd;

use crate::unit::Nanos;

const SECOND: u64 = 1_000_000_000;

/// A timer of the kernel (`timerfd_create(2)`).
#[derive(Debug)]
pub(super) struct Timer(AsyncFd<OwnedFd>);

impl Timer {
    /// A timer of the runtime that this is called in.
    #[expect(
        deprecated,
        reason = "what it is replaced with is unsafe, for types whose descriptor may change: that \
                  of an `OwnedFd` does not"
    )]
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self(AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)?))
    }

    /// Waits until `due`, or until `other` comes before that.
    pub(super) async fn wait(&self, due: Nanos, other: impl Future<Output = ()>) -> io::Result<()> {
        // A time of zero would stop the timer instead.
        let at = due.0.max(1);
        let value = Timespec { tv_sec: (at / SECOND) as i64, tv_nsec: (at % SECOND) as i64 };
        let interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        let spec = Itimerspec { it_interval: interval, it_value: value };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::ABSTIME, &spec)?;
        let mut expiry = pin!(self.0.readable());
        let mut other = pin!(other);
        poll_fn(|context| {
            if other.as_mut().poll(context).is_ready() {
                return Poll::Ready(Ok(()));
            }
            // Setting it again makes it unready: nothing has to be read.
            expiry.as_mut().poll(context).map_ok(|mut ready| ready.clear_ready())
        })
        .await
    }
}
