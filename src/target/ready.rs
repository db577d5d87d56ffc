//! Released -> ready: waits until a server serves.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    TargetError,
    http::{self, Answer, Place},
    manifest::Condition,
    procfs::{self, descendants, listening_ports},
    running::Server,
};

/// How the load is going to speak to a server, where that is not plain HTTP/1.1: whether it is
/// ready is asked in the same way.
pub trait Caller: fmt::Debug + Send + Sync {
    /// The unix socket that it connects to in place of the server's address.
    fn socket(&self) -> Option<&Path>;

    /// Calls `GET path` on a new connection to the server at `addr`.
    ///
    /// # Errors
    /// When there is no complete answer within `limit`.
    fn get(&self, addr: SocketAddr, path: &str, limit: Duration) -> Result<Answer, Refusal>;
}

/// Why a server is not ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What came of the try.
    pub what: String,
    /// Whether nothing listened there.
    pub refused: bool,
    /// Whether it did answer, but not as it should: time alone may not mend that.
    pub answered: bool,
}

/// What is asked of a server, and how.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) condition: &'a Condition,
    /// The unix socket that the manifest names.
    pub(super) unix: Option<PathBuf>,
    pub(super) caller: Option<Arc<dyn Caller>>,
}

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

/// Waits until what is asked of `server` holds.
///
/// # Errors
/// When the process ends, its time is up, or `interrupted` is set.
pub(super) fn wait(
    server: &mut Server,
    question: &Question<'_>,
    timeout: Duration,
    interrupted: &AtomicBool,
) -> Result<Readiness, TargetError> {
    let started = Instant::now();
    let condition = question.condition;
    let mut pause = FIRST_PAUSE;
    loop {
        let left = timeout.saturating_sub(started.elapsed());
        let tried = attempt(server, question, left.min(TRY).max(FIRST_PAUSE));
        // Looked at after the try: a port that answers is not ours if our process is gone.
        if let Some(exit) = server.exited() {
            return Err(TargetError::Exited(exit));
        }
        let Refusal { what: reason, refused, answered } = match tried {
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
                answered,
                last_lines: server.output.last_lines(),
            });
        }
        if refused && server.listens_on_v6_only(true) {
            server.host = Ipv6Addr::LOCALHOST.into();
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
    server: &mut Server,
    question: &Question<'_>,
    patience: Duration,
) -> Result<Readiness, Refusal> {
    match question.condition {
        Condition::Line(_) if server.output.seen() => {
            if server.listens_on_v6_only(false) {
                server.host = Ipv6Addr::LOCALHOST.into();
            }
            Ok(Readiness::default())
        }
        Condition::Line(_) => Err(Refusal::silent("it has not")),
        Condition::Port => {
            let place = question.place(server)?;
            http::knock(&place, patience).map_err(|error| Refusal::of(&place, &error))?;
            Ok(Readiness::default())
        }
        Condition::Url(path) => {
            let (answer, said) = question.get(server, path, patience)?;
            match answer.status {
                200..=399 => Ok(Readiness { first_call: Some(answer.took) }),
                status => Err(Refusal::status(status, &said)),
            }
        }
    }
}

impl Question<'_> {
    /// Where the server is asked: where the load goes, unless the manifest says otherwise.
    fn place(&self, server: &Server) -> Result<Place, Refusal> {
        let socket = self.caller.as_ref().and_then(|caller| caller.socket());
        if let Some(path) = self.unix.as_deref().or(socket) {
            return Ok(Place::Unix(path.to_owned()));
        }
        server.addr().map(Place::Tcp).ok_or_else(|| Refusal::silent("it has no port"))
    }

    fn get(
        &self,
        server: &Server,
        path: &str,
        patience: Duration,
    ) -> Result<(Answer, String), Refusal> {
        // A socket that the manifest names alone is no business of the load's.
        if let Some(caller) = &self.caller
            && (self.unix.is_none() || caller.socket().is_some())
        {
            // A server on a socket needs no port, and is asked by no name.
            let addr = server.addr().unwrap_or((Ipv4Addr::LOCALHOST, 80).into());
            return Ok((caller.get(addr, path, patience)?, String::new()));
        }
        let place = self.place(server)?;
        let heard = http::fetch(&place, path, patience);
        let heard = heard.map_err(|error| Refusal::of(&place, &error))?;
        Ok((heard.answer, heard.said))
    }
}

impl Refusal {
    /// It says nothing yet.
    fn silent(what: &str) -> Self {
        Self { what: what.to_owned(), refused: false, answered: false }
    }

    fn of(place: &Place, error: &io::Error) -> Self {
        let place = match place {
            Place::Tcp(addr) => addr.to_string(),
            Place::Unix(path) => path.display().to_string(),
        };
        let kind = error.kind();
        let answered = matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof);
        let gave = if answered { "gave no good answer" } else { "gave no answer" };
        Self {
            what: format!("{place} {gave}: {error}"),
            refused: kind == io::ErrorKind::ConnectionRefused,
            answered,
        }
    }

    fn status(status: u16, said: &str) -> Self {
        // One that says so may become well.
        let answered = status != 503;
        let said = match said {
            said if answered && !said.is_empty() => format!(" ('{said}')"),
            _ => String::new(),
        };
        let hint = match status {
            426 => ": it wants another protocol, which the script's `[http] version` or `tls` says",
            _ => "",
        };
        let what = format!("the last answer had status {status}{said}{hint}");
        Self { what, refused: false, answered }
    }
}

impl Server {
    /// Whether its port is open on the loopback address of IPv6 and not on that of IPv4, which may
    /// have refused already.
    fn listens_on_v6_only(&self, v4_refused: bool) -> bool {
        let Some(port) = self.port else { return false };
        let pid = self.child.pid();
        let family = std::iter::once(pid).chain(procfs::descendants(pid));
        let own = family.filter_map(|pid| procfs::listening_ports(pid).ok()).flatten();
        let ips: Vec<IpAddr> =
            own.filter(|addr| addr.port() == port).map(|addr| addr.ip()).collect();
        // What is open on all addresses of IPv6 takes IPv4 as well, unless it was told not to.
        let takes_v4 = |ip: &IpAddr| ip.is_ipv4() || (ip.is_unspecified() && !v4_refused);
        let takes_v6 = |ip: &IpAddr| ip.is_ipv6() && (ip.is_loopback() || ip.is_unspecified());
        ips.iter().any(takes_v6) && !ips.iter().any(takes_v4)
    }
}
