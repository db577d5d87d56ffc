//! What was observed -> the record of the run.

use std::{net::SocketAddr, time::Duration};

use hdrhistogram::Histogram;

use super::{
    confidence::Estimate,
    observer::ObserverEffect,
    profile::Settings,
    slice::{Invalid, Slice},
    slices::{Slices, Total},
    subject::What,
};
use crate::{
    fold::hottest,
    load::{Errors, Phase, Script},
    record::{
        self, BudgetFacts, ClientFacts, ErrorCounts, Host, LatencyFacts, LoadFacts, ProfileFacts,
        Run, ServerFacts, SliceFacts, Status, TargetFacts, UnwindFacts, UtcTime,
    },
    sample::{Access, Capture},
    symbolize::Resolved,
    target::{Built, Cpus, usage::Usage},
    unit::{Nanos, Samples},
};

/// Everything that was observed of a server.
#[derive(Debug)]
pub(super) struct Observed {
    /// When the server was launched, or attached to.
    pub(super) started: UtcTime,
    pub(super) addr: SocketAddr,
    pub(super) server_cpus: Option<Cpus>,
    pub(super) status: Status,
    pub(super) reason: Option<String>,
    pub(super) slices: Slices,
    pub(super) host: Host,
    pub(super) capture: Capture,
    pub(super) first_call: Duration,
    pub(super) usage_initial: Usage,
    pub(super) usage_before: Usage,
    pub(super) usage_after: Usage,
    pub(super) load_ended: Nanos,
}

/// How many of the hottest functions a record names.
const HOTTEST: usize = 20;

/// The name that a run is kept under.
pub(super) fn target_name(what: &What) -> &str {
    match what {
        What::Target(launch) => &launch.manifest.name,
        What::Process(_) => "process",
    }
}

/// The title of the profile.
pub(super) fn title(what: &What, script: &Script) -> String {
    format!("{} · {}", target_name(what), script.name)
}

/// The record.
pub(super) fn run(
    what: &What,
    built: Option<&Built>,
    settings: &Settings,
    observed: &mut Observed,
    resolved: &Resolved,
) -> Run {
    let (headline, is_valid) = observed.slices.headline();
    let mut run = Run::new(observed.started, settings.command.clone(), target(what, built));
    run.status = observed.status;
    run.reason = observed.reason.take();
    run.url = Some(format!("http://{}{}", observed.addr, settings.script.request().path));
    run.budget = budget(settings, observed);
    run.host = observed.host.clone();
    run.load = LoadFacts { valid: is_valid, ..load(settings, observed, headline) };
    run.server = server(observed, headline);
    run.client = client(headline);
    let profile = profile(observed, resolved, run.server.cpu_us_per_request);
    let sampled = profile.sampled_us_per_request.map(|us| Nanos((us * 1e3) as u64));
    run.hottest =
        hottest(&resolved.profile, sampled, HOTTEST).into_iter().map(Into::into).collect();
    run.profile = Some(profile);
    run.slices = slices(observed);
    run.warnings = warnings(settings, observed, is_valid);
    run
}

fn finite(figure: f64) -> Option<f64> {
    figure.is_finite().then_some(figure)
}

fn target(what: &What, built: Option<&Built>) -> TargetFacts {
    let revision = built.and_then(|built| built.revision.as_ref());
    TargetFacts {
        name: target_name(what).to_owned(),
        language: match what {
            What::Target(launch) => launch.manifest.language.clone(),
            What::Process(_) => String::new(),
        },
        revision: revision.map(|revision| revision.commit.clone()),
        dirty: revision.map(|revision| revision.dirty),
        build_id: built.and_then(|built| built.build_id.clone()),
    }
}

fn budget(settings: &Settings, observed: &Observed) -> BudgetFacts {
    let numbers = |cpus: &Cpus| cpus.as_slice().iter().map(|cpu| *cpu as u32).collect();
    BudgetFacts {
        server_cpus: observed.server_cpus.as_ref().map(numbers).unwrap_or_default(),
        load_cpus: numbers(&settings.load_cpus),
        ..BudgetFacts::default()
    }
}

fn load(settings: &Settings, observed: &Observed, headline: &Total) -> LoadFacts {
    let script = &settings.script;
    LoadFacts {
        script: script.name.clone(),
        engine: "builtin".to_owned(),
        mode: script.pace.as_str().to_owned(),
        connections: script.pace.connections().get(),
        warmup_s: script.warmup.as_secs_f64(),
        duration_s: headline.elapsed.as_secs_f64(),
        requests: headline.tally.requests,
        requests_per_second: finite(headline.per_second(headline.tally.requests as f64)),
        bytes_per_second: finite(headline.per_second(headline.tally.bytes as f64)),
        latency_us: latency(&headline.tally.latency),
        errors: errors(&observed.slices.all().tally.errors),
        valid: false,
    }
}

fn latency(histogram: &Histogram<u64>) -> LatencyFacts {
    if histogram.is_empty() {
        return LatencyFacts::default();
    }
    let us = |nanos: f64| Some(nanos / 1e3);
    let percentile = |percent| us(histogram.value_at_percentile(percent) as f64);
    LatencyFacts {
        mean: us(histogram.mean()),
        stdev: us(histogram.stdev()),
        p50: percentile(50.0),
        p75: percentile(75.0),
        p90: percentile(90.0),
        p95: percentile(95.0),
        p99: percentile(99.0),
        p99_9: percentile(99.9),
        max: us(histogram.max() as f64),
    }
}

