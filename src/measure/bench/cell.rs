//! A cell: a target at a level. Its rounds are the replicates that its figures come from.

use super::{processes, turns::Outcome};
use crate::{
    measure::{
        confidence::Estimate,
        latency::{latency, merged},
        profile::Settings,
        subject::What,
    },
    record::{
        CellFacts, ErrorCounts, EstimateFacts, LatencyFacts, LevelFacts, LoadFacts, RoundFacts,
        Run, Status,
    },
};

/// Of the problems of a cell's rounds, so many are told each by itself.
const PROBLEMS_TOLD: usize = 2;

/// A target at a level, and what its rounds came to.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) target: String,
    pub(super) language: String,
    pub(super) script: String,
    pub(super) engine: String,
    pub(super) level: LevelFacts,
    /// In their order.
    pub(super) rounds: Vec<Round>,
}

/// A round that was made.
#[derive(Debug)]
pub(super) struct Round {
    /// Which one, from 1, and its place in the whole order.
    number: u32,
    place: u32,
    /// Its run, or why there is none.
    outcome: Result<Box<Run>, String>,
}

impl Cell {
    /// A cell without rounds yet.
    pub(super) fn begin(name: &str, what: &What, settings: &Settings, level: LevelFacts) -> Self {
        let language = match what {
            What::Target(launch) => launch.manifest.language.clone(),
            What::Process(_) => String::new(),
        };
        Self {
            target: name.to_owned(),
            language,
            script: settings.script.name.clone(),
            engine: settings.script.engine.kind.to_string(),
            level,
            rounds: Vec::new(),
        }
    }

    /// The runs that were kept, valid or not.
    pub(super) fn runs(&self) -> impl Iterator<Item = &Run> {
        self.rounds.iter().filter_map(Round::run)
    }

    /// What they come to.
    pub(super) fn facts(&self) -> CellFacts {
        let counted: Vec<&Run> = self.runs().filter(|run| counts(run)).collect();
        let made = self.rounds.iter().filter(|round| !round.is_interrupted()).count();
        let valid = counted.len() * 2 > made;
        let all: Vec<&Run> = self.runs().collect();
        let last = counted.last().or(all.last()).copied();
        let attempts = sum(&all, |load| load.attempts);
        let errors = errors(&all);
        let mut facts = CellFacts {
            target: self.target.clone(),
            language: self.language.clone(),
            revision: last.and_then(|run| run.target.revision.clone()),
            script: self.script.clone(),
            engine: self.engine.clone(),
            budget: last.map(|run| run.budget.clone()).unwrap_or_default(),
            level: self.level.clone(),
            rounds: self.rounds.iter().map(Round::facts).collect(),
            counted: u32::try_from(counted.len()).unwrap_or(u32::MAX),
            valid,
            problems: self.problems(),
            broken: broken(&all),
            warnings: last.filter(|_| valid).map(|run| run.warnings.clone()).unwrap_or_default(),
            attempts,
            error_ratio: (attempts > 0).then(|| errors.total() as f64 / attempts as f64),
            errors,
            flamegraph: all.iter().rev().find_map(|run| flamegraph(run)),
            ..CellFacts::default()
        };
        if valid {
            figures(&mut facts, &counted);
        }
        memory(&mut facts, if valid { &counted } else { &all });
        facts
    }

    /// What went wrong in its rounds, the same only once, each with the rounds it happened in.
    fn problems(&self) -> Vec<String> {
        let mut told: Vec<(String, Vec<u32>)> = Vec::new();
        for round in &self.rounds {
            let Some(reason) = round.reason() else { continue };
            match told.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, rounds)) => rounds.push(round.number),
                None => told.push((reason, vec![round.number])),
            }
        }
        let rounds = |numbers: &[u32]| {
            let plural = if numbers.len() == 1 { "" } else { "s" };
            let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
            format!("round{plural} {}", numbers.join(", "))
        };
        let rest: Vec<u32> =
            told.iter().skip(PROBLEMS_TOLD).flat_map(|(_, numbers)| numbers.clone()).collect();
        let mut lines: Vec<String> = (told.iter().take(PROBLEMS_TOLD))
            .map(|(reason, numbers)| format!("{}: {reason}", rounds(numbers)))
            .collect();
        if !rest.is_empty() {
            lines.push(format!("{}: other reasons", rounds(&rest)));
        }
        lines
    }
}

