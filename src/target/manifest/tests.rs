use std::fs;

use expect_test::{Expect, expect};

use super::*;

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
        Some(
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
            ),
        )
    "#]]
    .assert_debug_eq(&manifest.build);
    let process = &manifest.processes[0];
    assert!(process.profile && process.env.is_empty());
    assert_eq!(process.ready, Ready { condition: Condition::Port, timeout: DEFAULT_TIMEOUT });
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
    assert!(matches!(manifest.build, Some(Build::Command(_))));
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
            unknown field `langauge`, expected one of `name`, `language`, `description`, `script`, `build`, `process`
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
            unknown variant `crago`, expected `cargo`
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
            write kind = "cargo", or command = [...] and binary = "path""#]],
    );
    check_error(
        &SERVER.replace("[build]\nkind = \"cargo\"", ""),
        expect!["process 'server' uses {bin}, but there is no [build]"],
    );
    check_error(
        &SERVER.replace(", \"--port\", \"{port}\"", ""),
        expect![[
            r#"process 'server' has no port to become ready on: use {port} in its command or env, set `port`, or write ready = { line = "..." }"#
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
            "process 'worker' comes last, so it gets the load: give it {port} in its command or env, or a fixed `port`"
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
    assert_eq!(error("../axum"), "unknown target '../axum'; known are axum, hyper");
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
