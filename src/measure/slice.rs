//! Slices: short intervals of load in which sampling is on or off as a whole.

use std::fmt;

use hdrhistogram::Histogram;

use super::{agenda::Place, bottleneck::KEPT, collapse::answers};
use crate::{
    load::{Phase, Tally},
    sample::CpuTimes,
    unit::Nanos,
};

/// One slice, measured. Its latencies are added up elsewhere: a histogram for each slice would
/// take more memory than everything else.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// Where it stands in the measurement, and whether samples were taken.
    pub place: Place,
    /// When the tap opened, or the last slice ended, `CLOCK_MONOTONIC`.
    pub started: Nanos,
    /// From then until the last response had come, or the load was cut.
    pub elapsed: Nanos,
    /// Good responses.
    pub requests: u64,
    /// Complete responses, good or not.
    pub answers: u64,
    /// Good responses to each request of the script, in its order; empty where it has only one.
    pub by_request: Vec<u64>,
    /// Requests that went wrong.
    pub errors: u64,
    /// Half of the good responses took at most this long; none without any. Response time in an
    /// open loop, service time else.
    pub p50: Option<Nanos>,
    /// 99 of 100 good responses took at most this long; none without any.
    pub p99: Option<Nanos>,
    /// Connections that were open at its end; none where nobody can tell.
    pub live_connections: Option<usize>,
    /// Attempts to open a connection in it.
    pub connects: u64,
    /// Exact CPU time of the server's processes in it.
    pub server_cpu: CpuTimes,
    /// The part of that which was sampled: all of it or nothing, but where a backend samples
    /// whole seconds only.
    pub sampled_cpu: CpuTimes,
    /// CPU time of the load threads in it.
    pub client_cpu: Nanos,
    /// Why it must not be in a headline number; none if it may.
    pub invalid: Option<Invalid>,
}

/// What was read beside the tally of a slice.
#[derive(Debug, Clone, Default)]
pub(super) struct Readings {
    /// Exact CPU time of the server's processes.
    pub(super) server_cpu: CpuTimes,
    /// Which part of a sampled slice the samples are of; none means all.
    pub(super) sampled_part: Option<f64>,
    /// Threads of the load.
    pub(super) load_threads: usize,
    /// Connections that were open at the end.
    pub(super) live_connections: Option<usize>,
    /// Connections that should be; none where that changes with time.
    pub(super) connections: Option<usize>,
    /// Whether the load flows on, so that a slice without a response is nothing unusual.
    pub(super) flows: bool,
}

/// Why a slice must not be in a headline number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    /// More of it failed than may.
    Errors,
    /// It had no good response at all.
    Empty,
    /// Its end had to wait for a request that was given up in the end.
    Waited,
    /// The load threads were busy throughout: they set the pace, not the server.
    ClientSaturated,
    /// Less than 99 % of the requests that were due were sent.
    Behind,
    /// More than one in a hundred connections was not there.
    Unconnected,
    /// More than one in twenty responses in a slice of one request were to others.
    Strayed,
    /// The tool itself stood still, then or shortly before.
    StoodStill,
    /// It was cut short.
    Cut,
}

/// A load thread that has worked for this share of a slice waited for nothing.
const SATURATED: f64 = 0.98;
/// A slice of one request with more responses to others than this share is none of it.
const STRAYED: f64 = 0.05;
/// So many requests may be due at the end of a slice and written in the next, whatever the rate.
const UNDER_WAY: f64 = 3.0;

