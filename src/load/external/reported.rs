//! What a tool said of its run, in the units of the record.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::errors::ReportedErrors;
use crate::{
    load::EngineKind,
    unit::{Bytes, Nanos},
};

/// What a tool said of its run. What it does not say is `None`: nothing is invented.
#[derive(Debug, Clone)]
pub struct Reported {
    /// The tool.
    pub engine: EngineKind,
    /// Its version, if it says one.
    pub version: Option<String>,
    /// Good responses: complete, with the expected status and body as far as the tool can tell.
    pub requests: u64,
    /// How long the load flowed.
    pub duration: Option<Nanos>,
    /// Good responses a second, computed from both: tools count failures in theirs.
    pub requests_per_second: Option<f64>,
    /// Bytes received in all responses, heads included.
    pub bytes: Option<Bytes>,
    /// Latencies; of which responses, and from when on, `notes` say where it is not the same as
    /// in a tally.
    pub latency: ReportedLatency,
    /// All latencies, nanoseconds, where the tool gives them.
    pub histogram: Option<Histogram<u64>>,
    /// What failed.
    pub errors: ReportedErrors,
    /// Responses by status, `200`, or by class, `2xx`; empty if the tool does not say.
    pub statuses: BTreeMap<String, u64>,
    /// Requests that were due and not sent for want of a free connection.
    pub dropped: Option<u64>,
    /// The thresholds that failed by the tool's own account, as it writes them.
    pub thresholds_failed: Vec<String>,
    /// What is to be known about these figures: sentences.
    pub notes: Vec<String>,
}

/// From when on a latency counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LatencyKind {
    /// From writing the request.
    #[default]
    Service,
    /// From the instant at which the schedule wanted the request.
    Response,
}

/// Statistics of latencies, as far as they are known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct ReportedLatency {
    pub kind: LatencyKind,
    pub mean: Option<Nanos>,
    pub stdev: Option<Nanos>,
    pub p50: Option<Nanos>,
    pub p75: Option<Nanos>,
    pub p90: Option<Nanos>,
    pub p95: Option<Nanos>,
    pub p99: Option<Nanos>,
    pub p99_9: Option<Nanos>,
    pub max: Option<Nanos>,
}

/// Where a figure of the record comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// From flameload's own instruments.
    Measured,
    /// From another tool, or computed from what it reported and nothing else.
    Reported,
    /// From nowhere: the tool does not say it.
    Absent,
}

impl Reported {
    /// A report of so many good responses in so much time, and of nothing else.
    pub(super) fn new(engine: EngineKind, requests: u64, duration: Option<Nanos>) -> Self {
        let seconds = duration.map(Nanos::as_secs_f64).filter(|seconds| *seconds > 0.0);
        Self {
            engine,
            version: None,
            requests,
            duration,
            requests_per_second: seconds.map(|seconds| requests as f64 / seconds),
            bytes: None,
            latency: ReportedLatency::default(),
            histogram: None,
            errors: ReportedErrors::default(),
            statuses: BTreeMap::new(),
            dropped: None,
            thresholds_failed: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Where each figure comes from, by its name in a record's `load`: reported or absent. What
    /// flameload measures beside the tool is for whoever measures it to add.
    pub fn origins(&self) -> BTreeMap<&'static str, Origin> {
        let bytes_per_second = self.bytes.is_some() && self.requests_per_second.is_some();
        let load = [
            ("requests", true),
            ("duration_s", self.duration.is_some()),
            ("requests_per_second", self.requests_per_second.is_some()),
            ("bytes_per_second", bytes_per_second),
        ];
        let latency = self.latency.named().map(|(name, value)| (name, value.is_some()));
        let errors = self.errors.named().map(|(name, count)| (name, count.is_some()));
        let all = load.into_iter().chain(latency).chain(errors);
        all.map(|(name, is_known)| (name, Origin::of(is_known))).collect()
    }
}

impl Origin {
    fn of(is_known: bool) -> Self {
        if is_known { Self::Reported } else { Self::Absent }
    }
}

impl ReportedLatency {
    /// The statistics with their names in a record's `load`.
    pub fn named(&self) -> [(&'static str, Option<Nanos>); 9] {
        [
            ("latency_us.mean", self.mean),
            ("latency_us.stdev", self.stdev),
            ("latency_us.p50", self.p50),
            ("latency_us.p75", self.p75),
            ("latency_us.p90", self.p90),
            ("latency_us.p95", self.p95),
            ("latency_us.p99", self.p99),
            ("latency_us.p99_9", self.p99_9),
            ("latency_us.max", self.max),
        ]
    }

    /// The place of the percentile `percent`, if it is one of those kept.
    pub(super) fn percentile(&mut self, percent: f64) -> Option<&mut Option<Nanos>> {
        let places = [
            (50.0, &mut self.p50),
            (75.0, &mut self.p75),
            (90.0, &mut self.p90),
            (95.0, &mut self.p95),
            (99.0, &mut self.p99),
            (99.9, &mut self.p99_9),
        ];
        let same = |known: f64| (known - percent).abs() < 1e-6;
        places.into_iter().find(|(known, _)| same(*known)).map(|(_, place)| place)
    }

    /// All statistics of a histogram of nanoseconds; none of an empty one.
    pub(super) fn of(histogram: &Histogram<u64>, kind: LatencyKind) -> Self {
        if histogram.is_empty() {
            return Self { kind, ..Self::default() };
        }
        let at = |quantile: f64| Some(Nanos(histogram.value_at_quantile(quantile)));
        Self {
            kind,
            mean: Some(Nanos(histogram.mean() as u64)),
            stdev: Some(Nanos(histogram.stdev() as u64)),
            p50: at(0.5),
            p75: at(0.75),
            p90: at(0.9),
            p95: at(0.95),
            p99: at(0.99),
            p99_9: at(0.999),
            max: Some(Nanos(histogram.max())),
        }
    }
}

/// A time in some unit as nanoseconds; none if it is not one, such as NaN.
pub(super) fn nanos(value: f64, per_unit: f64) -> Option<Nanos> {
    let nanos = value * per_unit;
    // A century is no latency and no duration, but a fault of whoever printed it.
    const MOST: f64 = 100.0 * 365.0 * 86_400.0 * 1e9;
    (nanos.is_finite() && (0.0..=MOST).contains(&nanos)).then(|| Nanos(nanos.round() as u64))
}
