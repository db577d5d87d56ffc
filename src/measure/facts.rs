//! What was observed -> the record of the run.

mod alone;
mod load;
mod processes;
pub(super) mod sampling;
mod tool;

use super::{
    calls,
    latency::delayed_ack,
    observed::Observed,
    profile::Settings,
    slice::{Invalid, Slice},
    slices::{Headline, Total},
    steady::Unsteady,
    subject::What,
    thresholds::Figures,
};
use crate::{
    load::Script,
    record::{AloneFacts, BudgetFacts, ClientFacts, MixFacts, Run, ServerFacts, TargetFacts},
    symbolize::{Profile, Resolved},
    target::{Allowance, Built, Cpus, Product, usage::Usage},
    unit::Nanos,
};
use alone::Sampled;
use sampling::Facts;

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
    resolved: &[Resolved],
) -> Run {
    let script = &settings.script;
    let headline = observed.load.slices.headline();
    let mut run =
        Run::new(observed.started, settings.command.clone(), target(what, built, observed));
    run.status = observed.load.status;
    run.url = Some(format!("http://{}{}", observed.addr, script.request().path));
    run.budget = budget(settings, observed);
    run.host = observed.host.clone();
    run.load = load::load(script, observed, headline);
    if let Some(tool) = &observed.load.tool {
        run.load = tool::load(run.load, script, tool);
    }
    run.server = server(observed, headline.total);
    let profile = resolved.first().map(|resolved| resolved.profile.only(Profile::MIX));
    run.processes = processes::processes(observed, headline.total, profile.as_deref());
    run.client = client(headline.total);
    run.bottleneck = load::bottleneck(settings, observed, &run.load, headline.total);
    run.diagnosis = load::diagnosis(script, observed);
    run.slices = load::slices(script, observed);
    let mut profiles =
        sampling::profiles(observed, resolved, &run, settings.raw_stacks).into_iter();
    if let Some(Facts { profile, hottest }) = profiles.next() {
        (run.profile, run.hottest) = (Some(profile), hottest);
    }
    let others = observed.sampling.taken.iter().skip(1).zip(profiles);
    run.other_profiles =
        others.map(|(taken, facts)| sampling::other(taken.backend, facts)).collect();
    run.agreement = sampling::agree(observed, resolved);
    (run.alone, run.mix) = alone(script, observed, headline.total, resolved, &run);
    run.warnings = warnings(settings, observed, headline, &run);
    run.reason = observed.load.reason.take();
    let figures = Figures::of_run(&run);
    run.thresholds = script.thresholds.iter().map(|limit| figures.judge(limit)).collect();
    let aborted_by = observed.load.aborted_by.and_then(|index| run.thresholds.get_mut(index));
    if let Some(limit) = aborted_by {
        // It may have been kept over the whole time, and was broken for too long all the same.
        (limit.aborted, limit.passed) = (true, false);
    }
    run
}

/// What each request costs alone, and the mix of all beside that, where they have slices of their
/// own.
fn alone(
    script: &Script,
    observed: &Observed,
    headline: &Total,
    resolved: &[Resolved],
    run: &Run,
) -> (Vec<AloneFacts>, Option<MixFacts>) {
    let (taken, facts) = (observed.sampling.taken.first(), run.profile.as_ref());
    let sampled = taken.zip(resolved.first()).zip(facts);
    let sampled = sampled.map(|((taken, resolved), facts)| Sampled { taken, resolved, facts, run });
    let requests = alone::requests(script, observed, headline, sampled);
    (requests, alone::mix(script, observed, sampled))
}

fn finite(figure: f64) -> Option<f64> {
    figure.is_finite().then_some(figure)
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    finite(part as f64 / whole as f64)
}

fn target(what: &What, built: Option<&Built>, observed: &Observed) -> TargetFacts {
    let revision = built.and_then(|built| built.revision.as_ref());
    TargetFacts {
        name: target_name(what).to_owned(),
        language: match what {
            What::Target(launch) => launch.manifest.language.clone(),
            What::Process(_) => String::new(),
        },
        revision: revision.map(|revision| revision.commit.clone()),
        dirty: revision.map(|revision| revision.dirty),
        build_id: served(what, built).and_then(|product| product.build_id.clone()),
        services: observed.allowance.iter().flat_map(|got| got.services.clone()).collect(),
    }
}

/// What the process runs that gets the load.
fn served<'a>(what: &What, built: Option<&'a Built>) -> Option<&'a Product> {
    let What::Target(launch) = what else { return None };
    built?.product(launch.manifest.processes.last()?)
}

