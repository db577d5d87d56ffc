//! What is secret is on no command line: it is told in another way, or refused.

use std::fs;

use expect_test::expect;

use super::{
    scripts::{TOOLS, check, script},
    support::external,
};
use crate::load::{Engine, Script, Secret};

#[test]
fn the_header_of_auth() {
    check(
        |script| script.authorization = Some(Secret("Bearer hush".to_owned())),
        expect![[r#"
        FLAMELOAD_AUTHORIZATION=*** wrk -t 2 -c 64 -d 10s --timeout 2s --latency -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        FLAMELOAD_AUTHORIZATION=*** wrk2 -t 2 -c 64 -d 10s --timeout 2s --latency -R 2000 -s DIR/run.lua 'http://127.0.0.1:8080/a?b=c'
        K6_NO_USAGE_REPORT=true FLAMELOAD_AUTHORIZATION=*** k6 run --quiet --address '' --log-output none DIR/run.js
        hey cannot express the header Authorization ([http] auth): it takes this as an argument only, and every user of the machine can read the arguments of a process: use wrk, wrk2, k6 or the built-in engine
        oha cannot express the header Authorization ([http] auth): it takes this as an argument only, and every user of the machine can read the arguments of a process: use wrk, wrk2, k6 or the built-in engine
        bombardier cannot express the header Authorization ([http] auth): it takes this as an argument only, and every user of the machine can read the arguments of a process: use wrk, wrk2, k6 or the built-in engine"#]],
    );
}

#[test]
fn a_header_from_the_environment() {
    let change = |script: &mut Script| {
        script.environment = vec![("KEY".to_owned(), Secret("hush".to_owned()))];
        script.requests[0].headers = vec![("X-Color".to_owned(), "a {env:KEY}".to_owned())];
    };
    check(
        change,
        expect![[r#"
        FLAMELOAD_SECRET_KEY=*** wrk -t 2 -c 64 -d 10s --timeout 2s --latency -s DIR/run.lua http://127.0.0.1:8080/a
        FLAMELOAD_SECRET_KEY=*** wrk2 -t 2 -c 64 -d 10s --timeout 2s --latency -R 2000 -s DIR/run.lua http://127.0.0.1:8080/a
        K6_NO_USAGE_REPORT=true FLAMELOAD_SECRET_KEY=*** k6 run --quiet --address '' --log-output none DIR/run.js
        hey cannot express the secret header X-Color: it takes this as an argument only, and every user of the machine can read the arguments of a process: use wrk, wrk2, k6 or the built-in engine
        oha cannot express the secret header X-Color: it takes this as an argument only, and every user of the machine can read the arguments of a process: use wrk, wrk2, k6 or the built-in engine
        bombardier cannot express the secret header X-Color: it takes this as an argument only, and every user of the machine can read the arguments of a process: use wrk, wrk2, k6 or the built-in engine"#]],
    );
}

#[test]
fn a_header_that_is_secret_by_its_name() {
    check(
        |script| script.requests[0].headers = vec![("Cookie".to_owned(), "id=hush".to_owned())],
        expect![[r#"
            wrk -t 2 -c 64 -d 10s --timeout 2s --latency -s DIR/run.lua http://127.0.0.1:8080/a
            wrk2 -t 2 -c 64 -d 10s --timeout 2s --latency -R 2000 -s DIR/run.lua http://127.0.0.1:8080/a
            K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
            hey cannot express the secret header Cookie: it takes this as an argument only, and every user of the machine can read the arguments of a process: use wrk, wrk2, k6 or the built-in engine
            oha cannot express the secret header Cookie: it takes this as an argument only, and every user of the machine can read the arguments of a process: use wrk, wrk2, k6 or the built-in engine
            bombardier cannot express the secret header Cookie: it takes this as an argument only, and every user of the machine can read the arguments of a process: use wrk, wrk2, k6 or the built-in engine"#]],
    );
}

#[test]
fn a_secret_in_a_query() {
    check(
        |script| script.requests[0].path = "/a?b=c&api_key=hush".to_owned(),
        expect![[r#"
        wrk -t 2 -c 64 -d 10s --timeout 2s --latency -s DIR/run.lua http://127.0.0.1:8080/a
        wrk2 -t 2 -c 64 -d 10s --timeout 2s --latency -R 2000 -s DIR/run.lua http://127.0.0.1:8080/a
        K6_NO_USAGE_REPORT=true k6 run --quiet --address '' --log-output none DIR/run.js
        hey cannot express the secret api_key in the query of a path: it takes this as an argument only, and every user of the machine can read the arguments of a process: use wrk, wrk2, k6 or the built-in engine
        oha --no-tui --output-format json -c 64 -z 10000ms -m GET -t 2000ms --disable-compression --redirect 0 --urls-from-file DIR/urls.txt
        bombardier cannot express the secret api_key in the query of a path: it takes this as an argument only, and every user of the machine can read the arguments of a process: use wrk, wrk2, k6 or the built-in engine"#]],
    );
    let own = |script: &mut Script| {
        script.requests[0].path = "/a?b=c&api_key=hush".to_owned();
        script.engine = Engine { own_script: Some("/own".into()), ..script.engine.clone() };
    };
    check(
        own,
        expect![[r#"
        wrk cannot express the secret api_key in the query of a path: beside your own script the path is an argument, which every user of the machine can read: leave it out
        wrk2 cannot express the secret api_key in the query of a path: beside your own script the path is an argument, which every user of the machine can read: leave it out
        K6_NO_USAGE_REPORT=true TARGET=http://127.0.0.1:8080 k6 run --quiet --address '' --vus 64 --duration 10000ms --summary-trend-stats 'avg,med,max,p(75),p(90),p(95),p(99),p(99.9)' --summary-export DIR/summary.json /own
        hey cannot express a script of your own: it runs no scripts: use wrk, wrk2 or k6
        oha cannot express a script of your own: it runs no scripts: use wrk, wrk2 or k6
        bombardier cannot express a script of your own: it runs no scripts: use wrk, wrk2 or k6"#]],
    );
}

#[test]
fn no_command_and_no_file_that_is_kept_has_a_secret() {
    let addr = "127.0.0.1:8080".parse().expect("an address");
    let changes: [fn(&mut Script); 4] = [
        |script| script.authorization = Some(Secret("Bearer hush".to_owned())),
        |script| {
            script.environment = vec![("KEY".to_owned(), Secret("hush".to_owned()))];
            script.requests[0].headers = vec![("X-Color".to_owned(), "a {env:KEY}".to_owned())];
        },
        |script| script.requests[0].headers = vec![("Cookie".to_owned(), "id=hush".to_owned())],
        |script| script.requests[0].path = "/a?b=c&api_key=hush".to_owned(),
    ];
    let mut commands = 0;
    for (kind, change) in TOOLS.into_iter().flat_map(|kind| changes.map(|change| (kind, change))) {
        let mut script = script(kind);
        change(&mut script);
        let dir = tempfile::tempdir().expect("a directory");
        let Ok(invocation) = external(kind).command(&script, addr, dir.path()) else { continue };
        commands += 1;
        assert!(!format!("{:?}", invocation.args).contains("hush"), "{invocation:?}");
        assert!(!invocation.shown().contains("hush"), "{invocation:?}");
        for path in &invocation.files {
            let text = fs::read_to_string(path).expect("it is written");
            assert!(!text.contains("hush"), "{}: {text}", path.display());
        }
    }
    assert_eq!(commands, 3 * 4 + 1, "wrk, wrk2 and k6 each, and oha's file of URLs");
}
