//! bombardier's JSON. Latencies are microseconds.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ENGINE;
use crate::{
    load::external::{
        ExternalError, LatencyKind, Reported, ReportedErrors, ReportedLatency, json,
        reported::nanos,
    },
    unit::Bytes,
};

#[derive(Debug, Deserialize)]
struct Output {
    result: Figures,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Figures {
    bytes_read: u64,
    time_taken_seconds: f64,
    req1xx: u64,
    req2xx: u64,
    req3xx: u64,
    req4xx: u64,
    req5xx: u64,
    #[serde(default)]
    others: u64,
    #[serde(default)]
    errors: Vec<Failed>,
    latency: Latency,
}

#[derive(Debug, Deserialize)]
struct Failed {
    description: String,
    count: u64,
}

#[derive(Debug, Deserialize)]
struct Latency {
    mean: Option<f64>,
    stddev: Option<f64>,
    max: Option<f64>,
    #[serde(default)]
    percentiles: BTreeMap<String, Option<f64>>,
}

/// Reads bombardier's JSON.
///
/// # Errors
/// When there is none, or it lacks a figure.
pub(in crate::load::external) fn parse(text: &str) -> Result<Reported, ExternalError> {
    let Output { result } = json::find(ENGINE, text, "result")?;
    let Some(duration) = nanos(result.time_taken_seconds, 1e9) else {
        return Err(ExternalError::output(ENGINE, "its time is no time"));
    };
    let mut reported = Reported::new(ENGINE, result.req2xx, Some(duration));
    reported.bytes = Some(Bytes(result.bytes_read));
    let classes = [
        ("1xx", result.req1xx),
        ("2xx", result.req2xx),
        ("3xx", result.req3xx),
        ("4xx", result.req4xx),
        ("5xx", result.req5xx),
    ];
    let sum = |counts: &mut dyn Iterator<Item = u64>| counts.fold(0, u64::saturating_add);
    let responses = sum(&mut classes.iter().map(|(_, count)| *count));
    let seen = classes.iter().filter(|(_, count)| *count > 0);
    reported.statuses = seen.map(|(class, count)| ((*class).to_owned(), *count)).collect();
    let failed: Vec<_> =
        result.errors.into_iter().map(|failed| (failed.description, failed.count)).collect();
    let described = sum(&mut failed.iter().map(|(_, count)| *count));
    reported.errors = ReportedErrors::of_texts(failed);
    reported.errors.status = Some(responses.saturating_sub(result.req2xx));
    // What has neither a status nor a description failed all the same.
    let undescribed = result.others.saturating_sub(described);
    reported.errors.other = reported.errors.other.map(|other| other.saturating_add(undescribed));
    reported.latency.kind = LatencyKind::Service;
    if responses == 0 {
        return Ok(reported);
    }
    if result.others.saturating_mul(100) > responses {
        reported.notes.push(
            "bombardier times requests that fail as well, which were too many: its latencies mean \
             nothing"
                .to_owned(),
        );
        return Ok(reported);
    }
    reported.latency = result.latency.statistics();
    if result.others > 0 {
        reported.notes.push("bombardier's latencies include requests that failed".to_owned());
    }
    Ok(reported)
}

impl Latency {
    fn statistics(&self) -> ReportedLatency {
        let known = |micros: Option<f64>| micros.and_then(|micros| nanos(micros, 1e3));
        let mut latency = ReportedLatency {
            kind: LatencyKind::Service,
            mean: known(self.mean),
            stdev: known(self.stddev),
            max: known(self.max),
            ..Default::default()
        };
        for (percent, micros) in &self.percentiles {
            let place = percent.parse().ok().and_then(|percent| latency.percentile(percent));
            if let Some(place) = place {
                *place = known(*micros);
            }
        }
        latency
    }
}
