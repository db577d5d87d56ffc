//! The processes of a server that were observed -> their parts of the record.

use super::{
    finite,
    sampling::{coverage, sampled_us_per_request},
};
use crate::{
    fold::Quality,
    measure::{
        backends::Backend, instruments::Captured, observed::Observed, slice::Slice, slices::Total,
        subject::Member,
    },
    record::ProcessFacts,
    symbolize::Profile,
    unit::{Nanos, Samples},
};

/// Each process with its children, under the mix of all requests; without a profile, none of them
/// has samples.
pub(super) fn processes(
    observed: &Observed,
    headline: &Total,
    profile: Option<&Profile>,
) -> Vec<ProcessFacts> {
    let members = observed.processes.iter().enumerate();
    members.map(|(index, member)| process(observed, headline, profile, index, member)).collect()
}

/// Where a process is among those that were watched.
pub(super) fn watched(observed: &Observed, member: &Member) -> Option<usize> {
    let names = &observed.sampling.watched;
    names.iter().position(|name| *name == member.name).filter(|_| member.profiled)
}

fn process(
    observed: &Observed,
    headline: &Total,
    profile: Option<&Profile>,
    index: usize,
    member: &Member,
) -> ProcessFacts {
    let [initial, before, after] =
        [&observed.usage_initial, &observed.usage_before, &observed.usage_after]
            .map(|usages| usages.of(index));
    let facts = ProcessFacts {
        name: member.name.clone(),
        rss_initial_bytes: Some(initial.rss.0),
        rss_peak_bytes: Some(after.rss_peak.max(before.rss_peak).0),
        ..ProcessFacts::default()
    };
    let Some(watched) = watched(observed, member) else { return facts };
    let cpu = headline.server_cpu.of(watched);
    let cpu_us_per_request = finite(headline.us_per_request(cpu));
    let facts = ProcessFacts {
        cpu_us_per_request,
        cpus_used: finite(headline.per_second(cpu.as_secs_f64())),
        ..facts
    };
    let (Some(profile), Some(taken)) = (profile, observed.sampling.taken.first()) else {
        return facts;
    };
    // Where only one is watched, threads do not say whose they are.
    let name = (observed.sampling.watched.len() > 1).then_some(member.name.as_str());
    let Quality { samples, truncated, unknown, .. } = Quality::of(profile, name);
    let (coverage, sampled_us_per_request) = match &taken.capture {
        Captured::Addresses(capture) => {
            let sampled_cpu = sampled_cpu(observed.load.slices.rows(), taken.backend, watched);
            let coverage = coverage(capture, samples, sampled_cpu);
            (coverage, sampled_us_per_request(capture.access, cpu_us_per_request, coverage))
        }
        // Its weights are shares of time, and not numbers of samples.
        Captured::Named(_) => (None, cpu_us_per_request),
    };
    let share = |part: Samples| finite(part.share_of(samples).0).filter(|_| samples > Samples(0));
    ProcessFacts {
        samples: Some(samples.0),
        truncated_ratio: share(truncated),
        unknown_ratio: share(unknown),
        coverage,
        sampled_us_per_request,
        ..facts
    }
}

/// Exact CPU time of one that is watched, in the sampled slices.
fn sampled_cpu(slices: &[Slice], backend: Backend, watched: usize) -> Nanos {
    let mix = slices.iter().filter(|slice| slice.place.request.is_none());
    let sampled = mix.filter(|slice| slice.place.backend == Some(backend));
    sampled.map(|slice| slice.sampled_cpu.of(watched)).sum()
}
