//! Settings of a target that are changed for a measurement, as they are typed after its name.

use std::{collections::BTreeMap, num::NonZero, str::FromStr};

use thiserror::Error;

use super::{
    budget::BudgetName,
    manifest::{Build, Manifest},
    template::{Placeholder, Template, TemplateError},
};
use crate::{config, unit::Bytes};

/// Changed settings of a target, such as `workers=4&features=a,b&env.NAME=VALUE`.
///
/// | key | changes |
/// |---|---|
/// | `budget` | the budget: `single`, `multi` or `default` |
/// | `db_connections` | connections to the database, of every budget |
/// | `env.NAME` | a variable of the processes that are profiled |
/// | `features` | features that cargo enables beside those of the manifest |
/// | `memory` | the limit of memory, of every budget |
/// | `workers` | workers, of every budget |
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// The budget, in place of the one asked for otherwise.
    pub budget: Option<BudgetName>,
    /// Connections to the database.
    pub db_connections: Option<NonZero<u32>>,
    /// Variables of the profiled processes.
    pub env: BTreeMap<String, String>,
    /// Features for cargo.
    pub features: Vec<String>,
    /// The limit of memory.
    pub memory: Option<Bytes>,
    /// Workers.
    pub workers: Option<NonZero<usize>>,
}

/// Why settings cannot be changed so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChangesError {
    /// No setting has this name.
    #[error("unknown setting '{key}'; {advice}")]
    Unknown {
        /// The name.
        key: String,
        /// The nearest name, or all of them.
        advice: String,
    },
    /// A setting without a value, twice, or with a value that does not fit.
    #[error("the setting '{text}' does not fit: {message}")]
    Value {
        /// The setting as it is written.
        text: String,
        /// What is wrong with it.
        message: String,
    },
    /// The target has no use for a setting.
    #[error("'{key}' is of no use to '{target}': {reason}")]
    Useless {
        /// The setting.
        key: &'static str,
        /// The target.
        target: String,
        /// Why.
        reason: &'static str,
    },
    /// A variable's value is no text for a manifest.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

const KEYS: [&str; 6] = ["budget", "db_connections", "env.NAME", "features", "memory", "workers"];

/// What the name of a variable follows.
const ENV: &str = "env.";

impl Changes {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether two sides were told to have a setting differently, by its name in these.
    pub fn tell_apart(&self, other: &Self, setting: &str) -> bool {
        let budget = self.budget != other.budget;
        match setting {
            "budget" | "cpus" => budget,
            "db_connections" => budget || self.db_connections != other.db_connections,
            "features" => self.features != other.features,
            "memory" => budget || self.memory != other.memory,
            "workers" => budget || self.workers != other.workers,
            _ => setting
                .strip_prefix(ENV)
                .is_some_and(|name| self.env.get(name) != other.env.get(name)),
        }
    }

    /// Changes what a manifest says. The budget's name is not in it: whoever launches the target
    /// chooses that.
    ///
    /// # Errors
    /// When the target has no use for one of the settings, which then would change nothing.
    pub fn apply(&self, manifest: &mut Manifest) -> Result<(), ChangesError> {
        self.check(manifest)?;
        for recipe in &mut manifest.recipes {
            if let Build::Cargo(build) = &mut recipe.build {
                build.features.extend_from_slice(&self.features);
            }
        }
        for process in manifest.processes.iter_mut().filter(|process| process.profile) {
            for (name, value) in &self.env {
                let plain = value.replace('{', "{{").replace('}', "}}");
                process.env.insert(name.clone(), Template::parse(&plain)?);
            }
        }
        manifest.change_budgets(|budget| {
            budget.workers = self.workers.or(budget.workers);
            budget.db_connections = self.db_connections.unwrap_or(budget.db_connections);
            budget.memory = self.memory.or(budget.memory);
        });
        Ok(())
    }

    fn check(&self, manifest: &Manifest) -> Result<(), ChangesError> {
        let asks = |hole| manifest.processes.iter().any(|process| process.uses(&hole));
        let is_cargos = |build: &Build| matches!(build, Build::Cargo(_));
        let has_cargo = manifest.recipes.iter().any(|recipe| is_cargos(&recipe.build));
        let rules = [
            ("features", self.features.is_empty() || has_cargo, "nothing of it is built by cargo"),
            (
                "workers",
                self.workers.is_none() || asks(Placeholder::Workers),
                "none of its processes asks for {workers}",
            ),
            (
                "db_connections",
                self.db_connections.is_none() || asks(Placeholder::DbConnections),
                "none of its processes asks for {db_connections}",
            ),
        ];
        match rules.into_iter().find(|(_, is_fine, _)| !is_fine) {
            Some((key, _, reason)) => {
                Err(ChangesError::Useless { key, target: manifest.name.clone(), reason })
            }
            None => Ok(()),
        }
    }

    /// Takes one setting.
    fn take(&mut self, text: &str) -> Result<(), ChangesError> {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        let wrong = |message: String| ChangesError::Value { text: text.to_owned(), message };
        match key {
            "budget" => put(&mut self.budget, value.parse()),
            "db_connections" => put(&mut self.db_connections, count(value)),
            "features" => {
                let named = |name: &&str| !name.is_empty();
                let names: Vec<_> = value.split(',').filter(named).map(str::to_owned).collect();
                let again = !self.features.is_empty();
                self.features.extend(names);
                match (again, self.features.is_empty()) {
                    (true, _) => Err(TWICE.to_owned()),
                    (_, true) => Err("it names no feature".to_owned()),
                    _ => Ok(()),
                }
            }
            "memory" => put(&mut self.memory, value.parse().map_err(|error| format!("{error}"))),
            "workers" => put(&mut self.workers, count(value)),
            _ => match key.strip_prefix(ENV) {
                Some("") => Err("the variable has no name".to_owned()),
                Some(name) => match self.env.insert(name.to_owned(), value.to_owned()) {
                    Some(_) => Err(TWICE.to_owned()),
                    None => Ok(()),
                },
                None => return Err(unknown(key)),
            },
        }
        .map_err(wrong)
    }
}

const TWICE: &str = "it is there twice";

impl FromStr for Changes {
    type Err = ChangesError;

    fn from_str(text: &str) -> Result<Self, ChangesError> {
        let mut changes = Self::default();
        text.split('&').try_for_each(|setting| changes.take(setting))?;
        Ok(changes)
    }
}

fn put<T>(place: &mut Option<T>, value: Result<T, String>) -> Result<(), String> {
    match place.replace(value?) {
        Some(_) => Err(TWICE.to_owned()),
        None => Ok(()),
    }
}

fn count<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "it must be a whole number of at least 1".to_owned())
}

fn unknown(key: &str) -> ChangesError {
    let advice = match config::nearest(key, KEYS) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("there are {}", KEYS.join(", ")),
    };
    ChangesError::Unknown { key: key.to_owned(), advice }
}

#[cfg(test)]
mod tests;
