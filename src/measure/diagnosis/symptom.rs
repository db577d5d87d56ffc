//! Kinds of errors that have the same meaning for whoever looks for their cause.

use std::time::Duration;

use crate::{
    load::{Age, Cause, Failure, Phase},
    unit::Nanos,
};

/// What several kinds of errors have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Symptom {
    /// Nothing listens.
    Refused,
    /// A connection was not accepted in time.
    NotAccepted,
    /// A new connection was closed before its first response.
    ClosedNew,
    /// A new connection was reset before its first response.
    ResetNew,
    /// A connection that had answered ended before the first byte of the next response.
    EndedReused,
    /// A response broke off.
    BrokenOff,
    /// No byte of a response came in time.
    NoResponse,
    /// A response did not end in time.
    Unfinished,
    /// A response ended too late.
    Late,
    /// Something that is not HTTP came.
    NotHttp(Cause),
    /// A status that the script does not expect.
    Status(u16),
    /// A response that fails another check.
    Check(Cause),
    /// The handshake of the encryption failed.
    Tls(Cause),
    /// Anything else, as it is.
    Other(Failure),
}

impl Symptom {
    pub(super) fn of(failure: Failure) -> Self {
        let Failure { phase, cause, age } = failure;
        match (phase, cause, age) {
            (Phase::Connect, Cause::Os(libc::ECONNREFUSED | libc::ENOENT), _) => Self::Refused,
            (Phase::Connect, Cause::NotAccepted | Cause::Os(libc::ETIMEDOUT), _) => {
                Self::NotAccepted
            }
            // A unix socket says at once that its queue is full.
            (Phase::Connect, Cause::Os(libc::EAGAIN), _) => Self::NotAccepted,
            (Phase::FirstByte | Phase::Write, cause, Age::Reused) if cause.is_end() => {
                Self::EndedReused
            }
            (Phase::FirstByte | Phase::Write, Cause::Closed, Age::New) => Self::ClosedNew,
            (Phase::Connect | Phase::FirstByte | Phase::Write, cause, _) if cause.is_end() => {
                Self::ResetNew
            }
            (Phase::Body, cause, _) if cause.is_end() => Self::BrokenOff,
            (Phase::Timeout, Cause::NoResponse, _) => Self::NoResponse,
            (Phase::Timeout, Cause::Unfinished, _) => Self::Unfinished,
            (Phase::Timeout, Cause::Late, _) => Self::Late,
            (Phase::Parse, cause, _) => Self::NotHttp(cause),
            (Phase::Status, Cause::Status(status), _) => Self::Status(status),
            (Phase::Check, cause, _) => Self::Check(cause),
            (Phase::Tls, cause, _) => Self::Tls(cause),
            _ => Self::Other(failure),
        }
    }

    /// Whether a server that does not accept what waits would show it.
    pub(super) fn is_of_a_full_queue(self) -> bool {
        matches!(self, Self::NotAccepted | Self::ResetNew | Self::NoResponse)
    }

    /// What happened and where to look, of a server that has, or has not, answered well at all.
    pub(super) fn text(self, answered: bool, timeout: Nanos) -> String {
        let timeout = Duration::from(timeout);
        match self {
            Self::Refused if answered => {
                "connections are refused: nothing listens there any more, so the server ended, or \
                 closed its listening socket"
                    .to_owned()
            }
            Self::Refused => "connections are refused: nothing listens there".to_owned(),
            Self::NotAccepted => format!("connections were not accepted within {timeout:?}"),
            Self::ClosedNew => {
                "the server accepts connections and closes them before their first response: a \
                 limit or a guard in the server"
                    .to_owned()
            }
            Self::ResetNew => {
                "the server resets new connections before the first byte of a response: it fails \
                 on what it reads, or gives them up unread"
                    .to_owned()
            }
            Self::EndedReused => {
                "the server ended connections that it had served, with the next request under \
                 way: it was restarted, or keeps connections only so long or for so many requests \
                 and does not say so; a `requests_per_connection` below that number ends them \
                 before it does"
                    .to_owned()
            }
            Self::BrokenOff => "the server broke off responses after their first byte".to_owned(),
            Self::NoResponse if answered => {
                format!("requests had no response within {timeout:?}")
            }
            Self::NoResponse => {
                format!("the server takes requests and answers none within {timeout:?}")
            }
            Self::Unfinished => {
                format!("responses began and did not end within {timeout:?}")
            }
            Self::Late => format!("responses took longer than {timeout:?}"),
            Self::NotHttp(cause) => format!("what the server sends is no good HTTP: {cause}"),
            Self::Status(status) => {
                format!("the server answers with status {status}, which the script does not expect")
            }
            Self::Check(cause) => format!("responses fail the script's check: {cause}"),
            Self::Tls(cause) => format!("the encryption could not be set up: {cause}"),
            Self::Other(failure) => failure.to_string(),
        }
    }
}
