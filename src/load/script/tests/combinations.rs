//! Keys that are fine alone and make no sense together.

use expect_test::expect;

use super::{LEAST, check, read, script};

const CLOSED: &str = "connections = 8\nduration = \"10s\"\n";
const OPEN: &str = "mode = \"open\"\nrate = 100\nduration = \"10s\"\n";

/// Whatever is in `[load]` with `more` keys there.
fn load(base: &str, more: &str) -> String {
    script(&format!("{base}{more}"), "")
}

#[test]
fn each_mode_has_its_own_keys() {
    check(
        &load(CLOSED, "rate = 5"),
        expect![[
            r#"[load] rate belongs to an open loop: a closed one sends when a response has come; add mode = "open", or leave it out"#
        ]],
    );
    check(
        &load(CLOSED, "max_in_flight = 5"),
        expect![[
            r#"[load] max_in_flight belongs to an open loop: a closed one sends when a response has come; add mode = "open", or leave it out"#
        ]],
    );
    check(
        &load(CLOSED, "arrival = \"poisson\""),
        expect![[
            r#"[load] arrival belongs to an open loop: a closed one sends when a response has come; add mode = "open", or leave it out"#
        ]],
    );
    check(
        &load(OPEN, "connections = 5"),
        expect![
            "[load] connections belong to a closed loop: an open one has a rate, and max_in_flight says how many connections it may use"
        ],
    );
    check(
        &load(OPEN, "think = \"5ms\""),
        expect![
            "[load] think belongs to a closed loop: in an open one the schedule alone decides when requests are sent"
        ],
    );
    check(
        &script("duration = \"1s\"", ""),
        expect!["[load] needs connections = 64, or a list such as [100, 1000]"],
    );
    check(
        &script("mode = \"open\"\nduration = \"1s\"", ""),
        expect!["[load] needs rate = 1000, in requests a second, or a list such as [1000, 2000]"],
    );
}

#[test]
fn a_load_ends_in_one_way() {
    let stage = "[[stage]]\nduration = \"1s\"\nconnections = 5\n";
    check(
        &load("connections = 8", ""),
        expect![
            "a load ends in one way: [load] has either duration or requests, or there are [[stage]]s"
        ],
    );
    check(
        &load(CLOSED, "requests = 100"),
        expect![
            "a load ends in one way: [load] has either duration or requests, or there are [[stage]]s"
        ],
    );
    check(
        &script(CLOSED, stage),
        expect![
            "a load ends in one way: [load] has either duration or requests, or there are [[stage]]s"
        ],
    );
    check(
        &script("connections = [1, 2]", stage),
        expect![
            "[load] connections is a list, and there are [[stage]]s: either one run for each value, or one run through the stages"
        ],
    );
    check(
        &load("connections = 8\nrequests = 5", ""),
        expect!["5 requests are fewer than 8 connections, some of which would send nothing"],
    );
}

