//! [`Recorded`]: sides from runs that were kept.

use super::{
    metric::Metric,
    side::{Design, Pair, Round, Sampled, Side, Slice},
    stacks::Stacks,
    unlike::{unlike, values},
};
use crate::{
    record::{Run, SliceFacts, Status},
    symbolize::Profile,
    unit::Nanos,
};

/// A run that was kept.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its record.
    pub run: Run,
    /// Its profile, where there is one.
    pub profile: Option<Profile>,
}

/// How much of a commit's name is shown.
const COMMIT_DIGITS: usize = 10;

/// Two sides of runs that were made each by itself. Each run is a round of its side.
pub fn recorded(a: &[Recorded], b: &[Recorded]) -> Pair {
    let runs = |side: &[Recorded]| -> Vec<Run> { side.iter().map(|one| one.run.clone()).collect() };
    let (of_a, of_b) = (runs(a), runs(b));
    let mut of = [side(a), side(b)];
    if let Some(both) = of_a.iter().find(|run| of_b.iter().any(|other| other.id == run.id)) {
        of[1].doubts.push(format!("run {} is on both sides", both.id));
    }
    let [a, b] = of;
    Pair {
        unlike: unlike(&of_a, &of_b),
        without_frames: without_frames(&of_a, &of_b),
        a,
        b,
        design: if in_turns(&of_a, &of_b) { Design::Turns } else { Design::Separate },
    }
}

/// Whether the sides changed as often as in A B B A or more, so that no drift is of one side.
fn in_turns(a: &[Run], b: &[Run]) -> bool {
    let of = |runs: &[Run], side: bool| -> Vec<_> {
        runs.iter().map(|run| (run.started_at, side)).collect()
    };
    let mut order = [of(a, false), of(b, true)].concat();
    order.sort_unstable();
    let changes = order.windows(2).filter(|pair| pair[0].1 != pair[1].1).count();
    let fewer = a.len().min(b.len());
    fewer > 1 && changes >= fewer
}

fn side(recorded: &[Recorded]) -> Side {
    let runs = || recorded.iter().map(|one| &one.run);
    let name = |run: &Run| format!("{}/{}", run.target.name, run.id);
    let mut doubts: Vec<String> = runs().flat_map(doubts).collect();
    let mut distinct = std::collections::BTreeSet::new();
    doubts.retain(|doubt| distinct.insert(doubt.clone()));
    Side {
        name: runs().map(name).collect::<Vec<_>>().join(", "),
        detail: values(runs(), |run| Some(detail(run))),
        rounds: recorded.iter().map(round).collect(),
        doubts,
        invalid: runs()
            .find(|run| !run.load.valid)
            .map(|run| format!("the throughput of {} is not valid", name(run))),
    }
}

/// `users, at 1a2b3c4d5e with changes`.
fn detail(run: &Run) -> String {
    let mut detail = run.load.script.clone();
    if let Some(revision) = &run.target.revision {
        let commit: String = revision.chars().take(COMMIT_DIGITS).collect();
        let changes = if run.target.dirty == Some(true) { " with changes" } else { "" };
        detail.push_str(&format!(", at {commit}{changes}"));
    }
    detail
}

fn doubts(run: &Run) -> Vec<String> {
    let reason = run.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let status = match run.status {
        Status::Complete => None,
        Status::Interrupted => Some(format!("it was interrupted{reason}")),
        Status::Failed => Some(format!("it failed{reason}")),
    };
    let profile = run.profile.iter().flat_map(|profile| profile.warnings());
    status.into_iter().chain(run.warnings.clone()).chain(profile).collect()
}

fn round(recorded: &Recorded) -> Round {
    let Recorded { run, profile } = recorded;
    let all: u64 = run.slices.iter().map(|slice| slice.requests).sum();
    // Those under one request alone are not told apart.
    let switches = run.server.context_switches.map(|count| count as f64 / all as f64);
    let figures = [
        (Metric::Cpu, run.server.cpu_us_per_request),
        (Metric::Throughput, run.load.requests_per_second),
        (Metric::P50, run.load.latency_us.p50),
        (Metric::P99, run.load.latency_us.p99),
        (Metric::Memory, run.server.rss_peak_bytes.map(|bytes| bytes as f64)),
        (Metric::Switches, switches.filter(|share| share.is_finite() && run.alone.is_empty())),
    ];
    let us_per_request = run
        .profile
        .as_ref()
        .and_then(|facts| facts.sampled_us_per_request)
        .or(run.server.cpu_us_per_request);
    Round {
        figures: figures.into_iter().filter_map(|(of, value)| Some((of, value?))).collect(),
        slices: run.slices.iter().filter(|slice| counts(run, slice)).map(slice).collect(),
        profile: profile.as_ref().zip(us_per_request).map(|(profile, us_per_request)| Sampled {
            // Samples of one request alone are none of the mix, whose figure this is.
            stacks: Stacks::of(&profile.only(Profile::MIX)),
            us_per_request,
        }),
    }
}

/// Whether a slice is one of those that the headline figures come from.
fn counts(run: &Run, slice: &SliceFacts) -> bool {
    let stage = slice.stage.and_then(|stage| run.load.stages.get(stage as usize));
    let is_of_mix = slice.request.is_none();
    is_of_mix && slice.valid && !slice.sampled && stage.is_none_or(|stage| stage.record)
}

fn slice(facts: &SliceFacts) -> Slice {
    let nanos = |us: f64| Nanos((us * 1e3).round() as u64);
    let cpu = facts.server_cpu_us_per_request.unwrap_or(0.0) * facts.requests as f64;
    Slice {
        block: 0,
        requests: facts.requests,
        elapsed: Nanos((facts.duration_s * 1e9).round() as u64),
        cpu: nanos(cpu),
        p50: facts.p50_us.map(nanos),
        p99: facts.p99_us.map(nanos),
    }
}

/// Why functions of the runs are not to be compared.
fn without_frames(a: &[Run], b: &[Run]) -> Option<String> {
    let how = |run: &Run| {
        let profile = run.profile.as_ref()?;
        let privileges = profile.privileges.as_deref().unwrap_or("whatever it could see");
        Some(format!("{privileges} by {}", profile.backend))
    };
    let (of_a, of_b) = (values(a, how), values(b, how));
    let differ = !of_a.is_empty() && !of_b.is_empty() && of_a != of_b;
    differ
        .then(|| format!("A was sampled as {of_a}, B as {of_b}: their shares are not of the same"))
}
