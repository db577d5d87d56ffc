//! A request rendered to bytes, and what counts as a good response to it.

use std::net::SocketAddr;

use memchr::memmem::Finder;

use super::script::{Expect, Secret};

/// A request as it goes over the wire, with what its response must be.
#[derive(Debug, Clone)]
pub struct Request {
    bytes: Vec<u8>,
    is_head: bool,
    closes: bool,
    expected_status: Vec<u16>,
    expected_body: Option<Finder<'static>>,
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
    Status,
    Body,
}

impl Request {
    /// A plain GET of `path`, of which any 2xx is a good response.
    pub fn get(addr: SocketAddr, path: &str) -> Self {
        let bytes = format!("GET {path} HTTP/1.1\r\nHost: {addr}\r\n\r\n").into_bytes();
        Self {
            bytes,
            is_head: false,
            closes: false,
            expected_status: Vec::new(),
            expected_body: None,
        }
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
        head.push_str("\r\n");
        let closes = named("connection")
            .flat_map(|(_, value)| value.split(','))
            .any(|option| option.trim().eq_ignore_ascii_case("close"));
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        Self {
            bytes,
            is_head: *method == "HEAD",
            closes,
            expected_status: expect.status.clone(),
            expected_body: expect.body_contains.as_ref().map(|text| Finder::new(text).into_owned()),
        }
    }

    /// Head and body as they are sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether the response has no body whatever its head says.
    pub(super) fn is_head(&self) -> bool {
        self.is_head
    }

    /// Whether the request itself asks for the connection to end.
    pub(super) fn closes(&self) -> bool {
        self.closes
    }

    /// Whether the response's body is looked at.
    pub(super) fn checks_body(&self) -> bool {
        self.expected_body.is_some()
    }

    /// Judges a complete response.
    pub(super) fn judge(&self, status: u16, body: &[u8]) -> Result<(), Fault> {
        let expected = match self.expected_status.as_slice() {
            [] => (200..300).contains(&status),
            expected => expected.contains(&status),
        };
        if !expected {
            return Err(Fault::Status);
        }
        match &self.expected_body {
            Some(text) if text.find(body).is_none() => Err(Fault::Body),
            _ => Ok(()),
        }
    }
}
