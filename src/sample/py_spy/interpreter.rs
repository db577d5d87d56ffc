//! The interpreters of the processes that are watched, and one look into each.

use py_spy::{Config, PythonSpy, StackTrace, config::LockingStrategy};
use rustc_hash::FxHashMap;

use super::{
    PySpyError, Root,
    candidate::Candidate,
    proc::{self, Scheduled},
};
use crate::{
    sample::{
        attach::{thread_name, threads},
        capture::SampledThread,
        named::{NamedFrame, NamedKind},
    },
    unit::Nanos,
};

/// A process may be looked into so often before it counts as one without an interpreter: one that
/// has just been forked has none yet.
const ATTEMPTS: u32 = 20;

/// A stack that changes while it is read is read again, so often in all.
const READS: u32 = 4;

/// The first version that says which thread of the system a thread of its own is: without that,
/// nobody can tell which threads run.
const OLDEST: (u64, u64) = (3, 11);

/// The interpreters of the processes that are watched.
pub(super) struct Interpreters {
    roots: Vec<Root>,
    config: Config,
    found: Vec<Interpreter>,
    /// Processes without an interpreter that can be read: how often that was tried, and the reason.
    failed: FxHashMap<u32, (u32, String)>,
}

struct Interpreter {
    /// Reads the thread that holds the interpreter's lock, if one does.
    holder: PythonSpy,
    /// Reads every thread.
    all: PythonSpy,
    pid: u32,
    /// The place of its root.
    of: u32,
    process: String,
    /// The outermost function of each thread, with how much more often it was seen than others.
    outermost: FxHashMap<u32, (String, u32)>,
}

/// What one look into an interpreter came to.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) pid: u32,
    pub(super) stacks: Vec<SeenStack>,
    /// Those of threads that may have run.
    pub(super) candidates: Vec<Candidate>,
    /// Stacks of threads that ran and that could not be read.
    pub(super) lost: u64,
}

/// The stack of a thread that ran.
#[derive(Debug)]
pub(super) struct SeenStack {
    pub(super) time: Nanos,
    pub(super) thread: SampledThread,
    /// From the root in.
    pub(super) frames: Vec<NamedFrame>,
}

impl Interpreters {
    pub(super) fn new(roots: Vec<Root>) -> Self {
        let config = Config {
            blocking: LockingStrategy::NonBlocking,
            collect_thread_names: false,
            ..Config::default()
        };
        Self { roots, config, found: Vec::new(), failed: FxHashMap::default() }
    }

