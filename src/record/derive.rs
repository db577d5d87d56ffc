//! [`derive()`]: the files that a record and a profile determine.

use serde_json::json;

use super::{
    run::{LoadFacts, Run, Status},
    store,
};
use crate::{
    fold::Folded,
    render::{Caption, Link, Palette, RenderError, flamegraph, grouped, micros},
    symbolize::{FrameKind, Profile},
};

/// The derived files of a run: `cpu.folded` and `cpu.svg` first, then whatever else its record
/// and its profile determine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Derived {
    /// The files, each with a name of its own.
    pub files: Vec<DerivedFile>,
}

/// A file that a record and a profile determine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DerivedFile {
    /// Its name in the run's directory.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Derives folded text and flamegraph. Writing a run and rendering it again both come here, so
/// the bytes are the same.
///
/// # Errors
/// When the flamegraph cannot be drawn.
pub fn derive(run: &Run, profile: &Profile) -> Result<Derived, RenderError> {
    let folded = Folded::from_profile(profile);
    let mut svg = Vec::new();
    flamegraph(&folded, &caption(run, profile, &folded), &mut svg)?;
    let file = |name: &str, bytes| DerivedFile { name: name.to_owned(), bytes };
    let folded = folded.to_string().into_bytes();
    Ok(Derived { files: vec![file(store::FOLDED, folded), file(store::SVG, svg)] })
}

fn caption(run: &Run, profile: &Profile, folded: &Folded) -> Caption {
    let total = folded.total().0;
    let sampled = run.profile.as_ref().and_then(|profile| profile.sampled_us_per_request);
    let us_per_sample = sampled
        .or(run.server.cpu_us_per_request)
        .filter(|us| us.is_finite() && total > 0)
        .map(|us| us / total as f64);
    let link = |file: &str| Link { text: file.to_owned(), href: file.to_owned() };
    Caption {
        title: format!("{} · {}", run.target.name, run.load.script),
        figures: figures(run, total),
        trust: run.profile.as_ref().map(|profile| profile.doubts()).unwrap_or_default(),
        warnings: warnings(run),
        us_per_sample,
        id: Some(run.id.to_string()),
        metadata: metadata(run, total, us_per_sample),
        links: [store::RUN, store::FOLDED, store::PROFILE].map(link).into(),
        palette: palette(profile),
    }
}

fn figures(run: &Run, samples: u64) -> Vec<String> {
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
    if let Some(us) = run.server.cpu_us_per_request {
        figures.push(format!("{} µs CPU/request", micros(us)));
    }
    let hz = run.profile.as_ref().map(|profile| profile.hz_requested).filter(|hz| *hz > 0);
    figures.push(match hz {
        Some(hz) => format!("{} samples at {hz} Hz", grouped(samples)),
        None => format!("{} samples", grouped(samples)),
    });
    figures
}

/// Whether the throughput is the load generator's.
fn is_of_the_load(run: &Run) -> bool {
    run.bottleneck.as_ref().is_some_and(|found| found.verdict == "client-bound")
}

/// The record's own warnings, and what it says otherwise that a reader of the picture must know.
fn warnings(run: &Run) -> Vec<String> {
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
    warnings.extend(run.profile.as_ref().map(|profile| profile.warnings()).unwrap_or_default());
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
fn metadata(run: &Run, samples: u64, us_per_sample: Option<f64>) -> String {
    let profile = run.profile.as_ref();
    json!({
        "schema": run.schema,
        "id": run.id,
        "started_at": run.started_at,
        "status": run.status,
        "target": run.target.name,
        "script": run.load.script,
        "valid": run.load.valid,
        "requests_per_second": run.load.requests_per_second,
        "p99_us": run.load.latency_us.p99,
        "cpu_us_per_request": run.server.cpu_us_per_request,
        "samples": samples,
        "us_per_sample": us_per_sample,
        "hz": profile.map(|profile| profile.hz_requested),
        "hz_achieved": profile.and_then(|profile| profile.hz_achieved),
        "lost": profile.map(|profile| profile.lost),
        "throttled": profile.map(|profile| profile.throttled),
        "truncated_ratio": profile.and_then(|profile| profile.truncated_ratio),
        "unknown_ratio": profile.and_then(|profile| profile.unknown_ratio),
        "coverage": profile.and_then(|profile| profile.coverage),
    })
    .to_string()
}

/// The target's own code is in crates named as its executables; libraries are not executables.
fn palette(profile: &Profile) -> Palette {
    let own = profile
        .frames
        .iter()
        .filter(|frame| matches!(frame.kind, FrameKind::User | FrameKind::Inlined))
        .filter_map(|frame| frame.module.as_deref())
        .filter(|module| !module.contains(".so") && !module.starts_with('['))
        .map(|module| module.replace('-', "_"))
        .chain(["main".to_owned()])
        .collect();
    Palette { own, roots: Folded::root_names(profile) }
}
