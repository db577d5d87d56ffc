//! [`Comparison`]: what two sides say about each other.

use serde::{Deserialize, Serialize};

use super::{
    change::{Change, Verdict},
    frames::Frames,
    metric::Metric,
    side::{Design, Side, Unlike},
    words,
};

/// The version of the format.
pub(super) const SCHEMA: u32 = 1;

/// What two sides say about each other, from A to B.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The version of this format: 1. Names are never changed or taken away.
    pub schema: u32,
    /// What B is compared with.
    pub a: SideFacts,
    /// What may be slower or faster.
    pub b: SideFacts,
    /// How they were measured.
    pub design: Design,
    /// In what else they differ.
    pub unlike: Vec<Unlike>,
    /// What a reader must know before the figures, as sentences.
    pub caveats: Vec<String>,
    /// The verdict on CPU time for each request.
    pub verdict: Verdict,
    /// The latency that surely rose though CPU time did not, or not as much: requests wait.
    pub waits: Option<Metric>,
    /// What it comes to, in a sentence.
    pub headline: String,
    /// The metrics that both sides have, the primary one first.
    pub metrics: Vec<Change>,
    /// Which functions changed; none where they could not be compared.
    pub frames: Option<Frames>,
    /// Why functions could not be compared.
    pub without_frames: Option<String>,
}

/// A side, as a comparison names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideFacts {
    /// Its name.
    pub name: String,
    /// What else tells it apart.
    pub detail: String,
    /// Its server processes.
    pub rounds: usize,
}

impl SideFacts {
    pub(super) fn of(side: &Side) -> Self {
        Self { name: side.name.clone(), detail: side.detail.clone(), rounds: side.rounds.len() }
    }
}

impl Comparison {
    /// What became of a metric.
    pub fn metric(&self, metric: Metric) -> Option<&Change> {
        self.metrics.iter().find(|change| change.metric == metric)
    }

    /// The verdict for a gate: a latency that surely rose is a regression too, and everything else
    /// is as CPU time has it.
    pub fn outcome(&self) -> Verdict {
        let regressed = self
            .metrics
            .iter()
            .any(|change| change.metric.is_latency() && change.verdict == Verdict::Regressed);
        if regressed { Verdict::Regressed } else { self.verdict }
    }
}

impl Change {
    /// What became of the metric, in a sentence: `slower by 2.1 % (1.6 to 2.6)`.
    pub fn sentence(&self) -> String {
        words::sentence(self)
    }
}

/// The latency that surely rose by more than CPU time may have: the server does not work more, it
/// lets requests wait.
pub(super) fn waits(metrics: &[Change]) -> Option<&Change> {
    let cpu = metrics.iter().find(|change| change.metric.is_primary())?;
    let [_, most] = cpu.ci95?;
    let waits = |change: &&Change| {
        let surely_more = change.ci95.is_some_and(|[least, _]| least > most);
        change.metric.is_latency() && change.verdict == Verdict::Regressed && surely_more
    };
    metrics.iter().find(waits).filter(|_| cpu.verdict != Verdict::Regressed)
}
