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
    if pair.design == Design::Separate {
        caveats.push(
            "A and B were measured at different times: drift is in it, which is whatever the \
             machine did meanwhile"
                .to_owned(),
        );
    }
    if let Some(change) = primary.filter(|change| change.basis == Some(Basis::Slices)) {
        let floor = options.floor(change.metric, pair.design);
        let known = match floor.comparisons {
            Some(count) => format!("was found to be {} in {count} comparisons", Ratio(floor.sd)),
            None => format!("is assumed to be {}", Ratio(floor.sd)),
        };
        caveats.push(format!(
            "one process on each side: the slices say how it scatters within one process each, and \
             the interval is widened by what two identical servers differ by, which {known} \
             (standard deviation)"
        ));
    }
    for (letter, Side { doubts, .. }) in [("A", &pair.a), ("B", &pair.b)] {
        caveats.extend(doubts.iter().map(|doubt| format!("{letter}: {doubt}")));
    }
    caveats
}
