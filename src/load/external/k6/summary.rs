//! k6's summary, in any of its three shapes. Times are milliseconds.
//!
//! | shape | from | a metric | a threshold |
//! |---|---|---|---|
//! | flat | `--summary-export` | its values, by its name in `metrics` | `true`: it **failed** |
//! | nested | `handleSummary` | the same under `values` | `{"ok": true}`: it holds |
//! | listed | `--new-machine-readable-summary` | one of a list, values like `p90` | not there |
//!
//! `http_req_failed` counts a failed request as one that passes. `dropped_iterations` is not there
//! if it is zero.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ENGINE, options::LATENCY};
use crate::{
    load::external::{
        ExternalError, LatencyKind, Reported, ReportedErrors, ReportedLatency, json,
        reported::nanos,
    },
    unit::Bytes,
};

/// A threshold failed, and all else went well.
const THRESHOLDS_FAILED: i32 = 99;

/// The metrics of a summary, whatever its shape.
struct Summary {
    values: BTreeMap<String, BTreeMap<String, f64>>,
    duration_s: Option<f64>,
    thresholds_failed: Vec<String>,
    is_listed: bool,
}

/// Reads k6's summary.
///
/// # Errors
/// When there is none, or it does not count requests.
pub(in crate::load::external) fn parse(
    text: &str,
    exit_code: Option<i32>,
) -> Result<Reported, ExternalError> {
    let mut summary = Summary::find(text)?;
    let Some(tried) = summary.count("http_reqs", "count") else {
        return Err(ExternalError::output(ENGINE, "its summary does not count requests"));
    };
    let good = summary.count("flameload_good", "count");
    let is_generated = summary.values.keys().any(|name| name.starts_with("flameload_"));
    let failed = summary.failed();
    let requests = match (good, is_generated, failed) {
        (Some(good), _, _) => good,
        // A counter that was never added to is not there.
        (None, true, _) => 0,
        (None, false, Some(failed)) => tried.saturating_sub(failed),
        (None, false, None) => {
            return Err(ExternalError::output(ENGINE, "its summary does not count failures"));
        }
    };
    let duration = summary.duration_s.and_then(|seconds| nanos(seconds, 1e9));
    let mut reported = Reported::new(ENGINE, requests, duration);
    reported.bytes = summary.count("data_received", "count").map(Bytes);
    reported.dropped = Some(summary.count("dropped_iterations", "count").unwrap_or(0));
    reported.errors = if is_generated {
        summary.errors()
    } else {
        ReportedErrors { other: failed, ..Default::default() }
    };
    reported.latency = summary.latency(requests, &mut reported.notes);
    reported.thresholds_failed = std::mem::take(&mut summary.thresholds_failed);
    if exit_code == Some(THRESHOLDS_FAILED) && reported.thresholds_failed.is_empty() {
        reported.thresholds_failed.push("one that k6 does not name".to_owned());
    }
    Ok(reported)
}

impl Summary {
    fn find(text: &str) -> Result<Self, ExternalError> {
        let value: Value = json::find(ENGINE, text, "metrics")?;
        if let Some(Value::Array(metrics)) = value.pointer("/results/metrics") {
            return Ok(Self::listed(&value, metrics));
        }
        match value.get("metrics") {
            Some(Value::Object(metrics)) => Ok(Self::named(&value, metrics)),
            _ => Err(ExternalError::output(ENGINE, "its summary has no metrics")),
        }
    }

    /// The listed shape.
    fn listed(value: &Value, metrics: &[Value]) -> Self {
        let values = metrics.iter().filter_map(|metric| {
            let name = metric.get("name")?.as_str()?.to_owned();
            Some((name, numbers(metric.get("values")?)))
        });
        Self {
            values: values.collect(),
            duration_s: value.pointer("/config/duration").and_then(Value::as_f64),
            thresholds_failed: Vec::new(),
            is_listed: true,
        }
    }

    /// The flat and the nested shape.
    fn named(value: &Value, metrics: &serde_json::Map<String, Value>) -> Self {
        let mut summary = Self {
            values: BTreeMap::new(),
            duration_s: None,
            thresholds_failed: Vec::new(),
            is_listed: false,
        };
        for (name, metric) in metrics {
            let values = metric.get("values").unwrap_or(metric);
            summary.values.insert(name.clone(), numbers(values));
            let Some(Value::Object(thresholds)) = metric.get("thresholds") else { continue };
            for (rule, outcome) in thresholds {
                let holds = outcome.get("ok").and_then(Value::as_bool);
                let fails = outcome.as_bool().or(holds.map(|holds| !holds));
                if fails == Some(true) {
                    summary.thresholds_failed.push(format!("{name}: {rule}"));
                }
            }
        }
        let state = value.pointer("/state/testRunDurationMs").and_then(Value::as_f64);
        // The flat shape has no duration, but rates: over the same time, all of them.
        let of_rate = |name: &str| {
            let (count, rate) = (summary.value(name, "count")?, summary.value(name, "rate")?);
            (rate > 0.0).then_some(count / rate)
        };
        let rates = || of_rate("http_reqs").or_else(|| of_rate("iterations"));
        summary.duration_s = state.map(|millis| millis / 1e3).or_else(rates);
        summary
    }

    fn value(&self, metric: &str, figure: &str) -> Option<f64> {
        self.values.get(metric)?.get(figure).copied()
    }

    fn count(&self, metric: &str, figure: &str) -> Option<u64> {
        let value = self.value(metric, figure)?;
        (0.0..1e18).contains(&value).then_some(value as u64)
    }

    fn failed(&self) -> Option<u64> {
        let figure = if self.is_listed { "matches" } else { "passes" };
        self.count("http_req_failed", figure)
    }

    /// What the generated script counted; a counter that was never added to is not there.
    fn errors(&self) -> ReportedErrors {
        let count = |class: &str| {
            Some(self.count(&format!("flameload_failed_{class}"), "count").unwrap_or(0))
        };
        ReportedErrors {
            connect: count("connect"),
            tls: count("tls"),
            write: count("write"),
            read: count("read"),
            timeout: count("timeout"),
            status: count("status"),
            check: count("check"),
            other: count("other"),
            details: Vec::new(),
        }
    }

    /// The latencies of responses with an expected status, or else of all requests.
    fn latency(&self, requests: u64, notes: &mut Vec<String>) -> ReportedLatency {
        let mut latency =
            ReportedLatency { kind: LatencyKind::Service, ..ReportedLatency::default() };
        if requests == 0 {
            return latency;
        }
        let metric = if self.values.contains_key(LATENCY) {
            LATENCY
        } else {
            notes.push("k6's latencies are those of all requests, failed ones too".to_owned());
            "http_req_duration"
        };
        let known = |figure: &str| self.value(metric, figure).and_then(|millis| nanos(millis, 1e6));
        // The listed shape has no brackets in its names.
        let percentile = |percent: &str| {
            known(&format!("p({percent})")).or_else(|| known(&format!("p{percent}")))
        };
        latency.mean = known("avg");
        latency.p50 = known("med");
        latency.p75 = percentile("75");
        latency.p90 = percentile("90");
        latency.p95 = percentile("95");
        latency.p99 = percentile("99");
        latency.p99_9 = percentile("99.9");
        latency.max = known("max");
        latency
    }
}

fn numbers(values: &Value) -> BTreeMap<String, f64> {
    let Value::Object(values) = values else { return BTreeMap::new() };
    let numbers = values.iter().filter_map(|(name, value)| Some((name.clone(), value.as_f64()?)));
    numbers.collect()
}
