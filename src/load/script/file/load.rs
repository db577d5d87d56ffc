//! `[load]`: what decides when requests are sent, and for how long.

use std::{
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use serde::{Deserialize, Deserializer, de::Error as _};

use super::stage::StageSection;
use crate::{
    load::script::{Arrival, Extent, OnOverload, Pace, Stage, Think, Threads},
    unit,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LoadSection {
    #[serde(default)]
    mode: Mode,
    connections: Option<Counts>,
    #[serde(default)]
    pub(super) threads: Threads,
    #[serde(default, deserialize_with = "some_duration")]
    duration: Option<Duration>,
    requests: Option<NonZeroU64>,
    #[serde(default = "two_seconds", deserialize_with = "unit::deserialize_duration")]
    pub(super) warmup: Duration,
    #[serde(default, deserialize_with = "unit::deserialize_duration")]
    pub(super) cooldown: Duration,
    #[serde(default = "two_seconds", deserialize_with = "unit::deserialize_duration")]
    pub(super) timeout: Duration,
    rate: Option<Rates>,
    arrival: Option<Arrival>,
    max_in_flight: Option<NonZeroU32>,
    on_overload: Option<OnOverload>,
    think: Option<Think>,
    #[serde(default = "one")]
    pub(super) pipeline: NonZeroU32,
    #[serde(default)]
    requests_per_connection: u32,
    #[serde(default)]
    pub(super) by_request: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Closed,
    Open,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected a number from 1, or a list such as [100, 1000]")]
enum Counts {
    One(NonZeroU32),
    Several(Vec<NonZeroU32>),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number of requests a second, or a list such as [1000, 2000]"
)]
enum Rates {
    One(f64),
    Several(Vec<f64>),
}

/// The levels of a script, and how long each lasts.
#[derive(Debug)]
pub(super) struct Levels {
    pub(super) first: Pace,
    pub(super) others: Vec<Pace>,
    pub(super) extent: Extent,
}

fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

/// Deserializes the text of a duration that may be left out.
pub(super) fn some_duration<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Duration>, D::Error> {
    unit::deserialize_duration(from).map(Some)
}

impl LoadSection {
    pub(super) fn requests_per_connection(&self) -> Option<NonZeroU32> {
        NonZeroU32::new(self.requests_per_connection)
    }

    /// What decides when requests are sent, for each level, and when the load ends.
    pub(super) fn levels(&self, stages: Vec<StageSection>) -> Result<Levels, String> {
        match self.mode {
            Mode::Closed => self.closed(stages),
            Mode::Open => self.open(stages),
        }
    }

    fn closed(&self, stages: Vec<StageSection>) -> Result<Levels, String> {
        let open_only = [
            ("rate", self.rate.is_some()),
            ("arrival", self.arrival.is_some()),
            ("max_in_flight", self.max_in_flight.is_some()),
            ("on_overload", self.on_overload.is_some()),
        ];
        if let Some((key, _)) = open_only.iter().find(|(_, is_there)| *is_there) {
            return Err(format!(
                "[load] {key} belongs to an open loop: a closed one sends when a response has \
                 come; add mode = \"open\", or leave it out"
            ));
        }
        let counts = match &self.connections {
            Some(Counts::One(count)) => vec![*count],
            Some(Counts::Several(counts)) => counts.clone(),
            None => Vec::new(),
        };
        let stages: Result<Vec<Stage>, String> =
            stages.into_iter().map(StageSection::closed).collect();
        let starts = counts.iter().map(|count| f64::from(count.get())).collect();
        let think = self.think.unwrap_or(Think::None);
        let pace = |most: f64| Pace::Closed {
            connections: NonZeroU32::new(most as u32).unwrap_or(NonZeroU32::MIN),
            think,
        };
        self.with_extent("connections", starts, stages?, pace)
    }

    fn open(&self, stages: Vec<StageSection>) -> Result<Levels, String> {
        if self.connections.is_some() {
            return Err("[load] connections belong to a closed loop: an open one has a rate, and \
                        max_in_flight says how many connections it may use"
                .to_owned());
        }
        if self.think.is_some() {
            return Err(
                "[load] think belongs to a closed loop: in an open one the schedule alone \
                        decides when requests are sent"
                    .to_owned(),
            );
        }
        let rates = match &self.rate {
            Some(Rates::One(rate)) => vec![*rate],
            Some(Rates::Several(rates)) => rates.clone(),
            None => Vec::new(),
        };
        let stages: Result<Vec<Stage>, String> =
            stages.into_iter().map(StageSection::open).collect();
        let pace = |rate: f64| Pace::Open {
            rate,
            arrival: self.arrival.unwrap_or_default(),
            max_in_flight: self.max_in_flight.unwrap_or(Pace::usual_in_flight(rate, self.timeout)),
            on_overload: self.on_overload.unwrap_or_default(),
        };
        self.with_extent("rate", rates, stages?, pace)
    }

    /// Joins the levels of `key` with what says how long each lasts.
    fn with_extent(
        &self,
        key: &str,
        levels: Vec<f64>,
        stages: Vec<Stage>,
        pace: impl Fn(f64) -> Pace,
    ) -> Result<Levels, String> {
        let extent = match (self.duration, self.requests, stages.as_slice()) {
            (Some(duration), None, []) => Extent::Duration(duration),
            (None, Some(requests), []) => Extent::Requests(requests),
            (None, None, [first, ..]) => {
                let start = match levels.as_slice() {
                    [] => first.level,
                    [start] => *start,
                    _ => {
                        return Err(format!(
                            "[load] {key} is a list, and there are [[stage]]s: either one run for \
                             each value, or one run through the stages"
                        ));
                    }
                };
                let most = stages.iter().map(|stage| stage.level).fold(start, f64::max);
                let extent = Extent::Stages { start, stages };
                return Ok(Levels { first: pace(most), others: Vec::new(), extent });
            }
            _ => {
                return Err("a load ends in one way: [load] has either duration or requests, or \
                            there are [[stage]]s"
                    .to_owned());
            }
        };
        let mut paces = levels.into_iter().map(pace);
        let first = paces.next().ok_or_else(|| match (key, self.mode) {
            ("rate", _) => {
                "[load] needs rate = 1000, in requests a second, or a list such as [1000, 2000]"
                    .to_owned()
            }
            _ => "[load] needs connections = 64, or a list such as [100, 1000]".to_owned(),
        })?;
        Ok(Levels { first, others: paces.collect(), extent })
    }
}

impl<'de> Deserialize<'de> for Threads {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected a number of threads from 1, or \"auto\"")]
        enum Either {
            Count(NonZeroU32),
            Word(String),
        }
        match Either::deserialize(from)? {
            Either::Count(count) => Ok(Self::Count(count)),
            Either::Word(word) if word == "auto" => Ok(Self::Auto),
            Either::Word(word) => Err(D::Error::custom(format!(
                "invalid threads \"{word}\": write a number, or \"auto\" for one on each load CPU"
            ))),
        }
    }
}

impl<'de> Deserialize<'de> for Think {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        think(&text).ok_or_else(|| {
            D::Error::custom(format!(
                "invalid think \"{}\": write a time such as \"10ms\", or \
                 \"uniform(10ms,50ms)\" for one between two, the shorter first",
                text.escape_debug()
            ))
        })
    }
}

fn think(text: &str) -> Option<Think> {
    let range = text.trim().strip_prefix("uniform(").and_then(|rest| rest.strip_suffix(')'));
    let (min, max) = match range {
        Some(range) => range.split_once(',')?,
        None => (text, text),
    };
    let (min, max) = (unit::parse_duration(min).ok()?, unit::parse_duration(max).ok()?);
    match max {
        _ if min > max => None,
        Duration::ZERO => Some(Think::None),
        _ => Some(Think::Uniform { min, max }),
    }
}
