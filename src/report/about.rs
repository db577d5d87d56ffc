//! [`About`]: what a benchmark was of, in phrases for the head of a table or a chart.

use super::words::{count, seconds};
use crate::{
    record::{Bench, BudgetFacts, CellFacts, Status},
    unit::Bytes,
};

/// What a benchmark was of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// The script, or several.
    pub title: String,
    /// How the load was, and how it was measured.
    pub method: Vec<String>,
    /// Budget, machine and day.
    pub place: Vec<String>,
    /// What makes its rows doubtful.
    pub warnings: Vec<String>,
}

impl About {
    /// What a benchmark was of.
    pub fn of(bench: &Bench) -> Self {
        let mut warnings = bench.warnings.clone();
        if bench.status == Status::Interrupted {
            warnings.insert(0, "interrupted: it has what was measured until then".to_owned());
        }
        let targets = distinct(bench, |cell| Some(cell.target.clone()));
        let scripts = distinct(bench, |cell| Some(cell.script.clone()));
        let title = format!("{}: {}", scripts.join(", "), targets.join(", "));
        Self { title, method: method(bench), place: place(bench), warnings }
    }
}

fn method(bench: &Bench) -> Vec<String> {
    let counted = || bench.cells.iter().filter(|cell| cell.counted > 0);
    let engines = distinct(bench, |cell| Some(cell.engine.clone()));
    let modes = distinct(bench, |cell| Some(cell.level.mode.clone()));
    let threads = distinct(bench, |cell| Some(count(cell.threads? as usize, "load thread")));
    let mut phrases = vec![format!("{} engine", engines.join(" and "))];
    phrases.extend(modes.into_iter().map(|mode| format!("{mode} loop")));
    phrases.extend(threads);
    let rounds = count(bench.rounds as usize, "round");
    let of = counted().map(|cell| cell.duration_s / f64::from(cell.counted)).reduce(f64::max);
    let of = of.filter(|of| *of >= 0.05).map(|of| format!(" of {}", seconds(of)));
    let turns = if bench.paired { " in turns" } else { "" };
    phrases.push(format!("{rounds}{}{turns}", of.unwrap_or_default()));
    let warmups = distinct(bench, |cell| (cell.counted > 0).then(|| seconds(cell.warmup_s)));
    if let [warmup] = warmups.as_slice() {
        phrases.push(format!("{warmup} of warm-up each"));
    }
    phrases.push(if bench.profiled { "profiled" } else { "not profiled" }.to_owned());
    phrases
}

fn place(bench: &Bench) -> Vec<String> {
    let measured = |cell: &CellFacts| !cell.budget.server_cpus.is_empty();
    let budgets = distinct(bench, |cell| measured(cell).then(|| budget(&cell.budget)));
    let mut phrases = match budgets.as_slice() {
        [] => Vec::new(),
        [budget] => vec![budget.clone()],
        _ => vec!["unlike budgets".to_owned()],
    };
    let host = &bench.host;
    let cpus = count(host.cpus as usize, "CPU");
    let model = host.cpu_model.as_ref().map(|model| format!(" of {model}")).unwrap_or_default();
    if host.cpus > 0 {
        phrases.push(format!("{cpus}{model}"));
    }
    if !host.kernel.is_empty() {
        phrases.push(format!("Linux {}", host.kernel));
    }
    phrases.extend(host.virtualization.clone().filter(|kind| kind != "none"));
    let day = bench.started_at.to_string();
    phrases.push(day.split('T').next().unwrap_or_default().to_owned());
    phrases
}

/// A budget in a phrase.
fn budget(budget: &BudgetFacts) -> String {
    let name = budget.name.as_ref().map(|name| format!("budget {name}: ")).unwrap_or_default();
    let had = budget.server_cpus.len();
    let asked = budget.cpus.map(|cpus| cpus as usize).filter(|asked| *asked != had);
    let mut parts = vec![match asked {
        Some(asked) => format!("{had} of {}", count(asked, "server CPU")),
        None => count(had, "server CPU"),
    }];
    parts.extend(budget.workers.map(|workers| count(workers as usize, "worker")));
    let memory = |bytes| match budget.memory_enforced {
        Some(false) => format!("{} a process (not enforced)", Bytes(bytes)),
        _ => format!("{} a process", Bytes(bytes)),
    };
    parts.extend(budget.memory_bytes.map(memory));
    parts.extend(budget.db_connections.map(|of| count(of as usize, "database connection")));
    parts.push(count(budget.load_cpus.len(), "load CPU"));
    format!("{name}{}", parts.join(", "))
}

/// What the cells have, each once, in the order in which it comes.
fn distinct(bench: &Bench, of: impl Fn(&CellFacts) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for value in bench.cells.iter().filter_map(of).filter(|value| !value.is_empty()) {
        if !found.contains(&value) {
            found.push(value);
        }
    }
    found
}
