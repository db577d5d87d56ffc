//! What is shown of a command, and what is kept from view.

use std::{fs, os::unix::fs::MetadataExt as _};

use flameload::load::{EngineKind, External, ExternalError, Script, Secret};

use super::{
    server::Server,
    tool::{find, script, spawn},
};

const ALL: [EngineKind; 6] = [
    EngineKind::Wrk,
    EngineKind::Wrk2,
    EngineKind::K6,
    EngineKind::Hey,
    EngineKind::Oha,
    EngineKind::Bombardier,
];

#[test]
fn a_tool_is_found_with_its_version_or_the_way_to_install_it() {
    for kind in ALL {
        match External::find(kind) {
            Ok(external) => {
                let has_version = external.version().is_some_and(|version| !version.is_empty());
                assert_eq!(has_version, kind != EngineKind::Hey, "{external:?}");
                assert!(external.program().is_absolute(), "{external:?}");
            }
            Err(error @ ExternalError::NotInstalled { .. }) => {
                assert!(error.to_string().contains("install"), "{error}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// A script whose secrets come from wherever they can.
fn secretive() -> Script {
    let mut script = script("/users?id=7&token=of-a-secret-3");
    script.authorization = Some(Secret("Bearer of-a-secret-1".to_owned()));
    script.environment = vec![("KEY".to_owned(), Secret("of-a-secret-2".to_owned()))];
    script.requests[0].headers = vec![
        ("X-Color".to_owned(), "blue {env:KEY}!".to_owned()),
        ("Cookie".to_owned(), "id=of-a-secret-4".to_owned()),
    ];
    script
}

#[test]
fn a_secret_is_neither_shown_nor_kept() {
    for kind in [EngineKind::Wrk, EngineKind::K6] {
        let Some(external) = find(kind) else { continue };
        let dir = tempfile::tempdir().expect("a directory");
        let addr = "127.0.0.1:8080".parse().expect("an address");
        let invocation = external.command(&secretive(), addr, dir.path()).expect("it is possible");
        let shown = [invocation.shown(), format!("{invocation:?}")].concat();
        assert!(!shown.contains("of-a-secret") && shown.contains("***"), "{shown}");
        for path in &invocation.files {
            let text = fs::read_to_string(path).expect("it is written");
            assert!(!text.contains("of-a-secret"), "{kind}: {}", path.display());
        }
        for entry in fs::read_dir(dir.path()).expect("it is there") {
            let mode = entry.and_then(|entry| entry.metadata()).expect("its data").mode();
            assert_eq!(mode & 0o777, 0o600, "{kind}");
        }
    }
}

#[test]
fn no_other_user_sees_a_secret_while_a_tool_runs() {
    for kind in [EngineKind::Wrk, EngineKind::K6] {
        let Some(external) = find(kind) else { continue };
        let (server, dir) = (Server::start(), tempfile::tempdir().expect("a directory"));
        let invocation =
            external.command(&secretive(), server.addr, dir.path()).expect("it is possible");
        let mut tool = spawn(&invocation, dir.path());
        // Its exec may not have come so far.
        let lines = (0..1_000).map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(1));
            fs::read(format!("/proc/{}/cmdline", tool.id())).expect("it runs")
        });
        let line = lines.into_iter().find(|line| !line.is_empty()).unwrap_or_default();
        let output = tool.wait().expect("it ends");
        let line = String::from_utf8_lossy(&line);
        assert!(line.contains("run.") && !line.contains("of-a-secret"), "{kind}: {line}");
        assert!(output.success(), "{kind}: {output}");
        let asked = server.asked();
        let (only, _) = asked.iter().next().expect("one");
        assert_eq!((asked.len(), only.color.as_deref()), (1, Some("blue of-a-secret-2!")));
        assert_eq!(only.authorization.as_deref(), Some("Bearer of-a-secret-1"), "{kind}");
        assert_eq!(only.path, "/users?id=7&token=of-a-secret-3", "{kind}");
    }
}
