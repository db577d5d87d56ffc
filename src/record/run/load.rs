//! The load of a run: what was asked, how it was answered, and what went wrong.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::distribution::Distribution;

/// What was asked of the target and how it answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadFacts {
    /// The script's name.
    pub script: String,
    /// What sent the requests: `builtin`, `wrk` and so on.
    pub engine: String,
    /// The version of an engine that is not built in.
    pub engine_version: Option<String>,
    /// The exact command of an engine that is not built in.
    pub engine_command: Option<String>,
    /// `closed` or `open`.
    pub mode: String,
    /// Connections at once; in an open loop, the most there may be.
    pub connections: u32,
    /// Threads that drove them; none where the engine has its own.
    pub threads: Option<u32>,
    /// How long the load was applied before anything was counted.
    pub warmup_s: f64,
    /// How long the counted slices lasted together.
    pub duration_s: f64,
    /// Requests that were completed in them.
    pub requests: u64,
    /// Requests over seconds.
    pub requests_per_second: Option<f64>,
    /// Bytes received over seconds.
    pub bytes_per_second: Option<f64>,
    /// What `latency_us` is: `service` or `response`.
    pub latency_kind: Option<String>,
    /// Service time in a closed loop, response time in an open one.
    pub latency_us: LatencyFacts,
    /// All latencies of that kind; none where the engine does not tell them.
    pub latency_histogram: Option<Distribution>,
    /// Service time: from sending a request to its whole response.
    pub service_us: LatencyFacts,
    /// Requests a second that an open loop was to send.
    pub rate_target: Option<f64>,
    /// Requests a second that an open loop sent.
    pub rate_achieved: Option<f64>,
    /// Requests that were sent over those that were due; open loop only.
    pub achieved_ratio: Option<f64>,
    /// The longest that a request was sent after it was due, microseconds; open loop only.
    pub schedule_lag_max_us: Option<f64>,
    /// The most requests that waited for a connection at once; open loop only.
    pub backlog_max: Option<u64>,
    /// Requests that were due when no connection was free, and were not sent; open loop only.
    pub dropped: Option<u64>,
    /// Good responses and failures of all slices together: what the errors are a share of.
    pub attempts: u64,
    /// Failures over attempts.
    pub error_ratio: Option<f64>,
    /// Attempts to open a connection, in all slices.
    pub connects: u64,
    /// Requests that were sent again, in all slices: the server had ended their connections before
    /// it did anything for them.
    pub resent: u64,
    /// Requests that went wrong.
    pub errors: ErrorCounts,
    /// The stages of a load that has some, in their order.
    pub stages: Vec<StageFacts>,
    /// The requests of a script that has several, in its order.
    pub by_request: Vec<RequestFacts>,
    /// Good responses by status, where a request of the script expects several.
    pub by_status: BTreeMap<String, u64>,
    /// Where a figure comes from, by its name: `measured`, `reported` by the engine, or `absent`.
    /// Empty where all are measured.
    pub origins: BTreeMap<String, String>,
    /// Whether the figures may be a headline.
    pub valid: bool,
}

/// Percentiles and moments of a latency, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are the percentiles")]
pub struct LatencyFacts {
    pub mean: Option<f64>,
    pub stdev: Option<f64>,
    pub p10: Option<f64>,
    pub p25: Option<f64>,
    pub p50: Option<f64>,
    pub p75: Option<f64>,
    pub p90: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    pub p99_9: Option<f64>,
    pub max: Option<f64>,
}

/// Requests that went wrong, by what went wrong first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorCounts {
    /// The connection could not be made.
    pub connect: u64,
    /// The response could not be read.
    pub read: u64,
    /// The request could not be sent.
    pub write: u64,
    /// The response did not come in time.
    pub timeout: u64,
    /// The status was not the one expected.
    pub status: u64,
    /// The response was not what was expected otherwise.
    pub check: u64,
    /// The same in detail, the most frequent first.
    pub detail: Vec<ErrorFacts>,
}

