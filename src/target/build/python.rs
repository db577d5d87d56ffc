//! Makes a Python environment of a target's own, in the cache, from a lock file with hashes.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    BuildError, BuildOptions, Product,
    run::{Runner, missing, spec},
    slot::Slot,
};
use crate::target::{
    child::{Spec, Streams},
    manifest::{PythonBuild, PythonVersion},
};

/// Asks an interpreter who it is.
const QUESTION: &str = "\
import json, sys, sysconfig
from importlib.util import find_spec as find
print(json.dumps({
    'version': list(sys.version_info[:2]),
    'text': sys.version,
    'executable': sys.executable,
    'base': sys.base_prefix,
    'environments': bool(find('venv') and find('ensurepip')),
    'frame_pointers': '-fno-omit-frame-pointer' in (sysconfig.get_config_var('PY_CFLAGS') or ''),
}))";

/// From here on an interpreter names its own functions for profilers, if it is asked to.
const NAMES_FUNCTIONS: PythonVersion = PythonVersion { major: 3, minor: 12 };

/// Asks for that.
pub(super) const PERF_MAPS: &str = "PYTHONPERFSUPPORT";

/// What an interpreter says of itself.
#[derive(Debug, Deserialize)]
pub(in crate::target) struct Interpreter {
    version: [u32; 2],
    /// The version with the time of its build.
    text: String,
    executable: PathBuf,
    /// Where it is installed.
    base: PathBuf,
    /// Whether it can make environments with pip in them.
    environments: bool,
    /// Whether its own code keeps frame pointers.
    frame_pointers: bool,
}

/// Makes the environment, unless it is there, and returns its interpreter.
pub(super) fn build(
    build: &PythonBuild,
    target: &str,
    dir: &Path,
    options: &BuildOptions,
    runner: &mut Runner<'_>,
) -> Result<Product, BuildError> {
    let interpreter = Interpreter::ask(&build.python, dir, runner)?;
    if let Some(least) = build.requires
        && interpreter.version() < least
    {
        return Err(BuildError::Need(format!(
            "the target needs Python {least} or newer, and {} is {}: install a newer one, and \
             name it with `python` in the manifest's [build]",
            build.python,
            interpreter.version()
        )));
    }
    let path = dir.join(&build.lock);
    let text = fs::read_to_string(&path).map_err(|error| {
        BuildError::Need(format!(
            "cannot read the lock file {}: {error}; make it with `uv pip compile \
             --generate-hashes`, or name another with `lock` in the manifest's [build]",
            path.display()
        ))
    })?;
    let lock = Lock { path: &path, text: &text, is_whole: true };
    let environment = environment(&interpreter, lock, target, options, runner)?;
    Ok(Product {
        binary: environment.join("bin/python"),
        build_id: None,
        env: variables(interpreter.version(), interpreter.frame_pointers),
    })
}

/// A lock file: requirements, each with its exact version and the hashes of its files.
#[derive(Clone, Copy)]
pub(in crate::target) struct Lock<'a> {
    pub(in crate::target) path: &'a Path,
    pub(in crate::target) text: &'a str,
    /// Whether it names all that is needed by what it names. Otherwise that is left out.
    pub(in crate::target) is_whole: bool,
}

/// The folder of an environment that has what `lock` names.
pub(in crate::target) fn environment(
    interpreter: &Interpreter,
    lock: Lock<'_>,
    name: &str,
    options: &BuildOptions,
    runner: &mut Runner<'_>,
) -> Result<PathBuf, BuildError> {
    let Interpreter { text, executable, base, .. } = interpreter;
    let origin = format!("{text}\n{}\n{}\n{}", executable.display(), base.display(), lock.text);
    let mut slot = Slot::open(&options.cache.join("python"), name, origin, runner)?;
    if !slot.is_whole() {
        interpreter.make(slot.dir(), lock, runner)?;
        slot.finish()?;
    }
    Ok(slot.dir().to_owned())
}

