//! The samples that were taken -> their part of the record.

use super::{alone, finite};
use crate::{
    fold::{Agreement, Hottest, Quality, agreement},
    measure::{
        backends::Backend,
        confidence::Estimate,
        instruments::{Captured, Taken},
        observed::Observed,
        observer::ObserverEffect,
        slice::Slice,
    },
    record::{
        self, AgreementFacts, HotFacts, OtherProfile, ProfileFacts, Run, ShareFacts,
        TruncatedFacts, UnnamedFacts, UnwindFacts,
    },
    sample::{Access, Capture, Counts, NamedCapture, OfThreads},
    symbolize::{Profile, Resolved},
    unit::{Nanos, Samples},
};

/// How many of the hottest functions a record names.
pub(super) const HOTTEST: usize = 20;
/// The hottest functions of two backends that are compared, of each so many.
const COMPARED: usize = 20;
/// How many of the functions on which two backends differ most are named.
const DIFFERING: usize = 5;

/// A profile as it stands in the record.
pub(super) struct Facts {
    pub(super) profile: ProfileFacts,
    pub(super) hottest: Vec<HotFacts>,
}

/// The facts of each backend's profile, in their order.
pub(super) fn profiles(
    observed: &Observed,
    resolved: &[Resolved],
    run: &Run,
    raw_stacks: bool,
) -> Vec<Facts> {
    let cpu_us_per_request = run.server.cpu_us_per_request;
    let taken = observed.sampling.taken.iter().zip(resolved);
    let facts = taken.map(|(taken, resolved)| {
        let profile = ProfileFacts {
            raw_stacks,
            unnamed: UnnamedFacts::of(&resolved.profile, None),
            unread: resolved.unread.clone(),
            runtime: record::runtime_of(&resolved.profile).map(str::to_owned),
            ..profile(observed, taken, resolved, cpu_us_per_request)
        };
        let profile = alone::of_mix(profile, observed, taken, resolved, run);
        let us = profile.sampled_us_per_request.map(|us| Nanos((us * 1e3) as u64));
        let mix = resolved.profile.only(Profile::MIX);
        let counted = of_samples(&mix, &resolved.profile, profile.samples);
        let parts = run.parts(&profile, None);
        let Hottest { frames, scatter } = Hottest::of(&mix, us, &parts, counted, HOTTEST);
        let profile = ProfileFacts {
            design_effect: scatter.map(|scatter| scatter.design_effect),
            parts: scatter.map(|scatter| scatter.parts() as u32),
            expected_effect: match taken.capture {
                Captured::Addresses(_) => observed.sampling.expected_effect,
                Captured::Named(_) => None,
            },
            ..profile
        };
        Facts { profile, hottest: frames.into_iter().map(Into::into).collect() }
    });
    facts.collect()
}

/// A profile beside the run's own.
pub(super) fn other(backend: Backend, facts: Facts) -> OtherProfile {
    let Facts { profile, hottest } = facts;
    OtherProfile::new(backend.as_str(), profile, hottest)
}

fn profile(
    observed: &Observed,
    taken: &Taken,
    resolved: &Resolved,
    cpu_us_per_request: Option<f64>,
) -> ProfileFacts {
    let slices = observed.load.slices.rows();
    let effect = ObserverEffect::of(slices, observed.sampling.block, taken.backend);
    let facts = of_taken(taken, resolved, slices, cpu_us_per_request);
    ProfileFacts { observer_effect: effect.map(observer_effect), ..facts }
}

/// What is known of samples by themselves and by the slices that they are of.
pub(in crate::measure) fn of_taken(
    taken: &Taken,
    resolved: &Resolved,
    slices: &[Slice],
    cpu_us_per_request: Option<f64>,
) -> ProfileFacts {
    let is_of = |slice: &&Slice| slice.place.backend == Some(taken.backend);
    let sampled_cpu: Nanos =
        slices.iter().filter(is_of).map(|slice| slice.sampled_cpu.total()).sum();
    match &taken.capture {
        Captured::Addresses(capture) => {
            of_addresses(capture, resolved, sampled_cpu, cpu_us_per_request)
        }
        Captured::Named(capture) => {
            of_names(taken.backend, capture, resolved, sampled_cpu, cpu_us_per_request)
        }
    }
}

