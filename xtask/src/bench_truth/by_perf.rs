//! The same server under the same load, profiled by perf.

use std::sync::atomic::AtomicBool;

use super::{
    case::{Case, Workload},
    seen::Seen,
};
use crate::{
    bench_pipeline::{self, perf_stacks, perf_version},
    out,
};

/// With as much of each stack as its usual half does not always cover.
const CALL_GRAPH: &str = "dwarf,16384";

/// A perf that runs here.
#[derive(Debug)]
pub(super) struct Perf {
    version: String,
}

impl Perf {
    /// None where it does not run, which is said.
    pub(super) fn find() -> Option<Self> {
        match perf_version() {
            Some(version) => Some(Self { version }),
            None => {
                out::tell(&format!("SKIPPED perf: it does not run here; {}", bench_pipeline::HINT));
                None
            }
        }
    }

    pub(super) fn version(&self) -> &str {
        &self.version
    }

    /// Profiles a fresh server once.
    pub(super) fn profile(
        &self,
        workload: &Workload,
        case: Case,
        interrupted: &AtomicBool,
    ) -> anyhow::Result<Seen> {
        let workload = bench_pipeline::Workload {
            manifest: workload.manifest(case)?,
            script: workload.script(case)?,
            hz: workload.hz,
            server_cpus: workload.cpus.server.clone(),
            load_cpus: workload.cpus.load.clone(),
        };
        Seen::of_folded(&perf_stacks(&workload, CALL_GRAPH, interrupted)?)
    }
}
