//! hey's printed summary.
//!
//! Times are seconds with four decimals. Above a million responses, its mean is wrong and its
//! count of statuses stands still (<https://github.com/rakyll/hey/issues/112>).

use std::collections::BTreeMap;

use super::ENGINE;
use crate::{
    load::external::{
        ExternalError, LatencyKind, Reported, ReportedErrors, ReportedLatency, invocation::Context,
        reported::nanos, status::good,
    },
    unit::Nanos,
};

/// So many responses it keeps.
const KEPT: u64 = 1_000_000;

/// What the summary has, before anything is made of it.
#[derive(Debug, Default)]
struct Summary {
    total: Option<f64>,
    slowest: Option<f64>,
    average: Option<f64>,
    rate: Option<f64>,
    percentiles: Vec<(f64, f64)>,
    has_statuses: bool,
    statuses: Vec<(u16, u64)>,
    errors: Vec<(String, u64)>,
}

/// Reads hey's summary.
///
/// # Errors
/// When it has no total time or no statuses, or more responses than hey keeps and not all of them good.
pub(in crate::load::external) fn parse(
    context: &Context,
    text: &str,
) -> Result<Reported, ExternalError> {
    let summary = Summary::parse(text);
    let Some(duration) = summary.total.and_then(|total| nanos(total, 1e9)) else {
        return Err(ExternalError::output(ENGINE, "its summary has no total time"));
    };
    if !summary.has_statuses {
        return Err(ExternalError::output(ENGINE, "its summary has no statuses"));
    }
    let expected = context.statuses.as_deref().unwrap_or_default();
    let sum = |counts: &mut dyn Iterator<Item = u64>| counts.fold(0, u64::saturating_add);
    let counted = sum(&mut summary.statuses.iter().map(|(_, count)| *count));
    let is_good = |(status, _): &&(u16, u64)| good(expected, *status);
    let in_statuses = sum(&mut summary.statuses.iter().filter(is_good).map(|(_, count)| *count));
    let mut requests = in_statuses;
    let is_cut = counted >= KEPT;
    if is_cut {
        let failed = sum(&mut summary.errors.iter().map(|(_, count)| *count));
        let tried = summary.rate.unwrap_or_default() * duration.as_secs_f64();
        if in_statuses < counted || !tried.is_finite() || tried < KEPT as f64 {
            let why = "it counts the statuses of a million responses only, and not all of them \
                       were good: ask for fewer requests";
            return Err(ExternalError::output(ENGINE, why));
        }
        requests = (tried.round() as u64).saturating_sub(failed);
    }
    let mut reported = Reported::new(ENGINE, requests, Some(duration));
    reported.errors = ReportedErrors::of_texts(summary.errors.clone());
    reported.errors.status = Some(counted - in_statuses);
    reported.latency = summary.latency(counted);
    if is_cut {
        reported.notes.push(
            "hey keeps a million responses: its latencies are those of the first million, and \
             requests were computed from its rate"
                .to_owned(),
        );
        reported.latency.mean = None;
    } else {
        let counts = summary.statuses.iter().map(|(status, count)| (status.to_string(), *count));
        reported.statuses = counts.collect::<BTreeMap<_, _>>();
    }
    if counted > 0 {
        reported.notes.push("hey's times are multiples of 100 µs".to_owned());
    }
    Ok(reported)
}

impl Summary {
    fn parse(text: &str) -> Self {
        let mut summary = Self::default();
        let mut section = "";
        for line in text.lines() {
            if !line.starts_with([' ', '\t']) && line.trim_end().ends_with(':') {
                section = line.trim_end().trim_end_matches(':');
                summary.has_statuses |= section == "Status code distribution";
                continue;
            }
            let line = line.trim();
            match section {
                "Summary" => summary.figure(line),
                "Latency distribution" => summary.percentiles.extend(percentile(line)),
                "Status code distribution" => {
                    let (code, rest) = bracketed(line).unwrap_or_default();
                    let count = rest.strip_suffix("responses").map(|count| count.trim().parse());
                    if let (Ok(code), Some(Ok(count))) = (code.parse(), count) {
                        summary.statuses.push((code, count));
                    }
                }
                "Error distribution" => {
                    if let Some((count, text)) = bracketed(line)
                        && let Ok(count) = count.parse()
                    {
                        summary.errors.push((text.to_owned(), count));
                    }
                }
                _ => {}
            }
        }
        summary
    }

    fn figure(&mut self, line: &str) {
        let Some((key, value)) = line.split_once(':') else { return };
        let seconds = || value.trim().strip_suffix("secs")?.trim().parse().ok();
        match key {
            "Total" => self.total = seconds(),
            "Slowest" => self.slowest = seconds(),
            "Average" => self.average = seconds(),
            "Requests/sec" => self.rate = value.trim().parse().ok(),
            _ => {}
        }
    }

    /// A time that is printed as zero is shorter than hey can tell: it is not known.
    fn latency(&self, responses: u64) -> ReportedLatency {
        let known = |seconds: f64| nanos(seconds, 1e9).filter(|nanos| *nanos > Nanos(0));
        let mut latency = ReportedLatency { kind: LatencyKind::Service, ..Default::default() };
        if responses == 0 {
            return latency;
        }
        latency.mean = self.average.and_then(known);
        latency.max = self.slowest.and_then(known);
        for (percent, seconds) in &self.percentiles {
            if let Some(place) = latency.percentile(*percent) {
                *place = known(*seconds);
            }
        }
        latency
    }
}

/// `50% in 0.0001 secs`.
fn percentile(line: &str) -> Option<(f64, f64)> {
    let (percent, seconds) = line.strip_suffix("secs")?.split_once("% in ")?;
    Some((percent.trim().parse().ok()?, seconds.trim().parse().ok()?))
}

/// `[this] and the rest`.
fn bracketed(line: &str) -> Option<(&str, &str)> {
    let (inside, rest) = line.strip_prefix('[')?.split_once(']')?;
    Some((inside, rest.trim()))
}