impl Slice {
    /// Judges what was measured.
    pub(super) fn new(place: Place, tally: &Tally, readings: Readings) -> Self {
        let Readings { load_threads, live_connections, flows, .. } = readings;
        let elapsed = tally.elapsed();
        let client_share =
            tally.client_cpu.as_secs_f64() / elapsed.as_secs_f64() / load_threads as f64;
        let failed = tally.errors.total();
        let invalid = if tally.requests == 0 && (failed > 0 || !flows) {
            Some(Invalid::Empty)
        } else if has_failed(tally.requests, failed) {
            Some(Invalid::Errors)
        } else if !flows && tally.errors.of(Phase::Timeout) > 0 {
            Some(Invalid::Waited)
        } else if is_unconnected(tally, &readings) {
            Some(Invalid::Unconnected)
        } else if client_share > SATURATED {
            Some(Invalid::ClientSaturated)
        } else if is_behind(tally) {
            Some(Invalid::Behind)
        } else if is_strayed(place, tally) {
            Some(Invalid::Strayed)
        } else {
            None
        };
        let percentile = |percent| {
            let latency = headline_latency(tally);
            (!latency.is_empty()).then(|| Nanos(latency.value_at_percentile(percent)))
        };
        Self {
            place,
            started: tally.started,
            elapsed,
            requests: tally.requests,
            answers: answers(tally),
            by_request: tally.by_request.iter().map(|own| own.requests).collect(),
            errors: tally.errors.total(),
            p50: percentile(50.0),
            p99: percentile(99.0),
            live_connections,
            connects: tally.connects,
            sampled_cpu: match place.backend {
                Some(_) => readings.server_cpu.part(readings.sampled_part.unwrap_or(1.0)),
                None => CpuTimes::default(),
            },
            server_cpu: readings.server_cpu,
            client_cpu: tally.client_cpu,
            invalid,
        }
    }

    /// Requests over seconds.
    pub fn requests_per_second(&self) -> f64 {
        self.requests as f64 / self.elapsed.as_secs_f64()
    }

    /// Good responses to others than the only request that was sent in it: they were under way
    /// when it began.
    pub fn strays(&self) -> u64 {
        let own = self.place.request.and_then(|request| self.by_request.get(request));
        own.map_or(0, |own| self.requests.saturating_sub(*own))
    }

    /// Exact CPU time of the server over requests, microseconds.
    pub fn server_cpu_us_per_request(&self) -> f64 {
        self.server_cpu.total().as_micros_f64() / self.requests as f64
    }
}

/// Whether too much of what ended in a slice of one request was of others, as after a moment in
/// which the server stood still.
fn is_strayed(place: Place, tally: &Tally) -> bool {
    let own = place.request.and_then(|request| tally.by_request.get(request));
    own.is_some_and(|own| (own.requests as f64) < tally.requests as f64 * (1.0 - STRAYED))
}

impl Invalid {
    /// The most frequent reason why slices do not count.
    pub(super) fn most_frequent(slices: &[Slice]) -> Option<Self> {
        let reasons = || slices.iter().filter_map(|slice| slice.invalid);
        reasons().max_by_key(|why| reasons().filter(|other| other == why).count())
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Errors => "more than 1 % of what it tried failed",
            Self::Waited => "its end waited for a response that did not come in time",
            Self::Empty => "it had no good response",
            Self::ClientSaturated => "the load threads were busy throughout",
            Self::Behind => "less than 99 % of the requests that were due were sent",
            Self::Unconnected => "more than 1 % of the connections were not open",
            Self::Strayed => "more than 5 % of the responses were to other requests",
            Self::StoodStill => "the tool itself stood still",
            Self::Cut => "it was cut short",
        })
    }
}

/// More than this share of failures makes figures worthless, whatever engine they are of.
const FAILED_MAX: f64 = 0.01;

/// Whether so many good responses and failures are no measurement any more.
pub(super) fn has_failed(good: u64, failed: u64) -> bool {
    failed as f64 > FAILED_MAX * (good + failed) as f64
}

/// The latency that a load is about: response time in an open loop, service time else.
pub(super) fn headline_latency(tally: &Tally) -> &Histogram<u64> {
    tally.response.as_ref().unwrap_or(&tally.latency)
}

/// Whether connections were missing that hang rather than fail: a server that has no room for them
/// serves the others as well as ever.
///
/// Where connections end after some requests, as many as are missing are being opened.
fn is_unconnected(tally: &Tally, readings: &Readings) -> bool {
    let Readings { live_connections: Some(live), connections: Some(asked), .. } = *readings else {
        return false;
    };
    let missing = asked.saturating_sub(live);
    missing * 100 > asked && (missing as u64) > tally.connects
}

