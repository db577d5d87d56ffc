//! Scripts, and the requests that they are rendered to.

use std::{cell::OnceCell, fs, net::SocketAddr};

use flameload::load::{Pool, Script};
use tempfile::TempDir;

/// More requests of a pool than these are not looked at.
const LOOKED_AT: usize = 200;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// A text is refused with a reason, or its requests are each one valid HTTP request.
pub(super) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    // A file outside of its folder may be anything on this machine, or never end.
    if text.parse().is_ok_and(|table| names_a_file(&toml::Value::Table(table))) {
        return;
    }
    let scripts = FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a folder"));
        let path = folder.path().join("fuzzed.toml");
        fs::write(&path, bytes).expect("a file");
        Script::read(&path)
    });
    match scripts {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(scripts) => {
            assert!(!scripts.is_empty(), "a script has a level");
            scripts.iter().for_each(check_requests);
        }
    }
}

fn names_a_file(value: &toml::Value) -> bool {
    match value {
        toml::Value::Table(table) => table.iter().any(|(key, value)| {
            ["file", "ca", "engine_script"].contains(&key.as_str()) || names_a_file(value)
        }),
        toml::Value::Array(values) => values.iter().any(names_a_file),
        _ => false,
    }
}

fn check_requests(script: &Script) {
    let addr: SocketAddr = "127.0.0.1:8080".parse().expect("an address");
    let Ok(pool) = Pool::render(script, addr) else { return };
    assert!(pool.len() > 0 && pool.kinds() == script.requests.len());
    for index in 0..pool.len().min(LOOKED_AT) {
        assert!(pool.kind(index) < pool.kinds());
        check_request(pool.get(index).bytes());
    }
}

/// Nothing that a script says ends a header, a head or a request before its time.
fn check_request(bytes: &[u8]) {
    let shown = String::from_utf8_lossy(bytes);
    let mut headers = [httparse::EMPTY_HEADER; 256];
    let mut request = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(head)) = request.parse(bytes) else {
        panic!("not a request: {shown}");
    };
    let stated = request.headers.iter().filter(|h| h.name.eq_ignore_ascii_case("content-length"));
    let stated: Vec<usize> =
        stated.filter_map(|h| str::from_utf8(h.value).ok()?.parse().ok()).collect();
    let body = bytes.len() - head;
    match stated.as_slice() {
        [] => assert_eq!(body, 0, "a body without a length: {shown}"),
        [length] => assert_eq!(body, *length, "{shown}"),
        _ => panic!("several lengths: {shown}"),
    }
    assert!(!bytes[..head - 2].windows(2).any(|pair| pair == b"\n\r"), "an early end: {shown}");
}
