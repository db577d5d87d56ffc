//! Cookies that a server sets.

use flameload::load::fuzzing::{Recent, cookies, response};

/// So many cookies are kept, each of so many bytes, and what separates them.
const HEADER_MAX: usize = 64 * (4096 + 2) + 16;

/// Whatever a valid response sets, a request with it is one valid request still.
pub(super) fn check(bytes: &[u8]) {
    assert!(cookies(&[bytes]).len() <= HEADER_MAX);
    let Ok(valid) = response(&[bytes], true, false, &mut Recent::default()) else { return };
    let header = cookies(&[&valid.head, &valid.head]);
    assert_eq!(header, cookies(&[&valid.head]), "the same again changes nothing");
    let request = [b"GET / HTTP/1.1\r\n", header.as_slice(), b"\r\n"].concat();
    let shown = String::from_utf8_lossy(&request);
    let mut headers = [httparse::EMPTY_HEADER; 2];
    let mut parsed = httparse::Request::new(&mut headers);
    let whole = Ok(httparse::Status::Complete(request.len()));
    assert_eq!(parsed.parse(&request), whole, "{shown}");
    assert_eq!(parsed.headers.len(), usize::from(!header.is_empty()), "{shown}");
}
