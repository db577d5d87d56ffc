//! The options of a k6 script: how hard, for how long, and what it must keep to.

use std::net::SocketAddr;

use serde_json::{Map, Value, json};

use super::{STATISTICS, millis, stages_of};
use crate::load::{
    Cookies, Expect, Extent, Metric, Pace, Script, Stat, Threshold,
    external::{
        ExternalError,
        demand::{Answer, only_if},
        wire,
    },
};

/// Latencies of good responses, as k6 names them.
pub(super) const LATENCY: &str = "http_req_duration{expected_response:true}";

/// The options of the generated script.
pub(super) fn of(script: &Script, addr: SocketAddr) -> Result<Value, ExternalError> {
    let mut options = json!({
        "scenarios": { "load": scenario(script) },
        "thresholds": thresholds(script),
        "summaryTrendStats": STATISTICS,
        "discardResponseBodies": true,
        "noConnectionReuse": script.requests_per_connection.is_some(),
        "noCookiesReset": script.http.cookies == Cookies::PerConnection,
        "systemTags": ["name", "expected_response"],
        "insecureSkipTLSVerify": script.http.tls.as_ref().is_some_and(|tls| tls.insecure),
    });
    if let (Some(tls), Value::Object(options)) = (&script.http.tls, &mut options)
        && !tls.insecure
    {
        let hosts = json!({ wire::server_name(tls): addr.ip().to_string() });
        options.insert("hosts".to_owned(), hosts);
    }
    Ok(options)
}

/// How k6 is to send requests.
fn scenario(script: &Script) -> Value {
    let users = script.pace.connections();
    let duration = || millis(script.duration());
    let mut scenario = match (&script.pace, &script.extent) {
        (Pace::Closed { .. }, Extent::Duration(_)) => {
            json!({ "executor": "constant-vus", "vus": users, "duration": duration() })
        }
        (Pace::Closed { .. }, Extent::Requests(requests)) => json!({
            "executor": "shared-iterations", "vus": users, "iterations": requests,
            "maxDuration": "24h",
        }),
        (Pace::Closed { .. }, Extent::Stages { start, .. }) => json!({
            "executor": "ramping-vus", "startVUs": *start as u64, "stages": targets(script, 1.0),
            "gracefulRampDown": millis(script.timeout),
        }),
        (Pace::Open { .. }, Extent::Stages { start, stages }) => {
            let rates: Vec<f64> = stages.iter().map(|stage| stage.level).chain([*start]).collect();
            let unit = time_unit(&rates).unwrap_or(1);
            json!({
                "executor": "ramping-arrival-rate", "startRate": (start * f64::from(unit)) as u64,
                "timeUnit": format!("{unit}s"), "stages": targets(script, f64::from(unit)),
                "preAllocatedVUs": users, "maxVUs": users,
            })
        }
        (Pace::Open { rate, .. }, _) => {
            let unit = time_unit(&[*rate]).unwrap_or(1);
            json!({
                "executor": "constant-arrival-rate", "rate": (rate * f64::from(unit)) as u64,
                "timeUnit": format!("{unit}s"), "duration": duration(),
                "preAllocatedVUs": users, "maxVUs": users,
            })
        }
    };
    if let Value::Object(scenario) = &mut scenario {
        // What is under way at the end may end.
        scenario.insert("gracefulStop".to_owned(), json!(millis(script.timeout)));
    }
    scenario
}

fn targets(script: &Script, unit: f64) -> Vec<Value> {
    let (_, stages) = stages_of(script).unwrap_or_default();
    let target = |level: f64| (level * unit).round() as u64;
    let stages = stages.iter();
    stages
        .map(|stage| json!({ "duration": millis(stage.duration), "target": target(stage.level) }))
        .collect()
}

/// k6 has whole rates, for any number of seconds: the fewest for which all of these are whole.
pub(super) fn time_unit(rates: &[f64]) -> Option<u32> {
    let is_whole = |value: f64| (value - value.round()).abs() < 1e-9 * value.max(1.0);
    let fits = |unit: &u32| rates.iter().all(|rate| is_whole(rate * f64::from(*unit)));
    [1, 10, 100, 1000].into_iter().find(fits)
}

/// Whether k6 can follow the stages.
pub(super) fn stages(script: &Script) -> Answer {
    let Some((start, stages)) = stages_of(script) else { return Ok(()) };
    let mut levels = stages.iter().map(|stage| stage.level).chain([start]);
    let are_whole_millis =
        stages.iter().all(|stage| stage.duration.subsec_micros().is_multiple_of(1_000));
    only_if(are_whole_millis, "its times are milliseconds")?;
    match script.pace {
        Pace::Closed { .. } => {
            only_if(levels.all(|level| level.fract() == 0.0), "its virtual users are whole")
        }
        Pace::Open { .. } => {
            let rates: Vec<f64> = levels.collect();
            only_if(time_unit(&rates).is_some(), "its rates have three decimals")
        }
    }
}

/// The options on the command line of the user's own script. They override its own.
pub(super) fn of_own(script: &Script) -> Vec<String> {
    let users = script.pace.connections().to_string();
    match &script.extent {
        Extent::Duration(duration) => {
            vec!["--vus".to_owned(), users, "--duration".to_owned(), millis(*duration)]
        }
        Extent::Requests(requests) => {
            vec!["--vus".to_owned(), users, "--iterations".to_owned(), requests.to_string()]
        }
        Extent::Stages { start, stages } => {
            let mut words = vec!["--vus".to_owned(), (*start as u64).to_string()];
            for stage in stages {
                let target = format!("{}:{}", millis(stage.duration), stage.level as u64);
                words.extend(["--stage".to_owned(), target]);
            }
            words
        }
    }
}

/// Whether k6 is to count checks: for bodies, and for thresholds on them.
pub(super) fn has_checks(script: &Script) -> bool {
    let is_on_checks = |threshold: &Threshold| threshold.metric == Metric::ChecksRate;
    looks_at_bodies(script) || script.thresholds.iter().any(is_on_checks)
}

fn looks_at_bodies(script: &Script) -> bool {
    script.requests.iter().any(|request| {
        let Expect { status: _, body_contains, max_bytes } = &request.expect;
        body_contains.is_some() || max_bytes.is_some()
    })
}

/// The thresholds that k6 can decide by itself, too; all of them are decided by the record.
fn thresholds(script: &Script) -> Map<String, Value> {
    let mut thresholds: Map<String, Value> = Map::new();
    for Threshold { metric, min, max, abort_after: _ } in &script.thresholds {
        let (name, figure, scale) = match metric {
            Metric::Latency(stat) | Metric::Service(stat) => (LATENCY, statistic(*stat), 1e-3),
            Metric::ErrorsRate if !looks_at_bodies(script) => ("http_req_failed", "rate", 1.0),
            Metric::ChecksRate => ("checks", "rate", 1.0),
            _ => continue,
        };
        let limits = [(">=", min), ("<=", max)];
        for (sign, limit) in limits {
            let Some(limit) = limit else { continue };
            let rule = json!(format!("{figure}{sign}{}", limit * scale));
            let rules = thresholds.entry(name).or_insert_with(|| json!([]));
            if let Value::Array(rules) = rules {
                rules.push(rule);
            }
        }
    }
    thresholds
}

fn statistic(stat: Stat) -> &'static str {
    match stat {
        Stat::Mean => "avg",
        Stat::P50 => "med",
        Stat::P75 => "p(75)",
        Stat::P90 => "p(90)",
        Stat::P95 => "p(95)",
        Stat::P99 => "p(99)",
        Stat::P99_9 => "p(99.9)",
        Stat::Max => "max",
    }
}