impl Round {
    /// None of a turn that came to nothing because its user wanted no more.
    pub(super) fn new(number: usize, place: usize, outcome: Outcome) -> Option<Self> {
        let outcome = match outcome {
            Outcome::Kept(run) => Ok(run),
            Outcome::Missed(error) => Err(error),
            Outcome::Interrupted => return None,
        };
        let count = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Some(Self { number: count(number), place: count(place), outcome })
    }

    pub(super) fn run(&self) -> Option<&Run> {
        self.outcome.as_deref().ok()
    }

    fn is_interrupted(&self) -> bool {
        self.run().is_some_and(|run| run.status == Status::Interrupted)
    }

    /// Why it is not in the figures, if it is not.
    fn reason(&self) -> Option<String> {
        let run = match &self.outcome {
            Ok(run) if counts(run) => return None,
            Ok(run) => run,
            Err(error) => return Some(error.clone()),
        };
        if run.status == Status::Interrupted {
            return Some("interrupted".to_owned());
        }
        let invalid = || run.warnings.iter().find(|warning| warning.contains("not valid")).cloned();
        let reason = run.reason.clone().or_else(invalid);
        let said: Vec<String> = reason.into_iter().chain(run.diagnosis.clone()).collect();
        Some(if said.is_empty() { "not valid".to_owned() } else { said.join("; ") })
    }

    fn facts(&self) -> RoundFacts {
        let facts = RoundFacts {
            round: self.number,
            place: self.place,
            reason: self.reason(),
            ..RoundFacts::default()
        };
        match self.run() {
            Some(run) => RoundFacts {
                run: Some(RoundFacts::path_of(run)),
                status: run.status,
                valid: counts(run),
                requests_per_second: run.load.requests_per_second,
                cpu_us_per_request: run.server.cpu_us_per_request,
                p99_us: run.load.latency_us.p99,
                ..facts
            },
            None => RoundFacts { status: Status::Failed, ..facts },
        }
    }
}

/// Whether a run may be in a figure.
fn counts(run: &Run) -> bool {
    run.status == Status::Complete && run.load.valid
}

/// The figures of the rounds that count; there is at least one.
fn figures(facts: &mut CellFacts, counted: &[&Run]) {
    let loads = || counted.iter().map(|run| &run.load);
    let latency_of_all = latency_of(counted);
    facts.threads = loads().find_map(|load| load.threads);
    facts.warmup_s = median(loads().map(|load| load.warmup_s)).unwrap_or_default();
    facts.duration_s = loads().map(|load| load.duration_s).sum();
    facts.requests = sum(counted, |load| load.requests);
    facts.requests_per_second = geometric(loads().map(|load| load.requests_per_second));
    facts.bytes_per_second = over_time(counted, |run| run.load.bytes_per_second);
    facts.latency_kind = loads().find_map(|load| load.latency_kind.clone());
    facts.latency_from = latency_of_all.as_ref().map(|(_, from)| (*from).to_owned());
    facts.latency_us = latency_of_all.map(|(latency, _)| latency).unwrap_or_default();
    facts.cpu_us_per_request = geometric(counted.iter().map(|run| run.server.cpu_us_per_request));
    facts.cpus_used = over_time(counted, |run| run.server.cpus_used);
    facts.client_cpus_used = over_time(counted, |run| run.client.cpus_used);
    facts.processes = processes::facts(counted);
    facts.bottleneck = most_frequent(
        counted.iter().filter_map(|run| Some(run.bottleneck.as_ref()?.verdict.as_str())),
    );
}

/// What has nothing to do with how the load went.
fn memory(facts: &mut CellFacts, runs: &[&Run]) {
    let servers = || runs.iter().map(|run| &run.server);
    let initial = servers().filter_map(|server| server.rss_initial_bytes);
    facts.rss_initial_bytes = median(initial.map(|bytes| bytes as f64)).map(|bytes| bytes as u64);
    facts.rss_peak_bytes = servers().filter_map(|server| server.rss_peak_bytes).max();
    facts.first_call_us = median(servers().filter_map(|server| server.first_call_us));
    let following = servers().filter_map(|server| server.following_calls_us.as_ref()?.p50);
    facts.following_calls_us = median(following);
}

