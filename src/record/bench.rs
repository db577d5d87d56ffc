//! [`Bench`]: the record of a benchmark, as `bench.json` keeps it: targets at levels, in rounds.
//!
//! It is made from the records of its runs, which stay where they are; everything else that is
//! kept of a benchmark, tables and chart, is derived from it.

use serde::{Deserialize, Serialize};

use super::{
    host::Host,
    id::RunId,
    run::{BudgetFacts, ErrorCounts, LatencyFacts, Run, SCHEMA, Status},
    time::UtcTime,
};

/// The record of a benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bench {
    /// The version of this format: 1.
    pub schema: u32,
    /// The benchmark's name, of the same form as a run's.
    pub id: RunId,
    /// When it began.
    pub started_at: UtcTime,
    /// The command that would repeat it.
    #[serde(default)]
    pub command: String,
    /// Whether it went to its end.
    #[serde(default)]
    pub status: Status,
    /// What makes its rows unlike each other, as sentences.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The machine.
    #[serde(default)]
    pub host: Host,
    /// How often each target was to be measured at each level.
    #[serde(default)]
    pub rounds: u32,
    /// Whether the targets took turns, so that ratios are of rounds that were made together.
    #[serde(default)]
    pub paired: bool,
    /// Whether samples were taken while it was measured.
    #[serde(default)]
    pub profiled: bool,
    /// What ratios are to, by its name in the cells.
    #[serde(default)]
    pub baseline: Option<String>,
    /// The cells: level by level, and in each the targets in their order.
    #[serde(default)]
    pub cells: Vec<CellFacts>,
}

/// A target at a level: what its rounds came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CellFacts {
    /// The target's name, made distinct where several have the same.
    pub target: String,
    /// The language it is written in.
    pub language: String,
    /// The commit it was built from.
    pub revision: Option<String>,
    /// The script's name.
    pub script: String,
    /// What sent the requests.
    pub engine: String,
    /// What the target was allowed to use.
    pub budget: BudgetFacts,
    /// How hard the load was.
    pub level: LevelFacts,
    /// The rounds in their order.
    pub rounds: Vec<RoundFacts>,
    /// Rounds that the figures come from.
    pub counted: u32,
    /// Whether the figures may be a headline: most of the rounds that were made are valid.
    pub valid: bool,
    /// What went wrong in its rounds, as sentences.
    pub problems: Vec<String>,
    /// The limits of the script that were broken, as sentences.
    pub broken: Vec<String>,
    /// What else is to be known of its figures, as sentences.
    pub warnings: Vec<String>,
    /// Threads that drove the load; none where the engine has its own.
    pub threads: Option<u32>,
    /// How long each round was warmed up.
    pub warmup_s: f64,
    /// How long the counted rounds lasted together.
    pub duration_s: f64,
    /// Requests that were completed in them.
    pub requests: u64,
    /// Requests over seconds: the geometric mean of the counted rounds.
    pub requests_per_second: Option<EstimateFacts>,
    /// The same over the baseline's.
    pub throughput_ratio: Option<EstimateFacts>,
    /// Bytes received over seconds.
    pub bytes_per_second: Option<f64>,
    /// What `latency_us` is: `service` or `response`.
    pub latency_kind: Option<String>,
    /// Latencies of the counted rounds together.
    pub latency_us: LatencyFacts,
    /// How they were put together: `histograms` merged, or `medians` of the rounds' figures.
    pub latency_from: Option<String>,
    /// Good responses and failures of all rounds.
    pub attempts: u64,
    /// Failures over attempts.
    pub error_ratio: Option<f64>,
    /// Requests that went wrong in all rounds, valid or not.
    pub errors: ErrorCounts,
    /// CPU time of the target over requests, microseconds: the geometric mean of the counted
    /// rounds.
    pub cpu_us_per_request: Option<EstimateFacts>,
    /// The same over the baseline's.
    pub cpu_ratio: Option<EstimateFacts>,
    /// How many CPUs the target kept busy.
    pub cpus_used: Option<f64>,
    /// How many CPUs the load generator kept busy.
    pub client_cpus_used: Option<f64>,
    /// Resident memory once it was ready: the median of the rounds.
    pub rss_initial_bytes: Option<u64>,
    /// The most resident memory it had in any counted round.
    pub rss_peak_bytes: Option<u64>,
    /// Latency of the very first request: the median of the rounds.
    pub first_call_us: Option<f64>,
    /// Latency of the requests that followed it one by one, before any load: the median of the
    /// rounds' medians.
    pub following_calls_us: Option<f64>,
    /// What most often kept the throughput from being higher.
    pub bottleneck: Option<String>,
    /// The flamegraph of the last round that has one, relative to the store.
    pub flamegraph: Option<String>,
    /// The processes of a target that has several.
    pub processes: Vec<CellProcessFacts>,
}

