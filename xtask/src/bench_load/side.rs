//! Who drives a slice: this program, or a tool that is installed. Either is a process of its own,
//! on the same CPUs, and its CPU time is what the kernel tells when it ends.

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use anyhow::{Context as _, bail};
use flameload::{
    load::{Pace, Script},
    measure::MeasureError,
    target::{Cpus, Ending, Guard, ToolError, ToolRun, ToolSpec, run_tool},
};

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

/// What all slices share.
#[derive(Debug)]
pub(super) struct Bench<'a> {
    pub(super) guard: &'a Guard,
    pub(super) interrupted: &'a AtomicBool,
    /// A folder for what tools read and write.
    pub(super) dir: &'a Path,
    /// This program.
    pub(super) program: PathBuf,
    /// The script as the user named it, which is how this program finds it again.
    pub(super) script: String,
    pub(super) load_cpus: Cpus,
}

impl Bench<'_> {
    /// One slice of load by `side`, as long as `script` says.
    pub(super) fn slice(
        &self,
        side: Side<'_>,
        script: &Script,
        server: &mut Server,
    ) -> anyhow::Result<Slice> {
        server.still_runs()?;
        let before = server.cpu_time();
        let slice = match side {
            Side::Ours => {
                let run = self.run(self.ours(script, server))?;
                Slice { client_cpu: run.cpu, ..once::parse(&run.stdout)? }
            }
            Side::Theirs(tool) => {
                let invocation = tool.command(script, server.addr, self.dir)?;
                let run = self.run(invocation.clone())?;
                Slice { client_cpu: run.cpu, ..tool.parse(&invocation, script, &run)? }
            }
        };
        let server_cpu = server.cpu_time() - before;
        server.still_runs()?;
        Ok(Slice { server_cpu, ..slice })
    }

    /// Runs a program to its good end, on the CPUs of the load.
    pub(super) fn run(&self, command: Vec<OsString>) -> anyhow::Result<ToolRun> {
        let mut words = command.into_iter();
        let program = words.next().context("there is no program to run")?;
        let name = Path::new(&program).file_name().unwrap_or(&program).display().to_string();
        let spec = ToolSpec {
            program,
            args: words.collect(),
            dir: self.dir.to_owned(),
            env: Vec::new(),
            cpus: Some(self.load_cpus.clone()),
        };
        let run = match run_tool(&spec, self.guard, self.interrupted, &mut |_| {}) {
            Err(ToolError::Interrupted { .. }) => return Err(MeasureError::Interrupted.into()),
            run => run?,
        };
        if run.exit != Ending::Status(0) {
            bail!("{name} {}{}", run.exit, last_lines(&run.stderr));
        }
        Ok(run)
    }

    /// This program, driving one slice.
    pub(super) fn ours(&self, script: &Script, server: &Server) -> Vec<OsString> {
        let mut words = vec![
            "bench-load".to_owned(),
            "--load-once".to_owned(),
            server.addr.to_string(),
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
        let words = words.into_iter().map(OsString::from);
        [self.program.clone().into_os_string()].into_iter().chain(words).collect()
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
