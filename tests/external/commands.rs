//! What is shown of a command, and what is kept from view.

use flameload::load::{EngineKind, External, ExternalError, Secret};

use super::{
    server::Server,
    tool::{find, script},
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

#[test]
fn a_secret_is_neither_shown_nor_written() {
    for kind in ALL {
        let Some(external) = (if kind == EngineKind::Wrk2 { None } else { find(kind) }) else {
            continue;
        };
        let server = Server::start();
        let mut script = script("/");
        script.authorization = Some(Secret("Bearer of-a-secret".to_owned()));
        let dir = tempfile::tempdir().expect("a directory");
        let invocation =
            external.command(&script, server.addr, dir.path()).expect("it is possible");
        let shown = [invocation.shown(), format!("{invocation:?}")].concat();
        assert!(!shown.contains("of-a-secret") && shown.contains("***"), "{shown}");
        for path in &invocation.files {
            let text = std::fs::read_to_string(path).expect("it is written");
            assert!(!text.contains("of-a-secret"), "{kind}: {}", path.display());
        }
        let is_argument = invocation.args.iter().any(|arg| arg.to_string_lossy().contains("of-a-"));
        assert_eq!(is_argument, !matches!(kind, EngineKind::Wrk | EngineKind::K6), "{kind}");
        let says_so = invocation.notes.iter().any(|note| note.contains("the secret"));
        assert_eq!(says_so, is_argument, "{kind}: {:?}", invocation.notes);
    }
}
