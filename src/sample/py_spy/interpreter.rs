//! The interpreters of the processes that are watched, and one look into each.

use rustc_hash::FxHashMap;

use super::{
    PySpyError, Root,
    candidate::Candidate,
    code::Location,
    proc::{self, Scheduled},
    source::Source,
    stack::ReadStack,
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

/// The interpreters of the processes that are watched.
pub(super) struct Interpreters {
    roots: Vec<Root>,
    found: Vec<Interpreter>,
    /// Processes without an interpreter that can be read: how often that was tried, and the reason.
    failed: FxHashMap<u32, (u32, String)>,
}

struct Interpreter {
    source: Source,
    pid: u32,
    /// The place of its root.
    of: u32,
    process: String,
    outermost: Outermost,
}

/// The outermost function of each thread, with how much more often it was seen than others: every
/// stack of a thread has the same root, unless it was read while it changed. By the vote of Boyer
/// and Moore.
#[derive(Debug, Default)]
struct Outermost(FxHashMap<u32, (String, u32)>);

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
        Self { roots, found: Vec::new(), failed: FxHashMap::default() }
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
        match Source::open(pid) {
            Ok(source) => {
                self.failed.remove(&pid);
                let (process, outermost) = (thread_name(pid, pid), Outermost::default());
                self.found.push(Interpreter { source, pid, of, process, outermost });
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
        let outermost = &self.outermost;
        match self.source.holder(|tid, root| outermost.may_be(tid, root)) {
            Ok(Some(read)) => seen.stacks.push(self.stack(&read)),
            Ok(None) => self.look_at_native(&mut seen),
            Err(_) => seen.lost += 1,
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
        let tids: Vec<u32> = before.iter().map(|(tid, _)| *tid).collect();
        let outermost = &self.outermost;
        let stacks = self.source.threads(&tids, |tid, root| outermost.may_be(tid, root));
        for (tid, before) in before {
            // Threads that are not the interpreter's have no stack to read.
            let Some(read) = stacks.iter().find(|read| read.tid == tid) else { continue };
            if proc::is_runnable(self.pid, tid) {
                seen.candidates.push(Candidate { stack: self.stack(read), before });
            } else {
                // It has gone to sleep meanwhile, and was read in the act of doing so.
                seen.lost += 1;
            }
        }
    }

    fn stack(&mut self, read: &ReadStack) -> SeenStack {
        let (time, tid) = (Nanos::now(), read.tid);
        let frames = self.frames(read);
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
    fn frames(&mut self, read: &ReadStack) -> Vec<NamedFrame> {
        let mut frames: Vec<NamedFrame> = read.frames.iter().rev().map(frame).collect();
        let is_outermost = match read.frames.last() {
            Some(root) => self.outermost.vote(read.tid, root),
            None if read.is_whole => return vec![mark("[no Python frame]", NamedKind::Unknown)],
            None => false,
        };
        if !(read.is_whole && is_outermost) {
            frames.insert(0, mark("[truncated]", NamedKind::Truncated));
        }
        frames
    }
}

impl Outermost {
    /// Whether stacks of this thread usually begin there, as far as it is known by now.
    fn may_be(&self, tid: u32, root: &Location) -> bool {
        self.0.get(&tid).is_none_or(|(usual, lead)| *lead == 0 || *usual == root.function.name)
    }

    /// The same, and counts this one.
    fn vote(&mut self, tid: u32, root: &Location) -> bool {
        let name = &root.function.name;
        let (usual, lead) = self.0.entry(tid).or_default();
        if usual == name {
            *lead += 1;
        } else if *lead == 0 {
            (*usual, *lead) = (name.clone(), 1);
        } else {
            *lead -= 1;
        }
        usual == name
    }
}

/// A frame, named with its place: `function (file.py:line)`.
fn frame(at: &Location) -> NamedFrame {
    let (function, line) = (&at.function, at.line);
    let file = &function.short;
    let place = line.map_or_else(|| file.clone(), |line| format!("{file}:{line}"));
    NamedFrame {
        name: format!("{} ({place})", function.name),
        module: Some("python".to_owned()),
        file: Some(function.file.clone()),
        line,
        kind: NamedKind::Function,
    }
}

fn mark(name: &str, kind: NamedKind) -> NamedFrame {
    NamedFrame { name: name.to_owned(), module: None, file: None, line: None, kind }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::sample::py_spy::code::Function;

    #[test]
    fn frames_have_their_place_in_their_name() {
        let place = |short: &str, line| {
            let (name, file) = ("Handler.do_GET".to_owned(), "/srv/shop/app/views.py".to_owned());
            let function = Arc::new(Function { name, file, short: short.to_owned() });
            frame(&Location { function, line }).name
        };
        assert_eq!(place("app/views.py", Some(7)), "Handler.do_GET (app/views.py:7)");
        assert_eq!(place("views.py", None), "Handler.do_GET (views.py)");
    }

    #[test]
    fn what_is_no_python_says_why() {
        let root = Root { process: "us".to_owned(), pid: std::process::id() };
        let error = Interpreters::new(vec![root]).find_all().expect_err("we are in Rust");
        let text = error.to_string();
        assert!(text.starts_with("no Python that can be sampled runs in us: "), "{text}");
    }
}
