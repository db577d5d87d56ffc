//! `[[stage]]`: a time in which the level changes steadily.

use std::time::Duration;

use serde::Deserialize;

use crate::{load::script::Stage, unit};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StageSection {
    #[serde(deserialize_with = "unit::deserialize_duration")]
    duration: Duration,
    connections: Option<u32>,
    rate: Option<f64>,
    #[serde(default = "yes")]
    record: bool,
}

fn yes() -> bool {
    true
}

impl StageSection {
    /// The stage of a closed loop, in connections.
    pub(super) fn closed(self) -> Result<Stage, String> {
        match (self.connections, self.rate) {
            (Some(connections), None) => self.at(f64::from(connections)),
            _ => Err("in mode = \"closed\" a [[stage]] has connections, and no rate".to_owned()),
        }
    }

    /// The stage of an open loop, in requests a second.
    pub(super) fn open(self) -> Result<Stage, String> {
        match (self.connections, self.rate) {
            (None, Some(rate)) => self.at(rate),
            _ => Err("in mode = \"open\" a [[stage]] has a rate, and no connections".to_owned()),
        }
    }

    fn at(self, level: f64) -> Result<Stage, String> {
        Ok(Stage { duration: self.duration, level, record: self.record })
    }
}