/// Errors that most likely have the same reason.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorFacts {
    /// In which phase of a request: `connect`, `first byte` and so on.
    pub phase: String,
    /// What happened, such as `connection reset by peer (ECONNRESET)`.
    pub cause: String,
    /// `new` where nothing had been answered on the connection yet, else `reused`.
    pub connection: String,
    /// How often.
    pub count: u64,
    /// The first time, seconds since the window began; below zero in the warm-up.
    pub first_s: f64,
    /// The last time, in the same way.
    pub last_s: f64,
}

impl ErrorCounts {
    /// Each class with its name.
    pub fn by_class(&self) -> [(&'static str, u64); 6] {
        [
            ("connect", self.connect),
            ("read", self.read),
            ("write", self.write),
            ("timeout", self.timeout),
            ("status", self.status),
            ("check", self.check),
        ]
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.by_class().iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }
}

/// A stage of the load.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StageFacts {
    /// Its place, from 0.
    pub index: u32,
    /// How long it lasted.
    pub duration_s: f64,
    /// Connections, or requests a second, at its start.
    pub level_from: f64,
    /// Connections, or requests a second, at its end.
    pub level_to: f64,
    /// Whether it is part of the headline.
    pub record: bool,
    /// Requests that were completed in its slices without sampling.
    pub requests: u64,
    /// Those requests over seconds.
    pub requests_per_second: Option<f64>,
    /// Their latency, of the kind of the load's.
    pub latency_us: LatencyFacts,
    /// Requests that went wrong, in all its slices.
    pub errors: u64,
    /// CPU time of the target over requests, in its slices without sampling.
    pub server_cpu_us_per_request: Option<f64>,
}

/// A request of a script that has several.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RequestFacts {
    /// Its name.
    pub name: String,
    /// Good responses in the headline's slices.
    pub requests: u64,
    /// Those over seconds.
    pub requests_per_second: Option<f64>,
    /// Responses and attempts that failed once it was chosen, in the headline's slices.
    pub errors: u64,
    /// Service times of the good ones.
    pub service_us: LatencyFacts,
}

/// A slice of the measurement.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SliceFacts {
    /// Its place, from 0.
    pub index: u32,
    /// The stage it belongs to, where the load has stages.
    pub stage: Option<u32>,
    /// The only request that was sent in it, by its name; none for the mix of all.
    pub request: Option<String>,
    /// Whether samples were taken.
    pub sampled: bool,
    /// What took them: `perf-event`, `pprof` and so on.
    pub backend: Option<String>,
    /// When it began, since the start of the window.
    pub started_ns: u64,
    /// How long it lasted.
    pub duration_s: f64,
    /// Requests that were completed in it.
    pub requests: u64,
    /// Requests over seconds.
    pub requests_per_second: Option<f64>,
    /// Median latency.
    pub p50_us: Option<f64>,
    /// Latency that 1 % of requests exceeded.
    pub p99_us: Option<f64>,
    /// Requests that went wrong.
    pub errors: u64,
    /// Connections that were open at its end.
    pub live_connections: Option<u64>,
    /// Attempts to open a connection in it.
    pub connects: u64,
    /// CPU time of the target over requests.
    pub server_cpu_us_per_request: Option<f64>,
    /// The same for each process of the target, in the order of the record's; empty where there
    /// is only one.
    pub process_cpu_us_per_request: Vec<Option<f64>>,
    /// CPU time of the load generator over requests.
    pub client_cpu_us_per_request: Option<f64>,
    /// Whether it counts.
    pub valid: bool,
    /// Why it does not.
    pub invalid: Option<String>,
}

/// A limit that the run had to keep to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ThresholdFacts {
    /// The figure, as the script names it.
    pub metric: String,
    /// The least it may be.
    pub min: Option<f64>,
    /// The most it may be.
    pub max: Option<f64>,
    /// What it was.
    pub value: Option<f64>,
    /// Whether the limit was kept.
    pub passed: bool,
    /// Why it counts as broken, where the value does not say it.
    pub reason: Option<String>,
    /// Whether it ended the measurement.
    pub aborted: bool,
}

/// What kept the throughput from being higher.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BottleneckFacts {
    /// `client-bound`, `server-bound`, `waiting` or `paced`.
    pub verdict: String,
    /// How that is known.
    pub why: String,
}
