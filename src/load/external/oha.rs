//! oha: closed loops and even rates, HTTP/2, unix sockets; JSON output.

mod json;

use std::net::SocketAddr;

use super::{
    ExternalError, LatencyKind,
    demand::{self, Answer, Demand, check, decides, no, no_secret_argument, only_if},
    invocation::Draft,
    wire::{self, Wire},
};
use crate::load::{EngineKind, Extent, LoadError, Pace, Pick, Script, Version};

pub(super) use json::parse;

const ENGINE: EngineKind = EngineKind::Oha;

/// The command for `script`; `help` is what the tool says of its options, which have changed.
pub(super) fn command(
    script: &Script,
    addr: SocketAddr,
    help: &str,
) -> Result<Draft, ExternalError> {
    check(script, ENGINE, |demand| answer(script, demand))?;
    let (request, paths) = requests(script, addr)?;
    let mut draft = Draft::default();
    draft.arg("--no-tui");
    if help.contains("--output-format") {
        draft.args(["--output-format", "json"]);
    } else {
        draft.arg("--json");
    }
    draft.args(["-c", &script.pace.connections().to_string()]);
    match &script.extent {
        Extent::Requests(requests) => draft.args(["-n", &requests.to_string()]),
        _ => draft.args(["-z", &format!("{}ms", script.duration().as_millis())]),
    };
    if let Pace::Open { rate, .. } = script.pace {
        draft.args(["-q", &rate.to_string(), "--latency-correction"]);
        draft.context.corrected = true;
    }
    draft.args(["-m", &request.method, "-t", &format!("{}ms", script.timeout.as_millis())]);
    // By themselves, some versions would ask for compressed responses and follow redirects.
    draft.args(["--disable-compression", "--redirect", "0"]);
    if script.requests_per_connection.is_some() {
        draft.arg("--disable-keepalive");
    }
    if script.http.version == Version::Http2 {
        draft.args(["--http2", "-p", &script.http.streams.max(1).to_string()]);
    }
    connection(script, addr, &mut draft);
    for (name, value) in &request.headers {
        match name.to_ascii_lowercase().as_str() {
            "host" => draft.args(["--host", value]),
            _ => draft.args(["-H", &format!("{name}: {value}")]),
        };
    }
    if !request.body.is_empty() {
        draft.arg("-D").file_arg("body", request.body);
    }
    let origin = wire::origin(script, addr);
    match paths.as_slice() {
        // A path with a secret belongs into the file, which only this user can read.
        [path] if !demand::names_secrets(script) => draft.arg(format!("{origin}{path}")),
        paths => {
            let lines: String = paths.iter().map(|path| format!("{origin}{path}\n")).collect();
            draft
                .arg("--urls-from-file")
                .path_arg("urls.txt")
                .requests_file("urls.txt", lines, script)
        }
    };
    draft.context.statuses = Some(script.request().expect.status.clone());
    Ok(draft)
}

/// Encryption, and where to connect to.
fn connection(script: &Script, addr: SocketAddr, draft: &mut Draft) {
    if let Some(path) = &script.http.unix {
        draft.arg("--unix-socket").arg(path);
    }
    let Some(tls) = &script.http.tls else { return };
    if tls.insecure {
        draft.arg("--insecure");
        return;
    }
    let (name, port) = (wire::server_name(tls), addr.port());
    draft.args(["--connect-to", &format!("{name}:{port}:{addr}")]);
    if let Some(ca) = &tls.ca {
        draft.arg("--cacert").arg(ca);
        draft.notes.push("oha trusts the well-known certificates too".to_owned());
    }
}

/// The request, and the paths it is sent to: oha takes one of a list each time, all equally likely, and a pool has each of them as often as it should come.
fn requests(script: &Script, addr: SocketAddr) -> Result<(Wire, Vec<String>), ExternalError> {
    let pool = wire::pool(script, addr)?;
    let wires = (0..pool.len()).map(|index| Wire::of(pool.get(index), addr));
    let wires: Option<Vec<Wire>> = wires.collect();
    let mut wires = wires.unwrap_or_default().into_iter();
    let first = wires.next().ok_or_else(|| {
        LoadError::invalid(&script.name, "a request has too many headers to be taken apart")
    })?;
    let mut paths = vec![first.path.clone()];
    for wire in wires {
        let like_first = Wire { path: first.path.clone(), ..wire.clone() };
        if like_first != first {
            let why = "it varies nothing but the path: method, headers and body must be the same \
                       each time, or use wrk, k6 or the built-in engine";
            return Err(ExternalError::Inexpressible {
                engine: ENGINE,
                key: Demand::Mix.key(),
                why: why.to_owned(),
            });
        }
        paths.push(wire.path);
    }
    Ok((first, paths))
}

fn answer(script: &Script, demand: &Demand<'_>) -> Answer {
    match *demand {
        Demand::Closed
        | Demand::Rate(_)
        | Demand::Queue
        | Demand::Requests(_)
        | Demand::Http2 { .. }
        | Demand::SecretQuery(_)
        | Demand::Method(_)
        | Demand::Header { .. }
        | Demand::Body(_) => Ok(()),
        Demand::Authorization | Demand::SecretHeader(_) => no_secret_argument(),
        Demand::OwnScript => no("it runs no scripts: use wrk, wrk2 or k6"),
        Demand::Think { .. } => no("it does not wait: use wrk, k6 or the built-in engine"),
        Demand::Poisson => no("it paces evenly: use the built-in engine"),
        Demand::Drop => no("a request that is due waits for a connection: use k6"),
        Demand::Threads(_) => no("it has a thread for each CPU that it may use: leave it \"auto\""),
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
        Demand::Tls(tls) => only_if(
            tls.server_name.is_none() || !tls.insecure,
            "it sends no server name if it trusts any certificate: leave out `server_name`",
        ),
        Demand::Unix => only_if(
            script.http.tls.is_none(),
            "over a unix socket, it does not encrypt: use the built-in engine",
        ),
        Demand::Cookies => no("it keeps no cookies: use k6 or the built-in engine"),
        Demand::Vars => {
            let is_sequential = script.vars.iter().any(|var| var.pick == Pick::Sequential);
            only_if(!is_sequential, "it takes its paths at random, not one after the other")
        }
        Demand::Mix => Ok(()),
        Demand::Status(statuses) => only_if(
            script.request().expect.status == statuses,
            "it does not tell the requests of a mix apart: expect the same of all",
        ),
        Demand::BodyContains | Demand::MaxBytes => {
            no("it does not look at bodies: use wrk, k6 or the built-in engine")
        }
        Demand::Threshold(metric) => {
            let kind = match script.pace {
                Pace::Closed { .. } => LatencyKind::Service,
                Pace::Open { .. } => LatencyKind::Response,
            };
            decides(metric, kind, &[])
        }
        Demand::AbortAfter => no("its figures come at its end: use the built-in engine"),
    }
}
