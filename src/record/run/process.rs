//! The processes of a target, each for itself.

use serde::{Deserialize, Serialize};

/// A process of the target with its children: what it used, and how well it was sampled.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProcessFacts {
    /// Its name in the manifest; for a process that ran already, the system's.
    pub name: String,
    /// Its CPU time over the target's completed requests, microseconds; none unless it is
    /// profiled. Those of all processes add up to the target's.
    pub cpu_us_per_request: Option<f64>,
    /// Its CPU time over time.
    pub cpus_used: Option<f64>,
    /// Resident memory once the target was ready.
    pub rss_initial_bytes: Option<u64>,
    /// The most resident memory it had.
    pub rss_peak_bytes: Option<u64>,
    /// Samples taken; none unless it is profiled.
    pub samples: Option<u64>,
    /// Share of its samples whose callers could not be followed to the root.
    pub truncated_ratio: Option<f64>,
    /// Share of its samples in code without a name.
    pub unknown_ratio: Option<f64>,
    /// Its sampled time over its exact CPU time.
    pub coverage: Option<f64>,
    /// CPU time of a request that its samples together stand for, microseconds: all of it, or
    /// only its own code where the kernel could not be sampled.
    pub sampled_us_per_request: Option<f64>,
}

impl ProcessFacts {
    /// The name of a file of this process: `cpu.svg` of the whole is `cpu-front.svg`.
    pub fn file(&self, whole: &str) -> String {
        let name = plain(&self.name);
        match whole.split_once('.') {
            Some((stem, kind)) => format!("{stem}-{name}.{kind}"),
            None => format!("{whole}-{name}"),
        }
    }
}

/// A name as a part of a file's: what is not plain is an underscore.
pub(super) fn plain(name: &str) -> String {
    let plain = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' => c,
        _ => '_',
    };
    name.chars().map(plain).collect()
}
