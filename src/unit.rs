//! Quantities that carry their unit: parsed at the edges, never bare numbers inside.

use std::{
    fmt,
    iter::Sum,
    ops::{Add, AddAssign, Sub},
    str::FromStr,
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, de::Visitor};
use thiserror::Error;

/// Why a text is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnitError {
    /// A duration without a number or a known suffix.
    #[error("invalid duration '{0}': write a number and a unit, such as 250ms, 10s or 5m")]
    Duration(String),
    /// A rate that is not a positive whole number.
    #[error("invalid frequency '{0}': write a whole number of samples per second from 1 to 100000")]
    Hertz(String),
    /// An amount without a number or a known suffix.
    #[error(
        "invalid amount '{0}': write a whole number above 0 and a unit, such as 512MiB or 1GiB"
    )]
    Bytes(String),
}

/// Samples per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hertz(pub u32);

impl Hertz {
    /// The time between two samples.
    pub fn period(self) -> Nanos {
        Nanos(1_000_000_000 / u64::from(self.0.max(1)))
    }
}

impl FromStr for Hertz {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let digits = text.trim().trim_end_matches("Hz").trim_end();
        match digits.parse() {
            Ok(hz @ 1..=100_000) => Ok(Self(hz)),
            _ => Err(UnitError::Hertz(text.to_owned())),
        }
    }
}

impl fmt::Display for Hertz {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} Hz", self.0)
    }
}

/// Nanoseconds: a span, or an instant of `CLOCK_MONOTONIC`.
///
/// One clock serves samples, slices and latencies, so that each can be cut by the others.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Nanos(pub u64);

impl Nanos {
    /// The present instant of `CLOCK_MONOTONIC`.
    pub fn now() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        Self(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64)
    }

    /// The span from `earlier` to this instant; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }

    /// The span in seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The span in microseconds.
    pub fn as_micros_f64(self) -> f64 {
        self.0 as f64 / 1e3
    }
}

impl From<Duration> for Nanos {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Nanos> for Duration {
    fn from(nanos: Nanos) -> Self {
        Self::from_nanos(nanos.0)
    }
}

impl Add for Nanos {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Nanos {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.since(other)
    }
}

impl AddAssign for Nanos {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Nanos {
    fn sum<I: Iterator<Item = Self>>(spans: I) -> Self {
        spans.fold(Self(0), Add::add)
    }
}

/// Reads a duration such as `250ms`, `1.5s`, `5m` or `100us`.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let error = || UnitError::Duration(text.to_owned());
    let trimmed = text.trim();
    let digits_end = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(error)?;
    let (number, suffix) = trimmed.split_at(digits_end);
    let seconds_per_unit = match suffix.trim_start() {
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(error()),
    };
    let number: f64 = number.parse().map_err(|_| error())?;
    Duration::try_from_secs_f64(number * seconds_per_unit).map_err(|_| error())
}

/// Deserializes a duration from its text, for serde's `deserialize_with`.
pub fn deserialize_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    from.deserialize_str(DurationText)
}

/// Says what a duration looks like where something else stands.
struct DurationText;

impl Visitor<'_> for DurationText {
    type Value = Duration;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a duration with its unit, such as \"10s\"")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Duration, E> {
        parse_duration(text).map_err(E::custom)
    }
}

/// Bytes of memory or traffic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl FromStr for Bytes {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let error = || UnitError::Bytes(text.to_owned());
        let trimmed = text.trim();
        let digits_end = trimmed.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
        let (number, suffix) = trimmed.split_at(digits_end);
        let bytes_per_unit: u64 = match suffix.trim_start() {
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            "TiB" => 1 << 40,
            "kB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            _ => return Err(error()),
        };
        let number = number.parse::<u64>().ok().filter(|number| *number > 0).ok_or_else(error)?;
        number.checked_mul(bytes_per_unit).map(Self).ok_or_else(error)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
        if self.0 < 1024 {
            return write!(f, "{} B", self.0);
        }
        let mut value = self.0 as f64 / 1024.0;
        let mut unit = 0;
        while value >= 1024.0 && unit + 1 < UNITS.len() {
            value /= 1024.0;
            unit += 1;
        }
        write!(f, "{value:.1} {}", UNITS[unit])
    }
}

/// A number of samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Samples(pub u64);

impl Samples {
    /// This number as a share of `total`; zero of none is zero.
    pub fn share_of(self, total: Self) -> Ratio {
        if total.0 == 0 { Ratio(0.0) } else { Ratio(self.0 as f64 / total.0 as f64) }
    }
}

impl Add for Samples {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Samples {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Samples {
    fn sum<I: Iterator<Item = Self>>(samples: I) -> Self {
        samples.fold(Self(0), Add::add)
    }
}

/// A share, 1.0 being the whole; displayed as a percentage.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ratio(pub f64);

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} %", self.0 * 100.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("5m"), Ok(Duration::from_secs(300)));
        for wrong in ["", "10", "s", "-1s", "10 parsecs", "1..5s", "1e9999h"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn frequencies_are_bounded() {
        assert_eq!("997".parse(), Ok(Hertz(997)));
        assert_eq!("99 Hz".parse(), Ok(Hertz(99)));
        for wrong in ["0", "-1", "100001", "fast"] {
            assert!(wrong.parse::<Hertz>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn bytes_are_readable() {
        assert_eq!(Bytes(3696).to_string(), "3.6 KiB");
        assert_eq!(Bytes(12).to_string(), "12 B");
    }

    #[test]
    fn amounts_need_a_unit() {
        assert_eq!("512MiB".parse(), Ok(Bytes(512 << 20)));
        assert_eq!(" 2 GB ".parse(), Ok(Bytes(2_000_000_000)));
        for wrong in ["", "512", "MiB", "0MiB", "-1MiB", "1.5GiB", "1 gib", "99999999999TiB"] {
            assert_eq!(wrong.parse::<Bytes>(), Err(UnitError::Bytes(wrong.to_owned())));
        }
    }
}
