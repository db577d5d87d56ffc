//! What a script asks of its engine, one demand for each key that it uses.
//!
//! [`demands`] takes a script apart without leaving a field out, and each tool answers each kind of
//! demand: a key that is new in scripts does not compile until every tool has an answer to it.

use std::time::Duration;

use super::{ExternalError, LatencyKind};
use crate::{
    config::secret,
    load::{
        Arrival, Body, Cookies, Engine, EngineKind, Expect, Extent, Http, Metric, OnOverload, Pace,
        Script, ScriptRequest, Secret, Stat, Think, Threads, Threshold, Tls, Version,
        template::environment_of,
    },
};

/// One thing that a script asks of its engine.
#[derive(Debug, Clone, Copy)]
pub(super) enum Demand<'a> {
    OwnScript,
    Closed,
    Think {
        min: Duration,
        max: Duration,
    },
    Rate(f64),
    Poisson,
    Queue,
    Drop,
    Threads(u32),
    Duration(Duration),
    Requests(u64),
    Stages,
    Unrecorded,
    Timeout(Duration),
    RequestsPerConnection(u32),
    Pipeline,
    Http2 {
        streams: u32,
    },
    Tls(&'a Tls),
    Unix,
    Cookies,
    Authorization,
    Vars,
    Mix,
    Method(&'a str),
    Header {
        name: &'a str,
        value: &'a str,
    },
    /// A header whose value is a secret, by its name or because it comes from the environment.
    SecretHeader(&'a str),
    /// A part of a path's query that is a secret by its name.
    SecretQuery(&'a str),
    Body(&'a Body),
    /// The expected statuses; none for any 2xx.
    Status(&'a [u16]),
    BodyContains,
    MaxBytes,
    Threshold(Metric),
    AbortAfter,
}

/// Whether a tool can do what is demanded, or why not.
pub(super) type Answer = Result<(), String>;

/// A refusal with the reason `why`.
pub(super) fn no(why: impl Into<String>) -> Answer {
    Err(why.into())
}

/// A refusal to put a secret where every user of the machine can read it while the tool runs.
pub(super) fn no_secret_argument() -> Answer {
    no(
        "it takes this as an argument only, and every user of the machine can read the arguments of \
        a process: use wrk, wrk2, k6 or the built-in engine",
    )
}

/// A refusal unless `condition` holds.
pub(super) fn only_if(condition: bool, why: &str) -> Answer {
    if condition { Ok(()) } else { no(why) }
}

impl Demand<'_> {
    /// The key of a script that it comes from.
    pub(super) fn key(&self) -> String {
        let key = match self {
            Self::OwnScript => "a script of your own",
            Self::Closed => "mode = \"closed\"",
            Self::Think { .. } => "think",
            Self::Rate(_) => "rate (an open loop)",
            Self::Poisson => "arrival = \"poisson\"",
            Self::Queue => "on_overload = \"queue\"",
            Self::Drop => "on_overload = \"drop\"",
            Self::Threads(_) => "threads",
            Self::Duration(_) => "duration",
            Self::Requests(_) => "requests",
            Self::Stages => "[[stage]]",
            Self::Unrecorded => "record = false in a [[stage]]",
            Self::Timeout(_) => "timeout",
            Self::RequestsPerConnection(_) => "requests_per_connection",
            Self::Pipeline => "pipeline",
            Self::Http2 { .. } => "version = \"2\"",
            Self::Tls(_) => "tls",
            Self::Unix => "unix",
            Self::Cookies => "cookies",
            Self::Authorization => "the header Authorization ([http] auth)",
            Self::Vars => "[vars]",
            Self::Mix => "more than one [[request]]",
            Self::Method(method) => return format!("method = \"{method}\""),
            Self::Header { name, .. } => return format!("the header {name}"),
            Self::SecretHeader(name) => return format!("the secret header {name}"),
            Self::SecretQuery(name) => return format!("the secret {name} in the query of a path"),
            Self::Body(_) => "body",
            Self::Status(_) => "expect.status",
            Self::BodyContains => "expect.body_contains",
            Self::MaxBytes => "expect.max_bytes",
            Self::Threshold(metric) => return format!("a threshold on {metric}"),
            Self::AbortAfter => "abort_after in a [[threshold]]",
        };
        key.to_owned()
    }
}

/// Asks a tool for its answer to all that `script` demands.
///
/// # Errors
/// The first refusal.
pub(super) fn check(
    script: &Script,
    engine: EngineKind,
    answer: impl Fn(&Demand<'_>) -> Answer,
) -> Result<(), ExternalError> {
    for demand in demands(script) {
        answer(&demand).map_err(|why| ExternalError::Inexpressible {
            engine,
            key: demand.key(),
            why,
        })?;
    }
    Ok(())
}

/// All that a script asks of its engine. What is left out is not the engine's: titles, the address
/// (it is an argument), warm-up and cool-down (runs of their own, or none), slices by request (a
/// script of such an engine has none), and the limits, which hold before a run and for its result.
pub(super) fn demands(script: &Script) -> Vec<Demand<'_>> {
    let Script {
        name: _,
        description: _,
        engine: Engine { kind: _, own_script },
        base: _,
        seed: _,
        pace,
        threads,
        extent,
        warmup: _,
        cooldown: _,
        timeout,
        requests_per_connection,
        pipeline,
        http,
        authorization,
        // Asked as the headers that name its variables.
        environment: _,
        vars,
        by_request: _,
        requests,
        thresholds,
        limits: _,
    } = script;
    let mut demands = Vec::new();
    demands.extend(own_script.as_ref().map(|_| Demand::OwnScript));
    of_pace(pace, &mut demands);
    match threads {
        Threads::Auto => {}
        Threads::Count(count) => demands.push(Demand::Threads(count.get())),
    }
    of_extent(extent, &mut demands);
    demands.push(Demand::Timeout(*timeout));
    demands.extend(requests_per_connection.map(|count| Demand::RequestsPerConnection(count.get())));
    if pipeline.get() > 1 {
        demands.push(Demand::Pipeline);
    }
    of_http(http, &mut demands);
    if let Some(Secret(_)) = authorization {
        demands.push(Demand::Authorization);
    }
    if !vars.is_empty() {
        demands.push(Demand::Vars);
    }
    if requests.len() > 1 {
        demands.push(Demand::Mix);
    }
    for request in requests {
        // Beside a script of the user's own, the request is the one that the server is tried with,
        // of which the tool gets the path.
        demands.extend(secrets_of_query(&request.path).map(Demand::SecretQuery));
        if own_script.is_none() {
            of_request(request, &mut demands);
        }
    }
    for Threshold { metric, min: _, max: _, abort_after } in thresholds {
        demands.push(Demand::Threshold(*metric));
        demands.extend(abort_after.map(|_| Demand::AbortAfter));
    }
    demands
}

fn of_pace(pace: &Pace, demands: &mut Vec<Demand<'_>>) {
    match *pace {
        Pace::Closed { connections: _, think } => {
            demands.push(Demand::Closed);
            match think {
                Think::None => {}
                Think::Uniform { min, max } => demands.push(Demand::Think { min, max }),
            }
        }
        Pace::Open { rate, arrival, max_in_flight: _, on_overload } => {
            demands.push(Demand::Rate(rate));
            match arrival {
                Arrival::Constant => {}
                Arrival::Poisson => demands.push(Demand::Poisson),
            }
            demands.push(match on_overload {
                OnOverload::Queue => Demand::Queue,
                OnOverload::Drop => Demand::Drop,
            });
        }
    }
}

fn of_extent(extent: &Extent, demands: &mut Vec<Demand<'_>>) {
    match extent {
        Extent::Duration(duration) => demands.push(Demand::Duration(*duration)),
        Extent::Requests(requests) => demands.push(Demand::Requests(requests.get())),
        Extent::Stages { start: _, stages } => {
            demands.push(Demand::Stages);
            if stages.iter().any(|stage| !stage.record) {
                demands.push(Demand::Unrecorded);
            }
        }
    }
}

fn of_http<'a>(http: &'a Http, demands: &mut Vec<Demand<'a>>) {
    let Http { version, streams, tls, unix, cookies } = http;
    match version {
        Version::Http1 => {}
        Version::Http2 => demands.push(Demand::Http2 { streams: *streams }),
    }
    demands.extend(tls.as_ref().map(Demand::Tls));
    demands.extend(unix.as_ref().map(|_| Demand::Unix));
    match cookies {
        Cookies::None => {}
        Cookies::PerConnection => demands.push(Demand::Cookies),
    }
}

fn of_request<'a>(request: &'a ScriptRequest, demands: &mut Vec<Demand<'a>>) {
    let ScriptRequest { name: _, weight: _, method, path: _, headers, body, expect } = request;
    let Expect { status, body_contains, max_bytes } = expect;
    demands.push(Demand::Method(method));
    for (name, value) in headers {
        if secret::is_secret(name) || !environment_of(value).is_empty() {
            demands.push(Demand::SecretHeader(name));
        }
        demands.push(Demand::Header { name, value });
    }
    if !matches!(body, Body::Fixed(bytes) if bytes.is_empty()) {
        demands.push(Demand::Body(body));
    }
    demands.push(Demand::Status(status));
    demands.extend(body_contains.as_ref().map(|_| Demand::BodyContains));
    demands.extend(max_bytes.map(|_| Demand::MaxBytes));
}

/// Whether requests of `script` have secrets in them, wherever those come from.
pub(super) fn names_secrets(script: &Script) -> bool {
    let is_secret =
        |demand: &Demand<'_>| matches!(demand, Demand::SecretHeader(_) | Demand::SecretQuery(_));
    demands(script).iter().any(is_secret)
}

/// The names in the query of `path` that are those of secrets.
fn secrets_of_query(path: &str) -> impl Iterator<Item = &str> {
    let query = path.split_once('?').map_or("", |(_, query)| query);
    let names = query.split('&').map(|pair| pair.split_once('=').map_or(pair, |(name, _)| name));
    names.filter(|name| secret::is_secret(name))
}

/// Whether a tool's figures decide a threshold on `metric`: it reports latencies of this `kind`,
/// but without these statistics.
pub(super) fn decides(metric: Metric, kind: LatencyKind, absent: &[Stat]) -> Answer {
    let has = |stat: Stat| only_if(!absent.contains(&stat), "it does not report this figure");
    match metric {
        Metric::Latency(stat) => has(stat),
        Metric::Service(stat) if kind == LatencyKind::Service => has(stat),
        Metric::Service(_) => no("its latencies count from the schedule on, not from the write"),
        Metric::ErrorsRate
        | Metric::ChecksRate
        | Metric::RequestsPerSecond
        | Metric::AchievedRatio
        | Metric::CpuUsPerRequest => Ok(()),
    }
}
