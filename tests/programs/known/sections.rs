//! Functions that work until the CPU clock of their thread says that their share is used up, so
//! that the shares are right by construction; what each really took is measured all the same.

use std::hint::black_box;

use crate::system::{self, Late};

/// Nanoseconds of CPU time: inlined, recursion, library, kernel.
pub type Truth = [u64; 4];

const ROUND_NANOS: u64 = 20_000_000;
const RECURSION: u32 = 60;
const STEPS: u64 = 40_000;

pub fn thread_cpu_nanos() -> u64 {
    system::thread_cpu_nanos()
}

/// Works for `nanos` of CPU time: 30 % in a function inlined into another, 20 % at the bottom of
/// a deep recursion, 25 % in a library without frame pointers, 25 % in the kernel.
#[inline(never)]
pub fn work(nanos: u64, kernel: fn(u64)) -> Truth {
    let mut truth = Truth::default();
    let start = thread_cpu_nanos();
    let mut now = start;
    while now < start + nanos {
        let share = |percent: u64| ROUND_NANOS * percent / 100;
        let round = now;
        let mut took = |section: usize| {
            let before = now;
            now = thread_cpu_nanos();
            truth[section] += now - before;
        };
        caller_of_inlined(round + share(30));
        took(0);
        recursive(RECURSION, round + share(50));
        took(1);
        caller_of_library(round + share(75));
        took(2);
        kernel(round + share(100));
        took(3);
    }
    truth
}

#[inline(always)]
fn inlined_arithmetic(mut seed: u64) -> u64 {
    for _ in 0..STEPS {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
    }
    black_box(seed)
}

#[inline(never)]
pub fn caller_of_inlined(until: u64) {
    while thread_cpu_nanos() < until {
        inlined_arithmetic(black_box(1));
    }
}

#[inline(never)]
fn recursive(depth: u32, until: u64) -> u64 {
    let below = if depth == 0 { bottom_of_recursion(until) } else { recursive(depth - 1, until) };
    black_box(below + 1)
}

#[inline(never)]
fn bottom_of_recursion(until: u64) -> u64 {
    let mut seed: u64 = 1;
    while thread_cpu_nanos() < until {
        for _ in 0..STEPS {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
        }
    }
    seed
}

#[inline(never)]
pub fn caller_of_library(until: u64) {
    while thread_cpu_nanos() < until {
        black_box(system::in_plain_library(black_box(1), STEPS));
    }
}

/// Fills `BYTES` of its stack with random bytes, over and over.
#[inline(never)]
pub fn caller_of_kernel<const BYTES: usize>(until: u64) {
    let mut buffer = [0_u8; BYTES];
    while thread_cpu_nanos() < until {
        for _ in 0..8 {
            system::fill_randomly(&mut buffer);
        }
    }
}

#[inline(never)]
pub fn caller_of_late(late: Late, until: u64) {
    while thread_cpu_nanos() < until {
        black_box(late(black_box(1), STEPS));
    }
}

#[inline(never)]
pub fn caller_of_generated(code: &[u8], until: u64) {
    while thread_cpu_nanos() < until {
        system::run_code(code, 10 * STEPS);
    }
}
