//! A program with known shares of time: each section works until the CPU clock of its thread says
//! that its share of the round is used up, so that the shares are right by construction.
//!
//! Usage: `known SECONDS`, the CPU time of each of three workers: two threads and a forked child.
//! Of each, 30 % goes to a function inlined into another, 20 % to the bottom of a deep recursion,
//! 25 % to a shared library without frame pointers, 25 % to the kernel.

use std::{env, hint::black_box, thread};

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanos: i64,
}

const CLOCK_THREAD_CPUTIME_ID: i32 = 3;
const ROUND_NANOS: u64 = 20_000_000;
const RECURSION: u32 = 60;
const STEPS: u64 = 20_000;

#[link(name = "plain")]
unsafe extern "C" {
    fn in_plain_library(seed: u64, rounds: u64) -> u64;
}

unsafe extern "C" {
    fn clock_gettime(clock: i32, time: *mut Timespec) -> i32;
    fn getrandom(buffer: *mut u8, length: usize, flags: u32) -> isize;
    fn fork() -> i32;
    fn waitpid(pid: i32, status: *mut i32, options: i32) -> i32;
    fn _exit(code: i32) -> !;
}

fn thread_cpu_nanos() -> u64 {
    let mut time = Timespec { seconds: 0, nanos: 0 };
    // SAFETY: the pointer is to a live value of the system's layout.
    unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.seconds as u64 * 1_000_000_000 + time.nanos as u64
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
fn caller_of_inlined(until: u64) {
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
    let mut seed = 1;
    while thread_cpu_nanos() < until {
        for _ in 0..STEPS {
            seed = black_box(seed) * 6364136223846793005 + 1442695040888963407_u64 % 97;
            seed %= 1 << 20;
        }
    }
    seed
}

#[inline(never)]
fn caller_of_library(until: u64) {
    while thread_cpu_nanos() < until {
        // SAFETY: pure arithmetic on its arguments.
        black_box(unsafe { in_plain_library(black_box(1), STEPS) });
    }
}

#[inline(never)]
fn caller_of_kernel(until: u64) {
    let mut buffer = [0_u8; 32 << 10];
    while thread_cpu_nanos() < until {
        // SAFETY: the kernel fills a live buffer of that length.
        unsafe { getrandom(buffer.as_mut_ptr(), buffer.len(), 0) };
    }
}

#[inline(never)]
fn work(cpu_nanos: u64) {
    let start = thread_cpu_nanos();
    let mut round = start;
    while round < start + cpu_nanos {
        let share = |percent: u64| ROUND_NANOS * percent / 100;
        caller_of_inlined(round + share(30));
        recursive(RECURSION, round + share(50));
        caller_of_library(round + share(75));
        caller_of_kernel(round + share(100));
        round += ROUND_NANOS;
    }
}

fn main() {
    let seconds: f64 = env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1.0);
    let cpu_nanos = (seconds * 1e9) as u64;
    // SAFETY: there is one thread yet, so that the child may do as it likes.
    let child = unsafe { fork() };
    if child == 0 {
        work(cpu_nanos);
        // SAFETY: ends the child without running what belongs to the parent.
        unsafe { _exit(0) };
    }
    let workers = ["known-a", "known-b"].map(|name| {
        let worker = thread::Builder::new().name(name.to_owned());
        worker.spawn(move || work(cpu_nanos))
    });
    for worker in workers {
        worker.expect("threads can start").join().expect("workers do not panic");
    }
    // SAFETY: waits for the child that was started above.
    unsafe { waitpid(child, std::ptr::null_mut(), 0) };
}
