use std::fs;

use expect_test::{Expect, expect};

use super::*;
use crate::target::manifest::FILE_NAME;

/// A target that is built by cargo and asks for workers.
const MANIFEST: &str = r#"
name = "x"
language = "Rust"
description = "a test"
[build]
kind = "cargo"
features = ["own"]
[[process]]
name = "front"
command = ["front", "{port}"]
profile = false
[[process]]
name = "server"
command = ["{bin}", "{port}", "{workers}"]
env.OLD = "{port}"
[budget.single]
workers = 3
"#;

fn manifest(text: &str) -> Manifest {
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::write(dir.path().join(FILE_NAME), text).expect("a file");
    Manifest::read(dir.path()).expect("a manifest that fits")
}

fn check(text: &str, expected: Expect) {
    let error = text.parse::<Changes>().expect_err("it does not fit");
    expected.assert_eq(&error.to_string());
}

#[test]
fn what_is_named_is_changed() {
    let changes: Changes = "workers=4&features=a,b&memory=256MiB&budget=single&env.A={x}=&env.OLD="
        .parse()
        .expect("they fit");
    assert_eq!(changes.budget, Some(BudgetName::Single));
    let mut changed = manifest(MANIFEST);
    changes.apply(&mut changed).expect("it has a use for them");
    let Build::Cargo(build) = &changed.recipes[0].build else { panic!("built by cargo") };
    assert_eq!(build.features, ["own", "a", "b"]);
    for name in BudgetName::ALL {
        let budget = changed.budget(name);
        assert_eq!((budget.workers, budget.memory), (NonZero::new(4), Some(Bytes(256 << 20))));
        assert_eq!(budget.db_connections, manifest(MANIFEST).budget(name).db_connections);
    }
    let [front, server] = changed.processes.as_slice() else { panic!("two processes") };
    assert!(front.env.is_empty(), "it is not profiled");
    let value = |name: &str| server.env[name].clone();
    assert_eq!(value("A"), Template::parse("{{x}}=").expect("a template"));
    assert_eq!(value("OLD"), Template::parse("").expect("a template"));
}

#[test]
fn no_change_changes_nothing() {
    assert!(Changes::default().is_empty());
    let mut same = manifest(MANIFEST);
    Changes::default().apply(&mut same).expect("nothing can be wrong");
    assert_eq!(same.budget(BudgetName::Single).workers, NonZero::new(3));
    assert_eq!(same.budget(BudgetName::Default).workers, None);
}

#[test]
fn wrong_settings_are_explained() {
    check("worker=4", expect!["unknown setting 'worker'; did you mean 'workers'?"]);
    check(
        "x=1",
        expect![
            "unknown setting 'x'; there are budget, db_connections, env.NAME, features, memory, workers"
        ],
    );
    check(
        "",
        expect![
            "unknown setting ''; there are budget, db_connections, env.NAME, features, memory, workers"
        ],
    );
    check(
        "workers=0",
        expect!["the setting 'workers=0' does not fit: it must be a whole number of at least 1"],
    );
    check(
        "workers=1&workers=2",
        expect!["the setting 'workers=2' does not fit: it is there twice"],
    );
    check(
        "features=a&features=b",
        expect!["the setting 'features=b' does not fit: it is there twice"],
    );
    check("features=", expect!["the setting 'features=' does not fit: it names no feature"]);
    check("env.=1", expect!["the setting 'env.=1' does not fit: the variable has no name"]);
    check(
        "budget=singel",
        expect![
            "the setting 'budget=singel' does not fit: no budget 'singel'; did you mean 'single'? there are single, multi, default"
        ],
    );
}

#[test]
fn a_setting_that_would_change_nothing_is_refused() {
    let plain = MANIFEST.replace(", \"{workers}\"", "");
    let plain = plain.replace("kind = \"cargo\"\nfeatures = [\"own\"]", "kind = \"go\"");
    for (settings, expected) in [
        ("workers=4", "'workers' is of no use to 'x': none of its processes asks for {workers}"),
        ("features=a", "'features' is of no use to 'x': nothing of it is built by cargo"),
        (
            "db_connections=4",
            "'db_connections' is of no use to 'x': none of its processes asks for {db_connections}",
        ),
    ] {
        let changes: Changes = settings.parse().expect("it fits");
        let error = changes.apply(&mut manifest(&plain)).expect_err("it is of no use");
        assert_eq!(error.to_string(), expected);
    }
}
