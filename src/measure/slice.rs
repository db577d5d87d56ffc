//! Slices: short intervals of load in which sampling is on or off as a whole.

use crate::{
    load::{Phase, Tally},
    unit::Nanos,
};

/// One slice, measured. Its latencies are added up elsewhere: a histogram for each slice would
/// take more memory than everything else.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// Whether samples were taken.
    pub sampled: bool,
    /// When the tap opened, `CLOCK_MONOTONIC`.
    pub started: Nanos,
    /// From then until the last response had come.
    pub elapsed: Nanos,
    /// Good responses.
    pub requests: u64,
    /// Complete responses, good or not.
    pub answers: u64,
    /// Requests that went wrong.
    pub errors: u64,
    /// Half of the good responses took at most this long; none without any.
    pub p50: Option<Nanos>,
    /// 99 of 100 good responses took at most this long; none without any.
    pub p99: Option<Nanos>,
    /// Exact CPU time of the server in it.
    pub server_cpu: Nanos,
    /// CPU time of the load threads in it.
    pub client_cpu: Nanos,
    /// Why it must not be in a headline number; none if it may.
    pub invalid: Option<Invalid>,
}

/// Why a slice must not be in a headline number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// It had errors.
    Errors,
    /// It had no good response at all.
    Empty,
    /// The load threads were busy throughout: they set the pace, not the server.
    ClientSaturated,
    /// It was cut short.
    Cut,
}

/// A load thread that has worked for this share of a slice waited for nothing.
const SATURATED: f64 = 0.98;

impl Slice {
    /// Judges what was measured with `load_threads` threads.
    pub(super) fn new(
        sampled: bool,
        tally: &Tally,
        server_cpu: Nanos,
        load_threads: usize,
    ) -> Self {
        let elapsed = tally.elapsed();
        let client_share =
            tally.client_cpu.as_secs_f64() / elapsed.as_secs_f64() / load_threads as f64;
        let invalid = if tally.requests == 0 {
            Some(Invalid::Empty)
        } else if tally.errors.total() > 0 {
            Some(Invalid::Errors)
        } else if client_share > SATURATED {
            Some(Invalid::ClientSaturated)
        } else {
            None
        };
        let percentile = |percent| {
            let latency = &tally.latency;
            (!latency.is_empty()).then(|| Nanos(latency.value_at_percentile(percent)))
        };
        Self {
            sampled,
            started: tally.started,
            elapsed,
            requests: tally.requests,
            answers: tally.requests
                + tally.errors.of(Phase::Status)
                + tally.errors.of(Phase::Check),
            errors: tally.errors.total(),
            p50: percentile(50.0),
            p99: percentile(99.0),
            server_cpu,
            client_cpu: tally.client_cpu,
            invalid,
        }
    }

    /// Requests over seconds.
    pub fn requests_per_second(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// Exact CPU time of the server over requests, microseconds.
    pub fn server_cpu_us_per_request(&self) -> f64 {
        self.server_cpu.as_micros_f64() / self.requests as f64
    }
}

/// Slices come in blocks of this many, two of either kind.
pub(super) const BLOCK: usize = 4;

/// Whether the slice at `index` is sampled: off, on, on, off; then on, off, off, on; and so on.
///
/// Within a block, a steady drift of the machine's speed adds as much to either kind; from block
/// to block, so does whatever follows a switch.
pub(super) fn is_sampled(index: usize) -> bool {
    let (block, place) = (index / BLOCK, index % BLOCK);
    let inner = place == 1 || place == 2;
    inner == block.is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Age, Cause, Errors, Failure};

    #[test]
    fn the_order_is_balanced_within_blocks_and_between_them() {
        let order: String = (0..8).map(|i| if is_sampled(i) { 'S' } else { '.' }).collect();
        assert_eq!(order, ".SS.S..S");
        for start in (0..80).step_by(BLOCK) {
            let places = |sampled| (0..BLOCK).filter(move |i| is_sampled(start + i) == sampled);
            assert_eq!(places(true).count(), places(false).count());
            assert_eq!(places(true).sum::<usize>(), places(false).sum::<usize>());
        }
    }

    #[test]
    fn slices_that_must_not_count_say_why() {
        let tally = |requests, client_cpu| {
            let mut tally = Tally::new(Nanos(0));
            tally.ended = Nanos(1_000_000);
            tally.requests = requests;
            tally.client_cpu = Nanos(client_cpu);
            tally
        };
        let judge = |tally: Tally| Slice::new(false, &tally, Nanos(1), 1).invalid;
        assert_eq!(judge(tally(10, 500_000)), None);
        assert_eq!(judge(tally(0, 500_000)), Some(Invalid::Empty));
        assert_eq!(judge(tally(10, 999_000)), Some(Invalid::ClientSaturated));
        let mut failed = tally(10, 0);
        failed.errors =
            Errors::of_one(Failure { phase: Phase::Timeout, cause: Cause::Late, age: Age::New });
        assert_eq!(judge(failed), Some(Invalid::Errors));
    }
}
