//! One request and its response on an HTTP/2 connection.

use std::{future::poll_fn, io::ErrorKind};

use ::h2::{Error, Reason, client::SendRequest};
use ::http::header::CONTENT_ENCODING;
use bytes::Bytes;

use super::message::Message;
use crate::load::{
    errors::{Cause, Phase},
    response::{Codings, Complete, ResponseError},
};

/// Most bytes of a body that are kept for a check.
const BODY_KEPT_MAX: usize = 16 * 1024 * 1024;

/// What of a response has come so far; complete when its exchange has ended well.
#[derive(Debug, Default)]
pub(super) struct Answer {
    /// Zero until the head has come.
    pub(super) status: u16,
    /// Bytes of the body.
    pub(super) bytes: u64,
    /// The body, where it is kept, up to a limit.
    pub(super) body: Vec<u8>,
    /// What was done to it to make it smaller.
    codings: Codings,
}

/// Why there is no complete response.
#[derive(Debug)]
pub(super) enum Broken {
    /// The connection took no further request.
    Unsent(Error),
    /// The request was sent, if not all of it.
    Failed(Error),
    /// The connection has ended without a reason.
    Closed,
    /// The body is to be checked, and too long for that.
    TooLong,
}

impl Broken {
    /// Whether the server has done nothing for the request: it was never sent, or the server says
    /// so.
    pub(super) fn is_untouched(&self) -> bool {
        matches!(self, Self::Unsent(_)) || self.is_orderly()
    }

    /// Whether the server says that it does nothing for the request, and blames nobody: it refused
    /// the stream, or takes none of that number any more (RFC 9113, 6.8 and 8.7).
    pub(super) fn is_orderly(&self) -> bool {
        let (Self::Unsent(error) | Self::Failed(error)) = self else { return false };
        error.is_remote()
            && match error.reason() {
                Some(Reason::NO_ERROR) => error.is_go_away(),
                Some(Reason::REFUSED_STREAM) => error.is_reset(),
                _ => false,
            }
    }
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Answer {
    /// Sends `message` and reads its response to the end.
    pub(super) async fn fetch(
        &mut self,
        send: &mut SendRequest<Bytes>,
        message: &Message,
        keep_body: bool,
    ) -> Result<(), Broken> {
        let body = message.body();
        let sent = send.send_request(message.head(), body.is_empty());
        let (response, mut upload) = sent.map_err(Broken::Unsent)?;
        if !body.is_empty() {
            // What flow control does not let pass yet waits as a reference to the same bytes.
            upload.send_data(body.clone(), true)?;
        }
        let response = response.await?;
        self.status = response.status().as_u16();
        for value in response.headers().get_all(CONTENT_ENCODING) {
            self.codings.add(value.as_bytes());
        }
        let mut download = response.into_body();
        while let Some(data) = download.data().await {
            let data = data?;
            self.bytes += data.len() as u64;
            if keep_body {
                if self.body.len() + data.len() > BODY_KEPT_MAX {
                    return Err(Broken::TooLong);
                }
                self.body.extend_from_slice(&data);
            }
            // Without this, the server may send no more than a window full.
            download.flow_control().release_capacity(data.len())?;
        }
        poll_fn(|context| download.poll_trailers(context)).await?;
        Ok(())
    }

    /// The whole response, to be judged.
    pub(super) fn complete(&self) -> Complete<'_> {
        let Self { status, bytes, body, codings } = self;
        Complete { status: *status, body, codings: *codings, bytes: *bytes }
    }

    /// In which phase, and why, the exchange failed.
    pub(super) fn classify(&self, broken: &Broken) -> (Phase, Cause) {
        let error = match broken {
            Broken::Unsent(error) | Broken::Failed(error) => error,
            Broken::Closed => return (Phase::FirstByte, Cause::Closed),
            Broken::TooLong => {
                return (Phase::Check, Cause::Malformed(ResponseError::BodyTooLong));
            }
        };
        let begun = if self.status == 0 { Phase::FirstByte } else { Phase::Body };
        match (error.reason(), error.get_io()) {
            // What this end objects to is not HTTP/2.
            (Some(reason), _) if error.is_library() => (Phase::Parse, Cause::Http2(reason.into())),
            (Some(reason), _) => (begun, Cause::Http2(reason.into())),
            (None, Some(error)) => (begun, cause_of_kind(error.kind())),
            (None, None) => (begun, Cause::Other),
        }
    }
}

/// An error of the connection reaches its streams by its kind only.
fn cause_of_kind(kind: ErrorKind) -> Cause {
    match kind {
        // The end of the connection looks like this too.
        ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => Cause::Closed,
        ErrorKind::ConnectionReset => Cause::Os(libc::ECONNRESET),
        ErrorKind::ConnectionAborted => Cause::Os(libc::ECONNABORTED),
        ErrorKind::TimedOut => Cause::Os(libc::ETIMEDOUT),
        ErrorKind::InvalidData => Cause::Tls("what the server sends cannot be decrypted"),
        _ => Cause::Other,
    }
}
