//! [`Run`]: the record of a measurement, as `run.json` keeps it.
//!
//! Names are never changed or taken away; new ones may be added, which older readers pass over.
//! A figure that could not be had is `null`: that includes ratios whose divisor was zero.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{host::Host, id::RunId, time::UtcTime};
use crate::fold::HotFrame;

/// The version of the format.
pub(super) const SCHEMA: u32 = 1;

/// The record of a measurement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The version of this format: 1.
    pub schema: u32,
    /// The run's name.
    pub id: RunId,
    /// When it began.
    pub started_at: UtcTime,
    /// The command that would repeat it.
    #[serde(default)]
    pub command: String,
    /// Whether it went to its end.
    #[serde(default)]
    pub status: Status,
    /// Why it did not.
    #[serde(default)]
    pub reason: Option<String>,
    /// What makes its figures doubtful, as sentences.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The first URL that was requested.
    #[serde(default)]
    pub url: Option<String>,
    /// What was measured.
    pub target: TargetFacts,
    /// What the target was allowed to use.
    #[serde(default)]
    pub budget: BudgetFacts,
    /// The machine.
    #[serde(default)]
    pub host: Host,
    /// What was asked of the target and how it answered, in the slices without sampling.
    #[serde(default)]
    pub load: LoadFacts,
    /// What the target used.
    #[serde(default)]
    pub server: ServerFacts,
    /// What the load generator used.
    #[serde(default)]
    pub client: ClientFacts,
    /// The profile and how far it is to be trusted; none where nothing was sampled.
    #[serde(default)]
    pub profile: Option<ProfileFacts>,
    /// The functions with the most time of their own.
    #[serde(default)]
    pub hottest: Vec<HotFacts>,
    /// The slices in their order.
    #[serde(default)]
    pub slices: Vec<SliceFacts>,
    /// Files of the run, by what they are, relative to its directory.
    #[serde(default)]
    pub artifacts: BTreeMap<String, String>,
}

impl Run {
    /// The record of a run that begins; everything else is filled in later.
    pub fn new(started_at: UtcTime, command: String, target: TargetFacts) -> Self {
        Self {
            schema: SCHEMA,
            id: RunId::new(started_at),
            started_at,
            command,
            status: Status::Complete,
            reason: None,
            warnings: Vec::new(),
            url: None,
            target,
            budget: BudgetFacts::default(),
            host: Host::default(),
            load: LoadFacts::default(),
            server: ServerFacts::default(),
            client: ClientFacts::default(),
            profile: None,
            hottest: Vec::new(),
            slices: Vec::new(),
            artifacts: BTreeMap::new(),
        }
    }
}

/// Whether a run went to its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It did.
    #[default]
    Complete,
    /// Its user stopped it; it has what was measured until then.
    Interrupted,
    /// Something broke; [`Run::reason`] says what.
    Failed,
}

/// What was measured.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TargetFacts {
    /// The target's name, which is also a directory's.
    pub name: String,
    /// The language it is written in.
    pub language: String,
    /// The commit it was built from.
    pub revision: Option<String>,
    /// Whether files differed from that commit.
    pub dirty: Option<bool>,
    /// The GNU build id of its executable, in hex.
    pub build_id: Option<String>,
}

/// What a target was allowed to use.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BudgetFacts {
    /// The budget's name: `single` or `multi`.
    pub name: Option<String>,
    /// The CPUs that the target ran on, by number.
    pub server_cpus: Vec<u32>,
    /// The CPUs that the load generator ran on, by number.
    pub load_cpus: Vec<u32>,
    /// The most memory it might use.
    pub memory_bytes: Option<u64>,
    /// Worker threads or processes.
    pub workers: Option<u32>,
    /// Database connections in all.
    pub db_connections: Option<u32>,
}

/// What was asked of the target and how it answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadFacts {
    /// The script's name.
    pub script: String,
    /// What sent the requests: `builtin`, `wrk` and so on.
    pub engine: String,
    /// `closed` or `open`.
    pub mode: String,
    /// Connections at once.
    pub connections: u32,
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
    /// Time from sending a request to its whole response.
    pub latency_us: LatencyFacts,
    /// Requests that went wrong.
    pub errors: ErrorCounts,
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
    pub p50: Option<f64>,
    pub p75: Option<f64>,
    pub p90: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
    pub p99_9: Option<f64>,
    pub max: Option<f64>,
}

