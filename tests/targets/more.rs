//! What takes more than one request to see.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use super::{
    client::{Client, Request},
    rows::PLAIN,
};

/// A connection serves many requests.
pub(super) fn connections_are_kept(addr: SocketAddr, path: &str) {
    let mut client = Client::connect(addr);
    let first = client.get(path);
    for _ in 0..3 {
        let again = client.get(path);
        assert_eq!((again.status, again.text()), (first.status, first.text()), "{path}");
    }
}

/// A server that runs for long keeps the latest 1,000 posts and no more, each with its number.
pub(super) fn posts_are_bounded(addr: SocketAddr) {
    const MOST: usize = 1_000;
    let mut client = Client::connect(addr);
    let create = Request { method: "POST", path: "/posts", body: Some(PLAIN) };
    let posts: Vec<_> = (0..MOST + 10).map(|_| client.call(&create).json()).collect();
    let kept = client.get("/posts").json();
    let kept = kept.as_array().expect("a list");
    assert_eq!(kept.len(), MOST);
    for post in &posts[posts.len() - MOST..] {
        assert!(kept.contains(post), "{post} is among the latest");
    }
}

/// Pages come in the order of ids, without gaps.
pub(super) fn pages_follow_each_other(addr: SocketAddr) {
    let mut client = Client::connect(addr);
    let mut number = 100_000_004_900_u64;
    for path in ["/users?limit=120&offset=4900", "/users?limit=200&offset=5020"] {
        let page = client.get(path).json();
        for user in page["items"].as_array().expect("a list") {
            number += 1;
            assert_eq!(user["id"], format!("00000000-0000-4000-8000-{number}"));
        }
    }
    assert_eq!(number, 100_000_005_220);
}

/// Where a server says that it has one, it gives a CPU profile as `net/http/pprof` does.
pub(super) fn profiles_are_served(addr: SocketAddr, path: &str) {
    let answer = Client::connect(addr).get(&format!("{path}?seconds=1"));
    assert_eq!(answer.status, 200, "{path}");
    assert!(answer.body.starts_with(&[0x1f, 0x8b]), "{path} is compressed by gzip");
}

/// Waits until `condition` holds; the patience only ends a test that fails.
#[track_caller]
pub(super) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
