//! The part of a script's time that one round gets.

use std::time::Duration;

use crate::load::{EngineKind, Extent, LoadError, Script};

/// A round is never shorter: it is a block of slices.
const SHORTEST: Duration = Duration::from_secs(1);

/// The script for one of so many rounds, which together last about as long as the script says.
/// A script of a number of requests stays as it is.
///
/// # Errors
/// When the script makes no sense at that length.
pub fn share_of(script: Script, rounds: usize) -> Result<Script, LoadError> {
    // A table is of the mix: slices of each request would take the time of its own.
    let script = Script { by_request: false, ..script };
    if matches!(script.extent, Extent::Requests(_)) {
        return Ok(script);
    }
    let rounds = u32::try_from(rounds).unwrap_or(u32::MAX).max(1);
    let share = (script.duration() / rounds).max(SHORTEST);
    let share = match script.engine.kind {
        EngineKind::Builtin => share,
        // Some tools know whole seconds only.
        _ => Duration::from_secs_f64(share.as_secs_f64().ceil()),
    };
    script.with_duration(share)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// How long a round of four of this load lasts.
    #[track_caller]
    fn round(load: &str, engine: EngineKind) -> Extent {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("x.toml");
        let text = format!(
            "schema = 1\nname = \"x\"\n[load]\nconnections = 8\n{load}\n\
             [[request]]\nname = \"x\"\npath = \"/\"\n"
        );
        fs::write(&path, text).expect("a script");
        let script = Script::read(&path).expect("it is valid").remove(0);
        let script = script.with_engine(engine).expect("any engine will do");
        share_of(script, 4).expect("it makes sense").extent
    }

    #[test]
    fn a_round_is_a_share_and_at_least_a_second() {
        let millis = |millis| Extent::Duration(Duration::from_millis(millis));
        assert_eq!(round("duration = \"10s\"", EngineKind::Builtin), millis(2_500));
        assert_eq!(round("duration = \"2s\"", EngineKind::Builtin), millis(1_000));
        assert_eq!(round("duration = \"10s\"", EngineKind::Wrk), millis(3_000));
        assert!(matches!(round("requests = 200", EngineKind::Builtin), Extent::Requests(_)));
        let stages = round(
            "[[stage]]\nduration = \"4s\"\nconnections = 8\n\
             [[stage]]\nduration = \"12s\"\nconnections = 8",
            EngineKind::Builtin,
        );
        let Extent::Stages { stages, .. } = stages else { panic!("stages stay stages") };
        let lasts: Vec<u64> = stages.iter().map(|stage| stage.duration.as_secs()).collect();
        assert_eq!(lasts, [1, 3]);
    }
}
