//! A table of runs that were made before: of a benchmark again, or of any runs.

use std::path::PathBuf;

use super::{
    cell::{Cell, Round},
    compare, level,
    turns::Outcome,
    unlike,
};
use crate::{
    record::{Bench, CellFacts, LevelFacts, RecordError, RoundFacts, Run, Store, UtcTime},
    unit::Bytes,
};

/// Where the runs of a table come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A benchmark that was kept, by its directory.
    Bench(PathBuf),
    /// A run, by its directory.
    Run(PathBuf),
}

/// The benchmark that runs of before would have been; nothing is measured, and it is not kept.
///
/// A single benchmark stays what it was. Of anything else, the runs of a target at a level are
/// the rounds of a cell, and ratios have no interval: runs that did not take turns differ by the
/// drift of the machine as well. Ratios are to `baseline`, or to the first target if none.
///
/// # Errors
/// When a record cannot be read.
pub fn bench_of(
    store: &Store,
    sources: &[Source],
    baseline: Option<&str>,
    command: String,
) -> Result<Bench, RecordError> {
    let mut bench = Bench::new(UtcTime::now(), command);
    let cells: Vec<Cell> = match sources {
        [Source::Bench(directory)] => {
            let kept = Store::read_bench(directory)?;
            (bench.status, bench.paired) = (kept.status, kept.paired);
            kept.cells.iter().map(|cell| again(store, cell)).collect()
        }
        _ => cells_of(runs(store, sources)?),
    };
    if !bench.paired {
        let drift = "these runs did not take turns: the machine's drift is in the ratios";
        bench.warnings.push(drift.to_owned());
    }
    let all = || cells.iter().flat_map(Cell::runs);
    bench.started_at = all().map(|run| run.started_at).min().unwrap_or(bench.started_at);
    bench.host = all().next().map(|run| run.host.clone()).unwrap_or_default();
    bench.profiled = all().any(|run| run.profile.is_some());
    let rounds = cells.iter().map(|cell| cell.rounds.len()).max().unwrap_or_default();
    bench.rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
    bench.warnings.extend(unlike::warnings(&cells));
    bench.cells = cells.iter().map(Cell::facts).collect();
    let names: Vec<&str> = bench.cells.iter().map(|cell| cell.target.as_str()).collect();
    let first = names.first().copied();
    let are_several = names.iter().any(|name| Some(*name) != first);
    if let (Some(baseline), true) = (baseline.or(first).map(str::to_owned), are_several) {
        compare::to_baseline(&mut bench, &baseline);
        bench.baseline = Some(baseline);
    }
    Ok(bench)
}

/// A cell that was kept, from the runs that it names; one that is gone says so.
fn again(store: &Store, kept: &CellFacts) -> Cell {
    let rounds = kept.rounds.iter().filter_map(|round| {
        let outcome = match &round.run {
            Some(path) => match Store::read(&store.root().join(path)) {
                Ok(run) => Outcome::Kept(Box::new(run)),
                Err(error) => Outcome::Missed(error.to_string()),
            },
            None => Outcome::Missed(round.reason.clone().unwrap_or_default()),
        };
        Round::new(round.round as usize, round.place as usize, outcome)
    });
    Cell {
        target: kept.target.clone(),
        language: kept.language.clone(),
        script: kept.script.clone(),
        engine: kept.engine.clone(),
        level: kept.level.clone(),
        rounds: rounds.collect(),
    }
}

/// The records, in the order of the sources; each once.
fn runs(store: &Store, sources: &[Source]) -> Result<Vec<Run>, RecordError> {
    let mut runs: Vec<Run> = Vec::new();
    let mut add = |run: Run| {
        if !runs.iter().any(|known| known.id == run.id) {
            runs.push(run);
        }
    };
    for source in sources {
        match source {
            Source::Run(directory) => add(Store::read(directory)?),
            Source::Bench(directory) => {
                let kept = Store::read_bench(directory)?;
                let rounds = kept.cells.iter().flat_map(|cell: &CellFacts| &cell.rounds);
                for path in rounds.filter_map(|round: &RoundFacts| round.run.as_ref()) {
                    add(Store::read(&store.root().join(path))?);
                }
            }
        }
    }
    Ok(runs)
}

/// The runs sorted into cells: levels from low to high, targets in the order in which they came.
fn cells_of(runs: Vec<Run>) -> Vec<Cell> {
    let mut kinds: Vec<Kind> = Vec::new();
    let mut levels: Vec<LevelFacts> = Vec::new();
    for run in &runs {
        let (kind, level) = (Kind::of(run), level::of_run(run));
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
        if !levels.contains(&level) {
            levels.push(level);
        }
    }
    levels.sort_by(|a, b| {
        let height = |level: &LevelFacts| level.rate.unwrap_or(f64::from(level.connections));
        a.mode.cmp(&b.mode).then(height(a).total_cmp(&height(b)))
    });
    let names = names(&kinds);
    let mut cells = Vec::new();
    for level in &levels {
        for (kind, name) in kinds.iter().zip(&names) {
            let of_cell = |run: &&Run| Kind::of(run) == *kind && level::of_run(run) == *level;
            let mut own: Vec<&Run> = runs.iter().filter(of_cell).collect();
            own.sort_by_key(|run| (run.started_at, run.id.clone()));
            let rounds = own.iter().enumerate().filter_map(|(index, run)| {
                Round::new(index + 1, 0, Outcome::Kept(Box::new((*run).clone())))
            });
            if own.is_empty() {
                continue;
            }
            cells.push(Cell {
                target: name.clone(),
                language: own.first().map(|run| run.target.language.clone()).unwrap_or_default(),
                script: kind.script.clone(),
                engine: kind.engine.clone(),
                level: level.clone(),
                rounds: rounds.collect(),
            });
        }
    }
    cells
}

/// What the rounds of a row must have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Kind {
    target: String,
    script: String,
    engine: String,
    budget: String,
}

impl Kind {
    fn of(run: &Run) -> Self {
        let budget = &run.budget;
        let cpus = budget.server_cpus.len();
        let mut parts = vec![format!("{cpus} server CPU{}", if cpus == 1 { "" } else { "s" })];
        parts.extend(budget.workers.map(|workers| format!("{workers} workers")));
        parts.extend(budget.memory_bytes.map(|bytes| Bytes(bytes).to_string()));
        parts.extend(budget.db_connections.map(|count| format!("{count} database connections")));
        Self {
            target: run.target.name.clone(),
            script: run.load.script.clone(),
            engine: run.load.engine.clone(),
            budget: parts.join(", "),
        }
    }
}

/// A name for each kind: the target's, and whatever tells it from another kind of that target.
fn names(kinds: &[Kind]) -> Vec<String> {
    let name = |kind: &Kind| {
        let same = || kinds.iter().filter(|other| other.target == kind.target);
        let mut name = kind.target.clone();
        for part in
            [|kind: &Kind| &kind.script, |kind: &Kind| &kind.engine, |kind: &Kind| &kind.budget]
                as [fn(&Kind) -> &String; 3]
        {
            if same().any(|other| part(other) != part(kind)) {
                name = format!("{name} · {}", part(kind));
            }
        }
        name
    };
    kinds.iter().map(name).collect()
}
