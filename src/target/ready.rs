//! Released -> ready: waits until a server serves.

use std::{
    io,
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{
    TargetError, http,
    manifest::Condition,
    procfs::{descendants, listening_ports},
    running::Server,
};

/// What was learnt while a process became ready.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Readiness {
    /// How long the first HTTP call that succeeded took; none where no call was made.
    pub(super) first_call: Option<Duration>,
}

const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// How long a single try may take.
const TRY: Duration = Duration::from_secs(1);

/// Waits until `condition` holds for `server`.
///
/// # Errors
/// When the process ends, its time is up, or `interrupted` is set.
pub(super) fn wait(
    server: &mut Server,
    condition: &Condition,
    timeout: Duration,
    interrupted: &AtomicBool,
) -> Result<Readiness, TargetError> {
    let started = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let left = timeout.saturating_sub(started.elapsed());
        let tried = attempt(server, condition, left.min(TRY).max(FIRST_PAUSE));
        // Looked at after the try: a port that answers is not ours if our process is gone.
        if let Some(exit) = server.exited() {
            return Err(TargetError::Exited(exit));
        }
        let reason = match tried {
            Ok(readiness) => return Ok(readiness),
            Err(reason) => reason,
        };
        if interrupted.load(Ordering::Relaxed) {
            return Err(TargetError::Interrupted);
        }
        if started.elapsed() >= timeout {
            return Err(TargetError::NotReady {
                process: server.name.clone(),
                waited: timeout,
                attempt: format!("waited until {condition}, but {reason}{}", elsewhere(server)),
                last_lines: server.output.last_lines(),
            });
        }
        thread::sleep(pause.min(timeout.saturating_sub(started.elapsed())));
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Where else it listens, if it does and not where it was told to.
fn elsewhere(server: &Server) -> String {
    let Some(addr) = server.addr() else { return String::new() };
    let pids = std::iter::once(server.child.pid()).chain(descendants(server.child.pid()));
    let mut found: Vec<SocketAddr> =
        pids.filter_map(|pid| listening_ports(pid).ok()).flatten().collect();
    found.sort_unstable();
    found.dedup();
    if found.is_empty() || found.iter().any(|at| at.port() == addr.port()) {
        return String::new();
    }
    let found: Vec<String> = found.iter().map(SocketAddr::to_string).collect();
    format!(
        "; it listens at {} in place of {addr}: give it the port by {{port}} in its command or its \
         environment, or set `port` in the manifest",
        found.join(", ")
    )
}

/// Tries once; the error says what came of it.
fn attempt(
    server: &Server,
    condition: &Condition,
    patience: Duration,
) -> Result<Readiness, String> {
    let addr = || server.addr().ok_or_else(|| "it has no port".to_owned());
    let refused =
        |addr: SocketAddr| move |error: io::Error| format!("{addr} gave no answer: {error}");
    match condition {
        Condition::Line(_) if server.output.seen() => Ok(Readiness::default()),
        Condition::Line(_) => Err("it has not".to_owned()),
        Condition::Port => {
            let addr = addr()?;
            TcpStream::connect_timeout(&addr, patience).map_err(refused(addr))?;
            Ok(Readiness::default())
        }
        Condition::Url(path) => {
            let addr = addr()?;
            let answer = http::get(addr, path, patience).map_err(refused(addr))?;
            match answer.status {
                200..=399 => Ok(Readiness { first_call: Some(answer.took) }),
                status => Err(format!("the last answer had status {status}")),
            }
        }
    }
}
