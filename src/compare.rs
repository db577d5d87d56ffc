//! Two sides -> a [`Comparison`]: is it slower, by how much, and which functions did it.
//!
//! ```text
//! runs -recorded-> Pair -+- rounds, slices -> Change of each metric, with interval and verdict
//!                        +- stacks -> Functions -> Frames: what surely changed, and the waterfall
//! ```
//!
//! Pure: nothing here reads a file, a clock or a random number, so the same sides always give the
//! same comparison. `docs/METHOD.md` has the formulas and where they come from.

mod causes;
mod caveats;
mod change;
mod clustered;
mod comparison;
mod discovery;
mod estimate;
mod floor;
mod frames;
mod functions;
mod lines;
mod markdown;
mod metric;
mod moderated;
mod moved;
mod name;
mod paths;
mod recorded;
mod robust;
mod shift;
mod side;
mod stacks;
mod unlike;
mod waterfall;
mod words;

use crate::stats::student;
pub use change::{Change, Verdict};
pub use comparison::{Comparison, SideFacts};
pub use estimate::Basis;
pub use floor::{Floor, Options};
pub use frames::{Delta, Frames, FunctionChange, Kind};
pub use lines::{FunctionLine, MetricLine};
pub use metric::Metric;
pub use paths::{Path, Paths};
pub use recorded::{Recorded, recorded};
pub use shift::Shift;
pub use side::{Design, Pair, Round, Sampled, Side, Slice, Unlike};
pub use stacks::{Function, Stacks};
pub use waterfall::{Part, Row, Waterfall};

/// Compares two sides, from A to B.
pub fn compare(pair: &Pair, options: &Options) -> Comparison {
    let metrics: Vec<Change> =
        Metric::ALL.into_iter().filter_map(|metric| Change::of(pair, metric, options)).collect();
    let primary = metrics.iter().find(|change| change.metric.is_primary());
    let waits = comparison::waits(&metrics);
    let frames = match pair.without_frames {
        None => frames::frames(pair),
        Some(_) => None,
    };
    Comparison {
        schema: comparison::SCHEMA,
        a: SideFacts::of(&pair.a),
        b: SideFacts::of(&pair.b),
        design: pair.design,
        unlike: pair.unlike.clone(),
        caveats: caveats::caveats(pair, &metrics, options),
        verdict: primary.map_or(Verdict::Inconclusive, |change| change.verdict),
        waits: waits.map(|change| change.metric),
        headline: words::headline(pair, primary, waits),
        without_frames: match frames {
            Some(_) => None,
            None => pair.without_frames.clone().or_else(|| Some(NO_SAMPLES.to_owned())),
        },
        frames,
        metrics,
    }
}

/// What a server differs by from itself in one round, by metric: of an interleaved measurement
/// whose two sides are the same.
pub fn floors(pair: &Pair) -> std::collections::BTreeMap<Metric, Floor> {
    let floor = |metric| Some((metric, estimate::spread(pair, metric)?));
    Metric::ALL.into_iter().filter_map(floor).collect()
}

/// Why there are no functions where nothing else is in the way.
const NO_SAMPLES: &str = "a side has no samples";

#[cfg(test)]
mod tests;
