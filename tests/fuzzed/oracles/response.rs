//! The load's reader of HTTP responses.

use flameload::load::fuzzing::{Recent, response};

use super::Pieces;

/// The same bytes are the same response or the same error, however they arrive and whatever came
/// before, and a response has no bytes that did not come.
pub(super) fn check(bytes: &[u8]) {
    let Some(pieces) = Pieces::of(bytes) else { return };
    let (head_request, keep_body) = (pieces.flags & 1 != 0, pieces.flags & 2 != 0);
    let read = |cut: &[&[u8]], recent: &mut Recent| response(cut, head_request, keep_body, recent);
    let mut recent = Recent::default();
    let whole = read(&[pieces.stream], &mut recent);
    assert_eq!(read(&[pieces.stream], &mut recent), whole, "the head is known");
    for cut in [pieces.cut(), pieces.bytes()] {
        assert_eq!(read(&cut, &mut Recent::default()), whole, "in {} pieces", cut.len());
        assert_eq!(read(&cut, &mut recent), whole, "in {} pieces, the head is known", cut.len());
    }
    let Ok(whole) = whole else { return };
    let end = whole.end.unwrap_or(pieces.stream.len());
    assert!(end <= pieces.stream.len() && whole.body.len() <= end, "{whole:?}");
    let head = str::from_utf8(&whole.head).unwrap_or("HTTP/");
    assert!(head.contains("HTTP/") && end >= whole.head.len(), "{head}");
    assert!((200..1000).contains(&whole.status), "{}", whole.status);
    assert!(keep_body || whole.body.is_empty());
    // What follows a response is not a part of it, and without its last byte it is not one.
    let exact = read(&[&pieces.stream[..end]], &mut Recent::default());
    assert_eq!(exact.as_ref(), Ok(&whole), "nothing follows");
    if let Some(end) = whole.end {
        let cut = read(&[&pieces.stream[..end - 1]], &mut Recent::default());
        assert!(cut.is_err(), "complete without its last byte: {cut:?}");
    } else {
        // It lasts as long as the connection.
        assert!(!whole.keep_alive, "the connection has ended");
    }
}
