//! oha's JSON. Times are seconds; what is not a number is null.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ENGINE;
use crate::load::external::{
    ExternalError, LatencyKind, Reported, ReportedErrors, ReportedLatency, invocation::Context,
    json, reported::nanos, status::good,
};

/// What oha calls requests that were under way at the end of its time. They did not fail, but it
/// counts them in its rate.
const UNDER_WAY: &str = "aborted due to deadline";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    summary: Summary,
    #[serde(default)]
    latency_percentiles: BTreeMap<String, Option<f64>>,
    status_code_distribution: BTreeMap<u16, u64>,
    #[serde(default)]
    error_distribution: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
struct Summary {
    total: Option<f64>,
    slowest: Option<f64>,
    average: Option<f64>,
}

/// Reads oha's JSON.
///
/// # Errors
/// When there is none, or it has no time or no statuses.
pub(in crate::load::external) fn parse(
    context: &Context,
    text: &str,
) -> Result<Reported, ExternalError> {
    let Output { summary, latency_percentiles, status_code_distribution, mut error_distribution } =
        json::find(ENGINE, text, "summary")?;
    let Some(duration) = summary.total.and_then(|total| nanos(total, 1e9)) else {
        return Err(ExternalError::output(ENGINE, "its summary has no total time"));
    };
    let expected = context.statuses.as_deref().unwrap_or_default();
    let (mut requests, mut others) = (0_u64, 0_u64);
    for (status, count) in &status_code_distribution {
        let place = if good(expected, *status) { &mut requests } else { &mut others };
        *place = place.saturating_add(*count);
    }
    let mut reported = Reported::new(ENGINE, requests, Some(duration));
    if let Some(count) = error_distribution.remove(UNDER_WAY) {
        let note = format!("{count} requests were under way at the end, and were given up");
        reported.notes.push(note);
    }
    reported.errors = ReportedErrors::of_texts(error_distribution.into_iter().collect());
    reported.errors.status = Some(others);
    let kind = if context.corrected { LatencyKind::Response } else { LatencyKind::Service };
    reported.latency.kind = kind;
    if requests.saturating_add(others) > 0 {
        reported.latency = latency(&summary, &latency_percentiles, kind);
    }
    let counts = status_code_distribution.into_iter();
    reported.statuses = counts.map(|(status, count)| (status.to_string(), count)).collect();
    Ok(reported)
}

fn latency(
    summary: &Summary,
    percentiles: &BTreeMap<String, Option<f64>>,
    kind: LatencyKind,
) -> ReportedLatency {
    let known = |seconds: Option<f64>| seconds.and_then(|seconds| nanos(seconds, 1e9));
    let mut latency = ReportedLatency {
        kind,
        mean: known(summary.average),
        max: known(summary.slowest),
        ..Default::default()
    };
    for (name, seconds) in percentiles {
        let percent = name.strip_prefix('p').and_then(|percent| percent.parse().ok());
        if let Some(place) = percent.and_then(|percent| latency.percentile(percent)) {
            *place = known(*seconds);
        }
    }
    latency
}
