//! What a target gets of its budget on this machine.

use std::num::NonZero;

use super::{
    Manifest,
    budget::{Budget, BudgetName},
    cpus::Cpus,
    manifest::Process,
    template::Placeholder,
};
use crate::unit::Bytes;

/// What a target gets of its budget on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// What the budget is called.
    pub budget: BudgetName,
    /// How many CPUs the budget asks for, which is what the target is told.
    pub cpus_asked: usize,
    /// The CPUs that its processes share; fewer than asked for where there are no more.
    pub cpus: Cpus,
    /// How many workers the target is told to start.
    pub workers: usize,
    /// Connections to the database in all; none where no process asks for a database.
    pub db_connections: Option<u32>,
    /// The most memory that each process may use with its children.
    pub memory: Option<Bytes>,
    /// How many processes share the connections.
    sharers: u32,
}

impl Allowance {
    /// What `manifest` gets of `budget` where the server has the CPUs `cpus`.
    pub(super) fn of(manifest: &Manifest, budget: &Budget, cpus: Cpus) -> Self {
        let cpus_asked = budget.cpus.map_or(cpus.count(), NonZero::get);
        let asks = |process: &&Process| process.uses(&Placeholder::DbConnections);
        let sharers = manifest.processes.iter().filter(asks).count().max(1);
        Self {
            budget: budget.name,
            cpus_asked,
            cpus: cpus.first(cpus_asked),
            workers: budget.workers.map_or(cpus_asked, NonZero::get),
            db_connections: manifest.uses_database().then_some(budget.db_connections.get()),
            memory: budget.memory,
            sharers: u32::try_from(sharers).unwrap_or(u32::MAX),
        }
    }

    /// How many connections to the database each worker of `process` may open, at least one; the
    /// process as a whole where it is not told of workers.
    pub(super) fn db_connections_each(&self, process: &Process) -> u32 {
        let workers = match process.uses(&Placeholder::Workers) {
            true => u32::try_from(self.workers).unwrap_or(u32::MAX),
            false => 1,
        };
        let total = self.db_connections.unwrap_or_default();
        (total / self.sharers / workers.max(1)).max(1)
    }

    /// What the target does not get as its budget says, in sentences.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let count = self.cpus.count();
        if count < self.cpus_asked {
            warnings.push(format!(
                "the budget '{}' asks for {} CPUs, and the server has {count} ({}): the target is \
                 told of {} and shares {count}",
                self.budget, self.cpus_asked, self.cpus, self.cpus_asked
            ));
        }
        warnings
    }
}