fn of_addresses(
    capture: &Capture,
    resolved: &Resolved,
    sampled_cpu: Nanos,
    cpu_us_per_request: Option<f64>,
) -> ProfileFacts {
    let Capture { hz, seed, scope, clock, access, dump, counts, .. } = capture;
    let share = |samples: Samples| finite(samples.share_of(counts.samples).0);
    let sampled_cpu = capture.of_threads.map_or(sampled_cpu, |threads| threads.cpu);
    let coverage = coverage(capture, counts.samples, sampled_cpu);
    ProfileFacts {
        backend: "perf_event".to_owned(),
        event: Some((*clock).to_owned()),
        privileges: Some(access.as_str().to_owned()),
        missing: access.missing().into_iter().map(str::to_owned).collect(),
        scope: Some(scope.as_str().to_owned()),
        seed: Some(*seed),
        hz_requested: hz.0,
        hz_achieved: finite(counts.samples.0 as f64 / sampled_cpu.as_secs_f64()),
        samples: counts.samples.0,
        lost: counts.lost.0,
        throttled: counts.throttled,
        bad_records: counts.bad_records,
        truncated_ratio: share(counts.truncated()),
        truncated: truncated(counts),
        unknown_ratio: share(resolved.unknown),
        broken_ratio: share(Quality::of(&resolved.profile, None).broken),
        coverage,
        sampled_us_per_request: sampled_us_per_request(*access, cpu_us_per_request, coverage),
        dump_bytes: u32::try_from(dump.0).ok(),
        unwinding: Some(UnwindFacts {
            cache_hits: counts.rule_hits,
            cache_misses: counts.rule_misses,
        }),
        ..ProfileFacts::default()
    }
}

/// What was in the way to the roots of stacks.
fn truncated(counts: &Counts) -> Option<TruncatedFacts> {
    let share = |samples: Samples| finite(samples.share_of(counts.samples).0);
    Some(TruncatedFacts {
        copy: share(counts.dump_exhausted)?,
        depth: share(counts.too_deep)?,
        no_rules: share(counts.without_rules)?,
        lost: share(counts.unwind_failed)?,
    })
}

/// What came with its names has no native frames, or at least no kernel's, but their time.
fn of_names(
    backend: Backend,
    capture: &NamedCapture,
    resolved: &Resolved,
    sampled_cpu: Nanos,
    cpu_us_per_request: Option<f64>,
) -> ProfileFacts {
    let NamedCapture { hz, seed, counts, sampled, samples, .. } = capture;
    // Weights are those of the profile here, not counts of samples.
    let weights: Samples = samples.iter().map(|sample| sample.weight).sum();
    let coverage = coverage_of(*sampled, sampled_cpu);
    let missing = match backend {
        Backend::PySpy => "native and kernel frames",
        _ => "kernel frames",
    };
    ProfileFacts {
        backend: backend.to_string(),
        missing: vec![missing.to_owned()],
        seed: *seed,
        hz_requested: hz.map_or(0, |hz| hz.0),
        hz_achieved: finite(counts.samples.0 as f64 / sampled_cpu.as_secs_f64()),
        samples: counts.samples.0,
        lost: counts.lost.0,
        bad_records: counts.bad_records,
        truncated_ratio: finite(counts.truncated().share_of(counts.samples).0),
        unknown_ratio: finite(resolved.unknown.share_of(weights).0),
        broken_ratio: finite(Quality::of(&resolved.profile, None).broken.share_of(weights).0),
        coverage,
        sampled_us_per_request: cpu_us_per_request.map(|us| us * named_part(backend, coverage)),
        ..ProfileFacts::default()
    }
}

/// Which part of the CPU time named stacks stand for.
pub(super) fn named_part(backend: Backend, coverage: Option<f64>) -> f64 {
    match backend {
        // Processes that are not Python's have no part in it.
        Backend::PySpy => coverage.map_or(1.0, |part| part.min(1.0)),
        _ => 1.0,
    }
}

/// How many of so many samples are of a part of a profile: of names, weights are no counts.
pub(super) fn of_samples(part: &Profile, whole: &Profile, samples: u64) -> u64 {
    let weight =
        |profile: &Profile| -> Samples { profile.samples.iter().map(|sample| sample.weight).sum() };
    (weight(part).share_of(weight(whole)).0 * samples as f64).round() as u64
}