#[test]
fn stages_make_sense() {
    let stages = |text: &str| script("", &format!("[[stage]]\n{text}\n"));
    check(
        &stages("duration = \"1s\"\nrate = 5"),
        expect![[r#"in mode = "closed" a [[stage]] has connections, and no rate"#]],
    );
    check(
        &stages("duration = \"1s\""),
        expect![[r#"in mode = "closed" a [[stage]] has connections, and no rate"#]],
    );
    let jump = "[[stage]]\nduration = \"0s\"\nconnections = 5\n";
    check(&script("", jump), expect!["duration must not be zero"]);
    check(
        &stages(&format!("duration = \"1s\"\nconnections = 5\n{jump}")),
        expect![[r#"the duration of a [[stage]] must not be zero: for a jump, write "1ms""#]],
    );
    check(
        &stages("duration = \"1s\"\nconnections = 0"),
        expect!["every [[stage]] has the level 0, so nothing would be sent"],
    );
    check(
        &stages("duration = \"1s\"\nconnections = 5\nrecord = false"),
        expect!["every [[stage]] has record = false, so nothing would be measured"],
    );
    let long = "[[stage]]\nduration = \"18000000000000000000s\"\nconnections = 5\n";
    check(
        &script("", &long.repeat(2)),
        expect!["duration is 18446744073709551615.999999999s, but may be 24h at most"],
    );
    let open = |text: &str| script("mode = \"open\"", &format!("[[stage]]\n{text}\n"));
    check(
        &open("duration = \"1s\"\nconnections = 5"),
        expect![[r#"in mode = "open" a [[stage]] has a rate, and no connections"#]],
    );
    check(
        &open("duration = \"1s\"\nrate = -5"),
        expect!["the level of a [[stage]] must be 0 or more"],
    );
}

#[test]
fn a_pipeline_goes_with_little() {
    check(
        &load(CLOSED, "pipeline = 4\nthink = \"1ms\""),
        expect![
            "pipeline does not go together with think, which waits between two requests: leave one out"
        ],
    );
    check(
        &load(CLOSED, "pipeline = 4\nrequests_per_connection = 10"),
        expect![
            "pipeline does not go together with requests_per_connection, which ends connections that have requests under way: leave one out"
        ],
    );
    check(
        &load(OPEN, "pipeline = 4"),
        expect![[
            r#"pipeline does not go together with mode = "open", where each request is sent at a time of its own: leave one out"#
        ]],
    );
    let pipelined = |rest: &str| script(&format!("{CLOSED}pipeline = 4"), rest);
    check(
        &pipelined("[http]\nversion = \"2\"\n"),
        expect![[
            r#"pipeline does not go together with version = "2", which has [http] streams for that: leave one out"#
        ]],
    );
    check(
        &pipelined("[http]\ncookies = \"per-connection\"\n"),
        expect![
            "pipeline does not go together with cookies, which a request can only send back once the last response has come: leave one out"
        ],
    );
    check(
        &pipelined("headers = { connection = \"close\" }\n"),
        expect![
            "request 'root': Connection: close ends a connection with requests of a pipeline under way: leave one out"
        ],
    );
    assert!(read(&pipelined("")).is_ok());
}

#[test]
fn there_is_one_way_to_travel() {
    let http = |text: &str| format!("{LEAST}[http]\n{text}\n");
    let based = |base: &str, rest: &str| {
        LEAST.replace("[load]", &format!("base = \"{base}\"\n[load]")) + rest
    };
    check(
        &http("streams = 5"),
        expect![[
            r#"[http] streams are HTTP/2's: add version = "2", or leave them out (HTTP/1.1 has [load] pipeline)"#
        ]],
    );
    check(&http("version = \"3\""), expect!["unknown variant `3`, expected `1.1` or `2`"]);
    check(
        &http("version = \"2\"\nstreams = 5\ncookies = \"per-connection\""),
        expect![
            "cookies do not go together with several streams, of which none waits for the others' responses: leave one out"
        ],
    );
    check(
        &http("version = \"2\"\nheaders = { Connection = \"close\" }"),
        expect!["request 'root': HTTP/2 has no place for the header Connection: leave it out"],
    );
    check(
        &http("tls = { insecure = true, ca = \"ca.pem\" }"),
        expect![
            "[http] tls: with insecure any certificate is good, and ca is not used: leave one out"
        ],
    );
    check(&http("tls = { server_name = \"\" }"), expect!["[http] tls: server_name is empty"]);
    check(
        &http(&format!("unix = \"/{}\"", "x".repeat(107))),
        expect![
            "[http] unix: the path of a socket has 107 bytes at most, and '/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' has 108"
        ],
    );
    check(
        &http("cookies = \"per-connection\"\nheaders = { Cookie = \"a=b\" }"),
        expect![
            "request 'root': the header Cookie and cookies contradict each other: leave one out"
        ],
    );
    check(
        &http("auth = { bearer = \"{env:TOKEN}\" }\nheaders = { authorization = \"x\" }"),
        expect![
            "request 'root': the header authorization and [http] auth say the same: leave one out"
        ],
    );
    check(
        &based("http://127.0.0.1", "[http]\ntls = {}\n"),
        expect!["[http] tls and a base with http:// contradict each other: write https://"],
    );
    check(
        &based("http://127.0.0.1", "[http]\nunix = \"/x\"\n"),
        expect!["[http] unix and a base that is a URL are two places to connect to: leave one out"],
    );
    check(
        &based("http://10.0.0.1", ""),
        expect![
            "base is 10.0.0.1:80, another machine's address: load goes to loopback addresses only, unless [limits] has allow_remote = true"
        ],
    );
    assert!(read(&based("http://10.0.0.1", "[limits]\nallow_remote = true\n")).is_ok());
}

#[test]
fn an_engine_takes_a_script_of_its_language() {
    let engine =
        |text: &str, rest: &str| LEAST.replace("[load]", &format!("{text}\n[load]")) + rest;
    check(
        &engine("engine_script = \"own.lua\"", ""),
        expect![
            "engine_script is for wrk and wrk2 (Lua) and for k6 (JavaScript); builtin takes none"
        ],
    );
    for (kind, own, message) in [
        ("k6", "own.lua", "is not a .js file, which is what k6 takes"),
        ("wrk", "own.js", "is not a .lua file, which is what wrk takes"),
        ("wrk2", "none.lua", "is not there"),
    ] {
        let text = engine(&format!("engine = \"{kind}\"\nengine_script = \"{own}\""), "");
        let error = read(&text).expect_err("the script is wrong").to_string();
        assert!(error.ends_with(message), "{error}");
    }
    let wrk = |rest: &str| engine("engine = \"wrk\"\nengine_script = \"own.lua\"", rest);
    check(
        &wrk("[[request]]\nname = \"b\"\npath = \"/b\"\n"),
        expect![
            "engine_script decides what is requested: keep one [[request]], with which the server is tried before the load, and no [vars]"
        ],
    );
    let own = read(&wrk("")).expect("it is valid");
    assert!(own.engine.own_script.is_some_and(|path| path.ends_with("own.lua")));
}

#[test]
fn a_closed_loop_has_no_schedule_to_achieve() {
    let threshold = "[[threshold]]\nmetric = \"achieved_ratio\"\nmin = 0.99\n";
    check(
        &script(CLOSED, threshold),
        expect![[
            r#"threshold achieved_ratio is a share of what a schedule wanted, and a closed loop has none: add mode = "open" with a rate, or leave it out"#
        ]],
    );
    assert!(read(&script(OPEN, threshold)).is_ok());
}
