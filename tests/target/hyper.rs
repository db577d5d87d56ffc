//! The hyper target, built and served as a measurement does.

use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
};

use flameload::target::{
    BuildOptions, Ending, Guard, LaunchOptions, Manifest, build, launch, usage,
};

use super::support::GO_ON;

#[test]
fn hyper_builds_serves_and_stops() {
    let targets = Path::new(env!("CARGO_MANIFEST_DIR")).join("targets");
    let manifest = Manifest::find(&targets, "hyper").expect("a target of this project");
    let guard = Guard::start().expect("a guard");
    let built =
        build(&manifest, BuildOptions::default(), &guard, &GO_ON, &mut |_| {}).expect("builds");
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
