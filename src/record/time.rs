//! Instants of the calendar: when a run began. What is measured uses `CLOCK_MONOTONIC` instead.

use std::{
    fmt,
    str::FromStr,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// A second of UTC, as in RFC 3339: `2026-11-21T22:33:44Z`.
///
/// The two conversions it takes are small enough not to need a calendar crate: years 1970 to
/// 9999, no zones, no leap seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UtcTime {
    unix_seconds: u64,
}

/// Why a text is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid time '{0}': write it as 2026-11-21T22:33:44Z")]
pub struct UtcTimeError(String);

const DAY_SECONDS: u64 = 86_400;

/// The last second of the year 9999.
const UNIX_SECONDS_MAX: u64 = 253_402_300_799;

impl UtcTime {
    /// The present second.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::from_unix_seconds(since.as_secs())
    }

    /// The second so long after 1970 began; at most the last of the year 9999.
    pub fn from_unix_seconds(unix_seconds: u64) -> Self {
        Self { unix_seconds: unix_seconds.min(UNIX_SECONDS_MAX) }
    }

    /// Seconds since 1970 began.
    pub fn unix_seconds(self) -> u64 {
        self.unix_seconds
    }

    /// The instant as digits in two groups: `20261121-223344`.
    pub fn compact(self) -> String {
        self.to_string().replace(['-', ':', 'Z'], "").replace('T', "-")
    }
}

impl fmt::Display for UtcTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.unix_seconds / DAY_SECONDS);
        let second = self.unix_seconds % DAY_SECONDS;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl FromStr for UtcTime {
    type Err = UtcTimeError;

    fn from_str(text: &str) -> Result<Self, UtcTimeError> {
        let error = || UtcTimeError(text.to_owned());
        let number = |from: usize, to: usize| -> Result<u64, UtcTimeError> {
            let digits = text.get(from..to).ok_or_else(error)?;
            if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(error());
            }
            digits.parse().map_err(|_| error())
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return Err(error());
        }
        let seconds = days(year, month, day) * DAY_SECONDS + hour * 3600 + minute * 60 + second;
        let time = Self::from_unix_seconds(seconds);
        // What is no calendar date, such as 30 February, comes out as another text.
        if time.to_string() == text { Ok(time) } else { Err(error()) }
    }
}

/// Year, month and day of a day since 1970-01-01 in the Gregorian calendar.
///
/// Years are counted from 1 March of the year 0, so that a leap day ends its year: an era of 400
/// years has 146,097 days, and months begin at `(153 m + 2) / 5` days.
fn civil(days_since_1970: u64) -> (u64, u64, u64) {
    let days = days_since_1970 + DAYS_TO_1970;
    let (era, day_of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let leap_days = day_of_era / 1460 + day_of_era / (ERA_DAYS - 1);
    let year_of_era = (day_of_era + day_of_era / 36_524 - leap_days) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12 + 1;
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// Days since 1970-01-01; the inverse of [`civil`].
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2);
    let year_of_era = year % 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    year / 400 * ERA_DAYS + day_of_era - DAYS_TO_1970
}

/// Days of 400 years.
const ERA_DAYS: u64 = 146_097;

/// Days from 1 March of the year 0 to 1 January 1970.
const DAYS_TO_1970: u64 = 719_468;

impl Serialize for UtcTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UtcTime {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_instants() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (1_795_300_424, "2026-11-21T22:33:44Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (UNIX_SECONDS_MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(UtcTime::from_unix_seconds(seconds).to_string(), text);
        }
        assert_eq!(UtcTime::from_unix_seconds(1_795_300_424).compact(), "20261121-223344");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "2026-11-21",
            "2026-02-30T00:00:00Z",
            "2026-11-21T25:00:00Z",
            "2026-11-21T22:33:44+01:00",
            "2026-11-21 22:33:44Z",
            "1969-12-31T23:59:59Z",
            "2026-1é-21T22:33:44Z",
        ] {
            assert!(text.parse::<UtcTime>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_second_reads_back(seconds in 0..=UNIX_SECONDS_MAX) {
            let time = UtcTime::from_unix_seconds(seconds);
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }

        #[test]
        fn any_text_is_read_without_panic(text in "[0-9TZ:é-]{0,24}") {
            let _ = text.parse::<UtcTime>();
        }
    }
}
