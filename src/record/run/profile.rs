//! The profile of a run: how it was taken, how far it is to be trusted, and what it shows.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

use super::Run;
use crate::{
    fold::{HotFrame, Parts, Quality, Scatter, unnamed},
    symbolize::Profile,
    unit::{Nanos, Ratio},
};

/// How a profile was taken, and how far it is to be trusted.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProfileFacts {
    /// What took the samples: `perf_event` and so on.
    pub backend: String,
    /// What it samples by: `cycles` or `cpu-clock`.
    pub event: Option<String>,
    /// What it was allowed to see: `kernel and user` or `user only`.
    pub privileges: Option<String>,
    /// What is therefore missing from the picture.
    pub missing: Vec<String>,
    /// What the sampling events were opened on: `every CPU`, `every thread`, or `a few threads at a
    /// time`.
    pub scope: Option<String>,
    /// What the instants of the samples were drawn from.
    pub seed: Option<u32>,
    /// Samples a second of CPU time, as asked for or found in the warm-up.
    pub hz_requested: u32,
    /// Samples a second of CPU time, as they came.
    pub hz_achieved: Option<f64>,
    /// Samples taken.
    pub samples: u64,
    /// Samples the kernel had no room for.
    pub lost: u64,
    /// Times the kernel slowed the sampling down.
    pub throttled: u64,
    /// Records of the kernel that could not be understood.
    pub bad_records: u64,
    /// Share of samples whose callers could not be followed to the root.
    pub truncated_ratio: Option<f64>,
    /// The same by what was in the way; none of backends that cannot tell.
    pub truncated: Option<TruncatedFacts>,
    /// Share of samples in code without a name.
    pub unknown_ratio: Option<f64>,
    /// Share of samples of which one or the other is true, each counted once.
    pub broken_ratio: Option<f64>,
    /// The files whose code has no names, the one that makes the most samples unknown first.
    pub unnamed: Vec<UnnamedFacts>,
    /// The files whose debug information could not be read: their inlined functions and lines are
    /// missing.
    pub unread: Vec<String>,
    /// What generates code in the target, such as `node` or `java`, where it is known.
    pub runtime: Option<String>,
    /// Sampled time over exact CPU time.
    pub coverage: Option<f64>,
    /// CPU time of a request that all samples together stand for, microseconds: all of it, or
    /// only the server's own code where the kernel could not be sampled.
    pub sampled_us_per_request: Option<f64>,
    /// How much more shares of functions scatter over parts of the window than those of independent
    /// samples would, as a ratio of variances: far above 1 where samples come in step with what is
    /// sampled, or the server does one thing now and another then.
    pub design_effect: Option<f64>,
    /// Over how many parts of the window: slices, or pieces of them where those are few.
    pub parts: Option<u32>,
    /// What sampling was expected to cost when its rate was chosen by that, as a share of the
    /// target's CPU time.
    pub expected_effect: Option<f64>,
    /// What the sampling did to the target.
    pub observer_effect: Option<ObserverEffect>,
    /// From the end of the load to the finished run.
    pub post_processing_ms: Option<f64>,
    /// Bytes of user stack that each sample took along.
    pub dump_bytes: Option<u32>,
    /// Whether the pictures show every frame with its full name, rather than short names and no
    /// wrappers.
    pub raw_stacks: bool,
    /// How often the unwinder knew the way already.
    pub unwinding: Option<UnwindFacts>,
}

impl ProfileFacts {
    /// How far shares of its samples can be trusted; none where that cannot be told.
    pub fn scatter(&self) -> Option<Scatter> {
        Some(Scatter::new(self.samples, self.parts? as usize, self.design_effect?))
    }

    /// How many of the samples a part of the profile has. Those of the kernel's events weigh what
    /// they count; of the others it is known of the whole.
    pub(in crate::record) fn counted(&self, part: &Profile) -> u64 {
        let weights: u64 = part.samples.iter().map(|sample| sample.weight.0).sum();
        if self.backend == "perf_event" { weights } else { self.samples }
    }

    /// The backend, as slices name it.
    fn slices_name(&self) -> String {
        self.backend.replace('_', "-")
    }
}

impl Run {
    /// The parts of the window in which a profile's samples were taken: of a request alone, or of
    /// the mix of all if none.
    pub fn parts(&self, profile: &ProfileFacts, request: Option<&str>) -> Parts {
        let name = profile.slices_name();
        let slices = self.slices.iter().filter(|slice| {
            slice.backend.as_ref() == Some(&name) && slice.request.as_deref() == request
        });
        Parts::of_slices(
            slices.map(|slice| (Nanos(slice.started_ns), Nanos((slice.duration_s * 1e9) as u64))),
        )
    }
}

