//! Load over HTTP/2: the same tap and the same tallies, and errors by their codes.

use std::{io, io::Write, num::NonZeroU32, sync::Arc, thread, time::Duration};

use bytes::Bytes;
use flameload::{
    load::{
        Age, Arrival, Cause, Conversation, Cookies, Failure, Generator, OnOverload, Pace, Phase,
        Plan, ProbeError, Script, Tally, Think, Version, probe,
    },
    unit::Nanos,
};
use h2::Reason;

use super::{
    http2_server::{Http2Server, Reply},
    identity::Identity,
    server::Server,
    setup::{alone, eventually, script, start},
};

const OK: Bytes = Bytes::from_static(b"ok");

/// So many connections with so many streams each.
fn http2(connections: usize, streams: u32, load: &str, request: &str) -> Script {
    let mut script = script(connections, load, request);
    script.http.version = Version::Http2;
    script.http.streams = streams;
    script
}

fn slice_of(generator: &mut Generator, server: &Http2Server, requests: u64) -> Tally {
    let before = server.received();
    generator.resume();
    eventually("the load flows", || server.received() - before >= requests);
    generator.pause()
}

fn run(script: &Script, server: &Http2Server, requests: u64) -> Tally {
    let mut generator = start(script, server.addr).expect("the server accepts");
    slice_of(&mut generator, server, requests)
}

fn first(tally: &Tally) -> (Phase, Cause) {
    let (first, _) = tally.errors.first().expect("there was an error");
    (first.phase, first.cause)
}

