//! What colour a frame has: the hue says which side costs more, the depth by how much in
//! proportion, and grey that it may be chance.
//!
//! A frame's width times the depth of its colour so is how much it changed, and colours grow
//! stronger on the way down to what did it. Blue and orange are told apart by colour-blind eyes.

use std::io;

use quick_xml::Writer;

use super::{
    super::header,
    graph::{DiffGraph, Mark},
};
use crate::fold::Costs;

/// From which ratio of both costs on a colour is one step deeper.
const STEPS: [f64; 4] = [1.03, 1.1, 1.3, 2.0];
/// The colours from B's costing half to its costing twice as much, each with what it begins at.
/// Percent is said once on either side, where there is room for it.
const SCALE: [(&str, &str); 10] = [
    ("f5", ""),
    ("f4", "÷2"),
    ("f3", "-23"),
    ("f2", "-9"),
    ("f1", "-3 %"),
    ("s1", ""),
    ("s2", "+3 %"),
    ("s3", "+10"),
    ("s4", "+30"),
    ("s5", "×2"),
];
/// The size of a colour's box in the legend.
const BOX: (usize, usize) = (39, 14);
/// The room that the legend takes, the labels below its boxes included.
pub(super) const HEIGHT: usize = 38;

/// The class of a frame's colour in the stylesheet.
pub(super) fn class(costs: Costs, mark: Mark) -> &'static str {
    const SLOWER: [&str; 5] = ["s1", "s2", "s3", "s4", "s5"];
    const FASTER: [&str; 5] = ["f1", "f2", "f3", "f4", "f5"];
    match mark {
        Mark::Slower => SLOWER[step(costs)],
        Mark::Faster => FASTER[step(costs)],
        Mark::NotSignificant => "n",
        Mark::New => "new",
        Mark::Gone => "gone",
        Mark::Moved => "moved",
        Mark::Unknown if costs.a == costs.b => "n",
        Mark::Unknown if costs.a == 0.0 => "new",
        Mark::Unknown if costs.b == 0.0 => "gone",
        Mark::Unknown if costs.change() > 0.0 => SLOWER[step(costs)],
        Mark::Unknown => FASTER[step(costs)],
    }
}

/// How deep the colour is, from 0 to 4.
fn step(costs: Costs) -> usize {
    let ratio = costs.max() / costs.a.min(costs.b);
    STEPS.iter().filter(|step| ratio >= **step).count()
}

/// How wide the legend may be.
pub(super) const WIDTH: usize = 1180;

/// The class of what is drawn in this graph's colours: paler ones where nothing is certain.
pub(super) fn certainty(graph: &DiffGraph) -> &'static str {
    if graph.is_unmarked() { "fd-pale" } else { "fd-certain" }
}

/// What the colours mean, from `y` down.
pub(super) fn write(
    svg: &mut Writer<Vec<u8>>,
    x: usize,
    y: usize,
    graph: &DiffGraph,
) -> io::Result<()> {
    svg.create_element("g")
        .with_attribute(("class", certainty(graph)))
        .write_inner_content(|svg| keys(svg, x, y, graph).map(drop))?;
    Ok(())
}

/// Returns where they end.
fn keys(svg: &mut Writer<Vec<u8>>, x: usize, y: usize, graph: &DiffGraph) -> io::Result<usize> {
    let mut x = x;
    word(svg, &mut x, y, "blue: B costs less")?;
    for (class, from) in SCALE {
        key(svg, x, y, class)?;
        if !from.is_empty() {
            header::text(svg, "fl fl-note fd-step", &x.to_string(), y + BOX.1 + 13, from)?;
        }
        x += BOX.0;
    }
    x += 8;
    word(svg, &mut x, y, "orange: B costs more than A")?;
    x += 8;
    let is_moved = graph.findings().iter().any(|finding| finding.mark == Mark::Moved);
    let others: &[(&str, &str)] = match graph.is_unmarked() {
        true => &[("new", "in B only"), ("gone", "in A only")],
        false if is_moved => &[
            ("n", "no certain change"),
            ("new", "new in B"),
            ("gone", "gone in B"),
            ("moved", "moved"),
        ],
        false => &[("n", "no certain change"), ("new", "new in B"), ("gone", "gone in B")],
    };
    for (class, label) in others {
        key(svg, x, y, class)?;
        x += BOX.0 + 6;
        word(svg, &mut x, y, label)?;
        x += 6;
    }
    Ok(x)
}

