//! Runs git, and gives what it prints.

use std::{
    env,
    ffi::OsStr,
    io,
    path::Path,
    process::{Command, Stdio},
};

use thiserror::Error;

/// Why git gave nothing.
#[derive(Debug, Error)]
pub enum GitError {
    /// It cannot be run.
    #[error("cannot run git: {0}; install it (on Debian: sudo apt-get install git)")]
    Run(io::Error),
    /// It ran and failed.
    #[error("git {command} failed: {said}")]
    Failed {
        /// The subcommand.
        command: String,
        /// What it said.
        said: String,
    },
}

/// What `git ARGS` prints in the folder `dir`, without the last line end.
pub(super) fn git(dir: &Path, args: &[&str]) -> Result<String, GitError> {
    git_with(dir, &[], args)
}

/// The same, with these variables.
pub(super) fn git_with(
    dir: &Path,
    variables: &[(&str, &OsStr)],
    args: &[impl AsRef<OsStr>],
) -> Result<String, GitError> {
    let mut command = Command::new("git");
    // Inside a hook git names the repository of the hook, whatever the folder.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("GIT_")) {
            command.env_remove(name);
        }
    }
    // Hooks are for what the user does.
    command.args(["-c", "core.hooksPath=/dev/null"]).arg("-C").arg(dir).args(args);
    command.envs(variables.iter().copied()).stdin(Stdio::null());
    let output = command.output().map_err(GitError::Run)?;
    let text = |bytes| String::from_utf8_lossy(bytes).trim_end().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let subcommand = args.first().map(AsRef::as_ref).map(OsStr::to_string_lossy);
    Err(GitError::Failed {
        command: subcommand.unwrap_or_default().into_owned(),
        said: text(&output.stderr),
    })
}
