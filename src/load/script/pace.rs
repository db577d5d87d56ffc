//! What decides when requests are sent, and for how long.

use std::{
    num::{NonZeroU32, NonZeroU64},
    time::Duration,
};

use serde::Deserialize;

/// What decides when the next request is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// **Closed loop**: the response to the last one on the same connection, and a time to think.
    Closed {
        /// Connections kept open; with stages, the most there will be.
        connections: NonZeroU32,
        /// What a connection waits between a response and its next request.
        think: Think,
    },
    /// **Open loop**: a schedule that does not wait for the server.
    Open {
        /// Requests a second; with stages, the most there will be.
        rate: f64,
        /// How the requests lie in time.
        arrival: Arrival,
        /// Connections, each with one request at a time: so many may be under way.
        max_in_flight: NonZeroU32,
        /// What happens to a request that is due when no connection is free.
        on_overload: OnOverload,
    },
}

impl Pace {
    /// How many connections there will be at most.
    pub fn connections(&self) -> NonZeroU32 {
        match self {
            Self::Closed { connections, .. } => *connections,
            Self::Open { max_in_flight, .. } => *max_in_flight,
        }
    }

    /// The level: connections of a closed loop, requests a second of an open one; with stages,
    /// the highest.
    pub fn level(&self) -> f64 {
        match self {
            Self::Closed { connections, .. } => f64::from(connections.get()),
            Self::Open { rate, .. } => *rate,
        }
    }

    /// How many connections an open loop has unless the script says: 512, but not more than could
    /// be busy before `timeout`, and enough for responses that take 20 ms.
    pub(super) fn usual_in_flight(rate: f64, timeout: Duration) -> NonZeroU32 {
        const LEAST: f64 = 16.0;
        const USUAL: f64 = 512.0;
        let busy = |seconds: f64| (rate * seconds).ceil();
        let connections = busy(timeout.as_secs_f64()).clamp(LEAST, USUAL).max(busy(0.02));
        NonZeroU32::new(connections as u32).unwrap_or(NonZeroU32::MIN)
    }

    /// `closed` or `open`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Closed { .. } => "closed",
            Self::Open { .. } => "open",
        }
    }
}

/// What a connection waits before its next request, drawn anew each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Think {
    /// Nothing.
    None,
    /// A time between both, all equally likely; a fixed time if they are the same.
    Uniform {
        /// The shortest.
        min: Duration,
        /// The longest.
        max: Duration,
    },
}

/// How the requests of a schedule lie in time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arrival {
    /// Evenly.
    #[default]
    Constant,
    /// Independently of each other: the gaps are exponentially distributed.
    Poisson,
}

/// What happens to a request that is due when no connection is free.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnOverload {
    /// It waits, and its response time with it.
    #[default]
    Queue,
    /// It is not sent, and counted.
    Drop,
}

/// How many threads drive the connections; never more than there are connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Threads {
    /// One for each CPU that the load may use.
    #[default]
    Auto,
    /// So many.
    Count(NonZeroU32),
}

/// When a load ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Extent {
    /// After a time.
    Duration(Duration),
    /// After so many requests, over all connections.
    Requests(NonZeroU64),
    /// After its stages.
    Stages {
        /// Connections, or requests a second, at the start of the first.
        start: f64,
        /// In their order; never empty.
        stages: Vec<Stage>,
    },
}

/// A time in which the level goes steadily from the last one's to its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// How long it takes.
    pub duration: Duration,
    /// Connections, or requests a second, at its end.
    pub level: f64,
    /// Whether it is part of the headline figures.
    pub record: bool,
}
