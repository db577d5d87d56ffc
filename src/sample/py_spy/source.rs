//! How the stacks of one interpreter are read: in copies where we know where its version keeps
//! them, else by the crate `py-spy`, which follows them link by link.

use std::sync::Arc;

use py_spy::{Config, PythonSpy, StackTrace, config::LockingStrategy};

use super::{
    code::{Codes, Function, Location},
    layout::Layout,
    memory::ProcessMemory,
    stack::{ReadStack, Reader, Unread},
};

/// The first version that says which thread of the system a thread of its own is: without that,
/// nobody can tell which threads run.
const OLDEST: (u64, u64) = (3, 11);

/// A stack that changes while the crate reads it is read again, so often in all.
const READS: u32 = 4;

/// Reads the stacks of one interpreter.
pub(super) enum Source {
    /// By copies.
    Copies(Box<Reader<ProcessMemory>>),
    /// By the crate.
    Links {
        /// Reads the thread that holds the interpreter's lock, if one does.
        holder: Box<PythonSpy>,
        /// Reads every thread.
        all: Box<PythonSpy>,
    },
}

impl Source {
    /// Opens the interpreter of a process.
    ///
    /// # Errors
    /// When it has none that can be read: why not.
    pub(super) fn open(pid: u32) -> Result<Self, String> {
        let config = Config {
            blocking: LockingStrategy::NonBlocking,
            collect_thread_names: false,
            ..Config::default()
        };
        let raw = py_spy::Pid::try_from(pid).map_err(|error| error.to_string())?;
        let mut all = PythonSpy::new(raw, &config).map_err(told)?;
        let version = (all.version.major, all.version.minor);
        if version < OLDEST {
            return Err(format!(
                "Python {}.{} does not tell which of its threads run; {}.{} and later do",
                version.0, version.1, OLDEST.0, OLDEST.1
            ));
        }
        // Read once, so that it is known to be readable.
        let traces = all.get_stack_traces().map_err(told)?;
        if let Some(reader) = Layout::of(version.0, version.1)
            .and_then(|layout| reader(pid, &all, layout))
            .filter(|reader| is_alike(reader, &traces))
        {
            return Ok(Self::Copies(Box::new(reader)));
        }
        let of_holder = Config { gil_only: true, ..config };
        let holder = PythonSpy::new(raw, &of_holder).map_err(told)?;
        Ok(Self::Links { holder: Box::new(holder), all: Box::new(all) })
    }

    /// The stack of the thread that holds the interpreter's lock, if one does. `is_right` says
    /// whether a stack begins where those of its thread do.
    pub(super) fn holder(
        &mut self,
        is_right: impl Fn(u32, &Location) -> bool,
    ) -> Result<Option<ReadStack>, Unread> {
        match self {
            Self::Copies(reader) => match reader.holder()? {
                Some(state) => reader.stack(state, is_right).map(Some).ok_or(Unread),
                None => Ok(None),
            },
            Self::Links { holder, .. } => {
                // What calls much changes while it is read. To give up at once would be to see
                // less of it than of what calls little.
                let read = (0..READS).find_map(|_| holder.get_stack_traces().ok());
                Ok(read.ok_or(Unread)?.first().map(of_trace))
            }
        }
    }

    /// The stacks of some threads, as far as they are the interpreter's.
    pub(super) fn threads(
        &mut self,
        tids: &[u32],
        is_right: impl Fn(u32, &Location) -> bool,
    ) -> Vec<ReadStack> {
        match self {
            Self::Copies(reader) => {
                let threads = reader.threads().unwrap_or_default();
                let wanted = threads.iter().filter(|thread| tids.contains(&thread.tid));
                wanted.filter_map(|thread| reader.stack(thread.state, &is_right)).collect()
            }
            Self::Links { all, .. } => {
                let traces = all.get_stack_traces().unwrap_or_default();
                let stacks = traces.iter().map(of_trace);
                stacks.filter(|stack| tids.contains(&stack.tid)).collect()
            }
        }
    }
}

fn reader(pid: u32, spy: &PythonSpy, layout: &'static Layout) -> Option<Reader<ProcessMemory>> {
    let address = |address: usize| u64::try_from(address).ok().filter(|address| *address != 0);
    let interpreter = address(spy.addresses.interpreter_address)?;
    let lock = address(spy.addresses.threadstate_address)?;
    Some(Reader::new(ProcessMemory(pid), layout, (interpreter, lock), Codes::new(pid)))
}

/// Whether copies show the threads that the crate has seen: otherwise this is a build that keeps
/// them elsewhere.
fn is_alike(reader: &Reader<ProcessMemory>, traces: &[StackTrace]) -> bool {
    let threads = reader.threads().unwrap_or_default();
    let is_there = |trace: &StackTrace| threads.iter().any(|thread| thread.tid == tid_of(trace));
    reader.holder().is_ok() && !threads.is_empty() && traces.iter().any(is_there)
}

fn tid_of(trace: &StackTrace) -> u32 {
    let main = trace.pid.unsigned_abs();
    trace.os_thread_id.and_then(|tid| u32::try_from(tid).ok()).unwrap_or(main)
}

fn of_trace(trace: &StackTrace) -> ReadStack {
    let location = |frame: &py_spy::Frame| {
        let short = frame.short_filename.as_ref().unwrap_or(&frame.filename).clone();
        let (name, file) = (frame.name.clone(), frame.filename.clone());
        let line = u32::try_from(frame.line).ok().filter(|line| *line > 0);
        Location { function: Arc::new(Function { name, file, short }), line }
    };
    let frames = trace.frames.iter().map(location).collect();
    ReadStack { tid: tid_of(trace), frames, is_whole: true }
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
