//! What the pictures of a run say beside their frames.

use serde_json::json;

use super::{View, stacks::Stacks};
use crate::{
    fold::Folded,
    record::{
        run::{AloneFacts, LoadFacts, ProfileFacts, Run, Status, UnnamedFacts},
        store,
    },
    render::{Caption, Link, grouped, micros},
    unit::Samples,
};

/// What is known of one picture's part of a run.
struct Part<'a> {
    run: &'a Run,
    /// The target's process that it shows; none for all.
    process: Option<&'a str>,
    /// The only request that was sent; none for the mix of all.
    alone: Option<&'a AloneFacts>,
    samples: u64,
    cpu_us_per_request: Option<f64>,
    us_per_sample: Option<f64>,
    profile: Option<ProfileFacts>,
}

pub(super) fn caption(view: &View<'_>, stacks: Stacks) -> (Folded, Caption) {
    let Stacks { folded, palette, full_names, frames, spread } = stacks;
    let samples = folded.total();
    let part = Part::of(view, samples);
    let mut title = format!("{} · {}", view.run.target.name, view.run.load.script);
    if let Some(process) = part.process {
        title.push_str(&format!(" · {process} alone"));
    }
    if let Some(alone) = part.alone {
        title.push_str(&format!(" · request {} alone", alone.name));
    }
    if let Some(other) = view.other {
        title.push_str(&format!(" · {}", other.facts.name));
    }
    let caption = Caption {
        title,
        figures: figures(&part),
        trust: part.profile.as_ref().map(|profile| profile.doubts()).unwrap_or_default(),
        warnings: warnings(&part),
        us_per_sample: part.us_per_sample,
        spread: spread.map(|spread| spread.of_part(samples)),
        id: Some(view.run.id.to_string()),
        metadata: metadata(&part),
        links: links(view),
        palette,
        full_names,
        frames,
    };
    (folded, caption)
}

impl<'a> Part<'a> {
    fn of(view: &View<'a>, samples: Samples) -> Self {
        let View { run, process, alone, .. } = *view;
        let profile = view.facts().cloned().map(|whole| match (process, alone) {
            (None, None) => whole,
            (None, Some(alone)) => ProfileFacts {
                samples: samples.0,
                truncated_ratio: alone.truncated_ratio,
                unknown_ratio: alone.unknown_ratio,
                unnamed: UnnamedFacts::of(view.profile, None),
                coverage: alone.coverage,
                sampled_us_per_request: alone.sampled_us_per_request,
                ..whole
            },
            (Some(process), _) => ProfileFacts {
                samples: samples.0,
                truncated_ratio: process.truncated_ratio,
                unknown_ratio: process.unknown_ratio,
                unnamed: UnnamedFacts::of(view.profile, Some(&process.name)),
                coverage: process.coverage,
                sampled_us_per_request: process.sampled_us_per_request,
                ..whole
            },
        });
        let cpu_us_per_request = match (process, alone) {
            (None, None) => run.server.cpu_us_per_request,
            (None, Some(alone)) => alone.cpu_us_per_request,
            (Some(process), _) => process.cpu_us_per_request,
        };
        let us_per_sample = profile
            .as_ref()
            .and_then(|profile| profile.sampled_us_per_request)
            .or(cpu_us_per_request)
            .filter(|us| us.is_finite() && samples > Samples(0))
            .map(|us| us / samples.0 as f64);
        Self {
            run,
            process: process.map(|process| process.name.as_str()),
            alone,
            samples: samples.0,
            cpu_us_per_request,
            us_per_sample,
            profile,
        }
    }
}

/// The files of this picture, then the other pictures.
fn links(view: &View<'_>) -> Vec<Link> {
    let link = |text: &str, href: &str| Link { text: text.to_owned(), href: href.to_owned() };
    let folded = view.file(store::FOLDED);
    let profile = match view.other {
        Some(other) => other.names[2],
        None => store::PROFILE,
    };
    let files = [store::RUN, &folded, profile];
    let mut links: Vec<Link> = files.iter().map(|file| link(file, file)).collect();
    let is_same = |other: &View<'_>| view.alone.is_none() && other.name() == view.name();
    let whole = View { alone: None, ..*view };
    for other in whole.all().filter(|other| !is_same(other)) {
        if view.alone.is_some() && other.name().is_none() {
            links.push(link("all requests", &other.file(store::SVG)));
            continue;
        }
        let text = other.name().unwrap_or("all processes");
        links.push(link(text, &other.file(store::SVG)));
    }
    let is_shown = |name: &str| view.alone.is_some_and(|alone| alone.name == name);
    for alone in view.run.alone.iter().filter(|alone| !is_shown(&alone.name)) {
        if let (None, Some([_, svg])) = (view.other, alone.file_names()) {
            links.push(link(&format!("request {} alone", alone.name), svg));
        }
    }
    let own = view.other.is_none() && view.process.is_none() && view.alone.is_none();
    let others = view.run.other_profiles.iter().filter_map(|other| other.files.get("svg"));
    links.extend(others.filter(|_| own).map(|other| link(other, other)));
    links
}

