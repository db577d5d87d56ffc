//! [`difference()`]: a comparison as a differential flamegraph, with what is said beside it.

mod marks;
mod rows;
mod stacks;

use serde_json::json;

use self::stacks::Stacks;
pub(super) use self::stacks::folded;
use crate::{
    compare::{Comparison, Design, Frames, Pair, SideFacts},
    fold::DeltaTree,
    render::{
        self, Link,
        diff::{DiffCaption, DiffGraph},
    },
};

/// What is known of two sides as a graph: widths by the costs of stacks, colours by what the
/// comparison says of each function. Without comparable functions it has no frames, and says why.
pub fn difference(pair: &Pair, comparison: &Comparison) -> DiffGraph {
    let paths = comparison.frames.as_ref().zip(pair.paths());
    let Some((frames, paths)) = paths else {
        let why = comparison.without_frames.clone();
        let caption = DiffCaption { without_frames: why, ..caption(comparison) };
        let mut graph = DiffGraph::new(DeltaTree::from_costs([]), caption);
        graph.metrics = rows::metrics(comparison);
        return graph;
    };
    let stacks = Stacks::of(&paths);
    let caption = DiffCaption {
        palette: stacks.palette(&paths),
        full_names: stacks.full_names(),
        frames: render::Frames::Readable,
        links: FRAME_FILES.into_iter().chain(FILES).map(link).collect(),
        guessed: !frames.replicated,
        trust: trust(frames),
        ..caption(comparison)
    };
    let tree = stacks.tree();
    let whole = marks::whole(comparison, tree.total().a);
    let mut graph = DiffGraph::new(tree, caption);
    graph.mark_by_function(whole, |place| {
        let changes = stacks.places(place.path).iter().filter_map(|at| frames.functions.get(*at));
        marks::total(frames, changes)
    });
    graph.metrics = rows::metrics(comparison);
    graph.functions = rows::functions(frames, &stacks);
    graph.causes = rows::causes(frames, &stacks);
    graph.notes = frames.notes();
    graph
}

/// The files beside the page, with and without frames.
const FRAME_FILES: [&str; 3] = ["diff.svg", "a.folded", "b.folded"];
const FILES: [&str; 3] = ["index.html", "comparison.md", "comparison.json"];

fn link(file: &str) -> Link {
    Link { text: file.to_owned(), href: file.to_owned() }
}

/// What is said whether there are frames or not.
fn caption(comparison: &Comparison) -> DiffCaption {
    let side = |side: &SideFacts| match side.detail.as_str() {
        "" => side.name.clone(),
        detail => format!("{} ({})", side.name, shortened(detail)),
    };
    let (a, b) = (&comparison.a, &comparison.b);
    let unlike = comparison
        .unlike
        .iter()
        .map(|unlike| format!("unlike {}: A {}, B {}", unlike.what, unlike.a, unlike.b));
    DiffCaption {
        title: format!("{} → {}", brief(&a.name), brief(&b.name)),
        a: side(a),
        b: side(b),
        verdict: comparison.headline.clone(),
        figures: figures(comparison),
        warnings: unlike.chain(comparison.caveats.iter().cloned()).collect(),
        metadata: json!({
            "schema": comparison.schema,
            "a": a,
            "b": b,
            "design": comparison.design,
            "verdict": comparison.verdict,
            "headline": comparison.headline,
            "metrics": comparison.metrics,
        })
        .to_string(),
        links: FILES.into_iter().map(link).collect(),
        ..DiffCaption::default()
    }
}

/// As much of a detail, such as a commit's subject, as a heading has room for.
fn shortened(detail: &str) -> String {
    match detail.char_indices().nth(DETAIL_MAX) {
        None => detail.to_owned(),
        Some((end, _)) => format!("{}…", detail[..end].trim_end()),
    }
}

/// More characters of a detail than this do not fit beside a name.
const DETAIL_MAX: usize = 48;

/// The first of several runs of a side, and how many more there are.
fn brief(name: &str) -> String {
    let mut names = name.split(", ");
    let first = names.next().unwrap_or_default();
    match names.count() {
        0 => first.to_owned(),
        more => format!("{first} and {more} more"),
    }
}

/// How it was measured.
fn figures(comparison: &Comparison) -> Vec<String> {
    let [a, b] = [comparison.a.rounds, comparison.b.rounds];
    let processes = match (a, b) {
        (1, 1) => "1 process each".to_owned(),
        (a, b) if a == b => format!("{a} processes each"),
        (a, b) => format!("{a} and {b} processes"),
    };
    let how = match comparison.design {
        Design::Interleaved => "in slices that alternate",
        Design::Turns => "in turns",
        Design::Separate => "at different times",
    };
    vec![format!("{processes}, {how}")]
}

/// How far the colours are to be believed.
fn trust(frames: &Frames) -> Vec<String> {
    let shift = frames.shift.map(|shift| {
        let percent = shift.relative * 100.0;
        format!("all functions have {percent:+.1} % in common: colours are what goes beyond that")
    });
    let guessed = (!frames.replicated).then(|| {
        "no replicates: what differs from one process to the next is only guessed".to_owned()
    });
    shift.into_iter().chain(guessed).collect()
}

#[cfg(test)]
mod tests;
