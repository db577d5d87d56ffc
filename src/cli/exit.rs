//! Exit codes, which are an interface: scripts and CI decide by them.

use std::{io, process::ExitCode};

use crate::{
    load::ExternalError,
    measure::MeasureError,
    record::RecordError,
    target::{BuildError, VersionError},
};

use crate::cli::out;

/// How a command ended, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// 0: done.
    Done,
    /// 4: what was asked for cannot be told.
    Inconclusive,
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
            Exit::Inconclusive => 4,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::CouldNotMeasure => 3,
            Exit::Interrupted => 130,
        })
    }
}

/// Prints an error with its causes and gives the exit code that it deserves.
pub fn report(error: &anyhow::Error) -> Exit {
    out::tell(&format!("error: {}", message(error)));
    code(error)
}

/// An error with those of its causes that it does not tell itself.
fn message(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    let is_full = |cause: &(dyn std::error::Error + 'static)| {
        let error = cause.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::StorageFull)
    };
    // Told before the measurement, it says what to do; this is the disk that filled up during it.
    let is_printing = error.is::<out::PrintError>();
    if !is_printing && error.chain().any(is_full) {
        message.push_str("; nothing was kept: free some space and measure again");
    }
    message
}

fn code(error: &anyhow::Error) -> Exit {
    if error.is::<out::PrintError>() {
        return Exit::CouldNotMeasure;
    }
    match error.downcast_ref::<MeasureError>() {
        Some(error) if error.is_interruption() => return Exit::Interrupted,
        // Known before anything is built or started, like any other wrong script.
        Some(
            MeasureError::External(ExternalError::Inexpressible { .. })
            | MeasureError::CountedProfile
            | MeasureError::ShortStage { .. }
            | MeasureError::CrowdedStage { .. }
            | MeasureError::NotInTurns { .. }
            | MeasureError::SeveralBackends { .. },
        ) => return Exit::Usage,
        Some(_) => return Exit::CouldNotMeasure,
        None => {}
    }
    match error.downcast_ref::<VersionError>() {
        Some(error) if error.is_interruption() => return Exit::Interrupted,
        Some(VersionError::Build { .. }) => return Exit::CouldNotMeasure,
        _ => {}
    }
    match error.downcast_ref::<BuildError>() {
        Some(BuildError::Interrupted) => return Exit::Interrupted,
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

#[cfg(test)]
mod tests {
    use anyhow::{Context, anyhow};

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let told = anyhow!("no such file").context("cannot read x: no such file");
        assert_eq!(message(&told), "cannot read x: no such file");
        let untold = Err::<(), _>(anyhow!("no such file")).context("cannot read x");
        assert_eq!(
            untold.map_err(|error| message(&error)),
            Err("cannot read x: no such file".into())
        );
    }
}
