//! Graphs that these tests draw, and how they are written to files.

use std::path::Path;

use flameload::{
    fold::{Costs, DeltaTree},
    render::{
        Palette,
        diff::{DiffCaption, DiffGraph, Finding, Mark, page, svg},
    },
};

/// A server that serializes twice as long, logs no more, and clones.
pub(super) fn small() -> DiffGraph {
    let stacks = [
        ("app;worker;app::handle;app::clone", 0.0, 3.0),
        ("app;worker;app::handle;app::log", 2.0, 0.0),
        ("app;worker;app::handle;to_vec;serde::text", 4.0, 8.0),
        ("app;worker;read_[k]", 6.0, 6.1),
    ];
    let tree = DeltaTree::from_costs(stacks.map(|(stack, a, b)| (stack, Costs { a, b })));
    let palette = Palette {
        own: ["app".to_owned()].into(),
        roots: ["app".to_owned(), "worker".to_owned()].into(),
        ..Palette::default()
    };
    let caption = DiffCaption {
        title: "app · users".to_owned(),
        a: "app@v1".to_owned(),
        b: "app@v2".to_owned(),
        palette,
        full_names: [("to_vec".to_owned(), vec!["serde::ser::to_vec".to_owned()])].into(),
        ..DiffCaption::default()
    };
    let mut graph = DiffGraph::new(tree, caption);
    graph.mark(|place| {
        let change = place.node.total.change();
        let mark = match place.node.name.as_str() {
            "read_[k]" => Mark::NotSignificant,
            "app::clone" => Mark::New,
            "app::log" => Mark::Gone,
            _ => Mark::Slower,
        };
        Finding { mark, ci95: Some([change - 0.5, change + 0.5]) }
    });
    graph
}

/// Writes the picture and the page, and returns what is in them.
pub(super) fn write(graph: &DiffGraph, folder: &Path) -> [String; 2] {
    let mut files = [Vec::new(), Vec::new()];
    svg(graph, &mut files[0]).expect("memory takes everything");
    page(graph, &mut files[1]).expect("memory takes everything");
    for (name, bytes) in ["diff.svg", "diff.html"].into_iter().zip(&files) {
        std::fs::write(folder.join(name), bytes).expect("the system has room for a file");
    }
    files.map(|bytes| String::from_utf8(bytes).expect("it is text"))
}
