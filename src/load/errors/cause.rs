//! What exactly went wrong.

use std::{fmt, io};

use super::tls;
use crate::load::response::{ResponseError, Undecoded};

/// What exactly went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// An error of the operating system, by its number (`errno`).
    Os(i32),
    /// The server closed the connection.
    Closed,
    /// The server did not accept the connection in time.
    NotAccepted,
    /// No byte of a response came in time.
    NoResponse,
    /// A response began in time and did not end in time.
    Unfinished,
    /// A response ended after the time it had.
    Late,
    /// The status of the response.
    Status(u16),
    /// The body does not contain what it should.
    Body,
    /// The body is larger than it may be.
    TooLarge,
    /// The body could not be decoded, to be looked at.
    Undecoded(Undecoded),
    /// The bytes are not a response.
    Malformed(ResponseError),
    /// The handshake of the encryption failed: its alert, or why the certificate is no good.
    Tls(&'static str),
    /// The HTTP/2 connection or stream ended with this error code (RFC 9113, section 7).
    Http2(u32),
    /// None of these, or one too many to be told apart.
    Other,
}

impl Cause {
    /// The system's error, or that of the encryption, if it is one.
    pub(in crate::load) fn of_io(error: &io::Error) -> Self {
        if let Some(number) = error.raw_os_error() {
            return Self::Os(number);
        }
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(error) => Self::Tls(tls::describe(error)),
            None if error.kind() == io::ErrorKind::UnexpectedEof => Self::Closed,
            None => Self::Other,
        }
    }
}

impl Cause {
    /// Whether the other side ended the connection, in one way or another.
    pub(crate) fn is_end(self) -> bool {
        let ends = [libc::ECONNRESET, libc::EPIPE, libc::ECONNABORTED];
        matches!(self, Self::Closed) || matches!(self, Self::Os(number) if ends.contains(&number))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Os(number) => os(*number, f),
            Self::Closed => f.write_str("closed by the server"),
            Self::NotAccepted => f.write_str("not accepted in time"),
            Self::NoResponse => f.write_str("no response in time"),
            Self::Unfinished => f.write_str("the response did not end in time"),
            Self::Late => f.write_str("the response came too late"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Body => f.write_str("the body does not contain the expected text"),
            Self::TooLarge => f.write_str("the body is larger than expected"),
            Self::Undecoded(why) => why.fmt(f),
            Self::Malformed(error) => error.fmt(f),
            Self::Tls(why) => f.write_str(why),
            Self::Http2(code) => match http2_name(*code) {
                Some(name) => write!(f, "HTTP/2 error {name}"),
                None => write!(f, "HTTP/2 error {code:#x}"),
            },
            Self::Other => f.write_str("other"),
        }
    }
}

/// The system's text in lower case, without the number it ends with, and the error's name.
fn os(number: i32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let text = io::Error::from_raw_os_error(number).to_string();
    let text = text.split(" (os error").next().unwrap_or_default().to_lowercase();
    match name(number) {
        Some(name) => write!(f, "{text} ({name})"),
        None => write!(f, "{text} (errno {number})"),
    }
}

/// The names of the errors that sockets have, as in errno(3).
fn name(number: i32) -> Option<&'static str> {
    Some(match number {
        libc::ECONNREFUSED => "ECONNREFUSED",
        libc::ECONNRESET => "ECONNRESET",
        libc::ECONNABORTED => "ECONNABORTED",
        libc::EPIPE => "EPIPE",
        libc::ETIMEDOUT => "ETIMEDOUT",
        libc::EMFILE => "EMFILE",
        libc::ENFILE => "ENFILE",
        libc::EADDRNOTAVAIL => "EADDRNOTAVAIL",
        libc::EADDRINUSE => "EADDRINUSE",
        libc::EHOSTUNREACH => "EHOSTUNREACH",
        libc::ENETUNREACH => "ENETUNREACH",
        libc::ENOBUFS => "ENOBUFS",
        libc::ENOMEM => "ENOMEM",
        libc::ENOENT => "ENOENT",
        libc::EACCES => "EACCES",
        libc::EPERM => "EPERM",
        libc::EAGAIN => "EAGAIN",
        _ => return None,
    })
}

/// The names of HTTP/2's error codes (RFC 9113, section 7).
fn http2_name(code: u32) -> Option<&'static str> {
    const NAMES: [&str; 14] = [
        "NO_ERROR",
        "PROTOCOL_ERROR",
        "INTERNAL_ERROR",
        "FLOW_CONTROL_ERROR",
        "SETTINGS_TIMEOUT",
        "STREAM_CLOSED",
        "FRAME_SIZE_ERROR",
        "REFUSED_STREAM",
        "CANCEL",
        "COMPRESSION_ERROR",
        "CONNECT_ERROR",
        "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY",
        "HTTP_1_1_REQUIRED",
    ];
    NAMES.get(code as usize).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_have_text_and_name() {
        assert_eq!(Cause::Os(libc::EMFILE).to_string(), "too many open files (EMFILE)");
        assert!(Cause::Os(9999).to_string().ends_with("(errno 9999)"));
        assert_eq!(Cause::of_io(&io::Error::other("x")), Cause::Other);
        assert_eq!(
            Cause::of_io(&io::Error::from_raw_os_error(libc::EPIPE)),
            Cause::Os(libc::EPIPE)
        );
    }
}
