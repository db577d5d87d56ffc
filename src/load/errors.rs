//! Errors under load: counted by phase, cause and age of the connection.

mod cause;
mod tls;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

pub use cause::Cause;

use crate::unit::Nanos;

/// So many different causes are told apart; a server that invents a status for each response
/// must not fill the memory. What comes later is counted under [`Cause::Other`].
const KINDS_MAX: usize = 64;

/// Requests, or attempts to connect, that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Errors {
    kinds: BTreeMap<Failure, Occurrences>,
}

/// One kind of error: errors of the same kind most likely have the same reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Failure {
    /// In which phase of a request it happened.
    pub phase: Phase,
    /// What happened.
    pub cause: Cause,
    /// On which kind of connection.
    pub age: Age,
}

/// The phase of a request, or what is wrong with its complete response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// While opening the connection.
    Connect,
    /// In the handshake of the encryption.
    Tls,
    /// While writing the request.
    Write,
    /// Before the first byte of the response.
    FirstByte,
    /// After the first byte of the response, before its end.
    Body,
    /// The bytes of the response are not HTTP.
    Parse,
    /// No complete response in time.
    Timeout,
    /// A complete response with an unexpected status.
    Status,
    /// A complete response that fails another check of the script.
    Check,
}

/// How much a connection had done when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Age {
    /// No response had come on it yet.
    New,
    /// It had answered before.
    Reused,
}

/// How often and when a kind of error occurred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrences {
    /// How often.
    pub count: u64,
    /// The first time, `CLOCK_MONOTONIC`.
    pub first: Nanos,
    /// The last time, `CLOCK_MONOTONIC`.
    pub last: Nanos,
}

impl Phase {
    /// All of them, in the order of a request.
    pub const ALL: [Self; 9] = [
        Self::Connect,
        Self::Tls,
        Self::Write,
        Self::FirstByte,
        Self::Body,
        Self::Parse,
        Self::Timeout,
        Self::Status,
        Self::Check,
    ];

    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Write => "write",
            Self::FirstByte => "first byte",
            Self::Body => "body",
            Self::Parse => "parse",
            Self::Timeout => "timeout",
            Self::Status => "status",
            Self::Check => "check",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::New => "new",
            Self::Reused => "reused",
        })
    }
}

impl Errors {
    /// A single error, at the origin of the clock.
    pub fn of_one(failure: Failure) -> Self {
        let mut errors = Self::default();
        errors.record(failure, Nanos(0));
        errors
    }

    /// All errors of all kinds.
    pub fn total(&self) -> u64 {
        self.kinds.values().map(|occurrences| occurrences.count).sum()
    }

    /// The errors of one phase.
    pub fn of(&self, phase: Phase) -> u64 {
        let of_phase = self.kinds.iter().filter(|(kind, _)| kind.phase == phase);
        of_phase.map(|(_, occurrences)| occurrences.count).sum()
    }

    /// The kinds that occurred, in the order of a request's phases.
    pub fn kinds(&self) -> impl Iterator<Item = (Failure, Occurrences)> {
        self.kinds.iter().map(|(kind, occurrences)| (*kind, *occurrences))
    }

    /// The kind that came first: the one that most likely explains the others.
    pub fn first(&self) -> Option<(Failure, Occurrences)> {
        self.kinds().min_by_key(|(_, occurrences)| occurrences.first)
    }

    /// Adds the other's errors.
    pub fn merge(&mut self, other: &Self) {
        for (kind, occurrences) in other.kinds() {
            self.add(kind, occurrences);
        }
    }

    /// Counts one error at the instant `at`.
    pub(super) fn record(&mut self, failure: Failure, at: Nanos) {
        self.add(failure, Occurrences { count: 1, first: at, last: at });
    }

    /// Counts several errors of the same kind.
    pub fn add(&mut self, kind: Failure, new: Occurrences) {
        let kind = match self.kinds.len() >= KINDS_MAX && !self.kinds.contains_key(&kind) {
            true => Failure { cause: Cause::Other, ..kind },
            false => kind,
        };
        let occurrences = self.kinds.entry(kind).or_insert(Occurrences { count: 0, ..new });
        occurrences.count += new.count;
        occurrences.first = occurrences.first.min(new.first);
        occurrences.last = occurrences.last.max(new.last);
    }
}

/// Such as `first byte: connection reset by peer, on a reused connection`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.phase, self.cause)?;
        match self.phase {
            // It is always a new one.
            Phase::Connect | Phase::Tls => Ok(()),
            _ => write!(f, ", on a {} connection", self.age),
        }
    }
}

/// One line: the phases that occurred, then the first error.
impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((first, _)) = self.first() else { return f.write_str("no errors") };
        let counts: Vec<String> = Phase::ALL
            .into_iter()
            .map(|phase| (phase, self.of(phase)))
            .filter(|(_, count)| *count > 0)
            .map(|(phase, count)| format!("{phase} {count}"))
            .collect();
        write!(f, "{} (first, {first})", counts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(phase: Phase, cause: Cause) -> Failure {
        Failure { phase, cause, age: Age::Reused }
    }

    fn one(kind: Failure, at: u64) -> Errors {
        let mut errors = Errors::default();
        errors.record(kind, Nanos(at));
        errors
    }

    #[test]
    fn merging_adds_counts_and_widens_spans() {
        let reset = kind(Phase::FirstByte, Cause::Os(libc::ECONNRESET));
        let mut errors = one(reset, 20);
        errors.merge(&one(kind(Phase::Connect, Cause::Os(libc::ECONNREFUSED)), 10));
        errors.merge(&Errors::default());
        errors.merge(&one(reset, 30));
        assert_eq!(
            (errors.total(), errors.of(Phase::FirstByte), errors.of(Phase::Body)),
            (3, 2, 0)
        );
        let (_, occurrences) = errors.kinds().last().expect("there are two kinds");
        assert_eq!((occurrences.first, occurrences.last), (Nanos(20), Nanos(30)));
        assert_eq!(
            errors.to_string(),
            "connect 1, first byte 2 (first, connect: connection refused (ECONNREFUSED))"
        );
        let mut none = Errors::default();
        assert_eq!(none.to_string(), "no errors");
        none.merge(&errors);
        assert_eq!(none, errors);
    }

    #[test]
    fn a_flood_of_causes_is_counted_all_the_same() {
        let mut errors = Errors::default();
        for status in 0..1000 {
            errors.record(kind(Phase::Status, Cause::Status(status)), Nanos(0));
        }
        assert_eq!(errors.total(), 1000);
        assert!(errors.kinds().count() <= KINDS_MAX + 1);
    }
}
