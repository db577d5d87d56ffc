//! What a load tool reported -> the record: its figures in place of measured ones, each marked.

use std::collections::BTreeMap;

use super::{finite, ratio};
use crate::{
    load::{LatencyKind, Pace, Reported, ReportedLatency, Script},
    measure::observed::ToolSeen,
    record::{ErrorCounts, ErrorFacts, LatencyFacts, LoadFacts},
    unit::Nanos,
};

/// The facts of a load that a tool drove.
pub(super) fn load(facts: LoadFacts, script: &Script, tool: &ToolSeen) -> LoadFacts {
    let facts = LoadFacts {
        engine_version: tool.version.clone(),
        engine_command: Some(tool.command.clone()),
        // Nobody counted them.
        latency_us: LatencyFacts::default(),
        service_us: LatencyFacts::default(),
        latency_kind: None,
        threads: None,
        schedule_lag_max_us: None,
        backlog_max: None,
        dropped: None,
        by_request: Vec::new(),
        stages: Vec::new(),
        ..facts
    };
    match &tool.reported {
        Some(reported) => with_report(facts, script, reported),
        None => facts,
    }
}

fn with_report(facts: LoadFacts, script: &Script, reported: &Reported) -> LoadFacts {
    let latency_us = latency(&reported.latency);
    let is_service = reported.latency.kind == LatencyKind::Service;
    let errors = errors(reported);
    let failed = reported.errors.total();
    let attempts = reported.requests + failed;
    let seconds = reported.duration.map(Nanos::as_secs_f64);
    let per_second = |amount: u64| finite(amount as f64 / seconds?);
    let rate_target = match script.pace {
        Pace::Open { rate, .. } => Some(rate),
        Pace::Closed { .. } => None,
    };
    let rate_achieved = rate_target.and_then(|_| per_second(attempts));
    let facts = LoadFacts {
        requests: reported.requests,
        requests_per_second: reported.requests_per_second,
        bytes_per_second: reported.bytes.and_then(|bytes| per_second(bytes.0)),
        duration_s: seconds.unwrap_or(facts.duration_s),
        latency_kind: Some(if is_service { "service" } else { "response" }.to_owned()),
        latency_us,
        service_us: if is_service { latency_us } else { LatencyFacts::default() },
        rate_target,
        rate_achieved,
        achieved_ratio: rate_achieved.zip(rate_target).and_then(|(is, due)| finite(is / due)),
        dropped: reported.dropped,
        attempts,
        error_ratio: ratio(failed, attempts),
        errors,
        ..facts
    };
    let origins = origins(&facts, reported);
    LoadFacts { origins, ..facts }
}

/// Where each figure comes from.
fn origins(facts: &LoadFacts, reported: &Reported) -> BTreeMap<String, String> {
    let word = |is_known: bool| if is_known { "reported" } else { "absent" }.to_owned();
    let said = reported.origins().into_iter();
    let mut origins: BTreeMap<String, String> = said
        .map(|(name, origin)| {
            let word = serde_json::to_value(origin).ok();
            let word = word.and_then(|word| word.as_str().map(str::to_owned));
            (name.to_owned(), word.unwrap_or_default())
        })
        .collect();
    for (name, is_known) in [
        ("rate_achieved", facts.rate_achieved.is_some()),
        ("achieved_ratio", facts.achieved_ratio.is_some()),
        ("dropped", facts.dropped.is_some()),
        ("schedule_lag_max_us", false),
        ("backlog_max", false),
        ("connects", false),
        ("resent", false),
        ("stages", false),
        ("by_request", false),
    ] {
        origins.insert(name.to_owned(), word(is_known));
    }
    for name in ["server.cpu_us_per_request", "server.cpus_used", "client.cpu_us_per_request"] {
        origins.insert(name.to_owned(), "measured".to_owned());
    }
    origins
}

fn latency(reported: &ReportedLatency) -> LatencyFacts {
    let us = |time: Option<Nanos>| time.map(Nanos::as_micros_f64);
    LatencyFacts {
        mean: us(reported.mean),
        stdev: us(reported.stdev),
        p50: us(reported.p50),
        p75: us(reported.p75),
        p90: us(reported.p90),
        p95: us(reported.p95),
        p99: us(reported.p99),
        p99_9: us(reported.p99_9),
        max: us(reported.max),
        ..LatencyFacts::default()
    }
}

/// In the six classes of a record; what a tool does not tell apart counts as failing to read, and
/// its own words are the detail.
fn errors(reported: &Reported) -> ErrorCounts {
    let of = |count: Option<u64>| count.unwrap_or(0);
    let errors = &reported.errors;
    let detail = errors.details.iter().map(|(words, count)| ErrorFacts {
        phase: "reported".to_owned(),
        cause: words.clone(),
        count: *count,
        ..ErrorFacts::default()
    });
    ErrorCounts {
        connect: of(errors.connect) + of(errors.tls),
        read: of(errors.read) + of(errors.other),
        write: of(errors.write),
        timeout: of(errors.timeout),
        status: of(errors.status),
        check: of(errors.check),
        detail: detail.collect(),
    }
}

/// What is to be known of these figures.
pub(super) fn warnings(tool: &ToolSeen, engine: &str, profiled: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    if profiled {
        warnings.push(format!(
            "throughput was measured while sampling: {engine} says what it did in all, and not \
             when, so that what the sampling cost is not known"
        ));
    }
    if let Some(reported) = &tool.reported {
        warnings.extend(reported.notes.iter().cloned());
        let failed = &reported.thresholds_failed;
        if !failed.is_empty() {
            warnings.push(format!("{engine} reports broken thresholds: {}", failed.join(", ")));
        }
    }
    warnings
}
