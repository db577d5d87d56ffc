//! How requests travel: protocol, headers for all of them, secrets, encryption.

use std::{fmt, net::SocketAddr, path::PathBuf};

/// How requests travel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Http {
    /// The protocol.
    pub version: Version,
    /// Requests at once on an HTTP/2 connection; 1 for HTTP/1.1.
    pub streams: u32,
    /// Encryption; none for plain HTTP.
    pub tls: Option<Tls>,
    /// A unix socket to connect to in place of the server's address.
    pub unix: Option<PathBuf>,
    /// What is done with cookies that the server sets.
    pub cookies: Cookies,
}

/// The protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2, with prior knowledge or, under TLS, by ALPN.
    Http2,
}

/// Encryption with TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// Whether any certificate is good.
    pub insecure: bool,
    /// A file of trusted certificates (PEM) in place of the well-known ones.
    pub ca: Option<PathBuf>,
    /// The name to expect in the certificate; `localhost` if none.
    pub server_name: Option<String>,
}

/// What is done with cookies that the server sets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cookies {
    /// They are ignored.
    #[default]
    None,
    /// Each connection keeps its own, as a user would, and sends them with its next request; a
    /// new connection starts without any.
    PerConnection,
}

/// Where the load goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Base {
    /// To the target that is measured.
    #[default]
    Target,
    /// To a server that runs elsewhere, as the script says.
    Fixed(SocketAddr),
}

/// The value of an `Authorization` header. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}
