//! Scripts as they are written, and what is said of those that make no sense.

mod combinations;
mod documented;
mod overrides;
mod properties;
mod secrets;
mod shipped;
mod values;

use std::{fs, path::Path, time::Duration};

use expect_test::{Expect, expect};

use super::{Body, Extent, Pace, Script, Think, Threads};
use crate::load::LoadError;

const LEAST: &str = "schema = 1\nname = \"least\"\n\
    [load]\nconnections = 8\nduration = \"10s\"\n\
    [[request]]\nname = \"root\"\npath = \"/\"\n";

/// The least script with other keys in its `[load]`, and with `rest` behind its request.
fn script(load: &str, rest: &str) -> String {
    LEAST.replace("connections = 8\nduration = \"10s\"", load) + rest
}

/// Reads the text as a script in a directory of its own, beside `body.json` and `users.csv`.
fn read_levels(text: &str) -> Result<Vec<Script>, LoadError> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("least.toml");
    fs::write(&path, text).expect("the script is written");
    fs::write(dir.path().join("body.json"), "{}").expect("the body is written");
    let users = "id,name\n1,Jo\n2,\"Mia\r\nX: y\"\n";
    fs::write(dir.path().join("users.csv"), users).expect("the values are written");
    fs::write(dir.path().join("own.lua"), "").expect("the engine's script is written");
    let environment = |name: &str| match name {
        "USERPASS" => Some("me:secret".to_owned()),
        "TOKEN" => Some("hush".to_owned()),
        "BROKEN" => Some("a\r\nb".to_owned()),
        _ => None,
    };
    Script::read_with(&path, &environment)
}

fn read(text: &str) -> Result<Script, LoadError> {
    read_levels(text).map(|mut levels| levels.remove(0))
}

/// The error, without the directory and the excerpt.
#[track_caller]
fn check(text: &str, expected: Expect) {
    let error = read(text).expect_err("the script is wrong").to_string();
    let message = match error.split_once("least.toml: ") {
        Some((_, parse_error)) => parse_error.lines().skip(4).collect::<Vec<_>>().join("\n"),
        None => error,
    };
    expected.assert_eq(message.trim_start_matches("script 'least': "));
}

