//! A file as it is written -> a manifest, with what its processes bring from other targets.

use std::path::{Path, PathBuf};

use super::{
    BudgetsTable, FILE_NAME, Manifest, ManifestError, ManifestFile, Recipe, Service, check,
    process::{BorrowedProcess, Process, ProcessTable},
};
use crate::{
    config::{self, ConfigError},
    target::budget::{Budget, BudgetName},
};

/// The profiler that is asked unless a manifest names others.
const BACKEND: &str = "perf-event";

/// Reads the manifest at `path`, or the one in the folder `path`.
pub(super) fn read(path: &Path) -> Result<Manifest, ManifestError> {
    read_with(path, Parts::borrow)
}

/// Reads the manifest of a target that another one borrows from.
fn read_lender(path: &Path) -> Result<Manifest, ManifestError> {
    read_with(path, |_, process, _| {
        Err(Wrong::Here(format!(
            "its process '{}' is another target's itself: name that target instead, {}",
            process.name,
            process.target.display()
        )))
    })
}

/// What is wrong with a process of another target.
enum Wrong {
    /// This manifest.
    Here(String),
    /// The other one.
    There(Box<ManifestError>),
}

fn read_with(
    path: &Path,
    borrow: impl Fn(&mut Parts, &BorrowedProcess, &Path) -> Result<(), Wrong>,
) -> Result<Manifest, ManifestError> {
    let path = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
    let file: ManifestFile = config::read(&path)?;
    let dir = folder_of(&path)?;
    let mut parts = Parts {
        recipes: (file.build.into_iter()).map(|build| build.resolve(&file.name, &dir)).collect(),
        services: file.service.into_iter().map(|service| service.resolve(&dir)).collect(),
        processes: Vec::new(),
    };
    let invalid = |message| ManifestError::Invalid { path: path.clone(), message };
    check::services(&parts.services).map_err(invalid)?;
    let (recipe, service) = (first(&parts.recipes), first(&parts.services));
    for process in file.process {
        match process {
            ProcessTable::Own(process) => {
                parts.processes.push(process.resolve(dir.clone(), recipe, service));
            }
            ProcessTable::Borrowed(process) => {
                borrow(&mut parts, &process, &dir).map_err(|wrong| match wrong {
                    Wrong::Here(message) => invalid(message),
                    Wrong::There(source) => ManifestError::Borrowed {
                        path: path.clone(),
                        process: process.name.clone(),
                        target: process.target.clone(),
                        source,
                    },
                })?;
            }
        }
    }
    let BudgetsTable { single, multi } = file.budget;
    let Parts { recipes, services, processes } = parts;
    let manifest = Manifest {
        name: file.name,
        language: file.language,
        description: file.description,
        script: file.script.map(|script| beside(&dir, script)),
        backends: file.backends.unwrap_or_else(|| vec![BACKEND.to_owned()]),
        recipes,
        services,
        processes,
        dir,
        single: single.over(Budget::built_in(BudgetName::Single)),
        multi: multi.over(Budget::built_in(BudgetName::Multi)),
        default: Budget::default(),
    };
    check::whole(&manifest).map_err(invalid)?;
    Ok(manifest)
}

/// The script that a manifest names: where it is a path, from the manifest's folder.
fn beside(dir: &Path, script: String) -> String {
    match script.contains('/') || script.ends_with(".toml") {
        true => dir.join(script).to_string_lossy().into_owned(),
        false => script,
    }
}

fn folder_of(path: &Path) -> Result<PathBuf, ManifestError> {
    let absolute = std::path::absolute(path)
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    Ok(absolute.parent().unwrap_or(Path::new("/")).to_owned())
}

fn first<T>(of: &[T]) -> Option<usize> {
    (!of.is_empty()).then_some(0)
}

/// What a manifest comes to, with what other targets bring.
struct Parts {
    recipes: Vec<Recipe>,
    services: Vec<Service>,
    processes: Vec<Process>,
}

impl Parts {
    /// Adds the process of another target, with its build and its services.
    fn borrow(&mut self, process: &BorrowedProcess, dir: &Path) -> Result<(), Wrong> {
        let path = dir.join(&process.target);
        // The same target has the same folder, whichever way leads there.
        let path = path.canonicalize().unwrap_or(path);
        let lender = read_lender(&path).map_err(|error| Wrong::There(Box::new(error)))?;
        let [only] = lender.processes.as_slice() else {
            return Err(Wrong::Here(format!(
                "process '{}' cannot be taken from {}: that target has {} processes, and only one \
                 can come along",
                process.name,
                process.target.display(),
                lender.processes.len()
            )));
        };
        let recipe = only.recipe.and_then(|at| lender.recipes.get(at)).cloned();
        let service = only.service.and_then(|at| lender.services.get(at)).cloned();
        let borrowed = Process {
            name: process.name.clone(),
            profile: process.profile,
            recipe: recipe.map(|recipe| place(&mut self.recipes, recipe)),
            service: service.map(|service| place(&mut self.services, service)),
            ..only.clone()
        };
        self.processes.push(borrowed);
        Ok(())
    }
}

/// The place of `item`, which is added where it is not there yet.
fn place<T: PartialEq>(items: &mut Vec<T>, item: T) -> usize {
    items.iter().position(|known| *known == item).unwrap_or_else(|| {
        items.push(item);
        items.len() - 1
    })
}
