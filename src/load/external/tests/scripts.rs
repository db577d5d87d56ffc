//! Scripts, and the command that each tool makes of them.

use std::{fs, num::NonZeroU32};

use expect_test::Expect;

use super::support::external;
use crate::load::{Arrival, EngineKind, ExternalError, OnOverload, Pace, Script};

pub(super) const TOOLS: [EngineKind; 6] = [
    EngineKind::Wrk,
    EngineKind::Wrk2,
    EngineKind::K6,
    EngineKind::Hey,
    EngineKind::Oha,
    EngineKind::Bombardier,
];

pub(super) fn some(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).expect("some")
}

/// A script of 64 connections; wrk2 has a rate as well.
pub(super) fn script(kind: EngineKind) -> Script {
    let text = "schema = 1\nname = \"test\"\n[load]\nconnections = 64\nduration = \"10s\"\n\
                [[request]]\nname = \"first\"\npath = \"/a?b=c\"\n";
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("test.toml");
    fs::write(&path, text).expect("it is written");
    let mut script = Script::read(&path).expect("it is valid").remove(0);
    if kind == EngineKind::Wrk2 {
        script.pace = open(2_000.0, OnOverload::Queue);
    }
    script
}

pub(super) fn open(rate: f64, on_overload: OnOverload) -> Pace {
    Pace::Open { rate, arrival: Arrival::Constant, max_in_flight: some(64), on_overload }
}

pub(super) fn command(kind: EngineKind, script: &Script) -> Result<String, ExternalError> {
    let dir = tempfile::tempdir().expect("a directory");
    let addr = "127.0.0.1:8080".parse().expect("an address");
    let invocation = external(kind).command(script, addr, dir.path())?;
    Ok(invocation.shown().replace(&dir.path().display().to_string(), "DIR"))
}

#[track_caller]
pub(super) fn check(change: impl Fn(&mut Script), expected: Expect) {
    let of = |kind: EngineKind| {
        let mut script = script(kind);
        change(&mut script);
        command(kind, &script).unwrap_or_else(|error| error.to_string())
    };
    let lines: Vec<String> = TOOLS.into_iter().map(of).collect();
    expected.assert_eq(&lines.join("\n"));
}
