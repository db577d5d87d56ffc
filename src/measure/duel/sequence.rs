//! How long a duel goes on: until it is sure, or a cap is reached.

use std::{sync::atomic::AtomicBool, time::Duration};

use super::Duel;
use crate::{
    compare::{Comparison, Metric, Options, Pair, Verdict, compare},
    measure::{error::MeasureError, event::Event},
};

/// When a duel is looked at, in rounds: after so many it ends if it is sure.
///
/// Whoever looks often and stops when he likes what he sees is wrong more often than he says. So
/// the looks are few and fixed beforehand, and the intervals are wider for each of them
/// ([`Options::looks`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looks(Vec<usize>);

/// What a duel tells while it goes on.
#[derive(Debug)]
pub enum DuelEvent {
    /// A round begins.
    Round {
        /// Which one, from 1.
        number: usize,
        /// How many there are going to be before the next look.
        until: usize,
        /// How many there may be.
        most: usize,
        /// About how long it takes until the next look.
        left: Duration,
    },
    /// A step of the round that is under way.
    Step(Event),
    /// It was looked at and is not sure: there will be more rounds.
    Unsure {
        /// What it says until now, in a sentence.
        headline: String,
    },
}

/// Where the events of a duel go.
pub type DuelSink<'a> = &'a mut dyn FnMut(DuelEvent);

/// A duel has at least so many rounds: with fewer, what they scatter by is hardly known.
pub(super) const ROUNDS_MIN: usize = 4;
/// The fewest looks that leave a doubt the time to be cleared up.
const LOOKS: usize = 3;

impl Looks {
    /// The first look when `duration` of load is over, the last when `most` is, and one between.
    /// A single one where there is no time for more.
    pub fn within(duration: Duration, most: Duration, round: Duration) -> Self {
        let rounds =
            |time: Duration| (time.div_duration_f64(round).round() as usize).max(ROUNDS_MIN);
        let (first, last) = (rounds(duration), rounds(most));
        if last < first + LOOKS - 1 {
            return Self(vec![first]);
        }
        Self(vec![first, usize::midpoint(first, last), last])
    }

    /// A single look, after so many rounds.
    pub fn once(rounds: usize) -> Self {
        Self(vec![rounds.max(1)])
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The most rounds that there may be.
    pub fn most(&self) -> usize {
        self.0.last().copied().unwrap_or_default()
    }
}

/// What a duel is to find out.
#[derive(Clone, Copy)]
pub enum Question<'a> {
    /// What became of metrics: each of them needs a verdict.
    Metrics(&'a [Metric]),
    /// Something about functions, and whether a comparison answers it. Naming them takes a while
    /// at each look.
    Functions(&'a dyn Fn(&Comparison) -> bool),
}

impl Question<'_> {
    fn is_answered(self, comparison: &Comparison) -> bool {
        let is_unsure = |metric: &Metric| {
            comparison.metric(*metric).is_some_and(|it| it.verdict == Verdict::Inconclusive)
        };
        match self {
            Self::Metrics(metrics) => !metrics.iter().any(is_unsure),
            Self::Functions(is_answered) => is_answered(comparison),
        }
    }
}

/// Makes rounds until a question is answered, and compares what there is then.
///
/// # Errors
/// When a side cannot be measured. Where `interrupted` is set, what was measured until then is
/// compared all the same, if it is at least one round.
pub fn until_sure(
    duel: &mut Duel<'_>,
    looks: &Looks,
    question: Question<'_>,
    options: &Options,
    interrupted: &AtomicBool,
    events: DuelSink<'_>,
) -> Result<(Pair, Comparison), MeasureError> {
    let options = Options { looks: looks.count(), ..options.clone() };
    for look in &looks.0 {
        match rounds(duel, *look, looks.most(), interrupted, events) {
            Err(error) if error.is_interruption() && duel.rounds() > 0 => break,
            made => made?,
        }
        let with_profiles = matches!(question, Question::Functions(_));
        let comparison = compare(&duel.pair(with_profiles), &options);
        if question.is_answered(&comparison) {
            break;
        }
        if *look < looks.most() {
            events(DuelEvent::Unsure { headline: comparison.headline.clone() });
        }
    }
    events(DuelEvent::Step(Event::Symbolizing));
    let pair = duel.pair(true);
    let comparison = compare(&pair, &options);
    Ok((pair, comparison))
}

/// Makes rounds until there are so many.
fn rounds(
    duel: &mut Duel<'_>,
    until: usize,
    most: usize,
    interrupted: &AtomicBool,
    events: DuelSink<'_>,
) -> Result<(), MeasureError> {
    while duel.rounds() < until {
        let made = duel.rounds();
        let left = duel.round_duration().saturating_mul((until - made) as u32);
        events(DuelEvent::Round { number: made + 1, until, most, left });
        duel.round(interrupted, &mut |event| events(DuelEvent::Step(event)))?;
    }
    Ok(())
}
