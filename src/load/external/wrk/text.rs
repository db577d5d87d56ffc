//! What wrk and wrk2 print by themselves.
//!
//! Times are printed as `us` below 850, then `ms`, `s` and `m`, never `h`; numbers as such, then
//! with `k`, `M`, `G`, `T`; bytes the same with `K` for 1,024, and a `B` at the end (`units.c`).
//! An empty table prints `-nan`. The duration is that of `requests in`: the one in the first line
//! has no decimals. Counters of errors wrap at 32 bits and may be printed as negative.

use crate::{
    load::{
        EngineKind,
        external::{
            ExternalError, LatencyKind, Reported, ReportedErrors, ReportedLatency, reported::nanos,
        },
    },
    unit::{Bytes, Nanos},
};

/// Reads what wrk or wrk2 printed.
///
/// # Errors
/// When the line with the requests and their time is missing, or the last line.
pub(super) fn parse(engine: EngineKind, output: &str) -> Result<Reported, ExternalError> {
    let Some((complete, duration, bytes)) = output.lines().find_map(totals) else {
        return Err(ExternalError::output(engine, "there is no line `... requests in ...`"));
    };
    // Without it, the lines with errors may be missing as well.
    if !output.lines().any(|line| line.starts_with("Transfer/sec:")) {
        return Err(ExternalError::output(engine, "its last line is missing"));
    }
    let errors = errors(output);
    let bad = [errors.status, errors.timeout].into_iter().flatten();
    let requests = bad.fold(complete, u64::saturating_sub);
    let mut reported = Reported::new(engine, requests, Some(duration));
    reported.bytes = bytes;
    reported.errors = errors;
    let is_wrk2 = engine == EngineKind::Wrk2;
    let kind = if is_wrk2 { LatencyKind::Response } else { LatencyKind::Service };
    reported.latency.kind = kind;
    if complete > 0 {
        reported.latency = latency(output, kind);
        if !is_wrk2 {
            reported.notes.push(
                "wrk's latencies include some that it did not observe but estimated".to_owned(),
            );
        }
    }
    Ok(reported)
}

/// `  22464657 requests in 30.00s, 17.76GB read`.
fn totals(line: &str) -> Option<(u64, Nanos, Option<Bytes>)> {
    let (requests, rest) = line.trim().split_once(" requests in ")?;
    let (duration, bytes) = rest.strip_suffix(" read")?.split_once(", ")?;
    let bytes = scaled(bytes, &[("TB", 40), ("GB", 30), ("MB", 20), ("KB", 10), ("B", 0)]);
    Some((requests.trim().parse().ok()?, time(duration)?, bytes.map(Bytes)))
}

/// A time such as `635.91us`.
fn time(text: &str) -> Option<Nanos> {
    let units = [("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];
    let unit = units.iter().find(|(unit, _)| {
        text.strip_suffix(unit).is_some_and(|number| number.ends_with(|c: char| c.is_ascii_digit()))
    });
    let (unit, per_unit) = unit?;
    nanos(text.strip_suffix(unit)?.trim().parse().ok()?, *per_unit)
}

fn scaled(text: &str, units: &[(&str, u32)]) -> Option<u64> {
    let (number, shift) =
        units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)))?;
    let value: f64 = number.trim().parse().ok()?;
    let value = value * (1_u64 << shift) as f64;
    (0.0..1e18).contains(&value).then_some(value as u64)
}

/// The counters; a line that is not printed says that all of its counters are zero.
fn errors(output: &str) -> ReportedErrors {
    let mut errors = ReportedErrors {
        connect: Some(0),
        read: Some(0),
        write: Some(0),
        timeout: Some(0),
        status: Some(0),
        ..Default::default()
    };
    for line in output.lines().map(str::trim) {
        if let Some(status) = line.strip_prefix("Non-2xx or 3xx responses:") {
            errors.status = status.trim().parse().ok();
        }
        let Some(counters) = line.strip_prefix("Socket errors:") else { continue };
        for counter in counters.split(',') {
            let Some((name, count)) = counter.trim().split_once(' ') else { continue };
            let place = match name {
                "connect" => &mut errors.connect,
                "read" => &mut errors.read,
                "write" => &mut errors.write,
                "timeout" => &mut errors.timeout,
                _ => continue,
            };
            *place = count.trim().parse().ok();
        }
    }
    errors
}

/// The row of latencies, and the percentiles below it up to the next heading.
fn latency(output: &str, kind: LatencyKind) -> ReportedLatency {
    let mut latency = ReportedLatency { kind, ..Default::default() };
    let mut is_distribution = false;
    for line in output.lines().map(str::trim) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            // wrk2 may print the same again for latencies without its correction.
            ["Latency", "Distribution", ..] => is_distribution = !words.contains(&"Uncorrected"),
            ["Detailed", ..] | [_, "requests", "in", ..] => is_distribution = false,
            ["Latency", mean, stdev, max, ..] => {
                latency.mean = time(mean);
                latency.stdev = time(stdev);
                latency.max = time(max);
            }
            [percent, value] if is_distribution => {
                let percent = percent.strip_suffix('%').and_then(|percent| percent.parse().ok());
                if let Some(place) = percent.and_then(|percent| latency.percentile(percent)) {
                    *place = time(value);
                }
            }
            _ => {}
        }
    }
    latency
}
