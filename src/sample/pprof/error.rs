//! Why a profile could not be had from a server.

use std::io;

use thiserror::Error;

/// Why a profile could not be had from a server.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "each message says what the variant means")]
pub enum PprofError {
    #[error(
        "{process} has no profile at {url}: serve one there, as net/http/pprof does, or say with \
         `pprof` in the manifest where it is"
    )]
    NotFound { process: String, url: String },
    #[error("{process} has no port that a profile could be fetched from")]
    NoPort { process: String },
    #[error("{url} answers with status {status} instead of a profile{text}{}", hint(*status))]
    Status { url: String, status: u16, text: String },
    #[error("cannot fetch a profile from {url}: {source}")]
    Fetch { url: String, source: io::Error },
    #[error("{url} gave no profile within {seconds} s")]
    Late { url: String, seconds: u64 },
    #[error("what {url} answers is not HTTP/1")]
    NotHttp { url: String },
    #[error("the profile from {url} cannot be used: {source}")]
    Decode { url: String, source: DecodeError },
    #[error("cannot start a thread that fetches profiles: {0}")]
    Thread(io::Error),
    #[error("it was given up")]
    Abandoned,
}

/// Why bytes are not a CPU profile.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "each message says what the variant means")]
pub enum DecodeError {
    #[error("it is empty")]
    Empty,
    #[error("it ends too early: {got} of {expected} bytes came")]
    Short { got: usize, expected: usize },
    #[error("it cannot be unpacked: {0}; was the answer cut short?")]
    Unpack(String),
    #[error("it unpacks to more than {} MiB, or to a hundred times its size", super::decode::BYTES_MAX >> 20)]
    TooLarge,
    #[error("it is not profile.proto: {0}")]
    NotProto(String),
    #[error("it is not a CPU profile, but has {0}")]
    NotCpu(String),
    #[error("it does not say how much time a sample stands for")]
    NoPeriod,
    #[error("it refers to {what} {id}, which it does not have")]
    Dangling { what: &'static str, id: u64 },
    #[error("it has more parts than any profile")]
    TooManyParts,
    #[error("the frames of its stacks take more than {} MiB", super::decode::FRAMES_MAX >> 20)]
    TooManyFrames,
    #[error("it has more samples than can be added up")]
    TooMany,
}

/// What a status means where a profile is asked for.
fn hint(status: u16) -> &'static str {
    match status {
        500 => ": is another profile of it being taken?",
        _ => "",
    }
}
