//! [`flamegraph()`]: folded stacks and a caption -> SVG.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use inferno::flamegraph::{
    self, Direction, Options, TextTruncateDirection,
    color::{BackgroundColor, Color, PaletteMap},
};
use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};
use rustc_hash::FxHashSet;
use thiserror::Error;

use super::{
    caption::{Caption, Frames},
    compose,
    header::{self, Header, STYLE},
    palette::Class,
    text::xml_safe,
    trunk,
};
use crate::{
    fold::{Folded, clean},
    unit::Samples,
};

/// Frames narrower than this are not drawn, in percent of the whole: a fifth of a pixel.
pub(super) const WIDTH_MIN_PERCENT: f64 = 0.02;

/// Why a flamegraph could not be drawn.
#[derive(Debug, Error)]
pub enum RenderError {
    /// The picture could not be written.
    #[error("cannot write the flamegraph: {0}")]
    Write(#[from] io::Error),
    /// What inferno drew is not the XML that is built upon here.
    #[error("cannot compose the flamegraph: {0}")]
    Compose(#[from] quick_xml::Error),
}

/// Draws the stacks with their caption.
///
/// Roots are at the top, so that the widest frames are the first to be seen. A picture of no
/// samples says so.
///
/// # Errors
/// When `to` cannot be written.
pub fn flamegraph(
    folded: &Folded,
    caption: &Caption,
    mut to: impl Write,
) -> Result<(), RenderError> {
    let svg = if folded.total() == Samples(0) {
        nothing(caption)?
    } else {
        compose::compose(&frames(folded, caption)?, folded, caption)?
    };
    to.write_all(&svg)?;
    Ok(to.flush()?)
}

/// inferno's picture of the frames.
fn frames(folded: &Folded, caption: &Caption) -> io::Result<String> {
    let mut stacks: Vec<(Vec<&str>, Samples)> =
        folded.iter().map(|(stack, samples)| (stack.split(';').collect(), samples)).collect();
    // By frames rather than by bytes: where names have characters below `;`, a parent's
    // children would not stand together.
    stacks.sort();
    let stacks = match caption.frames {
        Frames::Raw => trunk::whole(&stacks),
        Frames::Given | Frames::Readable => trunk::shorten(&stacks, &caption.palette),
    };
    let names: FxHashSet<&str> =
        stacks.iter().flat_map(|(frames, _)| frames).map(String::as_str).collect();
    let mut colors = PaletteMap::default();
    // inferno's own frame that holds all others has no name.
    colors.insert("", Class::Root.color());
    for name in &names {
        let class = match name.starts_with(trunk::MARK) {
            true => Class::Root,
            false => caption.palette.class(name),
        };
        colors.insert(plain(name), class.shade(clean(name)));
    }
    let lines: Vec<String> = stacks
        .iter()
        .map(|(frames, samples)| {
            let names: Vec<_> = frames.iter().map(|name| plain(name)).collect();
            format!("{} {}", names.join(";"), samples.0)
        })
        .collect();
    let mut options = Options::default();
    options.title = xml_safe(&caption.title);
    options.direction = Direction::Inverted;
    options.text_truncate_direction = TextTruncateDirection::Right;
    options.min_width = WIDTH_MIN_PERCENT;
    options.name_type = String::new();
    options.bgcolors = Some(BackgroundColor::Flat(Color { r: 252, g: 252, b: 250 }));
    options.palette_map = Some(&mut colors);
    // A flame chart keeps the order of its lines, last first; that is all that it changes.
    options.flame_chart = true;
    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, lines.iter().rev().map(String::as_str), &mut svg)?;
    String::from_utf8(svg).map_err(io::Error::other)
}

/// The name so that inferno takes it for one.
///
/// It reads a number at the end of a line as a count, also one that belongs to the last name,
/// and a line that begins with `# ` as a comment. A no-break space is neither; [`compose`]
/// makes it a space again.
fn plain(name: &str) -> Cow<'_, str> {
    let number = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '.');
    match name.rsplit_once(' ') {
        Some((before, last)) if number(last) => format!("{before}\u{a0}{last}").into(),
        _ if name.starts_with("# ") => name.replacen(' ', "\u{a0}", 1).into(),
        _ => name.into(),
    }
}

/// The picture of a run without samples.
fn nothing(caption: &Caption) -> Result<Vec<u8>, RenderError> {
    let header = Header::of(caption);
    let height = header.height() + 90;
    let mut svg = Writer::new(Vec::new());
    svg.write_event(Event::Decl(BytesDecl::new("1.0", None, Some("no"))))?;
    let root = [
        ("version", "1.1"),
        ("width", "100%"),
        ("height", &*height.to_string()),
        ("xmlns", "http://www.w3.org/2000/svg"),
    ];
    svg.create_element("svg").with_attributes(root).write_inner_content(|svg| {
        compose::about(svg, caption)?;
        svg.create_element("style").with_attribute(("type", "text/css")).write_text_content(
            BytesText::from_escaped(format!("\n#title {{ text-anchor:middle; }}{STYLE}")),
        )?;
        svg.create_element("rect")
            .with_attributes([("width", "100%"), ("height", "100%"), ("fill", "#fcfcfa")])
            .write_empty()?;
        svg.create_element("text")
            .with_attributes([("id", "title"), ("x", "50%"), ("y", "24")])
            .write_text_content(BytesText::new(&xml_safe(&caption.title)))?;
        header.write(svg, &Folded::default())?;
        let message = "No samples were taken: the target used no CPU time while it was watched.";
        header::text(svg, "fl fl-none", "50%", header.height() + 30, message)?;
        header::footer(svg, height - 8, caption, Samples(0))
    })?;
    Ok(svg.into_inner())
}

#[cfg(test)]
mod tests;
