//! What the rounds of both sides come to, side by side.

use std::{fmt, time::Duration};

use flameload::{measure::Estimate, unit::Bytes};
use serde_json::{Value, json};

use super::{
    hand::{self, Counts},
    ours,
};
use crate::table::Table;

/// The rounds of a comparison, in their order.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) workload: String,
    pub(super) rounds: Vec<Round>,
    /// What made the rounds by hand; none where there were none.
    pub(super) tools: Option<String>,
}

/// A round of each side, made one after the other.
#[derive(Debug, Clone)]
pub(super) struct Round {
    pub(super) ours: ours::Round,
    /// None where perf is missing.
    pub(super) hand: Option<hand::Round>,
}

/// The side that begins a round: the other one begins the next, so that a steady drift of the
/// machine's speed favours neither.
pub(super) fn ours_first(round: usize) -> bool {
    round.is_multiple_of(2)
}

/// How many times longer the hand pipeline takes.
#[derive(Debug, Clone, Copy)]
struct Ratios {
    /// Its pipe, over all that we do.
    pipe: Estimate,
    /// The same, with what `perf record` does after the load.
    all: Estimate,
    /// The pipe's time per sample over ours: we sample in every other slice only.
    per_sample: Option<Estimate>,
}

impl Comparison {
    fn ratios(&self) -> Option<Ratios> {
        let pairs =
            || self.rounds.iter().filter_map(|round| Some((&round.ours, round.hand.as_ref()?)));
        let per_sample = |time: Duration, samples: u64| time.as_secs_f64() / samples as f64;
        Some(Ratios {
            pipe: Estimate::geometric(pairs().map(|(ours, hand)| over(hand.pipe(), ours.post)))?,
            all: Estimate::geometric(pairs().map(|(ours, hand)| over(hand.total(), ours.post)))?,
            per_sample: Estimate::geometric(pairs().map(|(ours, hand)| {
                per_sample(hand.pipe(), hand.counts.samples) / per_sample(ours.post, ours.samples)
            })),
        })
    }

    /// All of it, for programs.
    pub(super) fn json(&self) -> Value {
        let round = |round: &Round| {
            json!({
                "ours": ours_json(&round.ours),
                "hand": round.hand.as_ref().map(hand_json),
            })
        };
        let estimate = |of: Estimate| json!({ "ratio": of.value, "ci95": of.ci95 });
        let ratios = self.ratios();
        json!({
            "workload": self.workload,
            "tools": self.tools,
            "rounds": self.rounds.iter().map(round).collect::<Vec<_>>(),
            "pipe_over_ours": ratios.map(|ratios| estimate(ratios.pipe)),
            "record_and_pipe_over_ours": ratios.map(|ratios| estimate(ratios.all)),
            "pipe_over_ours_per_sample":
                ratios.and_then(|ratios| ratios.per_sample).map(estimate),
        })
    }
}

fn over(above: Duration, below: Duration) -> f64 {
    above.as_secs_f64() / below.as_secs_f64()
}

fn ours_json(round: &ours::Round) -> Value {
    json!({
        "post_processing_ms": ms(round.post),
        "stop_ms": ms(round.stop),
        "symbolize_ms": ms(round.symbolize),
        "samples": round.samples,
        "run_bytes": round.run.0,
        "temporary_bytes": round.temporary.0,
        "rootless_ratio": round.shares.rootless.0,
        "nameless_ratio": round.shares.nameless.0,
        "truncated_ratio": round.truncated.map(|ratio| ratio.0),
        "unknown_ratio": round.unknown.map(|ratio| ratio.0),
        "lost": round.lost,
        "throttled": round.throttled,
        "requests_per_second": round.requests_per_second,
    })
}

fn hand_json(round: &hand::Round) -> Value {
    json!({
        "record_ms": ms(round.record),
        "script_ms": ms(round.script),
        "collapse_ms": ms(round.collapse),
        "flamegraph_ms": ms(round.flamegraph),
        "pipe_ms": ms(round.pipe()),
        "samples": round.counts.samples,
        "perf_data_bytes": round.perf_data.0,
        "svg_bytes": round.svg.0,
        "folded_bytes": round.folded.0,
        "build_id_cache_bytes": round.build_ids.0,
        "rootless_ratio": round.shares.rootless.0,
        "nameless_ratio": round.shares.nameless.0,
        "lost_records": round.counts.lost_records,
        "requests_per_second": round.requests_per_second,
    })
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {}", self.workload)?;
        match &self.tools {
            Some(tools) => writeln!(f, "  by hand: {tools}")?,
            None => writeln!(f, "  COMPARISON SKIPPED: perf does not run here")?,
        }
        writeln!(f, "\n  from the end of the load to the flamegraph, in milliseconds")?;
        writeln!(f, "{}", self.times())?;
        writeln!(f, "  what it is made of")?;
        writeln!(f, "{}", self.stacks())?;
        self.write_last(f)?;
        let Some(ratios) = self.ratios() else { return Ok(()) };
        writeln!(f, "\n  by hand over our total, with its 95 % interval")?;
        writeln!(f, "  {}  the pipe", times(Some(ratios.pipe)))?;
        writeln!(f, "  {}  its total, with what perf record does first", times(Some(ratios.all)))?;
        writeln!(f, "  {}  the pipe, for each sample", times(ratios.per_sample))
    }
}

