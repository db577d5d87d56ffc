//! What cargo knows of a project: which binaries it has, and where it builds.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::BuildError;
use crate::{config, target::manifest::CargoBuild};

/// The part of `cargo metadata --format-version 1` that is needed.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    packages: Vec<Package>,
    pub(super) target_directory: PathBuf,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    default_run: Option<String>,
    targets: Vec<Target>,
}

/// One crate of a package, in `cargo metadata` and in the messages of a build alike.
#[derive(Debug, Deserialize)]
pub(super) struct Target {
    pub(super) name: String,
    kind: Vec<String>,
}

/// The binary to build.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) package: String,
    pub(super) bin: String,
}

impl Target {
    pub(super) fn is_bin(&self) -> bool {
        self.kind.iter().any(|kind| kind == "bin")
    }
}

impl Metadata {
    /// The binary that `build` asks for in the project at `dir`.
    pub(super) fn choose(&self, build: &CargoBuild, dir: &Path) -> Result<Choice, BuildError> {
        let packages = self.candidates(build.package.as_deref(), dir)?;
        let bins: Vec<(&Package, &str)> = packages
            .iter()
            .flat_map(|package| {
                let bins = package.targets.iter().filter(|target| target.is_bin());
                bins.map(|bin| (*package, bin.name.as_str()))
            })
            .collect();
        let chosen = match &build.bin {
            Some(wanted) => bins.iter().find(|(_, bin)| bin == wanted),
            None => match bins.as_slice() {
                [only] => Some(only),
                several => several.iter().find(|(package, bin)| {
                    packages.len() == 1 && package.default_run.as_deref() == Some(bin)
                }),
            },
        };
        let (package, bin) = chosen.ok_or_else(|| no_choice(build, dir, &bins))?;
        Ok(Choice { package: package.name.clone(), bin: (*bin).to_owned() })
    }

    /// The package named, the one in `dir`, or all of a workspace without a package at its root.
    fn candidates(&self, name: Option<&str>, dir: &Path) -> Result<Vec<&Package>, BuildError> {
        if let Some(name) = name {
            let named = self.packages.iter().find(|package| package.name == name);
            return named.map(|package| vec![package]).ok_or_else(|| {
                let known = self.packages.iter().map(|package| package.name.as_str());
                unknown("package", name, dir, known)
            });
        }
        let here = dir.canonicalize().unwrap_or_else(|_| dir.to_owned()).join("Cargo.toml");
        let same = |package: &&Package| {
            package.manifest_path.canonicalize().is_ok_and(|path| path == here)
        };
        Ok(match self.packages.iter().find(same) {
            Some(package) => vec![package],
            None => self.packages.iter().collect(),
        })
    }
}

fn no_choice(build: &CargoBuild, dir: &Path, bins: &[(&Package, &str)]) -> BuildError {
    if let Some(wanted) = &build.bin {
        return unknown("binary", wanted, dir, bins.iter().map(|(_, bin)| *bin));
    }
    let names: Vec<_> = bins.iter().map(|(_, bin)| *bin).collect();
    BuildError::Binary(match names.as_slice() {
        [] => format!("the project in {} has no binary", dir.display()),
        _ => format!(
            "the project in {} has several binaries: set `bin` in the manifest to one of {}",
            dir.display(),
            names.join(", ")
        ),
    })
}

fn unknown<'a>(
    what: &str,
    wanted: &str,
    dir: &Path,
    known: impl Iterator<Item = &'a str>,
) -> BuildError {
    let known: Vec<_> = known.collect();
    let advice = match config::nearest(wanted, known.iter().copied()) {
        Some(near) => format!("did you mean '{near}'?"),
        None if known.is_empty() => "it has none at all".to_owned(),
        None => format!("known are {}", known.join(", ")),
    };
    BuildError::Binary(format!("no {what} '{wanted}' in {}; {advice}", dir.display()))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::target::manifest::DebugLevel;

    const METADATA: &str = r#"{
        "packages": [
            {"name": "api", "manifest_path": "/p/api/Cargo.toml", "default_run": null, "targets": [
                {"name": "api", "kind": ["lib"]}, {"name": "serve", "kind": ["bin"]}]},
            {"name": "tools", "manifest_path": "/p/tools/Cargo.toml", "default_run": "b", "targets": [
                {"name": "a", "kind": ["bin"]}, {"name": "b", "kind": ["bin"]}]},
            {"name": "core", "manifest_path": "/p/core/Cargo.toml", "default_run": null, "targets": []}
        ],
        "target_directory": "/p/target", "version": 1
    }"#;

    fn check(package: Option<&str>, bin: Option<&str>, expected: Expect) {
        let metadata: Metadata = serde_json::from_str(METADATA).expect("well-formed");
        let build = CargoBuild {
            dir: ".".into(),
            package: package.map(Into::into),
            bin: bin.map(Into::into),
            features: Vec::new(),
            default_features: true,
            debug: DebugLevel::Limited,
            frame_pointers: true,
        };
        expected.assert_eq(&match metadata.choose(&build, Path::new("/p")) {
            Ok(Choice { package, bin }) => format!("{bin} of {package}"),
            Err(error) => format!("error: {error}"),
        });
    }

    #[test]
    fn the_binary_is_found_where_it_is_clear() {
        check(Some("api"), None, expect!["serve of api"]);
        check(Some("tools"), None, expect!["b of tools"]);
        check(None, Some("a"), expect!["a of tools"]);
    }

    #[test]
    fn what_is_not_clear_is_asked_for() {
        check(
            None,
            None,
            expect![
                "error: the project in /p has several binaries: set `bin` in the manifest to one of serve, a, b"
            ],
        );
        check(Some("core"), None, expect!["error: the project in /p has no binary"]);
        check(
            None,
            Some("server"),
            expect!["error: no binary 'server' in /p; did you mean 'serve'?"],
        );
        check(
            Some("zzz"),
            None,
            expect!["error: no package 'zzz' in /p; known are api, tools, core"],
        );
        check(Some("core"), Some("x"), expect!["error: no binary 'x' in /p; it has none at all"]);
    }
}
