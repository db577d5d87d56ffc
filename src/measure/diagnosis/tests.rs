mod symptoms;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::load::{Age, Failure};

const SECOND: u64 = 1_000_000_000;

/// Errors of each kind: so many, the first so many milliseconds after the load began at 1 s.
fn errors(kinds: &[(Phase, Cause, Age, u64, u64)]) -> Errors {
    let mut errors = Errors::default();
    for (phase, cause, age, count, first_ms) in kinds {
        let failure = Failure { phase: *phase, cause: *cause, age: *age };
        let first = Nanos(SECOND + first_ms * 1_000_000);
        errors.add(failure, Occurrences { count: *count, first, last: first });
    }
    errors
}

fn seen(errors: &Errors) -> Seen<'_> {
    Seen {
        connections: 2_000,
        live: 2_000,
        requests: 10_800,
        errors,
        started: Nanos(SECOND),
        timeout: Nanos(2 * SECOND),
        client_open_files: Some(20_000),
        ports: Some(Ports { range: 28_232, free: 26_000 }),
        server: ServerSeen {
            open_files_idle: Some(9),
            open_files: Some(300),
            open_files_limit: Some(20_000),
            accept_queue: Some(0),
            accept_queue_limit: Some(4_096),
            ..ServerSeen::default()
        },
    }
}

#[track_caller]
fn check(seen: &Seen<'_>, expected: Expect) {
    let text = Diagnosis::of(seen).unwrap_or_else(|| "nothing".to_owned());
    expected.assert_eq(&wrapped(&text));
}

/// The one line, in several for the reader.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_inclusive(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + word.len() <= 80 => line.push_str(word),
            _ => lines.push(word.to_owned()),
        }
    }
    lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

#[track_caller]
fn check_errors(kinds: &[(Phase, Cause, Age, u64, u64)], expected: Expect) {
    check(&seen(&errors(kinds)), expected);
}

#[track_caller]
fn check_dead(kinds: &[(Phase, Cause, Age, u64, u64)], expected: Expect) {
    check(&Seen { requests: 0, live: 0, ..seen(&errors(kinds)) }, expected);
}

const UNANSWERED: (Phase, Cause, Age, u64, u64) =
    (Phase::Timeout, Cause::NoResponse, Age::New, 983, 2_000);

