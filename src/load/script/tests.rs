use std::{fs, path::Path, time::Duration};

use expect_test::{Expect, expect};

use super::{Body, Script, Threads};
use crate::load::LoadError;

const LEAST: &str = "schema = 1\nname = \"least\"\n\
    [load]\nconnections = 8\nduration = \"10s\"\n\
    [[request]]\nname = \"root\"\npath = \"/\"\n";

/// Reads the text as a script in a directory of its own, beside a file `body.json`.
fn read(text: &str) -> Result<Script, LoadError> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("least.toml");
    fs::write(&path, text).expect("the script is written");
    fs::write(dir.path().join("body.json"), "{}").expect("the body is written");
    Script::read(&path).map(|mut levels| levels.remove(0))
}

/// The error, without the directory and the excerpt.
#[track_caller]
fn check(text: &str, expected: Expect) {
    let error = read(text).expect_err("the script is wrong").to_string();
    let message = match error.split_once("least.toml: ") {
        Some((_, parse_error)) => parse_error.lines().skip(4).collect::<Vec<_>>().join("\n"),
        None => error,
    };
    expected.assert_eq(&message);
}

#[test]
fn the_least_script_has_defaults() {
    let script = read(LEAST).expect("it is valid");
    assert_eq!(script.threads, Threads::Auto);
    assert_eq!((script.warmup, script.timeout), (Duration::from_secs(2), Duration::from_secs(2)));
    assert_eq!(
        (script.request().method.as_str(), &script.request().body),
        ("GET", &Body::Fixed(Vec::new()))
    );
    assert!(script.request().expect.status.is_empty());
}

