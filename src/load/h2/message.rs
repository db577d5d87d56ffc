//! Requests as HTTP/2 sends them.

use ::http::{
    HeaderName, HeaderValue, Method, Request as Head, Uri,
    header::{CONNECTION, HOST, TRANSFER_ENCODING, UPGRADE},
};
use bytes::Bytes;
use rustc_hash::FxHashMap;

use crate::load::{pool::Pool, request::Request};

/// Most headers of a request.
const HEADERS_MAX: usize = 100;

/// A request's head and body.
#[derive(Debug, Clone)]
pub(in crate::load) struct Message {
    head: Head<()>,
    body: Bytes,
}

/// The requests of a pool, in its order.
#[derive(Debug)]
pub(in crate::load) struct Messages {
    /// Each distinct one once; never empty, as a pool is not.
    distinct: Vec<Message>,
    order: Vec<usize>,
}

impl Messages {
    /// The same requests for HTTP/2; an error says what of one cannot be sent that way.
    pub(in crate::load) fn of(pool: &Pool, encrypted: bool) -> Result<Self, String> {
        let mut known = FxHashMap::default();
        let mut messages = Self { distinct: Vec::new(), order: Vec::with_capacity(pool.len()) };
        for index in 0..pool.len() {
            let request: *const Request = pool.get(index);
            let place = match known.get(&request) {
                Some(place) => *place,
                None => {
                    let place = messages.distinct.len();
                    messages.distinct.push(Message::of(pool.get(index), encrypted)?);
                    known.insert(request, place);
                    place
                }
            };
            messages.order.push(place);
        }
        Ok(messages)
    }

    /// The message at `index`, counted on from the first again after the last.
    pub(super) fn get(&self, index: usize) -> &Message {
        &self.distinct[self.order[index % self.order.len()]]
    }
}

impl Message {
    /// Reads the bytes of the request for HTTP/1.1: what makes them is in one place only.
    pub(super) fn of(request: &Request, encrypted: bool) -> Result<Self, String> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Request::new(&mut headers);
        let bytes = request.bytes();
        let length = match parsed.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Err("its head does not end".to_owned()),
            Err(error) => return Err(format!("its head is not valid: {error}")),
        };
        let mut head = Head::new(());
        let method = parsed.method.unwrap_or_default();
        *head.method_mut() = Method::from_bytes(method.as_bytes()).map_err(|e| e.to_string())?;
        let mut authority = "";
        for header in parsed.headers.iter() {
            let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|e| e.to_string())?;
            if name == HOST {
                authority = str::from_utf8(header.value).map_err(|e| e.to_string())?;
            } else if !concerns_connection(&name) {
                let value = HeaderValue::from_bytes(header.value).map_err(|e| e.to_string())?;
                head.headers_mut().append(name, value);
            }
        }
        let uri = Uri::builder()
            .scheme(if encrypted { "https" } else { "http" })
            .authority(authority)
            .path_and_query(parsed.path.unwrap_or_default());
        *head.uri_mut() = uri.build().map_err(|error| format!("its path is no URI: {error}"))?;
        let body = Bytes::copy_from_slice(bytes.get(length..).unwrap_or_default());
        Ok(Self { head, body })
    }

    pub(super) fn head(&self) -> Head<()> {
        self.head.clone()
    }

    pub(super) fn body(&self) -> &Bytes {
        &self.body
    }
}

/// Whether a header speaks of the connection, which has none in HTTP/2 (RFC 9113, 8.2.2).
fn concerns_connection(name: &HeaderName) -> bool {
    [CONNECTION, TRANSFER_ENCODING, UPGRADE].contains(name)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(path: &str, expect: Expect) {
        let addr = "127.0.0.1:80".parse().expect("an address");
        let shown = match Message::of(&Request::get(addr, path), false) {
            Ok(message) => {
                let head = message.head();
                format!("{} {} {:?}", head.method(), head.uri(), head.headers())
            }
            Err(error) => error,
        };
        expect.assert_eq(&shown);
    }

    #[test]
    fn a_request_is_the_same_in_both_versions() {
        check("/a?b=c", expect!["GET http://127.0.0.1:80/a?b=c {}"]);
        let several = "/ HTTP/1.1\r\nConnection: close\r\nKeep-Alive: 5\r\nA: b\r\nA: c\r\nX: ";
        check(
            several,
            expect![[r#"GET http://127.0.0.1:80/ {"a": "b", "a": "c", "x": "HTTP/1.1"}"#]],
        );
        check("no path", expect!["its head is not valid: invalid HTTP version"]);
    }
}
