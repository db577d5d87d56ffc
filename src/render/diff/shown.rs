//! [`Shown`]: the frames as they are drawn, one for each run of machinery.
//!
//! The same rule as in the plain flamegraph (see `trunk`): frames of runtime, standard library or
//! native code with one caller, one callee and no time of their own become one box. Here they
//! must have none on either side, and be known to be alike.

use super::{
    super::{
        Frames,
        palette::Class,
        trunk::{self, RUN_MIN, SHARE_MIN},
    },
    graph::{DiffGraph, Finding},
};
use crate::fold::{Costs, DeltaNode, clean};

/// A frame as it is drawn, or one for a run of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shown {
    pub(super) label: String,
    /// The name in folded text, which colours go by.
    pub(super) name: String,
    pub(super) class: Class,
    pub(super) depth: usize,
    /// Its place among the others; each stands before what it calls.
    pub(super) parent: Option<usize>,
    pub(super) own: Costs,
    pub(super) total: Costs,
    pub(super) finding: Finding,
}

/// The frames of the graph as they are drawn, each directly before all that it calls.
pub(super) fn shown(graph: &DiffGraph) -> Vec<Shown> {
    let nodes = graph.tree().nodes();
    let run_ends = Runs { graph, nodes, children: children(nodes) };
    let mut shown: Vec<Shown> = Vec::with_capacity(nodes.len());
    // The place of each node among those that are shown; in a run, that of its box.
    let mut places = Vec::with_capacity(nodes.len());
    let mut at = 0;
    while let Some(node) = nodes.get(at) {
        let run = run_ends.run(at);
        let parent = node.parent.and_then(|parent| places.get(parent)).copied();
        let depth = parent
            .and_then(|parent| shown.get(parent))
            .map_or(0, |caller: &Shown| caller.depth + 1);
        let is_run = run >= RUN_MIN;
        let (label, class) = match is_run {
            true => {
                let run = nodes[at..at + run].iter().map(|node| node.name.as_str());
                (trunk::name(&graph.caption.palette, run), Class::Root)
            }
            false if node.parent.is_none() => (node.name.clone(), Class::Root),
            false => (clean(&node.name).to_owned(), graph.caption.palette.class(&node.name)),
        };
        let taken = if is_run { run } else { 1 };
        places.extend(std::iter::repeat_n(shown.len(), taken));
        shown.push(Shown {
            label,
            name: node.name.clone(),
            class,
            depth,
            parent,
            own: node.own,
            total: node.total,
            finding: graph.findings().get(at).copied().unwrap_or_default(),
        });
        at += taken;
    }
    shown
}

/// How many frames call each other frame's callees.
fn children(nodes: &[DeltaNode]) -> Vec<usize> {
    let mut children = vec![0; nodes.len()];
    for parent in nodes.iter().filter_map(|node| node.parent) {
        children[parent] += 1;
    }
    children
}

struct Runs<'a> {
    graph: &'a DiffGraph,
    nodes: &'a [DeltaNode],
    children: Vec<usize>,
}

impl Runs<'_> {
    /// How many frames from this one on are one run: a chain of machinery, whose ends are no part
    /// of it, as they show where it comes from and what it leads to.
    fn run(&self, at: usize) -> usize {
        let whole = self.graph.tree().total();
        let is_wide = self.nodes[at].total.max() >= SHARE_MIN * whole.max();
        let has_caller = at.checked_sub(1).is_some_and(|caller| self.is_passed(caller));
        if self.graph.caption.frames == Frames::Raw || !is_wide || !has_caller {
            return 0;
        }
        let alike = |place: &usize| {
            self.is_passed(*place)
                && trunk::is_machinery(&self.graph.caption.palette, &self.nodes[*place].name)
                && self.graph.findings().get(*place) == self.graph.findings().get(at)
        };
        (at..self.nodes.len()).take_while(alike).count()
    }

    /// Whether a frame has one callee, directly behind it, which has all of its cost.
    fn is_passed(&self, at: usize) -> bool {
        let own = self.nodes[at].own;
        self.children[at] == 1 && own == Costs::default()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::{
        super::graph::{DiffCaption, Mark},
        *,
    };
    use crate::{fold::DeltaTree, render::Palette};

    fn graph(a: &str, b: &str) -> DiffGraph {
        let parse = |text: &str| text.parse().expect("folded stacks");
        let tree = DeltaTree::merge((&parse(a), 1.0), (&parse(b), 1.0));
        let palette = Palette {
            own: ["shop".to_owned()].into(),
            roots: ["shop".to_owned(), "worker".to_owned()].into(),
            ..Palette::default()
        };
        DiffGraph::new(tree, DiffCaption { palette, ..DiffCaption::default() })
    }

    fn check(graph: &DiffGraph, expected: Expect) {
        let frames = shown(graph);
        let lines: String = frames
            .iter()
            .map(|frame| {
                let caller = frame.parent.map_or("-", |parent| &frames[parent].label);
                let indent = "  ".repeat(frame.depth);
                let Costs { a, b } = frame.total;
                format!("{indent}{} {a} {b} < {caller}\n", frame.label)
            })
            .collect();
        expected.assert_eq(&lines);
    }

    const DEEP: &str = "shop;worker;std::a;std::b;tokio::c;std::d;tokio::e;shop::serve";

    #[test]
    fn a_run_of_machinery_becomes_one_box() {
        check(
            &graph(&format!("{DEEP};x::y 5\n"), &format!("{DEEP};x::z 6\n")),
            expect![[r#"
                all 5 6 < -
                  shop 5 6 < all
                    worker 5 6 < shop
                      ⋯ 5 frames of std, tokio 5 6 < worker
                        shop::serve 5 6 < ⋯ 5 frames of std, tokio
                          x::y 5 0 < shop::serve
                          x::z 0 6 < shop::serve
            "#]],
        );
    }

    #[test]
    fn what_one_side_branches_at_stays() {
        check(
            &graph(&format!("{DEEP} 5\n"), &format!("{DEEP} 6\nshop;worker;std::a;std::b;f 1\n")),
            expect![[r#"
                all 5 7 < -
                  shop 5 7 < all
                    worker 5 7 < shop
                      std::a 5 7 < worker
                        std::b 5 7 < std::a
                          f 0 1 < std::b
                          tokio::c 5 6 < std::b
                            std::d 5 6 < tokio::c
                              tokio::e 5 6 < std::d
                                shop::serve 5 6 < tokio::e
            "#]],
        );
    }

    #[test]
    fn what_is_known_differently_stays() {
        let mut graph = graph(&format!("{DEEP} 5\n"), &format!("{DEEP} 6\n"));
        graph.mark(|place| match place.node.name.as_str() {
            "tokio::c" => Finding { mark: Mark::Slower, ci95: None },
            _ => Finding::default(),
        });
        assert!(shown(&graph).iter().any(|frame| frame.label == "tokio::c"));
    }

    #[test]
    fn raw_stacks_keep_every_frame() {
        let mut graph = graph(&format!("{DEEP} 5\n"), "");
        assert_eq!(shown(&graph).len(), 5);
        graph.caption.frames = Frames::Raw;
        assert_eq!(shown(&graph).len(), graph.tree().nodes().len());
    }

    #[test]
    fn recursion_of_great_depth_is_shown() {
        let deep = vec!["shop::deep"; 2_000].join(";");
        assert_eq!(shown(&graph(&format!("{deep} 1\n"), "")).len(), 2_001);
    }
}
