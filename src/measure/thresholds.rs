//! The limits that a script sets for its run: watched while it goes on, judged when it has ended.

use super::{
    agenda::SLICE,
    latency::latency,
    slice::{Slice, headline_latency},
};
use crate::{
    load::{Metric, Phase, Stat, Tally, Threshold},
    record::{LatencyFacts, Run, ThresholdFacts},
    unit::Nanos,
};

/// The figures that can be limited; what could not be had is none.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Figures {
    pub(super) latency: LatencyFacts,
    pub(super) service: LatencyFacts,
    pub(super) error_ratio: Option<f64>,
    pub(super) checks_ratio: Option<f64>,
    pub(super) requests_per_second: Option<f64>,
    pub(super) achieved_ratio: Option<f64>,
    pub(super) cpu_us_per_request: Option<f64>,
    /// Whether those of the headline may be quoted.
    pub(super) is_valid: bool,
}

impl Figures {
    /// Those of a whole run.
    pub(super) fn of_run(run: &Run) -> Self {
        let load = &run.load;
        let unexpected = load.errors.status + load.errors.check;
        let failed = load.errors.total();
        Self {
            latency: load.latency_us,
            service: load.service_us,
            error_ratio: load.error_ratio,
            checks_ratio: ratio(
                load.attempts.saturating_sub(failed),
                load.attempts.saturating_sub(failed) + unexpected,
            ),
            requests_per_second: load.requests_per_second,
            achieved_ratio: load.achieved_ratio,
            cpu_us_per_request: run.server.cpu_us_per_request,
            is_valid: load.valid,
        }
    }

    /// Those of a slice.
    fn of_slice(slice: &Slice, tally: &Tally) -> Self {
        let failed = tally.errors.total();
        let unexpected = tally.errors.of(Phase::Status) + tally.errors.of(Phase::Check);
        let finite = |figure: f64| figure.is_finite().then_some(figure);
        Self {
            latency: latency(headline_latency(tally)),
            service: latency(&tally.latency),
            error_ratio: ratio(failed, tally.requests + failed),
            checks_ratio: ratio(tally.requests, tally.requests + unexpected),
            requests_per_second: finite(slice.requests_per_second()),
            achieved_ratio: ratio(tally.schedule.sent, tally.schedule.due),
            cpu_us_per_request: finite(slice.server_cpu_us_per_request()),
            is_valid: true,
        }
    }

    /// A figure, or why there is none.
    fn value(&self, metric: Metric) -> Option<f64> {
        let of = |latency: &LatencyFacts, stat| match stat {
            Stat::Mean => latency.mean,
            Stat::P50 => latency.p50,
            Stat::P75 => latency.p75,
            Stat::P90 => latency.p90,
            Stat::P95 => latency.p95,
            Stat::P99 => latency.p99,
            Stat::P99_9 => latency.p99_9,
            Stat::Max => latency.max,
        };
        match metric {
            Metric::Latency(stat) => of(&self.latency, stat),
            Metric::Service(stat) => of(&self.service, stat),
            Metric::ErrorsRate => self.error_ratio,
            Metric::ChecksRate => self.checks_ratio,
            Metric::RequestsPerSecond => self.requests_per_second,
            Metric::AchievedRatio => self.achieved_ratio,
            Metric::CpuUsPerRequest => self.cpu_us_per_request,
        }
    }

    /// Judges a limit.
    pub(super) fn judge(&self, threshold: &Threshold) -> ThresholdFacts {
        let Threshold { metric, min, max, .. } = threshold;
        let value = self.value(*metric);
        let reason = match value {
            None => Some("it could not be measured"),
            Some(_) if !self.is_valid && is_of_headline(*metric) => {
                Some("the figures of the run are not valid")
            }
            Some(_) => None,
        };
        let is_kept = value.is_some_and(|value| keeps(threshold, value));
        ThresholdFacts {
            metric: metric.to_string(),
            min: *min,
            max: *max,
            value,
            passed: reason.is_none() && is_kept,
            reason: reason.map(str::to_owned),
            aborted: false,
        }
    }
}

/// Whether a figure comes from the slices of the headline, and is worth nothing without them.
fn is_of_headline(metric: Metric) -> bool {
    !matches!(metric, Metric::ErrorsRate | Metric::ChecksRate | Metric::AchievedRatio)
}

fn keeps(threshold: &Threshold, value: f64) -> bool {
    threshold.min.is_none_or(|min| min <= value) && threshold.max.is_none_or(|max| value <= max)
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Watches the limits that end a measurement.
#[derive(Debug)]
pub(super) struct ThresholdWatch {
    /// The limits with their places, and for how long each has been broken.
    limits: Vec<(usize, Threshold, Nanos)>,
}

/// A limit that was broken for so long that the measurement ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    /// Its place in the script.
    pub(super) index: usize,
    /// What was found.
    pub(super) why: String,
}

impl ThresholdWatch {
    pub(super) fn new(thresholds: &[Threshold]) -> Self {
        let ending = thresholds.iter().enumerate().filter(|(_, limit)| limit.abort_after.is_some());
        Self { limits: ending.map(|(index, limit)| (index, limit.clone(), Nanos(0))).collect() }
    }

