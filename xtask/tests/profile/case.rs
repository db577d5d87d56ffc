//! A target, a script and a store in a folder of their own, and the tool run on them.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread::{self, JoinHandle},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::system::{PATIENCE, eventually, faulty_server, marked};

/// How long a response may take where the server is to stop answering. Where it is not, a machine
/// that stands still for a moment must not look like one.
const SHORT_TIMEOUT: &str = "300ms";
const LONG_TIMEOUT: &str = "30s";
/// The same for the time until the server is ready.
const SHORT_START: &str = "1s";
const LONG_START: &str = "60s";
/// Little load for a short time, so that the suite is quick.
const SCRIPT: &str = r#"
schema = 1
name = "short"
[load]
mode = "closed"
connections = 8
duration = "1s"
warmup = "500ms"
timeout = "TIMEOUT"
[[request]]
name = "short"
path = "/"
expect = { status = 200 }
"#;

/// A target in a folder of its own, whose path marks every process of a run.
pub(super) struct Case {
    pub(super) dir: TempDir,
}

/// How a run of the tool ended.
#[derive(Debug)]
pub(super) struct Outcome {
    /// None where a signal ended it.
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

/// A run of the tool that goes on.
pub(super) struct Live {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    stdout: JoinHandle<String>,
}

impl Case {
    /// A target that is a server with this fault after so many requests.
    pub(super) fn faulty(fault: &str, healthy: u64) -> Self {
        Self::with_build(fault, healthy, "")
    }

    /// The same with a `[build]` table.
    pub(super) fn with_build(fault: &str, healthy: u64, build: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("flameload-").tempdir().expect("a folder");
        let server = faulty_server().display().to_string();
        let marker = dir.path().display();
        let start = if fault == "thinks" { SHORT_START } else { LONG_START };
        let manifest = format!(
            r#"
name = "faulty"
language = "Rust"
description = "a server with a fault"
{build}
[[process]]
name = "server"
command = ["{server}", "{fault}", "{{port}}", "{healthy}", "{marker}"]
ready = {{ timeout = "{start}" }}
"#
        );
        fs::write(dir.path().join("target.toml"), manifest).expect("a file");
        let timeout = if healthy == u64::MAX { LONG_TIMEOUT } else { SHORT_TIMEOUT };
        let script = SCRIPT.replace("TIMEOUT", timeout);
        fs::write(dir.path().join("short.toml"), script).expect("a file");
        Self { dir }
    }

