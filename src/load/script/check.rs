//! What makes sense together in a script, however it came about.

mod request;
mod variables;

use std::{collections::BTreeSet, time::Duration};

use super::{
    Base, Cookies, EngineKind, Extent, Metric, Pace, Script, Stage, Think, Threads, Version,
};
use crate::load::LoadError;

/// The longest warm-up, duration or timeout: beyond it, a unit was probably mistaken.
pub(super) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// More threads than any machine has CPUs.
const MOST_THREADS: u32 = 1_024;
/// More connections than there are ports and descriptors for.
const MOST_CONNECTIONS: u32 = 1_000_000;
/// More requests a second than one machine can send.
const MOST_RATE: f64 = 100_000_000.0;
/// Requests at once on a connection: more would only fill the buffers of the sockets.
const MOST_AT_ONCE: u32 = 1_024;
/// A round of requests in the proportions of the weights must fit into a pool.
const MOST_WEIGHT: u64 = 65_536;

impl Script {
    /// The script, if it makes sense.
    pub(super) fn checked(self) -> Result<Self, LoadError> {
        let checks = [
            check_names,
            check_spans,
            check_extent,
            check_pace,
            check_engine,
            check_base,
            check_travel,
            check_weights,
            check_requests,
            variables::check,
            check_thresholds,
        ];
        for check in checks {
            check(&self).map_err(|why| LoadError::invalid(&self.name, why))?;
        }
        Ok(self)
    }
}

fn check_names(script: &Script) -> Result<(), String> {
    let is_name = |text: &str| !text.trim().is_empty() && !text.chars().any(char::is_control);
    if !is_name(&script.name) {
        return Err("name is empty or has a control character".to_owned());
    }
    if script.description.as_deref().is_some_and(|text| !is_name(text)) {
        return Err("description is empty or has a control character: it is one line".to_owned());
    }
    if script.requests.is_empty() {
        return Err("needs at least one [[request]]".to_owned());
    }
    let mut names = BTreeSet::new();
    for request in &script.requests {
        let name = &request.name;
        if !is_name(name) {
            return Err("the name of a [[request]] is empty or has a control character".to_owned());
        }
        if !names.insert(name) {
            return Err(format!("two [[request]]s are called '{name}': reports name them"));
        }
    }
    Ok(())
}

fn check_spans(script: &Script) -> Result<(), String> {
    let spans = [
        ("duration", script.duration()),
        ("timeout", script.timeout),
        ("warmup", script.warmup),
        ("cooldown", script.cooldown),
    ];
    for (key, span) in spans {
        if span.is_zero() && !matches!(key, "warmup" | "cooldown") {
            return Err(format!("{key} must not be zero"));
        }
        if span > LONGEST {
            return Err(format!("{key} is {span:?}, but may be 24h at most"));
        }
    }
    Ok(())
}

fn check_extent(script: &Script) -> Result<(), String> {
    match &script.extent {
        Extent::Duration(_) => Ok(()),
        Extent::Requests(requests) => match script.pace {
            Pace::Closed { connections, .. } if requests.get() < u64::from(connections.get()) => {
                Err(format!(
                    "{requests} requests are fewer than {connections} connections, some of which \
                     would send nothing"
                ))
            }
            _ => Ok(()),
        },
        Extent::Stages { start, stages } => check_stages(*start, stages),
    }
}

fn check_stages(start: f64, stages: &[Stage]) -> Result<(), String> {
    if stages.iter().any(|stage| stage.duration.is_zero()) {
        return Err(
            "the duration of a [[stage]] must not be zero: for a jump, write \"1ms\"".to_owned()
        );
    }
    if !stages.iter().any(|stage| stage.record) {
        return Err("every [[stage]] has record = false, so nothing would be measured".to_owned());
    }
    let levels = || stages.iter().map(|stage| stage.level).chain([start]);
    if levels().any(|level| !level.is_finite() || level < 0.0) {
        return Err("the level of a [[stage]] must be 0 or more".to_owned());
    }
    if levels().all(|level| level == 0.0) {
        return Err("every [[stage]] has the level 0, so nothing would be sent".to_owned());
    }
    Ok(())
}

fn check_pace(script: &Script) -> Result<(), String> {
    if let Threads::Count(threads) = script.threads
        && threads.get() > MOST_THREADS
    {
        return Err(format!("threads is {threads}, but may be {MOST_THREADS} at most"));
    }
    let connections = script.pace.connections();
    if connections.get() > MOST_CONNECTIONS {
        return Err(format!(
            "{connections} connections are more than the {MOST_CONNECTIONS} there may be"
        ));
    }
    match script.pace {
        Pace::Closed { think: Think::Uniform { max, .. }, .. } if max > LONGEST => {
            Err(format!("think is {max:?}, but may be 24h at most"))
        }
        Pace::Open { rate, .. } if !(rate > 0.0 && rate <= MOST_RATE) => Err(format!(
            "rate is {rate}, but it is a number of requests a second above 0 and at most \
             {MOST_RATE}"
        )),
        _ => check_pipeline(script),
    }
}

