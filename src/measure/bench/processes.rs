//! The processes of a cell whose target has several, such as a front and a back.

use super::cell::{geometric, median, over_time};
use crate::record::{CellProcessFacts, ProcessFacts, RoundFacts, Run};

/// The whole's flamegraph, from which those of processes are named.
const FLAMEGRAPH: &str = "cpu.svg";

/// What each used in the rounds that count; nothing of a target that is a single process.
pub(super) fn facts(counted: &[&Run]) -> Vec<CellProcessFacts> {
    let names = counted.first().map_or(&[][..], |run| run.processes.as_slice());
    if names.len() < 2 {
        return Vec::new();
    }
    names.iter().map(|process| of_process(&process.name, counted)).collect()
}

fn of_process(name: &str, counted: &[&Run]) -> CellProcessFacts {
    let find = |run: &Run| run.processes.iter().position(|process| process.name == name);
    let own = |run: &'_ Run| find(run).and_then(|index| run.processes.get(index)).cloned();
    let all = || counted.iter().filter_map(|run| own(run));
    let initial = all().filter_map(|process| process.rss_initial_bytes);
    CellProcessFacts {
        name: name.to_owned(),
        cpu_us_per_request: geometric(counted.iter().map(|run| own(run)?.cpu_us_per_request)),
        cpus_used: over_time(counted, |run| own(run)?.cpus_used),
        rss_initial_bytes: median(initial.map(|bytes| bytes as f64)).map(|bytes| bytes as u64),
        rss_peak_bytes: all().filter_map(|process| process.rss_peak_bytes).max(),
        flamegraph: counted.iter().rev().find_map(|run| flamegraph(run, &own(run)?)),
    }
}

fn flamegraph(run: &Run, process: &ProcessFacts) -> Option<String> {
    let svg = process.file(FLAMEGRAPH);
    let is_there = run.artifacts.values().any(|file| *file == svg);
    is_there.then(|| format!("{}/{svg}", RoundFacts::path_of(run)))
}
