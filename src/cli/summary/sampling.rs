//! The lines of a summary about the samples: how far to trust them, and what they cost.

use crate::{
    record::{AgreementFacts, ObserverEffect, ProfileFacts, Run},
    unit::{Bytes, Ratio},
};

use super::figure;

/// What was sampled, by each backend, and how far two of them agree.
pub(super) fn lines(run: &Run) -> Vec<(&str, String)> {
    let mut lines = Vec::new();
    if let Some(profile) = &run.profile {
        lines.extend(of_profile("samples", profile));
    }
    for other in &run.other_profiles {
        lines.extend(of_profile(&other.name, &other.profile));
    }
    lines.extend(run.agreement.as_ref().map(|found| ("agreement", agreement(found))));
    lines
}

/// The pictures of a run, by what they are called in its summary.
pub(super) fn pictures(run: &Run) -> Vec<(&str, &str)> {
    let own = run.profile.as_ref().map(|_| ("flamegraph", "cpu.svg"));
    let others =
        run.other_profiles.iter().filter_map(|other| Some(("", other.files.get("svg")?.as_str())));
    let alone = run.alone.iter().filter_map(|alone| Some(("", alone.files.get("svg")?.as_str())));
    own.into_iter().chain(alone).chain(others).collect()
}

fn of_profile<'a>(label: &'a str, profile: &ProfileFacts) -> Vec<(&'a str, String)> {
    let mut lines = vec![(label, samples(profile)), ("trust", trust(profile))];
    if let Some(effect) = &profile.observer_effect {
        lines.push(("observer", observer(effect)));
    }
    if let (Some(effect), [.., last]) = (profile.expected_effect, lines.as_mut_slice())
        && last.0 == "observer"
    {
        let expected = format!(" ({:.1} % of CPU expected at this rate)", effect * 100.0);
        last.1.push_str(&expected);
    }
    lines.extend(profile.warnings().into_iter().map(|warning| ("WARNING", warning)));
    lines
}

fn agreement(found: &AgreementFacts) -> String {
    let ratio = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |r| Ratio(r).to_string());
    let mut line = format!(
        "{} overlap {} in the self time of the {} hottest functions (by chance alone {})",
        found.backends.join(" and "),
        ratio(found.self_overlap),
        found.functions,
        ratio(found.by_chance),
    );
    if let Some(most) = found.differing.first() {
        let shares: Vec<String> =
            most.shares.iter().map(|share| Ratio(*share).to_string()).collect();
        line.push_str(&format!("; most apart: {} {}", most.name, shares.join(" and ")));
    }
    line
}

fn samples(profile: &ProfileFacts) -> String {
    let mut parts = vec![format!("{} at {} Hz", profile.samples, profile.hz_requested)];
    match &profile.event {
        Some(event) => {
            let on = profile.scope.as_ref().map(|scope| format!(" on {scope}"));
            parts[0].push_str(&format!(" by {event}{}", on.unwrap_or_default()));
        }
        None => parts[0].push_str(&format!(" by {}", profile.backend)),
    }
    parts.extend(profile.privileges.clone());
    parts.extend(profile.dump_bytes.map(|dump| format!("{} of stack each", Bytes(dump.into()))));
    if profile.privileges.is_none() {
        parts.extend(profile.missing.iter().map(|missing| format!("without {missing}")));
    }
    parts.join(", ")
}

fn trust(profile: &ProfileFacts) -> String {
    let ratio = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |r| Ratio(r).to_string());
    format!(
        "coverage {}, truncated {}, unknown {}, lost {}, throttled {}, {} Hz achieved, scatter {}",
        figure(profile.coverage, 3),
        ratio(profile.truncated_ratio),
        ratio(profile.unknown_ratio),
        profile.lost,
        profile.throttled,
        figure(profile.hz_achieved, 0),
        profile.design_effect.map_or("-".to_owned(), |effect| format!("{effect:.1} x chance")),
    )
}

fn observer(effect: &ObserverEffect) -> String {
    let percent = |ratio: Option<f64>, ends: Option<[f64; 2]>| {
        let change = |ratio: f64| format!("{:+.1}", (ratio - 1.0) * 100.0);
        match (ratio, ends) {
            (Some(ratio), Some([low, high])) => {
                format!("{} % ({} to {})", change(ratio), change(low), change(high))
            }
            (Some(ratio), None) => format!("{} % (too few slices for an interval)", change(ratio)),
            (None, _) => "-".to_owned(),
        }
    };
    format!(
        "sampling changed throughput by {}, CPU/request by {}",
        percent(effect.throughput_ratio, effect.ci95),
        percent(effect.cpu_ratio, effect.cpu_ci95)
    )
}
