//! What a run came to, for a reader at a terminal.

mod load;
mod sweep;

use std::fmt::Write as _;

use flameload::{
    measure::Finished,
    record::{ObserverEffect, ProfileFacts, Run, Status},
    unit::{Bytes, Ratio},
};

use crate::out;
pub(crate) use sweep::{Sweep, level};

/// How many of the hottest functions a summary shows.
const HOTTEST: usize = 5;
/// Longer names are cut in the middle.
const NAME_CHARS: usize = 84;

/// Prints the record as one line of JSON, or the summary.
pub(crate) fn print(finished: &Finished, json: bool) -> anyhow::Result<()> {
    if json {
        return out::print(&(serde_json::to_string(&finished.run)? + "\n"));
    }
    let svg = finished.directory.join("cpu.svg");
    out::print(&format!("{}\n  flamegraph   {}\n", text(&finished.run), shown_path(&svg)))
}

/// Relative to the current directory where that is shorter.
fn shown_path(path: &std::path::Path) -> String {
    let current = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(current).unwrap_or(path).display().to_string()
}

fn text(run: &Run) -> String {
    let mut out = format!("{} · {}\n", run.target.name, run.load.script);
    // Writing to a string cannot fail.
    let mut line = |label: &str, value: String| {
        let _ = writeln!(out, "  {label:<12} {value}");
    };
    match run.status {
        Status::Complete => {}
        Status::Interrupted => line("INTERRUPTED", "what was measured until then".to_owned()),
        Status::Failed => line("FAILED", run.reason.clone().unwrap_or_default()),
    }
    for (label, value) in load::lines(run) {
        line(label, value);
    }
    line("CPU", cpu(run));
    line("memory", memory(run));
    if let Some(profile) = &run.profile {
        line("samples", samples(profile));
        line("trust", trust(profile));
        if let Some(effect) = &profile.observer_effect {
            line("observer", observer(effect));
        }
        for warning in profile.warnings() {
            line("WARNING", warning);
        }
    }
    for warning in &run.warnings {
        line("WARNING", warning.clone());
    }
    out.push_str(&hottest(run));
    out
}

fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

fn cpu(run: &Run) -> String {
    format!(
        "{} µs/request on {} CPUs (load generator: {} µs/request)",
        figure(run.server.cpu_us_per_request, 2),
        figure(run.server.cpus_used, 2),
        figure(run.client.cpu_us_per_request, 2)
    )
}

fn memory(run: &Run) -> String {
    let bytes = |bytes: Option<u64>| bytes.map_or("-".to_owned(), |b| Bytes(b).to_string());
    format!(
        "{} after start, {} at its peak; first call {} ms",
        bytes(run.server.rss_initial_bytes),
        bytes(run.server.rss_peak_bytes),
        figure(run.server.first_call_us.map(|us| us / 1e3), 1)
    )
}

fn samples(profile: &ProfileFacts) -> String {
    format!(
        "{} at {} Hz by {}, {}, {} of stack each",
        profile.samples,
        profile.hz_requested,
        profile.event.as_deref().unwrap_or("-"),
        profile.privileges.as_deref().unwrap_or("-"),
        Bytes(profile.dump_bytes.unwrap_or(0).into())
    )
}

fn trust(profile: &ProfileFacts) -> String {
    let ratio = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |r| Ratio(r).to_string());
    format!(
        "coverage {}, truncated {}, unknown {}, lost {}, throttled {}, {} Hz achieved",
        figure(profile.coverage, 3),
        ratio(profile.truncated_ratio),
        ratio(profile.unknown_ratio),
        profile.lost,
        profile.throttled,
        figure(profile.hz_achieved, 0)
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

fn hottest(run: &Run) -> String {
    let mut out = String::new();
    if run.hottest.is_empty() {
        return out;
    }
    let _ = writeln!(out, "\n  {:>10}  {:>10}  hottest functions", "self", "total");
    let _ = writeln!(out, "  {:>10}  {:>10}", "µs/request", "µs/request");
    for frame in run.hottest.iter().take(HOTTEST) {
        let _ = writeln!(
            out,
            "  {:>10}  {:>10}  {}",
            figure(frame.self_us_per_request, 3),
            figure(frame.total_us_per_request, 3),
            shorten(&frame.name)
        );
    }
    out
}

/// Cuts the middle out of a long name: both its ends tell more.
pub(crate) fn shorten(name: &str) -> String {
    let count = name.chars().count();
    if count <= NAME_CHARS {
        return name.to_owned();
    }
    let half = NAME_CHARS / 2 - 1;
    let front: String = name.chars().take(half).collect();
    let back: String = name.chars().skip(count - half).collect();
    format!("{front}…{back}")
}
