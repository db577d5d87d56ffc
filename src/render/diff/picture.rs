//! [`svg()`]: a difference alone, as one file that needs nothing else.

use std::io::{self, Write};

use quick_xml::{
    Writer,
    events::{BytesCData, BytesDecl, BytesText, Event},
};

use super::{
    super::{RenderError, header, text::xml_safe},
    frames::{Canvas, Drawing},
    graph::DiffGraph,
    header::{Header, footer, note},
    layout::View,
    legend, words,
};

/// The size before a script adapts it to its window, as that of the plain flamegraph.
const WIDTH: usize = 1200;
const MARGIN: usize = 10;
/// Room for the details of a frame, above the frames.
const DETAILS: usize = 42;
const FOOTER: usize = 50;

/// How frames look, and what moves them.
pub(super) const STYLE: &str = include_str!("style.css");
pub(super) const SCRIPT: &str = include_str!("script.js");

/// Draws the difference.
///
/// The picture stands alone: it needs no network, and no script to be read. Callers are above
/// what they call, as in the plain flamegraph.
///
/// # Errors
/// When `to` cannot be written.
pub fn svg(graph: &DiffGraph, mut to: impl Write) -> Result<(), RenderError> {
    to.write_all(&draw(graph)?)?;
    Ok(to.flush()?)
}

fn draw(graph: &DiffGraph) -> io::Result<Vec<u8>> {
    let frames = Drawing::of(graph);
    let header = Header::with_metrics(graph);
    let top = header.height() + DETAILS;
    let height = top + frames.height() + FOOTER;
    let mut svg = Writer::new(Vec::new());
    svg.write_event(Event::Decl(BytesDecl::new("1.0", None, Some("no"))))?;
    let root = [
        ("xmlns", "http://www.w3.org/2000/svg"),
        ("width", &*WIDTH.to_string()),
        ("height", &*height.to_string()),
        ("viewBox", &*format!("0 0 {WIDTH} {height}")),
    ];
    svg.create_element("svg").with_attributes(root).write_inner_content(|svg| {
        about(svg, graph)?;
        svg.create_element("rect")
            .with_attributes([("class", "fd-paper"), ("width", "100%"), ("height", "100%")])
            .write_empty()?;
        svg.create_element("text")
            .with_attributes([("id", "title"), ("x", "50%"), ("y", "26")])
            .write_text_content(BytesText::new(&xml_safe(&graph.caption.title)))?;
        header.write(svg, graph)?;
        if frames.is_empty() {
            let nothing = words::nothing(graph);
            header::text(svg, "fl fl-none", "50%", top - 12, &nothing)?;
            return footer(svg, height - 10, graph, "");
        }
        controls(svg, header.height())?;
        let full = graph.tree().total().mean();
        let attributes = [
            ("id", "frames"),
            ("class", &*format!("fd-frames {}", legend::certainty(graph))),
            ("data-view", "difference"),
            ("role", "group"),
            ("aria-label", "Frames of the difference"),
            ("x", &*MARGIN.to_string()),
            ("y", &*top.to_string()),
            ("width", &*(WIDTH - 2 * MARGIN).to_string()),
        ];
        let pixels = (WIDTH - 2 * MARGIN) as f64;
        let canvas = Canvas { view: View::Difference, full, pixels, attributes: &attributes };
        frames.write(svg, canvas)?;
        details(svg, header.height())?;
        footer(svg, height - 10, graph, &note("Width", graph))?;
        svg.create_element("script").write_cdata_content(BytesCData::new(SCRIPT))?;
        Ok(())
    })?;
    Ok(svg.into_inner())
}

/// The document's name, metadata for programs, looks.
fn about(svg: &mut Writer<Vec<u8>>, graph: &DiffGraph) -> io::Result<()> {
    let caption = &graph.caption;
    svg.create_element("title").write_text_content(BytesText::new(&xml_safe(&caption.title)))?;
    if !caption.metadata.is_empty() {
        svg.create_element("metadata")
            .with_attribute(("id", "flameload"))
            .write_text_content(BytesText::new(&xml_safe(&caption.metadata)))?;
    }
    let style = format!("{}{STYLE}", header::STYLE);
    svg.create_element("style").write_text_content(BytesText::new(&style))?;
    legend::patterns(svg)
}

/// What the script shows and listens to; without it, none of it is seen.
fn controls(svg: &mut Writer<Vec<u8>>, y: usize) -> io::Result<()> {
    let button = |svg: &mut Writer<Vec<u8>>, id: &str, place: [(&str, &str); 3], text: &str| {
        svg.create_element("text")
            .with_attributes([("id", id), ("class", "fl fd-button fd-off"), ("role", "button")])
            .with_attribute(("tabindex", "0"))
            .with_attributes(place)
            .write_text_content(BytesText::new(text))
            .map(drop)
    };
    button(svg, "reset", [("x", "10"), ("dx", "0"), ("y", "24")], "Reset zoom")?;
    button(svg, "back", [("x", "96"), ("dx", "0"), ("y", "24")], "Back")?;
    button(svg, "search", [("x", "100%"), ("dx", "-10"), ("y", "24")], "Search")?;
    // Beside the labels of the legend, so that it hides no costs.
    line(svg, "matched", "fl fd-costs fl-end", [("x", "100%"), ("dx", "-10")], y - 11)
}

/// Where the script tells of a frame. It is drawn after the frames, as it moves over them where
/// the picture is taller than its window.
fn details(svg: &mut Writer<Vec<u8>>, y: usize) -> io::Result<()> {
    svg.create_element("g")
        .with_attributes([("id", "about"), ("data-y", &*y.to_string())])
        .write_inner_content(|svg| {
            svg.create_element("rect")
                .with_attributes([
                    ("class", "fd-paper"),
                    ("y", &*y.to_string()),
                    ("width", "100%"),
                    ("height", &*(DETAILS - 2).to_string()),
                ])
                .write_empty()?;
            line(svg, "details", "fl fd-name", [("x", "10"), ("dx", "0")], y + 16)?;
            line(svg, "costs", "fl fd-costs", [("x", "10"), ("dx", "0")], y + 33)
        })?;
    Ok(())
}

/// A line of text that the script fills.
fn line(
    svg: &mut Writer<Vec<u8>>,
    id: &str,
    class: &str,
    x: [(&str, &str); 2],
    y: usize,
) -> io::Result<()> {
    svg.create_element("text")
        .with_attributes([("id", id), ("class", class)])
        .with_attributes(x)
        .with_attribute(("y", &*y.to_string()))
        .write_text_content(BytesText::new(""))?;
    Ok(())
}
