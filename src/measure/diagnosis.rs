//! Why a load failed: one line with the cause that explains most, from what both sides saw.
//!
//! The order of the rules is that of the evidence. That a server ended, or that one of the two
//! sides had no descriptor left, explains every error that follows from it; what kind of error is
//! the most frequent only says something where none of that is known.

mod symptom;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt};

use crate::{
    load::{Cause, Errors, Occurrences, Phase},
    render::grouped,
    target::network::{ListenDrops, Ports},
    unit::Nanos,
};
use symptom::Symptom;

/// A process that has so few descriptors left has none to spare: between two looks at it, a few
/// come and go.
const NEARLY: u64 = 8;
/// What a server printed last is quoted so far.
const QUOTED_MAX: usize = 240;

/// What both sides saw of a load.
#[derive(Debug, Clone)]
pub struct Seen<'a> {
    /// Connections asked for.
    pub connections: u64,
    /// The fewest of them that were open at once, once they had been opened, or the last count.
    pub live: u64,
    /// Good responses.
    pub requests: u64,
    /// What failed.
    pub errors: &'a Errors,
    /// When the load began, `CLOCK_MONOTONIC`.
    pub started: Nanos,
    /// How long a response may take.
    pub timeout: Nanos,
    /// How many files this process, which sends the load, may open.
    pub client_open_files: Option<u64>,
    /// The ports from which it may connect.
    pub ports: Option<Ports>,
    /// What was seen of the server.
    pub server: ServerSeen,
}

/// What was seen of a server; what could not be seen is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerSeen {
    /// Files that it had open before any load.
    pub open_files_idle: Option<u64>,
    /// The most files that it had open under load.
    pub open_files: Option<u64>,
    /// How many it may open.
    pub open_files_limit: Option<u64>,
    /// Connections turned away by a full queue, during the load.
    pub dropped: ListenDrops,
    /// The most connections that waited to be accepted.
    pub accept_queue: Option<u64>,
    /// The longest queue that the system allows.
    pub accept_queue_limit: Option<u64>,
    /// How and when it ended, if it did.
    pub exit: Option<ServerExit>,
}

/// The end of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerExit {
    /// How it ended, and what it printed last; it may have several lines.
    pub what: String,
    /// When that was noticed, `CLOCK_MONOTONIC`.
    pub at: Nanos,
}

/// The cause that explains most of what failed.
#[derive(Debug, Clone)]
pub struct Diagnosis<'a> {
    seen: &'a Seen<'a>,
    finding: Finding<'a>,
}

#[derive(Debug, Clone)]
enum Finding<'a> {
    /// The server ended.
    Exited(&'a ServerExit),
    /// The process that sends the load has no descriptor left.
    ClientOpenFiles(Occurrences),
    /// There is no port left from which to connect.
    Ports(Occurrences),
    /// The server has no descriptor left.
    ServerOpenFiles { open: u64, limit: u64 },
    /// Connections wait for the server to accept them, and too many.
    AcceptQueue,
    /// None of these: the most frequent kind of error.
    Errors(Symptom, Occurrences),
}

impl<'a> Diagnosis<'a> {
    /// The diagnosis in one line; none where nothing failed or is known to hang.
    pub fn of(seen: &Seen<'_>) -> Option<String> {
        Diagnosis::find(seen).map(|diagnosis| diagnosis.to_string())
    }

    /// Finds the cause; none where nothing failed.
    pub fn find(seen: &'a Seen<'a>) -> Option<Self> {
        Some(Self { seen, finding: Finding::of(seen)? })
    }
}

impl<'a> Finding<'a> {
    fn of(seen: &'a Seen<'a>) -> Option<Self> {
        let Seen { errors, server, .. } = seen;
        if let Some(exit) = &server.exit {
            return Some(Self::Exited(exit));
        }
        if let Some(occurrences) = of_connects(errors, &[libc::EMFILE, libc::ENFILE]) {
            return Some(Self::ClientOpenFiles(occurrences));
        }
        if let Some(occurrences) = of_connects(errors, &[libc::EADDRNOTAVAIL]) {
            return Some(Self::Ports(occurrences));
        }
        let Some((symptom, occurrences)) = most_frequent(errors) else {
            return Self::without_errors(seen);
        };
        if let Some((open, limit)) = server.exhausted_files() {
            return Some(Self::ServerOpenFiles { open, limit });
        }
        if symptom.is_of_a_full_queue() && server.queue_was_full() {
            return Some(Self::AcceptQueue);
        }
        Some(Self::Errors(symptom, occurrences))
    }

    /// Connections that only hang have not failed yet when a short load ends.
    fn without_errors(seen: &Seen<'_>) -> Option<Self> {
        if seen.live >= seen.connections {
            return None;
        }
        match seen.server.exhausted_files() {
            Some((open, limit)) if seen.unserved(open) > 0 => {
                Some(Self::ServerOpenFiles { open, limit })
            }
            _ if seen.requests == 0 && seen.server.queue_was_full() => Some(Self::AcceptQueue),
            _ => None,
        }
    }
}

impl ServerSeen {
    fn exhausted_files(&self) -> Option<(u64, u64)> {
        let (open, limit) = (self.open_files?, self.open_files_limit?);
        (open.saturating_add(NEARLY) >= limit).then_some((open, limit))
    }

    /// A queue that is longer than its limit is full: the kernel lets in one more.
    fn queue_was_full(&self) -> bool {
        let is_at_limit = match (self.accept_queue, self.accept_queue_limit) {
            (Some(waiting), Some(limit)) => waiting >= limit,
            _ => false,
        };
        self.dropped.overflows > 0 || is_at_limit
    }
}

