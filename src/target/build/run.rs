//! Runs a tool of a build: shows what it prints, stops it when the user gives up.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::File,
    path::Path,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{self, RecvTimeoutError, SyncSender},
    },
    thread,
    time::Duration,
};

use super::BuildError;
use crate::target::{
    Guard,
    child::{Child, Ending, SpawnError, Spec, Streams},
    environment,
    output::each_line,
};

/// How many lines are kept for an error: a compiler's message with its context.
const KEPT_LINES: usize = 60;

/// Where a line is cut: cargo's messages are single lines of JSON.
const LONGEST_LINE: usize = 16 * 1024 * 1024;
/// So many lines may wait to be looked at; then the tool waits.
const LINES_WAITING: usize = 64;

/// How often the user and the process are looked at.
const POLL: Duration = Duration::from_millis(20);

/// How long the output of an ended process may stay open in the hands of its children.
const LAST_WORDS: u32 = 25;

/// How long a build may take to end once the user gave up.
const GRACE: Duration = Duration::from_secs(1);

/// Runs tools for one build.
pub(in crate::target) struct Runner<'a> {
    pub(in crate::target) guard: &'a Guard,
    pub(in crate::target) interrupted: &'a AtomicBool,
    pub(in crate::target) on_line: &'a mut dyn FnMut(&str),
}

enum Line {
    Out(String),
    Err(String),
}

/// What to run in `dir`, in the environment that the user has.
pub(in crate::target) fn spec(program: OsString, args: Vec<OsString>, dir: &Path) -> Spec {
    let (env, output) = (environment::inherited(), Streams::Apart);
    let (dir, input) = (dir.to_owned(), Vec::new());
    Spec {
        program,
        args,
        env,
        dir,
        cpus: None,
        open_files: None,
        account: None,
        mark: None,
        input,
        output,
    }
}

impl Runner<'_> {
    /// Runs a tool whose whole output is for people.
    pub(in crate::target) fn run_shown(&mut self, spec: &Spec) -> Result<(), BuildError> {
        self.run(spec, None)
    }

    /// Runs a tool whose standard output is for us, line by line, and the rest for people.
    pub(in crate::target) fn run_read(
        &mut self,
        spec: &Spec,
        on_out: &mut dyn FnMut(&str),
    ) -> Result<(), BuildError> {
        self.run(spec, Some(on_out))
    }

    fn run(
        &mut self,
        spec: &Spec,
        mut on_out: Option<&mut dyn FnMut(&str)>,
    ) -> Result<(), BuildError> {
        let (mut child, pipes) = Child::hold(spec, self.guard)?;
        child.release(spec)?;
        let (sender, lines) = mpsc::sync_channel(LINES_WAITING);
        if let Some(stderr) = pipes.stderr {
            follow(stderr, sender.clone(), Line::Err)?;
        }
        follow(pipes.stdout, sender, Line::Out)?;
        let mut kept = VecDeque::new();
        let mut patience = LAST_WORDS;
        loop {
            match (lines.recv_timeout(POLL), &mut on_out) {
                (Ok(Line::Out(line)), Some(on_out)) => on_out(&line),
                (Ok(Line::Out(line) | Line::Err(line)), _) => {
                    (self.on_line)(&line);
                    kept.push_back(line);
                    if kept.len() > KEPT_LINES {
                        kept.pop_front();
                    }
                }
                (Err(RecvTimeoutError::Timeout), _) if child.ending().is_some() => {
                    patience = patience.saturating_sub(1);
                    if patience == 0 {
                        break;
                    }
                }
                (Err(RecvTimeoutError::Timeout), _) => {}
                (Err(RecvTimeoutError::Disconnected), _) => break,
            }
            self.go_on(&mut child)?;
        }
        // A tool may close its output well before it ends.
        while child.ending().is_none() {
            thread::sleep(POLL);
            self.go_on(&mut child)?;
        }
        match child.stop(GRACE) {
            Ending::Status(0) => Ok(()),
            ending => Err(BuildError::Failed {
                command: command(spec),
                ending,
                last_lines: kept.into(),
                hint: None,
            }),
        }
    }

    fn go_on(&self, child: &mut Child) -> Result<(), BuildError> {
        if !self.interrupted.load(Ordering::Relaxed) {
            return Ok(());
        }
        child.stop(GRACE);
        Err(BuildError::Interrupted)
    }
}

fn follow(
    stream: File,
    lines: SyncSender<Line>,
    wrap: impl Fn(String) -> Line + Send + 'static,
) -> Result<(), SpawnError> {
    thread::Builder::new().name("build output".to_owned()).spawn(move || {
        each_line(stream, LONGEST_LINE, |line| {
            // Nobody listens any more once the build was given up.
            let _ = lines.send(wrap(line.to_owned()));
        });
    })?;
    Ok(())
}

/// Adds to the error of a tool that is not installed how to get it.
pub(super) fn missing(error: BuildError, advice: &str) -> BuildError {
    match error {
        BuildError::Spawn(SpawnError::NotFound(program)) => {
            BuildError::MissingTool { program, advice: advice.to_owned() }
        }
        other => other,
    }
}

/// The command as a user would recognize it: the program and its first word.
fn command(spec: &Spec) -> String {
    let words = [Some(&spec.program), spec.args.first()];
    let words: Vec<_> = words.into_iter().flatten().map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}
