//! What one profile says of the three functions.

use anyhow::ensure;
use flameload::{fold::Folded, record::Run, symbolize::Profile};
use serde_json::Value;

/// The functions, as they are called without underscores and capitals.
pub(super) const FUNCTIONS: [&str; 3] = ["checkpassword", "renderpage", "writeaudit"];

/// Standard deviations from the middle to the end of an interval of 95 %.
const REACH: f64 = 1.959_964;

/// What one profile says of the three functions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    /// Samples with each of them on the stack.
    pub(super) samples: [f64; 3],
    /// What the profile's own intervals claim over counting alone, for each: 1 where it has none.
    pub(super) design: [f64; 3],
    /// Whether it has intervals of its own.
    pub(super) has_own: bool,
    /// CPU time of the three together in a request, microseconds; none where it is not known.
    pub(super) sum_us: Option<f64>,
}

impl Seen {
    /// Of a run and its profile.
    pub(super) fn of(run: &Run, profile: &Profile) -> anyhow::Result<Self> {
        let (samples, all) = counted(profile);
        ensure!(
            samples.iter().all(|count| *count > 0.0),
            "the profile has no sample of one of the three functions: {samples:?}"
        );
        let record = serde_json::to_value(run)?;
        let sampled_us = record["profile"]["sampled_us_per_request"].as_f64();
        let whole = record["profile"]["design_effect"].as_f64();
        let own = samples.iter().zip(FUNCTIONS).map(|(count, function)| {
            let [low, high] = interval(&record["hottest"], function)?;
            let share = count / all;
            let counting = sampled_us? * (share * (1.0 - share) / all).sqrt();
            let sd = (high - low) / 2.0 / REACH;
            (counting > 0.0).then(|| (sd / counting).powi(2))
        });
        let own: Vec<Option<f64>> = own.collect();
        let design =
            std::array::from_fn(|at| own.get(at).copied().flatten().or(whole).unwrap_or(1.0));
        let has_own = own.iter().all(Option::is_some) || whole.is_some();
        let sum_us = sampled_us.map(|us| us * samples.iter().sum::<f64>() / all);
        Ok(Self { samples, design, has_own, sum_us })
    }

    /// Of folded stacks of another profiler.
    pub(super) fn of_folded(folded: &Folded) -> anyhow::Result<Self> {
        let mut samples = [0.0; 3];
        for (stack, weight) in folded.iter() {
            for (at, count) in samples.iter_mut().enumerate() {
                if stack.split(';').any(|name| plain(name) == FUNCTIONS[at]) {
                    *count += weight.0 as f64;
                }
            }
        }
        ensure!(
            samples.iter().all(|count| *count > 0.0),
            "the stacks have no sample of one of the three functions: {samples:?}"
        );
        Ok(Self { samples, design: [1.0; 3], has_own: false, sum_us: None })
    }

    pub(super) fn total(&self) -> f64 {
        self.samples.iter().sum()
    }
}

/// Samples with each function on the stack, and all samples.
fn counted(profile: &Profile) -> ([f64; 3], f64) {
    let (mut samples, mut all) = ([0.0; 3], 0.0);
    let which = |name: &str| FUNCTIONS.iter().position(|function| plain(name) == *function);
    let frames: Vec<Option<usize>> = profile.frames.iter().map(|f| which(&f.name)).collect();
    for sample in &profile.samples {
        all += sample.weight.0 as f64;
        let mut next = profile.stacks.get(sample.stack.0 as usize);
        while let Some(stack) = next {
            if let Some(at) = frames.get(stack.frame.0 as usize).copied().flatten() {
                samples[at] += sample.weight.0 as f64;
                break;
            }
            next = stack.parent.and_then(|parent| profile.stacks.get(parent.0 as usize));
        }
    }
    (samples, all)
}

/// The interval of a function's time for each request, called and own, where the record has it.
fn interval(hottest: &Value, function: &str) -> Option<[f64; 2]> {
    let is_it = |one: &&Value| one["name"].as_str().is_some_and(|name| plain(name) == function);
    let interval = &hottest.as_array()?.iter().find(is_it)?["total_ci95"];
    Some([interval[0].as_f64()?, interval[1].as_f64()?])
}

/// `checkpassword` of `main.checkPassword` and of `known_cost::check_password`.
fn plain(name: &str) -> String {
    let name = name.split(['(', ' ']).next().unwrap_or_default();
    let last = name.rsplit(['.', ':']).next().unwrap_or_default();
    last.replace('_', "").to_lowercase()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn functions_are_known_in_every_language() {
        for name in ["check_password", "main.checkPassword", "known_cost::check_password"] {
            assert_eq!(plain(name), FUNCTIONS[0]);
        }
        assert_ne!(plain("main.main.func1"), FUNCTIONS[0]);
    }

    #[test]
    fn a_record_may_have_no_interval() {
        let hottest = json!([
            { "name": "render_page", "total_ci95": [10.0, 14.0] },
            { "name": "check_password" },
        ]);
        assert_eq!(interval(&hottest, FUNCTIONS[1]), Some([10.0, 14.0]));
        assert_eq!(interval(&hottest, FUNCTIONS[0]), None);
        assert_eq!(interval(&Value::Null, FUNCTIONS[0]), None);
    }

    #[test]
    fn stacks_of_perf_are_counted_by_function() {
        let folded: Folded = "server;serve;check_password 60\nserver;serve;render_page 30\n\
                              server;serve;write_audit;[unknown] 10\nserver;serve 5\n"
            .parse()
            .expect("folded stacks");
        let seen = Seen::of_folded(&folded).expect("all three");
        assert_eq!((seen.samples, seen.total()), ([60.0, 30.0, 10.0], 100.0));
        assert!(Seen::of_folded(&"a;b 1\n".parse().expect("folded stacks")).is_err());
    }
}
