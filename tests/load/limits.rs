//! What happens at the limits of both sides: descriptors, the queue of connections, life.

use std::{net::TcpListener, process, thread, time::Duration};

use expect_test::expect;
use flameload::{
    load::Phase,
    measure::{ServerExit, ServerSeen},
    target::{network, usage},
    unit::Nanos,
};

use super::{
    fault::report,
    helper::Helper,
    server::{OK, Server},
    setup::{alone, eventually, script, slice, start},
};

/// Descriptors of a process that may open few: its streams, its files, and about 30 connections.
const OPEN_FILES: u64 = 40;

#[test]
fn the_client_has_no_descriptors_left() {
    let _alone = alone();
    let server = Server::saying(OK);
    let addr = [("ADDR", server.addr.to_string())];
    let mut load = Helper::start("load", OPEN_FILES, &addr);
    let refusal = load.line("preflight: ");
    assert!(refusal.contains("60 connections need "), "{refusal}");
    assert!(refusal.contains("and the limit is 40: raise it with `ulimit -n "), "{refusal}");
    // Without the check, the connections that there are carry the load.
    let live: u64 = load.line("live: ").parse().expect("a number");
    assert!((10..OPEN_FILES).contains(&live), "{live}");
    assert!(load.line("requests: ").parse::<u64>().expect("a number") >= 100);
    let error = load.line("error: ");
    assert!(error.starts_with("connect: too many open files (EMFILE) x "), "{error}");
    assert_eq!(load.line("end"), "");
    assert!(load.child.wait().expect("it ends").success());
}

#[test]
fn the_server_has_no_descriptors_left() {
    let _alone = alone();
    let (helper, addr) = Helper::server("server", OPEN_FILES);
    let files = || usage::read(&[helper.child.id()]);
    let idle = files();
    assert_eq!(idle.fd_limit, Some(OPEN_FILES));
    let mut generator = start(&script(60, "timeout = \"400ms\"", ""), addr).expect("it accepts");
    generator.resume();
    eventually("the server is full", || files().fds >= OPEN_FILES - 1);
    eventually("some are served", || generator.completed() > 100);
    let open = files().fds;
    let live = generator.live_connections();
    let tally = generator.pause();
    assert!(tally.requests > 0);
    let seen = ServerSeen {
        open_files_idle: Some(idle.fds),
        open_files: Some(open),
        open_files_limit: idle.fd_limit,
        ..ServerSeen::default()
    };
    let reported = report("EMFILE in the server", &tally, (60, live), seen);
    // Those who wait have connected, as far as the kernel is concerned, and hear nothing.
    let kinds = reported.kinds();
    assert!(kinds.contains(&"timeout: no response in time, on a new connection".to_owned()));
    let never = 60 - (open - idle.fds);
    let expected = format!("{open} open): {never} of 60 connections were never served; raise it");
    let diagnosis = reported.diagnosis();
    assert!(diagnosis.starts_with("the server is at its limit of 40 open files ("), "{diagnosis}");
    assert!(diagnosis.contains(&expected), "{diagnosis}");
}

#[test]
fn the_server_dies_of_its_descriptors() {
    let _alone = alone();
    let (mut helper, addr) = Helper::server("fragile server", OPEN_FILES);
    let mut generator = start(&script(60, "timeout = \"400ms\"", ""), addr).expect("it accepts");
    generator.resume();
    let ending = helper.child.wait().expect("it dies");
    let at = Nanos::now();
    eventually("all connections are lost", || generator.live_connections() == 0);
    // The first of them try to come back after a millisecond; the thread may have to wait for its
    // turn.
    thread::sleep(Duration::from_millis(200));
    let tally = generator.pause();
    let exit = ServerExit { what: format!("process 'fragile' ended with {ending}"), at };
    let seen = ServerSeen { exit: Some(exit), ..ServerSeen::default() };
    let reported = report("the server dies of EMFILE", &tally, (60, 0), seen);
    assert!(tally.errors.of(Phase::Connect) > 0, "{}", tally.errors);
    let diagnosis = reported.diagnosis();
    assert!(diagnosis.starts_with("the server ended after "), "{diagnosis}");
    assert!(diagnosis.ends_with("process 'fragile' ended with exit status: 101"), "{diagnosis}");
}

