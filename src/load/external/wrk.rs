//! wrk, closed loop, and wrk2, open loop: one program's two lives, both driven through Lua.
//!
//! The requests are the very bytes that the built-in engine sends. A single request costs no Lua
//! under load; a mix, variables, a time to think or a look at bodies do. A function that wrk calls
//! at the end prints the exact figures; what wrk itself prints is read where that is missing.

mod backfill;
mod lua;
mod summary;
mod text;

use std::{net::SocketAddr, path::Path, time::Duration};

use super::{
    ExternalError, LatencyKind, Reported,
    demand::{self, Answer, Demand, check, decides, no, only_if},
    invocation::{Context, Draft},
    wire,
};
use crate::load::{EngineKind, Expect, Pace, Script, Threads};

/// wrk2 throws away what it measured in its first ten seconds; so this is the least that leaves as
/// much again.
const CALIBRATED: Duration = Duration::from_secs(20);

/// The command for `script`, which may use so many CPUs, and whose files will be in `dir`.
pub(super) fn command(
    engine: EngineKind,
    script: &Script,
    addr: SocketAddr,
    cpus: u32,
    dir: &Path,
) -> Result<Draft, ExternalError> {
    check(script, engine, |demand| answer(engine, script, demand))?;
    let mut draft = Draft::default();
    let (connections, threads) = (script.pace.connections().get(), threads(script, cpus));
    draft.args(["-t", &threads.to_string(), "-c", &connections.to_string()]);
    draft.args(["-d", &format!("{}s", script.duration().as_secs())]);
    draft.args(["--timeout", &format!("{}s", script.timeout.as_secs()), "--latency"]);
    if let Pace::Open { rate, .. } = script.pace {
        draft.args(["-R", &rate.to_string()]);
        draft.context.corrected = true;
    }
    draft.arg("-s").file_arg("run.lua", lua::script(script, threads, dir));
    let own = script.engine.own_script.is_some();
    let path = match own {
        true => script.request().path.clone(),
        false => {
            let pool = wire::pool(&closing(script), addr)?;
            draft.requests_file(lua::POOL, lua::requests(&pool), script).secret_env(script);
            let wire = wire::Wire::of(pool.get(0), addr);
            let path = wire.map_or_else(|| "/".to_owned(), |wire| wire.path);
            // It is there to be shown: what is sent is in the file.
            match demand::names_secrets(script) {
                true => path.split('?').next().unwrap_or_default().to_owned(),
                false => path,
            }
        }
    };
    draft.arg(format!("{}{path}", wire::origin(script, addr)));
    draft.context.connections = u64::from(connections);
    draft.context.pipeline = u64::from(script.pipeline.get());
    draft.notes.extend(notes(engine, script));
    Ok(draft)
}

/// What is to be known of the figures beforehand.
fn notes(engine: EngineKind, script: &Script) -> Vec<String> {
    let mut notes = Vec::new();
    if !looks_at_responses(script) {
        notes.push(format!("{engine} takes any status below 400 for a good one"));
    }
    if engine == EngineKind::Wrk2 {
        notes.push(
            "wrk2 keeps no latencies of its first 10 s, but counts their requests".to_owned(),
        );
        if script.duration() < CALIBRATED {
            notes.push("in less than 20 s, wrk2 has no latencies that mean something".to_owned());
        }
    }
    notes
}

/// The script with connections that close after each request, if it asks for that.
fn closing(script: &Script) -> Script {
    let mut script = script.clone();
    if script.requests_per_connection.is_some() {
        for request in &mut script.requests {
            request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case("connection"));
            request.headers.push(("Connection".to_owned(), "close".to_owned()));
        }
    }
    script
}

/// As many threads as CPUs, as far as each can have the same number of connections: what is left
/// in that division, wrk does not open.
fn threads(script: &Script, cpus: u32) -> u32 {
    let connections = script.pace.connections().get();
    let most = match script.threads {
        Threads::Auto => cpus,
        Threads::Count(count) => count.get(),
    };
    let fits = |threads: &u32| connections.is_multiple_of(*threads);
    (1..=most.min(connections)).rev().find(fits).unwrap_or(1)
}

/// Whether Lua has to look at each response: wrk itself knows statuses above 399 and no bodies.
fn looks_at_responses(script: &Script) -> bool {
    let needs = |Expect { status, body_contains, max_bytes }: &Expect| {
        body_contains.is_some() || max_bytes.is_some() || status.iter().any(|status| *status >= 400)
    };
    let own = script.engine.own_script.is_some();
    !own && script.requests.iter().any(|request| needs(&request.expect))
}

