//! k6: closed and open loops, stages, time to think, cookies, checks and thresholds.
//!
//! The requests are those of the built-in engine's pool. A generated script sends them and tells
//! good responses from bad ones, and prints k6's summary as JSON at the end.

mod options;
mod summary;

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};

use super::{
    ExternalError, LatencyKind,
    demand::{Answer, Demand, check, decides, no, only_if},
    invocation::Draft,
    wire::{self, Wire},
};
use crate::load::{
    Body, EngineKind, Expect, Extent, LoadError, Pace, Pool, Script, Think, Threads, Version,
};

pub(super) use summary::parse;

const ENGINE: EngineKind = EngineKind::K6;
/// The script that is the same for all runs.
const RUN: &str = include_str!("k6/run.js");
/// Its trends have no other statistics than these, and no standard deviation.
const STATISTICS: [&str; 8] = ["avg", "med", "max", "p(75)", "p(90)", "p(95)", "p(99)", "p(99.9)"];

/// The command for `script`.
pub(super) fn command(script: &Script, addr: SocketAddr) -> Result<Draft, ExternalError> {
    check(script, ENGINE, |demand| answer(script, demand))?;
    let mut draft = Draft::default();
    // Two runs of k6 at once would want the same port for its own server.
    draft.args(["run", "--quiet", "--address", ""]);
    draft.env("K6_NO_USAGE_REPORT", "true");
    if let Threads::Count(threads) = script.threads {
        draft.env("GOMAXPROCS", threads.to_string());
    }
    if script.http.version == Version::Http1 && script.http.tls.is_some() {
        // Under TLS, Go's client would choose HTTP/2 where the server offers it.
        draft.env("GODEBUG", "http2client=0");
    }
    if let Some(ca) = script.http.tls.as_ref().and_then(|tls| tls.ca.as_ref()) {
        // Go reads this file in place of the system's, but the system's folder all the same.
        draft.env("SSL_CERT_FILE", ca.to_string_lossy());
        draft.notes.push("k6 trusts the certificates in the system's folder too".to_owned());
    }
    let origin = wire::origin(script, addr);
    if let Some(own) = &script.engine.own_script {
        draft.env("TARGET", origin);
        draft.args(options::of_own(script));
        draft.arg("--summary-trend-stats").arg(STATISTICS.join(","));
        draft.arg("--summary-export").report_arg("summary.json").arg(own);
        draft.notes.push("your own script decides which responses are good".to_owned());
        return Ok(draft);
    }
    let pool = wire::pool(script, addr)?;
    draft.secret_env(script);
    // It warns of each request that fails, which would be most of what it does.
    draft.args(["--log-output", "none"]);
    draft.file("config.json", config(script, addr, &origin)?.to_string());
    draft.requests_file("requests.json", requests(script, &pool, addr)?.to_string(), script);
    draft.file_arg("run.js", RUN);
    Ok(draft)
}

/// What the generated script has to know.
fn config(script: &Script, addr: SocketAddr, origin: &str) -> Result<Value, ExternalError> {
    let kinds = script.requests.iter().map(|request| {
        let Expect { status, body_contains, max_bytes } = &request.expect;
        json!({
            "name": request.name, "statuses": status, "contains": body_contains, "most": max_bytes,
        })
    });
    let think = match script.pace {
        Pace::Closed { think: Think::Uniform { min, max }, .. } => {
            Some([min.as_secs_f64(), max.as_secs_f64()])
        }
        _ => None,
    };
    Ok(json!({
        "base": origin,
        "kinds": kinds.collect::<Vec<_>>(),
        "users": script.pace.connections(),
        "timeout": millis(script.timeout),
        "think": think,
        "checks": options::has_checks(script),
        "options": options::of(script, addr)?,
    }))
}

