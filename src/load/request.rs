//! A request rendered to bytes, and what counts as a good response to it.

use std::net::SocketAddr;

use memchr::memmem::Finder;

use super::{
    errors::{Cause, Phase},
    response::{Complete, Undecoded, Wanted},
    script::{Expect, Secret},
};

/// Methods whose requests do twice what they do once (RFC 9110, 9.2.2).
const IDEMPOTENT: [&str; 6] = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"];

/// A request as it goes over the wire, with what its response must be.
#[derive(Debug, Clone)]
pub struct Request {
    bytes: Vec<u8>,
    /// Where the empty line is that ends the head.
    head_end: usize,
    is_head: bool,
    closes: bool,
    is_idempotent: bool,
    expected_status: Vec<u16>,
    expected_body: Option<Finder<'static>>,
    max_bytes: u64,
}

/// What a request is made of, with nothing left to fill in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    pub(super) method: &'a str,
    /// Path and query as they go over the wire.
    pub(super) path: &'a str,
    pub(super) headers: &'a [(&'a str, String)],
    /// Empty for none.
    pub(super) body: &'a [u8],
    pub(super) expect: &'a Expect,
}

/// What is wrong with a complete response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Status(u16),
    /// The body is larger than it may be.
    TooLarge,
    Body,
    /// Nobody can say what the body contains.
    Undecoded(Undecoded),
}

impl Fault {
    /// How it is counted.
    pub(super) fn failure(self) -> (Phase, Cause) {
        match self {
            Self::Status(status) => (Phase::Status, Cause::Status(status)),
            Self::TooLarge => (Phase::Check, Cause::TooLarge),
            Self::Body => (Phase::Check, Cause::Body),
            Self::Undecoded(why) => (Phase::Check, Cause::Undecoded(why)),
        }
    }
}

impl Request {
    /// A plain GET of `path`, of which any 2xx is a good response.
    pub fn get(addr: SocketAddr, path: &str) -> Self {
        let parts =
            Parts { method: "GET", path, headers: &[], body: &[], expect: &Expect::default() };
        Self::render(&parts, addr, None)
    }

    /// Renders a request to be sent to `addr`.
    pub(super) fn render(
        parts: &Parts<'_>,
        addr: SocketAddr,
        authorization: Option<&Secret>,
    ) -> Self {
        let Parts { method, path, headers, body, expect } = parts;
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        let mut line = |name: &str, value: &str| {
            head.extend([name, ": ", value, "\r\n"]);
        };
        let named = |name: &'static str| {
            headers.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name))
        };
        if named("host").next().is_none() {
            line("Host", &addr.to_string());
        }
        if let Some(Secret(value)) = authorization {
            line("Authorization", value);
        }
        for (name, value) in *headers {
            line(name, value);
        }
        // Methods with a meaning for a body say so even when there is none (RFC 9110, 8.6).
        if !body.is_empty() || matches!(*method, "POST" | "PUT" | "PATCH") {
            line("Content-Length", &body.len().to_string());
        }
        let head_end = head.len();
        head.push_str("\r\n");
        let closes = named("connection")
            .flat_map(|(_, value)| value.split(','))
            .any(|option| option.trim().eq_ignore_ascii_case("close"));
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        Self {
            bytes,
            head_end,
            is_head: *method == "HEAD",
            closes,
            is_idempotent: IDEMPOTENT.contains(method),
            expected_status: expect.status.clone(),
            expected_body: expect.body_contains.as_ref().map(|text| Finder::new(text).into_owned()),
            max_bytes: expect.max_bytes.unwrap_or(u64::MAX),
        }
    }

    /// Head and body as they are sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes before and after the place for a further header.
    pub(super) fn halves(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at(self.head_end)
    }

    /// Whether the request itself asks for the connection to end.
    pub(super) fn closes(&self) -> bool {
        self.closes
    }

    /// Whether it may be sent again where nobody can tell if it was done (RFC 9112, 9.3.1).
    pub(super) fn is_idempotent(&self) -> bool {
        self.is_idempotent
    }

    /// Whether good responses differ by what the script says: they are counted by status then.
    pub(super) fn expects_several(&self) -> bool {
        self.expected_status.len() > 1
    }

    /// What must be read of the response, for it to be judged.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted { bodiless: self.is_head, body: self.expected_body.is_some(), head: false }
    }

    /// Judges a complete response: its status, how many bytes it has, and its decoded body if that
    /// is wanted.
    pub(super) fn judge(&self, response: &Complete<'_>) -> Result<(), Fault> {
        let Complete { status, body, codings, bytes } = *response;
        let expected = match self.expected_status.as_slice() {
            [] => (200..300).contains(&status),
            expected => expected.contains(&status),
        };
        if !expected {
            return Err(Fault::Status(status));
        }
        if bytes > self.max_bytes {
            return Err(Fault::TooLarge);
        }
        let Some(text) = &self.expected_body else { return Ok(()) };
        let found = if codings.is_empty() {
            text.find(body)
        } else {
            text.find(&codings.decode(body).map_err(Fault::Undecoded)?)
        };
        found.map(drop).ok_or(Fault::Body)
    }
}
