//! What is kept of several profiles, from a server made up for it.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
};

use super::*;
use crate::unit::Hertz;

/// Nobody interrupts.
static GO_ON: AtomicBool = AtomicBool::new(false);

const GO: &[u8] = include_bytes!("../../../tests/data/pprof/go.pb.gz");

/// Serves these answers, one for each connection, and says what was asked.
fn server(answers: Vec<Vec<u8>>) -> (Endpoint, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let requests = move || {
        let request = |answer: Vec<u8>| {
            let (mut stream, _) = listener.accept().expect("a caller");
            let mut request = [0; 1024];
            let length = stream.read(&mut request).expect("a request");
            stream.write_all(&answer).expect("the caller reads");
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            request.lines().next().unwrap_or_default().to_owned()
        };
        answers.into_iter().map(request).collect()
    };
    let pid = std::process::id();
    let endpoint = Endpoint { process: "api".to_owned(), pid, addr, path: "/p?a=b".to_owned() };
    (endpoint, thread::spawn(requests))
}

fn whole() -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\n\r\n", GO].concat()
}

#[test]
fn profiles_of_the_window_are_kept_with_their_times() {
    let broken = b"HTTP/1.1 200 OK\r\n\r\nbroken".to_vec();
    let (endpoint, requests) = server(vec![whole(), whole(), broken, whole()]);
    let mut pprof = Pprof::start(vec![endpoint], &[], &GO_ON).expect("it gives a profile");
    pprof.begin_window();
    for _ in 0..3 {
        pprof.enable(1);
        assert!(pprof.wait(&GO_ON));
    }
    let capture = pprof.finish();
    assert_eq!(requests.join().expect("it has answered"), ["GET /p?a=b&seconds=1 HTTP/1.0"; 4]);
    let once: Samples =
        decode(GO).expect("Go wrote it").stacks.iter().map(|stack| stack.count).sum();
    assert_eq!((capture.counts.samples, capture.hz), (Samples(2 * once.0), Some(Hertz(100))));
    assert_eq!(capture.sampled, Nanos(2 * once.0 * 10_000_000));
    assert_eq!(capture.counts.bad_records, 1);
    assert!(capture.failures[0].contains("is not profile.proto"), "{:?}", capture.failures);
    let mut times: Vec<Nanos> = capture.samples.iter().map(|sample| sample.time).collect();
    times.dedup();
    assert_eq!(times.len(), 2, "one for each profile");
    let thread = &capture.threads[0];
    assert_eq!((thread.pid, &thread.process), (std::process::id(), &thread.name));
}

#[test]
fn a_process_without_a_profile_is_found_before_the_load() {
    let (with, first) = server(vec![whole()]);
    let (without, second) = server(vec![b"HTTP/1.1 404 Not Found\r\n\r\n".to_vec()]);
    let error =
        Pprof::start(vec![with, without], &[], &GO_ON).expect_err("one has none").to_string();
    assert!(error.starts_with("api has no profile at http://127.0.0.1:"), "{error}");
    let _ = (first.join(), second.join());
}

#[test]
fn a_profile_that_does_not_come_is_given_up_at_once() {
    let (endpoint, requests) = server(vec![whole()]);
    let addr = endpoint.addr;
    let mut pprof = Pprof::start(vec![endpoint], &[], &GO_ON).expect("it gives a profile");
    requests.join().expect("it has answered, and listens no more");
    // It lets callers in, and never answers.
    let _stuck = TcpListener::bind(addr).expect("the port is free again");
    pprof.enable(1);
    let interrupted = AtomicBool::new(false);
    let began = Nanos::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(100));
            interrupted.store(true, Ordering::Relaxed);
        });
        assert!(!pprof.wait(&interrupted), "nothing came");
    });
    // Without that it would take eleven seconds.
    let waited = Duration::from(Nanos::now() - began);
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    assert!(pprof.finish().failures.is_empty(), "nobody is to hear of it");
}

#[test]
fn an_endpoint_that_is_stuck_is_given_up_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let (process, path) = ("api".to_owned(), "/p".to_owned());
    let stuck = Endpoint { process, pid: std::process::id(), addr, path };
    // It accepts, and never answers.
    let interrupted = AtomicBool::new(false);
    thread::scope(|scope| {
        let start = scope.spawn(|| Pprof::start(vec![stuck], &[], &interrupted).map(drop));
        let held = listener.accept().expect("a caller");
        assert!(!start.is_finished());
        interrupted.store(true, Ordering::Relaxed);
        // Without that it would take eleven seconds, and then be late.
        let error = start.join().expect("it comes back").expect_err("nothing came");
        assert!(!matches!(error, PprofError::Late { .. }), "{error}");
        drop(held);
    });
}