#[test]
fn a_full_request_is_read() {
    let text = LEAST
        .replace("[[request]]", "[http]\nheaders = { Accept = \"a\", X = \"y\" }\n[[request]]")
        + "method = \"POST\"\nheaders = { accept = \"b\" }\nbody = { file = \"body.json\" }\n\
           content_type = \"application/json\"\n\
           expect = { status = [200, 404], body_contains = \"id\" }\n";
    let request = read(&text).expect("it is valid").request().clone();
    expect![[r#"
        ScriptRequest {
            name: "root",
            weight: 1,
            method: "POST",
            path: "/",
            headers: [
                (
                    "X",
                    "y",
                ),
                (
                    "accept",
                    "b",
                ),
                (
                    "Content-Type",
                    "application/json",
                ),
            ],
            body: Fixed(
                [
                    123,
                    125,
                ],
            ),
            expect: Expect {
                status: [
                    200,
                    404,
                ],
                body_contains: Some(
                    "id",
                ),
                max_bytes: None,
            },
        }
    "#]]
    .assert_debug_eq(&request);
}

#[test]
fn wrong_keys_are_named() {
    check(
        &LEAST.replace("connections", "conections"),
        expect![[r#"
        unknown field `conections`, expected one of `mode`, `connections`, `threads`, `duration`, `warmup`, `timeout`
        did you mean `connections`?"#]],
    );
    check(
        &LEAST.replace("duration", "rate = 5\nduration"),
        expect![
            "unknown field `rate`, expected one of `mode`, `connections`, `threads`, `duration`, `warmup`, `timeout`"
        ],
    );
    check(
        &LEAST.replace("duration", "mode = \"open\"\nduration"),
        expect!["unknown variant `open`, expected `closed`"],
    );
    check(
        &format!("{LEAST}weight = 3\n"),
        expect![
            "unknown field `weight`, expected one of `name`, `method`, `path`, `headers`, `body`, `content_type`, `expect`"
        ],
    );
    check(
        &format!("{LEAST}body = {{ text = \"a\", file = \"b\" }}\n"),
        expect!["script 'least': request 'root': a body is one text or one file"],
    );
}

#[test]
fn wrong_values_are_named() {
    check(
        &LEAST.replace("= 8", "= 0"),
        expect!["invalid value: integer `0`, expected a nonzero u32"],
    );
    check(
        &LEAST.replace("= 8", "= 8\nthreads = \"many\""),
        expect![[r#"invalid threads "many": write a number, or "auto" for one on each load CPU"#]],
    );
    check(
        &LEAST.replace("\"10s\"", "\"10\""),
        expect!["invalid duration '10': write a number and a unit, such as 250ms, 10s or 5m"],
    );
    check(
        &LEAST.replace("schema = 1", "schema = 2"),
        expect!["script 'least': schema is 2, but only 1 is known"],
    );
    check(
        &LEAST.replace("\"10s\"", "\"0s\""),
        expect!["script 'least': duration must not be zero"],
    );
    check(
        &LEAST.replace("\"10s\"", "\"25h\""),
        expect!["script 'least': duration is 90000s, but may be 24h at most"],
    );
    check(
        &LEAST.replace("\"/\"", "\"users\""),
        expect![
            "script 'least': request 'root': the path 'users' must start with '/' and have no spaces or characters outside ASCII (write them as %20 and so on)"
        ],
    );
    check(
        &LEAST.replace("\"/\"", "\"/a b\""),
        expect![
            "script 'least': request 'root': the path '/a b' must start with '/' and have no spaces or characters outside ASCII (write them as %20 and so on)"
        ],
    );
    check(
        &format!("{LEAST}method = \"GET /x\"\n"),
        expect!["script 'least': request 'root': 'GET /x' is not a method that can be sent"],
    );
    check(
        &format!("{LEAST}headers = {{ \"a b\" = \"c\" }}\n"),
        expect!["script 'least': request 'root': 'a b' is not a header name"],
    );
    check(
        &format!("{LEAST}headers = {{ a = \"b\\r\\nc: d\" }}\n"),
        expect![
            "script 'least': request 'root': the value of header a has a line end or a control character"
        ],
    );
    check(
        &format!("{LEAST}content_type = \"a\\nb\"\n"),
        expect![
            "script 'least': request 'root': the value of header Content-Type has a line end or a control character"
        ],
    );
    check(
        &format!("{LEAST}headers = {{ content-length = \"5\" }}\n"),
        expect![
            "script 'least': request 'root': the header content-length is set by the engine: leave it out"
        ],
    );
    check(
        &format!("{LEAST}expect = {{ status = [] }}\n"),
        expect!["script 'least': request 'root': the list of expected statuses is empty"],
    );
    check(
        &format!("{LEAST}expect = {{ status = 100 }}\n"),
        expect!["script 'least': request 'root': 100 is not the status of a response"],
    );
    check(
        &format!("{LEAST}expect = {{ status = \"ok\" }}\n"),
        expect!["expected a status such as 200, or a list such as [200, 404]"],
    );
    check(
        &format!("{LEAST}[[request]]\nname = \"b\"\npath = \"/b\"\n"),
        expect!["script 'least': needs exactly one [[request]], has 2"],
    );
    check(
        LEAST.split("[[").next().unwrap_or_default(),
        expect!["script 'least': needs exactly one [[request]], has 0"],
    );
}

#[test]
fn a_missing_body_file_is_named() {
    let error = read(&format!("{LEAST}body = {{ file = \"none.json\" }}\n")).expect_err("no file");
    assert!(error.to_string().contains("none.json: No such file"), "{error}");
}

#[test]
fn the_shipped_scripts_are_valid_and_found_by_name() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
    for name in Script::list(&dir).expect("the directory is there") {
        let scripts = Script::find(&dir, &name).expect("it is valid");
        let script = &scripts[0];
        assert_eq!(script.name, name, "a script is named like its file");
        assert!(script.description.is_some(), "{name} says what it is for");
        let path = dir.join(name + ".toml");
        assert_eq!(Script::find(&dir, &path.to_string_lossy()).expect("as a path"), scripts);
    }
    let error = Script::find(&dir, "user").expect_err("it is called users").to_string();
    assert!(error.starts_with("no script 'user'; did you mean 'users'? (there are "), "{error}");
}

#[test]
fn overrides_are_checked_too() {
    let script = read(LEAST).expect("it is valid");
    assert!(script.clone().with_duration(Duration::ZERO).is_err());
    assert!(script.clone().with_warmup(Duration::from_secs(1 << 20)).is_err());
    let script = script.with_warmup(Duration::ZERO).expect("no warm-up is fine");
    assert_eq!(script.warmup, Duration::ZERO);
}
