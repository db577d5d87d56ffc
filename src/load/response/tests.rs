use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{BODY_KEPT_MAX, HEAD_MAX, Parser, RecentHead, ResponseError, Wanted};

/// What a response came to; `excess` counts the bytes after it.
#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    status: u16,
    keep_alive: bool,
    body: String,
    excess: usize,
}

fn parse(pieces: &[&[u8]], head_request: bool) -> Result<Parsed, ResponseError> {
    let mut parser = Parser::new(Wanted { bodiless: head_request, body: true, head: true });
    let mut recent = RecentHead::default();
    let mut excess = 0;
    let mut complete = false;
    for piece in pieces {
        match parser.feed(piece, &mut recent)? {
            _ if complete => excess += piece.len(),
            Some(used) => {
                complete = true;
                excess = piece.len() - used;
            }
            None => {}
        }
    }
    if !complete {
        parser.close()?;
    }
    Ok(Parsed {
        status: parser.status(),
        keep_alive: parser.keep_alive(),
        body: String::from_utf8_lossy(parser.complete().body).into_owned(),
        excess,
    })
}

fn describe(result: Result<Parsed, ResponseError>) -> String {
    match result {
        Ok(parsed) => format!("{parsed:?}"),
        Err(error) => format!("error: {error}"),
    }
}

#[track_caller]
fn check(response: &str, expected: Expect) {
    expected.assert_eq(&describe(parse(&[response.as_bytes()], false)));
}