/// Requests that went wrong, by what went wrong first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// What the target used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerFacts {
    /// CPU time of all its processes over completed requests, microseconds.
    pub cpu_us_per_request: Option<f64>,
    /// CPU time over time: how many CPUs it kept busy.
    pub cpus_used: Option<f64>,
    /// Resident memory once it was ready.
    pub rss_initial_bytes: Option<u64>,
    /// The most resident memory it had.
    pub rss_peak_bytes: Option<u64>,
    /// Switches from one thread to another, wanted or not.
    pub context_switches: Option<u64>,
    /// Pages that had to be mapped or read in.
    pub page_faults: Option<u64>,
    /// Threads at the end.
    pub threads: Option<u32>,
    /// Latency of the very first request.
    pub first_call_us: Option<f64>,
}

/// What the load generator used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientFacts {
    /// CPU time over completed requests, microseconds.
    pub cpu_us_per_request: Option<f64>,
    /// CPU time over time.
    pub cpus_used: Option<f64>,
}

/// How a profile was taken, and how far it is to be trusted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProfileFacts {
    /// What took the samples: `perf_event` and so on.
    pub backend: String,
    /// What it samples by: `cycles` or `cpu-clock`.
    pub event: Option<String>,
    /// What it was allowed to see: `kernel and user` or `user only`.
    pub privileges: Option<String>,
    /// What is therefore missing from the picture.
    pub missing: Vec<String>,
    /// Samples a second of CPU time, as asked for.
    pub hz_requested: u32,
    /// Samples a second of CPU time, as they came.
    pub hz_achieved: Option<f64>,
    /// Samples taken.
    pub samples: u64,
    /// Samples the kernel had no room for.
    pub lost: u64,
    /// Times the kernel slowed the sampling down.
    pub throttled: u64,
    /// Records of the kernel that could not be understood.
    pub bad_records: u64,
    /// Share of samples whose callers could not be followed to the root.
    pub truncated_ratio: Option<f64>,
    /// Share of samples in code without a name.
    pub unknown_ratio: Option<f64>,
    /// Sampled time over exact CPU time.
    pub coverage: Option<f64>,
    /// CPU time of a request that all samples together stand for, microseconds: all of it, or
    /// only the server's own code where the kernel could not be sampled.
    pub sampled_us_per_request: Option<f64>,
    /// What the sampling did to the target.
    pub observer_effect: Option<ObserverEffect>,
    /// From the end of the load to the finished run.
    pub post_processing_ms: Option<f64>,
    /// Bytes of user stack that each sample took along.
    pub dump_bytes: Option<u32>,
    /// How often the unwinder knew the way already.
    pub unwinding: Option<UnwindFacts>,
}

/// What the sampling did to the target: slices with it over slices without.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObserverEffect {
    /// Throughput; below 1 where sampling costs throughput.
    pub throughput_ratio: Option<f64>,
    /// Its 95 % confidence interval.
    pub ci95: Option<[f64; 2]>,
    /// CPU time per request; above 1 where sampling costs time.
    pub cpu_ratio: Option<f64>,
    /// Its 95 % confidence interval.
    pub cpu_ci95: Option<[f64; 2]>,
}

/// Lookups of the unwinder's cache of rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnwindFacts {
    /// Frames whose rule was known.
    pub cache_hits: u64,
    /// Frames whose rule had to be read from unwind tables.
    pub cache_misses: u64,
}

/// A function and what it costs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HotFacts {
    /// The function's name.
    pub name: String,
    /// CPU time in the function itself.
    pub self_us_per_request: Option<f64>,
    /// CPU time in the function and what it calls.
    pub total_us_per_request: Option<f64>,
    /// Share of all samples that were in the function itself.
    pub self_share: Option<f64>,
    /// Share of all samples that were in the function or what it calls.
    pub total_share: Option<f64>,
}

impl From<HotFrame> for HotFacts {
    fn from(frame: HotFrame) -> Self {
        Self {
            name: frame.name,
            self_us_per_request: frame.self_us_per_request,
            total_us_per_request: frame.total_us_per_request,
            self_share: Some(frame.self_share.0),
            total_share: Some(frame.total_share.0),
        }
    }
}

/// A slice of the measurement.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SliceFacts {
    /// Its place, from 0.
    pub index: u32,
    /// Whether samples were taken.
    pub sampled: bool,
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
    /// CPU time of the target over requests.
    pub server_cpu_us_per_request: Option<f64>,
    /// CPU time of the load generator over requests.
    pub client_cpu_us_per_request: Option<f64>,
    /// Whether it counts.
    pub valid: bool,
}
