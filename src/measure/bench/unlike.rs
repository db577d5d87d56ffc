//! What makes the rows of a table unlike each other: budgets, scripts, engines, machines, builds.

use super::cell::Cell;
use crate::{
    record::{BudgetFacts, Run},
    unit::Bytes,
};

/// Each thing in which the runs of the cells differ, as a sentence.
pub(super) fn warnings(cells: &[Cell]) -> Vec<String> {
    let cpus = |count: usize| if count == 0 { "not known".to_owned() } else { count.to_string() };
    let number = |number: Option<u32>| number.map_or("not set".to_owned(), |it| it.to_string());
    let budget = |of: fn(&BudgetFacts) -> Option<u32>| move |run: &Run| number(of(&run.budget));
    let memory = |run: &Run| match (run.budget.memory_bytes, run.budget.memory_enforced) {
        (Some(bytes), Some(false)) => format!("{}, not enforced", Bytes(bytes)),
        (Some(bytes), _) => Bytes(bytes).to_string(),
        (None, _) => "no limit".to_owned(),
    };
    let service_cpus = |run: &Run| match &run.budget.service_cpus {
        Some(service) => cpus(service.len()),
        None => "no services".to_owned(),
    };
    let of_budget = [
        unlike(cells, "CPUs to be used", budget(|budget| budget.cpus)),
        unlike(cells, "server CPUs", |run| cpus(run.budget.server_cpus.len())),
        unlike(cells, "CPUs of the load", |run| cpus(run.budget.load_cpus.len())),
        unlike(cells, "CPUs of services", service_cpus),
        unlike(cells, "workers", budget(|budget| budget.workers)),
        unlike(cells, "database connections", budget(|budget| budget.db_connections)),
        unlike(cells, "memory", memory),
    ];
    let of_budget: Vec<String> = of_budget.into_iter().flatten().collect();
    let mut warnings = Vec::new();
    if !of_budget.is_empty() {
        warnings.push(format!("unlike budgets: {}", of_budget.join("; ")));
    }
    let engine = |run: &Run| {
        let version = run.load.engine_version.as_deref();
        version.map_or(run.load.engine.clone(), |version| format!("{} {version}", run.load.engine))
    };
    let host = |run: &Run| {
        let host = &run.host;
        let model = host.cpu_model.as_deref().unwrap_or("a CPU without a name");
        format!("{} CPUs of {model}, Linux {}", host.cpus, host.kernel)
    };
    let rest = [
        ("scripts", unlike(cells, "", |run| run.load.script.clone())),
        ("engines", unlike(cells, "", engine)),
        ("services", unlike(cells, "", |run| run.target.services.join(" and "))),
        ("warm-ups", unlike(cells, "", |run| format!("{} s", run.load.warmup_s))),
        ("hosts", unlike(cells, "", host)),
    ];
    let told =
        rest.into_iter().filter_map(|(what, found)| Some(format!("unlike {what}:{}", found?)));
    warnings.extend(told);
    warnings.extend(builds(cells));
    warnings
}

/// `workers 1 (hyper), 4 (fastapi)`, where they are not all the same.
fn unlike(cells: &[Cell], what: &str, of: impl Fn(&Run) -> String) -> Option<String> {
    let mut values: Vec<(String, Vec<&str>)> = Vec::new();
    for cell in cells {
        for run in cell.runs() {
            let value = of(run);
            let index = values.iter().position(|(known, _)| *known == value).unwrap_or_else(|| {
                values.push((value, Vec::new()));
                values.len() - 1
            });
            let targets = &mut values[index].1;
            if !targets.contains(&cell.target.as_str()) {
                targets.push(&cell.target);
            }
        }
    }
    let told = values.iter().map(|(value, targets)| format!("{value} ({})", targets.join(", ")));
    let told: Vec<String> = told.collect();
    (told.len() > 1).then(|| format!("{what} {}", told.join(", ")))
}

/// Targets whose runs are of several builds.
fn builds(cells: &[Cell]) -> Vec<String> {
    let mut targets: Vec<&str> = cells.iter().map(|cell| cell.target.as_str()).collect();
    targets.sort_unstable();
    targets.dedup();
    let are_several = |target: &&str| {
        let own = cells.iter().filter(|cell| cell.target == *target);
        let mut builds =
            own.flat_map(Cell::runs).map(|run| (&run.target.build_id, &run.target.revision));
        let first = builds.next();
        builds.any(|build| Some(build) != first)
    };
    targets.retain(are_several);
    targets.into_iter().map(|target| format!("{target}: its runs are of unlike builds")).collect()
}
