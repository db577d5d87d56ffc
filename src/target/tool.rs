//! Runs a helper program, such as a load tool, to its end: its output whole, its CPU time exact.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read},
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use thiserror::Error;

use super::{
    child::{Child, Ending, SpawnError, Spec, Streams},
    cpus::Cpus,
    environment,
    guard::Guard,
};
use crate::unit::Nanos;

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolSpec {
    /// A name that is looked up in `PATH`, or a path with a slash, from `dir`.
    pub program: OsString,
    /// Its arguments, without its name.
    pub args: Vec<OsString>,
    /// The folder it runs in.
    pub dir: PathBuf,
    /// Variables on top of those that this process has.
    pub env: Vec<(OsString, OsString)>,
    /// The CPUs that it may use; all of this process's if none.
    pub cpus: Option<Cpus>,
}

/// A tool that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolRun {
    /// What it printed, up to [`ToolRun::LONGEST_OUTPUT`].
    pub stdout: Vec<u8>,
    /// What it printed to stderr, up to as much again.
    pub stderr: Vec<u8>,
    /// Bytes of both that were printed beyond that, and are lost.
    pub cut: u64,
    /// Its exit status, or the signal that ended it.
    pub exit: Ending,
    /// From just before its first instruction until its end was noticed, which is at once if it
    /// is the last to close its output, else within 50 ms.
    pub elapsed: Nanos,
    /// The CPU time, user and kernel, of it and of the children that it waited for.
    pub cpu: Nanos,
}

impl ToolRun {
    /// How many bytes of each stream are kept.
    pub const LONGEST_OUTPUT: usize = 64 * 1024 * 1024;
}

/// Why a tool did not run to its end.
#[derive(Debug, Error)]
pub enum ToolError {
    /// It could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// The user gave up.
    #[error("interrupted while {program} was running")]
    Interrupted {
        /// The program.
        program: String,
    },
    /// How it ended and what it used is not known.
    #[error(
        "the exit status and CPU time of {program} are lost: something else in this process \
         waited for it"
    )]
    Lost {
        /// The program.
        program: String,
    },
}

/// How often the caller and a process that has closed its output are looked at.
const GLANCE: Duration = Duration::from_millis(50);

/// The same, once nothing else can tell of the process's end.
const POLL: Duration = Duration::from_millis(2);

/// How long a tool may take to end once the user gave up.
const GRACE: Duration = Duration::from_secs(1);

/// How long output may stay open when the tool and its group are gone: a process that has left
/// the group holds it.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Runs a tool to its end, under `guard` so that it does not outlive this process.
///
/// `on_glance` gets the time since the start about every 50 ms. When `interrupted` is set, the
/// tool's process group is asked to end, and killed if it does not within a second. Children that
/// the tool leaves in its group are killed when it ends.
///
/// # Errors
/// When the tool cannot be started, or `interrupted` was set. A tool that fails is no error: its
/// exit status says so.
pub fn run_tool(
    spec: &ToolSpec,
    guard: &Guard,
    interrupted: &AtomicBool,
    on_glance: &mut dyn FnMut(Nanos),
) -> Result<ToolRun, ToolError> {
    run_spec(&spec.in_environment(), guard, interrupted, on_glance)
}

/// The same of a spec with an environment and an account of its own.
pub(super) fn run_spec(
    spec: &Spec,
    guard: &Guard,
    interrupted: &AtomicBool,
    on_glance: &mut dyn FnMut(Nanos),
) -> Result<ToolRun, ToolError> {
    let program = || spec.program.to_string_lossy().into_owned();
    let (mut child, pipes) = Child::hold(spec, guard)?;
    let (open, ends) = channel();
    let stdout = Capture::follow(pipes.stdout, open.clone())?;
    let stderr = pipes.stderr.map(|stream| Capture::follow(stream, open)).transpose()?;
    let start = Nanos::now();
    child.release(spec)?;
    while child.ending().is_none() {
        if interrupted.load(Ordering::Relaxed) {
            child.stop(GRACE);
            return Err(ToolError::Interrupted { program: program() });
        }
        on_glance(Nanos::now() - start);
        wait(&ends, &mut child);
    }
    let elapsed = Nanos::now() - start;
    let exit = child.stop(GRACE);
    let cpu = child.cpu().ok_or_else(|| ToolError::Lost { program: program() })?;
    // Whatever was printed is in the pipes; their ends come as soon as nobody holds them.
    let _ = ends.recv_timeout(LAST_WORDS);
    let (stdout, cut_out) = stdout.take();
    let (stderr, cut_err) = stderr.map(|capture| capture.take()).unwrap_or_default();
    Ok(ToolRun { stdout, stderr, cut: cut_out + cut_err, exit, elapsed, cpu })
}

impl ToolSpec {
    fn in_environment(&self) -> Spec {
        let mut env = environment::inherited();
        env.extend(self.env.iter().cloned());
        Spec {
            program: self.program.clone(),
            args: self.args.clone(),
            env,
            dir: self.dir.clone(),
            cpus: self.cpus.clone(),
            output: Streams::Apart,
            open_files: None,
            account: None,
            mark: None,
            input: Vec::new(),
        }
    }
}

/// Waits for the next glance, or for an end of the output, which most tools close by ending.
fn wait(ends: &Receiver<()>, child: &mut Child) {
    let deadline = Nanos::now() + GLANCE.into();
    // Nothing is ever sent: the senders are dropped.
    let Err(RecvTimeoutError::Disconnected) = ends.recv_timeout(GLANCE) else { return };
    while child.ending().is_none() && Nanos::now() < deadline {
        thread::sleep(POLL);
    }
}

/// One stream of a process, read to its end by a thread so that the process never waits for us.
#[derive(Debug)]
struct Capture(Arc<Mutex<Captured>>);

#[derive(Debug, Default)]
struct Captured {
    bytes: Vec<u8>,
    cut: u64,
}

impl Capture {
    /// Reads until the end of `stream`, at which `open` is dropped.
    fn follow(mut stream: File, open: Sender<()>) -> Result<Self, SpawnError> {
        let shared = Arc::new(Mutex::new(Captured::default()));
        let reader = Self(Arc::clone(&shared));
        thread::Builder::new().name("tool output".to_owned()).spawn(move || {
            let mut chunk = vec![0; 64 * 1024];
            loop {
                match stream.read(&mut chunk) {
                    Ok(0) => break,
                    Ok(read) => reader.keep(&chunk[..read]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            drop(open);
        })?;
        Ok(Self(shared))
    }

    fn keep(&self, chunk: &[u8]) {
        let mut captured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = ToolRun::LONGEST_OUTPUT.saturating_sub(captured.bytes.len());
        let (kept, lost) = chunk.split_at(room.min(chunk.len()));
        captured.bytes.extend_from_slice(kept);
        captured.cut += lost.len() as u64;
    }

    /// What has come so far, and how many bytes were too many.
    fn take(self) -> (Vec<u8>, u64) {
        let mut captured = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (std::mem::take(&mut captured.bytes), captured.cut)
    }
}

#[cfg(test)]
mod tests;