/// What one of several processes of a target used.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CellProcessFacts {
    /// Its name in the manifest.
    pub name: String,
    /// Its CPU time over the target's requests, microseconds: the geometric mean of the counted
    /// rounds.
    pub cpu_us_per_request: Option<EstimateFacts>,
    /// How many CPUs it kept busy.
    pub cpus_used: Option<f64>,
    /// Resident memory once the target was ready: the median of the rounds.
    pub rss_initial_bytes: Option<u64>,
    /// The most resident memory it had in any counted round.
    pub rss_peak_bytes: Option<u64>,
    /// Its flamegraph of the last round that has one, relative to the store.
    pub flamegraph: Option<String>,
}

/// How hard a load was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LevelFacts {
    /// Such as `64 connections`.
    pub name: String,
    /// `closed` or `open`.
    pub mode: String,
    /// Connections at once; in an open loop, the most there may be.
    pub connections: u32,
    /// Requests a second that an open loop is to send; with stages, the most.
    pub rate: Option<f64>,
}

/// One round of a cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RoundFacts {
    /// Which round, from 1.
    pub round: u32,
    /// Its place in the whole order, from 1.
    pub place: u32,
    /// Its run, relative to the store; none where it could not be measured.
    pub run: Option<String>,
    /// How the run ended.
    pub status: Status,
    /// Whether it is in the figures.
    pub valid: bool,
    /// Requests over seconds.
    pub requests_per_second: Option<f64>,
    /// CPU time of the target over requests, microseconds.
    pub cpu_us_per_request: Option<f64>,
    /// Latency that 1 % of requests exceeded, microseconds.
    pub p99_us: Option<f64>,
    /// Why it is not in the figures.
    pub reason: Option<String>,
}

/// An estimate with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EstimateFacts {
    /// The estimate.
    pub value: f64,
    /// Its interval; none where there are too few rounds for one.
    pub ci95: Option<[f64; 2]>,
}

impl Bench {
    /// The record of a benchmark that begins; everything else is filled in later.
    pub fn new(started_at: UtcTime, command: String) -> Self {
        Self {
            schema: SCHEMA,
            id: RunId::new(started_at),
            started_at,
            command,
            status: Status::Complete,
            warnings: Vec::new(),
            host: Host::default(),
            rounds: 0,
            paired: false,
            profiled: false,
            baseline: None,
            cells: Vec::new(),
        }
    }

    /// The cells level by level.
    pub fn levels(&self) -> impl Iterator<Item = &[CellFacts]> {
        self.cells.chunk_by(|a, b| a.level == b.level)
    }
}

impl CellFacts {
    /// Rounds that were made to their end, well or not.
    pub fn made(&self) -> usize {
        self.rounds.iter().filter(|round| round.status != Status::Interrupted).count()
    }
}

impl RoundFacts {
    /// The place of a run in the store: `<target>/<run id>`.
    pub fn path_of(run: &Run) -> String {
        format!("{}/{}", run.target.name, run.id)
    }
}
