//! The requests of a script, each measured alone, and the mix of all.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{process::plain, profile::HotFacts};

/// A request of a script, in slices in which nothing else was sent. Its figures are of those
/// without sampling.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AloneFacts {
    /// Its name.
    pub name: String,
    /// Its weight in the script.
    pub weight: u32,
    /// Its share of the completed requests of the mix.
    pub share: Option<f64>,
    /// Its slices without sampling.
    pub slices: u32,
    /// Those that count.
    pub slices_valid: u32,
    /// Requests that were completed in those.
    pub requests: u64,
    /// Those over seconds.
    pub requests_per_second: Option<f64>,
    /// Those that were of other requests, and under way when a slice began.
    pub strays: u64,
    /// CPU time of the target over requests, microseconds; none where too few slices count.
    pub cpu_us_per_request: Option<f64>,
    /// Its 95 % confidence interval.
    pub cpu_ci95: Option<[f64; 2]>,
    /// Why there is no figure.
    pub invalid: Option<String>,
    /// Samples taken in its slices with sampling; none where nothing was sampled.
    pub samples: Option<u64>,
    /// Share of those whose callers could not be followed to the root.
    pub truncated_ratio: Option<f64>,
    /// Share of those in code without a name.
    pub unknown_ratio: Option<f64>,
    /// Their time over the exact CPU time of those slices.
    pub coverage: Option<f64>,
    /// CPU time of a request that they together stand for, microseconds.
    pub sampled_us_per_request: Option<f64>,
    /// The functions with the most time of their own.
    pub hottest: Vec<HotFacts>,
    /// Its files by what they are, relative to the run's directory.
    pub files: BTreeMap<String, String>,
}

impl AloneFacts {
    /// Gives each of a run's requests names for its files: its own, of characters that every
    /// system takes, and a number where another has that already.
    pub fn name_files(all: &mut [Self]) {
        let mut taken = BTreeSet::new();
        for facts in all {
            let plain: String = plain(&facts.name).chars().take(NAME_CHARS).collect();
            let numbered = (2_u32..).map(|number| format!("{plain}-{number}"));
            let names = std::iter::once(plain.clone()).chain(numbered);
            // Systems that do not tell cases apart must find two files as well.
            let free = |name: &String| !taken.contains(&name.to_ascii_lowercase());
            let name = names.into_iter().find(free).unwrap_or_default();
            taken.insert(name.to_ascii_lowercase());
            let files = ["folded", "svg"];
            let file = |what: &str| (what.to_owned(), format!("request-{name}.{what}"));
            facts.files = files.map(file).into();
        }
    }

    /// Its folded text and its picture, by name; none where nothing was sampled, or the record has
    /// a name that leads out of the run's directory.
    pub(in crate::record) fn file_names(&self) -> Option<[&str; 2]> {
        let plain =
            |name: &&String| Path::new(name).file_name().is_some_and(|file| file == name.as_str());
        let file = |what: &str| self.files.get(what).filter(plain).map(String::as_str);
        Some([file("folded")?, file("svg")?])
    }
}

/// Longer names of files are cut.
const NAME_CHARS: usize = 100;

/// The mix of all requests, beside what they cost alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MixFacts {
    /// CPU time of the target over requests, microseconds, as the server's.
    pub cpu_us_per_request: Option<f64>,
    /// Its 95 % confidence interval.
    pub cpu_ci95: Option<[f64; 2]>,
    /// Samples taken in its slices; none where nothing was sampled.
    pub samples: Option<u64>,
    /// What the requests cost alone, each with its share of the mix.
    pub sum_us_per_request: Option<f64>,
    /// What a request costs more in the mix than that.
    pub difference_us: Option<f64>,
    /// Its 95 % confidence interval.
    pub difference_ci95: Option<[f64; 2]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_plain_and_never_the_same() {
        let names = ["read", "a/b", "a_b", "A_B", "a_b-2", "../../etc", "\u{e9}", "\u{e8}"];
        let mut all =
            names.map(|name| AloneFacts { name: name.to_owned(), ..AloneFacts::default() });
        let long = AloneFacts { name: "x".repeat(400), ..AloneFacts::default() };
        AloneFacts::name_files(&mut all);
        let files: Vec<&str> =
            all.iter().map(|facts| facts.file_names().expect("they have some")[1]).collect();
        assert_eq!(
            files,
            [
                "request-read.svg",
                "request-a_b.svg",
                "request-a_b-2.svg",
                "request-A_B-3.svg",
                "request-a_b-2-2.svg",
                "request-.._.._etc.svg",
                "request-_.svg",
                "request-_-2.svg",
            ]
        );
        let mut both = [long.clone(), long];
        AloneFacts::name_files(&mut both);
        assert_ne!(both[0].files, both[1].files);
        assert!(both[1].files["svg"].len() < 120);
        both[0].files.insert("svg".to_owned(), "../x.svg".to_owned());
        assert_eq!(both[0].file_names(), None);
    }
}
