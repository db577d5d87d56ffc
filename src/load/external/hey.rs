//! hey: one request, printed figures.
//!
//! Its workers pace themselves one by one, it counts bodies without heads, and it does not know
//! its own version.

mod text;

use std::net::SocketAddr;

use super::{
    ExternalError, LatencyKind,
    demand::{Answer, Demand, check, decides, no, no_secret_argument, only_if},
    invocation::Draft,
    wire,
};
use crate::load::{EngineKind, Extent, Pace, Script, Stat, Threads, Version};

pub(super) use text::parse;

const ENGINE: EngineKind = EngineKind::Hey;

/// The command for `script`.
pub(super) fn command(script: &Script, addr: SocketAddr) -> Result<Draft, ExternalError> {
    check(script, ENGINE, |demand| answer(script, demand))?;
    let request = wire::only(script, addr)?;
    let mut draft = Draft::default();
    let workers = workers(script);
    draft.args(["-c", &workers.to_string()]);
    match &script.extent {
        Extent::Requests(requests) => draft.args(["-n", &requests.to_string()]),
        _ => draft.args(["-z", &format!("{}ms", script.duration().as_millis())]),
    };
    if let Pace::Open { rate, .. } = script.pace {
        draft.args(["-q", &(rate / f64::from(workers)).to_string()]);
    }
    draft.args(["-m", &request.method, "-t", &script.timeout.as_secs().to_string()]);
    // By itself it would ask for compressed responses and follow redirects.
    draft.args(["-disable-compression", "-disable-redirects"]);
    if script.requests_per_connection.is_some() {
        draft.arg("-disable-keepalive");
    }
    if script.http.version == Version::Http2 {
        draft.arg("-h2");
    }
    for (name, value) in &request.headers {
        match name.to_ascii_lowercase().as_str() {
            "content-type" => draft.args(["-T", value]),
            "host" => draft.args(["-host", value]),
            _ => draft.args(["-H", &format!("{name}: {value}")]),
        };
    }
    if let Threads::Count(threads) = script.threads {
        draft.args(["-cpus", &threads.to_string()]);
    }
    if request.header("content-type").is_none() {
        draft.notes.push("hey adds the header `Content-Type: text/html`".to_owned());
    }
    if !request.body.is_empty() {
        draft.arg("-D").file_arg("body", request.body);
    }
    draft.arg(format!("{}{}", wire::origin(script, addr), request.path));
    draft.context.statuses = Some(script.request().expect.status.clone());
    Ok(draft)
}

/// hey's workers share one HTTP/2 connection, so that they are its streams.
fn workers(script: &Script) -> u32 {
    script.pace.connections().get().saturating_mul(script.http.streams.max(1))
}

fn answer(script: &Script, demand: &Demand<'_>) -> Answer {
    let workers = workers(script);
    match *demand {
        Demand::Closed | Demand::Body(_) | Demand::Threads(_) => Ok(()),
        Demand::Authorization | Demand::SecretHeader(_) | Demand::SecretQuery(_) => {
            no_secret_argument()
        }
        Demand::OwnScript => no("it runs no scripts: use wrk, wrk2 or k6"),
        Demand::Think { .. } => no("it does not wait: use wrk, k6 or the built-in engine"),
        Demand::Rate(rate) => {
            let micros = f64::from(workers) * 1e6 / rate;
            only_if(
                (micros - micros.round()).abs() < 1e-6 && micros >= 1.0,
                "each of its workers waits whole microseconds between requests, and connections \
                 / rate is not a whole number of them: change one of the two",
            )
        }
        Demand::Poisson => no("it paces evenly: use the built-in engine"),
        Demand::Queue => Ok(()),
        Demand::Drop => no("a request that is due waits for its worker: use k6"),
        Demand::Duration(duration) => only_if(
            duration.subsec_micros().is_multiple_of(1_000),
            "its duration is given in milliseconds",
        ),
        Demand::Requests(requests) => only_if(
            requests.is_multiple_of(u64::from(workers)),
            "it gives each worker the same number of requests and leaves the remainder out: ask \
             for a multiple of the connections",
        ),
        Demand::Stages | Demand::Unrecorded => {
            no("its load does not change: use k6 or the built-in engine")
        }
        Demand::Timeout(timeout) => {
            only_if(timeout.subsec_nanos() == 0, "its timeout is in whole seconds")
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
            tls.insecure,
            "it trusts any certificate: say `insecure = true`, or use k6 or oha",
        ),
        Demand::Unix => no("it connects to addresses only: use oha or the built-in engine"),
        Demand::Cookies => no("it keeps no cookies: use k6 or the built-in engine"),
        Demand::Vars => no("it repeats one request: use wrk, k6 or the built-in engine"),
        Demand::Mix => no("it knows one request: use wrk, k6 or the built-in engine"),
        Demand::Method(method) => only_if(
            !method.bytes().any(|byte| byte.is_ascii_lowercase()),
            "it writes methods in capital letters",
        ),
        Demand::Header { name, value } => header(name, value),
        Demand::Status(_) => Ok(()),
        Demand::BodyContains | Demand::MaxBytes => {
            no("it does not look at bodies: use wrk, k6 or the built-in engine")
        }
        Demand::Threshold(metric) => decides(metric, LatencyKind::Service, &[Stat::P99_9]),
        Demand::AbortAfter => no("its figures come at its end: use the built-in engine"),
    }
}

/// It takes headers apart by a pattern of its own, and has a name of its own in one of them.
fn header(name: &str, value: &str) -> Answer {
    if name.eq_ignore_ascii_case("user-agent") {
        return no("it adds its own name to it: leave it out");
    }
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    only_if(
        is_name && !value.trim().is_empty(),
        "its names have letters, digits, - and _ only, and its values are not empty",
    )
}
