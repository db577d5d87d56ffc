use std::{fs, time::Duration};

use expect_test::{Expect, expect};

use super::*;
use crate::unit::Bytes;

const SERVER: &str = r#"
name = "x"
language = "Rust"
description = "a server"

[build]
kind = "cargo"

[[process]]
name = "server"
command = ["{bin}", "--port", "{port}"]
"#;

fn read(text: &str) -> Result<Manifest, ManifestError> {
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::write(dir.path().join(FILE_NAME), text).expect("a file");
    Manifest::read(dir.path())
}

fn check_error(text: &str, expected: Expect) {
    let error = read(text).expect_err("the manifest is wrong").to_string();
    let message = error.split_once("target.toml: ").map_or(error.as_str(), |(_, message)| message);
    expected.assert_eq(message);
}

#[test]
fn what_is_left_out_has_a_default() {
    let manifest = read(SERVER).expect("fits");
    expect![[r#"
        Cargo(
            CargoBuild {
                dir: ".",
                package: None,
                bin: None,
                features: [],
                default_features: true,
                debug: Limited,
                frame_pointers: true,
            },
        )
    "#]]
    .assert_debug_eq(&manifest.recipes[0].build);
    let process = &manifest.processes[0];
    assert!(process.profile && process.env.is_empty());
    assert_eq!(process.ready, Ready::default());
    assert!(manifest.dir.is_absolute());
}

#[test]
fn everything_can_be_said() {
    let manifest = read(
        r#"
        name = "chain"
        language = "Rust, Go"
        description = "a chain"
        script = "users"
        [build]
        command = ["make", "all"]
        binary = "out/server"
        [[process]]
        name = "back"
        command = ["{dir}/back"]
        env = { PORT = "{port}", GOMAXPROCS = "{cpus}" }
        ready = { line = "listening", timeout = "2s" }
        profile = false
        [[process]]
        name = "front"
        command = ["{bin}", "{port:back}", "{workers}"]
        port = 8080
        ready = { url = "/health" }
        "#,
    )
    .expect("fits");
    let [back, front] = manifest.processes.as_slice() else { panic!("two processes") };
    assert_eq!(back.ready.condition, Condition::Line("listening".to_owned()));
    assert_eq!(back.ready.timeout, Duration::from_secs(2));
    assert_eq!(front.ready.condition, Condition::Url("/health".to_owned()));
    assert_eq!((back.profile, front.profile), (false, true));
    assert_eq!((back.port, front.port), (None, Some(8080)));
    assert!(matches!(manifest.recipes[0].build, Build::Command(_)));
}

#[test]
fn wrong_words_get_the_nearest_right_one() {
    check_error(
        &SERVER.replace("language", "langauge"),
        expect![[r#"
            TOML parse error at line 3, column 1
              |
            3 | langauge = "Rust"
              | ^^^^^^^^
            unknown field `langauge`, expected one of `name`, `language`, `description`, `script`, `backends`, `build`, `service`, `process`, `budget`
            did you mean `language`?"#]],
    );
    check_error(
        &SERVER.replace("{port}", "{prot}"),
        expect![[r#"
            TOML parse error at line 11, column 11
               |
            11 | command = ["{bin}", "--port", "{prot}"]
               |           ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
            unknown placeholder {prot}; did you mean {port}?"#]],
    );
    check_error(
        &SERVER.replace("\"cargo\"", "\"crago\""),
        expect![[r#"
            TOML parse error at line 7, column 8
              |
            7 | kind = "crago"
              |        ^^^^^^^
            unknown variant `crago`, expected one of `cargo`, `go`, `python`
            did you mean `cargo`?"#]],
    );
}

#[test]
fn parts_that_do_not_fit_each_other_are_refused() {
    check_error(
        &SERVER.replace("kind = \"cargo\"", "command = [\"make\"]"),
        expect![[r#"
            TOML parse error at line 6, column 1
              |
            6 | [build]
              | ^^^^^^^
            write kind = "cargo", "go" or "python", or command = [...] and binary = "path""#]],
    );
    check_error(
        &SERVER.replace("[build]\nkind = \"cargo\"", ""),
        expect!["process 'server' uses {bin}, but there is no [build]"],
    );
    check_error(
        &SERVER.replace(", \"--port\", \"{port}\"", ""),
        expect![[
            r#"process 'server' has no port to become ready on: use {port} in its command or env, set `port`, or write ready = { line = "..." } or { unix = "..." }"#
        ]],
    );
    check_error(
        &SERVER.replace("{port}", "{port:back}{port}"),
        expect!["process 'server' uses {port:back}, but no process 'back' has a port"],
    );
    check_error(
        &SERVER.replace("\"x\"", "\"../x\""),
        expect![
            "name '../x' does not fit: use letters, digits, '-', '_' and '.', and no '.' first"
        ],
    );
    check_error(
        &format!("{SERVER}open_files = 15"),
        expect!["process 'server' cannot start with 15 open files: `open_files` is at least 16"],
    );
    let two = format!("{SERVER}\n[[process]]\nname = \"server\"\ncommand = [\"x\", \"{{port}}\"]");
    check_error(&two, expect!["two processes have the name 'server'"]);
    let worker = format!(
        "{SERVER}\n[[process]]\nname = \"worker\"\ncommand = [\"x\"]\nready = {{ line = \"up\" }}"
    );
    check_error(
        &worker,
        expect![
            "process 'worker' comes last, so it gets the load: give it {port} in its command or env, or a fixed `port`, or name its socket in ready = { unix = \"...\" }"
        ],
    );
    check_error(
        &format!("{SERVER}ready = {{ url = \"http://x/\" }}"),
        expect![[r#"
            TOML parse error at line 12, column 9
               |
            12 | ready = { url = "http://x/" }
               |         ^^^^^^^^^^^^^^^^^^^^^
            `url` is a path on the server, such as "/health""#]],
    );
}

#[test]
fn an_unknown_target_suggests_the_nearest() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for name in ["hyper", "axum"] {
        fs::create_dir(dir.path().join(name)).expect("a folder");
        fs::write(dir.path().join(name).join(FILE_NAME), SERVER).expect("a file");
    }
    fs::create_dir(dir.path().join("no-target")).expect("a folder");
    let error = |name| Manifest::find(dir.path(), name).expect_err("unknown").to_string();
    assert_eq!(error("hypr"), "unknown target 'hypr'; did you mean 'hyper'? known are axum, hyper");
    assert!(error("../axum").starts_with("cannot read ../axum: No such file"), "a path is one");
    assert!(Manifest::find(dir.path(), "axum").is_ok());
    assert_eq!(Manifest::list(dir.path()).expect("a folder").len(), 2);
}

#[test]
fn the_targets_of_this_project_fit() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets");
    let manifests = Manifest::list(&targets).expect("the folder of targets");
    assert!(!manifests.is_empty());
    for manifest in manifests {
        let manifest = manifest.expect("fits");
        assert_eq!(manifest.dir, targets.join(&manifest.name));
    }
}

#[test]
fn go_and_python_are_built_by_what_is_usual() {
    let build = |build: &str| {
        let text = SERVER.replace("kind = \"cargo\"", build);
        read(&text).expect("fits").recipes.remove(0).build
    };
    let text = |path: &str| PathBuf::from(path);
    assert_eq!(
        build("kind = \"go\""),
        Build::Go(GoBuild { dir: text("."), package: ".".to_owned(), tags: Vec::new() })
    );
    assert_eq!(
        build("kind = \"python\""),
        Build::Python(PythonBuild {
            dir: text("."),
            lock: text("requirements.lock"),
            python: None,
            requires: None,
            version: None,
            perf_support: true,
        })
    );
    let python = "kind = \"python\"\ndir = \"app\"\nlock = \"l\"\npython = \"p\"\n\
                  requires = \"3.11\"\nversion = \"3.12\"\nperf_support = false";
    assert_eq!(
        build(python),
        Build::Python(PythonBuild {
            dir: text("app"),
            lock: text("l"),
            python: Some("p".to_owned()),
            requires: Some(PythonVersion { major: 3, minor: 11 }),
            version: Some(PythonVersion { major: 3, minor: 12 }),
            perf_support: false,
        })
    );
    assert!(PythonVersion { major: 3, minor: 9 } < PythonVersion { major: 3, minor: 11 });
}

#[test]
fn keys_of_another_kind_are_refused() {
    let build = |build: &str| SERVER.replace("kind = \"cargo\"", build);
    check_error(
        &build("kind = \"go\"\nfeatures = [\"x\"]"),
        expect![[r#"
            TOML parse error at line 6, column 1
              |
            6 | [build]
              | ^^^^^^^
            kind = "go" has no `features`: it has dir, package, tags, files"#]],
    );
    check_error(
        &build("kind = \"cargo\"\ncommand = [\"make\"]"),
        expect![[r#"
            TOML parse error at line 6, column 1
              |
            6 | [build]
              | ^^^^^^^
            `kind` builds by itself: leave out `command` and `binary`"#]],
    );
    check_error(
        &build("kind = \"python\"\nrequires = \"three\""),
        expect![[r#"
            TOML parse error at line 8, column 12
              |
            8 | requires = "three"
              |            ^^^^^^^
            'three' is no version of Python such as "3.11""#]],
    );
}

const SERVICE: &str = "[[service]]\nname = \"db\"\nkind = \"postgres\"\nschema = \"schema.sql\"\n";

#[test]
fn a_service_has_its_files_beside_the_manifest() {
    let manifest = read(&format!("{SERVER}pprof = \"/debug\"\n{SERVICE}")).expect("fits");
    let [service] = manifest.services.as_slice() else { panic!("one service") };
    assert_eq!((service.name.as_str(), service.kind), ("db", ServiceKind::Postgres));
    assert_eq!(service.schema, Some(manifest.dir.join("schema.sql")));
    assert_eq!(service.seed, None);
    assert_eq!(manifest.processes[0].service, Some(0));
    assert_eq!(manifest.processes[0].pprof.as_deref(), Some("/debug"));
    assert!(!manifest.uses_database());
    let user = SERVER.replace("\"--port\"", "\"{db_url}\"");
    assert!(read(&user).expect("fits").uses_database());
}

#[test]
fn services_and_budgets_say_what_is_wrong() {
    check_error(
        &format!("{SERVER}{SERVICE}{SERVICE}"),
        expect![
            "there are two services, 'db' and 'db': a target has one, which is what {db_url} leads to"
        ],
    );
    check_error(
        &format!("{SERVER}{}", SERVICE.replace("schema", "schem")),
        expect![[r#"
            TOML parse error at line 15, column 1
               |
            15 | schem = "schem.sql"
               | ^^^^^
            unknown field `schem`, expected one of `name`, `kind`, `schema`, `seed`
            did you mean `schema`?"#]],
    );
    check_error(
        &format!("{SERVER}[budget.singel]\ncpus = 1\n"),
        expect![[r#"
            TOML parse error at line 12, column 9
               |
            12 | [budget.singel]
               |         ^^^^^^
            unknown field `singel`, expected `single` or `multi`
            did you mean `single`?"#]],
    );
    check_error(
        &format!("{SERVER}[budget.single]\nmemory = 512\n"),
        expect![[r#"
            TOML parse error at line 13, column 10
               |
            13 | memory = 512
               |          ^^^
            invalid type: integer `512`, expected an amount with its unit, such as "512MiB""#]],
    );
    check_error(
        &format!("{SERVER}[budget.single]\nworkers = 0\n"),
        expect![[r#"
            TOML parse error at line 13, column 11
               |
            13 | workers = 0
               |           ^
            invalid value: integer `0`, expected a nonzero usize"#]],
    );
    check_error(
        &format!("backends = []\n{SERVER}"),
        expect!["`backends` names no profiler: leave it out for the usual one"],
    );
}

#[test]
fn a_budget_changes_key_by_key() {
    let manifest = read(&format!("{SERVER}[budget.multi]\ncpus = 2\n")).expect("fits");
    let multi = manifest.budget(BudgetName::Multi);
    let cpus = |budget: Budget| budget.cpus.map(std::num::NonZero::get);
    assert_eq!((cpus(multi), multi.db_connections.get()), (Some(2), 40));
    let single = manifest.budget(BudgetName::Single);
    assert_eq!((cpus(single), single.memory), (Some(1), Some(Bytes(512 << 20))));
    assert_eq!(manifest.budget(BudgetName::Default), Budget::default());
    assert_eq!(manifest.backends, ["perf-event"]);
}

/// Folders with manifests, beside each other.
fn write_targets(targets: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, text) in targets {
        fs::create_dir(dir.path().join(name)).expect("a folder");
        fs::write(dir.path().join(name).join(FILE_NAME), text).expect("a file");
    }
    dir
}

const FRONT: &str = r#"
name = "chain"
language = "Rust, Go"
description = "a chain"
[build]
kind = "cargo"
[[process]]
name = "back"
target = "../back"
profile = false
[[process]]
name = "other"
target = "../front/../back"
[[process]]
name = "front"
command = ["{bin}", "{port}", "{port:back}"]
"#;

#[test]
fn a_process_brings_its_target_along() {
    let back = SERVER.replace("\"cargo\"", "\"go\"").replace("{port}", "{port}{db_url}");
    let dir = write_targets(&[("front", FRONT), ("back", &format!("{back}{SERVICE}"))]);
    let manifest = Manifest::read(&dir.path().join("front")).expect("fits");
    let [own, recipe] = manifest.recipes.as_slice() else { panic!("two, though three processes") };
    let back_dir = dir.path().join("back").canonicalize().expect("exists");
    assert_eq!((own.target.as_str(), &own.dir), ("chain", &manifest.dir));
    assert_eq!((recipe.target.as_str(), &recipe.dir), ("x", &back_dir));
    assert!(matches!(recipe.build, Build::Go(_)));
    let of = |process: &Process| (process.recipe, process.service, process.profile);
    assert_eq!(
        manifest.processes.iter().map(of).collect::<Vec<_>>(),
        [(Some(1), Some(0), false), (Some(1), Some(0), true), (Some(0), None, true)]
    );
    assert_eq!(manifest.processes[1].name, "other");
    assert_eq!(manifest.processes[1].dir, back_dir);
    assert_eq!(manifest.services.len(), 1, "once, though two processes use it");
    assert!(manifest.uses_database());
}

#[test]
fn a_process_of_a_wrong_target_is_refused() {
    let check = |back: &str, front: &str, expected: Expect| {
        let dir = write_targets(&[("front", front), ("back", back)]);
        let error = Manifest::read(&dir.path().join("front")).expect_err("wrong").to_string();
        let root = dir.path().canonicalize().expect("exists");
        let plain = error.replace(&format!("{}/", root.display()), "");
        expected.assert_eq(&plain.replace(&format!("{}/", dir.path().display()), ""));
    };
    let two = format!("{SERVER}[[process]]\nname = \"y\"\ncommand = [\"y\", \"{{port}}\"]");
    check(
        &two,
        FRONT,
        expect![
            "front/target.toml: process 'back' cannot be taken from ../back: that target has 2 processes, and only one can come along"
        ],
    );
    check(
        FRONT,
        FRONT,
        expect![
            "front/target.toml: process 'back' cannot be taken from ../back: back/target.toml: its process 'back' is another target's itself: name that target instead, ../back"
        ],
    );
    check(
        SERVER,
        &FRONT.replace("../back", "../bakc"),
        expect![
            "front/target.toml: process 'back' cannot be taken from ../bakc: cannot read front/../bakc: No such file or directory (os error 2)"
        ],
    );
    check(
        SERVER,
        &FRONT.replace("profile = false", "port = 8080"),
        expect![[r#"
            front/target.toml: TOML parse error at line 7, column 1
              |
            7 | [[process]]
              | ^^^^^^^^^^^
            `target` brings everything along: beside it, only `name` and `profile`"#]],
    );
}
