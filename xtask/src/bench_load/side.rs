//! Who drives a slice: this program, or a tool that is installed. Either is a process of its own,
//! on the same CPUs, and its CPU time is what the kernel tells when it ends.

use std::{
    ffi::OsString,
    fmt,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use anyhow::{Context as _, ensure};
use flameload::{
    load::{Pace, Script, raise_nofile},
    measure::MeasureError,
    target::{Ending, Guard, Manifest, Split, ToolError, ToolRun, ToolSpec, run_tool},
};
use tempfile::TempDir;

use super::{once, server::Server, slice::Slice, tool::Tool};

/// How many of the last lines of a failed side's messages an error has.
const LAST_LINES: usize = 6;

/// Who drives.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side<'a> {
    /// The built-in engine.
    Ours,
    /// A tool.
    Theirs(&'a Tool),
}

/// A server that serves, and what drives slices of load at it.
#[derive(Debug)]
pub(super) struct Bench {
    guard: Guard,
    interrupted: Arc<AtomicBool>,
    /// For what tools read and write.
    dir: TempDir,
    /// This program.
    program: PathBuf,
    /// The script as the user named it, which is how this program finds it again.
    script: String,
    split: Split,
    server: Server,
}

impl Bench {
    /// Builds and starts the server.
    pub(super) fn start(
        manifest: &Manifest,
        script: String,
        split: Split,
        interrupted: Arc<AtomicBool>,
    ) -> anyhow::Result<Self> {
        let guard = Guard::start().map_err(MeasureError::Guard)?;
        // Server and tools inherit the limit.
        let _ = raise_nofile();
        let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let server = Server::start(manifest, &split.server, &guard, &interrupted)?;
        // Our own part is to wait, but not on the CPUs of the server.
        let _ = split.load.pin_current_thread();
        Ok(Self { guard, interrupted, dir, program, script, split, server })
    }

    /// One slice of load by `side`, as long as `script` says.
    pub(super) fn slice(&mut self, side: Side<'_>, script: &Script) -> anyhow::Result<Slice> {
        self.driven(side, script, &mut |spec| spec).with_context(|| format!("{side} failed"))
    }

    /// The same, with the command changed by `wrap`.
    pub(super) fn driven(
        &mut self,
        side: Side<'_>,
        script: &Script,
        wrap: &mut dyn FnMut(ToolSpec) -> ToolSpec,
    ) -> anyhow::Result<Slice> {
        self.server.still_runs()?;
        let before = self.server.cpu_time();
        let slice = match side {
            Side::Ours => {
                let run = self.run(&wrap(self.ours(script)))?;
                ensure!(
                    run.exit == Ending::Status(0),
                    "it {}{}",
                    run.exit,
                    last_lines(&run.stderr)
                );
                Slice { client_cpu: run.cpu, ..once::parse(&run.stdout)? }
            }
            Side::Theirs(tool) => {
                let call = tool.call(script, self.server.addr, self.dir.path())?;
                let (program, args, env) = call.words();
                call.read(self.run(&wrap(self.spec(program, args, env)))?)?
            }
        };
        let server_cpu = self.server.cpu_time() - before;
        self.server.still_runs()?;
        Ok(Slice { server_cpu, ..slice })
    }

    /// Why a tool cannot drive a script; none if it can.
    pub(super) fn refusal(&self, tool: &Tool, script: &Script) -> Option<String> {
        let call = tool.call(script, self.server.addr, self.dir.path());
        call.err().map(|error| format!("{error:#}"))
    }

    /// A file in the folder of the tools.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Server and load, in words.
    pub(super) fn places(&self) -> String {
        let Split { server, load, shared } = &self.split;
        let shared = if *shared { " (the same)" } else { "" };
        format!("server on CPU {server}, load on CPU {load}{shared}")
    }

    /// This program, driving one slice.
    fn ours(&self, script: &Script) -> ToolSpec {
        let mut words = vec![
            "bench-load".to_owned(),
            "--load-once".to_owned(),
            self.server.addr.to_string(),
            "--script".to_owned(),
            self.script.clone(),
            "--connections".to_owned(),
            script.pace.connections().to_string(),
            "--slice".to_owned(),
            format!("{}us", script.duration().as_micros()),
        ];
        if let Pace::Open { rate, .. } = script.pace {
            words.extend(["--rate".to_owned(), rate.to_string()]);
        }
        let words = words.into_iter().map(OsString::from).collect();
        self.spec(self.program.clone().into_os_string(), words, Vec::new())
    }

    /// A program on the CPUs of the load.
    fn spec(
        &self,
        program: OsString,
        args: Vec<OsString>,
        env: Vec<(OsString, OsString)>,
    ) -> ToolSpec {
        let (dir, cpus) = (self.dir.path().to_owned(), Some(self.split.load.clone()));
        ToolSpec { program, args, dir, env, cpus }
    }

    /// Runs a program to its end.
    fn run(&self, spec: &ToolSpec) -> anyhow::Result<ToolRun> {
        match run_tool(spec, &self.guard, &self.interrupted, &mut |_| {}) {
            Err(ToolError::Interrupted { .. }) => Err(MeasureError::Interrupted.into()),
            run => Ok(run?),
        }
    }
}

impl fmt::Display for Side<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ours => f.write_str("ours"),
            Self::Theirs(tool) => f.write_str(tool.name()),
        }
    }
}

/// The end of a program's messages, to follow an error.
fn last_lines(messages: &[u8]) -> String {
    let text = String::from_utf8_lossy(messages);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default();
    last.iter().map(|line| format!("\n    {line}")).collect()
}
