//! What a target may use: CPUs, workers, memory, connections to a database.

use std::{fmt, num::NonZero, str::FromStr};

use serde::{Deserialize, Deserializer, de::Visitor};

use crate::{config, unit::Bytes};

/// What a target may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// What it is called.
    pub name: BudgetName,
    /// How many CPUs its processes share; none is all that the server has.
    pub cpus: Option<NonZero<usize>>,
    /// How many workers it should start; none is one a CPU.
    pub workers: Option<NonZero<usize>>,
    /// Connections to its database, of all workers together.
    pub db_connections: NonZero<u32>,
    /// The most memory that each of its processes may use with its children; none is no limit.
    pub memory: Option<Bytes>,
}

/// The name of a budget.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BudgetName {
    /// One CPU.
    Single,
    /// Several CPUs.
    Multi,
    /// All that there is.
    #[default]
    Default,
}

/// `[budget.single]` as it is written: each key takes the place of a built-in value.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct BudgetTable {
    cpus: Option<NonZero<usize>>,
    workers: Option<NonZero<usize>>,
    db_connections: Option<NonZero<u32>>,
    #[serde(deserialize_with = "some_bytes")]
    memory: Option<Bytes>,
}

/// The memory of a process under a named budget.
const MEMORY: Bytes = Bytes(512 << 20);

impl Budget {
    /// The budget of this name where a manifest says nothing else.
    pub fn built_in(name: BudgetName) -> Self {
        let count = |count| NonZero::new(count).unwrap_or(NonZero::<usize>::MIN);
        let connections = |count| NonZero::new(count).unwrap_or(NonZero::<u32>::MIN);
        let (cpus, db_connections, memory) = match name {
            BudgetName::Single => (Some(count(1)), connections(30), Some(MEMORY)),
            BudgetName::Multi => (Some(count(4)), connections(40), Some(MEMORY)),
            BudgetName::Default => (None, connections(30), None),
        };
        Self { name, cpus, workers: cpus, db_connections, memory }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::built_in(BudgetName::Default)
    }
}

impl BudgetTable {
    pub(super) fn over(self, budget: Budget) -> Budget {
        Budget {
            name: budget.name,
            cpus: self.cpus.or(budget.cpus),
            workers: self.workers.or(budget.workers),
            db_connections: self.db_connections.unwrap_or(budget.db_connections),
            memory: self.memory.or(budget.memory),
        }
    }
}

impl BudgetName {
    /// Every name.
    pub const ALL: [Self; 3] = [Self::Single, Self::Multi, Self::Default];

    /// The name in manifests and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Multi => "multi",
            Self::Default => "default",
        }
    }
}

impl FromStr for BudgetName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|name| name.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str);
            let near = match config::nearest(text, names) {
                Some(near) => format!("did you mean '{near}'? "),
                None => String::new(),
            };
            format!("no budget '{text}'; {near}there are {}", names.join(", "))
        })
    }
}

impl fmt::Display for BudgetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn some_bytes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Bytes>, D::Error> {
    from.deserialize_str(Amount).map(Some)
}

/// Says what an amount of memory looks like where something else stands.
struct Amount;

impl Visitor<'_> for Amount {
    type Value = Bytes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an amount with its unit, such as \"512MiB\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Bytes, E> {
        text.parse().map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_changes_what_it_names() {
        let table: BudgetTable = config::parse("cpus = 2\nmemory = \"1GiB\"").expect("fits");
        let budget = table.over(Budget::built_in(BudgetName::Multi));
        assert_eq!(budget.cpus.map(NonZero::get), Some(2));
        assert_eq!(budget.workers.map(NonZero::get), Some(4));
        assert_eq!((budget.db_connections.get(), budget.memory), (40, Some(Bytes(1 << 30))));
    }

    #[test]
    fn budgets_are_found_by_name() {
        for name in BudgetName::ALL {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        assert_eq!(
            "singel".parse::<BudgetName>(),
            Err("no budget 'singel'; did you mean 'single'? there are single, multi, default"
                .to_owned())
        );
    }
}
