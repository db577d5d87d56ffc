//! The tap: slices are exact, drained, and leave nothing behind.

use std::{fs, thread, time::Duration};

use flameload::load::{Generator, LoadError, Plan};

use super::{
    server::{OK, Server},
    setup::{alone, eventually, script, slice, slice_of, start},
};

#[test]
fn each_slice_counts_what_the_server_counts() {
    let _alone = alone();
    let server = Server::saying(OK);
    let script = script(7, "threads = 2", "expect = { body_contains = \"ok\" }");
    let mut generator = start(&script, server.addr).expect("the server accepts");
    assert_eq!((generator.live_connections(), server.received()), (7, 0));
    let mut total = 0;
    for _ in 0..5 {
        let tally = slice_of(&mut generator, &server, 50);
        total += tally.requests;
        assert!(tally.requests >= 50);
        assert_eq!(tally.errors.to_string(), "no errors");
        assert_eq!(tally.bytes, tally.requests * OK.len() as u64);
        assert_eq!(tally.latency.len(), tally.requests);
        assert!(tally.started < tally.ended);
        assert!(tally.client_cpu.0 > 0);
        // Nothing is under way any more, and nothing comes while the tap is closed.
        assert_eq!(server.received(), total);
        thread::sleep(Duration::from_millis(20));
        assert_eq!((server.received(), generator.completed()), (total, total));
    }
    assert_eq!((generator.live_connections(), server.accepted()), (7, 7));
}

#[test]
fn slices_may_follow_each_other_at_once() {
    let _alone = alone();
    let server = Server::saying(OK);
    let mut generator =
        start(&script(4, "threads = 2", ""), server.addr).expect("the server accepts");
    let mut total = 0;
    let mut last_end = None;
    for _ in 0..300 {
        let tally = slice(&mut generator, 0);
        assert_eq!(tally.errors.total(), 0, "{}", tally.errors);
        assert!(last_end.is_none_or(|end| end <= tally.started));
        last_end = Some(tally.ended);
        total += tally.requests;
    }
    assert_eq!(server.received(), total);
}

#[test]
fn connections_that_end_while_nothing_flows_are_no_errors() {
    let _alone = alone();
    let server = Server::saying(OK);
    let mut generator = start(&script(4, "", ""), server.addr).expect("the server accepts");
    slice_of(&mut generator, &server, 10);
    server.cut();
    eventually("the connections are new", || {
        server.accepted() == 8 && generator.live_connections() == 4
    });
    let tally = slice_of(&mut generator, &server, 10);
    assert_eq!(tally.errors.to_string(), "no errors");
}

#[test]
fn turning_the_tap_twice_changes_nothing() {
    let _alone = alone();
    let server = Server::saying(OK);
    let mut generator = start(&script(1, "", ""), server.addr).expect("the server accepts");
    assert_eq!(generator.pause().requests, 0);
    generator.resume();
    let tally = slice(&mut generator, 10);
    assert_eq!(server.received(), tally.requests);
    assert_eq!(generator.pause().requests, 0);
}

#[test]
fn dropping_ends_threads_and_connections_even_with_requests_under_way() {
    let _alone = alone();
    let server = Server::raw(|stream, _| {
        while let Ok(1..) = stream.peek(&mut [0]) {
            thread::sleep(Duration::from_millis(1));
        }
    });
    let mut generator =
        start(&script(6, "threads = 3\ntimeout = \"1h\"", ""), server.addr).expect("it accepts");
    assert_eq!(load_threads(), 3);
    generator.resume();
    drop(generator);
    // A joined thread's entry in procfs may outlast the join by a moment.
    eventually("every load thread is gone", || load_threads() == 0);
    drop(server);
}

/// Threads of this process that are named like the engine's.
fn load_threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("the process has threads");
    let names = tasks.map(|task| {
        // A thread may end while the list is read.
        let comm = task.map(|task| task.path().join("comm"));
        comm.and_then(fs::read_to_string).unwrap_or_default()
    });
    names.filter(|name| name.starts_with("loader-")).count()
}

#[test]
fn connections_are_shut_when_dropped() {
    let _alone = alone();
    let server = Server::saying(OK);
    let mut generator = start(&script(5, "", ""), server.addr).expect("the server accepts");
    slice_of(&mut generator, &server, 10);
    drop(generator);
    eventually("the server sees every connection end", || {
        server.stats.open.load(std::sync::atomic::Ordering::SeqCst) == 0
    });
}

#[test]
fn threads_are_pinned_to_the_cpus_of_the_plan() {
    let _alone = alone();
    let server = Server::saying(OK);
    let script = script(2, "", "");
    let wrong = Plan::new(&script, server.addr, &[0, 1_000_000]).expect("it is only a plan");
    match Generator::start(&wrong) {
        Err(LoadError::Pin { cpu: 1_000_000, .. }) => {}
        other => panic!("{other:?}"),
    }
    let allowed = fs::read_to_string("/proc/self/status").expect("the process has a status");
    let first = allowed
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .and_then(|list| list.trim().split([',', '-']).next()?.parse().ok())
        .expect("there is a CPU");
    let plan = Plan::new(&script, server.addr, &[first]).expect("it is loopback");
    assert_eq!((plan.threads(), plan.connections()), (1, 2));
    let mut generator = Generator::start(&plan).expect("the CPU may be used");
    assert!(slice_of(&mut generator, &server, 10).requests >= 10);
}

#[test]
fn other_machines_get_no_load() {
    let plan = Plan::new(&script(1, "", ""), "192.0.2.1:80".parse().expect("an address"), &[]);
    assert!(matches!(plan, Err(LoadError::Remote(_))), "{plan:?}");
}

#[test]
fn cuts_end_tallies_but_not_the_traffic() {
    let _alone = alone();
    let server = Server::saying(OK);
    let mut generator =
        start(&script(4, "threads = 2", ""), server.addr).expect("the server accepts");
    assert_eq!(generator.cut().requests, 0);
    generator.resume();
    let mut total = 0;
    for _ in 0..50 {
        let before = server.received();
        eventually("the load flows", || server.received() >= before + 20);
        let tally = generator.cut();
        assert_eq!(tally.errors.total(), 0, "{}", tally.errors);
        assert!(tally.requests > 0);
        total += tally.requests;
    }
    total += generator.pause().requests;
    assert_eq!(server.received(), total);
}

#[test]
fn a_slice_of_so_many_requests_ends_by_itself() {
    let _alone = alone();
    let server = Server::saying(OK);
    let mut generator =
        start(&script(7, "threads = 2", ""), server.addr).expect("the server accepts");
    for (requests, total) in [(101, 101), (3, 104), (0, 104)] {
        generator.resume_for(requests);
        eventually("the quota is used", || generator.is_spent());
        let tally = generator.cut();
        let rest = generator.pause();
        assert_eq!((tally.requests, rest.requests), (requests, 0));
        assert_eq!((server.received(), generator.completed()), (total, total));
    }
}
