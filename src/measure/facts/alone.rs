//! What was observed of each request alone, and of the mix -> their part of the record.

use std::borrow::Cow;

use super::{
    finite, ratio,
    sampling::{HOTTEST, coverage, named_part, of_samples, sampled_us_per_request},
};
use crate::{
    fold::{Hottest, Quality},
    load::Script,
    measure::{
        agenda::requests_alone,
        alone::{Alone, Mixing},
        instruments::{Captured, Taken},
        observed::Observed,
        slice::Slice,
        slices::Total,
        window::tag,
    },
    record::{AloneFacts, MixFacts, ProfileFacts, Run},
    symbolize::{Profile, Resolved},
    unit::{Nanos, Samples},
};

/// More strays than this share of a request's responses are warned of.
const STRAYS_MAX: f64 = 0.01;

/// The run's own profile, as far as there is one.
#[derive(Clone, Copy)]
pub(super) struct Sampled<'a> {
    pub(super) taken: &'a Taken,
    pub(super) resolved: &'a Resolved,
    /// What is known of all its samples.
    pub(super) facts: &'a ProfileFacts,
    /// The record so far.
    pub(super) run: &'a Run,
}

/// Each request of a script whose requests have slices of their own.
pub(super) fn requests(
    script: &Script,
    observed: &Observed,
    headline: &Total,
    sampled: Option<Sampled<'_>>,
) -> Vec<AloneFacts> {
    let slices = observed.load.slices.rows();
    let requests = script.requests.iter().enumerate().take(requests_alone(script));
    let facts = requests.map(|(request, asked)| {
        let alone = Alone::of(slices, Some(request));
        let cpu = alone.cpu.and_then(|cpu| finite(cpu.value));
        let facts = AloneFacts {
            name: asked.name.clone(),
            weight: asked.weight.get(),
            share: share(headline, request),
            slices: count(alone.slices),
            slices_valid: count(alone.valid),
            requests: alone.requests,
            requests_per_second: finite(alone.requests as f64 / alone.elapsed.as_secs_f64()),
            strays: alone.strays,
            cpu_us_per_request: cpu,
            cpu_ci95: alone.cpu.and_then(|cpu| cpu.ci95),
            invalid: cpu.is_none().then(|| not_valid(&alone)),
            ..AloneFacts::default()
        };
        sampled.map_or(facts.clone(), |sampled| with_samples(facts, sampled, slices, request))
    });
    let mut facts: Vec<AloneFacts> = facts.collect();
    if sampled.is_some() {
        AloneFacts::name_files(&mut facts);
    }
    facts
}

/// The mix, beside the requests alone.
pub(super) fn mix(
    script: &Script,
    observed: &Observed,
    sampled: Option<Sampled<'_>>,
) -> Option<MixFacts> {
    if requests_alone(script) == 0 {
        return None;
    }
    let slices = observed.load.slices.rows();
    let cpu = Alone::of(slices, None).cpu;
    let mixing = Mixing::of(slices, observed.sampling.block);
    Some(MixFacts {
        cpu_us_per_request: cpu.and_then(|cpu| finite(cpu.value)),
        cpu_ci95: cpu.and_then(|cpu| cpu.ci95),
        samples: sampled.map(|sampled| of_tag(sampled, None).0.samples.0),
        sum_us_per_request: mixing.and_then(|mixing| finite(mixing.sum)),
        difference_us: mixing.and_then(|mixing| finite(mixing.difference.value)),
        difference_ci95: mixing.and_then(|mixing| mixing.difference.ci95),
    })
}

/// A profile's facts, as they are for the mix: its samples stand for its own CPU time only.
pub(super) fn of_mix(
    facts: ProfileFacts,
    observed: &Observed,
    taken: &Taken,
    resolved: &Resolved,
    run: &Run,
) -> ProfileFacts {
    let slices = observed.load.slices.rows();
    if slices.iter().all(|slice| slice.place.request.is_none()) {
        return facts;
    }
    let sampled = Sampled { taken, resolved, facts: &facts, run };
    let samples = of_tag(sampled, None).0.samples;
    let (_, us) = stand_for(sampled, slices, None, samples, run.server.cpu_us_per_request);
    ProfileFacts { sampled_us_per_request: us, ..facts }
}

