//! The kernel's clocks of CPU time.

#![expect(unsafe_code, reason = "the clock of another process has no safe interface")]

use crate::unit::Nanos;

/// The CPU time of a process that lives, user and kernel, over all its threads, those that have
/// ended included. Needs no privileges.
pub(crate) fn cpu_time(pid: u32) -> Option<Nanos> {
    let pid = libc::pid_t::try_from(pid).ok()?;
    let mut clock = 0;
    // SAFETY: writes one number, which outlives the call.
    if unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) } != 0 {
        return None;
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: as above; a clock that is gone by now is an error.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return None;
    }
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    Some(Nanos(u64::try_from(time.tv_sec).unwrap_or(0).saturating_mul(1_000_000_000) + nanos))
}