#[test]
fn the_least_script_has_defaults() {
    let script = read(LEAST).expect("it is valid");
    expect![[r#"
        Script {
            name: "least",
            description: None,
            engine: Engine {
                kind: Builtin,
                own_script: None,
            },
            base: Target,
            seed: 42,
            pace: Closed {
                connections: 8,
                think: None,
            },
            threads: Auto,
            extent: Duration(
                10s,
            ),
            warmup: 2s,
            cooldown: 0ns,
            timeout: 2s,
            requests_per_connection: None,
            pipeline: 1,
            http: Http {
                version: Http1,
                streams: 1,
                tls: None,
                unix: None,
                cookies: None,
            },
            authorization: None,
            environment: [],
            vars: [],
            by_request: false,
            requests: [
                ScriptRequest {
                    name: "root",
                    weight: 1,
                    method: "GET",
                    path: "/",
                    headers: [],
                    body: Fixed(
                        [],
                    ),
                    expect: Expect {
                        status: [],
                        body_contains: None,
                        max_bytes: None,
                    },
                },
            ],
            thresholds: [],
            limits: Limits {
                allow_remote: false,
                max_error_rate: 0.5,
                raise_nofile: true,
                preflight: true,
            },
        }
    "#]]
    .assert_debug_eq(&script);
}

#[test]
fn a_full_request_is_read() {
    let text = LEAST
        .replace("[[request]]", "[http]\nheaders = { Accept = \"a\", X = \"y\" }\n[[request]]")
        + "weight = 3\nmethod = \"POST\"\nheaders = { accept = \"b\" }\n\
           body = { file = \"body.json\" }\ncontent_type = \"application/json\"\n\
           expect = { status = [200, 404], body_contains = \"id\", max_bytes = 100 }\n";
    expect![[r#"
        ScriptRequest {
            name: "root",
            weight: 3,
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
                max_bytes: Some(
                    100,
                ),
            },
        }
    "#]]
    .assert_debug_eq(read(&text).expect("it is valid").request());
}

#[test]
fn a_list_of_levels_is_several_scripts() {
    let text = script("connections = [100, 1000, 100]\nduration = \"1s\"", "");
    let paces = |levels: &[Script]| levels.iter().map(|it| it.pace.level()).collect::<Vec<_>>();
    let levels = read_levels(&text).expect("it is valid");
    assert_eq!(paces(&levels), [100.0, 1_000.0, 100.0]);
    let text = script("mode = \"open\"\nrate = [500, 40_000.5]\nduration = \"1s\"", "");
    let levels = read_levels(&text).expect("it is valid");
    assert_eq!(paces(&levels), [500.0, 40_000.5]);
    let connections = |script: &Script| script.pace.connections().get();
    assert_eq!(levels.iter().map(connections).collect::<Vec<_>>(), [512, 801]);
    assert_eq!(Script { pace: levels[1].pace, ..levels[0].clone() }, levels[1]);
}

#[test]
fn stages_begin_where_the_script_says() {
    let stages = "[[stage]]\nduration = \"1s\"\nconnections = 50\nrecord = false\n\
                  [[stage]]\nduration = \"2s\"\nconnections = 200\n";
    let script_of = |load: &str| read(&script(load, stages)).expect("it is valid");
    let flat = script_of("");
    assert_eq!((flat.pace.level(), flat.duration()), (200.0, Duration::from_secs(3)));
    expect![[r#"
        Stages {
            start: 50.0,
            stages: [
                Stage {
                    duration: 1s,
                    level: 50.0,
                    record: false,
                },
                Stage {
                    duration: 2s,
                    level: 200.0,
                    record: true,
                },
            ],
        }
    "#]]
    .assert_debug_eq(&flat.extent);
    let falling = script_of("connections = 300");
    assert_eq!(falling.pace.level(), 300.0, "the pace has the highest level");
    assert!(matches!(falling.extent, Extent::Stages { start: 300.0, .. }));
}

#[test]
fn an_open_loop_and_a_time_to_think_are_read() {
    let open = "mode = \"open\"\nrate = 20000\narrival = \"poisson\"\nmax_in_flight = 64\n\
                on_overload = \"drop\"\nrequests = 1000";
    let open = read(&script(open, "")).expect("it is valid");
    expect![[r#"
        (
            Open {
                rate: 20000.0,
                arrival: Poisson,
                max_in_flight: 64,
                on_overload: Drop,
            },
            Requests(
                1000,
            ),
        )
    "#]]
    .assert_debug_eq(&(open.pace, open.extent));
    let think = |text: &str| {
        let load = format!("connections = 1\nduration = \"1s\"\nthink = \"{text}\"");
        read(&script(&load, "")).expect("it is valid").pace
    };
    let is_none = |pace| matches!(pace, Pace::Closed { think: Think::None, .. });
    assert!(is_none(think("0ms")));
    expect![[r#"
        [
            Closed {
                connections: 1,
                think: Uniform {
                    min: 10ms,
                    max: 10ms,
                },
            },
            Closed {
                connections: 1,
                think: Uniform {
                    min: 10ms,
                    max: 50ms,
                },
            },
        ]
    "#]]
    .assert_debug_eq(&[think("10ms"), think("uniform(10ms, 50ms)")]);
}

#[test]
fn how_requests_travel_is_read() {
    let http = "[http]\nversion = \"2\"\nstreams = 10\ncookies = \"none\"\n\
                tls = { insecure = true, server_name = \"x\" }\nunix = \"/run/x.sock\"\n";
    let text = script("connections = 1\nduration = \"1s\"", http);
    expect![[r#"
        Http {
            version: Http2,
            streams: 10,
            tls: Some(
                Tls {
                    insecure: true,
                    ca: None,
                    server_name: Some(
                        "x",
                    ),
                },
            ),
            unix: Some(
                "/run/x.sock",
            ),
            cookies: None,
        }
    "#]]
    .assert_debug_eq(&read(&text).expect("it is valid").http);
    let tls = |base: &str| {
        let text = LEAST.replace("[load]", &format!("base = \"{base}\"\n[load]"));
        let script = read(&text).expect("it is valid");
        (script.base, script.http.tls.map(|tls| tls.server_name))
    };
    expect![[r#"
        [
            (
                Fixed(
                    127.0.0.1:80,
                ),
                None,
            ),
            (
                Fixed(
                    127.0.0.1:443,
                ),
                Some(
                    None,
                ),
            ),
            (
                Fixed(
                    [::1]:443,
                ),
                Some(
                    Some(
                        "::1",
                    ),
                ),
            ),
        ]
    "#]]
    .assert_debug_eq(&[tls("http://127.0.0.1:80"), tls("https://localhost"), tls("https://[::1]")]);
}

#[test]
fn variables_thresholds_and_limits_are_read() {
    let rest = "[vars]\nid = { int = [1, 9], pick = \"sequential\" }\n\
         user = { file = \"users.csv\", column = \"name\", pick = \"zipf\" }\n\
         key = { uuid = true }\nrank = { int = [1, 9], pick = { zipf = 1.2 } }\n\
         [[request]]\nname = \"all\"\npath = \"/{id}/{user}/{key}/{rank}\"\n\
         body = { template = \"{id}\" }\n\
         [[threshold]]\nmetric = \"latency.p99\"\nmax = \"25ms\"\n\
         [[threshold]]\nmetric = \"errors.rate\"\nmax = 0.01\nabort_after = \"5s\"\n\
         [[threshold]]\nmetric = \"rps\"\nmin = 1000\n\
         [limits]\nallow_remote = true\nmax_error_rate_abort = 1\nnofile = \"keep\"\n\
         preflight = false\n";
    let script = read(&script("connections = 1\nduration = \"1s\"", rest)).expect("it is valid");
    assert!(matches!(&script.requests[1].body, Body::Template(text) if text == "{id}"));
    expect![[r#"
        (
            [
                Var {
                    name: "id",
                    values: Integers {
                        min: 1,
                        max: 9,
                    },
                    pick: Sequential,
                },
                Var {
                    name: "key",
                    values: Uuids,
                    pick: Random,
                },
                Var {
                    name: "rank",
                    values: Integers {
                        min: 1,
                        max: 9,
                    },
                    pick: Zipf {
                        exponent: 1.2,
                    },
                },
                Var {
                    name: "user",
                    values: List(
                        [
                            "Jo",
                            "Mia\r\nX: y",
                        ],
                    ),
                    pick: Zipf {
                        exponent: 1.0,
                    },
                },
            ],
            [
                Threshold {
                    metric: Latency(
                        P99,
                    ),
                    min: None,
                    max: Some(
                        25000.0,
                    ),
                    abort_after: None,
                },
                Threshold {
                    metric: ErrorsRate,
                    min: None,
                    max: Some(
                        0.01,
                    ),
                    abort_after: Some(
                        5s,
                    ),
                },
                Threshold {
                    metric: RequestsPerSecond,
                    min: Some(
                        1000.0,
                    ),
                    max: None,
                    abort_after: None,
                },
            ],
            Limits {
                allow_remote: true,
                max_error_rate: 1.0,
                raise_nofile: false,
                preflight: false,
            },
        )
    "#]]
    .assert_debug_eq(&(script.vars, script.thresholds, script.limits));
}

#[test]
fn threads_are_counted_or_left_to_the_cpus() {
    let threads = |text: &str| {
        let load = format!("connections = 8\nduration = \"1s\"\nthreads = {text}");
        read(&script(&load, "")).expect("it is valid").threads
    };
    assert_eq!(threads("\"auto\""), Threads::Auto);
    assert!(matches!(threads("3"), Threads::Count(count) if count.get() == 3));
}

#[test]
fn a_missing_file_is_named() {
    let error = read(&format!("{LEAST}body = {{ file = \"none.json\" }}\n")).expect_err("no file");
    assert!(error.to_string().contains("none.json: No such file"), "{error}");
    let vars = "[vars]\nid = { file = \"none.csv\" }\n";
    let error = read(&format!("{LEAST}{vars}")).expect_err("no file");
    assert!(error.to_string().contains("none.csv: No such file"), "{error}");
    assert!(Script::list(Path::new("/proc/self/exe")).is_err(), "it is no directory");
}