/// All latencies of the rounds in one histogram; where a round has none, medians of the rounds'
/// own figures.
fn latency_of(counted: &[&Run]) -> Option<(LatencyFacts, &'static str)> {
    let histograms: Option<Vec<_>> =
        counted.iter().map(|run| run.load.latency_histogram.as_ref()).collect();
    if let Some(histograms) = histograms {
        return Some((latency(&merged(histograms)), "histograms"));
    }
    let of = |figure: fn(&LatencyFacts) -> Option<f64>| {
        let figures: Option<Vec<f64>> =
            counted.iter().map(|run| figure(&run.load.latency_us)).collect();
        figures
    };
    let median_of = |figure| of(figure).and_then(|figures| median(figures.into_iter()));
    let facts = LatencyFacts {
        mean: median_of(|us| us.mean),
        stdev: median_of(|us| us.stdev),
        p10: median_of(|us| us.p10),
        p25: median_of(|us| us.p25),
        p50: median_of(|us| us.p50),
        p75: median_of(|us| us.p75),
        p90: median_of(|us| us.p90),
        p95: median_of(|us| us.p95),
        p99: median_of(|us| us.p99),
        p99_9: median_of(|us| us.p99_9),
        max: of(|us| us.max).and_then(|all| all.into_iter().reduce(f64::max)),
    };
    (facts != LatencyFacts::default()).then_some((facts, "medians"))
}

/// The limits that were broken, each once.
fn broken(runs: &[&Run]) -> Vec<String> {
    let mut lines: Vec<(String, usize)> = Vec::new();
    for limit in runs.iter().flat_map(|run| &run.thresholds).filter(|limit| !limit.passed) {
        let bounds = [("at least", limit.min), ("at most", limit.max)];
        let bounds =
            bounds.iter().filter_map(|(word, bound)| Some(format!("{word} {}", (*bound)?)));
        let line = format!("{} {}", limit.metric, bounds.collect::<Vec<_>>().join(", "));
        match lines.iter_mut().find(|(known, _)| *known == line) {
            Some((_, count)) => *count += 1,
            None => lines.push((line, 1)),
        }
    }
    let count = runs.len();
    lines.into_iter().map(|(line, times)| format!("{line}: broken in {times} of {count}")).collect()
}

fn errors(runs: &[&Run]) -> ErrorCounts {
    let all = |of: fn(&ErrorCounts) -> u64| sum(runs, |load| of(&load.errors));
    ErrorCounts {
        connect: all(|errors| errors.connect),
        read: all(|errors| errors.read),
        write: all(|errors| errors.write),
        timeout: all(|errors| errors.timeout),
        status: all(|errors| errors.status),
        check: all(|errors| errors.check),
        detail: Vec::new(),
    }
}

fn flamegraph(run: &Run) -> Option<String> {
    let svg = run.artifacts.get("svg")?;
    Some(format!("{}/{svg}", RoundFacts::path_of(run)))
}

fn sum(runs: &[&Run], of: impl Fn(&LoadFacts) -> u64) -> u64 {
    runs.iter().fold(0, |sum, run| sum.saturating_add(of(&run.load)))
}

/// The mean of a rate over the time of all rounds; none where one has none.
pub(super) fn over_time(runs: &[&Run], of: impl Fn(&Run) -> Option<f64>) -> Option<f64> {
    let seconds: f64 = runs.iter().map(|run| run.load.duration_s).sum();
    let amounts: Option<Vec<f64>> =
        runs.iter().map(|run| Some(of(run)? * run.load.duration_s)).collect();
    let mean = amounts?.into_iter().sum::<f64>() / seconds;
    mean.is_finite().then_some(mean)
}

/// The geometric mean over rounds, if all of them have the figure.
pub(super) fn geometric(figures: impl Iterator<Item = Option<f64>>) -> Option<EstimateFacts> {
    let figures: Option<Vec<f64>> = figures.collect();
    Estimate::geometric(figures?).and_then(estimate)
}

/// As a record has it, where all of it is a number.
pub(super) fn estimate(estimate: Estimate) -> Option<EstimateFacts> {
    let Estimate { value, ci95 } = estimate;
    let ci95 = ci95.filter(|ends| ends.iter().all(|end| end.is_finite()));
    value.is_finite().then_some(EstimateFacts { value, ci95 })
}

pub(super) fn median(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match figures.len() % 2 {
        1 => figures.get(middle).copied(),
        _ => Some((figures.get(middle.checked_sub(1)?)? + figures.get(middle)?) / 2.0),
    }
}

/// Of several as frequent, the first.
fn most_frequent<'a>(words: impl Iterator<Item = &'a str>) -> Option<String> {
    let words: Vec<&str> = words.collect();
    let count = |word: &str| words.iter().filter(|other| **other == word).count();
    words.iter().rev().max_by_key(|word| count(word)).map(|word| (*word).to_owned())
}
