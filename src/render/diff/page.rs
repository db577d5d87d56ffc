//! [`page()`]: both sides and their difference at one scale, and what changed most in numbers.

use std::io::{self, Write};

use quick_xml::{Writer, escape::escape};

use super::{
    super::{
        RenderError, header,
        text::{micros, xml_safe},
    },
    frames::{Canvas, Drawing},
    graph::{DiffGraph, Finding},
    header::{Header, note},
    layout::View,
    legend,
    picture::{SCRIPT, STYLE},
    table, words,
};

/// How wide a view is at least, in pixels: a third of the least window in which the views stand
/// beside each other. Names are cut to that where there is no script to measure it.
const VIEW: f64 = 310.0;

/// Draws A, B and the difference beside each other, and lists the changes.
///
/// The page stands alone as well. Widths in all three views are on one scale, so that what is
/// wider costs more, whichever view it is in.
///
/// # Errors
/// When `to` cannot be written.
pub fn page(graph: &DiffGraph, mut to: impl Write) -> Result<(), RenderError> {
    to.write_all(draw(graph)?.as_bytes())?;
    Ok(to.flush()?)
}

fn draw(graph: &DiffGraph) -> io::Result<String> {
    let frames = Drawing::of(graph);
    let title = text(&graph.caption.title);
    let style = header::STYLE;
    let mut page = format!(
        "{HEAD}<title>{title}</title>\n<style>{style}{STYLE}{PAGE_STYLE}</style>\n</head>\n<body>\n"
    );
    head(&mut page, graph);
    table::metrics(&mut page, graph);
    if frames.is_empty() {
        page.push_str(&format!("<p>{}</p>\n", text(&words::nothing(graph))));
    } else {
        page.push_str(TOOLS);
        page.push_str(&fragment(|svg| key(svg, graph))?);
        views(&mut page, graph, &frames)?;
        let note = note("All three views are on one scale. Width in the difference", graph);
        page.push_str(&format!("<p class=\"note\">{}</p>\n", text(&note)));
        table::functions(&mut page, graph);
    }
    links(&mut page, graph);
    page.push_str(&format!(
        "<script>{SCRIPT}</script>\n<script>{PAGE_SCRIPT}</script>\n</body>\n</html>\n"
    ));
    Ok(page)
}

const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
    <meta name=\"viewport\" content=\"width=device-width\"/>\n\
    <meta name=\"color-scheme\" content=\"light dark\"/>\n";
const PAGE_STYLE: &str = include_str!("page.css");
const PAGE_SCRIPT: &str = include_str!("page.js");

/// What the script listens to, and where it writes; without it, none of it is seen.
const TOOLS: &str = r#"<div id="tools" hidden="">
<input id="query" type="search" placeholder="a regular expression on names" aria-label="Search"/>
<button id="reset" class="fd-off">Reset zoom</button>
<button id="back" class="fd-off">Back</button>
<button id="stack">Below each other</button>
<span id="matched"></span>
</div>
<div id="about" hidden="" aria-live="polite"><div id="details"></div><div id="costs"></div></div>
"#;

fn head(page: &mut String, graph: &DiffGraph) {
    let header = Header::of(graph);
    page.push_str(&format!("<header>\n<h1>{}</h1>\n", text(&graph.caption.title)));
    for (class, lines) in [
        ("sides", &header.sides),
        ("verdict", &header.verdict),
        ("figures", &header.figures),
        ("trust", &header.trust),
    ] {
        for line in lines {
            page.push_str(&format!("<p class=\"{class}\">{}</p>\n", text(line)));
        }
    }
    for warning in &graph.caption.warnings {
        page.push_str(&format!("<p class=\"warning\">⚠ {}</p>\n", text(warning)));
    }
    page.push_str("</header>\n");
}

/// The legend, with the patterns that the frames need.
fn key(svg: &mut Writer<Vec<u8>>, graph: &DiffGraph) -> io::Result<()> {
    svg.create_element("svg")
        .with_attributes([
            ("class", "key"),
            ("width", &*legend::WIDTH.to_string()),
            ("height", &*legend::HEIGHT.to_string()),
            // It shrinks with a narrow window.
            ("viewBox", &*format!("0 0 {} {}", legend::WIDTH, legend::HEIGHT)),
        ])
        .write_inner_content(|svg| {
            legend::patterns(svg)?;
            legend::write(svg, 0, 2, graph)
        })?;
    Ok(())
}

fn views(page: &mut String, graph: &DiffGraph, frames: &Drawing) -> io::Result<()> {
    let (caption, costs) = (&graph.caption, graph.tree().total());
    let change = words::change(costs, Finding::default());
    let views = [
        (View::A, "a", "A", format!("{} µs/request · {}", micros(costs.a), caption.a)),
        (View::B, "b", "B", format!("{} µs/request · {}", micros(costs.b), caption.b)),
        (View::Difference, "difference", "Difference", change),
    ];
    page.push_str("<div id=\"views\">\n");
    for (view, id, name, about) in views {
        let about = text(&about);
        page.push_str(&format!("<section>\n<h2>{name} <small>{about}</small></h2>\n"));
        let class = format!("fd-frames {}", legend::certainty(graph));
        let label = format!("Frames of {name}");
        let attributes = [
            ("class", &*class),
            ("data-view", id),
            ("role", "group"),
            ("aria-label", &*label),
            ("width", "100%"),
        ];
        let canvas = Canvas { view, full: costs.max(), pixels: VIEW, attributes: &attributes };
        page.push_str(&fragment(|svg| frames.write(svg, canvas))?);
        page.push_str("</section>\n");
    }
    page.push_str("</div>\n");
    Ok(())
}

fn links(page: &mut String, graph: &DiffGraph) {
    let links: Vec<String> = graph
        .caption
        .links
        .iter()
        .map(|link| format!("<a href=\"{}\">{}</a>", text(&link.target()), text(&link.text)))
        .collect();
    if !links.is_empty() {
        page.push_str(&format!("<p class=\"note\">{}</p>\n", links.join(" · ")));
    }
}

/// Elements of SVG as they stand in a page.
fn fragment(draw: impl FnOnce(&mut Writer<Vec<u8>>) -> io::Result<()>) -> io::Result<String> {
    let mut svg = Writer::new(Vec::new());
    draw(&mut svg)?;
    String::from_utf8(svg.into_inner()).map_err(io::Error::other)
}

/// A text for any place in a page.
pub(super) fn text(raw: &str) -> String {
    escape(xml_safe(raw)).into_owned()
}