#[test]
fn counted_body() {
    check(
        "HTTP/1.1 200 OK\r\nCONTENT-length: 5 \r\n\r\nhello",
        expect![[r#"Parsed { status: 200, keep_alive: true, body: "hello", excess: 0 }"#]],
    );
    check(
        "HTTP/1.1 404 Not Found\r\nContent-Length: 2, 2\r\ncontent-length: 2\r\n\r\nnoHTTP",
        expect![[r#"Parsed { status: 404, keep_alive: true, body: "no", excess: 4 }"#]],
    );
    check(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        expect![[r#"Parsed { status: 200, keep_alive: true, body: "", excess: 0 }"#]],
    );
}

#[test]
fn chunked_body() {
    check(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\nContent-Length: 3\r\n\r\n\
         5;name=\"a\"\r\nhello\r\n00A ;x\r\n, chunked!\r\n0\r\nDigest: x\r\nB: y\r\n\r\nmore",
        expect![[
            r#"Parsed { status: 200, keep_alive: true, body: "hello, chunked!", excess: 4 }"#
        ]],
    );
}

#[test]
fn body_until_close() {
    check(
        "HTTP/1.1 200 OK\r\n\r\nall of it",
        expect![[r#"Parsed { status: 200, keep_alive: false, body: "all of it", excess: 0 }"#]],
    );
    check(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nContent-Length: 3\r\n\r\nall of it",
        expect![[r#"Parsed { status: 200, keep_alive: false, body: "all of it", excess: 0 }"#]],
    );
}

#[test]
fn no_body() {
    check(
        "HTTP/1.1 204 No Content\r\n\r\nx",
        expect![[r#"Parsed { status: 204, keep_alive: true, body: "", excess: 1 }"#]],
    );
    check(
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n",
        expect![[r#"Parsed { status: 304, keep_alive: true, body: "", excess: 0 }"#]],
    );
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
    expect![[r#"Parsed { status: 200, keep_alive: true, body: "", excess: 0 }"#]]
        .assert_eq(&describe(parse(&[head], true)));
}

#[test]
fn interim_heads_are_passed_over() {
    check(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n\
         HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\n.",
        expect![[r#"Parsed { status: 201, keep_alive: true, body: ".", excess: 0 }"#]],
    );
    check(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n",
        expect!["error: the server switched protocols (status 101)"],
    );
}

#[test]
fn connections_that_do_not_last() {
    check(
        "HTTP/1.1 200 OK\r\nconnection: x, CLOSE\r\nContent-Length: 0\r\n\r\n",
        expect![[r#"Parsed { status: 200, keep_alive: false, body: "", excess: 0 }"#]],
    );
    check(
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        expect![[r#"Parsed { status: 200, keep_alive: false, body: "", excess: 0 }"#]],
    );
    check(
        "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n",
        expect![[r#"Parsed { status: 200, keep_alive: true, body: "", excess: 0 }"#]],
    );
}

#[test]
fn wrong_responses() {
    check("", expect!["error: closed by the server before the first byte of a response"]);
    check(
        "HTTP/1.1 200 OK\r\nCo",
        expect!["error: closed by the server in the middle of a response"],
    );
    check(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
        expect!["error: closed by the server in the middle of a response"],
    );
    for wrong in ["SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 099 Low\r\n\r\n", "HTTP/1.1 000\r\n\r\n"] {
        check(wrong, expect!["error: not an HTTP/1.1 response"]);
    }
    for length in ["", "-1", "+1", "1x", "1, 2", "99999999999999999999"] {
        let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        assert_eq!(parse(&[response.as_bytes()], false), Err(ResponseError::ContentLength));
    }
}

#[test]
fn wrong_chunks() {
    for body in [
        "x\r\n",
        "\r\n",
        "5\nhello",
        "5\r\nhelloX",
        "5\r\nhello\rX",
        "5;x\nhello",
        "10000000000000000\r\n",
        "0\r\n\rX",
    ] {
        let response = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        assert_eq!(parse(&[response.as_bytes()], false), Err(ResponseError::Chunk), "{body:?}");
    }
}

/// Feeds `piece` again and again until the parser has had enough.
fn flood(start: &str, piece: &[u8]) -> ResponseError {
    let mut parser = Parser::new(Wanted { body: true, ..Wanted::default() });
    let mut recent = RecentHead::default();
    let mut next = start.as_bytes();
    for _ in 0..BODY_KEPT_MAX / piece.len() + 2 {
        match parser.feed(next, &mut recent) {
            Ok(end) => assert_eq!(end, None),
            Err(error) => {
                assert!(parser.partial.len() <= HEAD_MAX && parser.body.len() <= BODY_KEPT_MAX);
                return error;
            }
        }
        next = piece;
    }
    panic!("an endless response was taken");
}

#[test]
fn endless_responses_are_given_up() {
    let line = [b'a'; 1024];
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(flood("HTTP/1.1 200 OK\r\nX: ", &line), ResponseError::HeadTooLong);
    assert_eq!(flood("HTTP/1.1 200 OK\r\nX: ", &[b'a'; 1 << 17]), ResponseError::HeadTooLong);
    assert_eq!(flood(&format!("{chunked}5;"), &line), ResponseError::Chunk);
    assert_eq!(flood(&format!("{chunked}0\r\n"), b"Trailer: again\r\n"), ResponseError::Chunk);
    assert_eq!(flood("HTTP/1.1 200 OK\r\n\r\n", &[b'a'; 1 << 20]), ResponseError::BodyTooLong);
    let headers = b"A: b\r\n";
    let error = flood("HTTP/1.1 200 OK\r\n", headers);
    assert_eq!(error, ResponseError::HeadTooLong);
}

#[test]
fn a_repeated_head_is_recognized_and_a_changed_one_is_not() {
    let mut parser = Parser::new(Wanted { body: true, ..Wanted::default() });
    let mut recent = RecentHead::default();
    for (status, body) in [(200, "one"), (200, "two"), (201, "six"), (200, "ten")] {
        let response = format!("HTTP/1.1 {status} X\r\nContent-Length: 3\r\n\r\n{body}");
        parser.reset(Wanted { body: true, ..Wanted::default() });
        assert_eq!(parser.feed(response.as_bytes(), &mut recent), Ok(Some(response.len())));
        assert_eq!((parser.status(), parser.complete().body), (status, body.as_bytes()));
    }
}

/// Valid responses of each framing, with interim heads, extensions and trailers.
fn response() -> impl Strategy<Value = String> {
    let body = "[a-z\r\n]{0,40}";
    let counted = body.prop_map(|b| format!("Content-Length: {}\r\n\r\n{b}", b.len()));
    let chunk = ("[a-z\r\n]{1,20}", "(;[a-z]{1,5}=[0-9]{1,3})?")
        .prop_map(|(data, extension)| format!("{:x}{extension}\r\n{data}\r\n", data.len()));
    let chunked = (prop::collection::vec(chunk, 0..5), "(Trailer: [a-z]{0,5}\r\n){0,2}").prop_map(
        |(chunks, trailers)| {
            format!("Transfer-Encoding: chunked\r\n\r\n{}0\r\n{trailers}\r\n", chunks.concat())
        },
    );
    let until_close = body.prop_map(|b| format!("Connection: close\r\n\r\n{b}"));
    let interim = "(HTTP/1[.]1 10[023] Wait\r\nX: y\r\n\r\n){0,2}";
    let end = prop_oneof![counted, chunked, until_close];
    (interim, 200..600u16, "(X-[A-Za-z]{1,8}: [ -~]{0,20}\r\n){0,3}", end).prop_map(
        |(interim, status, headers, end)| {
            format!("{interim}HTTP/1.1 {status} Reason\r\n{headers}{end}")
        },
    )
}

proptest! {
    #[test]
    fn any_split_gives_the_same_response(
        response in response(),
        mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let bytes = response.as_bytes();
        let whole = parse(&[bytes], false);
        prop_assert!(whole.is_ok(), "{whole:?}");
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&parse(&single, false), &whole);
        cuts.sort_by_key(|cut| cut.index(bytes.len()));
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts {
            let to = cut.index(bytes.len());
            pieces.push(&bytes[from..to]);
            from = to;
        }
        pieces.push(&bytes[from..]);
        prop_assert_eq!(&parse(&pieces, false), &whole);
    }

    #[test]
    fn any_bytes_are_taken_without_a_panic(
        start in prop::sample::select(vec![
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff",
            "HTTP/1.1 200 OK\r\nContent-Length: ",
        ]),
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..6),
    ) {
        let mut all = vec![start.as_bytes()];
        all.extend(pieces.iter().map(Vec::as_slice));
        let total: usize = all.iter().map(|piece| piece.len()).sum();
        for head_request in [false, true] {
            if let Ok(parsed) = parse(&all, head_request) {
                prop_assert!(parsed.excess < total);
            }
        }
    }

    #[test]
    fn a_mutated_response_is_taken_without_a_panic(
        response in response(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = response.into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(parsed) = parse(&[&bytes], false) {
            prop_assert!(parsed.excess <= bytes.len());
        }
    }
}

#[test]
fn any_number_of_headers_and_of_their_lines_is_taken() {
    let many: String = (0..500).map(|number| format!("X-{number}: v\r\n")).collect();
    let response = format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 2\r\n\r\nok");
    check(
        &response,
        expect![[r#"Parsed { status: 200, keep_alive: true, body: "ok", excess: 0 }"#]],
    );
    let pieces: Vec<&[u8]> = response.as_bytes().chunks(7).collect();
    assert_eq!(parse(&pieces, false), parse(&[response.as_bytes()], false));
    check(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip,\r\n\t chunked\r\nX: a\r\n b\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        expect![[r#"Parsed { status: 200, keep_alive: true, body: "ok", excess: 0 }"#]],
    );
}

#[test]
fn a_line_that_is_no_header_is_named() {
    let head = "HTTP/1.1 200 OK\r\nServer: x\r\n";
    check(
        &format!("{head}no header\r\n\r\n"),
        expect!["error: line 3 of the response's head is not a header"],
    );
    check(
        &format!("{head}A: b\r\nX Y: z\r\n\r\n"),
        expect!["error: line 4 of the response's head is not a header"],
    );
    check(
        &format!("{head}A: b\u{1}\r\n\r\n"),
        expect!["error: line 3 of the response's head is not a header"],
    );
    check("HTTP/1.1 2000 OK\r\nA B\r\n\r\n", expect!["error: not an HTTP/1.1 response"]);
}
