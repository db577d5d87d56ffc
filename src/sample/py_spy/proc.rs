//! What `/proc` says of processes and threads while they are sampled: children, states, times.

use std::fs;

use crate::{sample::attach, unit::Nanos};

/// A process and all that descend from it, nearest first, as far as they live.
pub(super) fn family(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        for tid in attach::threads(parent).unwrap_or_default() {
            // Each thread lists the processes that it forked (proc(5)).
            let path = format!("/proc/{parent}/task/{tid}/children");
            let children = fs::read_to_string(path).unwrap_or_default();
            let children = children.split_ascii_whitespace().filter_map(|word| word.parse().ok());
            let new: Vec<u32> = children.filter(|child| !found.contains(child)).collect();
            found.extend(new);
        }
        next += 1;
    }
    found
}

/// Whether a thread runs now, or would if it had a CPU.
pub(super) fn is_runnable(pid: u32, tid: u32) -> bool {
    let stat = fs::read(format!("/proc/{pid}/task/{tid}/stat")).unwrap_or_default();
    state(&String::from_utf8_lossy(&stat)) == Some('R')
}

/// The state in a `stat` file. The name in parentheses may itself hold spaces and parentheses.
fn state(stat: &str) -> Option<char> {
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

/// The CPU time of each thread of a process so far.
pub(super) fn thread_times(pid: u32) -> Vec<(u32, Nanos)> {
    let time = |tid: u32| Some((tid, scheduled(pid, tid)?.ran));
    attach::threads(pid).unwrap_or_default().into_iter().filter_map(time).collect()
}

/// What the scheduler has counted of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scheduled {
    /// Time on a CPU, as far as it was counted: when the clock last ticked, or when the thread last
    /// left its CPU.
    pub(super) ran: Nanos,
    /// How often it was put on a CPU.
    pub(super) times: u64,
}

/// What the scheduler has counted of a thread so far.
pub(super) fn scheduled(pid: u32, tid: u32) -> Option<Scheduled> {
    parse_schedstat(&fs::read_to_string(format!("/proc/{pid}/task/{tid}/schedstat")).ok()?)
}

/// Reads a `schedstat` file: the time on a CPU, the time of waiting for one, and how often it was
/// put on one.
fn parse_schedstat(text: &str) -> Option<Scheduled> {
    let mut numbers = text.split_ascii_whitespace().map(str::parse);
    let (ran, _waited, times) = (numbers.next()?, numbers.next()?, numbers.next()?);
    Some(Scheduled { ran: Nanos(ran.ok()?), times: times.ok()? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn our_own_process_is_there_and_runs() {
        let pid = std::process::id();
        assert_eq!(family(pid).first(), Some(&pid));
        let tid = rustix::thread::gettid().as_raw_nonzero().get().cast_unsigned();
        assert!(is_runnable(pid, tid) && !is_runnable(pid, 4_194_999));
        let own = || thread_times(pid).into_iter().find(|(thread, _)| *thread == tid);
        // The kernel counts a thread's time when it stops to run.
        while own().is_none_or(|(_, time)| time == Nanos(0)) {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }

    #[test]
    fn children_are_of_the_family() {
        let mut shell = std::process::Command::new("sh");
        let mut shell = shell.args(["-c", "sleep 60 & wait"]).spawn().expect("a shell");
        while family(shell.id()).len() < 2 {
            std::thread::yield_now();
        }
        let all = family(std::process::id());
        let mut sleep = family(shell.id());
        assert!(sleep.iter().all(|pid| all.contains(pid)), "{sleep:?} in {all:?}");
        sleep.reverse();
        for pid in sleep {
            let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("an id");
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("it runs");
        }
        shell.wait().expect("it ends");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "[0-9a-zA-Z() ]{0,40}|\\PC{0,40}") {
            let _ = (state(&text), parse_schedstat(&text));
        }
    }

    #[test]
    fn names_do_not_hide_the_state() {
        assert_eq!(state("12 (a) S) R 1 1"), Some('R'));
        assert_eq!(state("12 (python"), None);
        let scheduled = Scheduled { ran: Nanos(123_456_789), times: 7 };
        assert_eq!(parse_schedstat("123456789 42 7\n"), Some(scheduled));
        assert_eq!(parse_schedstat("123456789 42"), None);
    }
}