/// The profile of a backend beside the run's own, which the run's `profile` is about.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OtherProfile {
    /// The backend, as users name it; its files begin with it.
    pub name: String,
    /// How it was taken, and how far it is to be trusted.
    #[serde(flatten)]
    pub profile: ProfileFacts,
    /// The functions with the most time of their own.
    pub hottest: Vec<HotFacts>,
    /// Its files by what they are, relative to the run's directory.
    pub files: BTreeMap<String, String>,
}

impl OtherProfile {
    /// The profile of the backend `name`, with the names of its files.
    pub fn new(name: &str, profile: ProfileFacts, hottest: Vec<HotFacts>) -> Self {
        let files = [("profile", "profile.json.gz"), ("folded", "folded"), ("svg", "svg")];
        let files = files.map(|(what, ending)| (what.to_owned(), format!("{name}.{ending}")));
        Self { name: name.to_owned(), profile, hottest, files: files.into() }
    }

    /// Its folded text, its picture and its profile, by name; none where the record lacks one of
    /// them, or has a name that leads out of the run's directory.
    pub(in crate::record) fn file_names(&self) -> Option<[&str; 3]> {
        let plain =
            |name: &&String| Path::new(name).file_name().is_some_and(|file| file == name.as_str());
        let file = |what: &str| self.files.get(what).filter(plain).map(String::as_str);
        Some([file("folded")?, file("svg")?, file("profile")?])
    }
}

/// What the sampling did to the target: slices with it over slices without.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObserverEffect {
    /// Throughput; below 1 where sampling costs throughput.
    pub throughput_ratio: Option<f64>,
    /// Its 95 % confidence interval.
    pub ci95: Option<[f64; 2]>,
    /// CPU time per request; above 1 where sampling costs time.
    pub cpu_ratio: Option<f64>,
    /// Its 95 % confidence interval.
    pub cpu_ci95: Option<[f64; 2]>,
}

/// What was in the way to the roots of stacks, each as a share of all samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TruncatedFacts {
    /// The stack went on beyond the part that was copied.
    pub copy: f64,
    /// It has more frames than are followed.
    pub depth: f64,
    /// It led to code that says nothing of its callers.
    pub no_rules: f64,
    /// What was found on it made no sense.
    pub lost: f64,
}

/// A file with code that has no name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnnamedFacts {
    /// Its base name.
    pub module: String,
    /// Share of the samples with such code of it.
    pub ratio: f64,
}

impl UnnamedFacts {
    /// The files of a profile, or of one process of it, that make the most samples unknown.
    pub fn of(profile: &Profile, process: Option<&str>) -> Vec<Self> {
        let all = Quality::of(profile, process).samples;
        let files = unnamed(profile, process).into_iter().take(UNNAMED_MAX);
        files.map(|(module, samples)| Self { module, ratio: samples.share_of(all).0 }).collect()
    }
}

/// Of more files than this, the last say nothing.
const UNNAMED_MAX: usize = 3;

/// Lookups of the unwinder's cache of rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UnwindFacts {
    /// Frames whose rule was known.
    pub cache_hits: u64,
    /// Frames whose rule had to be read from unwind tables.
    pub cache_misses: u64,
}

/// A function and what it costs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HotFacts {
    /// The function's name.
    pub name: String,
    /// CPU time in the function itself.
    pub self_us_per_request: Option<f64>,
    /// CPU time in the function and what it calls.
    pub total_us_per_request: Option<f64>,
    /// Share of all samples that were in the function itself.
    pub self_share: Option<f64>,
    /// Share of all samples that were in the function or what it calls.
    pub total_share: Option<f64>,
    /// The 95 % interval of `self_us_per_request`, from how samples scatter over the window.
    pub self_ci95: Option<[f64; 2]>,
    /// The same of `total_us_per_request`.
    pub total_ci95: Option<[f64; 2]>,
}

impl From<HotFrame> for HotFacts {
    fn from(frame: HotFrame) -> Self {
        let us = |share: Ratio| frame.us_per_request.map(|us| us * share.0);
        let ends = |ends: Option<[Ratio; 2]>| {
            let [low, high] = ends?;
            Some([us(low)?, us(high)?])
        };
        Self {
            self_us_per_request: us(frame.self_share),
            total_us_per_request: us(frame.total_share),
            self_ci95: ends(frame.self_ci95),
            total_ci95: ends(frame.total_ci95),
            name: frame.name,
            self_share: Some(frame.self_share.0),
            total_share: Some(frame.total_share.0),
        }
    }
}
