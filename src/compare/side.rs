//! What is compared: two sides, their rounds, and the slices of a round.

use std::collections::BTreeMap;

use super::{metric::Metric, stacks::Stacks};
use crate::unit::Nanos;

/// Two sides of a comparison.
#[derive(Debug, Clone)]
pub struct Pair {
    /// What `b` is compared with.
    pub a: Side,
    /// What may be slower or faster.
    pub b: Side,
    /// How the two were measured.
    pub design: Design,
    /// In what else than the servers themselves they differ.
    pub unlike: Vec<Unlike>,
    /// Why functions are not to be compared, though there are profiles.
    pub without_frames: Option<String>,
}

/// How two sides were measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Design {
    /// In one measurement, in which the load alternates between the two: drift cancels. The rounds
    /// of both sides belong together in their order, and slices by their block.
    Interleaved,
    /// Each round by itself, and the sides in turns: what drifts shows in how rounds scatter.
    Turns,
    /// Each by itself, at another time: the drift between is in every difference.
    Separate,
}

/// One of the two that are compared.
#[derive(Debug, Clone, Default)]
pub struct Side {
    /// What it is called.
    pub name: String,
    /// What else tells it apart, in a phrase.
    pub detail: String,
    /// Fresh server processes, each measured for a while. They are the replicates: what differs
    /// from process to process, such as where code lies in memory, is the same in all slices of
    /// one.
    pub rounds: Vec<Round>,
    /// What makes its figures doubtful, as sentences.
    pub doubts: Vec<String>,
    /// Why its figures must not be quoted at all; none where they may.
    pub invalid: Option<String>,
}

/// One server process and what it did.
#[derive(Debug, Clone, Default)]
pub struct Round {
    /// The figures of the round as a whole. What could not be had is not there.
    pub figures: BTreeMap<Metric, f64>,
    /// The slices that count, in their order.
    pub slices: Vec<Slice>,
    /// Where its CPU time went.
    pub profile: Option<Sampled>,
}

/// A short interval of load.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Slice {
    /// In an interleaved measurement, the block: slices of both sides that lie next to each other,
    /// in an order such as A B B A, in which a steady drift cancels.
    pub block: u32,
    /// Good responses.
    pub requests: u64,
    /// How long it lasted.
    pub elapsed: Nanos,
    /// Exact CPU time of the server.
    pub cpu: Nanos,
    /// Half of the responses took at most this long.
    pub p50: Option<Nanos>,
    /// 99 of 100 responses took at most this long.
    pub p99: Option<Nanos>,
}

/// Samples of a round, and the time that they stand for.
#[derive(Debug, Clone)]
pub struct Sampled {
    /// How often each stack was seen.
    pub stacks: Stacks,
    /// CPU time of a request that all samples together stand for, in microseconds: all of it, or
    /// only a part where the kernel could not be sampled.
    pub us_per_request: f64,
}

/// A condition in which two sides differ, beside what is compared.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Unlike {
    /// What it is.
    pub what: String,
    /// What it was for `a`.
    pub a: String,
    /// What it was for `b`.
    pub b: String,
}

/// A median of fewer requests is no figure of a slice.
const REQUESTS_FOR_P50: u64 = 20;
/// Fewer requests have less than two beyond their 99th percentile.
const REQUESTS_FOR_P99: u64 = 200;

impl Round {
    /// A round whose CPU time and throughput are those of its slices.
    pub fn of(slices: Vec<Slice>) -> Self {
        let requests: u64 = slices.iter().map(|slice| slice.requests).sum();
        let elapsed: Nanos = slices.iter().map(|slice| slice.elapsed).sum();
        let cpu: Nanos = slices.iter().map(|slice| slice.cpu).sum();
        let whole = Slice { requests, elapsed, cpu, ..Slice::default() };
        let figures = [Metric::Cpu, Metric::Throughput]
            .into_iter()
            .filter_map(|metric| Some((metric, whole.figure(metric)?)))
            .collect();
        Self { figures, slices, profile: None }
    }
}

impl Slice {
    /// Its value of a metric; none where it has none, or none with a logarithm.
    pub(super) fn figure(&self, metric: Metric) -> Option<f64> {
        let requests = self.requests as f64;
        let latency = |value: Option<Nanos>, least: u64| {
            value.filter(|_| self.requests >= least).map(Nanos::as_micros_f64)
        };
        let figure = match metric {
            Metric::Cpu => self.cpu.as_micros_f64() / requests,
            Metric::Throughput => requests / self.elapsed.as_secs_f64(),
            Metric::P50 => latency(self.p50, REQUESTS_FOR_P50)?,
            Metric::P99 => latency(self.p99, REQUESTS_FOR_P99)?,
            Metric::Memory | Metric::Switches => return None,
        };
        (figure.is_finite() && figure > 0.0).then_some(figure)
    }
}
