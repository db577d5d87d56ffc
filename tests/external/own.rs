//! Scripts of the user's own, in the language of the tool.

use std::{fs, path::PathBuf};

use flameload::load::{Engine, EngineKind, ExternalError};

use super::{
    server::Server,
    tool::{assert_counts, find, of_requests, run, script},
};

fn own(dir: &tempfile::TempDir, kind: EngineKind, name: &str, text: &str) -> Engine {
    let path: PathBuf = dir.path().join(name);
    fs::write(&path, text).expect("the script is written");
    Engine { kind, own_script: Some(path) }
}

#[test]
fn wrk_runs_lua_and_prints_figures_all_the_same() {
    let Some(external) = find(EngineKind::Wrk) else { return };
    let (server, dir) = (Server::start(), tempfile::tempdir().expect("a directory"));
    let mut script = script("/unused");
    let lua = "wrk.method = 'PUT'\nwrk.path = '/own'\nwrk.body = 'mine'\n\
               function done() io.write('their own {\\n') end\n";
    script.engine = own(&dir, EngineKind::Wrk, "own.lua", lua);
    let reported = run(&external, &script, server.addr, "own").expect("it runs");
    assert_counts(reported.requests, server.count(), 8);
    let asked = server.asked();
    let (only, _) = asked.iter().next().expect("one");
    assert_eq!(
        (only.method.as_str(), only.path.as_str(), only.body.as_str()),
        ("PUT", "/own", "mine")
    );
    assert!(reported.histogram.is_some(), "{:?}", reported.notes);
}

#[test]
fn k6_runs_javascript_with_our_connections_and_requests() {
    let Some(external) = find(EngineKind::K6) else { return };
    let (server, dir) = (Server::start(), tempfile::tempdir().expect("a directory"));
    let js = "import http from 'k6/http';\n\
              export const options = { vus: 50, duration: '10m', \
              thresholds: { http_req_failed: ['rate<0.01'], http_reqs: ['count>0'] } };\n\
              export default function () { http.get(`${__ENV.TARGET}/missing`); }\n\
              export function handleSummary() { return { stdout: 'their own\\n' }; }\n";
    let mut script = of_requests(script("/unused"), 2, 30);
    script.engine = own(&dir, EngineKind::K6, "own.js", js);
    let reported = run(&external, &script, server.addr, "own").expect("it runs");
    assert_eq!((server.count(), reported.requests), (30, 0));
    assert_eq!((reported.errors.other, reported.errors.status), (Some(30), None));
    assert_eq!(reported.thresholds_failed, ["http_req_failed: rate<0.01"]);
}

#[test]
fn an_exception_in_a_script_is_a_failure() {
    let Some(external) = find(EngineKind::K6) else { return };
    let (server, dir) = (Server::start(), tempfile::tempdir().expect("a directory"));
    let mut script = of_requests(script("/unused"), 1, 1);
    script.engine = own(&dir, EngineKind::K6, "own.js", "throw new Error('of mine');");
    let error = run(&external, &script, server.addr, "exception").expect_err("it fails");
    assert!(matches!(error, ExternalError::Failed { .. }), "{error}");
    assert!(error.to_string().contains("of mine"), "{error}");
}
