//! Time to think, and connections that come and go with the stages.

use std::{
    num::NonZeroU32,
    thread,
    time::{Duration, Instant},
};

use flameload::load::{Extent, Pace, Script, Stage, Think};

use super::{
    server::{OK, Server},
    setup::{alone, eventually, script, slice, start},
};

fn thinking(connections: u32, min: u64, max: u64) -> Script {
    let think = Think::Uniform { min: Duration::from_millis(min), max: Duration::from_millis(max) };
    let connections = NonZeroU32::new(connections).expect("it is not zero");
    Script { pace: Pace::Closed { connections, think }, ..script(1, "threads = 2", "") }
}

#[test]
fn a_connection_thinks_between_a_response_and_its_next_request() {
    let _alone = alone();
    let server = Server::saying(OK);
    let mut generator = start(&thinking(10, 40, 60), server.addr).expect("the server accepts");
    generator.resume();
    eventually("each has sent a few", || server.received() >= 50);
    let tally = generator.pause();
    // The first comes after a part of a time to think, each other after at least 40 ms.
    let most = 10.0 * (tally.elapsed().as_secs_f64() / 0.04 + 1.0);
    assert!((tally.requests as f64) <= most, "{} in {:?}", tally.requests, tally.elapsed());
    assert_eq!((tally.errors.total(), server.received()), (0, tally.requests));
}

#[test]
fn thinking_goes_on_through_cuts() {
    let _alone = alone();
    let server = Server::saying(OK);
    let mut generator = start(&thinking(4, 30, 30), server.addr).expect("the server accepts");
    let started = Instant::now();
    generator.resume();
    let mut requests = 0;
    for _ in 0..30 {
        thread::sleep(Duration::from_millis(10));
        requests += generator.cut().requests;
    }
    requests += generator.pause().requests;
    // A cut at which thinking began anew would never let 30 ms pass, or never let them wait.
    let most = 4.0 * (started.elapsed().as_secs_f64() / 0.03 + 1.0);
    assert!(8 <= requests && requests as f64 <= most, "{requests} of at most {most}");
    assert_eq!(server.received(), requests);
}

#[test]
fn connections_take_part_as_the_stages_say() {
    let _alone = alone();
    let server = Server::saying(OK);
    let stage =
        |millis, level| Stage { duration: Duration::from_millis(millis), level, record: true };
    let extent = Extent::Stages { start: 0.0, stages: vec![stage(200, 6.0), stage(200, 0.0)] };
    let mut generator = start(&Script { extent, ..script(6, "threads = 2", "") }, server.addr)
        .expect("the server accepts");
    assert_eq!(generator.live_connections(), 6);
    // Before the course begins, the level is that of its start.
    assert_eq!(slice(&mut generator, 30).requests, 0);
    generator.begin_course();
    generator.resume();
    eventually("the load flows", || server.received() > 0);
    thread::sleep(Duration::from_millis(500));
    assert!(generator.cut().requests > 0);
    thread::sleep(Duration::from_millis(50));
    assert_eq!(generator.pause().requests, 0, "nobody takes part any more");
    assert_eq!((generator.live_connections(), server.accepted()), (6, 6));
}