    /// Finds the interpreters that there are.
    ///
    /// # Errors
    /// When a root has none in its family.
    pub(super) fn find_all(&mut self) -> Result<(), PySpyError> {
        for attempt in 1..=ATTEMPTS {
            self.find_new();
            let lacks = |of: usize| self.found.iter().all(|found| found.of as usize != of);
            let Some(of) = (0..self.roots.len()).find(|of| lacks(*of)) else { return Ok(()) };
            if attempt == ATTEMPTS {
                let Root { process, pid } = self.roots[of].clone();
                let why = self.failed.get(&pid).map(|(_, why)| why.clone());
                let why = why.unwrap_or_else(|| "it has ended".to_owned());
                return Err(PySpyError::NoPython { process, why });
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Ok(())
    }

    /// Finds the interpreters that are new, and forgets those that have ended.
    pub(super) fn find_new(&mut self) {
        let mut living = Vec::new();
        for (of, root) in self.roots.clone().into_iter().enumerate() {
            for pid in proc::family(root.pid) {
                living.push(pid);
                let is_known = self.found.iter().any(|found| found.pid == pid);
                let given_up = self.failed.get(&pid).is_some_and(|(times, _)| *times >= ATTEMPTS);
                if !is_known && !given_up {
                    self.try_process(pid, of as u32);
                }
            }
        }
        self.found.retain(|found| living.contains(&found.pid));
        self.failed.retain(|pid, _| living.contains(pid));
    }

    fn try_process(&mut self, pid: u32, of: u32) {
        match open(pid, &self.config) {
            Ok((holder, all)) => {
                self.failed.remove(&pid);
                let (process, outermost) = (thread_name(pid, pid), FxHashMap::default());
                self.found.push(Interpreter { holder, all, pid, of, process, outermost });
            }
            Err(why) => {
                let (times, last) = self.failed.entry(pid).or_default();
                (*times, *last) = (*times + 1, why);
            }
        }
    }

    /// The processes that have one.
    pub(super) fn pids(&self) -> Vec<u32> {
        self.found.iter().map(|found| found.pid).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.found.len()
    }

    /// Reads the stacks of the threads of one interpreter that run.
    pub(super) fn look_into(&mut self, index: usize) -> Seen {
        match self.found.get_mut(index) {
            Some(interpreter) => interpreter.look(),
            None => Seen::default(),
        }
    }
}

/// Opens an interpreter twice, to read the holder of its lock and to read all threads.
fn open(pid: u32, config: &Config) -> Result<(PythonSpy, PythonSpy), String> {
    let raw = py_spy::Pid::try_from(pid).map_err(|error| error.to_string())?;
    let mut all = PythonSpy::new(raw, config).map_err(told)?;
    let version = (all.version.major, all.version.minor);
    if version < OLDEST {
        return Err(format!(
            "Python {}.{} does not tell which of its threads run; {}.{} and later do",
            version.0, version.1, OLDEST.0, OLDEST.1
        ));
    }
    // Read once, so that it is known to be readable.
    all.get_stack_traces().map_err(told)?;
    let of_holder = Config { gil_only: true, ..config.clone() };
    let holder = PythonSpy::new(raw, &of_holder).map_err(told)?;
    Ok((holder, all))
}

/// The system's id of a thread.
fn tid_of(trace: &StackTrace, pid: u32) -> u32 {
    trace.os_thread_id.and_then(|tid| u32::try_from(tid).ok()).unwrap_or(pid)
}

/// An error with its causes, on one line.
fn told(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> String {
    let error = error.into();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}

impl Interpreter {
    /// Reads the stack of the thread that runs.
    ///
    /// Who holds the interpreter's lock runs Python's code, or would if it had a CPU: its stack is
    /// read at once, before anything else. Where nobody holds it, a thread that runs is in native
    /// code that was called from its innermost frame. Whether it runs, or was woken and waits for
    /// a CPU where it had gone to sleep, shows soon after: see [`Candidate`].
    ///
    /// To read all threads and then ask which of them ran would take longer than many functions
    /// do: they would be seen in what they did next, mostly waiting.
    fn look(&mut self) -> Seen {
        let mut seen = Seen { pid: self.pid, ..Seen::default() };
        // What calls much changes while it is read. To give up at once would be to see less of it
        // than of what calls little.
        let read = (0..READS).find_map(|_| self.holder.get_stack_traces().ok());
        match read.as_deref() {
            Some([trace, ..]) => seen.stacks.push(self.stack(trace)),
            Some([]) => self.look_at_native(&mut seen),
            None => seen.lost += 1,
        }
        seen
    }

    fn look_at_native(&mut self, seen: &mut Seen) {
        let runnable = threads(self.pid).unwrap_or_default().into_iter();
        let runnable = runnable.filter(|tid| proc::is_runnable(self.pid, *tid));
        let before: Vec<(u32, Scheduled)> =
            runnable.filter_map(|tid| Some((tid, proc::scheduled(self.pid, tid)?))).collect();
        if before.is_empty() {
            return;
        }
        let traces = self.all.get_stack_traces().unwrap_or_default();
        for (tid, before) in before {
            let trace = traces.iter().find(|trace| tid_of(trace, self.pid) == tid);
            // Threads that are not the interpreter's have no stack to read.
            let Some(trace) = trace else { continue };
            if proc::is_runnable(self.pid, tid) {
                seen.candidates.push(Candidate { stack: self.stack(trace), before });
            } else {
                // It has gone to sleep meanwhile, and was read in the act of doing so.
                seen.lost += 1;
            }
        }
    }

    fn stack(&mut self, trace: &StackTrace) -> SeenStack {
        let (time, tid) = (Nanos::now(), tid_of(trace, self.pid));
        let frames = self.frames(tid, trace);
        let thread = SampledThread {
            pid: self.pid,
            tid,
            of: Some(self.of),
            process: self.process.clone(),
            name: thread_name(self.pid, tid),
        };
        SeenStack { time, thread, frames }
    }

    /// The frames of a thread from the root in, with a mark where its callers are missing.
    fn frames(&mut self, tid: u32, trace: &StackTrace) -> Vec<NamedFrame> {
        let mut frames: Vec<NamedFrame> = trace.frames.iter().rev().map(frame).collect();
        let Some(root) = trace.frames.last() else {
            return vec![mark("[no Python frame]", NamedKind::Unknown)];
        };
        if !self.is_outermost(tid, &root.name) {
            frames.insert(0, mark("[truncated]", NamedKind::Truncated));
        }
        frames
    }

    /// Whether a thread's stacks usually begin with this function: every stack of a thread has the
    /// same root, unless it was read while it changed. By the vote of Boyer and Moore.
    fn is_outermost(&mut self, tid: u32, name: &str) -> bool {
        let (usual, lead) = self.outermost.entry(tid).or_default();
        if usual == name {
            *lead += 1;
        } else if *lead == 0 {
            (*usual, *lead) = (name.to_owned(), 1);
        } else {
            *lead -= 1;
        }
        usual == name
    }
}

/// A frame, named with its place: `function (file.py:line)`.
fn frame(frame: &py_spy::Frame) -> NamedFrame {
    let file = frame.short_filename.as_deref().unwrap_or(&frame.filename);
    let line = u32::try_from(frame.line).ok().filter(|line| *line > 0);
    let place = line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"));
    NamedFrame {
        name: format!("{} ({place})", frame.name),
        module: Some("python".to_owned()),
        file: Some(frame.filename.clone()),
        line,
        kind: NamedKind::Function,
    }
}

fn mark(name: &str, kind: NamedKind) -> NamedFrame {
    NamedFrame { name: name.to_owned(), module: None, file: None, line: None, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_their_place_in_their_name() {
        let python = |short: Option<&str>, line| py_spy::Frame {
            name: "Handler.do_GET".to_owned(),
            filename: "/srv/shop/app/views.py".to_owned(),
            module: None,
            short_filename: short.map(str::to_owned),
            line,
            locals: None,
            is_entry: false,
            is_shim_entry: false,
        };
        assert_eq!(frame(&python(Some("app/views.py"), 7)).name, "Handler.do_GET (app/views.py:7)");
        assert_eq!(frame(&python(None, 0)).name, "Handler.do_GET (/srv/shop/app/views.py)");
        assert_eq!(frame(&python(None, 0)).line, None);
    }

    #[test]
    fn what_is_no_python_says_why() {
        let root = Root { process: "us".to_owned(), pid: std::process::id() };
        let error = Interpreters::new(vec![root]).find_all().expect_err("we are in Rust");
        let text = error.to_string();
        assert!(text.starts_with("no Python that can be sampled runs in us: "), "{text}");
    }
}
