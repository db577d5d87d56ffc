//! The frames of one view as SVG.

use std::io;

use quick_xml::{Writer, events::BytesText};

use super::{
    super::{
        caption::told,
        text::{micros, xml_safe},
    },
    graph::DiffGraph,
    layout::{View, is_drawn, spans},
    legend,
    shown::{Shown, shown},
    words,
};
use crate::fold::Costs;

/// How high a row of frames is, and a frame in it.
pub(super) const ROW: usize = 16;
const FRAME: usize = 15;
/// What a character of the frames' font takes, and what is left free beside a name.
const COLUMN: f64 = 7.25;
const PADDING: f64 = 6.0;

/// A graph made ready to be drawn, in whichever view.
pub(super) struct Drawing<'a> {
    graph: &'a DiffGraph,
    shown: Vec<Shown>,
    whole: Costs,
    is_unmarked: bool,
}

/// Where a view is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Canvas<'a> {
    pub(super) view: View,
    /// The microseconds per request that fill the whole width.
    pub(super) full: f64,
    /// How wide it is in pixels where there is no script to measure it.
    pub(super) pixels: f64,
    /// The attributes of the element that holds the frames, beside its height.
    pub(super) attributes: &'a [(&'a str, &'a str)],
}

impl<'a> Drawing<'a> {
    pub(super) fn of(graph: &'a DiffGraph) -> Self {
        Self {
            graph,
            shown: shown(graph),
            whole: graph.tree().total(),
            is_unmarked: graph.is_unmarked(),
        }
    }

    /// Whether there is nothing to draw.
    pub(super) fn is_empty(&self) -> bool {
        self.whole.max() <= 0.0
    }

    /// The height of all rows.
    pub(super) fn height(&self) -> usize {
        let drawn = self.shown.iter().filter(|frame| is_drawn(frame, self.whole));
        drawn.map(|frame| (frame.depth + 1) * ROW).max().unwrap_or(0)
    }

    pub(super) fn write(&self, svg: &mut Writer<Vec<u8>>, canvas: Canvas) -> io::Result<()> {
        let height = self.height().to_string();
        svg.create_element("svg")
            .with_attributes(canvas.attributes.iter().copied())
            .with_attribute(("height", &*height))
            .write_inner_content(|svg| {
                let spans = spans(&self.shown, canvas.view);
                for (id, (frame, span)) in self.shown.iter().zip(spans).enumerate() {
                    if span.width > 0.0 && is_drawn(frame, self.whole) {
                        let percent = |us: f64| us / canvas.full * 100.0;
                        let place = (percent(span.x), percent(span.width));
                        self.frame(svg, canvas, id, frame, place)?;
                    }
                }
                Ok(())
            })?;
        Ok(())
    }

    /// A frame: its title, its box, and as much of its name as fits.
    fn frame(
        &self,
        svg: &mut Writer<Vec<u8>>,
        canvas: Canvas,
        id: usize,
        frame: &Shown,
        (x, width): (f64, f64),
    ) -> io::Result<()> {
        let (x, y) = (short(x), frame.depth * ROW);
        let label = xml_safe(&frame.label);
        let mut group = svg.create_element("g").with_attribute(("data-n", &*id.to_string()));
        let mut fill = None;
        if canvas.view == View::Difference {
            group = group.with_attributes([
                ("class", legend::class(frame.total, frame.finding.mark)),
                ("data-a", &*short(frame.total.a)),
                ("data-b", &*short(frame.total.b)),
            ]);
        } else {
            let color = frame.class.shade(&frame.label);
            fill = Some(format!("#{:02x}{:02x}{:02x}", color.r, color.g, color.b));
        }
        group.write_inner_content(|svg| {
            let title = format!("{label}\n{}", self.title(canvas.view, frame));
            svg.create_element("title").write_text_content(BytesText::new(&title))?;
            svg.create_element("rect")
                .with_attributes([
                    ("x", &*format!("{x}%")),
                    ("y", &*y.to_string()),
                    ("width", &*format!("{}%", short(width))),
                    ("height", &*FRAME.to_string()),
                ])
                .with_attributes(fill.as_deref().map(|fill| ("fill", fill)))
                .write_empty()?;
            let columns = ((width / 100.0 * canvas.pixels - PADDING) / COLUMN).max(0.0) as usize;
            let text = words::fit(&label, columns).unwrap_or_default();
            svg.create_element("text")
                .with_attributes([
                    ("x", &*format!("{x}%")),
                    ("dx", "3"),
                    ("y", &*(y + 11).to_string()),
                ])
                .write_text_content(BytesText::new(&text))?;
            Ok(())
        })?;
        Ok(())
    }

    /// What is said of a frame below its name.
    fn title(&self, view: View, frame: &Shown) -> String {
        let (Costs { a, b }, whole) = (frame.total, self.whole);
        match view {
            View::A => format!("A {} µs/request", micros(a)),
            View::B => format!("B {} µs/request", micros(b)),
            View::Difference => {
                let (a, b) = (side(a, whole.a), side(b, whole.b));
                let change = words::change(frame.total, frame.finding);
                let known = words::known(frame.finding.mark, self.graph.caption.guessed);
                // Where nothing is certain, the picture says so once.
                let mut title = format!("A {a}, B {b}\n{change}");
                if !self.is_unmarked {
                    title.push('\n');
                    title.push_str(known);
                }
                // The script tells costs from full names by the empty line between them.
                let full = told(&self.graph.caption.full_names, &frame.label);
                let full: Vec<String> = full.iter().map(|name| xml_safe(name)).collect();
                if !full.is_empty() {
                    title.push_str("\n\n");
                    title.push_str(&full.join("\n"));
                }
                title
            }
        }
    }
}

/// What a frame costs on one side.
fn side(cost: f64, whole: f64) -> String {
    match cost > 0.0 {
        true => format!("{} µs/request ({} of all)", micros(cost), words::share(cost, whole)),
        false => "none".to_owned(),
    }
}

/// A number with at most five decimals, as short as it can be.
fn short(number: f64) -> String {
    let text = format!("{number:.5}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
