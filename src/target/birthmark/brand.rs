//! The part of a birthmark that no program loses by accident.
//!
//! A limit of resources survives `fork`, `execve`, `setsid`, a new environment and the loss of all
//! parents, and the kernel shows those of every process to every user. The soft limit of the time
//! that a process of real-time class may run without a pause is put to a number of microseconds that
//! no machine will live to see: it limits nothing, and the number says which launch it is from.

use std::{io, os::fd::BorrowedFd};

use rustix::{
    io::Errno,
    process::{Resource, getrlimit, setrlimit},
    rand::{GetRandomFlags, getrandom},
};

/// Set in each brand: some 146,000 years.
const FOREVER: u64 = 1 << 62;
/// How many bits number the launches of one guard, and how many, at random, are the guard's.
const NUMBER_BITS: u32 = 22;
const GUARD_BITS: u32 = 40;
/// The line of `/proc/<pid>/limits` that has it.
const LINE: &[u8] = b"Max realtime timeout";
/// The whole of that file: its lines are as long as its title, 80 bytes at most.
const LIMITS_MAX: usize = 4096;

/// A number for the processes of one launch, or for all launches of one guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::target) struct Brand {
    value: u64,
    /// Whether it is for whatever number.
    is_of_guard: bool,
}

impl Brand {
    /// One for all launches of a guard.
    pub(super) fn of_guard() -> io::Result<Self> {
        let mut bytes = [0; 8];
        getrandom(&mut bytes, GetRandomFlags::empty())?;
        let guard = u64::from_ne_bytes(bytes) & ((1 << GUARD_BITS) - 1);
        Ok(Self { value: FOREVER | guard << NUMBER_BITS, is_of_guard: true })
    }

    /// One of those, for a launch.
    pub(super) fn numbered(self, number: u32) -> Self {
        let number = u64::from(number) & ((1 << NUMBER_BITS) - 1);
        Self { value: self.value | number, is_of_guard: false }
    }

    /// Gives it to this process. Where a limit that is lower already cannot be raised, there is
    /// none. It makes two system calls and nothing else, as a child that was forked needs.
    pub(in crate::target) fn put(self) {
        let mut limit = getrlimit(Resource::Rttime);
        limit.current = Some(self.value);
        let _ = setrlimit(Resource::Rttime, limit);
    }

    /// Whether a file like `/proc/<pid>/limits` has it. As the guard needs, it allocates no memory
    /// and cannot panic.
    pub(super) fn is_in(self, limits: BorrowedFd<'_>) -> bool {
        let mut text = [0_u8; LIMITS_MAX];
        let mut end = 0;
        while let Some(room) = text.get_mut(end..).filter(|room| !room.is_empty()) {
            match rustix::io::read(limits, room) {
                Err(Errno::INTR) => {}
                Ok(0) | Err(_) => break,
                Ok(read) => end += read,
            }
        }
        soft_limit(text.get(..end).unwrap_or_default()).is_some_and(|limit| self.is(limit))
    }

    fn is(self, limit: u64) -> bool {
        match self.is_of_guard {
            true => limit >> NUMBER_BITS == self.value >> NUMBER_BITS,
            false => limit == self.value,
        }
    }
}

/// The soft limit in its line; none where there is no limit.
fn soft_limit(limits: &[u8]) -> Option<u64> {
    let start = memchr::memmem::find(limits, LINE)? + LINE.len();
    let rest = limits.get(start..)?.trim_ascii_start();
    let mut digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).peekable();
    digits.peek()?;
    digits
        .try_fold(0_u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use std::{fs::File, os::fd::AsFd as _};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_launch_is_known_by_its_own_and_by_its_guard() {
        let of_guard = || Brand::of_guard().expect("random numbers");
        let (guard, other) = (of_guard(), of_guard());
        let launch = guard.numbered(7);
        assert!(launch.is(launch.value) && guard.is(launch.value));
        assert!(!other.is(launch.value) && !guard.numbered(8).is(launch.value));
        assert!(launch.value >> 62 == 1, "{:x}", launch.value);
        assert!(guard.is(guard.numbered(u32::MAX).value), "numbers begin anew");
    }

    #[test]
    fn a_process_without_one_is_nobody() {
        let limits = File::open("/proc/self/limits").expect("procfs");
        assert!(!Brand::of_guard().expect("random numbers").is_in(limits.as_fd()));
    }

    #[test]
    fn limits_are_read_as_the_kernel_writes_them() {
        let line = |value: &str| {
            format!("Limit  Soft\nMax realtime timeout      {value:<20} unlimited            us\n")
        };
        assert_eq!(soft_limit(line("4611686018427387911").as_bytes()), Some((1 << 62) + 7));
        assert_eq!(soft_limit(line("unlimited").as_bytes()), None);
        assert_eq!(soft_limit(b"Max realtime timeout"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9 \n]{0,60}") {
            let _ = soft_limit(text.as_bytes());
            let _ = soft_limit(format!("Max realtime timeout{text}").as_bytes());
        }
    }
}