#[test]
fn the_server_is_killed_in_mid_run() {
    let _alone = alone();
    let (mut helper, addr) = Helper::server("server", 1_000);
    let mut generator = start(&script(4, "", ""), addr).expect("it accepts");
    generator.resume();
    eventually("the load flows", || generator.completed() > 100);
    helper.child.kill().expect("it runs");
    let ending = helper.child.wait().expect("it was killed");
    let at = Nanos::now();
    eventually("all connections are lost", || generator.live_connections() == 0);
    // The first of them try to come back after a millisecond; the thread may have to wait for its
    // turn.
    thread::sleep(Duration::from_millis(200));
    let tally = generator.pause();
    assert!(tally.requests >= 100);
    let refused = "connect: connection refused (ECONNREFUSED)";
    let exit = ServerExit { what: format!("process 'server' ended with {ending}"), at };
    let dead = ServerSeen { exit: Some(exit), ..ServerSeen::default() };
    let reported = report("killed in mid-run", &tally, (4, 0), dead);
    assert!(reported.kinds().iter().any(|kind| kind == refused), "{:?}", reported.kinds());
    assert!(reported.diagnosis().contains("SIGKILL"), "{}", reported.diagnosis());
    // Connections that were in use tell how far they had come.
    let lost = tally.errors.kinds().filter(|(kind, _)| kind.phase != Phase::Connect);
    assert!(lost.map(|(_, seen)| seen.count).sum::<u64>() <= 4, "{}", tally.errors);
    // The next slices have nothing but refusals, and that no more than the back-off allows.
    let tally = slice(&mut generator, 50);
    assert_eq!((tally.requests, tally.errors.of(Phase::Connect)), (0, tally.errors.total()));
    assert!(tally.errors.total() < 400, "{}", tally.errors);
    report("refused", &tally, (4, 0), ServerSeen::default()).check(
        expect!["connect: connection refused (ECONNREFUSED)"],
        expect!["connections are refused: nothing listens there"],
    );
}

#[test]
fn nobody_accepts() {
    let _alone = alone();
    // Its queue has room for 128.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    let drops = || network::ListenDrops::of(process::id()).expect("the kernel counts them");
    let before = drops();
    let mut generator = start(&script(160, "timeout = \"400ms\"", ""), addr).expect("a queue");
    let waiting = network::accept_queue(process::id(), addr);
    assert!(waiting >= Some(128), "{waiting:?}");
    let mut tally = slice(&mut generator, 0);
    eventually("requests wait in vain", || {
        // A slice may be over before a busy thread has seen it begin.
        tally.merge(&slice(&mut generator, 20));
        tally.errors.of(Phase::Timeout) > 0 && tally.errors.of(Phase::Connect) > 0
    });
    let dropped = drops().since(before);
    assert!(dropped.overflows > 0 && dropped.drops >= dropped.overflows, "{dropped:?}");
    let live = generator.live_connections();
    let seen = ServerSeen {
        dropped,
        accept_queue: waiting,
        accept_queue_limit: network::accept_queue_limit(),
        ..ServerSeen::default()
    };
    let reported = report("backlog full, nobody accepts", &tally, (160, live), seen);
    assert_eq!(tally.requests, 0);
    let expected =
        ["connect: not accepted in time", "timeout: no response in time, on a new connection"];
    assert_eq!(reported.kinds(), expected);
    let diagnosis = reported.diagnosis();
    let cause = "the server accepts no connections: its queue of those that wait overflowed ";
    assert!(diagnosis.starts_with(cause), "{diagnosis}");
}
