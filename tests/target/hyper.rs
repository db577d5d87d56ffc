//! The hyper target, built and served as a measurement does.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    num::NonZero,
    path::Path,
    time::Duration,
};

use flameload::target::{
    BuildOptions, Built, Ending, Guard, LaunchOptions, Manifest, build, get, launch, usage,
};

use super::support::{GO_ON, eventually};

fn built(guard: &Guard) -> (Manifest, Built) {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets");
    let manifest = Manifest::find(&targets, "hyper").expect("a target of this project");
    let built =
        build(&manifest, &BuildOptions::default(), guard, &GO_ON, &mut |_| {}).expect("builds");
    (manifest, built)
}

#[test]
fn hyper_builds_serves_and_stops() {
    let guard = Guard::start().expect("a guard");
    let (manifest, built) = built(&guard);
    let held = launch(&manifest, &built, &LaunchOptions::default(), &guard).expect("forks");
    let running = held.release(&GO_ON).expect("starts");
    assert!(running.first_call().is_some());

    let mut stream = TcpStream::connect(running.addr().expect("a port")).expect("accepts");
    stream
        .write_all(b"GET /v1/user HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        .expect("reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(body.len(), 3_696);

    let usage = usage::read(&running.pids());
    assert!(usage.threads >= 2 && usage.rss.0 > 0, "{usage:?}");
    let exits = running.stop();
    assert_eq!(exits[0].ending, Ending::Status(0), "{}", exits[0]);
}

#[test]
fn hyper_survives_its_limit_of_descriptors() {
    const OPEN_FILES: u64 = 64;
    let guard = Guard::start().expect("a guard");
    let (manifest, built) = built(&guard);
    let options =
        LaunchOptions { open_files: NonZero::new(OPEN_FILES), ..LaunchOptions::default() };
    let held = launch(&manifest, &built, &options, &guard).expect("forks");
    let mut running = held.release(&GO_ON).expect("starts");
    let addr: SocketAddr = running.addr().expect("a port");
    let files = || usage::read(&running.pids()).fds;
    // Those beyond the limit wait in the queue of the listening socket.
    let connect = || TcpStream::connect(addr).expect("the queue has room");
    let streams: Vec<TcpStream> = (0..OPEN_FILES).map(|_| connect()).collect();
    eventually("its descriptors are used up", || files() == OPEN_FILES);
    drop(streams);
    eventually("it serves again", || {
        get(addr, "/", Duration::from_secs(5)).is_ok_and(|answer| answer.status == 200)
    });
    assert!(running.exited().is_none());
    let exits = running.stop();
    assert_eq!(exits[0].ending, Ending::Status(0), "{}", exits[0]);
    let said = exits[0].last_lines.iter().filter(|line| line.contains("cannot accept")).count();
    assert!(said > 0, "{}", exits[0]);
}
