//! Load over TLS: the same as without, and handshakes that fail with a reason.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    net::TcpStream,
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

use flameload::load::{Endpoint, LoadError, Phase, Plan, ProbeError, Script, Tls, probe};
use rustls::{ServerConnection, StreamOwned};

use super::{
    identity::Identity,
    server::{OK, Server, Stats},
    setup::{alone, eventually, run, script, slice_of, start},
};

/// A year in which no test will be run.
const LATER: i32 = 2900;

/// Serves TLS, answering every request with the same bytes.
fn server(identity: &Identity, response: Vec<u8>) -> Server {
    let config = Arc::clone(&identity.config);
    Server::raw(move |stream: TcpStream, stats: &Stats| {
        let session = ServerConnection::new(Arc::clone(&config)).expect("the config is complete");
        let mut reader = BufReader::new(StreamOwned::new(session, stream));
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|n| n > 0) {
            if line == "\r\n" {
                stats.received.fetch_add(1, SeqCst);
                if reader.get_mut().write_all(&response).is_err() {
                    return;
                }
            }
            line.clear();
        }
    })
}

/// Lets the load flow until a connection has failed often enough, and returns what was counted.
#[track_caller]
fn refusal(script: &Script, server: &Server) -> String {
    match start(script, server.addr) {
        Err(LoadError::Unreachable { detail, .. }) => detail,
        other => panic!("{other:?}"),
    }
}

#[test]
fn slices_count_what_the_server_counts() {
    let _alone = alone();
    let identity = Identity::new(LATER, "http/1.1");
    let server = server(&identity, OK.to_vec());
    let script = identity.trusted_by(script(3, "", "expect = { body_contains = \"ok\" }"));
    let mut generator = start(&script, server.addr).expect("it is trusted");
    for _ in 0..2 {
        let before = server.received();
        let tally = slice_of(&mut generator, &server, 50);
        assert_eq!(tally.errors.to_string(), "no errors");
        assert_eq!(tally.requests, server.received() - before);
        assert_eq!(tally.bytes, tally.requests * OK.len() as u64);
    }
    assert_eq!((server.accepted(), generator.live_connections()), (3, 3));
}

#[test]
fn large_bodies_pass_in_both_directions() {
    let _alone = alone();
    let identity = Identity::new(LATER, "http/1.1");
    // More than the buffers of the session and of the socket.
    let mut response = b"HTTP/1.1 200 OK\r\nContent-Length: 6000000\r\n\r\n".to_vec();
    response.resize(response.len() + 6_000_000, b'x');
    let length = response.len() as u64;
    let server = server(&identity, response);
    let request = format!("headers = {{ Long = \"{}\" }}", "y".repeat(3_000_000));
    let script = identity.trusted_by(script(2, "timeout = \"1m\"", &request));
    let tally = run(&script, &server, 4);
    assert_eq!(tally.errors.to_string(), "no errors");
    assert_eq!(tally.bytes, tally.requests * length);
    assert!(tally.requests >= 4);
}

#[test]
fn a_certificate_that_is_no_good_is_named() {
    let _alone = alone();
    let identity = Identity::new(LATER, "http/1.1");
    let stranger = Identity::new(LATER, "http/1.1");
    let expired = Identity::new(2001, "http/1.1");
    let good = server(&identity, OK.to_vec());
    let script = script(2, "", "");
    let detail = refusal(&stranger.trusted_by(script.clone()), &good);
    assert_eq!(detail, "tls: the certificate's issuer is not trusted");
    let mut misnamed = identity.trusted_by(script.clone());
    misnamed.http.tls.as_mut().expect("it is set").server_name = Some("example.org".to_owned());
    assert_eq!(refusal(&misnamed, &good), "tls: the certificate is for another name");
    let old = server(&expired, OK.to_vec());
    let mut script = expired.trusted_by(script);
    assert_eq!(refusal(&script, &old), "tls: the certificate has expired");
    script.http.tls = Some(Tls { insecure: true, ..Tls::default() });
    let tally = run(&script, &old, 10);
    assert_eq!(tally.errors.total(), 0, "{}", tally.errors);
}

