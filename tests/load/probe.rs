//! A single request: what it tells about a server.

use std::{
    net::{SocketAddr, TcpListener},
    ops::ControlFlow,
    time::Duration,
};

use flameload::load::{
    Conversation, Endpoint, LoadError, ProbeError, Request, ResponseError, probe,
};

use super::server::{OK, Server};

const TIMEOUT: Duration = Duration::from_secs(5);

fn endpoint(addr: SocketAddr) -> Endpoint {
    Endpoint::plain(addr).expect("it is loopback")
}

#[test]
fn a_status_comes_with_its_time() {
    let server = Server::saying(OK);
    let request = Request::get(server.addr, "/health");
    let (status, time) = probe(&endpoint(server.addr), &request, TIMEOUT).expect("it answers");
    assert_eq!(status, 200);
    assert!(Duration::ZERO < time && time < TIMEOUT);
    let server = Server::saying(b"HTTP/1.1 503 Later\r\n\r\n");
    let late = Server::answering(|_| Ok(ControlFlow::Break(())));
    let answer = probe(&endpoint(late.addr), &request, TIMEOUT);
    assert!(matches!(answer, Err(ProbeError::Response(ResponseError::Unanswered))), "{answer:?}");
    // Without a length, the response lasts until the server closes.
    let answer = probe(&endpoint(server.addr), &request, Duration::from_millis(50));
    assert!(matches!(answer, Err(ProbeError::Timeout(_))), "{answer:?}");
}

#[test]
fn a_conversation_goes_on_while_the_server_keeps_the_connection() {
    let again = |conversation: &mut Conversation<'_>| {
        let answer = conversation.again().expect("no failure");
        answer.map(|(status, time)| (status, Duration::ZERO < time && time < TIMEOUT))
    };
    let server = Server::saying(OK);
    let (endpoint_of, request) = (endpoint(server.addr), Request::get(server.addr, "/"));
    let mut conversation =
        Conversation::begin(&endpoint_of, &request, TIMEOUT).expect("it answers");
    assert_eq!(conversation.first().0, 200);
    for _ in 0..3 {
        assert_eq!(again(&mut conversation), Some((200, true)));
    }
    assert_eq!((server.received(), server.accepted()), (4, 1));
    server.cut();
    conversation.again().expect_err("the server is gone, without a word");

    let closing = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    let server = Server::saying(closing);
    let endpoint = endpoint(server.addr);
    let mut conversation = Conversation::begin(&endpoint, &request, TIMEOUT).expect("it answers");
    assert_eq!((again(&mut conversation), server.received()), (None, 1));
}

#[test]
fn failures_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    let request = Request::get(addr, "/");
    let silent = probe(&endpoint(addr), &request, Duration::from_millis(30));
    assert!(matches!(silent, Err(ProbeError::Timeout(_))), "{silent:?}");
    drop(listener);
    let refused = probe(&endpoint(addr), &request, TIMEOUT);
    assert!(matches!(refused, Err(ProbeError::Connect { .. })), "{refused:?}");
    let server = Server::saying(b"SSH-2.0-x\r\n");
    let foreign = probe(&endpoint(server.addr), &request, TIMEOUT);
    assert!(matches!(foreign, Err(ProbeError::Response(ResponseError::Syntax))), "{foreign:?}");
    let remote = Endpoint::plain("192.0.2.1:80".parse().expect("an address"));
    assert!(matches!(remote, Err(LoadError::Remote(_))), "{remote:?}");
}
