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
    /// Connections to the database that the target is told of in all; none where it is told of
    /// none.
    pub db_connections: Option<u32>,
    /// The same, as the budget says it.
    db_connections_asked: u32,
    /// The most memory that each process may use with its children; none is no limit.
    pub memory: Option<Bytes>,
    /// Why the limit of memory holds nobody back; none where it does, or there is none.
    pub memory_refused: Option<String>,
    /// The CPUs of the services; none where there are no services, or nothing binds them.
    pub service_cpus: Option<Cpus>,
    /// The services that were started, with their versions.
    pub services: Vec<String>,
    /// How many processes share the connections.
    sharers: u32,
}

impl Allowance {
    /// What `manifest` gets of `budget` where the server has the CPUs `cpus`.
    pub(super) fn of(manifest: &Manifest, budget: &Budget, cpus: Cpus) -> Self {
        let cpus_asked = budget.cpus.map_or(cpus.count(), NonZero::get);
        let asks = |process: &&Process| process.uses(&Placeholder::DbConnections);
        let sharers = manifest.processes.iter().filter(asks);
        let mut allowance = Self {
            budget: budget.name,
            cpus_asked,
            cpus: cpus.first(cpus_asked),
            workers: budget.workers.map_or(cpus_asked, NonZero::get),
            db_connections: None,
            db_connections_asked: budget.db_connections.get(),
            memory: budget.memory,
            memory_refused: None,
            service_cpus: None,
            services: Vec::new(),
            sharers: u32::try_from(sharers.clone().count()).unwrap_or(u32::MAX),
        };
        let told = |process: &Process| {
            allowance.db_connections_each(process).saturating_mul(allowance.workers_of(process))
        };
        if allowance.sharers > 0 {
            allowance.db_connections = Some(sharers.map(told).fold(0, u32::saturating_add));
        }
        allowance
    }

    /// How many connections to the database each worker of `process` may open, at least one; the
    /// process as a whole where it is not told of workers.
    pub(super) fn db_connections_each(&self, process: &Process) -> u32 {
        (self.db_connections_asked / self.sharers.max(1) / self.workers_of(process)).max(1)
    }

    /// How many workers divide the connections of a process.
    fn workers_of(&self, process: &Process) -> u32 {
        match process.uses(&Placeholder::Workers) {
            true => u32::try_from(self.workers).unwrap_or(u32::MAX).max(1),
            false => 1,
        }
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
        if let (Some(memory), Some(why)) = (self.memory, &self.memory_refused) {
            warnings.push(format!(
                "memory is not limited to {memory} as the budget asks: {why}; compare it only with \
                 runs that are without the limit too"
            ));
        }
        let asked = self.db_connections_asked;
        if let Some(told) = self.db_connections.filter(|told| *told != asked) {
            warnings.push(format!(
                "{asked} database connections do not divide among {} workers: the target is told \
                 of {told} in all",
                self.workers
            ));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// A target whose processes have these variables.
    fn manifest(folder: &Path, processes: &[&str]) -> Manifest {
        let process = |(at, value): (usize, &&str)| {
            format!(
                "[[process]]\nname = \"p{at}\"\ncommand = [\"x\", \"{{port}}\"]\n\
                 env.X = \"{value}\"\n"
            )
        };
        let processes: String = processes.iter().enumerate().map(process).collect();
        let text = format!("name = \"x\"\nlanguage = \"\"\ndescription = \"\"\n{processes}");
        fs::write(folder.join("target.toml"), text).expect("a file");
        Manifest::read(folder).expect("fits")
    }

    /// What the processes are told of: connections each and in all, and what is warned of.
    fn check(
        processes: &[&str],
        workers: usize,
        connections: u32,
    ) -> (Vec<u32>, Option<u32>, usize) {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = manifest(folder.path(), processes);
        let budget = Budget {
            workers: NonZero::new(workers),
            db_connections: NonZero::new(connections).expect("some"),
            ..Budget::default()
        };
        let allowance = Allowance::of(&manifest, &budget, "0-3".parse().expect("CPUs"));
        let each = manifest.processes.iter().map(|one| allowance.db_connections_each(one));
        (each.collect(), allowance.db_connections, allowance.warnings().len())
    }

    #[test]
    fn connections_are_divided_among_workers() {
        assert_eq!(check(&["{db_connections}"], 4, 40), (vec![40], Some(40), 0));
        assert_eq!(check(&["{db_connections} {workers}"], 4, 40), (vec![10], Some(40), 0));
        assert_eq!(check(&["{db_connections} {workers}"], 3, 40), (vec![13], Some(39), 1));
        assert_eq!(check(&["{db_connections} {workers}"], 64, 30), (vec![1], Some(64), 1));
        // A chain shares them.
        let two = ["{db_connections} {workers}", "{db_connections}"];
        assert_eq!(check(&two, 2, 40), (vec![10, 20], Some(40), 0));
        assert_eq!(check(&["{workers}"], 4, 40).1, None);
    }

    #[test]
    fn fewer_cpus_than_asked_for_are_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let manifest = manifest(folder.path(), &["x"]);
        let of = |name, cpus: &str| {
            Allowance::of(&manifest, &Budget::built_in(name), cpus.parse().expect("CPUs"))
        };
        let multi = of(BudgetName::Multi, "0,2");
        assert_eq!((multi.cpus_asked, multi.cpus.count(), multi.workers), (4, 2, 4));
        assert_eq!(
            multi.warnings(),
            ["the budget 'multi' asks for 4 CPUs, and the server has 2 (0,2): the target is told \
              of 4 and shares 2"]
        );
        let single = of(BudgetName::Single, "1-3");
        assert_eq!((single.cpus.to_string().as_str(), single.workers), ("1", 1));
        let all = of(BudgetName::Default, "1-3");
        assert_eq!((all.cpus_asked, all.workers, all.memory), (3, 3, None));
        assert_eq!((single.warnings(), all.warnings()), (Vec::new(), Vec::new()));
    }
}
