//! What a command line changes.

use std::{num::NonZeroU32, time::Duration};

use expect_test::expect;

use super::{LEAST, read, read_levels, script};
use crate::load::script::{EngineKind, Extent, Pace, Script};

const STAGES: &str = "[[stage]]\nduration = \"1s\"\nconnections = 50\n\
                      [[stage]]\nduration = \"3s\"\nconnections = 200\n";

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}

#[test]
fn overrides_are_checked_too() {
    let script = read(LEAST).expect("it is valid");
    assert!(script.clone().with_duration(Duration::ZERO).is_err());
    assert!(script.clone().with_warmup(Duration::from_secs(1 << 20)).is_err());
    assert!(script.clone().with_rate(f64::NAN).is_err());
    let script = script.with_warmup(Duration::ZERO).expect("no warm-up is fine");
    assert_eq!(script.warmup, Duration::ZERO);
}

#[test]
fn a_duration_replaces_requests_and_scales_stages() {
    let counted = read(&script("connections = 1\nrequests = 9", "")).expect("it is valid");
    let timed = counted.with_duration(Duration::from_secs(3)).expect("it is valid");
    assert_eq!(timed.extent, Extent::Duration(Duration::from_secs(3)));
    let staged = read(&script("", STAGES)).expect("it is valid");
    let short = staged.clone().with_duration(Duration::from_millis(400)).expect("it is valid");
    let Extent::Stages { stages, .. } = &short.extent else { panic!("it has stages") };
    let durations: Vec<Duration> = stages.iter().map(|stage| stage.duration).collect();
    assert_eq!(durations, [100, 300].map(Duration::from_millis));
    assert!(staged.with_duration(Duration::MAX).is_err());
}

#[test]
fn a_level_scales_stages() {
    let staged = read(&script("", STAGES)).expect("it is valid").with_connections(count(10));
    assert_eq!(staged.pace.level(), 10.0);
    expect![[r#"
        Stages {
            start: 3.0,
            stages: [
                Stage {
                    duration: 1s,
                    level: 3.0,
                    record: true,
                },
                Stage {
                    duration: 3s,
                    level: 10.0,
                    record: true,
                },
            ],
        }
    "#]]
    .assert_debug_eq(&staged.extent);
    let open = STAGES.replace("connections", "rate");
    let open = read(&script("mode = \"open\"", &open)).expect("it is valid");
    let open = open.with_rate(1_000.0).expect("it is valid");
    let Extent::Stages { start, stages } = &open.extent else { panic!("it has stages") };
    assert_eq!((open.pace.level(), *start, stages[1].level), (1_000.0, 250.0, 1_000.0));
}

#[test]
fn a_rate_opens_the_loop() {
    let open = read(LEAST).expect("it is valid").with_rate(50_000.0).expect("it is valid");
    assert!(matches!(open.pace, Pace::Open { rate: 50_000.0, .. }));
    assert_eq!(open.pace.connections().get(), 1_000);
    let error = |text: &str| {
        read(text).expect("it is valid").with_rate(5.0).expect_err("it cannot be").to_string()
    };
    let thinking = script("connections = 1\nduration = \"1s\"\nthink = \"1ms\"", "");
    expect!["script 'least': has a time to think, and so cannot be sent at a given rate"]
        .assert_eq(&error(&thinking));
    expect!["script 'least': has stages of connections, and so cannot be sent at a given rate"]
        .assert_eq(&error(&script("", STAGES)));
    let piped = script("connections = 1\nduration = \"1s\"\npipeline = 2", "");
    expect![[r#"script 'least': pipeline does not go together with mode = "open", where each request is sent at a time of its own: leave one out"#]].assert_eq(&error(&piped));
}

#[test]
fn a_list_replaces_the_levels() {
    let levels = |text: &str| read_levels(&script(text, "")).expect("it is valid");
    let shown = |scripts: &[Script]| {
        let show = |it: &Script| format!("{} of {}", it.pace.connections(), it.pace.level());
        scripts.iter().map(show).collect::<Vec<_>>().join(", ")
    };
    let closed = levels("connections = [1, 2, 3]\nduration = \"1s\"");
    let list = [count(5), count(6)];
    let at = |levels: &[Script]| Script::at_connections(levels, &list).expect("it is valid");
    expect!["5 of 5, 6 of 6"].assert_eq(&shown(&at(&closed)));
    let open = levels("mode = \"open\"\nrate = [10, 20]\nduration = \"1s\"");
    expect!["5 of 10, 6 of 10, 5 of 20, 6 of 20"].assert_eq(&shown(&at(&open)));
    let counted = levels("connections = 1\nrequests = 5");
    assert!(Script::at_connections(&counted, &list).is_err(), "one would send nothing");
    let rates = Script::at_rates(&open, &[7.0, 8.0]).expect("it is valid");
    expect!["20 of 7, 20 of 8"].assert_eq(&shown(&rates));
    assert!(Script::at_rates(&open, &[7.0, -1.0]).is_err());
}

#[test]
fn an_engine_must_fit_an_own_script() {
    let script = read(LEAST).expect("it is valid").with_engine(EngineKind::Wrk);
    assert_eq!(script.expect("it is valid").engine.kind, EngineKind::Wrk);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (own, path) = (dir.path().join("own.lua"), dir.path().join("own.toml"));
    std::fs::write(own, "").expect("it is written");
    let text = "engine = \"wrk\"\nengine_script = \"own.lua\"\n[load]";
    std::fs::write(&path, LEAST.replace("[load]", text)).expect("it is written");
    let script = Script::read(&path).expect("it is valid").remove(0);
    assert!(script.clone().with_engine(EngineKind::Wrk2).is_ok());
    let error = script.with_engine(EngineKind::Builtin).expect_err("it takes none").to_string();
    expect!["script 'least': engine_script is for wrk and wrk2 (Lua) and for k6 (JavaScript); builtin takes none"].assert_eq(&error);
}
