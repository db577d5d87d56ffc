//! [`RunId`]: the name of a run.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use super::time::UtcTime;

/// The name of a run, such as `20261121-223344-ab12`: when it began in UTC, and four random hex
/// digits, so that two runs of the same second differ. Ids sort by time.
///
/// It is also the name of the run's directory, so nothing else parses as one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

/// Why a text is not a run's id.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invalid run id '{0}': it looks like 20261121-223344-ab12")]
pub struct RunIdError(String);

impl RunId {
    /// A new id for a run that begins at `started`.
    pub fn new(started: UtcTime) -> Self {
        Self(format!("{}-{:04x}", started.compact(), random()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Sixteen bits from the system; from the clock where it has none.
fn random() -> u16 {
    let mut bytes = [0; 2];
    let filled = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::NONBLOCK);
    match filled {
        Ok(2) => u16::from_ne_bytes(bytes),
        _ => crate::unit::Nanos::now().0 as u16,
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, RunIdError> {
        let fits = |(i, byte): (usize, u8)| match i {
            8 | 15 => byte == b'-',
            0..=14 => byte.is_ascii_digit(),
            _ => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        };
        if text.len() == 20 && text.bytes().enumerate().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(RunIdError(text.to_owned()))
        }
    }
}

impl Serialize for RunId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_begins_with_its_time_and_reads_back() {
        let id = RunId::new(UtcTime::from_unix_seconds(1_795_300_424));
        assert!(id.as_str().starts_with("20261121-223344-"), "{id}");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn paths_are_no_ids() {
        for text in [
            "",
            "latest",
            "../../../etc/passwd!",
            "20261121-223344-AB12",
            "20261121-223344-ab1",
            "20261121-223344-ab12/",
            "20261121/223344-ab12",
        ] {
            assert!(text.parse::<RunId>().is_err(), "{text}");
        }
    }
}
