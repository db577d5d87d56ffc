//! What a flamegraph says about itself, beside its frames.

use std::{borrow::Cow, collections::BTreeMap};

use super::palette::Palette;
use crate::{
    fold::Scatter,
    unit::{Ratio, Samples},
};

/// What a flamegraph says about itself, beside its frames.
///
/// Texts may contain anything: what XML has no place for is replaced.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Caption {
    /// Target and script.
    pub title: String,
    /// Headline figures such as `52,340 requests/s`; they are joined and wrapped.
    pub figures: Vec<String>,
    /// Figures of trust that are not clean; they stand on lines of their own.
    pub trust: Vec<String>,
    /// What makes the picture doubtful; each is drawn in a banner.
    pub warnings: Vec<String>,
    /// Microseconds of CPU time per request that one sample stands for: widths then are time per
    /// request. Without it they are samples.
    pub us_per_sample: Option<f64>,
    /// How far the shares of frames can be trusted; none where that cannot be told.
    pub spread: Option<Spread>,
    /// The run's id.
    pub id: Option<String>,
    /// JSON for programs, kept in the SVG's `<metadata>`; empty for none.
    pub metadata: String,
    /// Files that belong to the picture.
    pub links: Vec<Link>,
    /// What colour a frame gets.
    pub palette: Palette,
    /// What names stand for: full names, for those that are shortened.
    pub full_names: BTreeMap<String, Vec<String>>,
    /// Which frames the stacks have.
    pub frames: Frames,
}

/// How far the shares of frames can be trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct Spread {
    /// How all functions scatter together.
    pub scatter: Scatter,
    /// The design effect of functions with what they call, by the names of the picture; of those
    /// without one, it is that of all.
    pub by_name: BTreeMap<String, f64>,
}

impl Spread {
    /// The same for a picture that has a part of the samples only.
    pub fn of_part(self, samples: Samples) -> Self {
        Self { scatter: self.scatter.of_part(samples), ..self }
    }

    /// Half of the 95 % interval of a frame's share.
    pub(super) fn half(&self, name: &str, share: Ratio) -> Option<Ratio> {
        let [low, high] = self.scatter.interval(share, self.by_name.get(name).copied())?;
        Some(Ratio((high.0 - low.0) / 2.0))
    }
}

/// Which frames the stacks of a picture have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Frames {
    /// All, and each has a box of its own.
    Raw,
    /// Those that were given; a run of machinery has one box.
    #[default]
    Given,
    /// Those that a reader wants to see, by short names: others are part of their callers. A run
    /// of machinery has one box.
    Readable,
}

/// A file that belongs to the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What is shown.
    pub text: String,
    /// Where it leads, relative to the SVG.
    pub href: String,
}

impl Link {
    /// Where it leads, which is a file beside the picture and nothing else: a record of somebody
    /// else may name a scheme that runs code.
    pub(super) fn target(&self) -> Cow<'_, str> {
        let is_plain = !self.href.contains(':') && !self.href.starts_with(['/', '\\']);
        match is_plain {
            true => Cow::Borrowed(&self.href),
            false => Cow::Owned(format!("./{}", self.href.trim_start_matches(['/', '\\']))),
        }
    }
}

/// So many full names are told.
const FULL_NAMES_MAX: usize = 3;

/// The lines that tell what a name stands for; none where it is all there is to say.
pub(super) fn told(full_names: &BTreeMap<String, Vec<String>>, name: &str) -> Vec<String> {
    let names = full_names.get(name).map(Vec::as_slice).unwrap_or_default();
    let mut lines: Vec<String> = names.iter().take(FULL_NAMES_MAX).cloned().collect();
    if names.len() > lines.len() {
        lines.push(format!("and {} more", names.len() - lines.len()));
    }
    lines
}
