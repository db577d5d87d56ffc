//! The samples that were taken -> their part of the record.

use super::finite;
use crate::{
    measure::{confidence::Estimate, observed::Observed, observer::ObserverEffect},
    record::{self, ProfileFacts, UnnamedFacts, UnwindFacts},
    sample::{Access, Capture},
    symbolize::Resolved,
    unit::{Hertz, Nanos, Samples},
};

pub(super) fn profile(
    observed: &Observed,
    resolved: &Resolved,
    cpu_us_per_request: Option<f64>,
    raw_stacks: bool,
) -> ProfileFacts {
    let Capture { hz, clock, access, dump, counts, .. } = &observed.capture;
    let slices = observed.load.slices.rows();
    let sampled = slices.iter().filter(|slice| slice.place.sampled);
    let sampled_cpu: Nanos = sampled.map(|slice| slice.server_cpu.total()).sum();
    let share = |samples: Samples| finite(samples.share_of(counts.samples).0);
    let coverage = coverage(counts.samples, *hz, sampled_cpu);
    ProfileFacts {
        backend: "perf_event".to_owned(),
        event: Some((*clock).to_owned()),
        privileges: Some(access.as_str().to_owned()),
        missing: access.missing().into_iter().map(str::to_owned).collect(),
        hz_requested: hz.0,
        hz_achieved: finite(counts.samples.0 as f64 / sampled_cpu.as_secs_f64()),
        samples: counts.samples.0,
        lost: counts.lost.0,
        throttled: counts.throttled,
        bad_records: counts.bad_records,
        truncated_ratio: share(counts.truncated()),
        unknown_ratio: share(resolved.unknown),
        unnamed: UnnamedFacts::of(&resolved.profile, None),
        coverage,
        sampled_us_per_request: sampled_us_per_request(*access, cpu_us_per_request, coverage),
        observer_effect: ObserverEffect::of(slices).map(observer_effect),
        post_processing_ms: None,
        dump_bytes: u32::try_from(dump.0).ok(),
        raw_stacks,
        unwinding: Some(UnwindFacts {
            cache_hits: counts.rule_hits,
            cache_misses: counts.rule_misses,
        }),
    }
}

/// Time that samples stand for, over the exact CPU time meanwhile.
pub(super) fn coverage(samples: Samples, hz: Hertz, cpu: Nanos) -> Option<f64> {
    finite(samples.0 as f64 * hz.period().as_secs_f64() / cpu.as_secs_f64())
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
