//! inferno's picture -> ours: room for the header, time per request in each frame's title,
//! metadata and links. Frames, zoom and search stay inferno's.

use std::io;

use quick_xml::{
    Reader, Writer,
    escape::{escape, unescape},
    events::{BytesCData, BytesStart, BytesText, Event},
};

use super::{
    caption::{Caption, told},
    header::{self, Header, STYLE},
    svg::RenderError,
    text::{grouped, micros, plus_minus, xml_safe},
};
use crate::{
    fold::Folded,
    unit::{Ratio, Samples},
};

/// What inferno leaves above the frames: title, a line of details, and space.
const TOP: usize = 52;
/// Room below the frames for the footer, of which inferno leaves some.
const BOTTOM: usize = 12;

/// The first line of a title is the frame's own, the others are its full names. inferno's script
/// knows one line, which gets the frame's text; and it searches whole titles, where `request`
/// would find every frame by its unit.
const SCRIPT: &str = r#"
function find_child(node, selector) {
    var child = node.querySelectorAll(selector)[0];
    if (!child || selector != "title") return child;
    var line = child.textContent.split("\n")[0];
    return { textContent: line, firstChild: { nodeValue: line } };
}
function g_to_func(e) {
    var lines = e.querySelector("title").textContent.split("\n");
    lines[0] = lines[0].replace(/ \([^(]*\)$/, "");
    return lines.join("\n");
}
"#;

/// Composes the picture.
pub(super) fn compose(
    svg: &str,
    folded: &Folded,
    caption: &Caption,
) -> Result<Vec<u8>, RenderError> {
    let header = Header::of(caption);
    // The header takes the place of the title alone; the line of details moves down with it.
    let shift = (header.height() + 20).saturating_sub(TOP);
    let mut composer = Composer {
        out: Writer::new(Vec::with_capacity(svg.len() * 5 / 4)),
        caption,
        total: folded.total(),
        shift,
        depth: 0,
        frames_depth: None,
        height: 0,
    };
    let mut reader = Reader::from_str(svg);
    loop {
        match reader.read_event()? {
            Event::Eof => break,
            // The document type names a file on the web; the comments say nothing of this run.
            Event::DocType(_) | Event::Comment(_) => {}
            Event::Start(start) if start.name().0 == "title" => {
                composer.depth += 1;
                composer.title(&mut reader)?;
            }
            Event::Start(start) => composer.start(start)?,
            Event::Empty(empty) => composer.empty(empty)?,
            Event::End(end) => {
                composer.depth -= 1;
                if end.name().0 == "style" {
                    composer.out.write_event(Event::Text(BytesText::from_escaped(STYLE)))?;
                }
                if composer.frames_depth.is_some_and(|depth| depth > composer.depth) {
                    composer.frames_depth = None;
                }
                if composer.depth == 0 {
                    composer
                        .out
                        .create_element("script")
                        .with_attribute(("type", "text/ecmascript"))
                        .write_cdata_content(BytesCData::new(SCRIPT))?;
                    let footer_y = composer.height - 8;
                    header.write(&mut composer.out, folded)?;
                    header::footer(&mut composer.out, footer_y, caption, composer.total)?;
                }
                composer.out.write_event(Event::End(end))?;
            }
            other => composer.out.write_event(other)?,
        }
    }
    Ok(composer.out.into_inner())
}

/// Name and metadata of the document; programs read the metadata.
pub(super) fn about(svg: &mut Writer<Vec<u8>>, caption: &Caption) -> io::Result<()> {
    svg.create_element("title").write_text_content(BytesText::new(&xml_safe(&caption.title)))?;
    if !caption.metadata.is_empty() {
        svg.create_element("metadata")
            .with_attribute(("id", "flameload"))
            .write_text_content(BytesText::new(&xml_safe(&caption.metadata)))?;
    }
    Ok(())
}

struct Composer<'a> {
    out: Writer<Vec<u8>>,
    caption: &'a Caption,
    total: Samples,
    /// How far everything below the title moves down.
    shift: usize,
    /// How many elements are open.
    depth: usize,
    /// The depth inside the element that holds the frames, while it is open.
    frames_depth: Option<usize>,
    /// The whole picture's height.
    height: usize,
}