    /// Looks at the next slice; says which limit has been broken for too long, if one has.
    pub(super) fn note(&mut self, slice: &Slice, tally: &Tally) -> Option<Broken> {
        if self.limits.is_empty() {
            return None;
        }
        let figures = Figures::of_slice(slice, tally);
        self.limits.iter_mut().find_map(|(index, threshold, broken)| {
            let value = figures.value(threshold.metric)?;
            if keeps(threshold, value) {
                *broken = Nanos(0);
                return None;
            }
            *broken += slice.elapsed;
            let after = threshold.abort_after?;
            // Slices end a little early: as many as the time has must do.
            let tolerance = Nanos(Nanos::from(SLICE).0 / 5);
            (*broken + tolerance >= after.into()).then(|| Broken {
                index: *index,
                why: format!("{} was {} for {after:?}", threshold.metric, beyond(threshold, value)),
            })
        })
    }
}

/// Such as `0.5, above 0.01`.
fn beyond(threshold: &Threshold, value: f64) -> String {
    match (threshold.min, threshold.max) {
        (_, Some(max)) if value > max => format!("{value:.4}, above {max}"),
        (Some(min), _) if value < min => format!("{value:.4}, below {min}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use expect_test::{Expect, expect};

    use super::*;
    use crate::{
        load::{Age, Cause, Errors, Failure},
        measure::{agenda::Place, slice::Readings},
        record::{LoadFacts, TargetFacts, UtcTime},
    };

    fn limit(metric: Metric, min: Option<f64>, max: Option<f64>) -> Threshold {
        Threshold { metric, min, max, abort_after: None }
    }

    #[track_caller]
    fn check(run: &Run, limits: &[Threshold], expected: Expect) {
        let figures = Figures::of_run(run);
        let lines = limits.iter().map(|limit| {
            let ThresholdFacts { metric, value, passed, reason, .. } = figures.judge(limit);
            format!("{metric} {value:?} {passed} {}\n", reason.unwrap_or_default())
        });
        expected.assert_eq(&lines.collect::<String>());
    }

    fn run(valid: bool) -> Run {
        let mut run = Run::new(UtcTime::now(), String::new(), TargetFacts::default());
        run.load = LoadFacts {
            requests_per_second: Some(1_000.0),
            latency_us: LatencyFacts { p99: Some(5_000.0), ..LatencyFacts::default() },
            attempts: 1_000,
            error_ratio: Some(0.02),
            valid,
            ..LoadFacts::default()
        };
        (run.load.errors.status, run.load.errors.connect) = (8, 12);
        run
    }

    #[test]
    fn limits_are_judged_on_the_figures_of_the_record() {
        check(
            &run(true),
            &[
                limit(Metric::Latency(Stat::P99), None, Some(5_000.0)),
                limit(Metric::Latency(Stat::P99), None, Some(4_999.0)),
                limit(Metric::RequestsPerSecond, Some(1_001.0), None),
                limit(Metric::ErrorsRate, None, Some(0.02)),
                limit(Metric::ChecksRate, Some(0.99), None),
                limit(Metric::Service(Stat::P50), None, Some(1.0)),
                limit(Metric::CpuUsPerRequest, None, Some(1.0)),
            ],
            expect![[r#"
                latency.p99 Some(5000.0) true 
                latency.p99 Some(5000.0) false 
                rps Some(1000.0) false 
                errors.rate Some(0.02) true 
                checks.rate Some(0.9919028340080972) true 
                service.p50 None false it could not be measured
                cpu_us_per_request None false it could not be measured
            "#]],
        );
    }

    #[test]
    fn figures_that_are_not_valid_keep_no_limit() {
        check(
            &run(false),
            &[
                limit(Metric::Latency(Stat::P99), None, Some(9_000.0)),
                limit(Metric::ErrorsRate, None, Some(0.5)),
            ],
            expect![[r#"
                latency.p99 Some(5000.0) false the figures of the run are not valid
                errors.rate Some(0.02) true 
            "#]],
        );
    }

    /// A quarter of a second with so many good responses and failures.
    fn slice(good: u64, failed: u64) -> (Slice, Tally) {
        let mut tally = Tally::new(Nanos(0));
        tally.ended = Nanos(250_000_000);
        tally.requests = good;
        let failure = Failure { phase: Phase::Timeout, cause: Cause::Late, age: Age::New };
        (0..failed).for_each(|_| tally.errors.merge(&Errors::of_one(failure)));
        let readings = Readings { load_threads: 1, ..Readings::default() };
        (Slice::new(Place::default(), &tally, readings), tally)
    }

    #[test]
    fn a_limit_that_stays_broken_ends_the_measurement() {
        let errors = limit(Metric::ErrorsRate, None, Some(0.01));
        let ending = Threshold { abort_after: Some(Duration::from_millis(500)), ..errors.clone() };
        let mut watch = ThresholdWatch::new(&[errors, ending]);
        let mut note = |good, failed| {
            let (slice, tally) = slice(good, failed);
            watch.note(&slice, &tally)
        };
        assert_eq!(note(98, 2), None);
        assert_eq!(note(100, 0), None);
        assert_eq!(note(98, 2), None);
        assert_eq!(note(0, 0), None);
        let broken = note(98, 2).expect("it was broken for half a second");
        assert_eq!(
            (broken.index, broken.why.as_str()),
            (1, "errors.rate was 0.0200, above 0.01 for 500ms")
        );
    }
}