/// Whether a schedule was not kept.
pub(super) fn is_behind(tally: &Tally) -> bool {
    let missing = tally.schedule.due as f64 - tally.schedule.sent as f64;
    missing > UNDER_WAY && missing > (1.0 - KEPT) * tally.schedule.due as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Age, Cause, Errors, Failure, RequestTally};

    fn tally(requests: u64, client_cpu: u64) -> Tally {
        let mut tally = Tally::new(Nanos(0));
        tally.ended = Nanos(1_000_000);
        tally.requests = requests;
        tally.client_cpu = Nanos(client_cpu);
        tally
    }

    fn judge(tally: &Tally, flows: bool) -> Option<Invalid> {
        let readings = Readings { load_threads: 1, flows, ..Readings::default() };
        Slice::new(Place::default(), tally, readings).invalid
    }

    #[test]
    fn slices_that_must_not_count_say_why() {
        assert_eq!(judge(&tally(10, 500_000), false), None);
        assert_eq!(judge(&tally(0, 500_000), false), Some(Invalid::Empty));
        assert_eq!(judge(&tally(0, 500_000), true), None);
        assert_eq!(judge(&tally(10, 999_000), false), Some(Invalid::ClientSaturated));
        let mut failed = tally(10, 0);
        failed.errors =
            Errors::of_one(Failure { phase: Phase::Timeout, cause: Cause::Late, age: Age::New });
        assert_eq!(judge(&failed, true), Some(Invalid::Errors));
        failed.requests = 0;
        assert_eq!(judge(&failed, true), Some(Invalid::Empty));
        // A few failures are no other load, but a drained slice lasts as long as the slowest.
        failed.requests = 99;
        assert_eq!(judge(&failed, true), None);
        assert_eq!(judge(&failed, false), Some(Invalid::Waited));
        failed.errors =
            Errors::of_one(Failure { phase: Phase::Status, cause: Cause::Body, age: Age::New });
        assert_eq!(judge(&failed, false), None);
        failed.requests = 98;
        assert_eq!(judge(&failed, false), Some(Invalid::Errors));
    }

    #[test]
    fn what_is_of_others_is_no_slice_of_a_request() {
        let judge = |own, all| {
            let mut seen = tally(all, 0);
            let latency = seen.latency.clone();
            seen.by_request = vec![RequestTally { requests: own, errors: 0, latency }];
            let place = Place { request: Some(0), ..Place::default() };
            let slice =
                Slice::new(place, &seen, Readings { load_threads: 1, ..Readings::default() });
            (slice.strays(), slice.invalid)
        };
        assert_eq!(judge(95, 100), (5, None));
        assert_eq!(judge(94, 100), (6, Some(Invalid::Strayed)));
    }

    #[test]
    fn missing_connections_are_no_load() {
        let judge = |live, connects| {
            let mut tally = tally(10, 0);
            tally.connects = connects;
            let readings = Readings {
                load_threads: 1,
                live_connections: Some(live),
                connections: Some(2_000),
                ..Readings::default()
            };
            Slice::new(Place::default(), &tally, readings).invalid
        };
        assert_eq!(judge(2_000, 0), None);
        assert_eq!(judge(1_980, 0), None);
        assert_eq!(judge(1_979, 0), Some(Invalid::Unconnected));
        assert_eq!(judge(1_015, 984), Some(Invalid::Unconnected));
        // Each connection ends after a request, and the next is on its way.
        assert_eq!(judge(1_015, 10_000), None);
    }

    #[test]
    fn a_schedule_may_lag_by_what_is_under_way_and_no_more() {
        let sent = |due, sent| {
            let mut tally = tally(sent, 0);
            (tally.schedule.due, tally.schedule.sent) = (due, sent);
            judge(&tally, true)
        };
        assert_eq!(sent(25, 22), None);
        assert_eq!(sent(25, 21), Some(Invalid::Behind));
        assert_eq!(sent(10_000, 9_900), None);
        assert_eq!(sent(10_000, 9_899), Some(Invalid::Behind));
        // What was due before may be sent now.
        assert_eq!(sent(100, 120), None);
    }
}
