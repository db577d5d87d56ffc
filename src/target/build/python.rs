//! Makes a Python environment of a target's own, in the cache, from a lock file with hashes.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use super::{
    BuildError, BuildOptions, Product,
    interpreter::Interpreter,
    run::{Runner, spec},
    slot::Slot,
};
use crate::target::{
    child::{Spec, Streams},
    manifest::{PythonBuild, PythonVersion},
};

/// From here on an interpreter names its own functions for profilers, if it is asked to.
const NAMES_FUNCTIONS: PythonVersion = PythonVersion { major: 3, minor: 12 };

/// Makes the environment, unless it is there, and returns its interpreter.
pub(super) fn build(
    build: &PythonBuild,
    target: &str,
    dir: &Path,
    options: &BuildOptions,
    runner: &mut Runner<'_>,
) -> Result<Product, BuildError> {
    let interpreter = Interpreter::of(build, dir, runner)?;
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
        // Nothing is written beside the sources.
        env: BTreeMap::from([("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned())]),
        perf_maps: build.perf_support && interpreter.version() >= NAMES_FUNCTIONS,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_without_requirements_is_empty() {
        assert!(is_empty("") && is_empty("# none\n\n  # none\n"));
        assert!(!is_empty("# one\na==1 --hash=sha256:0"));
    }
}
