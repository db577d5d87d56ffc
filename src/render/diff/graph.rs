//! [`DiffGraph`]: everything that a differential flamegraph shows.

use super::super::{Link, Palette};
use crate::fold::{Costs, DeltaFunction, DeltaNode, DeltaTree};

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

/// How a function's own cost changed, over all its callers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FrameChange {
    /// The function's name in folded text.
    pub name: String,
    /// What it costs itself.
    pub own: Costs,
    /// What is known of that change.
    pub finding: Finding,
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
}

/// Everything that a differential flamegraph shows.
#[derive(Debug, Clone, PartialEq)]
pub struct DiffGraph {
    /// What is said beside the frames.
    pub caption: DiffCaption,
    /// The functions whose own cost changed most, the most first.
    pub changes: Vec<FrameChange>,
    tree: DeltaTree,
    /// One for each node of the tree: what is known of its inclusive change.
    findings: Vec<Finding>,
}

impl DiffGraph {
    /// A graph that knows of no change whether it is chance, and says so.
    pub fn new(tree: DeltaTree, caption: DiffCaption) -> Self {
        let findings = vec![Finding::default(); tree.nodes().len()];
        let mut graph = Self { caption, changes: Vec::new(), tree, findings };
        graph.mark_functions(|_| Finding::default());
        graph
    }

    /// Asks what is known of each frame's inclusive change; the first is the whole.
    pub fn mark(&mut self, mut find: impl FnMut(Place) -> Finding) {
        let mut findings = Vec::with_capacity(self.findings.len());
        self.tree.walk(|path, node| findings.push(find(Place { path, node })));
        self.findings = findings;
    }

    /// Asks what is known of the change of each function's own cost.
    pub fn mark_functions(&mut self, mut find: impl FnMut(&DeltaFunction) -> Finding) {
        self.changes = self
            .tree
            .functions()
            .into_iter()
            .map(|function| FrameChange {
                finding: find(&function),
                name: function.name,
                own: function.own,
            })
            .collect();
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