fn budget(settings: &Settings, observed: &Observed) -> BudgetFacts {
    let numbers = |cpus: &Cpus| cpus.as_slice().iter().map(|cpu| *cpu as u32).collect();
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let server_cpus = observed.server_cpus.as_ref().map(numbers).unwrap_or_default();
    let load_cpus = numbers(&settings.load_cpus);
    let Some(got) = &observed.allowance else {
        return BudgetFacts { server_cpus, load_cpus, ..BudgetFacts::default() };
    };
    BudgetFacts {
        name: Some(got.budget.to_string()),
        cpus: Some(count(got.cpus_asked)),
        server_cpus,
        load_cpus,
        service_cpus: got.service_cpus.as_ref().map(numbers),
        memory_bytes: got.memory.map(|memory| memory.0),
        memory_enforced: got.memory.map(|_| got.memory_refused.is_none()),
        workers: Some(count(got.workers)),
        db_connections: got.db_connections,
    }
}

fn server(observed: &Observed, headline: &Total) -> ServerFacts {
    let server = &observed.server;
    let (before, after) = (observed.usage_before.total(), observed.usage_after.total());
    // A server that ended has nothing to read any more.
    let alive = after.processes > 0;
    let grown = |of: fn(&Usage) -> u64| alive.then(|| of(&after).saturating_sub(of(&before)));
    let cpu = headline.server_cpu.total();
    let peak = after.rss_peak.max(before.rss_peak);
    ServerFacts {
        cpu_us_per_request: finite(headline.us_per_request(cpu)),
        cpus_used: finite(headline.per_second(cpu.as_secs_f64())),
        rss_initial_bytes: Some(observed.usage_initial.total().rss.0),
        rss_peak_bytes: Some(peak.0),
        context_switches: grown(|usage| usage.switches_voluntary + usage.switches_involuntary),
        page_faults: grown(|usage| usage.faults_minor + usage.faults_major),
        threads: alive.then(|| u32::try_from(after.threads).unwrap_or(u32::MAX)),
        first_call_us: Some(Nanos::from(observed.first_call).as_micros_f64()),
        following_calls_us: calls::facts(&observed.following_calls),
        fds_peak: server.open_files,
        fd_limit: server.open_files_limit,
        listen_overflows: observed.dropped.map(|dropped| dropped.overflows),
        listen_drops: observed.dropped.map(|dropped| dropped.drops),
    }
}

fn client(headline: &Total) -> ClientFacts {
    let cpu = headline.tally.client_cpu;
    ClientFacts {
        cpu_us_per_request: finite(headline.us_per_request(cpu)),
        cpus_used: finite(headline.per_second(cpu.as_secs_f64())),
    }
}

fn warnings(
    settings: &Settings,
    observed: &Observed,
    headline: Headline<'_>,
    run: &Run,
) -> Vec<String> {
    let mut warnings: Vec<String> =
        observed.allowance.iter().flat_map(Allowance::warnings).collect();
    let server_cpus = observed.server_cpus.iter().flat_map(Cpus::as_slice);
    if server_cpus.into_iter().any(|cpu| settings.load_cpus.as_slice().contains(cpu)) {
        warnings.push("server and load share CPUs: each takes time from the other".to_owned());
    }
    let slices = &observed.load.slices;
    let saturated = |slice: &&Slice| slice.invalid == Some(Invalid::ClientSaturated);
    let saturated = slices.rows().iter().filter(saturated).count();
    if saturated > 0 {
        warnings.push(format!(
            "the load threads were busy throughout in {saturated} of {} slices: throughput is \
             theirs, not the server's; give them more CPUs with --cpus",
            slices.rows().len()
        ));
    }
    let stood_still = observed.load.stood_still;
    if stood_still > Nanos(0) {
        warnings.push(format!(
            "flameload itself stood still for {:.1} s: it was stopped (Ctrl-Z, a debugger) or had \
             no CPU; the slices of that time do not count",
            stood_still.as_secs_f64()
        ));
    }
    if let Some((first, _)) = slices.all().tally.errors.first() {
        warnings.push(format!("first error: {first}"));
    }
    warnings.extend(load::resent(&run.load));
    if let Some(tool) = &observed.load.tool {
        warnings.extend(tool::warnings(tool, &run.load.engine, !settings.backends.is_empty()));
    }
    warnings.extend(delayed_ack(&run.load.service_us));
    warnings.extend(slices.unsteady().map(Unsteady::text));
    if let Some(why) = headline.invalid {
        let most = Invalid::most_frequent(slices.rows()).map(|why| format!(" (most often, {why})"));
        let most = most.unwrap_or_default();
        warnings.push(format!("throughput and latency are not valid: {why}{most}"));
    }
    warnings.extend(alone::warnings(&run.alone));
    warnings.extend(sampling::warnings(observed));
    warnings
}
