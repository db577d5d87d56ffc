//! A plain client: one connection, one request at a time, answers taken as they are.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// Ends a test that fails: no answer takes so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that is kept alive.
pub(super) struct Client(BufReader<TcpStream>);

/// A request; one with a body has it as JSON.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) body: Option<&'a str>,
}

/// A response.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    /// From before the request was sent to the end of the response.
    pub(super) took: Duration,
}

impl Client {
    pub(super) fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("accepts");
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        Self(BufReader::new(stream))
    }

    pub(super) fn get(&mut self, path: &str) -> Answer {
        self.call(&Request { method: "GET", path, body: None })
    }

    pub(super) fn call(&mut self, request: &Request<'_>) -> Answer {
        let Request { method, path, body } = *request;
        let body = body.map_or_else(String::new, |body| {
            let length = body.len();
            format!("Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}")
        });
        let end = if body.is_empty() { "\r\n" } else { "" };
        let text = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json, */*\r\n\
             {body}{end}"
        );
        let sent = Instant::now();
        self.0.get_mut().write_all(text.as_bytes()).expect("takes the request");
        let status = self.status();
        let headers = self.headers();
        let mut answer = Answer { status, headers, body: Vec::new(), took: Duration::ZERO };
        answer.body = self.body(method, &answer);
        answer.took = sent.elapsed();
        answer
    }

    /// Whether the server has closed the connection, which has to be idle; waits for that.
    pub(super) fn is_closed(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(0))
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert_ne!(self.0.read_line(&mut line).expect("text"), 0, "the connection was closed");
        line.trim_end_matches(['\r', '\n']).to_owned()
    }

    fn status(&mut self) -> u16 {
        let line = self.line();
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        status.and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{line:?}"))
    }

    fn headers(&mut self) -> Vec<(String, String)> {
        let lines = std::iter::repeat_with(|| self.line()).take_while(|line| !line.is_empty());
        let parts = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("{line:?}"));
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        parts.collect()
    }

    fn body(&mut self, method: &str, answer: &Answer) -> Vec<u8> {
        if method == "HEAD" || answer.status == 204 {
            return Vec::new();
        }
        if answer.header("transfer-encoding") == Some("chunked") {
            return self.chunks();
        }
        let length = answer.header("content-length").expect("a body says how long it is");
        self.bytes(length.parse().expect("a length"))
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let length = usize::from_str_radix(&self.line(), 16).expect("a length");
            body.append(&mut self.bytes(length));
            assert_eq!(self.line(), "", "a chunk ends here");
            if length == 0 {
                return body;
            }
        }
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).expect("as much as was said");
        bytes
    }
}

impl Answer {
    /// The value of the header with this name, in small letters.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", self.text()))
    }
}
