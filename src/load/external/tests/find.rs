//! How tools are found.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::load::{EngineKind, ExternalError, external::find};

/// A program that prints what it is told.
fn program(dir: &Path, name: &str, says: &str) {
    let path = dir.join(name);
    fs::write(&path, format!("#!/bin/sh\necho '{says}'\nexit 1\n")).expect("it is written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is allowed");
}

#[test]
fn tools_are_told_from_others_of_their_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let find = |kind: EngineKind| find::find_in(kind, dir.path().as_os_str());
    let missing = find(EngineKind::Wrk).expect_err("nothing is there").to_string();
    assert!(missing.contains("apt-get install wrk"), "{missing}");
    program(dir.path(), "wrk", "wrk 4.0.0 [epoll] -R, --rate <T>");
    let error = find(EngineKind::Wrk).expect_err("it is wrk2").to_string();
    assert!(error.contains("it is wrk2"), "{error}");
    assert_eq!(find(EngineKind::Wrk2).expect("it is").version.as_deref(), Some("4.0.0"));
    program(dir.path(), "wrk", "wrk debian/4.1.0-3+b2 [epoll] Copyright");
    let found = find(EngineKind::Wrk).expect("it is wrk");
    assert_eq!(found.version.as_deref(), Some("debian/4.1.0-3+b2"));
    assert!(matches!(find(EngineKind::Wrk2), Err(ExternalError::NotInstalled { .. })));
    program(dir.path(), "oha", "another program");
    let error = find(EngineKind::Oha).expect_err("it is not oha").to_string();
    assert!(error.contains("is not oha"), "{error}");
    program(dir.path(), "bombardier", "bombardier version v1.2.6 linux/amd64");
    assert_eq!(find(EngineKind::Bombardier).expect("it is").version.as_deref(), Some("1.2.6"));
    program(dir.path(), "k6", "");
    let error = find(EngineKind::K6).expect_err("it says nothing").to_string();
    assert!(error.contains("said nothing"), "{error}");
}
