//! A response's head: status, how its body ends, and whether the connection lasts.

use super::ResponseError;

/// Most headers of a response.
const HEADERS_MAX: usize = 100;
/// A longer head is not worth comparing and copying.
const RECENT_MAX: usize = 2048;

/// What a head says that matters for reading on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) framing: Framing,
    pub(super) keep_alive: bool,
    /// Bytes of the head, its empty line included.
    pub(super) len: usize,
}

/// How the body ends, for a status and method that have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

impl Head {
    /// Parses the head at the start of `bytes`; none if it is not complete.
    ///
    /// The body's framing follows RFC 9112, section 6.3.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, ResponseError> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut headers);
        let len = match response.parse(bytes).map_err(|_| ResponseError::Syntax)? {
            httparse::Status::Complete(len) => len,
            httparse::Status::Partial => return Ok(None),
        };
        // Three digits, the first of which says what kind of response it is (RFC 9110, 15).
        let status = response.code.unwrap_or_default();
        if !(100..1000).contains(&status) {
            return Err(ResponseError::Syntax);
        }
        let mut length = None;
        let mut coding = None;
        // HTTP/1.1 connections last unless told otherwise, HTTP/1.0 ones the other way about.
        let mut keep_alive = response.version == Some(1);
        for header in response.headers.iter() {
            let name = header.name;
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(content_length(header.value, length)?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                // Codings add up over several headers; the last one frames the body.
                coding = elements(header.value).last().or(coding);
            } else if name.eq_ignore_ascii_case("connection") {
                for option in elements(header.value) {
                    if option.eq_ignore_ascii_case(b"close") {
                        keep_alive = false;
                    } else if option.eq_ignore_ascii_case(b"keep-alive")
                        && response.version == Some(0)
                    {
                        keep_alive = true;
                    }
                }
            }
        }
        let framing = match (coding, length) {
            (Some(coding), _) if coding.eq_ignore_ascii_case(b"chunked") => Framing::Chunked,
            (None, Some(length)) => Framing::Length(length),
            _ => Framing::UntilClose,
        };
        Ok(Some(Self { status, framing, keep_alive, len }))
    }
}

/// The number in `value`, which must be the same as `known` and as each other in the list.
fn content_length(value: &[u8], known: Option<u64>) -> Result<u64, ResponseError> {
    let mut length = known;
    for element in elements(value) {
        if !element.iter().all(u8::is_ascii_digit) {
            return Err(ResponseError::ContentLength);
        }
        let number = str::from_utf8(element).ok().and_then(|digits| digits.parse().ok());
        match (number, length) {
            (None, _) => return Err(ResponseError::ContentLength),
            (Some(number), Some(known)) if number != known => {
                return Err(ResponseError::ContentLength);
            }
            (number, _) => length = number,
        }
    }
    length.ok_or(ResponseError::ContentLength)
}

/// The elements of a comma-separated header value.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// The head that came last on any connection, byte for byte.
///
/// A server under load answers with the same bytes until its `Date` changes, and the same bytes
/// parse to the same head: comparing them costs less than parsing.
#[derive(Debug, Default)]
pub(in crate::load) struct RecentHead {
    bytes: Vec<u8>,
    head: Option<Head>,
}

impl RecentHead {
    pub(super) fn at_start_of(&self, input: &[u8]) -> Option<Head> {
        self.head.filter(|_| input.starts_with(&self.bytes))
    }

    pub(super) fn remember(&mut self, input: &[u8], head: Head) {
        if let Some(bytes) = input.get(..head.len.min(RECENT_MAX + 1))
            && bytes.len() <= RECENT_MAX
        {
            self.bytes.clear();
            self.bytes.extend_from_slice(bytes);
            self.head = Some(head);
        }
    }
}
