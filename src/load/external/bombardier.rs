//! bombardier: one request, closed loop or a limit for the rate; JSON output.
//!
//! It counts statuses by class, and its latencies include requests that failed.

mod json;

use std::net::SocketAddr;

use super::{
    ExternalError, LatencyKind,
    demand::{Answer, Demand, check, decides, no, no_secret_argument, only_if},
    invocation::Draft,
    wire,
};
use crate::load::{EngineKind, Extent, Pace, Script, Stat, Threads, Version};

pub(super) use json::parse;

const ENGINE: EngineKind = EngineKind::Bombardier;

/// The command for `script`.
pub(super) fn command(script: &Script, addr: SocketAddr) -> Result<Draft, ExternalError> {
    check(script, ENGINE, |demand| answer(script, demand))?;
    let request = wire::only(script, addr)?;
    let mut draft = Draft::default();
    draft.args(["-p", "r", "-o", "j", "-l"]);
    draft.args(["-c", &connections(script).to_string()]);
    match &script.extent {
        Extent::Requests(requests) => draft.args(["-n", &requests.to_string()]),
        _ => draft.args(["-d", &format!("{}ms", script.duration().as_millis())]),
    };
    if let Pace::Open { rate, .. } = script.pace {
        draft.args(["-r", &rate.to_string()]);
    }
    draft.args(["-m", &request.method, "-t", &format!("{}ms", script.timeout.as_millis())]);
    if script.http.version == Version::Http2 {
        draft.arg("--http2");
    }
    if script.http.tls.is_some() {
        draft.arg("-k");
    }
    if script.requests_per_connection.is_some() {
        // Its client of HTTP/1.1 has no other way to close connections.
        draft.args(["-H", "Connection: close"]);
    }
    for (name, value) in &request.headers {
        draft.args(["-H", &format!("{name}: {value}")]);
    }
    if let Threads::Count(threads) = script.threads {
        draft.env("GOMAXPROCS", threads.to_string());
    }
    if !request.body.is_empty() {
        draft.arg("-f").file_arg("body", request.body);
    }
    draft.arg(format!("{}{}", wire::origin(script, addr), request.path));
    let statuses = &script.request().expect.status;
    if !statuses.is_empty() {
        draft.notes.push(
            "bombardier counts statuses by class: any 2xx was taken for an expected one".to_owned(),
        );
    }
    Ok(draft)
}

/// Its clients share one HTTP/2 connection, so that they are its streams.
fn connections(script: &Script) -> u32 {
    script.pace.connections().get().saturating_mul(script.http.streams.max(1))
}

fn answer(script: &Script, demand: &Demand<'_>) -> Answer {
    match *demand {
        Demand::Closed
        | Demand::Queue
        | Demand::Requests(_)
        | Demand::Threads(_)
        | Demand::Method(_)
        | Demand::Body(_) => Ok(()),
        Demand::Authorization | Demand::SecretHeader(_) | Demand::SecretQuery(_) => {
            no_secret_argument()
        }
        Demand::OwnScript => no("it runs no scripts: use wrk, wrk2 or k6"),
        Demand::Think { .. } => no("it does not wait: use wrk, k6 or the built-in engine"),
        Demand::Rate(rate) => {
            only_if(rate.fract() == 0.0, "its rate is a whole number of requests a second")
        }
        Demand::Poisson => no("it paces evenly: use the built-in engine"),
        Demand::Drop => no("a request that is due waits for a connection: use k6"),
        Demand::Duration(time) | Demand::Timeout(time) => {
            only_if(time.subsec_micros().is_multiple_of(1_000), "its times are milliseconds here")
        }
        Demand::Stages | Demand::Unrecorded => {
            no("its load does not change: use k6 or the built-in engine")
        }
        Demand::RequestsPerConnection(count) => only_if(
            count == 1 && script.http.version == Version::Http1,
            "it closes a connection after each request or never: use 1, or the built-in engine",
        ),
        Demand::Pipeline => no("it waits for each response: use wrk or the built-in engine"),
        Demand::Http2 { .. } => only_if(
            script.http.tls.is_some() && script.pace.connections().get() == 1,
            "it speaks HTTP/2 under TLS only, and over a single connection: use oha",
        ),
        Demand::Tls(tls) => only_if(
            tls.insecure && tls.server_name.is_none(),
            "it has no option for the certificates to trust or for the server's name: say \
             `insecure = true`, or use k6 or oha",
        ),
        Demand::Unix => no("it connects to addresses only: use oha or the built-in engine"),
        Demand::Cookies => no("it keeps no cookies: use k6 or the built-in engine"),
        Demand::Vars => no("it repeats one request: use wrk, k6 or the built-in engine"),
        Demand::Mix => no("it knows one request: use wrk, k6 or the built-in engine"),
        Demand::Header { name, value: _ } => only_if(
            !name.eq_ignore_ascii_case("host"),
            "it sends the address in it, whatever it is told: leave it out, or use oha",
        ),
        Demand::Status(statuses) => only_if(
            statuses.iter().all(|status| (200..300).contains(status)),
            "it counts statuses by class, and only 2xx are good: expect those, or use hey or oha",
        ),
        Demand::BodyContains | Demand::MaxBytes => {
            no("it does not look at bodies: use wrk, k6 or the built-in engine")
        }
        Demand::Threshold(metric) => decides(metric, LatencyKind::Service, &[Stat::P99_9]),
        Demand::AbortAfter => no("its figures come at its end: use the built-in engine"),
    }
}