    /// A target that is this program with these arguments, whose path to load is `/work`.
    pub(super) fn working(program: &Path, arguments: &[&str]) -> Self {
        let dir = tempfile::Builder::new().prefix("flameload-").tempdir().expect("a folder");
        let program = program.display().to_string();
        let words = std::iter::once(program.as_str()).chain(arguments.iter().copied());
        let command: Vec<String> = words.map(|word| format!("'{word}'")).collect();
        let manifest = format!(
            r#"
name = "working"
language = "any"
description = "a server that works"
[[process]]
name = "server"
command = [{}]
ready = {{ timeout = "{LONG_START}" }}
"#,
            command.join(", ")
        );
        fs::write(dir.path().join("target.toml"), manifest).expect("a file");
        let script = SCRIPT.replace("TIMEOUT", LONG_TIMEOUT).replace("\"/\"", "\"/work\"");
        fs::write(dir.path().join("short.toml"), script).expect("a file");
        Self { dir }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The directory of runs.
    pub(super) fn store(&self) -> PathBuf {
        self.path("runs")
    }

    /// What marks the processes of this case.
    pub(super) fn marker(&self) -> String {
        self.dir.path().display().to_string()
    }

    /// Sends the server a signal.
    #[track_caller]
    pub(super) fn signal_server(&self, signal: Signal) {
        let program = faulty_server().display().to_string();
        let processes = marked(&self.marker());
        let server = processes.iter().find(|(_, line)| line.starts_with(&program));
        let (pid, _) = server.unwrap_or_else(|| panic!("no server among {processes:?}"));
        let pid = Pid::from_raw(pid.cast_signed()).expect("an id");
        kill_process(pid, signal).expect("it runs");
    }

    /// `profile` of this target.
    pub(super) fn profile(&self) -> Command {
        let mut command = tool();
        command.arg("profile").arg("--manifest").arg(self.dir.path());
        command.arg("--script").arg(self.path("short.toml")).arg("--out").arg(self.store());
        command
    }

    /// The only run that was kept.
    #[track_caller]
    pub(super) fn kept(&self) -> (PathBuf, Value) {
        let runs = self.runs();
        let [run] = runs.as_slice() else { panic!("one run is kept, not {runs:?}") };
        (run.clone(), read_record(run))
    }

    /// The directories of the runs that were kept.
    pub(super) fn runs(&self) -> Vec<PathBuf> {
        let targets = children(&self.store());
        let mut runs: Vec<PathBuf> = targets.iter().flat_map(|target| children(target)).collect();
        runs.retain(|run| !is_hidden(run));
        runs
    }

    /// No process of this case lives, and no run is half written.
    #[track_caller]
    pub(super) fn assert_clean(&self) {
        let marker = self.marker();
        eventually(&format!("left running: {:?}", marked(&marker)), || marked(&marker).is_empty());
        let targets = children(&self.store());
        let hidden =
            targets.iter().flat_map(|target| children(target)).find(|path| is_hidden(path));
        assert_eq!(hidden, None, "left half written");
    }
}

/// The tool itself. `cargo xtask test` names it as users have it, in release mode.
pub(super) fn tool_path() -> PathBuf {
    let given = env::var_os("FLAMELOAD_TOOL");
    given.unwrap_or_else(|| env!("CARGO_BIN_EXE_xtask").into()).into()
}

/// The tool's command. What a job in the background of a script ignores, it would ignore as well.
pub(super) fn tool() -> Command {
    let mut command = Command::new("/usr/bin/env");
    command.arg("--default-signal=INT,TERM,HUP").arg(tool_path()).stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(super) fn run(command: &mut Command) -> Outcome {
    Live::start(command).outcome()
}

/// The record of a run.
pub(super) fn read_record(directory: &Path) -> Value {
    let json = fs::read(directory.join("run.json")).expect("a record");
    serde_json::from_slice(&json).expect("a record is JSON")
}

fn children(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    entries.map(|entry| entry.expect("readable").path()).collect()
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().and_then(OsStr::to_str).is_none_or(|name| name.starts_with('.'))
}

impl Live {
    pub(super) fn start(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the tool starts");
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut out = child.stdout.take().expect("piped");
        let stdout = thread::spawn(move || {
            let mut text = String::new();
            out.read_to_string(&mut text).expect("text");
            text
        });
        Self { child, lines, seen: Vec::new(), stdout }
    }

    /// Waits for a line on stderr that begins with `start`.
    #[track_caller]
    pub(super) fn wait_for(&mut self, start: &str) {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("no line begins with '{start}': {:#?}", self.seen);
            };
            let found = line.starts_with(start);
            self.seen.push(line);
            if found {
                return;
            }
        }
    }

    /// Sends the tool, and nothing else, a signal.
    pub(super) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("an id");
        kill_process(pid, signal).expect("it runs");
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("its status").is_some()
    }

    /// Waits for its end.
    #[track_caller]
    pub(super) fn outcome(mut self) -> Outcome {
        let mut status = None;
        eventually("the tool ends", || {
            status = self.child.try_wait().expect("its status");
            status.is_some()
        });
        self.seen.extend(self.lines.iter());
        Outcome {
            code: status.and_then(|status| status.code()),
            stdout: self.stdout.join().expect("it is read"),
            stderr: self.seen.join("\n"),
        }
    }
}

impl Outcome {
    /// It ended with this code, and stderr has each of these texts.
    #[track_caller]
    pub(super) fn expect(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:#?}");
        for text in texts {
            assert!(self.stderr.contains(text), "no '{text}' in {self:#?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
    }
}