/// Of all slices: an error is never left out.
fn errors(all: &Errors) -> ErrorCounts {
    let of = |phases: &[Phase]| phases.iter().map(|phase| all.of(*phase)).sum();
    ErrorCounts {
        connect: of(&[Phase::Connect, Phase::Tls]),
        read: of(&[Phase::FirstByte, Phase::Body, Phase::Parse]),
        write: of(&[Phase::Write]),
        timeout: of(&[Phase::Timeout]),
        status: of(&[Phase::Status]),
        check: of(&[Phase::Check]),
    }
}

fn server(observed: &Observed, headline: &Total) -> ServerFacts {
    let Observed { usage_before: before, usage_after: after, .. } = observed;
    // A server that ended has nothing to read any more.
    let alive = after.processes > 0;
    let grown = |of: fn(&Usage) -> u64| alive.then(|| of(after).saturating_sub(of(before)));
    let peak = after.rss_peak.max(before.rss_peak);
    ServerFacts {
        cpu_us_per_request: finite(headline.us_per_request(headline.server_cpu)),
        cpus_used: finite(headline.per_second(headline.server_cpu.as_secs_f64())),
        rss_initial_bytes: Some(observed.usage_initial.rss.0),
        rss_peak_bytes: Some(peak.0),
        context_switches: grown(|usage| usage.switches_voluntary + usage.switches_involuntary),
        page_faults: grown(|usage| usage.faults_minor + usage.faults_major),
        threads: alive.then(|| u32::try_from(after.threads).unwrap_or(u32::MAX)),
        first_call_us: Some(Nanos::from(observed.first_call).as_micros_f64()),
    }
}

fn client(headline: &Total) -> ClientFacts {
    let cpu = headline.tally.client_cpu;
    ClientFacts {
        cpu_us_per_request: finite(headline.us_per_request(cpu)),
        cpus_used: finite(headline.per_second(cpu.as_secs_f64())),
    }
}

fn profile(
    observed: &Observed,
    resolved: &Resolved,
    cpu_us_per_request: Option<f64>,
) -> ProfileFacts {
    let Capture { hz, clock, access, dump, counts, .. } = &observed.capture;
    let sampled = observed.slices.rows().iter().filter(|slice| slice.sampled);
    let sampled_cpu: Nanos = sampled.map(|slice| slice.server_cpu).sum();
    let share = |samples: Samples| finite(samples.share_of(counts.samples).0);
    let sampled_seconds = counts.samples.0 as f64 * hz.period().as_secs_f64();
    let coverage = finite(sampled_seconds / sampled_cpu.as_secs_f64());
    let sampled_us_per_request = match access {
        Access::KernelAndUser => cpu_us_per_request,
        // The samples stand for the server's own code only, and so must the widths.
        Access::UserOnly => cpu_us_per_request.zip(coverage).map(|(us, share)| us * share),
    };
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
        coverage,
        sampled_us_per_request,
        observer_effect: ObserverEffect::of(observed.slices.rows()).map(observer_effect),
        post_processing_ms: None,
        dump_bytes: u32::try_from(dump.0).ok(),
        unwinding: Some(UnwindFacts {
            cache_hits: counts.rule_hits,
            cache_misses: counts.rule_misses,
        }),
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

fn slices(observed: &Observed) -> Vec<SliceFacts> {
    let us = |time: Nanos| time.as_micros_f64();
    let facts = |(index, slice): (usize, &Slice)| SliceFacts {
        index: index as u32,
        sampled: slice.sampled,
        started_ns: slice.started.since(observed.capture.started).0,
        duration_s: slice.elapsed.as_secs_f64(),
        requests: slice.requests,
        requests_per_second: finite(slice.requests_per_second()),
        p50_us: slice.p50.map(us),
        p99_us: slice.p99.map(us),
        errors: slice.errors,
        server_cpu_us_per_request: finite(slice.server_cpu_us_per_request()),
        client_cpu_us_per_request: finite(us(slice.client_cpu) / slice.requests as f64),
        valid: slice.invalid.is_none(),
    };
    observed.slices.rows().iter().enumerate().map(facts).collect()
}

fn warnings(settings: &Settings, observed: &Observed, is_valid: bool) -> Vec<String> {
    let mut warnings = Vec::new();
    let server_cpus = observed.server_cpus.iter().flat_map(Cpus::as_slice);
    if server_cpus.into_iter().any(|cpu| settings.load_cpus.as_slice().contains(cpu)) {
        warnings.push("server and load share CPUs: each takes time from the other".to_owned());
    }
    let saturated = |slice: &&Slice| slice.invalid == Some(Invalid::ClientSaturated);
    let saturated = observed.slices.rows().iter().filter(saturated).count();
    if saturated > 0 {
        warnings.push(format!(
            "the load threads were busy throughout in {saturated} of {} slices: throughput is \
             theirs, not the server's; give them more CPUs with --cpus",
            observed.slices.rows().len()
        ));
    }
    if let Some((first, _)) = observed.slices.all().tally.errors.first() {
        warnings.push(format!("first error: {first}"));
    }
    if !is_valid {
        warnings.push("throughput and latency are not valid: too few slices are".to_owned());
    }
    if let (Some(missing), Some(command)) =
        (observed.capture.access.missing(), observed.capture.access.lifted_by())
    {
        warnings.push(format!("{missing} are missing: run `{command}` to see them"));
    }
    warnings
}
