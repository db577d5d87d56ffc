//! What comparisons said, one by one and all together.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use flameload::{
    compare::{Change, Comparison, Kind, Metric, Verdict},
    unit::Ratio,
};

/// What one comparison said of CPU time.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    change: Option<Change>,
    /// The functions that surely changed, by the time in themselves.
    named: Vec<String>,
    /// By how much the one asked for did, in microseconds for each request.
    asked_us: Option<f64>,
    took: Duration,
}

impl Outcome {
    pub(super) fn of(comparison: &Comparison, took: Duration, asked: Option<&str>) -> Self {
        let functions = || comparison.frames.iter().flat_map(|frames| &frames.functions);
        let sure = |kind: Kind| !matches!(kind, Kind::Unsure | Kind::Moved);
        let named = functions().filter(|change| sure(change.kind));
        let asked =
            functions().find(|change| asked.is_some_and(|name| change.name.ends_with(name)));
        Self {
            change: comparison.metric(Metric::Cpu).cloned(),
            named: named.map(|change| change.name.clone()).collect(),
            asked_us: asked.map(|change| change.own.change_us),
            took,
        }
    }

    /// One line of it.
    pub(super) fn line(&self) -> String {
        let Some(change) = &self.change else { return "no figures".to_owned() };
        let seconds = self.took.as_secs_f64();
        let named = match self.named.as_slice() {
            [] => String::new(),
            names => format!("; {}", names.join(", ")),
        };
        format!("{} ({} rounds, {seconds:.0} s){named}", change.sentence(), change.rounds[0])
    }

    fn log_ratio(&self) -> Option<f64> {
        self.change.as_ref().map(|change| change.ratio.ln())
    }

    /// Half of the interval's width, as a logarithm.
    fn reach(&self) -> Option<f64> {
        let [low, high] = self.change.as_ref()?.ci95?;
        Some((high / low).ln() / 2.0)
    }

    fn verdict(&self) -> Verdict {
        self.change.as_ref().map_or(Verdict::Inconclusive, |change| change.verdict)
    }

    /// Whether the interval leaves out no change at all: more is true.
    fn direction(&self) -> Option<bool> {
        self.change.as_ref()?.direction()
    }

    fn names(&self, asked: &str) -> bool {
        self.named.iter().any(|name| name.ends_with(asked))
    }
}

/// All of them together.
pub(super) fn summary(outcomes: &[Outcome], asked: Option<&str>) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let mut line = |label: &str, value: String| {
        let _ = writeln!(out, "  {label:<22} {value}");
    };
    let count = outcomes.len();
    let of = |some: usize| format!("{some} of {count}");
    let ratios: Vec<f64> = outcomes.iter().filter_map(Outcome::log_ratio).collect();
    line("comparisons", count.to_string());
    line("mean", percent(mean(&ratios)));
    line("standard deviation", sd(&ratios).map_or("-".to_owned(), |sd| Ratio(sd).to_string()));
    let reaches: Vec<f64> = outcomes.iter().filter_map(Outcome::reach).collect();
    line(
        "interval, ±",
        median(reaches).map_or("-".to_owned(), |reach| format!("{:.2} %", reach * 100.0)),
    );
    let directed = |more| outcomes.iter().filter(|it| it.direction() == Some(more)).count();
    line("interval above 0", of(directed(true)));
    line("interval below 0", of(directed(false)));
    for (label, verdict) in [
        ("regressed", Verdict::Regressed),
        ("improved", Verdict::Improved),
        ("equivalent", Verdict::Equivalent),
        ("inconclusive", Verdict::Inconclusive),
    ] {
        line(label, of(outcomes.iter().filter(|it| it.verdict() == verdict).count()));
    }
    let rounds = outcomes.iter().filter_map(|it| Some(it.change.as_ref()?.rounds[0] as f64));
    let seconds: Vec<f64> = outcomes.iter().map(|it| it.took.as_secs_f64()).collect();
    line(
        "rounds, seconds",
        format!("{:.1}, {:.0}", mean(&rounds.collect::<Vec<_>>()), mean(&seconds)),
    );
    if let Some(asked) = asked {
        line(
            "named",
            format!("{asked}: {}", of(outcomes.iter().filter(|it| it.names(asked)).count())),
        );
        let costs: Vec<f64> = outcomes.iter().filter_map(|it| it.asked_us).collect();
        line(
            "its cost",
            format!("{:.3} µs/request, sd {:.3}", mean(&costs), sd(&costs).unwrap_or(0.0)),
        );
    }
    let mut others: BTreeMap<&str, usize> = BTreeMap::new();
    let names = outcomes.iter().flat_map(|it| &it.named);
    for name in names.filter(|name| asked.is_none_or(|asked| !name.ends_with(asked))) {
        *others.entry(name).or_default() += 1;
    }
    for (name, times) in others {
        line("also named", format!("{name}: {}", of(times)));
    }
    out
}

fn percent(log: f64) -> String {
    format!("{:+.2} %", log.exp_m1() * 100.0)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn sd(values: &[f64]) -> Option<f64> {
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() as f64 - 1.0)).sqrt())
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_by_hand() {
        assert_eq!(sd(&[1.0]), None);
        assert!((sd(&[1.0, 3.0]).expect("two") - 2_f64.sqrt()).abs() < 1e-12);
        assert_eq!((median(vec![3.0, 1.0, 2.0]), median(Vec::new())), (Some(2.0), None));
        assert_eq!(percent(0.02_f64.ln_1p()), "+2.00 %");
    }

    #[test]
    fn nothing_compared_is_still_a_summary() {
        let text = summary(&[], Some("f"));
        assert!(text.contains("comparisons            0"), "{text}");
    }
}
