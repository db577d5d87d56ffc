//! What a reader of a comparison must know before its figures.

use super::{
    change::Change,
    estimate::Basis,
    floor::Options,
    metric::Metric,
    side::{Design, Pair, Side},
};
use crate::unit::Ratio;

/// A server that answers so much less than its CPU time explains has CPU time left.
const IDLE: f64 = 0.8;

/// The caveats of a comparison, as sentences.
pub(super) fn caveats(pair: &Pair, metrics: &[Change], options: &Options) -> Vec<String> {
    let primary = metrics.iter().find(|change| change.metric.is_primary());
    let mut caveats = Vec::new();
    caveats.extend(other_load(metrics));
    let single = primary.is_some_and(|change| change.basis == Some(Basis::Slices));
    if single {
        caveats.push("one process on each side: intervals are within one process each".to_owned());
    }
    match pair.design {
        Design::Interleaved => {}
        Design::Turns => caveats.push(
            "A and B were measured in turns: drift is in it, and in the intervals".to_owned(),
        ),
        Design::Separate => caveats.push(
            "A and B were measured at different times: drift is in it, whatever the machine did \
             meanwhile"
                .to_owned(),
        ),
    }
    let floor = primary
        .filter(|_| single || pair.design == Design::Separate)
        .and_then(|change| options.floor(change.metric, pair.design));
    if let Some(floor) = floor {
        let known = match floor.comparisons {
            Some(count) => format!("found to be {} in {count} comparisons", Ratio(floor.sd)),
            None => format!("assumed to be {}", Ratio(floor.sd)),
        };
        caveats.push(format!(
            "the interval is widened by what two identical servers differ by, {known} (standard \
             deviation)"
        ));
    }
    for (letter, Side { doubts, .. }) in [("A", &pair.a), ("B", &pair.b)] {
        caveats.extend(doubts.iter().map(|doubt| format!("{letter}: {doubt}")));
    }
    caveats
}

/// What to think of CPU time where one side is not saturated any more: a server that waits has
/// less to do at a time, and what it does once for several requests costs each of them more.
fn other_load(metrics: &[Change]) -> Option<String> {
    let of = |metric: Metric| metrics.iter().find(|change| change.metric == metric);
    let (cpu, throughput) = (of(Metric::Cpu)?, of(Metric::Throughput)?);
    let used = cpu.ratio * throughput.ratio;
    let (idle, kept) = if used < 1.0 { ("B", used) } else { ("A", 1.0 / used) };
    (kept < IDLE).then(|| {
        format!(
            "{idle} uses only {} of the CPU time that the other uses, so it waits, and the same \
             connections are another load: compare at one rate, with --rate",
            Ratio(kept)
        )
    })
}
