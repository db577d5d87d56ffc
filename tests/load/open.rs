//! The open loop: a schedule that does not wait for the server.

use std::{io::Write, ops::ControlFlow, thread, time::Duration};

use flameload::load::{Arrival, Extent, OnOverload, Pace, Script, Stage, Tally};

use super::{
    server::{OK, Server},
    setup::{alone, eventually, script, slice, start},
};

/// A script of so many requests a second, with at most so many under way.
fn at_rate(rate: f64, in_flight: u32, on_overload: OnOverload, load: &str) -> Script {
    let pace = Pace::Open {
        rate,
        arrival: Arrival::Constant,
        max_in_flight: in_flight.try_into().expect("it is not zero"),
        on_overload,
    };
    Script { pace, ..script(1, load, "") }
}

/// Answers one request at a time, each after a while.
fn slow(delay: Duration) -> Server {
    Server::answering(move |stream| {
        thread::sleep(delay);
        stream.write_all(OK)?;
        Ok(ControlFlow::Continue(()))
    })
}

/// The longest response time, in nanoseconds.
fn longest(tally: &Tally) -> u64 {
    tally.response.as_ref().expect("an open loop has response times").max()
}

#[test]
fn as_many_requests_are_due_as_the_rate_says() {
    let _alone = alone();
    let server = Server::saying(OK);
    for arrival in [Arrival::Constant, Arrival::Poisson] {
        let mut script = at_rate(400.0, 16, OnOverload::Queue, "threads = 2");
        if let Pace::Open { arrival: chosen, .. } = &mut script.pace {
            *chosen = arrival;
        }
        let mut generator = start(&script, server.addr).expect("the server accepts");
        let before = server.received();
        let tally = slice(&mut generator, 1_000);
        let due = tally.schedule.due as f64;
        let expected = 400.0 * tally.elapsed().as_secs_f64();
        // A busy machine may end the slice late, but the schedule never runs ahead.
        let most = if arrival == Arrival::Constant { expected + 2.0 } else { expected + 120.0 };
        assert!(expected / 2.0 < due && due <= most, "{arrival:?}: {due} of {expected}");
        // Nothing failed and nothing waits any more.
        assert_eq!(tally.errors.to_string(), "no errors");
        assert_eq!(tally.schedule.due, tally.schedule.sent + tally.schedule.dropped);
        assert_eq!(
            (tally.requests, server.received() - before),
            (tally.schedule.sent, tally.requests)
        );
        let response = tally.response.as_ref().expect("an open loop has response times");
        assert_eq!((tally.latency.len(), response.len()), (tally.requests, tally.requests));
        assert!(response.max() >= tally.latency.max());
    }
}

#[test]
fn a_request_that_waits_is_late_from_the_instant_at_which_it_was_due() {
    let _alone = alone();
    let server = slow(Duration::from_millis(20));
    // At most 50 a second can be answered.
    let script = at_rate(200.0, 1, OnOverload::Queue, "timeout = \"10s\"");
    let mut generator = start(&script, server.addr).expect("the server accepts");
    generator.resume();
    eventually("some are answered", || generator.completed() >= 20);
    let tally = generator.cut();
    let Tally { schedule, .. } = &tally;
    assert!(schedule.due > schedule.sent + 10, "{schedule:?}");
    assert_eq!(schedule.dropped, 0);
    assert!(schedule.backlog_max >= schedule.due - schedule.sent);
    // The twentieth was due after 95 ms and answered after 400 ms at the earliest.
    assert!(longest(&tally) > 250_000_000, "{}", longest(&tally));
    assert!(schedule.lag_max.0 > 250_000_000, "{schedule:?}");
    // In the next tally the backlog goes on, until the load ends.
    let rest = generator.pause().schedule;
    assert_eq!(schedule.due + rest.due, schedule.sent + rest.sent + rest.dropped);
    assert!(rest.dropped > 10, "{rest:?}");
    assert_eq!(server.received(), schedule.sent + rest.sent);
}

#[test]
fn what_no_connection_is_free_for_is_dropped_if_the_script_says_so() {
    let _alone = alone();
    let server = slow(Duration::from_millis(20));
    let script = at_rate(200.0, 1, OnOverload::Drop, "timeout = \"10s\"");
    let mut generator = start(&script, server.addr).expect("the server accepts");
    generator.resume();
    eventually("some are answered", || generator.completed() >= 10);
    let tally = generator.pause();
    let Tally { schedule, .. } = &tally;
    assert_eq!(schedule.due, schedule.sent + schedule.dropped);
    assert!(schedule.dropped >= schedule.sent, "{schedule:?}");
    assert_eq!((schedule.backlog_max, tally.requests), (0, schedule.sent));
}

#[test]
fn a_number_of_requests_is_kept_by_a_schedule_too() {
    let _alone = alone();
    let server = Server::saying(OK);
    let script = at_rate(500.0, 4, OnOverload::Queue, "threads = 3");
    let mut generator = start(&script, server.addr).expect("the server accepts");
    generator.resume_for(50);
    eventually("the quota is used", || generator.is_spent());
    let tally = generator.pause();
    assert_eq!((tally.requests, tally.schedule.due), (50, 50));
    assert!(tally.elapsed().as_secs_f64() > 0.09, "{:?}", tally.elapsed());
}

#[test]
fn a_rate_follows_its_stages_once_the_course_has_begun() {
    let _alone = alone();
    let server = Server::saying(OK);
    let stage =
        |millis, level| Stage { duration: Duration::from_millis(millis), level, record: true };
    let extent = Extent::Stages { start: 50.0, stages: vec![stage(500, 650.0), stage(200, 0.0)] };
    let script = Script { extent, ..at_rate(650.0, 16, OnOverload::Queue, "") };
    let mut generator = start(&script, server.addr).expect("the server accepts");
    let warm_up = slice(&mut generator, 300);
    let expected = 50.0 * warm_up.elapsed().as_secs_f64();
    assert!((warm_up.schedule.due as f64 - expected).abs() < 10.0, "{:?}", warm_up.schedule);
    generator.begin_course();
    let tally = slice(&mut generator, 900);
    // 175 on the way up and 65 on the way down, and nothing after that.
    assert!((230..=250).contains(&tally.schedule.due), "{:?}", tally.schedule);
}