#[test]
fn a_server_without_tls_or_without_an_answer_is_told() {
    let _alone = alone();
    let plain = Server::raw(|mut stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = io::copy(&mut stream, &mut io::sink());
    });
    let identity = Identity::new(LATER, "http/1.1");
    let hasty = identity.trusted_by(script(1, "timeout = \"100ms\"", ""));
    let script = identity.trusted_by(script(1, "timeout = \"1m\"", ""));
    assert_eq!(refusal(&script, &plain), "tls: what the server sends is not TLS");
    let mute = Server::raw(|mut stream, _| drop(io::copy(&mut stream, &mut io::sink())));
    assert_eq!(refusal(&hasty, &mute), "tls: no response in time");
    let closing = Server::raw(|_, _| {});
    let detail = refusal(&script, &closing);
    // How the end shows depends on whether what was sent to the server had arrived before it.
    let ends = ["closed by the server", "(ECONNRESET)", "(EPIPE)"];
    assert!(
        detail.starts_with("tls: ") && ends.iter().any(|end| detail.ends_with(end)),
        "{detail}"
    );
    let other = Identity::new(LATER, "h2");
    let other_protocol = server(&other, OK.to_vec());
    assert_eq!(
        refusal(&other.trusted_by(script), &other_protocol),
        "tls: the server refused: no_application_protocol (ALPN)"
    );
}

#[test]
fn connections_that_end_are_encrypted_anew() {
    let _alone = alone();
    let identity = Identity::new(LATER, "http/1.1");
    let server = server(&identity, OK.to_vec());
    let script = identity.trusted_by(script(2, "", ""));
    let mut generator = start(&script, server.addr).expect("it is trusted");
    generator.resume();
    eventually("requests are answered", || server.received() > 10);
    server.cut();
    let before = server.received();
    eventually("both are open again", || server.accepted() == 4);
    eventually("they are answered again", || server.received() > before + 10);
    let tally = generator.pause();
    // Where the cut found a request under way, that one has failed.
    assert!(tally.errors.total() <= 2, "{}", tally.errors);
    assert_eq!((server.accepted(), tally.errors.of(Phase::Tls)), (4, 0));
}

#[test]
fn a_probe_encrypts_too() {
    let identity = Identity::new(LATER, "http/1.1");
    let server = server(&identity, OK.to_vec());
    let timeout = Duration::from_secs(5);
    let script = script(1, "", "");
    let plan = |script: &Script| Plan::new(script, server.addr, &[]).expect("it is valid");
    let trusted = plan(&identity.trusted_by(script.clone()));
    let (status, _) = probe(trusted.endpoint(), trusted.request(), timeout).expect("an answer");
    assert_eq!(status, 200);
    let other = plan(&Identity::new(LATER, "http/1.1").trusted_by(script));
    let error = probe(other.endpoint(), other.request(), timeout).expect_err("it is not trusted");
    assert!(matches!(error, ProbeError::Tls { .. }), "{error:?}");
    assert!(error.to_string().ends_with("the certificate's issuer is not trusted"), "{error}");
}

#[test]
fn unusable_files_are_named() {
    let mut script = script(1, "", "");
    let addr = "127.0.0.1:1".parse().expect("an address");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ca = dir.path().join("ca.pem");
    let error = |script: &Script| match Endpoint::new(script, addr) {
        Err(error) => error.to_string(),
        Ok(endpoint) => panic!("{endpoint:?}"),
    };
    script.http.tls = Some(Tls { ca: Some(ca.clone()), ..Tls::default() });
    let path = ca.display().to_string();
    assert!(error(&script).starts_with(&format!("cannot read {path}: No such file")));
    fs::write(&ca, "nothing of the kind").expect("it is written");
    assert_eq!(
        error(&script),
        format!(
            "cannot trust the certificates of {path}: there is none; tls.ca is a file in PEM format"
        )
    );
    script.http.tls = Some(Tls { server_name: Some("not a name".to_owned()), ..Tls::default() });
    assert!(error(&script).contains("tls.server_name is 'not a name'"));
}