/// The requests of the pool in parts.
fn requests(script: &Script, pool: &Pool, addr: SocketAddr) -> Result<Value, ExternalError> {
    let request = |index: usize| {
        let Wire { method, path, headers, body } = Wire::of(pool.get(index), addr)?;
        let headers: serde_json::Map<String, Value> =
            headers.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        let body = match body.is_empty() {
            true => Value::Null,
            false => Value::String(String::from_utf8(body).ok()?),
        };
        let kind = pool.kind(index);
        Some(json!({
            "kind": kind, "method": method, "path": path, "headers": headers, "body": body,
        }))
    };
    let requests: Option<Vec<Value>> = (0..pool.len()).map(request).collect();
    requests.map(Value::Array).ok_or_else(|| {
        let why = "a request has a body that is no UTF-8, or too many headers";
        LoadError::invalid(&script.name, why).into()
    })
}

fn millis(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

fn answer(script: &Script, demand: &Demand<'_>) -> Answer {
    let own = script.engine.own_script.is_some();
    match *demand {
        Demand::Authorization => {
            only_if(!own, "your own script sets its headers: leave `auth` out")
        }
        Demand::Closed | Demand::Drop | Demand::Vars | Demand::Mix | Demand::Threads(_) => Ok(()),
        Demand::OwnScript => only_if(
            super::leaves_requests(script)
                && matches!(script.pace, Pace::Closed { think: Think::None, .. }),
            "it decides what is requested and when: leave out a second [[request]], [vars], think, \
             requests_per_connection, and an open loop",
        ),
        Demand::Rate(rate) => {
            only_if(options::time_unit(&[rate]).is_some(), "its rates have three decimals")
        }
        Demand::Poisson => no("it paces evenly: use the built-in engine"),
        Demand::Queue => {
            no("what is due when none of its virtual users is free, it leaves out: say \
             on_overload = \"drop\", or use wrk2, oha or the built-in engine")
        }
        Demand::Duration(time) => only_if(
            time.subsec_micros().is_multiple_of(1_000) && time >= Duration::from_secs(1),
            "its durations are milliseconds, and a second at least",
        ),
        Demand::Timeout(time) => {
            only_if(time.subsec_micros().is_multiple_of(1_000), "its times are milliseconds here")
        }
        Demand::Requests(_) => only_if(
            matches!(script.pace, Pace::Closed { .. }),
            "an open loop of it ends after a time: give a duration",
        ),
        Demand::Stages => options::stages(script),
        Demand::Unrecorded => no("its figures are those of the whole run: use the built-in engine"),
        Demand::RequestsPerConnection(count) => only_if(
            count == 1 && !own,
            "it closes a connection after each request or never: use 1, or the built-in engine",
        ),
        Demand::Pipeline => no("it waits for each response: use wrk or the built-in engine"),
        Demand::Http2 { streams } => only_if(
            script.http.tls.is_some() && streams <= 1 && !own,
            "it speaks HTTP/2 under TLS only, and a virtual user has one request at a time: use oha",
        ),
        Demand::Tls(tls) => only_if(
            !own && (tls.server_name.is_none() || !tls.insecure),
            "your own script sets its own options, and no name is sent if any certificate is \
             trusted: leave out `tls` or `server_name`",
        ),
        Demand::Unix => no("it connects to addresses only: use oha or the built-in engine"),
        Demand::Cookies => only_if(!own, "your own script says what is done with cookies"),
        Demand::Body(body) => match body {
            Body::Fixed(bytes) => {
                only_if(std::str::from_utf8(bytes).is_ok(), "its bodies here are UTF-8 text")
            }
            Body::Template(_) => Ok(()),
        },
        Demand::Method(_) | Demand::Header { .. } | Demand::Status(_) => Ok(()),
        Demand::SecretHeader(_) | Demand::SecretQuery(_) => Ok(()),
        Demand::BodyContains | Demand::Think { .. } => Ok(()),
        Demand::MaxBytes => only_if(
            !script.requests.iter().any(|request| {
                request.expect.body_contains.is_some() && request.expect.max_bytes.is_some()
            }),
            "it has a body as text or as bytes: do not ask for `body_contains` as well",
        ),
        Demand::Threshold(metric) => decides(metric, LatencyKind::Service, &[]),
        Demand::AbortAfter => no("it delays the decision, which is not the same: leave it out"),
    }
}

/// Whether the load ends with its stages.
fn stages_of(script: &Script) -> Option<(f64, &[crate::load::Stage])> {
    match &script.extent {
        Extent::Stages { start, stages } => Some((*start, stages)),
        _ => None,
    }
}
