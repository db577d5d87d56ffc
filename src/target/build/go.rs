//! Builds a Go program for measuring: with symbols and debug information, into the cache.

use std::{
    ffi::OsString,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::{
    BuildError, BuildOptions,
    run::{Runner, missing, spec},
};
use crate::target::manifest::GoBuild;

/// Builds the package and returns the path of its binary. The go command keeps what it has made,
/// and leaves a binary that is up to date as it is.
pub(super) fn build(
    build: &GoBuild,
    target: &str,
    dir: &Path,
    options: &BuildOptions,
    runner: &mut Runner<'_>,
) -> Result<PathBuf, BuildError> {
    compiler(dir, runner)?;
    // Each package has a binary of its own; the process is called like the target.
    let mut hasher = DefaultHasher::new();
    (dir, &build.package, &build.tags).hash(&mut hasher);
    let folder = options.cache.join("go").join(format!("{target}-{:016x}", hasher.finish()));
    let binary = folder.join(target);
    let spec = spec("go".into(), arguments(build, &binary), dir);
    runner.run_shown(&spec).map_err(missing_go)?;
    let is_program = |path: &Path| {
        path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    if is_program(&binary) {
        return Ok(binary);
    }
    Err(BuildError::Binary(format!(
        "the package '{}' in {} makes no program: `package` in the manifest must name one with \
         `package main`",
        build.package,
        dir.display()
    )))
}

/// The go command of a project at `dir`.
pub(super) fn compiler(dir: &Path, runner: &mut Runner<'_>) -> Result<String, BuildError> {
    let mut text = String::new();
    let version = spec("go".into(), vec!["version".into()], dir);
    runner.run_read(&version, &mut |line| text.push_str(line)).map_err(missing_go)?;
    Ok(text)
}

fn arguments(build: &GoBuild, binary: &Path) -> Vec<OsString> {
    let mut args: Vec<OsString> = [
        "build",
        // The revision is known already, and a folder of another owner would fail the build.
        "-buildvcs=false",
        // What strips a program would leave nothing to name its functions by.
        "-ldflags=",
        "-o",
    ]
    .map(Into::into)
    .into();
    args.push(binary.into());
    if !build.tags.is_empty() {
        args.extend(["-tags".into(), build.tags.join(",").into()]);
    }
    args.extend(["--".into(), build.package.clone().into()]);
    args
}

fn missing_go(error: BuildError) -> BuildError {
    missing(
        error,
        "install Go from https://go.dev/dl (on Debian: sudo apt-get install golang-go), or put \
         its folder into PATH",
    )
}