fn word(svg: &mut Writer<Vec<u8>>, x: &mut usize, y: usize, text: &str) -> io::Result<()> {
    header::text(svg, "fl fl-key", &x.to_string(), y + 11, text)?;
    // About the width of a character of a proportional font at 12 px, and a gap.
    *x += text.chars().count() * 31 / 5 + 6;
    Ok(())
}

/// A box of a colour, under the rules of the frames.
fn key(svg: &mut Writer<Vec<u8>>, x: usize, y: usize, class: &str) -> io::Result<()> {
    svg.create_element("g").with_attribute(("class", class)).write_inner_content(|svg| {
        svg.create_element("rect")
            .with_attributes([
                ("x", &*x.to_string()),
                ("y", &*y.to_string()),
                ("width", &*BOX.0.to_string()),
                ("height", &*BOX.1.to_string()),
            ])
            .write_empty()?;
        Ok(())
    })?;
    Ok(())
}

/// The hatching of frames that one side alone has.
pub(super) fn patterns(svg: &mut Writer<Vec<u8>>) -> io::Result<()> {
    svg.create_element("defs").write_inner_content(|svg| {
        for (id, turn) in [("fd-new", "rotate(45)"), ("fd-gone", "rotate(-45)")] {
            let pattern = [
                ("id", id),
                ("width", "7"),
                ("height", "7"),
                ("patternUnits", "userSpaceOnUse"),
                ("patternTransform", turn),
            ];
            svg.create_element("pattern").with_attributes(pattern).write_inner_content(|svg| {
                for (class, width) in [("fd-ground", "7"), ("fd-stripe", "3")] {
                    svg.create_element("rect")
                        .with_attributes([("class", class), ("width", width), ("height", "7")])
                        .write_empty()?;
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{
        super::graph::{DiffCaption, Finding},
        *,
    };
    use crate::fold::DeltaTree;

    #[test]
    fn colours_go_by_direction_proportion_and_certainty() {
        let of = |a, b, mark| class(Costs { a, b }, mark);
        assert_eq!(of(100.0, 102.0, Mark::Slower), "s1");
        assert_eq!(of(100.0, 103.0, Mark::Slower), "s2");
        assert_eq!(of(1.0, 2.0, Mark::Slower), "s5");
        assert_eq!(of(2.0, 1.0, Mark::Faster), "f5");
        assert_eq!(of(1.1, 1.0, Mark::Faster), "f3");
        assert_eq!(of(1.0, 5.0, Mark::NotSignificant), "n");
        assert_eq!(of(0.0, 5.0, Mark::New), "new");
        assert_eq!(of(5.0, 0.0, Mark::Gone), "gone");
        assert_eq!(of(1.0, 5.0, Mark::Moved), "moved");
        assert_eq!(of(0.0, 5.0, Mark::Slower), "s5");
    }

    #[test]
    fn the_legend_fits_its_picture() {
        let costs = Costs { a: 1.0, b: 2.0 };
        let tree = DeltaTree::from_costs([("app;f", costs)]);
        let mut graph = DiffGraph::new(tree, DiffCaption::default());
        let ends = |graph: &DiffGraph| keys(&mut Writer::new(Vec::new()), 0, 0, graph);
        assert!(ends(&graph).is_ok_and(|end| end <= WIDTH));
        graph.mark(|_| Finding { mark: Mark::Moved, ci95: None });
        assert!(ends(&graph).is_ok_and(|end| end <= WIDTH), "{:?}", ends(&graph));
    }

    #[test]
    fn without_statistics_colours_say_the_change_alone() {
        let of = |a, b| class(Costs { a, b }, Mark::Unknown);
        assert_eq!([of(1.0, 1.0), of(1.0, 1.2), of(1.2, 1.0)], ["n", "s3", "f3"]);
        assert_eq!([of(0.0, 1.0), of(1.0, 0.0)], ["new", "gone"]);
    }
}
