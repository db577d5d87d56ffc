//! The load that was observed -> its part of the record.

use std::collections::BTreeMap;

use crate::{
    load::{Errors, Extent, Pace, Phase, Script, Think},
    measure::{
        bottleneck::{Evidence, Kept},
        diagnosis::{Diagnosis, Seen},
        latency::{distribution, latency},
        observed::Observed,
        profile::Settings,
        slice::{Slice, headline_latency},
        slices::{Headline, StageTotal, Total},
    },
    record::{
        BottleneckFacts, ErrorCounts, ErrorFacts, LoadFacts, RequestFacts, SliceFacts, StageFacts,
    },
    render::grouped,
    unit::Nanos,
};

use super::{finite, processes::watched, ratio};

pub(super) fn load(script: &Script, observed: &Observed, headline: Headline<'_>) -> LoadFacts {
    let Headline { total, flow, latency: timed, invalid } = headline;
    let slices = &observed.load.slices;
    let (all, tally) = (slices.all(), &flow.tally);
    let facts = LoadFacts {
        script: script.name.clone(),
        engine: script.engine.kind.to_string(),
        mode: script.pace.as_str().to_owned(),
        connections: script.pace.connections().get(),
        threads: observed.load.threads.and_then(|threads| u32::try_from(threads).ok()),
        warmup_s: script.warmup.as_secs_f64(),
        duration_s: flow.elapsed.as_secs_f64(),
        requests: tally.requests,
        requests_per_second: finite(flow.per_second(tally.requests as f64)),
        bytes_per_second: finite(flow.per_second(tally.bytes as f64)),
        latency_kind: Some(latency_kind(script).to_owned()),
        latency_us: latency(headline_latency(&timed.tally)),
        latency_histogram: distribution(headline_latency(&timed.tally)),
        service_us: latency(&timed.tally.latency),
        attempts: all.attempts(),
        error_ratio: ratio(all.tally.errors.total(), all.attempts()),
        connects: all.tally.connects,
        resent: all.tally.resent,
        errors: errors(&all.tally.errors, observed.load.began),
        stages: stages(script, slices.stages()),
        by_request: by_request(script, total),
        by_status: by_status(flow),
        origins: BTreeMap::new(),
        valid: invalid.is_none(),
        ..LoadFacts::default()
    };
    match script.pace {
        Pace::Open { rate, .. } => schedule(facts, script, rate, flow),
        Pace::Closed { .. } => facts,
    }
}

/// Whether latencies begin when the schedule wanted a request, or when it was written.
fn latency_kind(script: &Script) -> &'static str {
    match script.pace {
        Pace::Open { .. } => "response",
        Pace::Closed { .. } => "service",
    }
}

/// How well the schedule of an open loop was kept.
fn schedule(facts: LoadFacts, script: &Script, rate: f64, total: &Total) -> LoadFacts {
    let kept = total.tally.schedule;
    let target = match script.extent {
        // It changes all the time.
        Extent::Stages { .. } => finite(total.per_second(kept.due as f64)),
        _ => Some(rate),
    };
    LoadFacts {
        rate_target: target,
        rate_achieved: finite(total.per_second(kept.sent as f64)),
        achieved_ratio: ratio(kept.sent, kept.due),
        schedule_lag_max_us: Some(kept.lag_max.as_micros_f64()),
        backlog_max: Some(kept.backlog_max),
        dropped: Some(kept.dropped),
        ..facts
    }
}

/// What to say where the server ends connections with requests under way.
pub(super) fn resent(facts: &LoadFacts) -> Option<String> {
    let LoadFacts { resent, connects, attempts, .. } = *facts;
    (resent > 0).then(|| {
        let each = match attempts.checked_div(connects) {
            Some(each @ 1..) => format!(", each after about {} of them", grouped(each)),
            _ => String::new(),
        };
        format!(
            "{} requests were sent again, as the server had ended their connections{each}: with \
             `requests_per_connection` below what it allows, each is sent once",
            grouped(resent)
        )
    })
}

/// Of all slices: an error is never left out.
fn errors(all: &Errors, began: Nanos) -> ErrorCounts {
    let of = |phases: &[Phase]| phases.iter().map(|phase| all.of(*phase)).sum();
    // An instant before the window is below zero.
    let seconds = |at: Nanos| (at.0 as f64 - began.0 as f64) / 1e9;
    let mut detail: Vec<ErrorFacts> = all
        .kinds()
        .map(|(kind, occurrences)| ErrorFacts {
            phase: kind.phase.to_string(),
            cause: kind.cause.to_string(),
            connection: kind.age.to_string(),
            count: occurrences.count,
            first_s: seconds(occurrences.first),
            last_s: seconds(occurrences.last),
        })
        .collect();
    detail.sort_by_key(|kind| std::cmp::Reverse(kind.count));
    ErrorCounts {
        connect: of(&[Phase::Connect, Phase::Tls]),
        read: of(&[Phase::FirstByte, Phase::Body, Phase::Parse]),
        write: of(&[Phase::Write]),
        timeout: of(&[Phase::Timeout]),
        status: of(&[Phase::Status]),
        check: of(&[Phase::Check]),
        detail,
    }
}

