//! Exit codes, which are an interface: scripts and CI decide by them.

use std::process::ExitCode;

use flameload::{measure::MeasureError, record::RecordError};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done.
    Done,
    /// 1: a check failed.
    Failed,
    /// 2: the command or a file it names is wrong.
    Usage,
    /// 3: it could not be measured; the message says what to do.
    CouldNotMeasure,
    /// 130: interrupted by the user.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::CouldNotMeasure => 3,
            Exit::Interrupted => 130,
        })
    }
}

/// Prints an error with its causes and gives the exit code that it deserves.
#[expect(clippy::print_stderr, reason = "errors go to stderr")]
pub(crate) fn report(error: &anyhow::Error) -> Exit {
    eprintln!("error: {error:#}");
    code(error)
}

fn code(error: &anyhow::Error) -> Exit {
    match error.downcast_ref::<MeasureError>() {
        Some(error) if error.is_interruption() => return Exit::Interrupted,
        Some(_) => return Exit::CouldNotMeasure,
        None => {}
    }
    let could_not = matches!(
        error.downcast_ref::<RecordError>(),
        Some(
            RecordError::Unwritable { .. }
                | RecordError::DiskFull { .. }
                | RecordError::Write { .. }
        )
    );
    if could_not { Exit::CouldNotMeasure } else { Exit::Usage }
}
