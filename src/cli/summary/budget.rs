//! What a target was allowed to use, in a line.

use crate::{record::BudgetFacts, unit::Bytes};

/// The budget and what it came to; none of a server that ran already.
pub(super) fn line(budget: &BudgetFacts) -> Option<String> {
    let name = budget.name.as_ref()?;
    let numbers: Vec<String> = budget.server_cpus.iter().map(u32::to_string).collect();
    let there = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
    let fewer = match budget.cpus {
        Some(asked) if asked > there => format!("{there} of {asked} CPUs"),
        _ => count(there, "CPU"),
    };
    let mut parts = vec![format!("{fewer} ({})", numbers.join(","))];
    parts.extend(budget.workers.map(|workers| count(workers, "worker")));
    parts.extend(budget.memory_bytes.map(|memory| {
        let held = match budget.memory_enforced {
            Some(false) => " (not enforced)",
            _ => "",
        };
        format!("{} a process{held}", Bytes(memory))
    }));
    parts
        .extend(budget.db_connections.map(|connections| count(connections, "database connection")));
    Some(format!("{name}: {}", parts.join(", ")))
}

fn count(count: u32, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(budget: BudgetFacts, expected: Expect) {
        expected.assert_eq(&line(&budget).unwrap_or_else(|| "none".to_owned()));
    }

    #[test]
    fn a_budget_is_a_line() {
        check(BudgetFacts::default(), expect!["none"]);
        let default = BudgetFacts {
            name: Some("default".to_owned()),
            cpus: Some(1),
            server_cpus: vec![0],
            workers: Some(1),
            ..BudgetFacts::default()
        };
        check(default, expect!["default: 1 CPU (0), 1 worker"]);
        let multi = BudgetFacts {
            name: Some("multi".to_owned()),
            cpus: Some(4),
            server_cpus: vec![0, 2],
            workers: Some(4),
            memory_bytes: Some(512 << 20),
            memory_enforced: Some(true),
            db_connections: Some(40),
            ..BudgetFacts::default()
        };
        check(
            multi.clone(),
            expect![
                "multi: 2 of 4 CPUs (0,2), 4 workers, 512.0 MiB a process, 40 database connections"
            ],
        );
        check(
            BudgetFacts { memory_enforced: Some(false), db_connections: None, ..multi },
            expect!["multi: 2 of 4 CPUs (0,2), 4 workers, 512.0 MiB a process (not enforced)"],
        );
    }
}