#[test]
fn nothing_failed() {
    let none = Errors::default();
    check(
        &seen(&none),
        expect![[r#"
        nothing
    "#]],
    );
    // A server at its limit that serves everyone has none too few.
    let mut full = seen(&none);
    full.server.open_files = full.server.open_files_limit;
    check(
        &full,
        expect![[r#"
        nothing
    "#]],
    );
}

#[test]
fn the_server_is_at_its_limit_of_descriptors() {
    let errors = errors(&[
        (Phase::Connect, Cause::NotAccepted, Age::New, 20, 1_500),
        (Phase::FirstByte, Cause::Os(libc::ECONNRESET), Age::New, 557_619, 100),
        UNANSWERED,
    ]);
    let mut seen = seen(&errors);
    seen.server.open_files = Some(1_024);
    seen.server.open_files_limit = Some(1_024);
    seen.server.open_files_idle = Some(7);
    seen.server.dropped = ListenDrops { overflows: 30, drops: 30 };
    check(
        &seen,
        expect![[r#"
        the server is at its limit of 1,024 open files (1,024 open): 983 of 2,000
        connections were never served; raise it with `ulimit -n`, or `open_files` in
        its manifest, or ask for fewer connections
    "#]],
    );
    // Descriptors come and go between two looks.
    seen.server.open_files = Some(1_020);
    seen.server.open_files_idle = None;
    check(
        &seen,
        expect![[r#"
        the server is at its limit of 1,024 open files (1,020 open): 980 of 2,000
        connections were never served; raise it with `ulimit -n`, or `open_files` in
        its manifest, or ask for fewer connections
    "#]],
    );
    // The connections fit, but files or connections of its own do not.
    seen.connections = 500;
    check(
        &seen,
        expect![[r#"
        the server is at its limit of 1,024 open files (1,020 open): 558,622 of 569,422
        attempts failed; raise it with `ulimit -n`, or `open_files` in its manifest, or
        ask for fewer connections
    "#]],
    );
    seen.server.open_files = Some(1_000);
    seen.server.dropped = ListenDrops::default();
    check(
        &seen,
        expect![[r#"
        the server resets new connections before the first byte of a response: it fails
        on what it reads, or gives them up unread (557,619 of 569,422 attempts, the
        first after 100 ms)
    "#]],
    );
}

#[test]
fn connections_hang_that_have_not_failed_yet() {
    let none = Errors::default();
    let mut seen = seen(&none);
    seen.live = 1_015;
    // They may be on their way.
    check(
        &seen,
        expect![[r#"
        nothing
    "#]],
    );
    (seen.server.open_files, seen.server.open_files_limit) = (Some(1_024), Some(1_024));
    check(
        &seen,
        expect![[r#"
        the server is at its limit of 1,024 open files (1,024 open): 985 of 2,000
        connections were never served; raise it with `ulimit -n`, or `open_files` in
        its manifest, or ask for fewer connections
    "#]],
    );
    seen.connections = 1_015;
    check(
        &seen,
        expect![[r#"
        nothing
    "#]],
    );
    (seen.connections, seen.live, seen.requests) = (2_000, 129, 0);
    seen.server.open_files = Some(9);
    seen.server.dropped = ListenDrops { overflows: 1_871, drops: 1_871 };
    check(
        &seen,
        expect![[r#"
        the server accepts no connections: its queue of those that wait overflowed
        1,871 times, with 0 in it; 129 of 2,000 connections were open; ask for fewer
        connections, or for a longer queue in the server (net.core.somaxconn allows
        4,096)
    "#]],
    );
}

#[test]
fn the_server_ended() {
    let errors = errors(&[
        (Phase::FirstByte, Cause::Closed, Age::Reused, 4, 150),
        (Phase::Connect, Cause::Os(libc::ECONNREFUSED), Age::New, 86_820, 151),
    ]);
    let mut seen = seen(&errors);
    let exit = |what: &str| Some(ServerExit { what: what.to_owned(), at: Nanos(SECOND * 23 / 20) });
    seen.server.exit = exit(
        "process 'hyper' ended with exit status 101; the last it printed:\n    thread 'main' \
         panicked:\n    Too many open files",
    );
    check(
        &seen,
        expect![[r#"
        the server ended after 150 ms and 10,800 good responses: process 'hyper' ended
        with exit status 101; the last it printed: thread 'main' panicked: Too many
        open files
    "#]],
    );
    seen.server.exit = exit(&"é".repeat(1_000));
    let text = Diagnosis::of(&seen).expect("the server ended");
    assert!(text.len() < 1_000 && text.ends_with("é..."), "{text}");
    // Even where nothing had failed yet.
    let none = Errors::default();
    let mut early = self::seen(&none);
    early.server.exit = exit("process 4242 is gone");
    check(
        &early,
        expect![[r#"
        the server ended after 150 ms and 10,800 good responses: process 4242 is gone
    "#]],
    );
}

#[test]
fn nothing_listens() {
    let refused = (Phase::Connect, Cause::Os(libc::ECONNREFUSED), Age::New, 86_820, 151);
    let closed = (Phase::FirstByte, Cause::Closed, Age::Reused, 4, 150);
    check_errors(
        &[closed, refused],
        expect![[r#"
        connections are refused: nothing listens there any more, so the server ended,
        or closed its listening socket (86,820 of 97,624 attempts, the first after 151
        ms)
    "#]],
    );
    check_dead(
        &[refused],
        expect![[r#"
        connections are refused: nothing listens there (86,820 of 86,820 attempts, the
        first after 151 ms); 0 of 2,000 connections were open
    "#]],
    );
}

#[test]
fn our_own_descriptors_are_used_up() {
    let errors = errors(&[
        (Phase::Connect, Cause::Os(libc::EMFILE), Age::New, 35, 0),
        (Phase::Timeout, Cause::Late, Age::Reused, 900, 500),
    ]);
    let seen = Seen { client_open_files: Some(1_024), live: 1_000, ..seen(&errors) };
    check(
        &seen,
        expect![[r#"
        this process, which sends the load, is at its limit of 1,024 open files (35 of
        11,735 attempts, the first after 0 ms); 1,000 of 2,000 connections were open;
        raise it with `ulimit -n`, or ask for fewer connections
    "#]],
    );
    check(
        &Seen { client_open_files: None, ..seen },
        expect![[r#"
        this process, which sends the load, is at its limit of open files (35 of 11,735
        attempts, the first after 0 ms); 1,000 of 2,000 connections were open; raise it
        with `ulimit -n`, or ask for fewer connections
    "#]],
    );
}

#[test]
fn ports_are_used_up() {
    let errors = errors(&[(Phase::Connect, Cause::Os(libc::EADDRNOTAVAIL), Age::New, 77, 900)]);
    let seen = Seen { live: 1_923, ..seen(&errors) };
    check(
        &seen,
        expect![[r#"
        no port is free to connect from (of 28,232): 77 of 10,877 attempts, the first
        after 900 ms; 1,923 of 2,000 connections were open; reuse connections, open
        fewer, or widen net.ipv4.ip_local_port_range
    "#]],
    );
    check(
        &Seen { ports: None, ..seen },
        expect![[r#"
        no port is free to connect from: 77 of 10,877 attempts, the first after 900 ms;
        1,923 of 2,000 connections were open; reuse connections, open fewer, or widen
        net.ipv4.ip_local_port_range
    "#]],
    );
}

#[test]
fn the_queue_of_connections_overflowed() {
    let not_accepted = errors(&[(Phase::Connect, Cause::NotAccepted, Age::New, 1_871, 2_000)]);
    let mut seen = seen(&not_accepted);
    (seen.live, seen.requests) = (129, 0);
    seen.server.dropped = ListenDrops { overflows: 1_234, drops: 1_240 };
    seen.server.accept_queue = Some(129);
    check(
        &seen,
        expect![[r#"
        the server accepts no connections: its queue of those that wait overflowed
        1,234 times, with 129 in it; 129 of 2,000 connections were open; ask for fewer
        connections, or for a longer queue in the server (net.core.somaxconn allows
        4,096)
    "#]],
    );
    seen.requests = 5_000;
    seen.server.accept_queue = None;
    seen.server.accept_queue_limit = None;
    check(
        &seen,
        expect![[r#"
        the server accepts connections more slowly than they come: its queue of those
        that wait overflowed 1,234 times; 129 of 2,000 connections were open; ask for
        fewer connections, or for a longer queue in the server
    "#]],
    );
    // Without a count of overflows, as in an old kernel, the length tells.
    seen.server.dropped = ListenDrops::default();
    seen.server.accept_queue = Some(129);
    seen.server.accept_queue_limit = Some(128);
    check(
        &seen,
        expect![[r#"
        the server accepts connections more slowly than they come: its queue of those
        that wait overflowed, with 129 in it; 129 of 2,000 connections were open; ask
        for fewer connections, or for a longer queue in the server (net.core.somaxconn
        allows 128)
    "#]],
    );
    // An overflow that was made up for explains no wrong status.
    let status = errors(&[(Phase::Status, Cause::Status(503), Age::Reused, 12, 10)]);
    check(
        &Seen { errors: &status, ..seen },
        expect![[r#"
        the server answers with status 503, which the script does not expect (12 of
        5,012 attempts, the first after 10 ms); 129 of 2,000 connections were open
    "#]],
    );
}

fn any_cause() -> impl Strategy<Value = Cause> {
    prop_oneof![
        any::<i32>().prop_map(Cause::Os),
        any::<u16>().prop_map(Cause::Status),
        Just(Cause::Closed),
        Just(Cause::NotAccepted),
        Just(Cause::NoResponse),
        Just(Cause::Other),
    ]
}

proptest! {
    #[test]
    fn any_failure_has_one_line(
        kinds in prop::collection::vec((0..9usize, any_cause(), any::<bool>(), 1..1_000_000u64), 1..8),
        counts in any::<[u32; 8]>(),
        exit in prop::option::of("\\PC{0,400}|[a-z\n ]{0,400}"),
    ) {
        let kinds: Vec<_> = kinds
            .into_iter()
            .map(|(phase, cause, new, count)| {
                (Phase::ALL[phase], cause, if new { Age::New } else { Age::Reused }, count, 0)
            })
            .collect();
        let errors = errors(&kinds);
        let [connections, live, requests, limit, idle, open, open_limit, queue] =
            counts.map(u64::from);
        let server = ServerSeen {
            open_files_idle: Some(idle),
            open_files: Some(open),
            open_files_limit: Some(open_limit),
            dropped: ListenDrops { overflows: queue, drops: 0 },
            accept_queue: Some(queue),
            accept_queue_limit: None,
            exit: exit.map(|what| ServerExit { what, at: Nanos(0) }),
        };
        let seen = Seen {
            connections, live, requests, client_open_files: Some(limit), server, ..seen(&errors)
        };
        let text = Diagnosis::of(&seen).expect("something failed");
        prop_assert!(!text.is_empty() && !text.contains('\n') && text.chars().count() < 500, "{}", text);
    }
}
