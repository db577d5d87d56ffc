//! [`Distribution`]: how often each latency was seen.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// How often each latency was seen: the buckets of a histogram that are not empty, by their
/// highest value in nanoseconds, ascending.
///
/// Percentiles cannot be averaged; buckets can be added up. So a record keeps them, and latencies
/// of several runs can be merged whenever one likes. Its text is a line of `nanoseconds:count`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Distribution {
    buckets: Vec<(u64, u64)>,
}

/// Why a text is not a distribution.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("'{0}' is no bucket of a distribution: write nanoseconds:count, each once, ascending")]
pub struct DistributionError(String);

impl Distribution {
    /// From buckets in any order; those without a count are left out.
    pub fn new(buckets: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut buckets: Vec<(u64, u64)> =
            buckets.into_iter().filter(|(_, count)| *count > 0).collect();
        buckets.sort_unstable();
        buckets.dedup_by(|next, kept| {
            let same = next.0 == kept.0;
            if same {
                kept.1 = kept.1.saturating_add(next.1);
            }
            same
        });
        Self { buckets }
    }

    /// The buckets: nanoseconds and how often.
    pub fn buckets(&self) -> &[(u64, u64)] {
        &self.buckets
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (nanos, count)) in self.buckets.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}{nanos}:{count}")?;
        }
        Ok(())
    }
}

impl FromStr for Distribution {
    type Err = DistributionError;

    fn from_str(text: &str) -> Result<Self, DistributionError> {
        let mut buckets: Vec<(u64, u64)> = Vec::new();
        for word in text.split_whitespace() {
            let bucket = word.split_once(':').and_then(|(nanos, count)| {
                let bucket = (nanos.parse().ok()?, count.parse().ok()?);
                let ascends = buckets.last().is_none_or(|last| last.0 < bucket.0);
                (ascends && bucket.1 > 0).then_some(bucket)
            });
            buckets.push(bucket.ok_or_else(|| DistributionError(word.to_owned()))?);
        }
        Ok(Self { buckets })
    }
}

impl Serialize for Distribution {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn its_text_is_a_line() {
        let seen = Distribution::new([(2_000, 1), (1_000, 3), (2_000, 4), (9, 0)]);
        assert_eq!(seen.to_string(), "1000:3 2000:5");
        assert_eq!("1000:3 2000:5".parse(), Ok(seen));
        assert_eq!("".parse(), Ok(Distribution::default()));
        for wrong in
            ["1", "1:", ":1", "1:0", "2:1 1:1", "1:1 1:1", "-1:1", "1:99999999999999999999"]
        {
            assert!(wrong.parse::<Distribution>().is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(buckets in prop::collection::vec((any::<u64>(), any::<u64>()), 0..40)) {
            let seen = Distribution::new(buckets);
            let json = serde_json::to_string(&seen).expect("it is a text");
            prop_assert_eq!(serde_json::from_str::<Distribution>(&json).expect("it reads back"), seen);
        }

        #[test]
        fn any_text_is_a_distribution_or_an_error(text in "[0-9: ]{0,30}|.{0,30}") {
            if let Ok(seen) = text.parse::<Distribution>() {
                prop_assert_eq!(seen.to_string().parse::<Distribution>(), Ok(seen));
            }
        }
    }
}
