//! In what else than the servers themselves recorded runs differ.

use std::collections::BTreeSet;

use super::side::Unlike;
use crate::record::{ProfileFacts, Run};
use crate::unit::Bytes;

/// A condition: its name, and how a run has it.
type Condition = (&'static str, fn(&Run) -> Option<String>);

/// What ought to be alike for a difference to be the server's.
const CONDITIONS: [Condition; 22] = [
    ("target", |run| text(&run.target.name)),
    ("script", |run| text(&run.load.script)),
    ("load engine", |run| text(&run.load.engine)),
    ("version of the load engine", |run| run.load.engine_version.clone()),
    ("load", |run| text(&run.load.mode)),
    ("connections", |run| Some(run.load.connections.to_string())),
    // With stages, it is what came of them and not what was asked for.
    ("requests a second", |run| {
        run.load.rate_target.filter(|_| run.load.stages.is_empty()).map(|rate| rate.to_string())
    }),
    ("warm-up", |run| Some(format!("{} s", run.load.warmup_s))),
    ("budget", |run| run.budget.name.clone()),
    ("CPUs of the server", |run| list(&run.budget.server_cpus)),
    ("CPUs of the load", |run| list(&run.budget.load_cpus)),
    ("memory limit", |run| run.budget.memory_bytes.map(|bytes| Bytes(bytes).to_string())),
    ("workers", |run| run.budget.workers.map(|count| count.to_string())),
    ("database connections", |run| run.budget.db_connections.map(|count| count.to_string())),
    ("CPU model", |run| run.host.cpu_model.clone()),
    ("CPUs of the machine", |run| Some(run.host.cpus.to_string())),
    ("kernel", |run| text(&run.host.kernel)),
    ("virtualization", |run| run.host.virtualization.clone()),
    ("compilers", |run| {
        let versions: Vec<&str> = run.host.toolchains.values().map(String::as_str).collect();
        text(&versions.join("; "))
    }),
    ("what samples", |run| profile(run, |profile| text(&profile.backend))),
    ("what samples go by", |run| profile(run, |profile| profile.event.clone())),
    ("samples a second", |run| profile(run, |profile| Some(profile.hz_requested.to_string()))),
];

/// The conditions that differ between the sides or within one.
pub(super) fn unlike(a: &[Run], b: &[Run]) -> Vec<Unlike> {
    let of = |(what, value): &Condition| {
        let (a, b) = (values(a, value), values(b, value));
        let shown = |value: String| if value.is_empty() { "-".to_owned() } else { value };
        (a != b).then(|| Unlike { what: (*what).to_owned(), a: shown(a), b: shown(b) })
    };
    CONDITIONS.iter().filter_map(of).collect()
}

/// The distinct values that runs have, in their order.
pub(super) fn values<'a>(
    runs: impl IntoIterator<Item = &'a Run>,
    value: impl Fn(&Run) -> Option<String>,
) -> String {
    let distinct: BTreeSet<String> = runs.into_iter().filter_map(value).collect();
    distinct.into_iter().collect::<Vec<_>>().join(" or ")
}

fn text(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn list(numbers: &[u32]) -> Option<String> {
    text(&numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(","))
}

fn profile(run: &Run, value: fn(&ProfileFacts) -> Option<String>) -> Option<String> {
    run.profile.as_ref().and_then(value)
}
