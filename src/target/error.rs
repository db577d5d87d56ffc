//! Why a target could not be started.

use std::{io, time::Duration};

use thiserror::Error;

use super::{
    child::{Ending, Relative, SpawnError},
    database::DatabaseError,
    template::TemplateError,
};
use crate::unit::Bytes;

/// Why a target could not be started.
#[derive(Debug, Error)]
pub enum TargetError {
    /// A command or variable cannot be filled in.
    #[error("process '{process}': {source}")]
    Template {
        /// The process.
        process: String,
        /// What is missing.
        source: TemplateError,
    },
    /// The port asked for is in use.
    #[error("port {port} is taken{holder}; stop that, or choose another with --port")]
    PortTaken {
        /// The port.
        port: u16,
        /// ` by NAME (process PID)`, where this user may know.
        holder: String,
    },
    /// The port asked for is reserved.
    #[error("port {port} is reserved for root; choose one above 1023")]
    PortForbidden {
        /// The port.
        port: u16,
    },
    /// The system gives no port.
    #[error("cannot get a port on 127.0.0.1: {0}")]
    Port(io::Error),
    /// The system does not tell which CPUs there are.
    #[error("cannot tell which CPUs may be used: {0}")]
    Cpus(io::Error),
    /// A process asks for a database, and there is none.
    #[error(
        "process '{process}' uses {{db_url}}, but the target has no [[service]]: add one, or name \
         a database that runs with --db-url"
    )]
    NoDatabase {
        /// The process.
        process: String,
    },
    /// A service has nothing to start from.
    #[error("the service '{service}' was not built: it is launched with a build that left it out")]
    NotBuilt {
        /// The service.
        service: String,
    },
    /// A service does not serve.
    #[error("service '{service}': {source}")]
    Service {
        /// The service.
        service: String,
        /// Why.
        source: DatabaseError,
    },
    /// A process could not be started at all.
    #[error("process '{process}': {source}")]
    Spawn {
        /// The process.
        process: String,
        /// What the system refused.
        source: SpawnError,
    },
    /// A process ended before it was ready.
    #[error("{0}")]
    Exited(Exit),
    /// A process was not ready within its time.
    #[error(
        "process '{process}' was not ready within {waited:?}: {attempt}{}{}",
        longer(*answered),
        tail(last_lines)
    )]
    NotReady {
        /// The process.
        process: String,
        /// How long it was given.
        waited: Duration,
        /// What was waited for, and what came of the last try.
        attempt: String,
        /// Whether it answered, but not as it should.
        answered: bool,
        /// The last lines it printed.
        last_lines: Vec<String>,
    },
    /// The user gave up.
    #[error("interrupted while the target was starting")]
    Interrupted,
}

/// How a process of a target ended.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "process '{process}' {ending}{}{}{}",
    limit(*memory_limit),
    went_on(*ending, background),
    tail(last_lines)
)]
pub struct Exit {
    /// The process.
    pub process: String,
    /// Its exit status or signal.
    pub ending: Ending,
    /// The limit of memory for which the kernel has ended it or one of its children, if it has.
    pub memory_limit: Option<Bytes>,
    /// What it has left running outside of its process group.
    pub background: Vec<Relative>,
    /// The last lines it printed, to stdout or stderr.
    pub last_lines: Vec<String>,
}

/// What goes on in the background, and what to do about it.
fn went_on(ending: Ending, background: &[Relative]) -> String {
    let [first, others @ ..] = background else { return String::new() };
    let more = match others.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let advice = match ending {
        Ending::Status(0) => {
            "; a server is measured as the process that was started: have it stay in the \
             foreground (nginx: `-g 'daemon off;'`, redis: `--daemonize no`)"
        }
        _ => "",
    };
    format!(" and left {first}{more} in the background, now stopped{advice}")
}

fn limit(memory: Option<Bytes>) -> String {
    memory.map_or_else(String::new, |memory| {
        format!("; with its children it needed more memory than its limit of {memory}")
    })
}

/// Time is no remedy where a server speaks, but not as it is asked.
fn longer(answered: bool) -> &'static str {
    match answered {
        true => "",
        false => " (if it only needs longer, raise `timeout` in the manifest's `ready`)",
    }
}

/// The last lines of a process, indented below a message.
fn tail(lines: &[String]) -> String {
    if lines.is_empty() {
        return "; it printed nothing".to_owned();
    }
    let lines: String = lines.iter().map(|line| format!("\n    {line}")).collect();
    format!("; the last it printed:{lines}")
}