fn answer(engine: EngineKind, script: &Script, demand: &Demand<'_>) -> Answer {
    let is_wrk2 = engine == EngineKind::Wrk2;
    let same = |expect: bool| {
        only_if(expect, "it does not tell the requests of a mix apart: expect the same of all")
    };
    match *demand {
        Demand::Authorization | Demand::SecretQuery(_) => secret(script, demand),
        Demand::Queue | Demand::Vars | Demand::Mix => Ok(()),
        Demand::OwnScript => own(script),
        Demand::Closed => only_if(!is_wrk2, "it needs a rate: use wrk, or mode = \"open\""),
        Demand::Think { min, max } => {
            let is_whole = |time: Duration| time.subsec_micros().is_multiple_of(1_000);
            only_if(is_whole(min) && is_whole(max), "it waits whole milliseconds")
        }
        Demand::Rate(_) if !is_wrk2 => no("use wrk2, oha or the built-in engine"),
        Demand::Rate(rate) => {
            only_if(rate.fract() == 0.0, "its rate is a whole number of requests a second")
        }
        Demand::Poisson => no("it paces evenly: use the built-in engine"),
        Demand::Drop => no("a request that is due waits for its connection: use k6"),
        Demand::Threads(count) => only_if(
            script.pace.connections().get().is_multiple_of(count)
                || count > script.pace.connections().get(),
            "it gives each thread the same number of connections and leaves the remainder out: \
             make the connections a multiple of the threads",
        ),
        Demand::Duration(time) | Demand::Timeout(time) => {
            only_if(time.subsec_nanos() == 0, "its times are whole seconds")
        }
        Demand::Requests(_) => no("it ends after a time: use hey, oha, k6 or bombardier"),
        Demand::Stages | Demand::Unrecorded => {
            no("its load does not change: use k6 or the built-in engine")
        }
        Demand::RequestsPerConnection(count) => only_if(
            count == 1,
            "it closes a connection after each request or never: use 1, or the built-in engine",
        ),
        Demand::Pipeline => {
            only_if(!is_wrk2, "its latencies would be those of whole batches: use wrk")
        }
        Demand::Http2 { .. } => no("it speaks HTTP/1.1 only: use oha or the built-in engine"),
        Demand::Tls(tls) => only_if(
            tls.insecure && tls.server_name.is_none(),
            "it trusts any certificate and sends the address for a name: say `insecure = true`, or \
             use k6 or oha",
        ),
        Demand::Unix => no("it connects to addresses only: use oha or the built-in engine"),
        Demand::Cookies => no("it keeps no cookies: use k6 or the built-in engine"),
        Demand::Method(method) => {
            only_if(method != "HEAD", "it waits for a body after HEAD: use hey, oha or k6")
        }
        Demand::Header { .. } | Demand::SecretHeader(_) | Demand::Body(_) => Ok(()),
        Demand::Status(statuses) => {
            same(!looks_at_responses(script) || script.request().expect.status == statuses)
        }
        Demand::BodyContains | Demand::MaxBytes => {
            let first = &script.request().expect;
            same(script.requests.iter().all(|request| request.expect == *first))
        }
        Demand::Threshold(metric) => {
            let kind = if is_wrk2 { LatencyKind::Response } else { LatencyKind::Service };
            decides(metric, kind, &[])
        }
        Demand::AbortAfter => no("its figures come at its end: use the built-in engine"),
    }
}

/// Beside a script of the user's own, its headers are not told, and the path is an argument.
fn secret(script: &Script, demand: &Demand<'_>) -> Answer {
    let why = match demand {
        Demand::SecretQuery(_) => {
            "beside your own script the path is an argument, which every user of the machine can \
             read: leave it out"
        }
        _ => "your own script sets its headers: leave `auth` out",
    };
    only_if(script.engine.own_script.is_none(), why)
}

/// A script of the user's own decides what is requested, all of it.
fn own(script: &Script) -> Answer {
    only_if(
        super::leaves_requests(script),
        "it decides what is requested: leave out a second [[request]], [vars], pipeline and \
         requests_per_connection",
    )
}

/// Reads the figures that the Lua script printed, or else what wrk itself did.
pub(super) fn parse(
    engine: EngineKind,
    context: &Context,
    output: &str,
) -> Result<Reported, ExternalError> {
    let mut reported = match summary::parse(engine, context, output)? {
        Some(reported) => reported,
        None => text::parse(engine, output)?,
    };
    if reported.requests == 0 && reported.errors.total() == 0 {
        reported.notes.push(format!(
            "no response came, and {engine} does not count requests that are never answered"
        ));
    }
    Ok(reported)
}