impl Seen<'_> {
    /// Everything that was tried: requests, and connections that could not be opened.
    fn attempts(&self) -> u64 {
        self.requests + self.errors.total()
    }

    /// Connections for which a server with so many files open has none.
    fn unserved(&self, open: u64) -> u64 {
        // Without a count of the idle server's files, a few more may have gone without.
        let served = open.saturating_sub(self.server.open_files_idle.unwrap_or(0));
        self.connections.saturating_sub(served)
    }

    fn time(&self, at: Nanos) -> String {
        match at.since(self.started).as_secs_f64() {
            seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
            seconds => format!("{seconds:.1} s"),
        }
    }

    /// Such as `12 of 1,000 attempts, the first after 0.3 s`.
    fn share(&self, occurrences: Occurrences) -> String {
        format!(
            "{} of {} attempts, the first after {}",
            grouped(occurrences.count),
            grouped(self.attempts()),
            self.time(occurrences.first)
        )
    }

    /// Such as `; 1,200 of 2,000 connections were open`, unless all were.
    fn missing(&self) -> String {
        if self.live >= self.connections {
            return String::new();
        }
        format!("; {} of {} connections were open", grouped(self.live), grouped(self.connections))
    }
}

/// Attempts to connect that failed with one of these numbers.
fn of_connects(errors: &Errors, numbers: &[i32]) -> Option<Occurrences> {
    let is_one = |cause| matches!(cause, Cause::Os(number) if numbers.contains(&number));
    let found = errors.kinds().filter(|(kind, _)| kind.phase == Phase::Connect);
    found.filter(|(kind, _)| is_one(kind.cause)).map(|(_, occurrences)| occurrences).reduce(add)
}

/// The symptom with the most errors; of two with as many, the one that came first.
fn most_frequent(errors: &Errors) -> Option<(Symptom, Occurrences)> {
    let mut symptoms: BTreeMap<Symptom, Occurrences> = BTreeMap::new();
    for (kind, occurrences) in errors.kinds() {
        let known = symptoms.entry(Symptom::of(kind));
        known.and_modify(|known| *known = add(*known, occurrences)).or_insert(occurrences);
    }
    symptoms.into_iter().max_by_key(|(_, all)| (all.count, std::cmp::Reverse(all.first)))
}

fn add(a: Occurrences, b: Occurrences) -> Occurrences {
    Occurrences { count: a.count + b.count, first: a.first.min(b.first), last: a.last.max(b.last) }
}

impl fmt::Display for Diagnosis<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.seen;
        match &self.finding {
            Finding::Exited(exit) => {
                let after = seen.time(exit.at);
                let (good, what) = (grouped(seen.requests), quoted(&exit.what));
                write!(f, "the server ended after {after} and {good} good responses: {what}")
            }
            Finding::ClientOpenFiles(occurrences) => client_open_files(seen, *occurrences, f),
            Finding::Ports(occurrences) => {
                let of = seen.ports.map(|ports| format!(" (of {})", grouped(ports.range)));
                write!(
                    f,
                    "no port is free to connect from{}: {}{}; reuse connections, open fewer, or \
                     widen net.ipv4.ip_local_port_range",
                    of.unwrap_or_default(),
                    seen.share(*occurrences),
                    seen.missing(),
                )
            }
            Finding::ServerOpenFiles { open, limit } => server_open_files(seen, *open, *limit, f),
            Finding::AcceptQueue => accept_queue(seen, f),
            Finding::Errors(symptom, occurrences) => {
                let text = symptom.text(seen.requests > 0, seen.timeout);
                write!(f, "{text} ({}){}", seen.share(*occurrences), seen.missing())
            }
        }
    }
}

fn client_open_files(
    seen: &Seen<'_>,
    occurrences: Occurrences,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    f.write_str("this process, which sends the load, is at its limit of ")?;
    match seen.client_open_files {
        Some(limit) => write!(f, "{} open files", grouped(limit))?,
        None => f.write_str("open files")?,
    }
    write!(f, " ({}){}", seen.share(occurrences), seen.missing())?;
    f.write_str("; raise it with `ulimit -n`, or ask for fewer connections")
}

fn server_open_files(
    seen: &Seen<'_>,
    open: u64,
    limit: u64,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(
        f,
        "the server is at its limit of {} open files ({} open): ",
        grouped(limit),
        grouped(open)
    )?;
    match seen.unserved(open) {
        0 => write!(
            f,
            "{} of {} attempts failed",
            grouped(seen.errors.total()),
            grouped(seen.attempts())
        )?,
        unserved => {
            let connections = grouped(seen.connections);
            write!(f, "{} of {connections} connections were never served", grouped(unserved))?;
        }
    }
    f.write_str(
        "; raise it with `ulimit -n`, or `open_files` in its manifest, or ask for fewer connections",
    )
}

fn accept_queue(seen: &Seen<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let ServerSeen { dropped, accept_queue, accept_queue_limit, .. } = &seen.server;
    f.write_str(match seen.requests {
        0 => "the server accepts no connections",
        _ => "the server accepts connections more slowly than they come",
    })?;
    f.write_str(": its queue of those that wait overflowed")?;
    if dropped.overflows > 0 {
        write!(f, " {} times", grouped(dropped.overflows))?;
    }
    if let Some(waiting) = accept_queue {
        write!(f, ", with {} in it", grouped(*waiting))?;
    }
    write!(
        f,
        "{}; ask for fewer connections, or for a longer queue in the server",
        seen.missing()
    )?;
    match accept_queue_limit {
        Some(limit) => write!(f, " (net.core.somaxconn allows {})", grouped(*limit)),
        None => Ok(()),
    }
}

/// Several lines as one, cut where it is too long.
fn quoted(text: &str) -> String {
    let line = text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(QUOTED_MAX) {
        Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
