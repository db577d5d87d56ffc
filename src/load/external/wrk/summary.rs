//! The line of figures that the Lua script prints.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::backfill::{self, Buckets};
use crate::{
    load::{
        EngineKind, Tally,
        external::{
            ExternalError, LatencyKind, Reported, ReportedErrors, ReportedLatency,
            invocation::Context, reported::nanos,
        },
    },
    unit::{Bytes, Nanos},
};

/// What its line begins with.
const MARK: &str = "flameload {";

/// The figures, as Lua's floats; times are microseconds.
#[derive(Debug, Deserialize)]
struct Line {
    duration_us: f64,
    requests: f64,
    bytes: Option<f64>,
    connect: Option<f64>,
    read: Option<f64>,
    write: Option<f64>,
    timeout: Option<f64>,
    status: Option<f64>,
    failed_status: Option<f64>,
    failed_body: Option<f64>,
    mean: Option<f64>,
    stdev: Option<f64>,
    max: Option<f64>,
    percentiles: BTreeMap<String, Option<f64>>,
    buckets: Option<Vec<(u64, u64)>>,
}

/// Reads the line, if there is one.
pub(super) fn parse(
    engine: EngineKind,
    context: &Context,
    output: &str,
) -> Result<Option<Reported>, ExternalError> {
    let mut lines = output.lines().rev();
    let Some(line) = lines.find_map(|line| line.strip_prefix(MARK)) else { return Ok(None) };
    let line: Line = serde_json::from_str(&format!("{{{line}"))
        .map_err(|error| ExternalError::output(engine, format!("the line of figures: {error}")))?;
    let (Some(duration), Some(complete)) = (nanos(line.duration_us, 1e3), whole(line.requests))
    else {
        return Err(ExternalError::output(engine, "the line of figures has no time or requests"));
    };
    let errors = line.errors();
    // A response that came too late is a complete one, but no good one.
    let bad = [errors.status, errors.check, errors.timeout].into_iter().flatten();
    let requests = bad.fold(complete, u64::saturating_sub);
    let mut reported = Reported::new(engine, requests, Some(duration));
    reported.errors = errors;
    reported.bytes = line.bytes.and_then(whole).map(Bytes);
    let kind = if context.corrected { LatencyKind::Response } else { LatencyKind::Service };
    reported.latency.kind = kind;
    if complete == 0 {
        return Ok(Some(reported));
    }
    if engine == EngineKind::Wrk2 {
        reported.latency = line.statistics(kind);
        return Ok(Some(reported));
    }
    match line.observed(context, complete) {
        Some(buckets) => {
            let mut histogram = Tally::new(Nanos(0)).latency;
            for (micros, count) in &buckets {
                histogram.saturating_record_n(micros.saturating_mul(1_000), *count);
            }
            reported.latency = ReportedLatency::of(&histogram, kind);
            reported.histogram = Some(histogram);
        }
        None => {
            reported.latency = line.statistics(kind);
            reported.notes.push(
                "wrk's latencies include some that it did not observe but estimated".to_owned(),
            );
        }
    }
    Ok(Some(reported))
}

impl Line {
    fn errors(&self) -> ReportedErrors {
        let count = |figure: Option<f64>| figure.and_then(whole);
        ReportedErrors {
            connect: count(self.connect),
            read: count(self.read),
            write: count(self.write),
            timeout: count(self.timeout),
            status: count(self.failed_status.or(self.status)),
            check: count(self.failed_body),
            ..ReportedErrors::default()
        }
    }

    fn statistics(&self, kind: LatencyKind) -> ReportedLatency {
        let known = |micros: Option<f64>| micros.and_then(|micros| nanos(micros, 1e3));
        let mut latency = ReportedLatency {
            kind,
            mean: known(self.mean),
            stdev: known(self.stdev),
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

    /// The latencies that wrk observed, if there are as many as there were responses in time.
    fn observed(&self, context: &Context, complete: u64) -> Option<Buckets> {
        let mut filled = Buckets::new();
        for (micros, count) in self.buckets.as_ref()? {
            let bucket = filled.entry(*micros).or_default();
            *bucket = bucket.checked_add(*count)?;
        }
        let duration_us = whole(self.duration_us)?;
        let observed = match backfill::cycle(duration_us, complete, context.connections) {
            Some(cycle) => backfill::undone(&filled, cycle)?,
            None => filled,
        };
        let late = self.timeout.and_then(whole).unwrap_or(0);
        let timed = observed.values().try_fold(late, |sum, count| sum.checked_add(*count))?;
        // The responses of a batch have one latency, and a batch may have been under way.
        let in_batches = timed.checked_mul(context.pipeline)?;
        let under_way = match context.pipeline {
            1 => 0,
            depth => context.connections.checked_mul(depth)?,
        };
        (in_batches <= complete && complete - in_batches <= under_way).then_some(observed)
    }
}

/// A count that went through a float.
fn whole(figure: f64) -> Option<u64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    ((0.0..=EXACT).contains(&figure) && figure.fract() == 0.0).then_some(figure as u64)
}
