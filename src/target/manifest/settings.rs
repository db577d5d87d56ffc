//! A manifest as a list of settings: what two of one target have differently.

use std::{fmt::Display, path::Path};

use super::{Build, Manifest, Process, Recipe, Service, ServiceKind};
use crate::target::{Secrets, budget::Budget};

/// A setting that two manifests have differently, without the secrets in its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What it is, as it can be changed on a command line: `workers` or `env.NAME`.
    pub setting: String,
    /// What it is a setting of, where a manifest may have several of it.
    pub owner: Option<String>,
    /// Its values in the first and in the second manifest.
    pub values: [String; 2],
}

/// One setting of a manifest.
struct Setting {
    name: String,
    owner: Option<String>,
    value: String,
    /// The value as it may be shown.
    shown: String,
}

/// What a setting that one side alone has is on the other.
const NOT_SET: &str = "not set";

impl Manifest {
    /// The settings that two manifests have differently, under these budgets, in the order of the
    /// first.
    pub fn differences(a: (&Self, Budget), b: (&Self, Budget)) -> Vec<Difference> {
        let (of_a, mut of_b) = (settings(a.0, a.1), settings(b.0, b.1));
        let mut found = Vec::new();
        for setting in of_a {
            let same = |other: &Setting| other.name == setting.name && other.owner == setting.owner;
            let other = of_b.iter().position(same).map(|at| of_b.remove(at));
            if other.as_ref().is_none_or(|other| other.value != setting.value) {
                let other = other.map_or(NOT_SET.to_owned(), |other| other.shown);
                let Setting { name, owner, shown, .. } = setting;
                found.push(Difference { setting: name, owner, values: [shown, other] });
            }
        }
        found.extend(of_b.into_iter().map(|Setting { name, owner, shown, .. }| Difference {
            setting: name,
            owner,
            values: [NOT_SET.to_owned(), shown],
        }));
        found
    }
}

/// Budgets first: they alone are of interest between targets of two kinds.
fn settings(manifest: &Manifest, budget: Budget) -> Vec<Setting> {
    let mut all = List(Vec::new());
    all.budget(budget);
    all.push("script", None, manifest.script.clone());
    all.push("backends", None, text(&manifest.backends));
    for recipe in &manifest.recipes {
        all.recipe(recipe, (manifest.recipes.len() > 1).then_some(&recipe.target));
    }
    for service in &manifest.services {
        all.service(service, &manifest.dir);
    }
    // The load goes to the last.
    all.push("processes", None, text(manifest.processes.iter().map(|it| it.name.as_str())));
    for process in &manifest.processes {
        all.process(process, (manifest.processes.len() > 1).then_some(&process.name));
    }
    all.0
}

struct List(Vec<Setting>);

impl List {
    fn push(&mut self, name: &str, owner: Option<&String>, value: Option<impl Display>) {
        let Some(value) = value.map(|value| value.to_string()) else { return };
        let (name, owner, shown) = (name.to_owned(), owner.cloned(), value.clone());
        self.0.push(Setting { name, owner, value, shown });
    }

    fn budget(&mut self, budget: Budget) {
        let Budget { name, cpus, workers, db_connections, memory } = budget;
        self.push("budget", None, Some(name));
        self.push("cpus", None, cpus);
        self.push("workers", None, workers);
        self.push("db_connections", None, Some(db_connections));
        self.push("memory", None, memory);
    }

    fn recipe(&mut self, recipe: &Recipe, owner: Option<&String>) {
        let mut push = |name: &str, value: Option<String>| self.push(name, owner, value);
        match &recipe.build {
            Build::Cargo(build) => {
                push("build", Some("cargo".to_owned()));
                push("dir", Some(build.dir.display().to_string()));
                push("package", build.package.clone());
                push("bin", build.bin.clone());
                push("features", text(&build.features));
                push("default_features", Some(build.default_features.to_string()));
                push("debug", Some(build.debug.as_str().to_owned()));
                push("frame_pointers", Some(build.frame_pointers.to_string()));
            }
            Build::Go(build) => {
                push("build", Some("go".to_owned()));
                push("dir", Some(build.dir.display().to_string()));
                push("package", Some(build.package.clone()));
                push("tags", text(&build.tags));
            }
            Build::Python(build) => {
                push("build", Some("python".to_owned()));
                push("dir", Some(build.dir.display().to_string()));
                push("lock", Some(build.lock.display().to_string()));
                push("python", build.python.clone());
                push("requires", build.requires.map(|version| version.to_string()));
                push("version", build.version.map(|version| version.to_string()));
                push("perf_support", Some(build.perf_support.to_string()));
            }
            Build::Command(build) => {
                push("build", text(&build.command));
                push("binary", Some(build.binary.display().to_string()));
            }
        }
    }