fn figures(part: &Part<'_>) -> Vec<String> {
    let mut figures = match part.alone {
        Some(alone) => of_request(alone),
        None => of_load(part),
    };
    let hz = part.profile.as_ref().map(|profile| profile.hz_requested).filter(|hz| *hz > 0);
    let samples = grouped(part.samples);
    figures.push(match hz {
        Some(hz) => format!("{samples} samples at {hz} Hz"),
        None => format!("{samples} samples"),
    });
    figures
}

/// What a request came to in slices of its own.
fn of_request(alone: &AloneFacts) -> Vec<String> {
    let Some(us) = alone.cpu_us_per_request else {
        return vec!["CPU/request NOT VALID".to_owned()];
    };
    let interval =
        alone.cpu_ci95.map(|[low, high]| format!(" ({} to {})", micros(low), micros(high)));
    let cpu = format!("{} µs CPU/request{}", micros(us), interval.unwrap_or_default());
    let rate = alone
        .requests_per_second
        .map(|rate| format!("{} requests/s", grouped(rate.max(0.0).round() as u64)));
    rate.into_iter().chain([cpu]).collect()
}

/// What the load came to.
fn of_load(part: &Part<'_>) -> Vec<String> {
    let run = part.run;
    let mut figures = Vec::new();
    match run.load.requests_per_second {
        // What a load that failed came to must not be read as what the server can do.
        Some(_) if !run.load.valid => figures.push("throughput NOT VALID".to_owned()),
        Some(rate) => {
            let rate = grouped(rate.max(0.0).round() as u64);
            figures.push(match is_of_the_load(run) {
                true => format!("{rate} requests/s (limited by the load generator)"),
                false => format!("{rate} requests/s"),
            });
        }
        None => {}
    }
    if let Some(us) = run.load.latency_us.p99 {
        figures.push(match us {
            us if us < 1000.0 => format!("p99 {} µs", micros(us)),
            us => format!("p99 {:.2} ms", us / 1e3),
        });
    }
    if let Some(us) = part.cpu_us_per_request {
        let whole = run.server.cpu_us_per_request.filter(|_| part.process.is_some());
        let of = whole.map(|all| format!(" of {} in all", micros(all))).unwrap_or_default();
        figures.push(format!("{} µs CPU/request{of}", micros(us)));
    }
    figures
}

/// Whether the throughput is the load generator's.
fn is_of_the_load(run: &Run) -> bool {
    run.bottleneck.as_ref().is_some_and(|found| found.verdict == "client-bound")
}

/// The record's own warnings, and what it says otherwise that a reader of the picture must know.
fn warnings(part: &Part<'_>) -> Vec<String> {
    let run = part.run;
    let mut warnings = run.warnings.clone();
    let reason = run.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    match run.status {
        Status::Complete => {}
        Status::Interrupted => {
            warnings.push(format!("interrupted{reason}; it shows what was measured until then"));
        }
        Status::Failed => warnings.push(format!("the run failed{reason}")),
    }
    warnings.extend(failed_requests(&run.load));
    warnings.extend(run.diagnosis.clone());
    warnings.extend(part.profile.as_ref().map(|profile| profile.warnings()).unwrap_or_default());
    let mut distinct = Vec::new();
    for warning in warnings {
        if !distinct.contains(&warning) {
            distinct.push(warning);
        }
    }
    distinct
}

fn failed_requests(load: &LoadFacts) -> Option<String> {
    let classes: Vec<String> = load
        .errors
        .by_class()
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(class, count)| format!("{class} {}", grouped(*count)))
        .collect();
    (!classes.is_empty()).then(|| {
        let failed = grouped(load.errors.total());
        // Older records have no attempts.
        let of = match load.attempts {
            0 => "requests".to_owned(),
            attempts => format!("of {} attempts", grouped(attempts)),
        };
        format!("{failed} {of} failed ({})", classes.join(", "))
    })
}

/// What programs want of the picture without its record.
fn metadata(part: &Part<'_>) -> String {
    let (run, profile) = (part.run, part.profile.as_ref());
    let mut metadata = json!({
        "schema": run.schema,
        "id": run.id,
        "started_at": run.started_at,
        "status": run.status,
        "target": run.target.name,
        "script": run.load.script,
        "valid": run.load.valid,
        "requests_per_second": run.load.requests_per_second,
        "p99_us": run.load.latency_us.p99,
        "cpu_us_per_request": part.cpu_us_per_request,
        "samples": part.samples,
        "raw": profile.is_some_and(|profile| profile.raw_stacks),
        "us_per_sample": part.us_per_sample,
        "hz": profile.map(|profile| profile.hz_requested),
        "hz_achieved": profile.and_then(|profile| profile.hz_achieved),
        "lost": profile.map(|profile| profile.lost),
        "throttled": profile.map(|profile| profile.throttled),
        "truncated_ratio": profile.and_then(|profile| profile.truncated_ratio),
        "unknown_ratio": profile.and_then(|profile| profile.unknown_ratio),
        "coverage": profile.and_then(|profile| profile.coverage),
    });
    if let Some(process) = part.process {
        metadata["process"] = process.into();
    }
    if let Some(alone) = part.alone {
        metadata["request"] = alone.name.clone().into();
        metadata["requests_per_second"] = json!(alone.requests_per_second);
        metadata["cpu_ci95"] = json!(alone.cpu_ci95);
        metadata["p99_us"] = json!(null);
    }
    metadata.to_string()
}
