//! [`DiffGraph`]: everything that a differential flamegraph shows.

use std::collections::BTreeMap;

use super::{
    super::{Frames, Link, Palette},
    table::{FunctionRow, MetricRow},
};
use crate::fold::{Costs, DeltaNode, DeltaTree};

/// What is known of a change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Mark {
    /// B costs more, for certain.
    Slower,
    /// B costs less, for certain.
    Faster,
    /// A change as small as this may be chance.
    NotSignificant,
    /// B has it and A has not, for certain.
    New,
    /// A has it and B has not, for certain.
    Gone,
    /// It changed, but what it is called by or calls makes up for that.
    Moved,
    /// Nobody has asked whether this is chance.
    #[default]
    Unknown,
}

impl Mark {
    /// What it says of a part of what it was said of.
    fn of_part(self, part: Costs) -> Self {
        match self {
            Self::New if part.change() > 0.0 && part.a > 0.0 => Self::Slower,
            Self::Gone if part.change() < 0.0 && part.b > 0.0 => Self::Faster,
            Self::Slower | Self::New if part.change() <= 0.0 => Self::NotSignificant,
            Self::Faster | Self::Gone if part.change() >= 0.0 => Self::NotSignificant,
            mark => mark,
        }
    }
}

/// What is known of a change, and how large it may be.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Finding {
    /// What is known.
    pub mark: Mark,
    /// The 95 % interval of the change, in microseconds per request.
    pub ci95: Option<[f64; 2]>,
}

/// A frame with its callers, as a caller of [`DiffGraph::mark`] is asked about it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The names from the outermost caller to the frame itself; none for the whole.
    pub path: &'a [&'a str],
    /// The frame.
    pub node: &'a DeltaNode,
}

/// What a differential flamegraph says about itself, beside its frames.
///
/// Texts may contain anything: what XML has no place for is replaced.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DiffCaption {
    /// What is compared.
    pub title: String,
    /// What A is, which B is compared with.
    pub a: String,
    /// What B is.
    pub b: String,
    /// What it all comes to, such as `slower by 2.1 % (1.6 to 2.6)`; empty for nothing.
    pub verdict: String,
    /// Further headline figures; they are joined and wrapped.
    pub figures: Vec<String>,
    /// Figures of trust that are not clean; they stand on lines of their own.
    pub trust: Vec<String>,
    /// What makes the comparison doubtful; each is drawn in a banner.
    pub warnings: Vec<String>,
    /// JSON for programs, kept in the SVG's `<metadata>`; empty for none.
    pub metadata: String,
    /// Files that belong to the comparison.
    pub links: Vec<Link>,
    /// Whose code a frame is: what runs of machinery are recognized by, and the colours of the
    /// two sides.
    pub palette: Palette,
    /// What names stand for: full names, for those that are shortened.
    pub full_names: BTreeMap<String, Vec<String>>,
    /// Which frames the stacks have.
    pub frames: Frames,
    /// Why there are no frames, where there are none.
    pub without_frames: Option<String>,
    /// Whether what differs from one process to the next is only guessed, for want of replicates:
    /// then nothing is called certain.
    pub guessed: bool,
}

/// Everything that a differential flamegraph shows.
#[derive(Debug, Clone, PartialEq)]
pub struct DiffGraph {
    /// What is said beside the frames.
    pub caption: DiffCaption,
    /// What became of each metric, the one that the verdict is about first.
    pub metrics: Vec<MetricRow>,
    /// How the time in each function itself changed, and the whole as the last line; for the page
    /// alone.
    pub functions: Vec<FunctionRow>,
    /// The functions from which changes come that are in what they call; for the page alone.
    pub causes: Vec<FunctionRow>,
    /// What these functions are, and how far they are to be believed, as sentences.
    pub notes: Vec<String>,
    tree: DeltaTree,
    /// One for each node of the tree: what is known of its inclusive change.
    findings: Vec<Finding>,
}

impl DiffGraph {
    /// A graph that knows of no change whether it is chance, and says so.
    pub fn new(tree: DeltaTree, caption: DiffCaption) -> Self {
        let findings = vec![Finding::default(); tree.nodes().len()];
        Self {
            caption,
            metrics: Vec::new(),
            functions: Vec::new(),
            causes: Vec::new(),
            notes: Vec::new(),
            tree,
            findings,
        }
    }

    /// Asks what is known of each frame's inclusive change; the first is the whole.
    pub fn mark(&mut self, mut find: impl FnMut(Place) -> Finding) {
        let mut findings = Vec::with_capacity(self.findings.len());
        self.tree.walk(|path, node| findings.push(find(Place { path, node })));
        self.findings = findings;
    }

    /// Marks each frame by what is known of its function, over all its callers; `whole` is what is
    /// known of the whole. `find` says what the function costs on both sides with all that it
    /// calls, and what is known of the change of that; none of what is no function.
    ///
    /// A function has its interval where a frame is all of it. Where it has several, each has its
    /// mark if it changed in the same direction, and none otherwise.
    pub fn mark_by_function(
        &mut self,
        whole: Finding,
        mut find: impl FnMut(Place) -> Option<(Costs, Finding)>,
    ) {
        self.mark(|place| {
            let total = place.node.total;
            match find(place) {
                _ if place.node.parent.is_none() => whole,
                Some((function, finding)) if function.is_near(total) => finding,
                Some((_, finding)) => Finding { mark: finding.mark.of_part(total), ci95: None },
                None => Finding { mark: Mark::NotSignificant, ci95: None },
            }
        });
    }

    /// The frames.
    pub fn tree(&self) -> &DeltaTree {
        &self.tree
    }

    /// What is known of the change of each frame, in the order of the tree's nodes.
    pub(super) fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Whether nothing is known of any frame's change.
    pub(super) fn is_unmarked(&self) -> bool {
        self.findings.iter().all(|finding| finding.mark == Mark::Unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_functions_mark_goes_to_its_frames() {
        let stacks = [
            ("app;f;g", Costs { a: 1.0, b: 4.0 }),
            ("app;h;g", Costs { a: 2.0, b: 1.0 }),
            ("app;h", Costs { a: 2.0, b: 2.0 }),
        ];
        let mut graph = DiffGraph::new(DeltaTree::from_costs(stacks), DiffCaption::default());
        assert!(graph.is_unmarked());
        let slower = |low| Finding { mark: Mark::Slower, ci95: Some([low, 9.0]) };
        let whole = slower(0.5);
        let all = |a, b| Costs { a, b };
        graph.mark_by_function(whole, |place| match place.node.name.as_str() {
            "g" => Some((all(3.0, 5.0), slower(1.0))),
            "f" => Some((all(1.0, 4.0), slower(2.0))),
            _ => None,
        });
        let unsure = Finding { mark: Mark::NotSignificant, ci95: None };
        let part = Finding { mark: Mark::Slower, ci95: None };
        assert_eq!(graph.findings(), [whole, unsure, slower(2.0), part, unsure, unsure]);
    }
}
