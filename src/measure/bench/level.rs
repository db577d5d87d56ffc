//! How hard a load is, in words and numbers.

use crate::{
    load::{Extent, Pace, Script},
    record::{LevelFacts, Run},
    render::grouped,
};

/// The level of a script.
pub(super) fn of_script(script: &Script) -> LevelFacts {
    let is_staged = matches!(script.extent, Extent::Stages { .. });
    let (connections, rate) = match script.pace {
        Pace::Closed { connections, .. } => (connections.get(), None),
        Pace::Open { rate, max_in_flight, .. } => (max_in_flight.get(), Some(rate)),
    };
    level(script.pace.as_str(), connections, rate, is_staged)
}

/// The level that a run was made at.
pub(super) fn of_run(run: &Run) -> LevelFacts {
    let stages = &run.load.stages;
    let levels = stages.iter().flat_map(|stage| [stage.level_from, stage.level_to]);
    let most = levels.reduce(f64::max);
    let rate = run.load.rate_target.map(|rate| most.unwrap_or(rate));
    level(&run.load.mode, run.load.connections, rate, most.is_some())
}

fn level(mode: &str, connections: u32, rate: Option<f64>, is_staged: bool) -> LevelFacts {
    let most = if is_staged { "up to " } else { "" };
    let name = match rate {
        Some(rate) if rate.fract() == 0.0 => format!("{most}{} requests/s", grouped(rate as u64)),
        Some(rate) => format!("{most}{rate} requests/s"),
        None if connections == 1 => format!("{most}1 connection"),
        None => format!("{most}{} connections", grouped(connections.into())),
    };
    LevelFacts { name, mode: mode.to_owned(), connections, rate }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_have_names() {
        let name = |connections, rate, is_staged| level("", connections, rate, is_staged).name;
        assert_eq!(name(1, None, false), "1 connection");
        assert_eq!(name(2_000, None, true), "up to 2,000 connections");
        assert_eq!(name(512, Some(20_000.0), false), "20,000 requests/s");
        assert_eq!(name(512, Some(0.5), false), "0.5 requests/s");
    }
}
