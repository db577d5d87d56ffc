//! `xtask bench-load`: real slices by both sides, and what a user is told when there are none.

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener},
    process::Command,
    thread,
};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    case::{Live, run, tool, tool_path},
    system::{alone, eventually, marked},
};
use crate::skip::skip;

/// The tool's own stalling server as a target, in a folder whose path marks its process.
fn target() -> TempDir {
    let dir = tempfile::Builder::new().prefix("flameload-").tempdir().expect("a folder");
    let program = tool_path().display().to_string();
    let manifest = format!(
        "name = \"stalling\"\nlanguage = \"Rust\"\ndescription = \"a server that stalls\"\n\
         [[process]]\nname = \"server\"\n\
         command = [\"sh\", \"-c\", '\"$0\" bench-load --stalling-server {{port}}; : $1', '{program}', '{}']\n",
        dir.path().display()
    );
    fs::write(dir.path().join("target.toml"), manifest).expect("a file");
    dir
}

fn bench_load(target: &TempDir) -> Command {
    let mut command = tool();
    command.arg("bench-load").arg("--manifest").arg(target.path());
    command
}

fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        skip(format!("{program} is not installed"));
    }
    found
}

/// Answers every request at once.
fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut writer = &stream;
                let heads = BufReader::new(&stream).lines().map_while(Result::ok);
                for _ in heads.filter(|line| line.is_empty()) {
                    writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")?;
                }
                std::io::Result::Ok(())
            });
        }
    });
    addr
}

#[test]
fn what_is_typed_wrongly_is_told() {
    for (arguments, texts) in [
        (&["--against", "ab"][..], &["ab", "wrk, wrk2, k6, hey, oha, bombardier"][..]),
        (&["--open", "fast"], &["'fast' is no rate", "50%"]),
        (&["--slice", "1"], &["such as 250ms, 10s or 5m"]),
        (&["--rounds", "0"], &["--rounds"]),
        (&["hypr"], &["did you mean 'hyper'?"]),
        (&["--script", "helo"], &["did you mean 'hello'?"]),
        (&["--stall", "--script", "hello"], &["cannot be used with"]),
    ] {
        run(tool().arg("bench-load").args(arguments)).expect(2, texts);
    }
}

#[test]
fn without_any_tool_there_is_nothing_to_compare() {
    let target = target();
    let mut command = bench_load(&target);
    let outcome = run(command.args(["--against", "wrk,oha"]).env("PATH", target.path()));
    outcome.expect(3, &["wrk is left out", "oha is left out", "nothing to compare with"]);
}

#[test]
fn our_side_tells_its_tally() {
    let addr = serve().to_string();
    let once = ["bench-load", "--load-once", &addr, "--connections", "2", "--slice", "300ms"];
    let outcome = run(tool().args(once));
    outcome.expect(0, &[]);
    let tally: Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    let number = |name: &str| tally[name].as_u64().unwrap_or_else(|| panic!("no {name}: {tally}"));
    assert!(number("requests") > 0 && number("errors") == 0, "{tally}");
    assert!(number("elapsed_ns") >= 300_000_000, "{tally}");
    assert!(tally["service_ns"]["p50"].as_u64() <= tally["service_ns"]["p99"].as_u64(), "{tally}");
}

#[test]
fn both_sides_are_measured() {
    if !is_installed("wrk") {
        return;
    }
    let _alone = alone();
    let target = target();
    let mut command = bench_load(&target);
    let outcome = run(command.args(["--connections", "1,4", "--rounds", "1", "--json"]));
    outcome.expect(0, &["4 connections, against wrk: block 1 of 1"]);
    let made: Value = serde_json::from_str(&outcome.stdout).expect("one line of JSON");
    let pairs = made["pairs"].as_array().expect("pairs");
    assert_eq!(pairs.len(), 2, "{made}");
    for (pair, connections) in pairs.iter().zip([1, 4]) {
        assert_eq!(pair["connections"], connections, "{made}");
        for side in ["ours", "theirs"] {
            let figure = |name: &str| pair[side][name].as_f64().unwrap_or(0.0);
            assert_eq!(figure("slices"), 2.0, "{made}");
            assert_eq!(figure("errors"), 0.0, "{made}");
            for name in [
                "requests_per_second",
                "client_cpu_us_per_request",
                "server_cpu_us_per_request",
                "p50_ms",
                "p99_ms",
            ] {
                assert!(figure(name) > 0.0, "{side} {name}: {made}");
            }
        }
        let ratio = &pair["ours_over_theirs"]["client_cpu_per_request"];
        assert!(ratio["ratio"].as_f64().is_some_and(|ratio| ratio > 0.0), "{made}");
        assert!(ratio["ci95"].is_null(), "one block has no interval: {made}");
    }
    assert_clean(&target);
}

#[test]
fn system_calls_are_counted() {
    if !is_installed("wrk") || !is_installed("strace") {
        return;
    }
    let _alone = alone();
    let target = target();
    let mut command = bench_load(&target);
    let outcome = run(command.args(["--connections", "1", "--syscalls", "--json"]));
    if outcome.code == Some(3) && outcome.stderr.contains("Operation not permitted") {
        return skip("strace may not trace here");
    }
    outcome.expect(0, &[]);
    let made: Value = serde_json::from_str(&outcome.stdout).expect("one line of JSON");
    let total = made["syscalls"][0]["ours"]["total"].as_f64().expect("a total");
    // One write, one read, one wait: more only where a wait ends for nothing.
    assert!((2.9..3.5).contains(&total), "{made}");
}

#[test]
fn ctrl_c_leaves_nothing_running() {
    if !is_installed("wrk") {
        return;
    }
    let _alone = alone();
    let target = target();
    let mut live = Live::start(bench_load(&target).args(["--slice", "100s"]));
    live.wait_for("64 connections, against wrk: warming up");
    live.signal(Signal::INT);
    live.outcome().expect(130, &["interrupted"]);
    assert_clean(&target);
}

#[test]
fn a_killed_benchmark_leaves_nothing_running() {
    if !is_installed("wrk") {
        return;
    }
    let _alone = alone();
    let target = target();
    let mut live = Live::start(bench_load(&target).args(["--slice", "100s"]));
    live.wait_for("64 connections, against wrk: warming up");
    let marker = target.path().display().to_string();
    eventually("no server runs", || !marked(&marker).is_empty());
    live.signal(Signal::KILL);
    assert_eq!(live.outcome().code, None);
    assert_clean(&target);
}

#[track_caller]
fn assert_clean(target: &TempDir) {
    let marker = target.path().display().to_string();
    eventually(&format!("left running: {:?}", marked(&marker)), || marked(&marker).is_empty());
}
