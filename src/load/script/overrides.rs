//! What a command line changes in a script.

use std::{num::NonZeroU32, time::Duration};

use super::{Engine, EngineKind, Extent, OnOverload, Pace, Script, Stage, Think};
use crate::load::LoadError;

impl Script {
    /// The script with so many connections: for an open loop, so many requests under way at most.
    /// The stages of a closed loop keep their proportions, and the highest is `connections`.
    #[must_use]
    pub fn with_connections(mut self, connections: NonZeroU32) -> Self {
        let factor = f64::from(connections.get()) / self.pace.level();
        match &mut self.pace {
            Pace::Closed { connections: most, .. } => {
                *most = connections;
                self.extent.scale_levels(factor);
                if let Extent::Stages { start, stages } = &mut self.extent {
                    // There is no half of a connection, and a load must not become none.
                    let whole = |level: &mut f64| {
                        *level = level.round().max(f64::from(u8::from(*level > 0.0)));
                    };
                    stages.iter_mut().map(|stage| &mut stage.level).chain([start]).for_each(whole);
                }
            }
            Pace::Open { max_in_flight, .. } => *max_in_flight = connections,
        }
        self
    }

    /// The script with so many requests a second. Stages keep their proportions, and the highest
    /// is `rate`. A closed loop becomes an open one.
    ///
    /// # Errors
    /// When the rate is no number of requests a second, and when a closed loop has a time to
    /// think, stages or anything else that an open one cannot have.
    pub fn with_rate(mut self, rate: f64) -> Result<Self, LoadError> {
        match &mut self.pace {
            Pace::Open { rate: most, .. } => {
                let factor = rate / *most;
                *most = rate;
                self.extent.scale_levels(factor);
            }
            Pace::Closed { think, .. } => {
                let why = match (think, &self.extent) {
                    (Think::None, Extent::Duration(_) | Extent::Requests(_)) => None,
                    (_, Extent::Stages { .. }) => Some("stages of connections"),
                    (Think::Uniform { .. }, _) => Some("a time to think"),
                };
                if let Some(why) = why {
                    let message = format!("has {why}, and so cannot be sent at a given rate");
                    return Err(LoadError::invalid(&self.name, message));
                }
                self.pace = Pace::Open {
                    rate,
                    arrival: super::Arrival::Constant,
                    max_in_flight: Pace::usual_in_flight(rate, self.timeout),
                    on_overload: OnOverload::Queue,
                };
            }
        }
        self.checked()
    }

    /// The script with a measured time of `duration`, in place of a number of requests too. Stages
    /// keep their proportions.
    ///
    /// # Errors
    /// When it is zero or longer than a day.
    pub fn with_duration(mut self, duration: Duration) -> Result<Self, LoadError> {
        let total = self.duration();
        match &mut self.extent {
            Extent::Duration(_) | Extent::Requests(_) => self.extent = Extent::Duration(duration),
            Extent::Stages { stages, .. } => {
                let factor = duration.as_secs_f64() / total.as_secs_f64();
                for Stage { duration, .. } in stages {
                    let scaled = Duration::try_from_secs_f64(duration.as_secs_f64() * factor);
                    *duration = scaled.unwrap_or(Duration::MAX);
                }
            }
        }
        self.checked()
    }

    /// The script with a warm-up of `warmup`, which may be zero.
    ///
    /// # Errors
    /// When it is longer than a day.
    pub fn with_warmup(self, warmup: Duration) -> Result<Self, LoadError> {
        Self { warmup, ..self }.checked()
    }

    /// The script with slices of its own for each of its requests.
    ///
    /// # Errors
    /// When another engine than the built-in one sends it.
    pub fn with_each_request(self) -> Result<Self, LoadError> {
        Self { by_request: true, ..self }.checked()
    }

    /// The script sent by another engine.
    ///
    /// # Errors
    /// When it has a script of the user's own for an engine of another language.
    pub fn with_engine(self, kind: EngineKind) -> Result<Self, LoadError> {
        let engine = Engine { kind, ..self.engine };
        Self { engine, ..self }.checked()
    }

    /// The levels of a script at each number of connections of `list`, which replaces a list of
    /// the script's own. An open loop keeps its rates, each with so many requests under way at
    /// most.
    ///
    /// # Errors
    /// When a number of connections makes no sense for the script.
    pub fn at_connections(levels: &[Self], list: &[NonZeroU32]) -> Result<Vec<Self>, LoadError> {
        let is_open = levels.iter().any(|script| matches!(script.pace, Pace::Open { .. }));
        let kept = if is_open { levels.len() } else { 1 };
        let at = |script: &Self, count: &NonZeroU32| script.clone().with_connections(*count);
        let each = |script| list.iter().map(move |count| at(script, count).checked());
        levels.iter().take(kept).flat_map(each).collect()
    }

    /// The levels of a script at each rate of `list`, which replaces a list of the script's own.
    ///
    /// # Errors
    /// As [`Script::with_rate`].
    pub fn at_rates(levels: &[Self], list: &[f64]) -> Result<Vec<Self>, LoadError> {
        let first = levels.iter().take(1);
        first.flat_map(|it| list.iter().map(|rate| it.clone().with_rate(*rate))).collect()
    }
}

impl Extent {
    fn scale_levels(&mut self, factor: f64) {
        if let Self::Stages { start, stages } = self {
            *start *= factor;
            stages.iter_mut().for_each(|stage| stage.level *= factor);
        }
    }
}
