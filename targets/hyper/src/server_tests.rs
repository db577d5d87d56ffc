//! The server as its clients see it: bytes over a real connection.

use std::{collections::BTreeMap, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
    task::JoinHandle,
};

use super::*;

/// A server of the test's own, and what stops it.
struct Fixture {
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

async fn start() -> Fixture {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let (stop, stopped) = oneshot::channel();
    let service = Service::new().expect("the users are well-formed");
    let task = tokio::spawn(serve(listener, service, async {
        let _ = stopped.await;
    }));
    Fixture { addr, stop, task }
}

struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

async fn call(addr: SocketAddr, method: &str, path: &str) -> Answer {
    let mut stream = TcpStream::connect(addr).await.expect("accepts");
    let request = format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("reads the request");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("answers");
    parse(&text)
}

fn parse(text: &str) -> Answer {
    let (head, body) = text.split_once("\r\n\r\n").expect("a whole head");
    let mut lines = head.lines();
    let status = lines.next().expect("a status line");
    Answer {
        status: status.split(' ').nth(1).expect("a status").parse().expect("a number"),
        headers: lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    }
}

#[tokio::test]
async fn hello_is_short() {
    let server = start().await;
    let answer = call(server.addr, "GET", "/").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "Hello, World!\n"));
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
}

#[tokio::test]
async fn io_waits_for_a_millisecond() {
    let server = start().await;
    let sent = time::Instant::now();
    let answer = call(server.addr, "GET", "/io").await;
    assert!(sent.elapsed() >= Duration::from_millis(1));
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
    assert_eq!(answer.headers["content-length"], "2");
}

#[tokio::test]
async fn the_users_are_those_of_the_study() {
    let server = start().await;
    let answer = call(server.addr, "GET", "/v1/user").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body.len(), 3_696);
    assert_eq!(answer.headers["content-length"], "3696");
    assert_eq!(answer.headers["content-type"], "application/json");
    assert_eq!(answer.headers["engine"], "hyper");
    assert_eq!(answer.headers["location"], "/v1/user");
    assert!(answer.headers["date"].ends_with(" GMT"));

    let users: Vec<BTreeMap<String, String>> =
        serde_json::from_str(&answer.body).expect("a list of users");
    assert_eq!(users.len(), 20);
    for (index, user) in users.iter().enumerate() {
        let keys: Vec<_> = user.keys().map(String::as_str).collect();
        assert_eq!(keys, ["avatar", "createdAt", "id", "name"]);
        assert_eq!(user["id"], (index + 1).to_string());
    }
    assert!(answer.body.starts_with(r#"[{"createdAt":""#));
}

#[tokio::test]
async fn head_has_the_headers_only() {
    let server = start().await;
    let answer = call(server.addr, "HEAD", "/v1/user").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    assert_eq!(answer.headers["content-length"], "3696");
}

#[tokio::test]
async fn profiles_have_bounds() {
    let server = start().await;
    let answer = call(server.addr, "GET", "/debug/pprof/profile?seconds=61").await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.body, "seconds must be a number from 1 to 60\n");
}

#[tokio::test]
async fn anything_else_is_not_found() {
    let server = start().await;
    for (method, path) in [("GET", "/v1/users"), ("GET", "//"), ("POST", "/"), ("PUT", "/v1/user")]
    {
        let answer = call(server.addr, method, path).await;
        assert_eq!((answer.status, answer.body.as_str()), (404, "not found\n"), "{method} {path}");
    }
}

#[tokio::test]
async fn a_connection_serves_many_requests() {
    let server = start().await;
    let mut stream = TcpStream::connect(server.addr).await.expect("accepts");
    for _ in 0..3 {
        stream.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.expect("reads");
        let mut text = String::new();
        while !text.ends_with("Hello, World!\n") {
            let mut bytes = [0; 512];
            let n = stream.read(&mut bytes).await.expect("answers");
            assert_ne!(n, 0, "the connection stays open");
            text.push_str(std::str::from_utf8(&bytes[..n]).expect("text"));
        }
    }
}

#[tokio::test]
async fn stopping_closes_idle_connections_and_returns() {
    let server = start().await;
    let mut idle = TcpStream::connect(server.addr).await.expect("accepts");
    // One whole exchange proves that the server knows the connection.
    idle.write_all(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n").await.expect("reads");
    let mut bytes = [0; 512];
    assert_ne!(idle.read(&mut bytes).await.expect("answers"), 0);

    server.stop.send(()).expect("still serving");
    assert_eq!(idle.read(&mut bytes).await.expect("closes in order"), 0);
    server.task.await.expect("ends by itself");
    assert!(TcpStream::connect(server.addr).await.is_err(), "no longer listens");
}
