//! The slices of a window, and what they add up to.

use super::slice::Slice;
use crate::{load::Tally, unit::Nanos};

/// The slices of a window in their order, and what they add up to as they come.
#[derive(Debug)]
pub(super) struct Slices {
    rows: Vec<Slice>,
    /// Those without sampling that may be in a headline.
    headline: Total,
    all: Total,
}

/// Slices together.
#[derive(Debug)]
pub(super) struct Total {
    pub(super) tally: Tally,
    /// Time of open tap: slices lie apart, so that the tally's own span is too long.
    pub(super) elapsed: Nanos,
    pub(super) server_cpu: Nanos,
}

impl Slices {
    pub(super) fn new() -> Self {
        Self { rows: Vec::new(), headline: Total::new(), all: Total::new() }
    }

    /// Adds the next slice, with what its load came to.
    pub(super) fn push(&mut self, slice: Slice, tally: &Tally) {
        self.all.add(&slice, tally);
        if !slice.sampled && slice.invalid.is_none() {
            self.headline.add(&slice, tally);
        }
        self.rows.push(slice);
    }

    pub(super) fn rows(&self) -> &[Slice] {
        &self.rows
    }

    /// All slices together, sampled or not, valid or not.
    pub(super) fn all(&self) -> &Total {
        &self.all
    }

    /// The slices that the headline numbers come from, and whether those may be quoted.
    ///
    /// These are the valid ones without sampling. Where fewer than half of those without sampling
    /// are valid, it is all slices: there is something to look at then, and nothing to quote.
    pub(super) fn headline(&self) -> (&Total, bool) {
        let unsampled = self.rows.iter().filter(|slice| !slice.sampled);
        let good = unsampled.clone().filter(|slice| slice.invalid.is_none()).count();
        let is_valid = good > 0 && good * 2 >= unsampled.count();
        (if is_valid { &self.headline } else { &self.all }, is_valid)
    }
}

impl Total {
    fn new() -> Self {
        Self { tally: Tally::new(Nanos(0)), elapsed: Nanos(0), server_cpu: Nanos(0) }
    }

    fn add(&mut self, slice: &Slice, tally: &Tally) {
        self.tally.merge(tally);
        self.elapsed += slice.elapsed;
        self.server_cpu += slice.server_cpu;
    }

    /// An amount over the seconds of load.
    pub(super) fn per_second(&self, amount: f64) -> f64 {
        amount / self.elapsed.as_secs_f64()
    }

    /// A time over good responses, in microseconds.
    pub(super) fn us_per_request(&self, time: Nanos) -> f64 {
        time.as_micros_f64() / self.tally.requests as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::slice::Invalid;

    fn slices(kinds: &[(bool, Option<Invalid>)]) -> Slices {
        let mut slices = Slices::new();
        for (index, (sampled, invalid)) in kinds.iter().enumerate() {
            let mut tally = Tally::new(Nanos(index as u64 * 1_000_000_000));
            tally.ended = tally.started + Nanos(500_000_000);
            tally.requests = 100;
            let slice = Slice::new(*sampled, &tally, Nanos(1_000_000), 1);
            slices.push(Slice { invalid: *invalid, ..slice }, &tally);
        }
        slices
    }

    #[test]
    fn the_headline_is_of_valid_slices_without_sampling() {
        let bad = Some(Invalid::Errors);
        let slices = slices(&[(false, None), (true, None), (true, None), (false, bad)]);
        let (headline, is_valid) = slices.headline();
        assert!(is_valid);
        assert_eq!((headline.tally.requests, headline.elapsed), (100, Nanos(500_000_000)));
        assert_eq!(headline.per_second(100.0), 200.0);
        assert_eq!(headline.us_per_request(headline.server_cpu), 10.0);
        assert_eq!(slices.all().tally.requests, 400);
    }

    #[test]
    fn with_too_few_valid_slices_there_is_nothing_to_quote() {
        let bad = Some(Invalid::Errors);
        let slices = slices(&[(false, None), (true, None), (false, bad), (false, bad)]);
        let (headline, is_valid) = slices.headline();
        assert!(!is_valid);
        assert_eq!(headline.tally.requests, 400);
        assert!(!Slices::new().headline().1);
    }
}
