//! What a reader of a comparison must know before its figures.

use super::{
    change::Change,
    estimate::Basis,
    floor::Options,
    side::{Design, Pair, Side},
};
use crate::unit::Ratio;

/// The caveats of a comparison, as sentences.
pub(super) fn caveats(pair: &Pair, primary: Option<&Change>, options: &Options) -> Vec<String> {
    let mut caveats = Vec::new();
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
