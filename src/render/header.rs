//! What stands above and below the frames.

use std::io;

use quick_xml::{
    Writer,
    events::{BytesText, Event},
};

use super::{
    caption::{Caption, Frames, Link},
    palette::Class,
    svg::WIDTH_MIN_PERCENT,
    text::{micros, wrap, xml_safe},
};
use crate::{fold::Folded, unit::Samples};

/// Baseline of the title, and of the first line below it.
const TITLE_Y: usize = 26;
const LINE: usize = 19;
const BANNER: usize = 26;
const LEGEND: usize = 26;
/// Characters that fit the width a picture has before it adapts to its window.
const COLUMNS: usize = 150;

pub(super) const STYLE: &str = "
.fl { font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif; }
#title { font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif; font-weight:600; font-size:19px; fill:#1c2733; }
#unzoom, #search { font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif; font-size:13px; fill:#2463a8; }
#search { opacity:1; }
#details, #matched { font-size:13px; fill:#1c2733; }
.fl-figures { font-size:14px; fill:#37424d; text-anchor:middle; }
.fl-trust { font-size:13px; fill:#8a5000; text-anchor:middle; }
.fl-banner rect { fill:#fff1c9; stroke:#d9a300; }
.fl-banner text { font-size:13px; font-weight:600; fill:#6b4e00; text-anchor:middle; }
.fl-key { font-size:12px; fill:#37424d; }
.fl-note { font-size:11px; fill:#66717c; }
.fl-end { text-anchor:end; }
.fl-note a, a.fl-note { fill:#2463a8; cursor:pointer; }
.fl-none { font-size:16px; fill:#37424d; text-anchor:middle; }
#frames rect { stroke:#fff; stroke-opacity:.55; stroke-width:.6; }
#frames text { stroke:none; pointer-events:none; }
#frames > *:hover > rect { stroke:#000; stroke-opacity:1; stroke-width:1; }
";

/// The text above the frames, laid out.
pub(super) struct Header<'a> {
    caption: &'a Caption,
    figures: Vec<String>,
    trust: Vec<String>,
    warnings: Vec<String>,
}

impl<'a> Header<'a> {
    pub(super) fn of(caption: &'a Caption) -> Self {
        let words = |text: &String| text.split_whitespace().map(String::from).collect::<Vec<_>>();
        Self {
            caption,
            figures: wrap(&caption.figures, "  ·  ", COLUMNS),
            trust: wrap(&caption.trust, "  ·  ", COLUMNS),
            warnings: caption
                .warnings
                .iter()
                .flat_map(|warning| wrap(&words(warning), " ", COLUMNS))
                .collect(),
        }
    }

    /// From the title down to the legend.
    pub(super) fn height(&self) -> usize {
        let lines = self.figures.len() + self.trust.len();
        TITLE_Y + lines * LINE + self.warnings.len() * BANNER + LEGEND + 8
    }

    pub(super) fn write(&self, svg: &mut Writer<Vec<u8>>, folded: &Folded) -> io::Result<()> {
        let mut y = TITLE_Y;
        for (class, lines) in [("fl fl-figures", &self.figures), ("fl fl-trust", &self.trust)] {
            for line in lines {
                y += LINE;
                text(svg, class, "50%", y, line)?;
            }
        }
        y += 8;
        for warning in &self.warnings {
            banner(svg, y, warning)?;
            y += BANNER;
        }
        if folded.total() == Samples(0) { Ok(()) } else { legend(svg, y, self.caption, folded) }
    }
}

/// A warning that cannot be overlooked.
pub(super) fn banner(svg: &mut Writer<Vec<u8>>, y: usize, warning: &str) -> io::Result<()> {
    svg.create_element("g").with_attribute(("class", "fl fl-banner")).write_inner_content(
        |svg| {
            svg.create_element("rect")
                .with_attributes([
                    ("x", "1%"),
                    ("y", &*y.to_string()),
                    ("width", "98%"),
                    ("height", "22"),
                    ("rx", "4"),
                ])
                .write_empty()?;
            text(svg, "fl", "50%", y + 15, &format!("⚠ {warning}"))
        },
    )?;
    Ok(())
}

/// Whose code the time is spent in, which is also what the colours mean.
fn legend(
    svg: &mut Writer<Vec<u8>>,
    y: usize,
    caption: &Caption,
    folded: &Folded,
) -> io::Result<()> {
    let total = folded.total();
    let mut x = 10;
    text(svg, "fl fl-key", &x.to_string(), y + 15, "self time:")?;
    x += 62;
    for (class, samples) in caption.palette.self_samples(folded) {
        if samples == Samples(0) {
            continue;
        }
        let color = class.color();
        svg.create_element("rect")
            .with_attributes([
                ("x", &*x.to_string()),
                ("y", &*(y + 5).to_string()),
                ("width", "12"),
                ("height", "12"),
                ("rx", "2"),
                ("fill", &*format!("rgb({},{},{})", color.r, color.g, color.b)),
            ])
            .write_empty()?;
        let label = share_label(class, samples, total, caption.us_per_sample);
        text(svg, "fl fl-key", &(x + 17).to_string(), y + 15, &label)?;
        // About the width of a character of a proportional font at 12 px, and a gap.
        x += 17 + label.chars().count() * 13 / 2 + 14;
    }
    Ok(())
}

fn share_label(class: Class, samples: Samples, total: Samples, us: Option<f64>) -> String {
    let share = samples.share_of(total);
    match us {
        Some(us) => format!("{} {} µs", class.label(), micros(us * samples.0 as f64)),
        None => format!("{} {share}", class.label()),
    }
}

/// What the widths mean, and where the rest is.
pub(super) fn footer(
    svg: &mut Writer<Vec<u8>>,
    y: usize,
    caption: &Caption,
    total: Samples,
) -> io::Result<()> {
    let widths = match caption.us_per_sample {
        _ if total == Samples(0) => String::new(),
        Some(us) => {
            format!("Width: CPU time per request, {} µs in all.", micros(us * total.0 as f64))
        }
        None => "Width: samples.".to_owned(),
    };
    let note = match total {
        Samples(0) => widths,
        _ => {
            let drawn = match caption.frames {
                Frames::Raw => "every frame has its box",
                Frames::Given => "⋯ is machinery",
                Frames::Readable => "wrappers are folded, ⋯ is machinery",
            };
            // The run's files stand on the same line, at its other end.
            format!(
                "{widths} Callers above callees; {drawn}; below {WIDTH_MIN_PERCENT} % not drawn."
            )
        }
    };
    text(svg, "fl fl-note", "10", y, &note)?;
    let run = caption.id.as_ref().map(|id| format!("run {id}"));
    links(svg, y, run.as_deref(), &caption.links)
}

/// What belongs to a picture, at the right end of its line at `y`: maybe a name, then links.
pub(super) fn links(
    svg: &mut Writer<Vec<u8>>,
    y: usize,
    name: Option<&str>,
    links: &[Link],
) -> io::Result<()> {
    svg.create_element("text")
        .with_attributes([
            ("class", "fl fl-note fl-end"),
            ("x", "100%"),
            ("dx", "-10"),
            ("y", &*y.to_string()),
        ])
        .write_inner_content(|svg| {
            let mut separator = "";
            if let Some(name) = name {
                svg.write_event(Event::Text(BytesText::new(&xml_safe(name))))?;
                separator = "  ·  ";
            }
            for link in links {
                svg.write_event(Event::Text(BytesText::new(separator)))?;
                svg.create_element("a")
                    .with_attribute(("href", &*xml_safe(&link.target())))
                    .write_text_content(BytesText::new(&xml_safe(&link.text)))?;
                separator = "  ·  ";
            }
            Ok(())
        })?;
    Ok(())
}

/// One line of text.
pub(super) fn text(
    svg: &mut Writer<Vec<u8>>,
    class: &str,
    x: &str,
    y: usize,
    content: &str,
) -> io::Result<()> {
    svg.create_element("text")
        .with_attributes([("class", class), ("x", x), ("y", &*y.to_string())])
        .write_text_content(BytesText::new(&xml_safe(content)))?;
    Ok(())
}