fn coverage_of(sampled: Nanos, cpu: Nanos) -> Option<f64> {
    finite(sampled.as_secs_f64() / cpu.as_secs_f64())
}

/// How far the backends that see the same functions agree; none where only one does.
pub(super) fn agree(observed: &Observed, resolved: &[Resolved]) -> Option<AgreementFacts> {
    let taken = observed.sampling.taken.iter().zip(resolved);
    let mut seeing = taken.filter(|(taken, _)| taken.backend.sees_functions());
    let ((first, a), (second, b)) = (seeing.next()?, seeing.next()?);
    let Agreement { overlap, by_chance, covers, functions } =
        agreement(&a.profile, &b.profile, COMPARED)?;
    Some(AgreementFacts {
        backends: [first, second].map(|taken| taken.backend.to_string()).into(),
        functions: functions.len() as u32,
        self_overlap: finite(overlap.0),
        by_chance: finite(by_chance.0),
        covers: covers.map(|covered| covered.0).into(),
        differing: functions
            .into_iter()
            .take(DIFFERING)
            .map(|function| ShareFacts {
                name: function.name,
                shares: function.shares.map(|share| share.0).into(),
            })
            .collect(),
    })
}

/// What is to be known of how the samples were taken.
pub(super) fn warnings(observed: &Observed) -> Vec<String> {
    let sampling = &observed.sampling;
    let mut warnings: Vec<String> = sampling.stretched.iter().cloned().collect();
    if sampling.exact_by_clocks {
        warnings.push(
            "the kernel refuses to count CPU time by perf events: it was read from the clocks of \
             the processes, which miss the last moments of those that ended"
                .to_owned(),
        );
    }
    warnings.extend(observed.unnamed.iter().cloned());
    for Taken { backend, capture } in &sampling.taken {
        match capture {
            Captured::Addresses(capture) => {
                warnings.extend(capture.of_threads.as_ref().and_then(few_threads));
                if let (Some(missing), Some(command)) =
                    (capture.access.missing(), capture.access.lifted_by())
                {
                    warnings.push(format!("{missing} are missing: run `{command}` to see them"));
                }
            }
            Captured::Named(capture) => {
                let times = capture.counts.bad_records;
                let failures = capture.failures.iter();
                warnings
                    .extend(failures.map(|why| format!("{backend} failed {times} times: {why}")));
            }
        }
    }
    warnings
}

/// The CPU time that so many of a capture's samples stand for.
pub(super) fn stands_for(capture: &Capture, samples: Samples) -> Nanos {
    Nanos(samples.0.saturating_mul(capture.mean_period().0))
}

/// What is to be known of threads that were sampled a few at a time.
fn few_threads(threads: &OfThreads) -> Option<String> {
    let OfThreads { at_a_time, working, .. } = threads;
    (at_a_time < working).then(|| {
        format!(
            "{at_a_time} of {working} threads were sampled at a time, others in each slice, since \
             events on all of them would slow the server down: as root, or after \
             `sudo sysctl kernel.perf_event_paranoid=0`, all are"
        )
    })
}

/// Time that samples stand for, over the exact CPU time meanwhile.
pub(super) fn coverage(capture: &Capture, samples: Samples, cpu: Nanos) -> Option<f64> {
    coverage_of(stands_for(capture, samples), cpu)
}

/// The CPU time of a request that all samples together stand for.
pub(super) fn sampled_us_per_request(
    access: Access,
    cpu_us_per_request: Option<f64>,
    coverage: Option<f64>,
) -> Option<f64> {
    match access {
        Access::KernelAndUser => cpu_us_per_request,
        // The samples stand for the server's own code only, and so must the widths.
        Access::UserOnly => cpu_us_per_request.zip(coverage).map(|(us, share)| us * share),
    }
}

fn observer_effect(effect: ObserverEffect) -> record::ObserverEffect {
    let value = |estimate: Estimate| finite(estimate.value);
    record::ObserverEffect {
        throughput_ratio: value(effect.throughput),
        ci95: effect.throughput.ci95,
        cpu_ratio: value(effect.cpu_per_request),
        cpu_ci95: effect.cpu_per_request.ci95,
    }
}
