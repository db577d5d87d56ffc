//! The first calls of a server, before any load: what they took.

use std::time::{Duration, Instant};

use super::error::MeasureError;
use crate::{
    load::{Conversation, Plan, Script, ScriptRequest, probe},
    record::CallFacts,
    unit::Nanos,
};

/// So many calls follow the first, on its connection.
const FOLLOWING: usize = 10;
/// They are given up after so long, however few they are.
const FOLLOWING_TIME: Duration = Duration::from_secs(2);

/// The first calls of a server.
#[derive(Debug)]
pub(super) struct FirstCalls<'a> {
    first_kind: &'a ScriptRequest,
    conversation: Conversation<'a>,
    /// Of the very first call.
    pub(super) first: Duration,
}

impl<'a> FirstCalls<'a> {
    /// Makes the first call of each kind of request. Where readiness was a call of its own, that
    /// one was the first, and took `at_readiness`.
    ///
    /// A status that a request does not expect ends it here: the path is probably another
    /// target's, and a flamegraph of refusals looks like any other.
    pub(super) fn begin(
        plan: &'a Plan,
        script: &'a Script,
        at_readiness: Option<Duration>,
    ) -> Result<Self, MeasureError> {
        let judge = |request: &ScriptRequest, status| match is_good(request, status) {
            true => Ok(()),
            false => Err(MeasureError::WrongStatus {
                request: format!("{} {}", request.method, request.path),
                status,
                script: script.name.clone(),
            }),
        };
        let first_kind = script.request();
        let conversation = Conversation::begin(plan.endpoint(), plan.request(), plan.timeout())
            .map_err(MeasureError::NoAnswer)?;
        let (status, took) = conversation.first();
        judge(first_kind, status)?;
        for (kind, request) in script.requests.iter().zip(plan.firsts()).skip(1) {
            let (status, _) =
                probe(plan.endpoint(), request, plan.timeout()).map_err(MeasureError::NoAnswer)?;
            judge(kind, status)?;
        }
        Ok(Self { first_kind, conversation, first: at_readiness.unwrap_or(took) })
    }

    /// Makes the calls that follow; returns what each took. What goes wrong ends them, and will
    /// show in the load.
    pub(super) fn follow(mut self) -> Vec<Duration> {
        let started = Instant::now();
        let mut following = Vec::with_capacity(FOLLOWING);
        while following.len() < FOLLOWING && started.elapsed() < FOLLOWING_TIME {
            match self.conversation.again() {
                Ok(Some((status, took))) if is_good(self.first_kind, status) => {
                    following.push(took);
                }
                _ => break,
            }
        }
        following
    }
}

fn is_good(request: &ScriptRequest, status: u16) -> bool {
    match request.expect.status.as_slice() {
        [] => (200..300).contains(&status),
        expected => expected.contains(&status),
    }
}

/// The times of calls, as the record has them; none without any.
pub(super) fn facts(calls: &[Duration]) -> Option<CallFacts> {
    let us = |duration: Duration| Nanos::from(duration).as_micros_f64();
    let mut sorted = calls.to_vec();
    sorted.sort_unstable();
    let middle = sorted.get(sorted.len().checked_sub(1)? / 2)?;
    let total: Duration = calls.iter().sum();
    Some(CallFacts {
        count: calls.len() as u64,
        mean: Some(us(total) / calls.len() as f64),
        p50: Some(us(*middle)),
        max: sorted.last().map(|longest| us(*longest)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_have_a_mean_a_median_and_a_longest() {
        let us = Duration::from_micros;
        let calls = [us(400), us(100), us(200), us(100)];
        let expected =
            CallFacts { count: 4, mean: Some(200.0), p50: Some(100.0), max: Some(400.0) };
        assert_eq!(facts(&calls), Some(expected));
        assert_eq!(facts(&[us(7)]).and_then(|facts| facts.p50), Some(7.0));
        assert_eq!(facts(&[]), None);
    }
}
