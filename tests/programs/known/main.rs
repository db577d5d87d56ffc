//! A program with known shares of time, as a subject for the sampler.
//!
//! Usage: `known MODE DIR AMOUNT`. It leaves what the test has to know in the folder `DIR`, prints
//! `ready` when it is about to work and `done` when it has, and then waits to be ended.
//!
//! | mode | what it does |
//! |---|---|
//! | `shares` | two threads and a forked child use `AMOUNT` seconds of CPU time each |
//! | `deep` | the same, with 32 KiB on the stack below the calls into the kernel |
//! | `storm` | starts `AMOUNT` threads, a few at a time, of 2 ms of CPU time each |
//! | `forks` | four lines of threads that each live for 2 ms of CPU time and start the next one |
//! | `headless` | works on a thread whose main thread has ended |
//! | `late` | works; after a file `go` appears, also in a new library, thread and child |
//! | `generated` | works in code that it wrote itself, named by a perf map |

mod sections;
mod system;

use std::{
    env, fs, io::Write as _, path::Path, path::PathBuf, process, sync::Barrier, thread,
    time::Duration,
};

use sections::{Truth, thread_cpu_nanos, work};

fn main() {
    let mut args = env::args().skip(1);
    let mut next = || args.next().expect("known MODE DIR AMOUNT");
    let (mode, dir) = (next(), PathBuf::from(next()));
    let amount: f64 = next().parse().expect("a number");
    match mode.as_str() {
        "shares" => shares(&dir, amount, sections::caller_of_kernel::<4096>),
        "deep" => shares(&dir, amount, sections::caller_of_kernel::<32_768>),
        "storm" => storm(amount as usize),
        "forks" => forks(),
        "headless" => headless(),
        "late" => late(&dir),
        "generated" => generated(),
        _ => panic!("unknown mode {mode}"),
    }
    say("done");
    loop {
        thread::park();
    }
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("somebody reads");
}

/// Two threads and a forked child, each with the same shares; every one appends its truth.
fn shares(dir: &Path, seconds: f64, kernel: fn(u64)) {
    let nanos = (seconds * 1e9) as u64;
    // There is one thread yet, so that the child may do as it likes.
    let child = system::fork();
    if child == 0 {
        system::set_name(c"known-child");
        tell(dir, "known-child", work(nanos, kernel));
        system::exit(0);
    }
    let started = Barrier::new(3);
    thread::scope(|scope| {
        for name in ["known-a", "known-b"] {
            let started = &started;
            let run = move || {
                started.wait();
                tell(dir, name, work(nanos, kernel));
            };
            thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, run).expect("threads");
        }
        started.wait();
        say("ready");
    });
    system::wait_for(child);
}

/// Appends a line to the truth: a single write, so that lines do not mix.
fn tell(dir: &Path, name: &str, truth: Truth) {
    let [inlined, recursion, library, kernel] = truth;
    let line = format!("{name} {} {inlined} {recursion} {library} {kernel}\n", process::id());
    let file = fs::OpenOptions::new().create(true).append(true).open(dir.join("truth"));
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the truth can be written");
}

fn storm(count: usize) {
    const AT_ONCE: usize = 8;
    say("ready");
    for first in (0..count).step_by(AT_ONCE) {
        thread::scope(|scope| {
            for index in first..count.min(first + AT_ONCE) {
                let thread = thread::Builder::new().name(format!("storm-{index}"));
                let run = || sections::caller_of_inlined(thread_cpu_nanos() + 2_000_000);
                thread.spawn_scoped(scope, run).expect("threads can start");
            }
        });
    }
}

/// Four lines of threads, each of which starts the next of its line before it ends.
fn forks() -> ! {
    fn generation() {
        sections::caller_of_inlined(thread_cpu_nanos() + 2_000_000);
        thread::spawn(generation);
    }
    say("ready");
    (0..4).for_each(|_| drop(thread::spawn(generation)));
    loop {
        thread::park();
    }
}

fn headless() -> ! {
    let run = || {
        // The thread that started this one may still be about to end.
        thread::sleep(Duration::from_millis(50));
        say("ready");
        sections::caller_of_inlined(u64::MAX);
    };
    thread::Builder::new().name("known-a".to_owned()).spawn(run).expect("threads can start");
    system::end_this_thread()
}

fn late(dir: &Path) -> ! {
    say("ready");
    while !dir.join("go").exists() {
        sections::caller_of_inlined(thread_cpu_nanos() + 1_000_000);
    }
    let late = system::load_late_library();
    if system::fork() == 0 {
        system::set_name(c"known-child");
        sections::caller_of_library(u64::MAX);
    }
    let run = move || sections::caller_of_late(late, u64::MAX);
    thread::Builder::new().name("known-late".to_owned()).spawn(run).expect("threads can start");
    fs::write(dir.join("gone"), "").expect("the folder can be written");
    sections::caller_of_inlined(u64::MAX);
    unreachable!("no clock gets there");
}

fn generated() -> ! {
    let code = system::write_code();
    let map = format!("/tmp/perf-{}.map", process::id());
    let line = format!("{:x} {:x} generated::spin\n", code.as_ptr() as usize, code.len());
    fs::write(&map, line).expect("the map can be written");
    thread::sleep(Duration::from_millis(1));
    say("ready");
    sections::caller_of_generated(code, u64::MAX);
    unreachable!("no clock gets there");
}
