//! The programs of the hand pipeline: perf, and what folds and draws.

use std::{
    io::{self, BufWriter, Write},
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::Context;
use inferno::{
    collapse::{Collapse, perf::Folder},
    flamegraph,
};

/// What to do where perf is missing.
pub(crate) const PERF_HINT: &str = "to compare, install perf: `apt-get install linux-perf` \
     (Debian), `apt-get install linux-tools-generic` (Ubuntu), `dnf install perf` (Fedora), \
     `pacman -S perf` (Arch)";

const COLLAPSE: &str = "inferno-collapse-perf";
const FLAMEGRAPH: &str = "inferno-flamegraph";

/// What folds perf's stacks and draws them.
#[derive(Debug)]
pub(super) enum Inferno {
    /// Inferno's own programs, from the path.
    Installed,
    /// This program, which has the same code in it.
    Builtin(PathBuf),
}

/// The version that perf tells, or none where it does not run: on some systems `perf` is a script
/// that finds no perf for the kernel.
pub(crate) fn perf_version() -> Option<String> {
    let output = Command::new("perf").arg("--version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

impl Inferno {
    pub(super) fn find() -> anyhow::Result<Self> {
        if runs(COLLAPSE) && runs(FLAMEGRAPH) {
            return Ok(Self::Installed);
        }
        let path = std::env::current_exe().context("cannot find this program's own file")?;
        Ok(Self::Builtin(path))
    }

    pub(super) fn collapse(&self) -> Command {
        self.command(COLLAPSE, "--hand-collapse")
    }

    pub(super) fn flamegraph(&self) -> Command {
        self.command(FLAMEGRAPH, "--hand-flamegraph")
    }

    fn command(&self, installed: &str, flag: &str) -> Command {
        match self {
            Self::Installed => Command::new(installed),
            Self::Builtin(path) => {
                let mut command = Command::new(path);
                command.args(["bench-pipeline", flag]);
                command
            }
        }
    }

    /// Says which it is.
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Installed => "inferno's installed programs",
            Self::Builtin(_) => {
                "inferno's code in this program (for its own programs: `cargo install inferno`)"
            }
        }
    }
}

fn runs(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Does what `inferno-collapse-perf` does: `perf script` on stdin, folded stacks on stdout.
pub(super) fn collapse() -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    Folder::default().collapse(io::stdin().lock(), &mut out).context("cannot fold the stacks")?;
    Ok(out.flush()?)
}

/// Does what `inferno-flamegraph` does: folded stacks on stdin, a picture on stdout.
pub(super) fn draw() -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut options = flamegraph::Options::default();
    flamegraph::from_reader(&mut options, io::stdin().lock(), &mut out)
        .context("cannot draw the stacks")?;
    Ok(out.flush()?)
}
