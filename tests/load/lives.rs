//! What a connection does in its life: so many requests, several at once, with its own cookies.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::TcpStream,
    num::NonZeroU32,
    sync::{Arc, Mutex},
};

use flameload::load::{Cookies, Expect, Script};

use super::{
    server::{OK, Server},
    setup::{alone, eventually, run, script, start},
};

/// Reads the lines of one request's head; none at the end.
fn head(reader: &mut impl BufRead) -> io::Result<Option<Vec<String>>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => return Ok(Some(lines)),
            line => lines.push(line.to_owned()),
        }
    }
}

/// Lets `answer` make the response to each request from its place on the connection and its head.
fn serving(answer: impl Fn(usize, &[String]) -> String + Clone + Send + 'static) -> Server {
    let serve = move |mut stream: TcpStream| -> io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        for place in 0.. {
            let Some(lines) = head(&mut reader)? else { break };
            stream.write_all(answer(place, &lines).as_bytes())?;
        }
        Ok(())
    };
    Server::raw(move |stream, _| {
        let _ = serve(stream);
    })
}

fn count(n: u32) -> NonZeroU32 {
    NonZeroU32::new(n).expect("it is not zero")
}

#[test]
fn a_connection_ends_after_so_many_requests_and_another_begins_at_once() {
    let _alone = alone();
    let server = Server::saying(OK);
    let script = Script { requests_per_connection: Some(count(3)), ..script(4, "threads = 2", "") };
    let mut generator = start(&script, server.addr).expect("the server accepts");
    generator.resume_for(120);
    eventually("the quota is used", || generator.is_spent());
    let tally = generator.pause();
    assert_eq!((tally.requests, tally.errors.to_string()), (120, "no errors".to_owned()));
    // 120 requests take 40 connections; some of the last ones may have been replaced already.
    assert!((40..=44).contains(&tally.connects), "{}", tally.connects);
    eventually("the connections are back", || generator.live_connections() == 4);
    assert!((40..=44).contains(&server.accepted()), "{}", server.accepted());
}

