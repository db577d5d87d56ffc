//! Shapes and texts as SVG. Texts may contain anything.

use std::io;

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event},
};

use super::WIDTH;
use crate::render::xml_safe;

/// A picture that is being drawn.
pub(super) struct Draw {
    svg: Writer<Vec<u8>>,
}

/// Where something is, and how large.
#[derive(Debug, Clone, Copy)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Draw {
    /// A picture of this height, with what a screen reader says of it.
    pub(super) fn begin(
        height: f64,
        style: &str,
        title: &str,
        description: &str,
    ) -> io::Result<Self> {
        let mut svg = Writer::new_with_indent(Vec::new(), b' ', 1);
        svg.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let (width, height) = (number(WIDTH), number(height));
        let view = format!("0 0 {width} {height}");
        let root = BytesStart::new("svg").with_attributes([
            ("xmlns", "http://www.w3.org/2000/svg"),
            ("viewBox", &view),
            ("width", &width),
            ("height", &height),
            ("role", "img"),
            ("aria-labelledby", "title description"),
        ]);
        svg.write_event(Event::Start(root))?;
        for (name, text) in [("title", title), ("desc", description)] {
            let id = if name == "title" { name } else { "description" };
            svg.create_element(name)
                .with_attribute(("id", id))
                .write_text_content(BytesText::new(&xml_safe(text)))?;
        }
        svg.create_element("style").write_text_content(BytesText::from_escaped(style))?;
        svg.create_element("rect")
            .with_attributes([("width", "100%"), ("height", "100%"), ("fill", "#fcfcfa")])
            .write_empty()?;
        Ok(Self { svg })
    }

    pub(super) fn end(mut self) -> io::Result<Vec<u8>> {
        self.svg.write_event(Event::End(BytesEnd::new("svg")))?;
        let mut bytes = self.svg.into_inner();
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// A line of text; `x` is its start, its middle or its end, as the class says.
    pub(super) fn text(&mut self, class: &str, x: f64, y: f64, text: &str) -> io::Result<()> {
        let (x, y) = (number(x), number(y));
        self.svg
            .create_element("text")
            .with_attributes([("class", class), ("x", &x), ("y", &y)])
            .write_text_content(BytesText::new(&xml_safe(text)))?;
        Ok(())
    }

    pub(super) fn line(
        &mut self,
        class: &str,
        (x1, y1): (f64, f64),
        (x2, y2): (f64, f64),
    ) -> io::Result<()> {
        let path = format!("M{} {}L{} {}", number(x1), number(y1), number(x2), number(y2));
        self.svg
            .create_element("path")
            .with_attributes([("class", class), ("d", &path)])
            .write_empty()?;
        Ok(())
    }

    pub(super) fn rect(&mut self, area: Area, color: &str) -> io::Result<()> {
        let Area { x, y, width, height } = area;
        self.svg
            .create_element("rect")
            .with_attributes([
                ("x", &*number(x)),
                ("y", &number(y)),
                ("width", &number(width.max(0.0))),
                ("height", &number(height)),
                ("fill", color),
            ])
            .write_empty()?;
        Ok(())
    }

    /// A line of a colour, two wide.
    pub(super) fn stroke(&mut self, from: f64, to: f64, y: f64, color: &str) -> io::Result<()> {
        let path = format!("M{} {y}L{} {y}", number(from), number(to), y = number(y));
        self.svg
            .create_element("path")
            .with_attributes([("d", path.as_str()), ("stroke", color), ("stroke-width", "2.5")])
            .write_empty()?;
        Ok(())
    }

    /// A disc.
    pub(super) fn disc(&mut self, x: f64, y: f64, color: &str) -> io::Result<()> {
        self.svg
            .create_element("circle")
            .with_attributes([
                ("cx", &*number(x)),
                ("cy", &number(y)),
                ("r", "4.5"),
                ("fill", color),
            ])
            .write_empty()?;
        Ok(())
    }

    /// A square on its corner, with a light middle.
    pub(super) fn diamond(&mut self, x: f64, y: f64, color: &str) -> io::Result<()> {
        let path = format!("M{} {}l5 5l-5 5l-5 -5z", number(x), number(y - 5.0));
        self.svg
            .create_element("path")
            .with_attributes([
                ("d", path.as_str()),
                ("fill", "#fcfcfa"),
                ("stroke", color),
                ("stroke-width", "2"),
            ])
            .write_empty()?;
        Ok(())
    }

    /// What is drawn by `inside`, with a text that shows where the pointer rests on it.
    pub(super) fn with_hint(
        &mut self,
        hint: &str,
        inside: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        self.group(None, |draw| {
            let hint = xml_safe(hint);
            draw.svg.create_element("title").write_text_content(BytesText::new(&hint))?;
            inside(draw)
        })
    }

    /// What is drawn by `inside`, as a group of a class.
    pub(super) fn group(
        &mut self,
        class: Option<&str>,
        inside: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        let attributes = class.map(|class| ("class", class));
        self.svg.write_event(Event::Start(BytesStart::new("g").with_attributes(attributes)))?;
        inside(self)?;
        self.svg.write_event(Event::End(BytesEnd::new("g")))
    }
}

/// A coordinate: a tenth of a unit is finer than any screen.
fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}
