//! Notices a load that has collapsed: most attempts fail, and go on failing.

use crate::{
    load::{Errors, Phase, Tally},
    unit::Nanos,
};

/// Most attempts must fail for so long.
const LASTING: Nanos = Nanos(1_000_000_000);
/// Slices end a little early or late: what lasts a second may be four of a little less.
const TOLERANCE: Nanos = Nanos(50_000_000);

/// Watches the tallies of a load for a collapse.
#[derive(Debug)]
pub(super) struct CollapseWatch {
    max_error_rate: f64,
    /// What has failed since most of it does.
    failing: Failing,
}

#[derive(Debug, Default)]
struct Failing {
    lasting: Nanos,
    answers: u64,
    attempts: u64,
    errors: Errors,
}

/// A load that has collapsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Collapse {
    /// For how long most attempts had failed when it was noticed.
    pub(super) lasted: Nanos,
    /// Attempts in that time.
    pub(super) attempts: u64,
    /// Those of them that failed.
    pub(super) errors: Errors,
    /// Whether nothing was answered and nothing refused: the server takes requests and is silent.
    pub(super) is_silent: bool,
}

impl CollapseWatch {
    /// Notices when more than the share `max_error_rate` of all attempts fails for a second.
    pub(super) fn new(max_error_rate: f64) -> Self {
        Self { max_error_rate, failing: Failing::default() }
    }

    /// Looks at what the load came to since the last time.
    pub(super) fn note(&mut self, tally: &Tally) -> Option<Collapse> {
        let failed = tally.errors.total();
        let attempts = tally.requests + failed;
        if attempts == 0 {
            // Nothing ended: it neither goes on failing nor works again.
            return None;
        }
        if failed as f64 <= self.max_error_rate * attempts as f64 {
            self.failing = Failing::default();
            return None;
        }
        let failing = &mut self.failing;
        failing.lasting += tally.elapsed();
        failing.attempts += attempts;
        failing.answers += answers(tally);
        failing.errors.merge(&tally.errors);
        if failing.lasting + TOLERANCE < LASTING {
            return None;
        }
        let Failing { lasting, answers, attempts, errors } = std::mem::take(failing);
        let is_silent = answers == 0 && errors.of(Phase::Timeout) == errors.total();
        Some(Collapse { lasted: lasting, attempts, errors, is_silent })
    }
}

/// Complete responses, good or not.
pub(super) fn answers(tally: &Tally) -> u64 {
    tally.requests + tally.errors.of(Phase::Status) + tally.errors.of(Phase::Check)
}

/// One line that names it.
impl std::fmt::Display for Collapse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let failed = self.errors.total();
        write!(
            f,
            "collapse: {failed} of {} attempts failed within {:.1} s ({:.1} %)",
            self.attempts,
            self.lasted.as_secs_f64(),
            failed as f64 / self.attempts as f64 * 100.0
        )?;
        let most = self.errors.kinds().max_by_key(|(_, occurrences)| occurrences.count);
        match most {
            Some((kind, occurrences)) => write!(f, ", {} of them {kind}", occurrences.count),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Age, Cause, Failure};

    /// A quarter of a second with so many good responses and failures.
    fn tally(good: u64, failed: u64, phase: Phase, cause: Cause) -> Tally {
        let mut tally = Tally::new(Nanos(0));
        tally.ended = Nanos(250_000_000);
        tally.requests = good;
        for _ in 0..failed {
            tally.errors.merge(&Errors::of_one(Failure { phase, cause, age: Age::New }));
        }
        tally
    }

    fn closed(good: u64, failed: u64) -> Tally {
        tally(good, failed, Phase::FirstByte, Cause::Closed)
    }

    fn noticed(watch: &mut CollapseWatch, tallies: &[Tally]) -> Option<String> {
        tallies.iter().find_map(|tally| watch.note(tally)).map(|collapse| collapse.to_string())
    }

    #[test]
    fn it_takes_a_second_of_failures() {
        let mut watch = CollapseWatch::new(0.5);
        let failing = closed(2, 98);
        assert_eq!(noticed(&mut watch, &[failing.clone(), failing.clone(), failing.clone()]), None);
        // A good slice in between begins it anew, an empty one does not.
        assert_eq!(noticed(&mut watch, &[closed(50, 50), failing.clone()]), None);
        assert_eq!(noticed(&mut watch, &[closed(0, 0), failing.clone(), failing.clone()]), None);
        assert_eq!(
            noticed(&mut watch, &[failing]).as_deref(),
            Some(
                "collapse: 392 of 400 attempts failed within 1.0 s (98.0 %), 392 of them first \
                 byte: closed by the server, on a new connection"
            )
        );
    }

    #[test]
    fn a_silent_server_is_told_apart() {
        let silent = tally(0, 8, Phase::Timeout, Cause::NoResponse);
        let mut watch = CollapseWatch::new(0.5);
        let found = (0..4).find_map(|_| watch.note(&silent)).expect("all of it fails");
        assert!(found.is_silent);
        let mut watch = CollapseWatch::new(0.5);
        let found = (0..4).find_map(|_| watch.note(&closed(0, 8))).expect("all of it fails");
        assert!(!found.is_silent);
    }

    #[test]
    fn a_limit_of_one_allows_everything() {
        let mut watch = CollapseWatch::new(1.0);
        assert_eq!(noticed(&mut watch, &vec![closed(0, 9); 40]), None);
    }
}