#[test]
fn several_requests_at_once_are_answered_in_order() {
    let _alone = alone();
    // Each connection's responses are numbered, and the tenth says so.
    let server = serving(|place, _| {
        let status = if place % 10 == 9 { 404 } else { 200 };
        let body = "x".repeat(place % 7);
        format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    let script = Script { pipeline: count(8), ..script(3, "threads = 2", "") };
    let mut generator = start(&script, server.addr).expect("the server accepts");
    generator.resume_for(600);
    eventually("the quota is used", || generator.is_spent());
    let tally = generator.pause();
    assert_eq!(tally.requests + tally.errors.total(), 600, "{}", tally.errors);
    let (failure, occurrences) = tally.errors.first().expect("some are not found");
    assert_eq!(failure.cause.to_string(), "status 404");
    assert_eq!((occurrences.count, tally.errors.kinds().count()), (tally.errors.total(), 1));
    assert!((57..=60).contains(&occurrences.count), "{}", occurrences.count);
    assert_eq!(server.accepted(), 3);
}

#[test]
fn cookies_stay_on_their_connection() {
    let _alone = alone();
    let wrong = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&wrong);
    let server = serving(move |place, lines| {
        let cookie = lines.iter().find_map(|line| line.strip_prefix("Cookie: "));
        let expected = (place > 0).then(|| format!("id={}; kind=a=b", place - 1));
        if cookie.map(str::to_owned) != expected {
            seen.lock().expect("no panic").push(format!("{place}: {cookie:?}"));
        }
        format!(
            "HTTP/1.1 200 OK\r\nSet-Cookie: id={place}; Path=/\r\nset-cookie: kind=a=b\r\n\
             Content-Length: 0\r\n\r\n"
        )
    });
    let mut script = Script { requests_per_connection: Some(count(5)), ..script(3, "", "") };
    script.http.cookies = Cookies::PerConnection;
    let mut generator = start(&script, server.addr).expect("the server accepts");
    generator.resume_for(60);
    eventually("the quota is used", || generator.is_spent());
    let tally = generator.pause();
    assert_eq!((tally.requests, tally.errors.to_string()), (60, "no errors".to_owned()));
    assert_eq!(*wrong.lock().expect("no panic"), Vec::<String>::new());
}

#[test]
fn a_mix_is_counted_by_request() {
    let _alone = alone();
    let server = serving(|_, lines| match lines.first().map(String::as_str) {
        Some("GET /read HTTP/1.1") => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned(),
        _ => "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n".to_owned(),
    });
    let mut script = script(3, "", "");
    let mut read = script.requests.remove(0);
    read.path = "/read".to_owned();
    read.weight = count(3);
    let mut write = read.clone();
    (write.method, write.path, write.weight) = ("POST".to_owned(), "/write".to_owned(), count(1));
    script.requests = vec![read, write];
    let mut generator = start(&script, server.addr).expect("the server accepts");
    generator.resume_for(4_096);
    eventually("the quota is used", || generator.is_spent());
    let tally = generator.pause();
    let [read, write] = tally.by_request.as_slice() else { panic!("{:?}", tally.by_request) };
    assert_eq!((read.requests, read.errors, read.latency.len()), (3_072, 0, 3_072));
    assert_eq!((write.requests, write.errors, write.latency.len()), (0, 1_024, 0));
    assert_eq!((tally.requests, tally.errors.total()), (3_072, 1_024));
}

#[test]
fn one_request_alone_is_sent_until_it_is_the_mix_again() {
    let _alone = alone();
    let server = Server::saying(OK);
    let mut script = script(3, "threads = 2", "");
    let (first, mut second) = (script.requests[0].clone(), script.requests[0].clone());
    second.path = "/second".to_owned();
    script.requests = vec![first, second];
    let mut generator = start(&script, server.addr).expect("the server accepts");
    let mut counts = |only, requests| {
        generator.send_only(only);
        generator.resume_for(requests);
        eventually("the quota is used", || generator.is_spent());
        let tally = generator.pause();
        tally.by_request.iter().map(|own| own.requests).collect::<Vec<_>>()
    };
    assert_eq!(counts(Some(1), 500), [0, 500]);
    assert_eq!(counts(Some(0), 500), [500, 0]);
    let mix = counts(None, 8_192);
    assert!(mix.iter().all(|count| (4_000..4_200).contains(count)), "{mix:?}");
    // A load that flows on changes with its next request.
    generator.send_only(Some(1));
    generator.resume();
    eventually("it flows", || generator.cut().by_request[1].requests > 0);
    generator.send_only(Some(0));
    eventually("the first alone", || {
        let tally = generator.cut();
        tally.by_request[0].requests > 0 && tally.by_request[1].requests == 0
    });
    generator.pause();
}

#[test]
fn a_body_larger_than_expected_is_an_error_of_a_good_connection() {
    let _alone = alone();
    let server = Server::saying(OK);
    let mut script = script(2, "", "");
    script.requests[0].expect = Expect { max_bytes: Some(1), ..Expect::default() };
    let tally = run(&script, &server, 20);
    assert_eq!(tally.requests, 0);
    let (failure, _) = tally.errors.first().expect("it is too large");
    assert_eq!(failure.to_string(), "check: the body is larger than expected, on a new connection");
    assert_eq!(server.accepted(), 2);
    script.requests[0].expect.max_bytes = Some(2);
    assert_eq!(run(&script, &server, 20).errors.to_string(), "no errors");
}

#[test]
fn good_responses_are_counted_by_status_where_several_are_good() {
    let _alone = alone();
    let server = serving(|place, _| {
        let status = if place % 3 == 0 { 429 } else { 200 };
        format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n")
    });
    let script = script(2, "", "expect = { status = [429, 200] }");
    let mut generator = start(&script, server.addr).expect("the server accepts");
    generator.resume_for(300);
    eventually("the quota is used", || generator.is_spent());
    let tally = generator.pause();
    assert_eq!((tally.requests, tally.errors.total()), (300, 0), "{}", tally.errors);
    let [(200, ok), (429, limited)] = tally.by_status[..] else { panic!("{:?}", tally.by_status) };
    assert!(ok + limited == 300 && (95..=105).contains(&limited), "{limited}");
}