#[test]
fn one_request_alone_is_sent_over_streams_as_well() {
    let _alone = alone();
    let server = Http2Server::saying(b"ok");
    let mut script = http2(2, 3, "threads = 2", "");
    let (first, mut second) = (script.requests[0].clone(), script.requests[0].clone());
    second.path = "/second".to_owned();
    script.requests = vec![first, second];
    let mut generator = start(&script, server.addr).expect("the server accepts");
    for (only, expected) in [(Some(1), [false, true]), (Some(0), [true, false]), (None, [true; 2])]
    {
        generator.send_only(only);
        let tally = slice_of(&mut generator, &server, 200);
        let seen = tally.by_request.iter().map(|own| own.requests > 0);
        assert_eq!(seen.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn slices_count_what_the_server_counts() {
    let _alone = alone();
    let server = Http2Server::saying(b"ok");
    let script = http2(2, 5, "threads = 2", "expect = { body_contains = \"ok\" }");
    let mut generator = start(&script, server.addr).expect("the server accepts");
    for _ in 0..3 {
        let before = server.received();
        let tally = slice_of(&mut generator, &server, 100);
        assert_eq!(tally.errors.to_string(), "no errors");
        assert_eq!(tally.requests, server.received() - before);
        assert_eq!((tally.latency.len(), tally.bytes), (tally.requests, 2 * tally.requests));
        assert!(tally.client_cpu.0 > 0 && tally.latency.min() > 0);
        let drained = server.received();
        thread::sleep(Duration::from_millis(20));
        assert_eq!(server.received(), drained, "requests after the drain");
    }
    assert_eq!((server.accepted(), generator.live_connections()), (2, 2));
    assert_eq!(generator.completed(), server.received());
}

#[test]
fn cuts_and_quotas_lose_nothing() {
    let _alone = alone();
    let server = Http2Server::saying(b"ok");
    let mut generator = start(&http2(2, 3, "", ""), server.addr).expect("the server accepts");
    generator.resume();
    let mut sum = 0;
    for _ in 0..5 {
        let before = server.received();
        eventually("the load flows", || server.received() >= before + 20);
        sum += generator.cut().requests;
    }
    sum += generator.pause().requests;
    assert_eq!(sum, server.received());
    generator.resume_for(37);
    eventually("all of them have ended", || generator.is_spent());
    assert_eq!(generator.pause().requests, 37);
    assert_eq!(server.received(), sum + 37);
}

#[test]
fn encrypted_and_over_unix_sockets() {
    let _alone = alone();
    let identity = Identity::new(2900, "h2");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("server.sock");
    let answer = |_| Reply::Answer(200, OK);
    let server = Http2Server::listen(Some(&identity), Some(&path), answer);
    let encrypted = identity.trusted_by(http2(1, 4, "", ""));
    let mut local = http2(1, 4, "", "");
    local.http.unix = Some(path);
    for script in [&encrypted, &local] {
        let tally = run(script, &server, 50);
        assert_eq!((tally.errors.to_string().as_str(), tally.requests >= 50), ("no errors", true));
        let plan = Plan::new(script, server.addr, &[]).expect("it is valid");
        let answer = Conversation::begin(plan.endpoint(), plan.request(), Duration::from_secs(5));
        let mut conversation = answer.expect("it answers");
        assert_eq!(conversation.first().0, 200);
        for _ in 0..2 {
            let again = conversation.again().expect("it answers");
            assert_eq!(again.map(|(status, _)| status), Some(200));
        }
    }
    let error = start(&identity.trusted_by(http2(1, 1, "", "")), local_http1(&identity).addr);
    let error = error.expect_err("it does not offer HTTP/2").to_string();
    assert!(error.contains("ALPN"), "{error}");
}

/// A server that speaks TLS, but offers no HTTP/2.
fn local_http1(identity: &Identity) -> Server {
    let mut config = (*identity.config).clone();
    config.alpn_protocols.clear();
    let config = Arc::new(config);
    Server::raw(move |mut stream, _| {
        let session = rustls::ServerConnection::new(Arc::clone(&config));
        let mut session = session.expect("the config is complete");
        while session.complete_io(&mut stream).is_ok_and(|(read, _)| read > 0) {}
    })
}

#[test]
fn large_bodies_pass_in_both_directions() {
    let _alone = alone();
    // More than the windows of streams and connections.
    let body = Bytes::from(vec![b'x'; 20_000_000]);
    let length = body.len() as u64;
    let server = Http2Server::start(move |_| Reply::Answer(200, body.clone()));
    let request = format!("method = \"POST\"\nbody = {{ text = \"{}\" }}", "y".repeat(300_000));
    let tally = run(&http2(1, 3, "timeout = \"1m\"", &request), &server, 6);
    assert_eq!(tally.errors.to_string(), "no errors");
    assert_eq!(tally.bytes, tally.requests * length);
    assert!(tally.requests >= 6);
}

#[test]
fn responses_are_judged() {
    let _alone = alone();
    let server = Http2Server::start(|number| match number % 3 {
        0 => Reply::Answer(503, OK),
        1 => Reply::Answer(200, Bytes::from_static(b"no")),
        _ => Reply::Answer(200, OK),
    });
    let tally = run(&http2(1, 2, "", "expect = { body_contains = \"ok\" }"), &server, 60);
    let errors = &tally.errors;
    assert!(tally.requests >= 19, "{errors}");
    assert!(errors.of(Phase::Status) >= 20 && errors.of(Phase::Check) >= 20, "{errors}");
    assert_eq!(tally.requests + errors.total(), server.received());
    assert!(errors.kinds().any(|(failure, _)| failure.cause == Cause::Status(503)));
    assert_eq!(server.accepted(), 1);
}

#[test]
fn a_reset_stream_is_an_error_of_its_own() {
    let _alone = alone();
    let server = Http2Server::start(|number| match number % 10 {
        0 => Reply::Reset(Reason::INTERNAL_ERROR),
        _ => Reply::Answer(200, OK),
    });
    let tally = run(&http2(1, 4, "", ""), &server, 100);
    assert_eq!(tally.requests + tally.errors.total(), server.received());
    assert_eq!(tally.errors.total(), server.received() / 10);
    assert_eq!(first(&tally), (Phase::FirstByte, Cause::Http2(2)));
    assert!(tally.errors.to_string().contains("INTERNAL_ERROR"), "{}", tally.errors);
    assert_eq!(server.accepted(), 1, "the connection goes on");
}

#[test]
fn a_refused_stream_is_sent_again_on_another_connection() {
    let _alone = alone();
    let server = Http2Server::start(|number| match number % 10 {
        0 => Reply::Reset(Reason::REFUSED_STREAM),
        _ => Reply::Answer(200, OK),
    });
    let tally = run(&http2(1, 4, "", ""), &server, 100);
    assert_eq!(tally.errors.to_string(), "no errors");
    assert_eq!(
        (tally.requests + tally.resent, tally.resent),
        (server.received(), server.received() / 10)
    );
    assert!(server.accepted() > tally.resent / 4, "{}", server.accepted());
}

#[test]
fn a_server_that_refuses_every_stream_has_failed() {
    let _alone = alone();
    let server = Http2Server::start(|_| Reply::Reset(Reason::REFUSED_STREAM));
    let tally = run(&http2(1, 2, "", ""), &server, 20);
    assert_eq!(tally.requests, 0);
    assert_eq!(first(&tally), (Phase::FirstByte, Cause::Http2(7)));
    assert!(tally.errors.total() >= 4, "{}", tally.errors);
}

#[test]
fn a_connection_that_says_goodbye_is_followed_by_another() {
    let _alone = alone();
    let server = Http2Server::start(|number| match number % 50 {
        0 => Reply::Last(OK),
        _ => Reply::Answer(200, OK),
    });
    let tally = run(&http2(1, 4, "", ""), &server, 220);
    assert_eq!(tally.errors.to_string(), "no errors");
    assert_eq!(tally.requests, server.received());
    assert!(server.accepted() >= 4, "{}", server.accepted());
    assert!(tally.connects >= 4);
}

#[test]
fn an_aborted_connection_fails_what_was_under_way() {
    let _alone = alone();
    let server = Http2Server::start(|number| match number % 50 {
        0 => Reply::Abort(Reason::ENHANCE_YOUR_CALM),
        _ => Reply::Answer(200, OK),
    });
    let tally = run(&http2(1, 4, "", ""), &server, 120);
    assert_eq!(first(&tally), (Phase::FirstByte, Cause::Http2(11)));
    // At least the request that was aborted, at most one for each stream.
    let (errors, aborted) = (tally.errors.total(), server.received() / 50);
    assert!((aborted..=4 * aborted).contains(&errors), "{aborted}: {}", tally.errors);
    assert!(server.accepted() >= 3);
}

#[test]
fn a_server_that_never_answers_times_out() {
    let _alone = alone();
    let script = http2(1, 2, "timeout = \"300ms\"", "");
    for (begins, cause) in [(false, Cause::NoResponse), (true, Cause::Unfinished)] {
        let server = Http2Server::start(move |_| match begins {
            true => Reply::Begin,
            false => Reply::Silence,
        });
        let tally = run(&script, &server, 6);
        assert_eq!(tally.requests, 0);
        assert_eq!(first(&tally), (Phase::Timeout, cause));
        assert!(tally.errors.kinds().all(|(failure, _)| failure.age == Age::New));
        // Nothing had come for as long as the timeout: each pair has had a connection of its own.
        assert!(server.accepted() >= 3, "{}", server.accepted());
    }
}

#[test]
fn a_server_that_goes_away_is_counted_and_not_waited_for() {
    let _alone = alone();
    let mut server = Http2Server::saying(b"ok");
    let mut generator = start(&http2(2, 2, "", ""), server.addr).expect("the server accepts");
    generator.resume();
    eventually("the load flows", || server.received() > 20);
    server.stop();
    eventually("connections are gone", || generator.live_connections() == 0);
    thread::sleep(Duration::from_millis(50));
    let tally = generator.pause();
    assert!(tally.requests > 10);
    let refused = |failure: Failure| {
        (failure.phase, failure.cause) == (Phase::Connect, Cause::Os(libc::ECONNREFUSED))
    };
    assert!(tally.errors.kinds().any(|(failure, _)| refused(failure)), "{}", tally.errors);
    assert!(tally.errors.of(Phase::Connect) < 40, "{}, no back-off", tally.errors);
}

#[test]
fn a_server_of_another_protocol_is_told() {
    let _alone = alone();
    let server = Server::raw(|mut stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        let _ = io::copy(&mut stream, &mut io::sink());
    });
    let mut generator = start(&http2(1, 2, "", ""), server.addr).expect("it accepts");
    generator.resume();
    eventually("connections are opened again", || server.accepted() >= 4);
    let tally = generator.pause();
    assert_eq!(tally.requests, 0);
    assert_eq!(first(&tally).0, Phase::Parse, "{}", tally.errors);
    assert_eq!(tally.errors.of(Phase::Parse), tally.errors.total(), "{}", tally.errors);
    let plan = Plan::new(&http2(1, 1, "", ""), server.addr, &[]).expect("it is valid");
    let error = probe(plan.endpoint(), plan.request(), Duration::from_secs(5));
    assert!(matches!(error, Err(ProbeError::Http2(_))), "{error:?}");
}

#[test]
fn connections_last_as_many_requests_as_they_should() {
    let _alone = alone();
    let server = Http2Server::saying(b"ok");
    let mut script = http2(1, 4, "", "");
    script.requests_per_connection = 10.try_into().ok();
    let mut generator = start(&script, server.addr).expect("the server accepts");
    generator.resume_for(95);
    eventually("all of them have ended", || generator.is_spent());
    let tally = generator.pause();
    assert_eq!((tally.requests, tally.errors.total()), (95, 0), "{}", tally.errors);
    // Each stream checks for itself, so that a connection may send a few more.
    assert!((7..=10).contains(&server.accepted()), "{}", server.accepted());
}

#[test]
fn a_schedule_is_kept() {
    let _alone = alone();
    let server = Http2Server::saying(b"ok");
    let mut script = http2(4, 4, "", "");
    script.pace = Pace::Open {
        rate: 500.0,
        arrival: Arrival::Constant,
        max_in_flight: NonZeroU32::MIN.saturating_add(7),
        on_overload: OnOverload::Queue,
    };
    let mut generator = start(&script, server.addr).expect("the server accepts");
    assert_eq!(generator.live_connections(), 2, "eight requests at once need two connections");
    generator.begin_course();
    generator.resume_for(100);
    eventually("all of them have ended", || generator.is_spent());
    let tally = generator.pause();
    assert_eq!((tally.requests, tally.errors.total()), (100, 0), "{}", tally.errors);
    assert_eq!((tally.schedule.due, tally.schedule.sent, tally.schedule.dropped), (100, 100, 0));
    // The last one is due after 99 intervals of 2 ms.
    assert!(tally.elapsed().0 >= 198_000_000, "{:?}", tally.elapsed());
    let response = tally.response.expect("there is a schedule");
    assert!(response.len() == 100 && response.mean() >= tally.latency.mean());
}

#[test]
fn streams_think_between_requests() {
    let _alone = alone();
    let server = Http2Server::saying(b"ok");
    let mut script = http2(2, 2, "", "");
    let think = Duration::from_millis(20);
    script.pace = Pace::Closed {
        connections: NonZeroU32::MIN.saturating_add(1),
        think: Think::Uniform { min: think, max: think },
    };
    let mut generator = start(&script, server.addr).expect("the server accepts");
    generator.resume_for(20);
    eventually("all of them have ended", || generator.is_spent());
    let tally = generator.pause();
    assert_eq!((tally.requests, tally.errors.total()), (20, 0), "{}", tally.errors);
    // Of four streams, one has sent five at least, and thought four times in between.
    assert!(tally.elapsed() >= Nanos::from(4 * think), "{:?}", tally.elapsed());
}

#[test]
fn what_the_lane_cannot_do_is_refused() {
    let mut script = http2(1, 1, "", "");
    script.http.cookies = Cookies::PerConnection;
    let error = Plan::new(&script, "127.0.0.1:1".parse().expect("an address"), &[]);
    let error = error.expect_err("there are no cookies").to_string();
    assert!(error.contains("cookies are not available over HTTP/2"), "{error}");
}
