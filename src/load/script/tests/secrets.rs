//! Secrets come from the environment, and go nowhere but into requests.

use expect_test::expect;

use super::{LEAST, check, read};
use crate::load::Pool;

fn with_auth(auth: &str) -> String {
    format!("{LEAST}[http]\nauth = {auth}\n")
}

#[test]
fn a_secret_reaches_the_request_and_nothing_else() {
    for (auth, header) in [
        ("{ basic = \"{env:USERPASS}\" }", "Authorization: Basic bWU6c2VjcmV0\r\n"),
        ("{ bearer = \"{env:TOKEN}\" }", "Authorization: Bearer hush\r\n"),
    ] {
        let script = read(&with_auth(auth)).expect("it is valid");
        let shown = format!("{script:?}");
        assert!(shown.contains("Secret(redacted)"), "{shown}");
        for secret in ["me:secret", "bWU6c2VjcmV0", "hush"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        let pool = Pool::render(&script, ([127, 0, 0, 1], 80).into()).expect("it can be rendered");
        let request = String::from_utf8_lossy(pool.get(0).bytes()).into_owned();
        assert!(request.contains(header), "{request}");
    }
}

#[test]
fn a_secret_in_the_file_is_refused_and_not_repeated() {
    check(
        &with_auth("{ basic = \"me:secret\" }"),
        expect![[
            r#"[http] auth.basic is a secret, which does not belong in a file: write "{env:NAME}" for the value of NAME in the environment"#
        ]],
    );
    check(
        &with_auth("{ bearer = \"x{env:TOKEN}\" }"),
        expect![[
            r#"[http] auth.bearer is a secret, which does not belong in a file: write "{env:NAME}" for the value of NAME in the environment"#
        ]],
    );
}

#[test]
fn what_the_environment_must_have_is_named() {
    check(
        &with_auth("{ bearer = \"{env:NO_SUCH}\" }"),
        expect![
            "[http] auth.bearer is the value of NO_SUCH in the environment, which has none: set it"
        ],
    );
    check(
        &with_auth("{ bearer = \"{env:BROKEN}\" }"),
        expect![
            "[http] auth.bearer: the value of BROKEN in the environment is empty or has a line end or a control character"
        ],
    );
    check(
        &with_auth("{ basic = \"{env:TOKEN}\" }"),
        expect![
            "[http] auth.basic: the value of TOKEN in the environment is not of the form user:password"
        ],
    );
    check(&with_auth("{}"), expect!["[http] auth is either { basic = ... } or { bearer = ... }"]);
}

#[test]
fn a_header_from_the_environment_reaches_the_request_and_nothing_else() {
    let text = format!("{LEAST}[http]\nheaders = {{ X-Key = \"key {{env:TOKEN}}!\" }}\n");
    let script = read(&text).expect("it is valid");
    assert!(!format!("{script:?}").contains("hush"), "{script:?}");
    let pool = Pool::render(&script, ([127, 0, 0, 1], 80).into()).expect("it can be rendered");
    assert_eq!(pool.len(), 1, "it is the same each time");
    let request = String::from_utf8_lossy(pool.get(0).bytes()).into_owned();
    assert!(request.contains("X-Key: key hush!\r\n"), "{request}");
    let header = |value: &str| format!("{LEAST}[http]\nheaders = {{ X = \"{value}\" }}\n");
    check(
        &header("{env:NO_SUCH}"),
        expect![
            "request 'root': the header X is the value of NO_SUCH in the environment, which has none: set it"
        ],
    );
    check(
        &header("{env:BROKEN}"),
        expect![
            "request 'root': the header X: the value of BROKEN in the environment is empty or has a line end or a control character"
        ],
    );
    check(
        &header("{env:}"),
        expect![
            "request 'root': the header X names no variable of the environment: write {env:NAME}"
        ],
    );
    check(
        &LEAST.replace("path = \"/\"", "path = \"/{env:TOKEN}\""),
        expect![
            "request 'root': unknown variable {env:TOKEN}; what comes from the environment may stand in headers and [http] auth only"
        ],
    );
}
