//! Builds a cargo project for measuring, without a change to the project or to its own builds.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{
    BuildError, BuildOptions,
    metadata::{Choice, Metadata, Target},
    run::{Runner, missing, spec},
    rustflags,
};
use crate::target::{child::Spec, manifest::CargoBuild};

/// The profile of our own: `release`, as the project has set it up, made readable for a profiler.
const PROFILE: &str = "flameload";

/// A message of `cargo build --message-format json`; other kinds have no `executable`.
#[derive(Debug, Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

/// Builds the project at `dir` and returns the path of its binary.
pub(super) fn build(
    build: &CargoBuild,
    dir: &Path,
    options: &BuildOptions,
    runner: &mut Runner<'_>,
) -> Result<PathBuf, BuildError> {
    let metadata = read_metadata(dir, runner)?;
    let choice = metadata.choose(build, dir)?;
    let mut spec = tool("cargo", arguments(build, &choice, &metadata, options), dir);
    if build.frame_pointers {
        rustflags::add(&mut spec, "-Cforce-frame-pointers=yes");
    }
    let mut executable = None;
    let mut read = |line: &str| {
        if let Ok(Message { target: Some(target), executable: Some(path) }) =
            serde_json::from_str(line)
            && target.is_bin()
            && target.name == choice.bin
        {
            executable = Some(path);
        }
    };
    runner.run_read(&spec, &mut read).map_err(missing_cargo)?;
    executable.ok_or_else(|| {
        BuildError::Binary(format!(
            "cargo built '{}' in {}, but reports no executable for it",
            choice.bin,
            dir.display()
        ))
    })
}

fn read_metadata(dir: &Path, runner: &mut Runner<'_>) -> Result<Metadata, BuildError> {
    let words = ["metadata", "--no-deps", "--format-version", "1", "--color", "never"];
    let spec = tool("cargo", words.map(OsString::from).into(), dir);
    let mut text = String::new();
    runner.run_read(&spec, &mut |line| text.push_str(line)).map_err(missing_cargo)?;
    serde_json::from_str(&text)
        .map_err(|error| BuildError::Metadata { dir: dir.to_owned(), message: error.to_string() })
}

/// The compiler that a project at `dir` is built with.
pub(super) fn compiler(dir: &Path, runner: &mut Runner<'_>) -> Result<String, BuildError> {
    let mut text = String::new();
    let spec = tool("rustc", vec!["-vV".into()], dir);
    runner.run_read(&spec, &mut |line| text.extend([line, "\n"])).map_err(missing_cargo)?;
    Ok(text)
}

fn tool(program: &str, args: Vec<OsString>, dir: &Path) -> Spec {
    let mut spec = spec(program.into(), args, dir);
    let pinned = |folder: &Path| {
        ["rust-toolchain.toml", "rust-toolchain"].iter().any(|name| folder.join(name).is_file())
    };
    if dir.ancestors().any(pinned) {
        // rustup has set it for this tool; in the project its own file decides.
        spec.env.remove(&OsString::from("RUSTUP_TOOLCHAIN"));
    }
    spec
}

fn arguments(
    build: &CargoBuild,
    choice: &Choice,
    metadata: &Metadata,
    options: &BuildOptions,
) -> Vec<OsString> {
    let debug = build.debug.as_str();
    let settings = [
        ("inherits", "release"),
        ("debug", debug),
        // Whatever the release profile strips would be missing in the profile.
        ("strip", "none"),
        ("split-debuginfo", "off"),
    ];
    let color = if options.color { "always" } else { "never" };
    let words = ["build", "--profile", PROFILE, "--color", color];
    let mut args: Vec<OsString> = words.map(Into::into).into();
    args.push("--message-format=json-render-diagnostics".into());
    for (key, value) in settings {
        args.push("--config".into());
        args.push(format!("profile.{PROFILE}.{key}=\"{value}\"").into());
    }
    // Apart from the user's own builds, which different flags would make stale.
    args.push("--target-dir".into());
    args.push(metadata.target_directory.join(PROFILE).into());
    args.extend(["--package", &choice.package, "--bin", &choice.bin].map(OsString::from));
    if !build.features.is_empty() {
        args.extend(["--features".into(), build.features.join(",").into()]);
    }
    if !build.default_features {
        args.push("--no-default-features".into());
    }
    args
}

fn missing_cargo(error: BuildError) -> BuildError {
    missing(error, "install Rust from https://rustup.rs, or put its folder into PATH")
}

#[cfg(test)]
mod tests {
    use std::{env, fs, sync::atomic::AtomicBool};

    use super::*;
    use crate::target::Guard;

    #[test]
    fn a_missing_cargo_comes_with_advice() {
        let mut spec = tool("cargo", vec!["build".into()], Path::new("/"));
        spec.env.insert("PATH".into(), "/nonexistent".into());
        let guard = Guard::start().expect("a guard");
        let interrupted = AtomicBool::new(false);
        let mut runner = Runner { guard: &guard, interrupted: &interrupted, on_line: &mut |_| {} };
        let error = runner.run_read(&spec, &mut |_| {}).map_err(missing_cargo);
        assert_eq!(
            error.expect_err("no cargo").to_string(),
            "cannot find cargo: install Rust from https://rustup.rs, or put its folder into PATH"
        );
    }

    #[test]
    fn a_project_decides_on_its_toolchain() {
        let name = OsString::from("RUSTUP_TOOLCHAIN");
        let dir = tempfile::tempdir().expect("a temporary folder");
        let free = tool("cargo", Vec::new(), dir.path());
        assert_eq!(free.env.get(&name), env::var_os(&name).as_ref());
        fs::write(dir.path().join("rust-toolchain.toml"), "").expect("a file");
        let pinned = tool("cargo", Vec::new(), &dir.path().join("inner"));
        assert_eq!(pinned.env.get(&name), None);
    }
}
