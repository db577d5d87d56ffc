//! Where only the errors themselves tell something.

use expect_test::expect;

use super::*;

#[test]
fn the_server_ends_connections() {
    let reset = Cause::Os(libc::ECONNRESET);
    check_dead(
        &[
            (Phase::FirstByte, Cause::Closed, Age::New, 500_000, 1),
            (Phase::FirstByte, reset, Age::New, 57_619, 2),
            (Phase::Write, Cause::Os(libc::EPIPE), Age::New, 12, 3),
        ],
        expect![[r#"
            the server accepts connections and closes them before their first response: a
            limit or a guard in the server (500,000 of 557,631 attempts, the first after 1
            ms); 0 of 2,000 connections were open
        "#]],
    );
    check_dead(
        &[
            (Phase::FirstByte, reset, Age::New, 100, 2),
            (Phase::Write, Cause::Os(libc::EPIPE), Age::New, 12, 3),
        ],
        expect![[r#"
            the server resets new connections before the first byte of a response: it fails
            on what it reads, or gives them up unread (112 of 112 attempts, the first after
            2 ms); 0 of 2,000 connections were open
        "#]],
    );
    check_errors(
        &[
            (Phase::FirstByte, reset, Age::Reused, 5, 2),
            (Phase::Write, Cause::Os(libc::EPIPE), Age::Reused, 12, 3),
        ],
        expect![[r#"
            the server ended connections that it had served, with the next request under
            way: it was restarted, or keeps connections only so long or for so many
            requests and does not say so; a `requests_per_connection` below that number
            ends them before it does (17 of 10,817 attempts, the first after 2 ms)
        "#]],
    );
    check_errors(
        &[(Phase::Body, reset, Age::New, 5, 2), (Phase::Body, Cause::Closed, Age::New, 5, 1)],
        expect![[r#"
            the server broke off responses after their first byte (10 of 10,810 attempts,
            the first after 1 ms)
        "#]],
    );
}

#[test]
fn the_server_is_late() {
    let timeout = |cause| (Phase::Timeout, cause, Age::Reused, 7, 2_100);
    check_dead(
        &[timeout(Cause::NoResponse)],
        expect![[r#"
        the server takes requests and answers none within 2s (7 of 7 attempts, the
        first after 2.1 s); 0 of 2,000 connections were open
    "#]],
    );
    check_errors(
        &[timeout(Cause::NoResponse)],
        expect![[r#"
        requests had no response within 2s (7 of 10,807 attempts, the first after 2.1 s)
    "#]],
    );
    check_errors(
        &[timeout(Cause::Unfinished)],
        expect![[r#"
        responses began and did not end within 2s (7 of 10,807 attempts, the first
        after 2.1 s)
    "#]],
    );
    check_errors(
        &[timeout(Cause::Late)],
        expect![[r#"
        responses took longer than 2s (7 of 10,807 attempts, the first after 2.1 s)
    "#]],
    );
}

#[test]
fn the_responses_are_wrong() {
    let one = |phase, cause| (phase, cause, Age::Reused, 10_800, 3);
    let garbage = Cause::Malformed(crate::load::ResponseError::Syntax);
    check_dead(
        &[one(Phase::Parse, garbage)],
        expect![[r#"
        what the server sends is no good HTTP: not an HTTP/1.1 response (10,800 of
        10,800 attempts, the first after 3 ms); 0 of 2,000 connections were open
    "#]],
    );
    check_errors(
        &[one(Phase::Status, Cause::Status(503))],
        expect![[r#"
        the server answers with status 503, which the script does not expect (10,800 of
        21,600 attempts, the first after 3 ms)
    "#]],
    );
    check_errors(
        &[one(Phase::Check, Cause::Body)],
        expect![[r#"
        responses fail the script's check: the body does not contain the expected text
        (10,800 of 21,600 attempts, the first after 3 ms)
    "#]],
    );
    check_errors(
        &[one(Phase::Tls, Cause::Tls("unknown issuer"))],
        expect![[r#"
        the encryption could not be set up: unknown issuer (10,800 of 21,600 attempts,
        the first after 3 ms)
    "#]],
    );
    check_errors(
        &[one(Phase::Body, Cause::Other)],
        expect![[r#"
        body: other, on a reused connection (10,800 of 21,600 attempts, the first after
        3 ms)
    "#]],
    );
}
