//! One case: what a request costs, and how many come at once.

use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    num::NonZero,
    sync::atomic::AtomicBool,
    time::Duration,
};

use anyhow::Context as _;
use flameload::{
    load::Script,
    measure::{Launch, Settings, What, profile},
    record::Store,
    target::{Manifest, Template},
    unit::Hertz,
};

use super::{Args, seen::Seen};
use crate::{paths, profile::choice::CpuChoice, progress::Progress};

/// Before each measurement.
const WARMUP: Duration = Duration::from_millis(500);

/// A cost and a number of connections.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Case {
    pub(super) cost_us: f64,
    pub(super) connections: NonZero<u32>,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} µs, connections: {}", self.cost_us, self.connections)
    }
}

/// Each cost at each number of connections.
pub(super) fn all(costs: &[f64], connections: &[NonZero<u32>]) -> Vec<Case> {
    let at =
        |&cost_us: &f64| connections.iter().map(move |&connections| Case { cost_us, connections });
    costs.iter().flat_map(at).collect()
}

/// All cases once, in an order of chance: what drifts with time must not look like a case.
pub(super) fn shuffled(cases: &[Case]) -> Vec<Case> {
    let chance = RandomState::new();
    let mut order: Vec<usize> = (0..cases.len()).collect();
    order.sort_by_cached_key(|index| chance.hash_one(index));
    order.into_iter().map(|index| cases[index]).collect()
}

/// What all cases have in common.
#[derive(Debug)]
pub(super) struct Workload {
    manifest: Manifest,
    script: Script,
    pub(super) cpus: CpuChoice,
    pub(super) hz: Hertz,
    on_threads: bool,
}

impl Workload {
    pub(super) fn new(manifest: Manifest, args: &Args) -> anyhow::Result<Self> {
        let Args { duration, hz, on_threads, .. } = *args;
        let script = Script::find(paths::scripts(), "hello")?.remove(0);
        let script = script.with_duration(duration)?.with_warmup(WARMUP)?;
        Ok(Self { manifest, script, cpus: CpuChoice::or_usual(None)?, hz, on_threads })
    }

    /// The server of a case.
    pub(super) fn manifest(&self, case: Case) -> anyhow::Result<Manifest> {
        let mut manifest = self.manifest.clone();
        for process in &mut manifest.processes {
            let cost = Template::parse(&case.cost_us.to_string())?;
            process.env.insert("COST_US".to_owned(), cost);
        }
        Ok(manifest)
    }

    /// The load of a case.
    pub(super) fn script(&self, case: Case) -> anyhow::Result<Script> {
        let levels =
            Script::at_connections(std::slice::from_ref(&self.script), &[case.connections])?;
        levels.into_iter().next().context("a script without a level")
    }

    /// Profiles a fresh server once, and keeps nothing.
    pub(super) fn profile(
        &self,
        case: Case,
        turn: &str,
        interrupted: &AtomicBool,
    ) -> anyhow::Result<Seen> {
        let launch = Launch { cache: paths::cache(), ..Launch::new(self.manifest(case)?) };
        let settings = Settings {
            hz: Some(self.hz),
            on_threads: self.on_threads,
            server_cpus: self.cpus.server.clone(),
            load_cpus: self.cpus.load.clone(),
            command: "cargo xtask bench-truth".to_owned(),
            ..Settings::of(self.script(case)?)
        };
        let folder = tempfile::tempdir().context("cannot make a folder for the run")?;
        let store = Store::new(folder.path().to_owned());
        let mut progress = Progress::begin();
        progress.begin_turn(turn);
        let finished = profile(
            &What::Target(Box::new(launch)),
            &settings,
            &store,
            interrupted,
            &mut |event| {
                progress.show(event);
            },
        );
        progress.finish();
        let directory = finished?.directory;
        Seen::of(&Store::read(&directory)?, &Store::read_profile(&directory)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_round_has_every_case_once() {
        let connections = [1, 64].map(|number| NonZero::new(number).expect("not zero"));
        let cases = all(&[20.0, 50.15, 493.0], &connections);
        assert_eq!(cases.len(), 6);
        let mut order = shuffled(&cases);
        assert_eq!(order.len(), 6);
        order.sort_by(|a, b| {
            a.cost_us.total_cmp(&b.cost_us).then(a.connections.cmp(&b.connections))
        });
        assert_eq!(order, cases);
    }
}
