//! Errors under load: counted by class, with the first one's text.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::unit::Nanos;

/// Requests, or attempts to connect, that failed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errors {
    /// A connection could not be opened.
    pub connect: u64,
    /// The response could not be read: closed, reset, or not HTTP.
    pub read: u64,
    /// The request could not be written.
    pub write: u64,
    /// No complete response within the script's timeout.
    pub timeout: u64,
    /// A complete response with a status that the script does not expect.
    pub status: u64,
    /// A complete response whose body fails the script's check.
    pub check: u64,
    /// The earliest of all these.
    pub first: Option<FirstError>,
}

/// The earliest error: the one that most likely explains the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstError {
    /// In which phase it happened.
    pub class: ErrorClass,
    /// What happened, with the system's error where there is one.
    pub detail: String,
    /// When, `CLOCK_MONOTONIC`.
    pub at: Nanos,
}

/// The phase in which a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ErrorClass {
    /// While opening the connection.
    Connect,
    /// While reading the response.
    Read,
    /// While writing the request.
    Write,
    /// No complete response in time.
    Timeout,
    /// An unexpected status.
    Status,
    /// A body that fails its check.
    Check,
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Read => "read",
            Self::Write => "write",
            Self::Timeout => "timeout",
            Self::Status => "status",
            Self::Check => "check",
        })
    }
}

impl Errors {
    /// All errors of all classes.
    pub fn total(&self) -> u64 {
        self.by_class().iter().map(|(_, count)| count).sum()
    }

    /// Adds the other's errors; the earlier of both firsts stays.
    pub fn merge(&mut self, other: &Self) {
        for (class, count) in other.by_class() {
            *self.count_mut(class) += count;
        }
        let earlier = match (&self.first, &other.first) {
            (Some(own), Some(others)) => others.at < own.at,
            (own, _) => own.is_none(),
        };
        if earlier {
            self.first.clone_from(&other.first);
        }
    }

    /// Counts one error; `detail` is only asked for when it is the first.
    pub(super) fn record(&mut self, class: ErrorClass, at: Nanos, detail: impl FnOnce() -> String) {
        *self.count_mut(class) += 1;
        if self.first.is_none() {
            self.first = Some(FirstError { class, detail: detail(), at });
        }
    }

    fn by_class(&self) -> [(ErrorClass, u64); 6] {
        [
            (ErrorClass::Connect, self.connect),
            (ErrorClass::Read, self.read),
            (ErrorClass::Write, self.write),
            (ErrorClass::Timeout, self.timeout),
            (ErrorClass::Status, self.status),
            (ErrorClass::Check, self.check),
        ]
    }

    fn count_mut(&mut self, class: ErrorClass) -> &mut u64 {
        match class {
            ErrorClass::Connect => &mut self.connect,
            ErrorClass::Read => &mut self.read,
            ErrorClass::Write => &mut self.write,
            ErrorClass::Timeout => &mut self.timeout,
            ErrorClass::Status => &mut self.status,
            ErrorClass::Check => &mut self.check,
        }
    }
}

/// One line: the classes that occurred, then the first error.
impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = self
            .by_class()
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(class, count)| format!("{class} {count}"))
            .collect();
        if counts.is_empty() {
            return f.write_str("no errors");
        }
        f.write_str(&counts.join(", "))?;
        match &self.first {
            Some(first) => write!(f, " (first, {}: {})", first.class, first.detail),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(class: ErrorClass, at: u64, detail: &str) -> Errors {
        let mut errors = Errors::default();
        errors.record(class, Nanos(at), || detail.to_owned());
        errors
    }

    #[test]
    fn merging_keeps_the_earliest_as_first() {
        let mut errors = one(ErrorClass::Read, 20, "late");
        errors.merge(&one(ErrorClass::Connect, 10, "early"));
        errors.merge(&Errors::default());
        errors.merge(&one(ErrorClass::Read, 30, "latest"));
        assert_eq!(errors.total(), 3);
        assert_eq!(errors.to_string(), "connect 1, read 2 (first, connect: early)");
        let mut none = Errors::default();
        assert_eq!(none.to_string(), "no errors");
        none.merge(&errors);
        assert_eq!(none, errors);
    }
}
