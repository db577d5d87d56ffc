//! `GET /debug/pprof/profile?seconds=N`: a CPU profile of the process that serves it, as Go's
//! net/http/pprof answers.
//!
//! Nothing is set up before the first profile, and nothing ticks between two of them.
//!
//! Samples are taken at SIGPROF, and unwound by libgcc with the unwind tables. The crate has a
//! faster way, by frame pointers, which loses the innermost function of each stack: its time would
//! be its caller's, and that of the C library its caller's caller's. No library is passed over, as
//! is often done with the C library: much of a server's time is in its system calls.
//!
//! The signal's timer counts CPU time in ticks of the kernel. A server that runs in short bursts
//! gets fewer than 100 samples for each second of CPU time: shares hold, sums do not.
//! The first profile takes 200 MiB of memory for its samples, which the process keeps.

mod profile;

use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS},
};

/// Where the profile is.
pub const PATH: &str = "/debug/pprof/profile";

/// For how long the process is profiled unless the query says so, as in Go.
const USUAL_SECONDS: u64 = 30;

/// For how long it is profiled at most.
const MOST_SECONDS: u64 = 60;

const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const FILE: HeaderValue = HeaderValue::from_static("attachment; filename=\"profile\"");
const NO_SNIFF: HeaderValue = HeaderValue::from_static("nosniff");
/// With this, `go tool pprof` shows the text of an error.
const IS_PPROF: HeaderName = HeaderName::from_static("x-go-pprof");

/// Answers a request for a profile whose URL has this query: after the seconds it asks for, in a
/// runtime of tokio. Profiling ends when the future is dropped.
pub async fn answer(query: Option<&str>) -> Response<Vec<u8>> {
    let Some(seconds) = seconds(query.unwrap_or_default()) else {
        let text = format!("seconds must be a number from 1 to {MOST_SECONDS}");
        return refusal(StatusCode::BAD_REQUEST, &text);
    };
    match profile::take(seconds).await {
        Ok(profile) => success(profile),
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// The number of seconds that a query asks for; none if it is out of bounds, or no number.
fn seconds(query: &str) -> Option<u64> {
    match query.split('&').find_map(|pair| pair.strip_prefix("seconds=")) {
        Some(text) => text.parse().ok().filter(|seconds| (1..=MOST_SECONDS).contains(seconds)),
        None => Some(USUAL_SECONDS),
    }
}

fn success(profile: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(profile);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, BYTES);
    headers.insert(CONTENT_DISPOSITION, FILE);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    response
}

fn refusal(status: StatusCode, text: &str) -> Response<Vec<u8>> {
    let mut response = Response::new(format!("{text}\n").into_bytes());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, TEXT);
    headers.insert(X_CONTENT_TYPE_OPTIONS, NO_SNIFF);
    headers.insert(IS_PPROF, HeaderValue::from_static("1"));
    response
}

#[cfg(test)]
mod tests;