/// What makes figures of requests alone doubtful.
pub(super) fn warnings(alone: &[AloneFacts]) -> Vec<String> {
    let invalid = alone.iter().filter_map(|facts| {
        let why = facts.invalid.as_ref()?;
        Some(format!("there is no CPU time of the request '{}' alone: {why}", facts.name))
    });
    let strayed =
        alone.iter().filter(|facts| facts.strays as f64 > facts.requests as f64 * STRAYS_MAX);
    let strayed = strayed.map(|facts| {
        format!(
            "{} of the {} responses in slices of the request '{}' were to others, which were under \
             way when a slice began: its CPU time has some of theirs; a lower rate or fewer \
             connections leave fewer",
            facts.strays, facts.requests, facts.name
        )
    });
    invalid.chain(strayed).collect()
}

/// A request's share of the completed requests of the mix.
fn share(headline: &Total, request: usize) -> Option<f64> {
    let tally = &headline.tally;
    ratio(tally.by_request.get(request)?.requests, tally.requests)
}

fn not_valid(alone: &Alone) -> String {
    let most = alone.invalid.map(|why| format!(" (most often, {why})")).unwrap_or_default();
    match alone.valid {
        0 if alone.slices == 0 => "the measurement ended before it had its turn".to_owned(),
        valid => format!("only {valid} of its {} slices count{most}", alone.slices),
    }
}

/// What the samples of a request's own slices say.
fn with_samples(
    facts: AloneFacts,
    sampled: Sampled<'_>,
    slices: &[Slice],
    request: usize,
) -> AloneFacts {
    let (Quality { samples, truncated, unknown, .. }, own) = of_tag(sampled, Some(request));
    let (coverage, us) =
        stand_for(sampled, slices, Some(request), samples, facts.cpu_us_per_request);
    let per_request = us.map(|us| Nanos((us * 1e3) as u64));
    let share = |part: Samples| finite(part.share_of(samples).0).filter(|_| samples > Samples(0));
    let parts = sampled.run.parts(sampled.facts, Some(&facts.name));
    let counted = of_samples(&own, &sampled.resolved.profile, sampled.facts.samples);
    let hottest = Hottest::of(&own, per_request, &parts, counted, HOTTEST);
    AloneFacts {
        samples: Some(samples.0),
        truncated_ratio: share(truncated),
        unknown_ratio: share(unknown),
        coverage,
        sampled_us_per_request: us,
        hottest: hottest.frames.into_iter().map(Into::into).collect(),
        ..facts
    }
}

/// The samples of one kind of slices: of a request alone, or of the mix.
fn of_tag<'a>(sampled: Sampled<'a>, request: Option<usize>) -> (Quality, Cow<'a, Profile>) {
    let own = sampled.resolved.profile.only(tag(request));
    (Quality::of(&own, None), own)
}

/// The sampled time of one kind of slices over their exact CPU time, and the CPU time of a request
/// that their samples stand for.
fn stand_for(
    Sampled { taken, facts, .. }: Sampled<'_>,
    slices: &[Slice],
    request: Option<usize>,
    samples: Samples,
    cpu_us_per_request: Option<f64>,
) -> (Option<f64>, Option<f64>) {
    match &taken.capture {
        Captured::Addresses(capture) => {
            let own = slices.iter().filter(|slice| {
                slice.place.request == request && slice.place.backend == Some(taken.backend)
            });
            let exact: Nanos = own.map(|slice| slice.sampled_cpu.total()).sum();
            let coverage = coverage(capture, samples, exact);
            (coverage, sampled_us_per_request(capture.access, cpu_us_per_request, coverage))
        }
        // Its weights are shares of the time of the whole window.
        Captured::Named(_) => {
            let part = named_part(taken.backend, facts.coverage);
            (None, cpu_us_per_request.map(|us| us * part))
        }
    }
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