impl Interpreter {
    /// Asks the interpreter `python`, a name in `PATH` or a path from `dir`.
    pub(in crate::target) fn ask(
        python: &str,
        dir: &Path,
        runner: &mut Runner<'_>,
    ) -> Result<Self, BuildError> {
        let spec = spec(python.into(), words(["-c", QUESTION]), dir);
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

    fn version(&self) -> PythonVersion {
        let [major, minor] = self.version;
        PythonVersion { major, minor }
    }

    /// Makes an environment at `place`. uv is used where it is installed: it is faster, and needs
    /// no pip.
    fn make(
        &self,
        place: &Path,
        lock: Lock<'_>,
        runner: &mut Runner<'_>,
    ) -> Result<(), BuildError> {
        let dir = lock.path.parent().unwrap_or(Path::new("/"));
        let mut run = |program: &OsStr, args: Vec<OsString>| {
            runner
                .run_shown(&Spec { output: Streams::Joined, ..spec(program.to_owned(), args, dir) })
        };
        let python = place.join("bin/python");
        let needs_nothing = is_empty(lock.text);
        let uv = spec("uv".into(), Vec::new(), dir).find_in_path(OsStr::new("uv"));
        if let Some(uv) = &uv {
            let mut args = words(["venv", "--no-project", "--python"]);
            args.extend([self.executable.clone().into(), place.into()]);
            run(uv.as_os_str(), args)?;
        } else if self.environments {
            let mut args = words(["-m", "venv"]);
            args.extend(needs_nothing.then(|| "--without-pip".into()));
            args.push(place.into());
            run(self.executable.as_os_str(), args)?;
        } else {
            return Err(BuildError::MissingTool {
                program: format!("the modules venv and ensurepip of {}", self.executable.display()),
                advice: "install them (on Debian: sudo apt-get install python3-venv), or uv"
                    .to_owned(),
            });
        }
        if needs_nothing {
            return Ok(());
        }
        let mut args = match uv {
            Some(_) => words(["pip", "install", "--compile-bytecode", "--python"]),
            None => words(["-m", "pip", "install", "--no-input", "--disable-pip-version-check"]),
        };
        args.extend(uv.is_some().then(|| python.clone().into()));
        args.extend((!lock.is_whole).then(|| "--no-deps".into()));
        args.extend(words(["--require-hashes", "-r"]));
        args.push(lock.path.into());
        run(uv.as_deref().unwrap_or(&python).as_os_str(), args)
    }
}

/// Whether nothing is required.
fn is_empty(lock: &str) -> bool {
    lock.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
}

fn words<const N: usize>(words: [&str; N]) -> Vec<OsString> {
    words.map(Into::into).into()
}

/// What a server gets in its environment.
///
/// An interpreter that names its functions for profilers calls each through a piece of generated
/// code, and without frame pointers nobody finds the callers behind it: then all stacks would end
/// there, for the sake of names.
fn variables(version: PythonVersion, frame_pointers: bool) -> BTreeMap<String, String> {
    // Nothing is written beside the sources.
    let mut variables = vec!["PYTHONDONTWRITEBYTECODE"];
    if version >= NAMES_FUNCTIONS && frame_pointers {
        variables.push(PERF_MAPS);
    }
    variables.into_iter().map(|name| (name.to_owned(), "1".to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_interpreters_name_their_functions() {
        let names = |minor| {
            let of = |pointers| variables(PythonVersion { major: 3, minor }, pointers).into_keys();
            [of(false).collect::<Vec<_>>(), of(true).collect()]
        };
        let plain = ["PYTHONDONTWRITEBYTECODE"].as_slice();
        let named = ["PYTHONDONTWRITEBYTECODE", "PYTHONPERFSUPPORT"].as_slice();
        assert_eq!(names(11), [plain, plain]);
        assert_eq!(names(12), [plain, named]);
    }

    #[test]
    fn a_lock_without_requirements_is_empty() {
        assert!(is_empty("") && is_empty("# none\n\n  # none\n"));
        assert!(!is_empty("# one\na==1 --hash=sha256:0"));
    }
}
