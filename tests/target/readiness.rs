//! Readiness of servers that are not asked in plain HTTP on 127.0.0.1, or do not end an answer with
//! its connection.

use std::{net::Ipv6Addr, path::Path, time::Duration};

use flameload::target::{TargetError, get};

use super::support::{Fixture, helper};

#[test]
fn on_the_loopback_address_of_ipv6_only() {
    for ready in ["", "ready = { url = \"/\" }"] {
        let fixture = Fixture::new(&helper("six", ready));
        let running = fixture.run().expect("starts");
        let addr = running.addr().expect("a port");
        assert_eq!(addr.ip(), Ipv6Addr::LOCALHOST);
        assert_eq!(get(addr, "/", Duration::from_secs(5)).expect("answers").status, 200);
    }
}

#[test]
fn on_a_unix_socket_without_a_port() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let socket = dir.path().join("server.sock");
    for url in ["", "url = \"/health\", "] {
        let _ = std::fs::remove_file(&socket);
        let table = without_port(&socket, &format!("ready = {{ {url}unix = {socket:?} }}"));
        let running = Fixture::new(&table).run().expect("starts");
        assert_eq!(running.addr(), None);
        assert_eq!(running.first_call().is_some(), !url.is_empty());
    }
}

/// A server on a socket, which no `{port}` is told.
fn without_port(socket: &Path, more: &str) -> String {
    let with_port = helper("socket", &format!("env.SOCKET = {socket:?}\n{more}"));
    with_port.lines().filter(|line| !line.contains("{port}")).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_speaks_otherwise_is_not_given_more_time() {
    // On a busy machine it may not even have begun to listen by then.
    let errors = ["300ms", "3s", "30s"].iter().map(|timeout| {
        let ready = format!("ready = {{ url = \"/\", timeout = \"{timeout}\" }}");
        let run = Fixture::new(&helper("stranger", &ready)).run().map(|_| ());
        run.expect_err("it is never ready")
    });
    let mut answered =
        errors.filter(|error| matches!(error, TargetError::NotReady { answered: true, .. }));
    let error = answered.next().expect("it has answered");
    let text = error.to_string();
    assert!(text.contains("it speaks TLS") && !text.contains("raise `timeout`"), "{text}");
}