/// The stages that have begun.
fn stages(script: &Script, totals: &[StageTotal]) -> Vec<StageFacts> {
    let Extent::Stages { start, stages } = &script.extent else { return Vec::new() };
    let mut level_from = *start;
    let facts = stages.iter().zip(totals).enumerate().map(|(index, (stage, seen))| {
        let StageTotal { total, flow, elapsed, errors } = seen;
        let done = if flow.tally.response.is_some() { flow } else { total };
        let from = std::mem::replace(&mut level_from, stage.level);
        StageFacts {
            index: index as u32,
            duration_s: elapsed.as_secs_f64(),
            level_from: from,
            level_to: stage.level,
            record: stage.record,
            requests: done.tally.requests,
            requests_per_second: finite(done.per_second(done.tally.requests as f64)),
            latency_us: latency(headline_latency(&total.tally)),
            errors: *errors,
            server_cpu_us_per_request: finite(total.us_per_request(total.server_cpu.total())),
        }
    });
    facts.collect()
}

/// The requests of a script that has several.
fn by_request(script: &Script, total: &Total) -> Vec<RequestFacts> {
    let named = script.requests.iter().zip(&total.tally.by_request);
    let facts = named.map(|(request, seen)| RequestFacts {
        name: request.name.clone(),
        requests: seen.requests,
        requests_per_second: finite(total.per_second(seen.requests as f64)),
        errors: seen.errors,
        service_us: latency(&seen.latency),
    });
    facts.collect()
}

fn by_status(total: &Total) -> BTreeMap<String, u64> {
    let counts = total.tally.by_status.iter();
    counts.map(|(status, count)| (status.to_string(), *count)).collect()
}

pub(super) fn slices(script: &Script, observed: &Observed) -> Vec<SliceFacts> {
    let us = |time: Nanos| time.as_micros_f64();
    let name = |request: usize| script.requests.get(request).map(|request| request.name.clone());
    let facts = |(index, slice): (usize, &Slice)| SliceFacts {
        index: index as u32,
        stage: slice.place.stage.map(|stage| stage as u32),
        request: slice.place.request.and_then(name),
        sampled: slice.place.is_sampled(),
        backend: slice.place.backend.map(|backend| backend.to_string()),
        started_ns: slice.started.since(observed.sampling.window_start).0,
        duration_s: slice.elapsed.as_secs_f64(),
        requests: slice.requests,
        requests_per_second: finite(slice.requests_per_second()),
        p50_us: slice.p50.map(us),
        p99_us: slice.p99.map(us),
        errors: slice.errors,
        live_connections: slice.live_connections.map(|live| live as u64),
        connects: slice.connects,
        server_cpu_us_per_request: finite(slice.server_cpu_us_per_request()),
        process_cpu_us_per_request: process_cpus(observed, slice),
        client_cpu_us_per_request: finite(us(slice.client_cpu) / slice.requests as f64),
        valid: slice.invalid.is_none(),
        invalid: slice.invalid.map(|why| why.to_string()),
    };
    observed.load.slices.rows().iter().enumerate().map(facts).collect()
}

/// CPU time of each process over a slice's requests; of several only, as one is the whole.
fn process_cpus(observed: &Observed, slice: &Slice) -> Vec<Option<f64>> {
    let members = observed.processes.iter().filter(|_| observed.processes.len() > 1);
    let us = |index| slice.server_cpu.of(index).as_micros_f64() / slice.requests as f64;
    members.map(|member| watched(observed, member).and_then(|index| finite(us(index)))).collect()
}

/// What kept the throughput from being higher.
pub(super) fn bottleneck(
    settings: &Settings,
    observed: &Observed,
    facts: &LoadFacts,
    total: &Total,
) -> Option<BottleneckFacts> {
    let script = &settings.script;
    let kept = total.tally.schedule;
    let load_cpus = settings.load_cpus.as_slice().len();
    let may_use = observed.server_cpus.as_ref().map(|cpus| cpus.as_slice().len() as f64);
    let threads =
        Some(observed.usage_after.total().threads as f64).filter(|threads| *threads > 0.0);
    let evidence = Evidence {
        client_cpus: total.per_second(total.tally.client_cpu.as_secs_f64()),
        client_cpus_max: observed.load.threads.map_or(load_cpus, |count| count.min(load_cpus))
            as f64,
        server_cpus: total.per_second(total.server_cpu.total().as_secs_f64()),
        server_cpus_max: may_use.map(|cpus| threads.map_or(cpus, |threads| cpus.min(threads))),
        shared_cpus: observed.server_cpus.as_ref().and_then(|cpus| {
            let load = settings.load_cpus.as_slice();
            let own = load.iter().filter(|cpu| !cpus.as_slice().contains(cpu)).count();
            (own < load.len()).then_some((cpus.as_slice().len() + own) as f64)
        }),
        rate: facts.requests_per_second?,
        latency: facts.service_us.mean? / 1e6,
        connections: facts.connections,
        thinks: matches!(script.pace, Pace::Closed { think, .. } if think != Think::None),
        schedule: facts.achieved_ratio.map(|achieved| Kept {
            achieved,
            lag: kept.lag_max.as_secs_f64(),
            overloaded: kept.backlog_max > 0 || kept.dropped > 0,
        }),
        error_ratio: facts.error_ratio.unwrap_or(0.0),
    };
    let found = evidence.verdict()?;
    Some(BottleneckFacts { verdict: found.verdict.as_str().to_owned(), why: found.why })
}

/// The most likely reason of what failed, in one line.
pub(super) fn diagnosis(script: &Script, observed: &Observed) -> Option<String> {
    let load = &observed.load;
    let all = &load.slices.all().tally;
    let connections = u64::from(script.pace.connections().get());
    Diagnosis::of(&Seen {
        connections,
        live: load.live.unwrap_or(connections),
        requests: all.requests,
        errors: &all.errors,
        started: load.began,
        timeout: script.timeout.into(),
        client_open_files: load.client_open_files,
        ports: load.ports,
        server: observed.server.clone(),
    })
}
