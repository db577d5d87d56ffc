//! What one slice of load came to.

use hdrhistogram::Histogram;

use super::errors::{Errors, Failure};
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
    /// Bytes received in all responses: with their heads over HTTP/1.1, bodies alone over HTTP/2,
    /// and decrypted where there is encryption.
    pub bytes: u64,
    /// **Service time**: nanoseconds from writing a request to its complete response, of good
    /// responses only.
    pub latency: Histogram<u64>,
    /// **Response time**: nanoseconds from the instant at which the schedule wanted the request
    /// to its complete response, of good responses only; none in a closed loop.
    pub response: Option<Histogram<u64>>,
    /// How well the schedule of an open loop was kept; all zero in a closed loop.
    pub schedule: Schedule,
    /// The same by request, in the script's order; empty where the script has only one.
    pub by_request: Vec<RequestTally>,
    /// Good responses by status, ascending, to requests for which the script expects several.
    pub by_status: Vec<(u16, u64)>,
    /// Attempts to open a connection that began.
    pub connects: u64,
    /// Requests that were sent again, as the server had ended their connection before it did
    /// anything for them.
    pub resent: u64,
    /// What failed; failures to connect while the tap was closed count to the slice after.
    pub errors: Errors,
    /// CPU time of the load threads, user and kernel, while their taps were open or draining.
    pub client_cpu: Nanos,
}

/// How well the schedule of an open loop was kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Schedule {
    /// Requests that were due.
    pub due: u64,
    /// Requests that were written.
    pub sent: u64,
    /// Requests that were due when no connection was free, and were not sent for that reason: each
    /// as the script says, or all that waited when the load ended.
    pub dropped: u64,
    /// The longest that a request was written after it was due.
    pub lag_max: Nanos,
    /// The most requests that waited for a connection at once.
    pub backlog_max: u64,
}

/// What one request of a script came to.
#[derive(Debug, Clone)]
pub struct RequestTally {
    /// Good responses.
    pub requests: u64,
    /// Responses and attempts that failed, once it was chosen.
    pub errors: u64,
    /// Service times of the good ones, nanoseconds.
    pub latency: Histogram<u64>,
}

impl Schedule {
    /// Adds how well another thread's schedule, or another time's, was kept.
    pub fn merge(&mut self, other: &Self) {
        self.due += other.due;
        self.sent += other.sent;
        self.dropped += other.dropped;
        self.lag_max = self.lag_max.max(other.lag_max);
        self.backlog_max = self.backlog_max.max(other.backlog_max);
    }
}

impl Tally {
    /// A tally of nothing at the instant `at`.
    pub fn new(at: Nanos) -> Self {
        Self {
            started: at,
            ended: at,
            requests: 0,
            bytes: 0,
            latency: histogram(),
            response: None,
            schedule: Schedule::default(),
            by_request: Vec::new(),
            by_status: Vec::new(),
            connects: 0,
            resent: 0,
            errors: Errors::default(),
            client_cpu: Nanos(0),
        }
    }

    /// A tally for one thread to count in: of an open loop or not, and of so many different
    /// requests.
    pub(super) fn of_thread(at: Nanos, is_open: bool, kinds: usize) -> Self {
        let by_request = if kinds > 1 { vec![RequestTally::new(); kinds] } else { Vec::new() };
        Self { response: is_open.then(histogram), by_request, ..Self::new(at) }
    }

    /// Counts a good response to the script's request number `kind`.
    pub(super) fn record(&mut self, kind: usize, service: Nanos, response: Nanos) {
        self.requests += 1;
        self.latency.saturating_record(service.0);
        if let Some(histogram) = &mut self.response {
            histogram.saturating_record(response.0);
        }
        if let Some(tally) = self.by_request.get_mut(kind) {
            tally.requests += 1;
            tally.latency.saturating_record(service.0);
        }
    }

    /// Counts good responses with this status.
    pub(super) fn note_status(&mut self, status: u16, count: u64) {
        match self.by_status.binary_search_by_key(&status, |(known, _)| *known) {
            Ok(place) => self.by_status[place].1 += count,
            Err(place) => self.by_status.insert(place, (status, count)),
        }
    }

    /// Counts a failure, of the script's request number `kind` if one was under way.
    pub(super) fn fail(&mut self, kind: Option<usize>, failure: Failure, at: Nanos) {
        self.errors.record(failure, at);
        if let Some(tally) = kind.and_then(|kind| self.by_request.get_mut(kind)) {
            tally.errors += 1;
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
        self.schedule.merge(&other.schedule);
        self.connects += other.connects;
        self.resent += other.resent;
        for (status, count) in &other.by_status {
            self.note_status(*status, *count);
        }
        add(&mut self.latency, &other.latency);
        match (&mut self.response, &other.response) {
            (Some(own), Some(others)) => add(own, others),
            (own, others) => *own = own.take().or_else(|| others.clone()),
        }
        let known = self.by_request.len();
        for (own, others) in self.by_request.iter_mut().zip(&other.by_request) {
            own.requests += others.requests;
            own.errors += others.errors;
            add(&mut own.latency, &others.latency);
        }
        self.by_request.extend(other.by_request.iter().skip(known).cloned());
    }
}

impl RequestTally {
    fn new() -> Self {
        Self { requests: 0, errors: 0, latency: histogram() }
    }
}

/// An empty histogram of latencies.
fn histogram() -> Histogram<u64> {
    let (lowest, highest) = LATENCY_RANGE;
    let histogram = Histogram::new_with_bounds(lowest, highest, LATENCY_DIGITS);
    // The bounds are constants that every test of this module passes through.
    histogram.expect("the range and digits of latencies are valid")
}

/// Adds the other's values.
fn add(histogram: &mut Histogram<u64>, other: &Histogram<u64>) {
    if histogram.add(other).is_err() {
        // Only a histogram of a wider range, made by someone else, does not fit as it is.
        for step in other.iter_recorded() {
            histogram.saturating_record_n(step.value_iterated_to(), step.count_at_value());
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
