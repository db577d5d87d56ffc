//! The requests of a script as tools want them: in parts, variables filled in.

use std::net::SocketAddr;

use super::ExternalError;
use crate::load::{LoadError, Pool, Request, Script, Secret, Tls};

/// So many headers are no mistake of a script, and more are one.
const HEADERS_MAX: usize = 256;

/// A request in parts. `Host`, unless the script sets it, and `Content-Length` are the tool's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wire {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Wire {
    /// Takes a rendered request apart again: so it is the same that the built-in engine sends.
    pub(super) fn of(request: &Request, addr: SocketAddr) -> Option<Self> {
        let bytes = request.bytes();
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut head = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(length) = head.parse(bytes).ok()? else { return None };
        let host = addr.to_string();
        let is_tools = |header: &&httparse::Header<'_>| {
            let is_host = header.name.eq_ignore_ascii_case("host");
            header.name.eq_ignore_ascii_case("content-length")
                || is_host && header.value == host.as_bytes()
        };
        let headers = head.headers.iter().filter(|header| !is_tools(header));
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        Some(Self {
            method: head.method?.to_owned(),
            path: head.path?.to_owned(),
            headers: headers.map(|header| (header.name.to_owned(), text(header.value))).collect(),
            body: bytes.get(length..)?.to_vec(),
        })
    }

    /// The header `name`, if it is there.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut named = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.as_str())
    }
}

/// What stands on both sides of the name of a variable of the environment where its value belongs:
/// a character for private use, which no header has. The scripts of wrk and k6 know it.
const MARK: char = '\u{f8ff}';

/// The requests of `script` as rendered for the built-in engine, but with `auth` left out and, where
/// something comes from the environment, only its name.
///
/// # Errors
/// When the address is another machine's, or the script cannot be rendered.
pub(super) fn pool(script: &Script, addr: SocketAddr) -> Result<Pool, LoadError> {
    if !addr.ip().is_loopback() && !script.limits.allow_remote {
        return Err(LoadError::Remote(addr));
    }
    if script.authorization.is_none() && script.environment.is_empty() {
        return Pool::render(script, addr);
    }
    let marked = |name: &String| (name.clone(), Secret(format!("{MARK}{name}{MARK}")));
    let environment = script.environment.iter().map(|(name, _)| marked(name)).collect();
    Pool::render(&Script { authorization: None, environment, ..script.clone() }, addr)
}

/// The only request of `script`, for tools that know no more than one.
///
/// # Errors
/// As [`pool`].
pub(super) fn only(script: &Script, addr: SocketAddr) -> Result<Wire, ExternalError> {
    let pool = pool(script, addr)?;
    Wire::of(pool.get(0), addr)
        .ok_or_else(|| LoadError::invalid(&script.name, "its request has too many headers").into())
}

/// The address as a URL without a path.
pub(super) fn origin(script: &Script, addr: SocketAddr) -> String {
    let scheme = if script.http.tls.is_some() { "https" } else { "http" };
    match &script.http.tls {
        Some(tls) if !tls.insecure => format!("{scheme}://{}:{}", server_name(tls), addr.port()),
        _ => format!("{scheme}://{addr}"),
    }
}

/// The name to expect in the certificate.
pub(super) fn server_name(tls: &Tls) -> &str {
    tls.server_name.as_deref().unwrap_or("localhost")
}
