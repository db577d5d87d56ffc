//! Which Python interpreter a target's environment is made with.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    BuildError,
    run::{Runner, missing, spec},
};
use crate::target::manifest::{PythonBuild, PythonVersion};

/// Asks an interpreter who it is.
const QUESTION: &str = "\
import json, sys
from importlib.util import find_spec as find
print(json.dumps({
    'version': list(sys.version_info[:2]),
    'text': sys.version,
    'executable': sys.executable,
    'base': sys.base_prefix,
    'environments': bool(find('venv') and find('ensurepip')),
}))";

/// The versions that are looked for, the best first: those of which both backends know stacks.
const VERSIONS: [PythonVersion; 3] = [
    PythonVersion { major: 3, minor: 13 },
    PythonVersion { major: 3, minor: 12 },
    PythonVersion { major: 3, minor: 11 },
];

/// What is run where none of these is found.
const USUAL: &str = "python3";

/// What an interpreter says of itself.
#[derive(Debug, Deserialize)]
pub(in crate::target) struct Interpreter {
    version: [u32; 2],
    /// The version with the time of its build.
    pub(super) text: String,
    pub(super) executable: PathBuf,
    /// Where it is installed.
    pub(super) base: PathBuf,
    /// Whether it can make environments with pip in them.
    pub(super) environments: bool,
}

impl Interpreter {
    /// The one that a build names, or the newest of those that are there and fit.
    pub(super) fn of(
        build: &PythonBuild,
        dir: &Path,
        runner: &mut Runner<'_>,
    ) -> Result<Self, BuildError> {
        let fits = |version: PythonVersion| {
            build.version.is_none_or(|exact| version == exact)
                && build.requires.is_none_or(|least| version >= least)
        };
        if build.python.is_none()
            && let Some(found) = Self::newest(build.version, fits, dir, runner)?
        {
            return Ok(found);
        }
        let python = build.python.as_deref().unwrap_or(USUAL);
        let interpreter = Self::ask(python, dir, runner)?;
        if fits(interpreter.version()) {
            return Ok(interpreter);
        }
        let (wanted, other) = match (build.version, build.requires) {
            (Some(exact), _) => (exact.to_string(), "it"),
            (None, Some(least)) => (format!("{least} or newer"), "a newer one"),
            (None, None) => (String::new(), "another"),
        };
        Err(BuildError::Need(format!(
            "the target needs Python {wanted}, and {python} is {}: install {other}, and name it \
             with `python` in the manifest's [build]",
            interpreter.version()
        )))
    }

    fn newest(
        exact: Option<PythonVersion>,
        fits: impl Fn(PythonVersion) -> bool,
        dir: &Path,
        runner: &mut Runner<'_>,
    ) -> Result<Option<Self>, BuildError> {
        let has_uv = in_path("uv", dir).is_some();
        let versions = exact.map_or_else(|| VERSIONS.to_vec(), |exact| vec![exact]);
        for version in versions.into_iter().filter(|version| fits(*version)) {
            for place in places(version, dir) {
                match Self::ask(&place.to_string_lossy(), dir, runner) {
                    Ok(found) if found.version() == version && (found.environments || has_uv) => {
                        return Ok(Some(found));
                    }
                    Err(BuildError::Interrupted) => return Err(BuildError::Interrupted),
                    // A broken one, or what only has the name of one.
                    Ok(_) | Err(_) => {}
                }
            }
        }
        Ok(None)
    }

    /// Asks the interpreter `python`, a name in `PATH` or a path from `dir`.
    pub(in crate::target) fn ask(
        python: &str,
        dir: &Path,
        runner: &mut Runner<'_>,
    ) -> Result<Self, BuildError> {
        let spec = spec(python.into(), vec!["-c".into(), QUESTION.into()], dir);
        let mut answer = String::new();
        let asked = runner.run_read(&spec, &mut |line| answer.push_str(line));
        asked.map_err(|error| {
            missing(
                error,
                "install Python (on Debian: sudo apt-get install python3 python3-venv), or name \
                 an interpreter with `python` in the manifest's [build]",
            )
        })?;
        serde_json::from_str(&answer).map_err(|error| {
            BuildError::Need(format!("{python} is no Python interpreter: it answers {error}"))
        })
    }

    /// Its version.
    pub(super) fn version(&self) -> PythonVersion {
        let [major, minor] = self.version;
        PythonVersion { major, minor }
    }
}

/// Where a program is in `PATH`.
fn in_path(program: &str, dir: &Path) -> Option<PathBuf> {
    spec(program.into(), Vec::new(), dir).find_in_path(OsStr::new(program))
}

/// Where an interpreter of this version may be: in `PATH`, and among those of pyenv.
fn places(version: PythonVersion, dir: &Path) -> Vec<PathBuf> {
    let name = format!("python{version}");
    let home = |variable| env::var_os(variable).map(PathBuf::from);
    let pyenv = home("PYENV_ROOT").or_else(|| Some(home("HOME")?.join(".pyenv")));
    // What stands in pyenv's folder of shims runs whichever version was chosen there, if any.
    let is_shim = |path: &PathBuf| {
        pyenv.as_ref().is_some_and(|root| path.parent() == Some(&root.join("shims")))
    };
    let mut places: Vec<PathBuf> =
        in_path(&name, dir).into_iter().filter(|path| !is_shim(path)).collect();
    let Some(folder) = pyenv.map(|root| root.join("versions")) else { return places };
    let installed = fs::read_dir(&folder).into_iter().flatten().flatten();
    let names = installed.filter_map(|entry| entry.file_name().into_string().ok());
    let mut patches: Vec<u32> = names.filter_map(|name| patch_of(&name, version)).collect();
    patches.sort_unstable_by(|a, b| b.cmp(a));
    let programs = patches
        .into_iter()
        .map(|patch| folder.join(format!("{version}.{patch}")).join("bin").join(&name));
    places.extend(programs.filter(|program| program.is_file()));
    places
}

/// The last number of `3.12.1`, if that is a release of this version.
fn patch_of(name: &str, version: PythonVersion) -> Option<u32> {
    name.strip_prefix(&format!("{version}."))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_a_version_are_told_from_others() {
        let of = |name: &str| patch_of(name, PythonVersion { major: 3, minor: 1 });
        assert_eq!((of("3.1.10"), of("3.1.0")), (Some(10), Some(0)));
        for other in ["3.12.1", "3.1", "3.1.0rc1", "3.1.1t", "pypy3.1.1", "3.1.1-dev"] {
            assert_eq!(of(other), None, "{other}");
        }
    }

    #[test]
    fn versions_are_looked_for_from_the_newest() {
        assert!(VERSIONS.is_sorted_by(|newer, older| newer > older));
    }
}