impl Comparison {
    /// How the time divides.
    fn times(&self) -> Table<8> {
        let mut table = Table::new([
            "round",
            "side",
            "record",
            "script",
            "collapse",
            "flamegraph",
            "pipe",
            "total",
        ]);
        let ms = |time: Duration| format!("{:.0}", time.as_secs_f64() * 1e3);
        for (round, side) in self.sides() {
            let [record, script, collapse, flamegraph, pipe, total] = match side {
                Side::Ours(ours) => [None, None, None, None, None, Some(ours.post)],
                Side::Hand(hand) => [
                    hand.record,
                    hand.script,
                    hand.collapse,
                    hand.flamegraph,
                    hand.pipe(),
                    hand.total(),
                ]
                .map(Some),
            }
            .map(|time| time.map_or("-".to_owned(), ms));
            let name = side.name();
            table.push([round, name, record, script, collapse, flamegraph, pipe, total]);
        }
        table
    }

    /// How many samples there are and how good their stacks, and what is left on disk.
    fn stacks(&self) -> Table<8> {
        let mut table = Table::new([
            "round",
            "side",
            "requests/s",
            "samples",
            "lost",
            "no root",
            "nameless",
            "left on disk",
        ]);
        for (round, side) in self.sides() {
            let (rate, samples, lost, shares, left) = match side {
                Side::Ours(ours) => {
                    let left = Bytes(ours.run.0 + ours.temporary.0);
                    (ours.requests_per_second, ours.samples, ours.lost, ours.shares, left)
                }
                Side::Hand(hand) => {
                    let left = Bytes(hand.perf_data.0 + hand.svg.0);
                    let Counts { samples, lost_records } = hand.counts;
                    (Some(hand.requests_per_second), samples, lost_records, hand.shares, left)
                }
            };
            table.push([
                round,
                side.name(),
                rate.map_or("-".to_owned(), |rate| format!("{rate:.0}")),
                samples.to_string(),
                lost.to_string(),
                shares.rootless.to_string(),
                shares.nameless.to_string(),
                left.to_string(),
            ]);
        }
        table
    }

    /// The sides of all rounds in the order in which they were made, with the round's number.
    fn sides(&self) -> impl Iterator<Item = (String, Side<'_>)> {
        self.rounds.iter().enumerate().flat_map(|(index, round)| {
            let (ours, hand) = (Side::Ours(&round.ours), round.hand.as_ref().map(Side::Hand));
            let order = if ours_first(index) { [Some(ours), hand] } else { [hand, Some(ours)] };
            order.into_iter().flatten().map(move |side| ((index + 1).to_string(), side))
        })
    }

    /// What our time went to in the last round, and what that round left on disk.
    fn write_last(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Round { ours, hand }) = self.rounds.last() else { return Ok(()) };
        writeln!(
            f,
            "  ours: {:.0} ms to stop sampler and server, {:.0} ms for names, {:.0} ms to fold, \
             draw and write; run directory {}, temporary files {}",
            ms(ours.stop),
            ms(ours.symbolize),
            ms(ours.post.saturating_sub(ours.stop + ours.symbolize)),
            ours.run,
            ours.temporary
        )?;
        let Some(hand) = hand else { return Ok(()) };
        writeln!(
            f,
            "  hand: perf.data {}, SVG {}; besides, perf's build-id cache {}; folded text would \
             take {}",
            hand.perf_data, hand.svg, hand.build_ids, hand.folded
        )
    }
}

/// One side of a round.
#[derive(Debug, Clone, Copy)]
enum Side<'a> {
    Ours(&'a ours::Round),
    Hand(&'a hand::Round),
}

impl Side<'_> {
    fn name(self) -> String {
        match self {
            Self::Ours(_) => "ours".to_owned(),
            Self::Hand(_) => "hand".to_owned(),
        }
    }
}

fn times(estimate: Option<Estimate>) -> String {
    match estimate {
        Some(Estimate { value, ci95: Some([low, high]) }) => {
            format!("{value:>6.1} times ({low:.1} to {high:.1})")
        }
        Some(Estimate { value, ci95: None }) => {
            format!("{value:>6.1} times (one round has no interval)")
        }
        None => "     -".to_owned(),
    }
}

#[cfg(test)]
mod tests;
