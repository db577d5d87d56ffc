//! A response's head: status, how its body ends, and whether the connection lasts.

use memchr::memmem;

use super::{Codings, ResponseError};

/// More headers than this take memory of their own.
const HEADERS_USUAL: usize = 100;
/// A longer head is not worth comparing and copying.
const RECENT_MAX: usize = 2048;

/// What a head says that matters for reading on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) framing: Framing,
    pub(super) keep_alive: bool,
    pub(super) codings: Codings,
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
    /// The body's framing follows RFC 9112, section 6.3. Headers that go on in the next line, which
    /// a recipient has to take for one line (section 5.2), may be any number, as all of them may.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, ResponseError> {
        let mut usual = [httparse::EMPTY_HEADER; HEADERS_USUAL];
        let parsed = match Self::read(bytes, &mut usual) {
            // Reading more of them each time that a few have come would take quadratic time.
            Err(httparse::Error::TooManyHeaders) if !has_end(bytes) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => {
                let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
                Self::read(bytes, &mut vec![httparse::EMPTY_HEADER; lines])
            }
            parsed => parsed,
        };
        parsed.unwrap_or_else(|_| Err(wrong_line(bytes)))
    }

    /// The same with room for so many headers; the outer error is one of the syntax.
    fn read<'b>(
        bytes: &'b [u8],
        headers: &mut [httparse::Header<'b>],
    ) -> Result<Result<Option<Self>, ResponseError>, httparse::Error> {
        let mut response = httparse::Response::new(headers);
        let mut config = httparse::ParserConfig::default();
        config.allow_obsolete_multiline_headers_in_responses(true);
        Ok(match config.parse_response(&mut response, bytes)? {
            httparse::Status::Complete(len) => Self::of(&response, len).map(Some),
            httparse::Status::Partial => Ok(None),
        })
    }

    /// What matters of a head of so many bytes.
    fn of(response: &httparse::Response<'_, '_>, len: usize) -> Result<Self, ResponseError> {
        // Three digits, the first of which says what kind of response it is (RFC 9110, 15).
        let status = response.code.unwrap_or_default();
        if !(100..1000).contains(&status) {
            return Err(ResponseError::Syntax);
        }
        let mut length = None;
        let mut coding = None;
        let mut codings = Codings::default();
        // HTTP/1.1 connections last unless told otherwise, HTTP/1.0 ones the other way about.
        let mut keep_alive = response.version == Some(1);
        for header in response.headers.iter() {
            let name = header.name;
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(content_length(header.value, length)?);
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                // Codings add up over several headers; the last one frames the body.
                coding = elements(header.value).last().or(coding);
            } else if name.eq_ignore_ascii_case("content-encoding") {
                codings.add(header.value);
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
        Ok(Self { status, framing, keep_alive, codings, len })
    }
}

/// Whether there is the empty line that ends a head.
fn has_end(bytes: &[u8]) -> bool {
    [b"\n\r\n".as_slice(), b"\n\n"].iter().any(|end| memmem::find(bytes, end).is_some())
}

/// What is wrong with a head: the line that is no header, if the first one is a status.
fn wrong_line(bytes: &[u8]) -> ResponseError {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let mut response = httparse::Response::new(&mut []);
    let first = [first.trim_ascii_end(), b"\r\n\r\n"].concat();
    if !response.parse(&first).is_ok_and(|status| status.is_complete()) {
        return ResponseError::Syntax;
    }
    let rest = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let headers = rest.take_while(|line| !line.is_empty());
    let wrong = (2_u16..).zip(headers).find(|(_, line)| !is_header(line));
    wrong.map_or(ResponseError::Syntax, |(number, _)| ResponseError::Header(number))
}

/// Whether a line is a header, or the rest of one (RFC 9112, 5).
fn is_header(line: &[u8]) -> bool {
    let is_value = |text: &[u8]| text.iter().all(|byte| *byte == b'\t' || !byte.is_ascii_control());
    if line.starts_with(b" ") || line.starts_with(b"\t") {
        return is_value(line);
    }
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return false };
    let (name, value) = line.split_at(colon);
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !name.is_empty() && name.iter().all(is_token) && is_value(value)
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
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
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
