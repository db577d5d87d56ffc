//! Load over unix sockets.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use flameload::load::{LoadError, Plan, Script, probe};

use super::{
    server::OK,
    setup::{alone, eventually, script, start},
};

/// Answers every request on a socket at `path`, until the test ends.
fn serve(path: &Path) -> Arc<AtomicU64> {
    let listener = UnixListener::bind(path).expect("the path is free");
    let received = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&received);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let counter = Arc::clone(&counter);
            thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().expect("a second descriptor"));
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|n| n > 0) {
                    if line == "\r\n" {
                        counter.fetch_add(1, SeqCst);
                        if stream.write_all(OK).is_err() {
                            return;
                        }
                    }
                    line.clear();
                }
            });
        }
    });
    received
}

fn over(path: PathBuf, connections: usize) -> Script {
    let mut script = script(connections, "", "");
    script.http.unix = Some(path);
    script
}

#[test]
fn slices_count_what_the_server_counts() {
    let _alone = alone();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("server.sock");
    let received = serve(&path);
    let script = over(path, 4);
    // The address stands in the Host header only.
    let addr = "127.0.0.1:1".parse().expect("an address");
    let mut generator = start(&script, addr).expect("it listens");
    generator.resume();
    eventually("the load flows", || received.load(SeqCst) > 100);
    let tally = generator.pause();
    assert_eq!(tally.errors.to_string(), "no errors");
    assert_eq!(tally.requests, received.load(SeqCst));
    assert_eq!(generator.live_connections(), 4);
    let plan = Plan::new(&script, addr, &[]).expect("it is valid");
    let answer = probe(plan.endpoint(), plan.request(), Duration::from_secs(5));
    assert_eq!(answer.expect("it answers").0, 200);
}

#[test]
fn a_socket_that_is_not_there_is_named() {
    let _alone = alone();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("absent.sock");
    let addr = "127.0.0.1:1".parse().expect("an address");
    let error = |path: &Path| match start(&over(path.to_owned(), 2), addr) {
        Err(error @ LoadError::Unreachable { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let shown = path.display();
    assert_eq!(
        error(&path),
        format!(
            "cannot connect to {shown}: connect: no such file or directory (ENOENT); is the \
             server listening there?"
        )
    );
    // Left behind by a server that has ended.
    drop(UnixListener::bind(&path).expect("the path is free"));
    assert!(error(&path).contains("(ECONNREFUSED)"));
    fs::write(dir.path().join("file"), "").expect("it is written");
    assert!(error(&dir.path().join("file")).contains("(ECONNREFUSED)"));
}