/// A pipeline sends without waiting, which little else goes together with.
fn check_pipeline(script: &Script) -> Result<(), String> {
    let depth = script.pipeline.get();
    if depth > MOST_AT_ONCE {
        return Err(format!("pipeline is {depth}, but may be {MOST_AT_ONCE} at most"));
    }
    let is_thinking = matches!(script.pace, Pace::Closed { think: Think::Uniform { .. }, .. });
    let conflicts = [
        (
            script.http.version == Version::Http2,
            "version = \"2\", which has [http] streams for that",
        ),
        (
            matches!(script.pace, Pace::Open { .. }),
            "mode = \"open\", where each request is sent at a time of its own",
        ),
        (is_thinking, "think, which waits between two requests"),
        (
            script.http.cookies == Cookies::PerConnection,
            "cookies, which a request can only send back once the last response has come",
        ),
        (
            script.requests_per_connection.is_some(),
            "requests_per_connection, which ends connections that have requests under way",
        ),
    ];
    match conflicts.iter().find(|(conflicts, _)| depth > 1 && *conflicts) {
        Some((_, what)) => Err(format!("pipeline does not go together with {what}: leave one out")),
        None => Ok(()),
    }
}

fn check_engine(script: &Script) -> Result<(), String> {
    let kind = script.engine.kind;
    if script.by_request && kind != EngineKind::Builtin {
        return Err(format!(
            "by_request sends one kind of request in some slices and all of them in others, and \
             {kind} knows no slices: leave by_request out, or let the built-in engine send it"
        ));
    }
    let Some(own) = &script.engine.own_script else {
        return Ok(());
    };
    let wanted = match script.engine.kind {
        EngineKind::Wrk | EngineKind::Wrk2 => "lua",
        EngineKind::K6 => "js",
        kind => {
            return Err(format!(
                "engine_script is for wrk and wrk2 (Lua) and for k6 (JavaScript); {kind} takes none"
            ));
        }
    };
    if own.extension().is_none_or(|extension| extension != wanted) {
        return Err(format!(
            "engine_script '{}' is not a .{wanted} file, which is what {} takes",
            own.display(),
            script.engine.kind
        ));
    }
    if !own.is_file() {
        return Err(format!("engine_script '{}' is not there", own.display()));
    }
    if script.requests.len() > 1 || !script.vars.is_empty() {
        return Err(
            "engine_script decides what is requested: keep one [[request]], with which the \
                    server is tried before the load, and no [vars]"
                .to_owned(),
        );
    }
    Ok(())
}

fn check_base(script: &Script) -> Result<(), String> {
    match script.base {
        Base::Fixed(addr) if !addr.ip().is_loopback() && !script.limits.allow_remote => {
            Err(format!(
                "base is {addr}, another machine's address: load goes to loopback addresses only, \
                 unless [limits] has allow_remote = true"
            ))
        }
        _ => Ok(()),
    }
}

fn check_travel(script: &Script) -> Result<(), String> {
    let http = &script.http;
    if http.streams > MOST_AT_ONCE {
        return Err(format!("streams is {}, but may be {MOST_AT_ONCE} at most", http.streams));
    }
    if http.streams > 1 && http.cookies == Cookies::PerConnection {
        return Err(
            "cookies do not go together with several streams, of which none waits for the \
                    others' responses: leave one out"
                .to_owned(),
        );
    }
    Ok(())
}

fn check_weights(script: &Script) -> Result<(), String> {
    let total: u64 = script.requests.iter().map(|request| u64::from(request.weight.get())).sum();
    if total > MOST_WEIGHT {
        return Err(format!(
            "the weights of the requests come to {total}, but may come to {MOST_WEIGHT} at most: \
             write them in smaller numbers, such as 99 and 1"
        ));
    }
    Ok(())
}

fn check_requests(script: &Script) -> Result<(), String> {
    script.requests.iter().try_for_each(|each| {
        request::check(each, script).map_err(|why| format!("request '{}': {why}", each.name))
    })
}

fn check_thresholds(script: &Script) -> Result<(), String> {
    let is_closed = matches!(script.pace, Pace::Closed { .. });
    if is_closed && script.thresholds.iter().any(|it| it.metric == Metric::AchievedRatio) {
        return Err("threshold achieved_ratio is a share of what a schedule wanted, and a closed \
                    loop has none: add mode = \"open\" with a rate, or leave it out"
            .to_owned());
    }
    Ok(())
}
