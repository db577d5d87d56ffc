//! [`Run`]: the record of a measurement, as `run.json` keeps it.
//!
//! Names are never changed or taken away; new ones may be added, which older readers pass over.
//! A figure that could not be had is `null`: that includes ratios whose divisor was zero.

mod agreement;
mod alone;
mod distribution;
mod load;
mod process;
mod profile;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{host::Host, id::RunId, time::UtcTime};
pub use agreement::{AgreementFacts, ShareFacts};
pub use alone::{AloneFacts, MixFacts};
pub use distribution::{Distribution, DistributionError};
pub use load::{
    BottleneckFacts, ErrorCounts, ErrorFacts, LatencyFacts, LoadFacts, RequestFacts, SliceFacts,
    StageFacts, ThresholdFacts,
};
pub use process::ProcessFacts;
pub use profile::{
    HotFacts, ObserverEffect, OtherProfile, ProfileFacts, TruncatedFacts, UnnamedFacts, UnwindFacts,
};

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
    /// The same for each process of the target, in the order of their start.
    #[serde(default)]
    pub processes: Vec<ProcessFacts>,
    /// What the load generator used.
    #[serde(default)]
    pub client: ClientFacts,
    /// What kept the throughput from being higher; none where that cannot be told.
    #[serde(default)]
    pub bottleneck: Option<BottleneckFacts>,
    /// The most likely reason of errors, from what was seen on both sides.
    #[serde(default)]
    pub diagnosis: Option<String>,
    /// The limits that the script sets.
    #[serde(default)]
    pub thresholds: Vec<ThresholdFacts>,
    /// The profile and how far it is to be trusted; none where nothing was sampled.
    #[serde(default)]
    pub profile: Option<ProfileFacts>,
    /// The functions with the most time of their own, the most first; then those with the most
    /// together with what they call.
    #[serde(default)]
    pub hottest: Vec<HotFacts>,
    /// The profiles of other backends that sampled in the same window.
    #[serde(default)]
    pub other_profiles: Vec<OtherProfile>,
    /// How far two of the backends agree; none where there are not two that see the same.
    #[serde(default)]
    pub agreement: Option<AgreementFacts>,
    /// What each request of the script costs alone, in their order; empty where they had no slices
    /// of their own.
    #[serde(default)]
    pub alone: Vec<AloneFacts>,
    /// The mix of all requests, beside that.
    #[serde(default)]
    pub mix: Option<MixFacts>,
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
            processes: Vec::new(),
            client: ClientFacts::default(),
            bottleneck: None,
            diagnosis: None,
            thresholds: Vec::new(),
            profile: None,
            hottest: Vec::new(),
            other_profiles: Vec::new(),
            agreement: None,
            alone: Vec::new(),
            mix: None,
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
    /// The services that were started for it, such as `db: PostgreSQL 15.4`.
    pub services: Vec<String>,
}

/// What a target was allowed to use.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BudgetFacts {
    /// The budget's name: `single`, `multi` or `default`; none of a target that ran already.
    pub name: Option<String>,
    /// How many CPUs the budget asks for, which is what the target was told.
    pub cpus: Option<u32>,
    /// The CPUs that the target ran on, by number.
    pub server_cpus: Vec<u32>,
    /// The CPUs that the load generator ran on, by number.
    pub load_cpus: Vec<u32>,
    /// The CPUs that its services ran on, by number; none where it has no services.
    pub service_cpus: Option<Vec<u32>>,
    /// The most memory that each of its processes might use with its children.
    pub memory_bytes: Option<u64>,
    /// Whether the kernel held it to that; none where there is no limit.
    pub memory_enforced: Option<bool>,
    /// Worker threads or processes that it was told to start.
    pub workers: Option<u32>,
    /// Database connections that it was told to open at most, in all.
    pub db_connections: Option<u32>,
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
    /// Latency of the requests that followed it one by one, before any load; none where the
    /// server does not keep connections open.
    pub following_calls_us: Option<CallFacts>,
    /// The most file descriptors that were seen open.
    pub fds_peak: Option<u64>,
    /// File descriptors that a process of it might have open.
    pub fd_limit: Option<u64>,
    /// Connections that the system refused during the load because a queue of connections to
    /// accept was full, on the whole machine.
    pub listen_overflows: Option<u64>,
    /// Connections that the system dropped during the load before they could be accepted, for any
    /// reason, on the whole machine.
    pub listen_drops: Option<u64>,
}

/// Times of a few calls, microseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CallFacts {
    /// How many calls.
    pub count: u64,
    /// Their mean.
    pub mean: Option<f64>,
    /// Half of them took at most this long.
    pub p50: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
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