impl Composer<'_> {
    fn start(&mut self, start: BytesStart) -> Result<(), RenderError> {
        self.depth += 1;
        if self.frames_depth.is_some() {
            return Ok(self.out.write_event(Event::Start(start))?);
        }
        let id = attribute(&start, "id");
        if self.depth == 1 {
            return self.root(&start);
        }
        let mut start = start;
        match id.as_deref() {
            Some("frames") => {
                self.frames_depth = Some(self.depth);
                start.push_attribute(("y", &*self.shift.to_string()));
            }
            Some("details" | "matched") => {
                let y = (self.shift + TOP - 7).to_string();
                start = with(&start, "y", &y);
            }
            _ => {}
        }
        Ok(self.out.write_event(Event::Start(start))?)
    }

    fn root(&mut self, start: &BytesStart) -> Result<(), RenderError> {
        let number = |name| attribute(start, name).and_then(|value| value.parse().ok());
        let width: usize = number("width").unwrap_or(1200);
        self.height = number("height").unwrap_or(0) + self.shift + BOTTOM;
        let root = with(start, "height", &self.height.to_string());
        let root = with(&root, "viewBox", &format!("0 0 {width} {}", self.height));
        self.out.write_event(Event::Start(root))?;
        let note = " Drawn with inferno, https://github.com/jonhoo/inferno; its script, embedded \
                    here, is under the CDDL-1.0. ";
        self.out.write_event(Event::Comment(BytesText::from_escaped(note)))?;
        Ok(about(&mut self.out, self.caption)?)
    }

    fn empty(&mut self, empty: BytesStart) -> Result<(), RenderError> {
        let is_background = self.depth == 1 && empty.name().0 == "rect";
        let empty = match is_background {
            true => with(&empty, "height", &self.height.to_string()),
            false => empty,
        };
        Ok(self.out.write_event(Event::Empty(empty))?)
    }

    /// A frame's title: `name (1,234 samples, 5.60%)` becomes
    /// `name (12.34 µs/request, 5.6 %, 1,234 samples)`. The script of the picture strips the
    /// last pair of brackets to get the name.
    fn title(&mut self, reader: &mut Reader<&[u8]>) -> Result<(), RenderError> {
        let mut raw = String::new();
        let end = loop {
            match reader.read_event()? {
                Event::Text(text) => raw.push_str(&text),
                Event::GeneralRef(reference) => {
                    raw.push('&');
                    raw.push_str(&reference);
                    raw.push(';');
                }
                Event::End(end) => break end,
                Event::Eof => return Ok(()),
                _ => {}
            }
        };
        self.depth -= 1;
        let (name, figures) = raw.rsplit_once(" (").unwrap_or((&raw, ""));
        let digits: String = figures
            .split(' ')
            .next()
            .unwrap_or_default()
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        let samples = Samples(digits.parse().unwrap_or(0));
        let mut title =
            format!("{} ({})", name.replace('\u{a0}', " "), self.figures(name, samples));
        for line in self.full_names(name) {
            title.push('\n');
            title.push_str(&escape(xml_safe(&line)));
        }
        self.out.write_event(Event::Start(BytesStart::new("title")))?;
        self.out.write_event(Event::Text(BytesText::from_escaped(title)))?;
        Ok(self.out.write_event(Event::End(end))?)
    }

    /// What the name of a frame, as the picture has it, stands for.
    fn full_names(&self, name: &str) -> Vec<String> {
        let Ok(name) = unescape(name) else { return Vec::new() };
        told(&self.caption.full_names, &name.replace('\u{a0}', " "))
    }

    fn half(&self, name: &str, share: Ratio) -> Option<Ratio> {
        let name = unescape(name).ok()?.replace('\u{a0}', " ");
        self.caption.spread.as_ref()?.half(&name, share)
    }

    fn figures(&self, name: &str, samples: Samples) -> String {
        let share = samples.share_of(self.total);
        let percent = share.0 * 100.0;
        let decimals = if percent < 0.995 { 2 } else { 1 };
        let count = grouped(samples.0);
        let unit = if samples == Samples(1) { "sample" } else { "samples" };
        match self.caption.us_per_sample {
            Some(us) => {
                let all = us * self.total.0 as f64;
                let us = match self.half(name, share) {
                    Some(half) => plus_minus(all * share.0, all * half.0),
                    None => micros(all * share.0),
                };
                format!("{us} µs/request, {percent:.decimals$} %, {count} {unit}")
            }
            None => format!("{percent:.decimals$} %, {count} {unit}"),
        }
    }
}

/// The element with another value for one of its attributes.
fn with<'e>(start: &BytesStart, name: &str, value: &str) -> BytesStart<'e> {
    let mut changed = BytesStart::new(start.name().0.to_owned());
    for attribute in start.attributes().flatten() {
        if attribute.key.0 == name {
            changed.push_attribute((name, value));
        } else {
            changed.push_attribute(attribute);
        }
    }
    changed
}

fn attribute(start: &BytesStart, name: &str) -> Option<String> {
    let found = start.attributes().flatten().find(|attribute| attribute.key.0 == name)?;
    Some(found.value.into_owned())
}
