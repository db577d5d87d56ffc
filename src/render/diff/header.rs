//! What stands above and below the frames of a difference.

use std::io;

use quick_xml::Writer;

use super::{
    super::{
        Frames, header,
        text::{micros, wrap},
    },
    graph::DiffGraph,
    layout::SHARE_MIN,
    legend, words,
};

/// Baseline of the title, and of the first line below it.
const TITLE_Y: usize = 26;
const LINE: usize = 19;
const BANNER: usize = 26;
/// Characters that fit the width that a picture has before it adapts to its window.
const COLUMNS: usize = 150;

/// The lines above the frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    /// What both sides are and cost.
    pub(super) sides: Vec<String>,
    pub(super) verdict: Vec<String>,
    pub(super) figures: Vec<String>,
    pub(super) trust: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl Header {
    pub(super) fn of(graph: &DiffGraph) -> Self {
        let caption = &graph.caption;
        let costs = graph.tree().total();
        let whole = graph.findings().first().copied().unwrap_or_default();
        let sides = match costs.max() > 0.0 {
            true => vec![
                format!("A {}: {} µs/request", caption.a, micros(costs.a)),
                format!("B {}: {} µs/request", caption.b, micros(costs.b)),
                format!("change {}", words::change(costs, whole)),
            ],
            false => vec![format!("A {}", caption.a), format!("B {}", caption.b)],
        };
        let words = |text: &String| text.split_whitespace().map(String::from).collect::<Vec<_>>();
        let in_words = |text: &String| wrap(&words(text), " ", COLUMNS);
        Self {
            sides: wrap(&sides, "   ·   ", COLUMNS),
            verdict: in_words(&caption.verdict),
            figures: wrap(&caption.figures, "  ·  ", COLUMNS),
            trust: trust(graph),
            warnings: caption.warnings.iter().flat_map(in_words).collect(),
        }
    }

    /// The same with what became of the metrics that the verdict is not about, for a picture that
    /// has no table of them.
    pub(super) fn with_metrics(graph: &DiffGraph) -> Self {
        let others = graph.metrics.iter().skip(1);
        let others = others.map(|row| format!("{} {}", row.name, row.change));
        let figures: Vec<String> = graph.caption.figures.iter().cloned().chain(others).collect();
        Self { figures: wrap(&figures, "  ·  ", COLUMNS), ..Self::of(graph) }
    }

    /// From the title down to the legend, which is part of it.
    pub(super) fn height(&self) -> usize {
        let lines = self.sides.len() + self.verdict.len() + self.figures.len() + self.trust.len();
        TITLE_Y + lines * LINE + self.warnings.len() * BANNER + 16 + legend::HEIGHT
    }

    pub(super) fn write(&self, svg: &mut Writer<Vec<u8>>, graph: &DiffGraph) -> io::Result<()> {
        let mut y = TITLE_Y;
        for (class, lines) in [
            ("fl fl-figures", &self.sides),
            ("fl fl-figures fd-verdict", &self.verdict),
            ("fl fl-figures", &self.figures),
            ("fl fl-trust", &self.trust),
        ] {
            for line in lines {
                y += LINE;
                header::text(svg, class, "50%", y, line)?;
            }
        }
        y += 8;
        for warning in &self.warnings {
            header::banner(svg, y, warning)?;
            y += BANNER;
        }
        legend::write(svg, 10, y + 8, graph)
    }
}

/// Figures that are not clean, and that nobody has asked whether a change is chance.
fn trust(graph: &DiffGraph) -> Vec<String> {
    let mut lines = wrap(&graph.caption.trust, "  ·  ", COLUMNS);
    if graph.is_unmarked() {
        lines.push(UNMARKED.to_owned());
    }
    lines
}

/// What is said where there are no statistics.
const UNMARKED: &str =
    "no statistics: the colours say how large a change is, and not whether it is chance";

/// What the widths of a difference mean; `width` says which are meant.
pub(super) fn note(width: &str, graph: &DiffGraph) -> String {
    let frames = match graph.caption.frames {
        Frames::Raw => "every frame has its box",
        Frames::Given => "⋯ is machinery with a single caller",
        Frames::Readable => "wrappers are folded, ⋯ is machinery with a single caller",
    };
    format!(
        "{width}: the mean of what A and B cost, {} µs/request in all; a frame of one side alone is \
         half as wide as it is there. Callers above callees; {frames}; below {} % not drawn.",
        micros(graph.tree().total().mean()),
        SHARE_MIN * 100.0,
    )
}

/// What the widths mean, and where the rest is: two lines, the last at `y`.
pub(super) fn footer(
    svg: &mut Writer<Vec<u8>>,
    y: usize,
    graph: &DiffGraph,
    note: &str,
) -> io::Result<()> {
    header::text(svg, "fl fl-note", "10", y - LINE, note)?;
    header::links(svg, y, None, &graph.caption.links)
}
