//! [`derive()`]: the files that a record and a profile determine.

use serde_json::json;

use super::{
    run::{LoadFacts, OtherProfile, ProfileFacts, Run, Status},
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
    let default = ProfileFacts::default();
    let picture = Picture {
        facts: run.profile.as_ref().unwrap_or(&default),
        title: title(run),
        names: [store::FOLDED, store::SVG, store::PROFILE],
        others: run.other_profiles.iter().filter_map(|other| other.files.get("svg")).collect(),
    };
    picture.draw(run, profile)
}

/// The same for the profile of another backend, in files of these names: folded text, picture and
/// profile.
///
/// # Errors
/// When the flamegraph cannot be drawn.
pub(super) fn derive_other(
    run: &Run,
    other: &OtherProfile,
    names: [&str; 3],
    profile: &Profile,
) -> Result<Derived, RenderError> {
    let picture = Picture {
        facts: &other.profile,
        title: format!("{} · {}", title(run), other.name),
        names,
        others: Vec::new(),
    };
    picture.draw(run, profile)
}

fn title(run: &Run) -> String {
    format!("{} · {}", run.target.name, run.load.script)
}

/// One flamegraph with its folded text.
struct Picture<'a> {
    facts: &'a ProfileFacts,
    title: String,
    /// The names of the folded text, of the picture itself and of the profile.
    names: [&'a str; 3],
    /// The pictures of other backends.
    others: Vec<&'a String>,
}

impl Picture<'_> {
    fn draw(&self, run: &Run, profile: &Profile) -> Result<Derived, RenderError> {
        let folded = Folded::from_profile(profile);
        let mut svg = Vec::new();
        flamegraph(&folded, &self.caption(run, profile, &folded), &mut svg)?;
        let file = |name: &str, bytes| DerivedFile { name: name.to_owned(), bytes };
        let [folded_name, svg_name, _] = self.names;
        let folded = folded.to_string().into_bytes();
        Ok(Derived { files: vec![file(folded_name, folded), file(svg_name, svg)] })
    }

    fn caption(&self, run: &Run, profile: &Profile, folded: &Folded) -> Caption {
        let total = folded.total().0;
        let us_per_sample = self
            .facts
            .sampled_us_per_request
            .or(run.server.cpu_us_per_request)
            .filter(|us| us.is_finite() && total > 0)
            .map(|us| us / total as f64);
        let link = |file: &str| Link { text: file.to_owned(), href: file.to_owned() };
        let [folded_name, _, profile_name] = self.names;
        let others = self.others.iter().map(|other| other.as_str());
        let links = [store::RUN, folded_name, profile_name].into_iter().chain(others);
        Caption {
            title: self.title.clone(),
            figures: figures(run, self.facts, total),
            trust: self.facts.doubts(),
            warnings: warnings(run, self.facts),
            us_per_sample,
            id: Some(run.id.to_string()),
            metadata: metadata(run, self.facts, total, us_per_sample),
            links: links.map(link).collect(),
            palette: palette(profile),
        }
    }
}

fn figures(run: &Run, facts: &ProfileFacts, samples: u64) -> Vec<String> {
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
    figures.push(match facts.hz_requested {
        0 => format!("{} samples", grouped(samples)),
        hz => format!("{} samples at {hz} Hz", grouped(samples)),
    });
    figures
}

/// Whether the throughput is the load generator's.
fn is_of_the_load(run: &Run) -> bool {
    run.bottleneck.as_ref().is_some_and(|found| found.verdict == "client-bound")
}

/// The record's own warnings, and what it says otherwise that a reader of the picture must know.
fn warnings(run: &Run, facts: &ProfileFacts) -> Vec<String> {
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
    warnings.extend(facts.warnings());
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
fn metadata(run: &Run, facts: &ProfileFacts, samples: u64, us_per_sample: Option<f64>) -> String {
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
        "hz": facts.hz_requested,
        "hz_achieved": facts.hz_achieved,
        "lost": facts.lost,
        "throttled": facts.throttled,
        "truncated_ratio": facts.truncated_ratio,
        "unknown_ratio": facts.unknown_ratio,
        "coverage": facts.coverage,
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
