//! What a run must keep to.

use std::{fmt, time::Duration};

/// A limit for one of a run's figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    /// The figure.
    pub metric: Metric,
    /// The least it may be, in the metric's unit.
    pub min: Option<f64>,
    /// The most it may be, in the metric's unit.
    pub max: Option<f64>,
    /// Ends the measurement once the limit has been broken for so long.
    pub abort_after: Option<Duration>,
}

/// A figure of a run that a threshold can limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// The latency of the headline, microseconds: response time in an open loop.
    Latency(Stat),
    /// Service time, microseconds: from the actual write.
    Service(Stat),
    /// Requests that failed over all that were tried.
    ErrorsRate,
    /// Responses with the expected status and body over all complete responses.
    ChecksRate,
    /// Good responses a second.
    RequestsPerSecond,
    /// Requests that were sent over those that the schedule wanted; open loop only.
    AchievedRatio,
    /// Exact CPU time of the server per request, microseconds.
    CpuUsPerRequest,
}

/// A statistic of latencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Stat {
    Mean,
    P50,
    P75,
    P90,
    P95,
    P99,
    P99_9,
    Max,
}

impl Stat {
    /// All of them, with their names in scripts and records.
    pub const ALL: [(&'static str, Self); 8] = [
        ("mean", Self::Mean),
        ("p50", Self::P50),
        ("p75", Self::P75),
        ("p90", Self::P90),
        ("p95", Self::P95),
        ("p99", Self::P99),
        ("p99_9", Self::P99_9),
        ("max", Self::Max),
    ];

    fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, stat)| *stat == self).map_or("", |(name, _)| name)
    }
}

/// The name in scripts and records.
impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency(stat) => write!(f, "latency.{}", stat.as_str()),
            Self::Service(stat) => write!(f, "service.{}", stat.as_str()),
            Self::ErrorsRate => f.write_str("errors.rate"),
            Self::ChecksRate => f.write_str("checks.rate"),
            Self::RequestsPerSecond => f.write_str("rps"),
            Self::AchievedRatio => f.write_str("achieved_ratio"),
            Self::CpuUsPerRequest => f.write_str("cpu_us_per_request"),
        }
    }
}