    fn service(&mut self, service: &Service, dir: &Path) {
        let Service { name, kind, schema, seed } = service;
        let ServiceKind::Postgres = kind;
        self.push("service", Some(name), Some("postgres"));
        self.push("schema", Some(name), schema.as_deref().map(|path| near(path, dir)));
        self.push("seed", Some(name), seed.as_deref().map(|path| near(path, dir)));
    }

    fn process(&mut self, process: &Process, owner: Option<&String>) {
        let words: Vec<String> = process.command.iter().map(ToString::to_string).collect();
        let masked = words.iter().map(|word| Secrets::of(word).mask(word)).collect::<Vec<_>>();
        self.0.push(Setting {
            name: "command".to_owned(),
            owner: owner.cloned(),
            value: words.join(" "),
            shown: masked.join(" "),
        });
        for (name, value) in &process.env {
            let value = value.to_string();
            let shown = Secrets::of_variable(name, &value).mask(&value);
            self.0.push(Setting {
                name: format!("env.{name}"),
                owner: owner.cloned(),
                value,
                shown,
            });
        }
        self.push("port", owner, process.port);
        self.push("open_files", owner, process.open_files);
        self.push("ready", owner, Some(&process.ready.condition));
        let unix = process.ready.unix.as_ref();
        self.push("ready.unix", owner, unix.map(|path| path.display().to_string()));
        self.push("ready.timeout", owner, Some(format!("{:?}", process.ready.timeout)));
        self.push("profile", owner, Some(process.profile));
        self.push("pprof", owner, process.pprof.as_ref());
    }
}

fn text(words: impl IntoIterator<Item: AsRef<str>>) -> Option<String> {
    let words: Vec<String> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// A path without the folders that it shares with the manifest's: each revision has its own.
fn near(path: &Path, dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let shared = dir.ancestors().find_map(|folder| path.strip_prefix(folder).ok());
    shared.unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use expect_test::{Expect, expect};

    use super::*;
    use crate::target::{BudgetName, FILE_NAME};

    const FILE: &str = r#"
name = "shop"
language = "any"
description = "a server"
[build]
kind = "cargo"
[[service]]
name = "db"
kind = "postgres"
schema = "../rows/schema.sql"
[[process]]
name = "api"
command = ["{bin}", "--port", "{port}", "--json={{}}"]
env = { LEVEL = "low", APP_PASSWORD = "two words", DB = "postgres://me:secret@host/x" }
[budget.single]
workers = 2
"#;

    #[track_caller]
    fn check(change: impl Fn(&str) -> String, expected: Expect) {
        let read = |text: &str| {
            let dir = tempfile::tempdir().expect("a folder");
            let own = dir.path().join("own");
            for folder in [&own, &dir.path().join("rows")] {
                fs::create_dir(folder).expect("a folder");
                fs::write(folder.join("schema.sql"), "").expect("a file");
            }
            fs::write(own.join(FILE_NAME), text).expect("a file");
            Manifest::read(&own).expect("it fits")
        };
        let (a, b) = (read(FILE), read(&change(FILE)));
        let budget = |manifest: &Manifest| manifest.budget(BudgetName::Single);
        let found = Manifest::differences((&a, budget(&a)), (&b, budget(&b)));
        let lines = found.iter().map(|Difference { setting, owner, values: [a, b] }| {
            format!("{setting} of {}: {a} | {b}", owner.as_deref().unwrap_or("it"))
        });
        expected.assert_eq(&lines.collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn the_same_in_another_folder_is_the_same() {
        check(str::to_owned, expect![""]);
        check(|text| text.replace("a server", "the server of the shop"), expect![""]);
    }

    #[test]
    fn what_differs_is_said_with_both_values() {
        check(
            |text| {
                text.replace("low", "high").replace("workers = 2", "workers = 4\nmemory = \"1GiB\"")
            },
            expect![[r#"
                workers of it: 2 | 4
                memory of it: 512.0 MiB | 1.0 GiB
                env.LEVEL of it: low | high"#]],
        );
        check(
            |text| {
                text.replace("\"--port\"", "\"-p\"")
                    .replace("LEVEL = \"low\", ", "NEW = \"{port}\", ")
                    .replace("\"cargo\"", "\"cargo\"\nfeatures = [\"a\", \"b\"]")
                    .replace("../rows/schema.sql", "schema.sql")
            },
            expect![[r#"
                schema of db: rows/schema.sql | schema.sql
                command of it: {bin} --port {port} --json={{}} | {bin} -p {port} --json={{}}
                env.LEVEL of it: low | not set
                features of it: not set | a b
                env.NEW of it: not set | {port}"#]],
        );
    }

    #[test]
    fn secrets_differ_and_are_not_shown() {
        check(
            |text| text.replace("two words", "three words more").replace("secret", "other"),
            expect![[r#"
                env.APP_PASSWORD of it: *** | ***
                env.DB of it: postgres://me:***@host/x | postgres://me:***@host/x"#]],
        );
    }
}
