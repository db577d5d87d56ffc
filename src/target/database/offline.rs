//! Commands of the superuser, in a server that nobody can connect to.

use std::{path::Path, sync::atomic::AtomicBool, thread, time::Duration};

use super::{
    DatabaseError, Installation, check,
    installation::environment_of_programs,
    server::{SETTINGS, last_words},
};
use crate::target::{
    Guard,
    child::{Child, Ending, Spec, Streams},
    output::Output,
    scratch::{DATA, Scratch},
    secrets::Secrets,
};

/// How often it is looked at.
const POLL: Duration = Duration::from_millis(2);

/// Besides what every server is set up to: the first error ends it, no command is repeated in an
/// error, since it may have a password in it, and versions before 14 hash them well, too.
const OWN: [&str; 3] =
    ["exit_on_error=on", "log_min_error_statement=panic", "password_encryption=scram-sha-256"];

/// Runs `commands`, each of one line, in a database of the cluster in `scratch`.
///
/// The server is the only process that has the cluster, listens nowhere, and reads the commands
/// from a pipe: there is no password of the superuser that anybody could read or guess.
pub(super) fn run(
    commands: &[String],
    database: &str,
    installation: &Installation,
    scratch: &Scratch,
    guard: &Guard,
    interrupted: &AtomicBool,
) -> Result<(), DatabaseError> {
    let bin = installation.reachable(scratch, interrupted)?;
    let spec = spec(commands, database, installation, &bin, scratch.path());
    let (mut child, pipes) = Child::hold(&spec, guard)?;
    child.release(&spec)?;
    let output = Output::follow(pipes.stdout, None, Secrets::default())
        .map_err(|source| DatabaseError::Spawn(source.into()))?;
    loop {
        match child.ending() {
            Some(Ending::Status(0)) => return Ok(()),
            Some(ending) => {
                return Err(DatabaseError::Ended { ending, last_lines: last_words(&output) });
            }
            None => check(interrupted)?,
        }
        thread::sleep(POLL);
    }
}

fn spec(
    commands: &[String],
    database: &str,
    installation: &Installation,
    bin: &Path,
    dir: &Path,
) -> Spec {
    let mut args = vec!["--single".into(), "-D".into(), dir.join(DATA).into()];
    args.extend(SETTINGS.into_iter().chain(OWN).flat_map(|set| ["-c".into(), set.into()]));
    args.push(database.into());
    Spec {
        program: bin.join("postgres").into(),
        args,
        env: environment_of_programs(),
        dir: dir.to_owned(),
        cpus: None,
        open_files: None,
        account: installation.account,
        mark: None,
        input: commands.iter().flat_map(|line| [line, "\n"].concat().into_bytes()).collect(),
        output: Streams::Joined,
    }
}
