//! Threads that the system calls running, and whether they were on a CPU.

use super::{
    interpreter::SeenStack,
    proc::{self, Scheduled},
};
use crate::unit::Nanos;

/// The clock of the slowest kernels ticks every ten milliseconds: after so long, it has.
const PATIENCE: Nanos = Nanos(15_000_000);

/// A stack of a thread that was running, or that was waiting for a CPU.
///
/// The system does not tell the two apart, but counts: the time that a thread ran, when the clock
/// ticks or when it leaves its CPU; and how often it was put on one. If its time grows before it is
/// put on a CPU again, it was on one.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) stack: SeenStack,
    /// What was counted just before its stack was read.
    pub(super) before: Scheduled,
}

/// What has become of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It was on a CPU.
    Ran,
    /// It was waiting for one.
    Waited,
    /// Nobody can tell any more.
    Lost,
    /// Nobody can tell yet.
    Open,
}

impl Candidate {
    fn judge(&self, now: Nanos, after: Option<Scheduled>) -> Verdict {
        match after {
            None => Verdict::Lost,
            Some(after) if after.times != self.before.times => Verdict::Waited,
            Some(after) if after.ran > self.before.ran => Verdict::Ran,
            Some(_) if now.since(self.stack.time) > PATIENCE => Verdict::Lost,
            Some(_) => Verdict::Open,
        }
    }
}

/// Candidates that are not decided.
#[derive(Debug, Default)]
pub(super) struct Candidates(Vec<Candidate>);

impl Candidates {
    pub(super) fn add(&mut self, new: Vec<Candidate>) {
        self.0.extend(new);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing of them is wanted any more.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes those out that are decided: the stacks of those that ran, and how many are lost.
    pub(super) fn decide(&mut self) -> (Vec<SeenStack>, u64) {
        let (mut ran, mut lost) = (Vec::new(), 0);
        let now = Nanos::now();
        for candidate in std::mem::take(&mut self.0) {
            let thread = &candidate.stack.thread;
            let after = proc::scheduled(thread.pid, thread.tid);
            match candidate.judge(now, after) {
                Verdict::Ran => ran.push(candidate.stack),
                Verdict::Waited => {}
                Verdict::Lost => lost += 1,
                Verdict::Open => self.0.push(candidate),
            }
        }
        (ran, lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::SampledThread;

    #[test]
    fn time_before_the_next_turn_says_that_it_ran() {
        let scheduled = |ran, times| Scheduled { ran: Nanos(ran), times };
        let (process, name) = (String::new(), String::new());
        let thread = SampledThread { pid: 1, tid: 1, of: None, process, name };
        let stack = SeenStack { time: Nanos(1_000), thread, frames: Vec::new() };
        let candidate = Candidate { stack, before: scheduled(50, 7) };
        let soon = |after| candidate.judge(Nanos(2_000), after);
        assert_eq!(soon(Some(scheduled(90, 7))), Verdict::Ran);
        assert_eq!(soon(Some(scheduled(50, 7))), Verdict::Open);
        assert_eq!(soon(Some(scheduled(50, 8))), Verdict::Waited);
        // It may have run, or waited and run: nobody can tell, and the next look will.
        assert_eq!(soon(Some(scheduled(90, 8))), Verdict::Waited);
        assert_eq!(soon(None), Verdict::Lost);
        let late = candidate.judge(Nanos(1_001) + PATIENCE, Some(scheduled(50, 7)));
        assert_eq!(late, Verdict::Lost);
    }
}
