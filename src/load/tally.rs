//! What one slice of load came to.

use hdrhistogram::Histogram;

use super::errors::Errors;
use crate::unit::Nanos;

/// Latencies are told apart from 1 µs to 60 s; what lies outside counts as the nearest of both.
const LATENCY_RANGE: (u64, u64) = (1_000, 60_000_000_000);
const LATENCY_DIGITS: u8 = 3;

/// What was measured between opening the tap and the last response after closing it.
#[derive(Debug, Clone)]
pub struct Tally {
    /// When the first thread's tap opened, `CLOCK_MONOTONIC`.
    pub started: Nanos,
    /// When the last response in flight had come or was given up, `CLOCK_MONOTONIC`.
    pub ended: Nanos,
    /// Good responses: complete, in time, with the expected status and body.
    pub requests: u64,
    /// Bytes received in all responses, heads included.
    pub bytes: u64,
    /// Nanoseconds from writing a request to its complete response, of good responses only.
    pub latency: Histogram<u64>,
    /// What failed; failures to connect while the tap was closed count to the slice after.
    pub errors: Errors,
    /// CPU time of the load threads, user and kernel, while their taps were open or draining.
    pub client_cpu: Nanos,
}

impl Tally {
    /// A tally of nothing at the instant `at`.
    pub fn new(at: Nanos) -> Self {
        let (lowest, highest) = LATENCY_RANGE;
        let latency = Histogram::new_with_bounds(lowest, highest, LATENCY_DIGITS);
        Self {
            started: at,
            ended: at,
            requests: 0,
            bytes: 0,
            // The bounds are constants that every test of this module passes through.
            latency: latency.expect("the range and digits of latencies are valid"),
            errors: Errors::default(),
            client_cpu: Nanos(0),
        }
    }

    /// How long it lasted.
    pub fn elapsed(&self) -> Nanos {
        self.ended.since(self.started)
    }

    /// Adds what the other measured; the span grows to cover both.
    pub fn merge(&mut self, other: &Self) {
        self.started = self.started.min(other.started);
        self.ended = self.ended.max(other.ended);
        self.requests += other.requests;
        self.bytes += other.bytes;
        self.errors.merge(&other.errors);
        self.client_cpu += other.client_cpu;
        if self.latency.add(&other.latency).is_err() {
            // Only a histogram of a wider range, made by someone else, does not fit as it is.
            for step in other.latency.iter_recorded() {
                self.latency.saturating_record_n(step.value_iterated_to(), step.count_at_value());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_covers_both_spans_and_adds_the_rest() {
        let mut early = Tally::new(Nanos(100));
        early.ended = Nanos(200);
        early.requests = 2;
        early.latency.saturating_record(5_000);
        early.latency.saturating_record(u64::MAX);
        let mut late = Tally::new(Nanos(150));
        late.ended = Nanos(400);
        late.requests = 1;
        late.bytes = 7;
        late.latency.saturating_record(0);
        late.merge(&early);
        assert_eq!(
            (late.started, late.ended, late.elapsed()),
            (Nanos(100), Nanos(400), Nanos(300))
        );
        assert_eq!((late.requests, late.bytes, late.latency.len()), (3, 7, 3));
        assert!(late.latency.max() >= 60_000_000_000);
    }
}
