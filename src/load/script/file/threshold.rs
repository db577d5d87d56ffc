//! `[[threshold]]`: what a run must keep to.

use std::time::Duration;

use serde::Deserialize;

use super::load::some_duration;
use crate::{
    config,
    load::script::{Metric, Stat, Threshold},
    unit,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThresholdSection {
    metric: String,
    min: Option<Amount>,
    max: Option<Amount>,
    #[serde(default, deserialize_with = "some_duration")]
    abort_after: Option<Duration>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "expected a number such as 0.01, or a time such as \"25ms\"")]
enum Amount {
    Number(f64),
    Text(String),
}

/// What the figures of a metric are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Time,
    Share,
    Number,
}

impl ThresholdSection {
    pub(super) fn into_threshold(self) -> Result<Threshold, String> {
        let metric = metric(&self.metric)?;
        let amount = |amount: Option<Amount>| amount.map(|it| it.of(metric)).transpose();
        let (min, max) = (amount(self.min)?, amount(self.max)?);
        match (min, max) {
            (None, None) => return Err(format!("threshold {metric} has neither min nor max")),
            (Some(min), Some(max)) if min > max => {
                return Err(format!(
                    "threshold {metric}: min is above max, so nothing can keep it"
                ));
            }
            _ => {}
        }
        if self.abort_after.is_some_and(|after| after.is_zero()) {
            return Err(format!(
                "threshold {metric}: abort_after must not be zero; \"1s\" is a good start"
            ));
        }
        Ok(Threshold { metric, min, max, abort_after: self.abort_after })
    }
}

impl Amount {
    /// The amount in the unit of `metric`.
    fn of(self, metric: Metric) -> Result<f64, String> {
        let unit = unit_of(metric);
        let amount = match (self, unit) {
            (Self::Text(text), Unit::Time) => {
                let time = unit::parse_duration(&text);
                time.map_err(|why| format!("threshold {metric}: {why}"))?.as_secs_f64() * 1e6
            }
            (Self::Number(number), Unit::Time) => {
                return Err(format!(
                    "threshold {metric}: {number} has no unit; write a time such as \"25ms\""
                ));
            }
            (Self::Number(number), _) => number,
            (Self::Text(text), _) => {
                return Err(format!(
                    "threshold {metric}: \"{}\" is a text; write a plain number",
                    text.escape_debug()
                ));
            }
        };
        let is_share = unit == Unit::Share;
        if !amount.is_finite() || amount < 0.0 || (is_share && amount > 1.0) {
            let range = if is_share { "from 0 to 1" } else { "that is not negative" };
            return Err(format!("threshold {metric}: write a number {range}, not {amount}"));
        }
        Ok(amount)
    }
}

fn unit_of(metric: Metric) -> Unit {
    match metric {
        Metric::Latency(_) | Metric::Service(_) | Metric::CpuUsPerRequest => Unit::Time,
        Metric::ErrorsRate | Metric::ChecksRate | Metric::AchievedRatio => Unit::Share,
        Metric::RequestsPerSecond => Unit::Number,
    }
}

/// The metric with this name.
fn metric(name: &str) -> Result<Metric, String> {
    let stats = Stat::ALL.into_iter().map(|(_, stat)| stat);
    let all = stats.clone().map(Metric::Latency).chain(stats.map(Metric::Service)).chain([
        Metric::ErrorsRate,
        Metric::ChecksRate,
        Metric::RequestsPerSecond,
        Metric::AchievedRatio,
        Metric::CpuUsPerRequest,
    ]);
    let all: Vec<(String, Metric)> = all.map(|metric| (metric.to_string(), metric)).collect();
    if let Some((_, metric)) = all.iter().find(|(known, _)| known == name) {
        return Ok(*metric);
    }
    let advice = match config::nearest(name, all.iter().map(|(known, _)| known.as_str())) {
        Some(near) => format!("did you mean '{near}'?"),
        None => "there are latency.* and service.* with mean, p50, p75, p90, p95, p99, p99_9 and \
                 max, errors.rate, checks.rate, rps, achieved_ratio and cpu_us_per_request"
            .to_owned(),
    };
    Err(format!("no threshold metric '{}'; {advice}", name.escape_debug()))
}
