//! What stands above the panels.

use std::io;

use super::{
    MARGIN, WIDTH,
    draw::{Area, Draw},
};
use crate::{record::Bench, render::wrap, report::about::About};

const TITLE_Y: f64 = 34.0;
const LINE: f64 = 18.0;
const BANNER: f64 = 26.0;
/// Characters that fit a line.
const COLUMNS: usize = 148;
/// The same of the title, whose letters are larger.
const TITLE_COLUMNS: usize = 98;

/// Title, method, place and warnings, laid out.
pub(super) struct Head {
    title: String,
    lines: Vec<String>,
    warnings: Vec<String>,
}

impl Head {
    pub(super) fn of(bench: &Bench) -> Self {
        let About { title, method, place, warnings } = About::of(bench);
        let words = |text: &String| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let mut lines = wrap(&method, "  ·  ", COLUMNS);
        lines.extend(wrap(&place, "  ·  ", COLUMNS));
        let warnings = warnings.iter().flat_map(|text| wrap(&words(text), " ", COLUMNS - 4));
        Self { title, lines, warnings: warnings.collect() }
    }

    pub(super) fn title(&self) -> String {
        self.title.clone()
    }

    pub(super) fn height(&self) -> f64 {
        let (lines, banners) = (self.lines.len() as f64, self.warnings.len() as f64);
        TITLE_Y + lines * LINE + banners * BANNER + 16.0
    }

    pub(super) fn draw(&self, draw: &mut Draw) -> io::Result<()> {
        draw.text("title", MARGIN, TITLE_Y, &shortened(&self.title, TITLE_COLUMNS))?;
        let mut y = TITLE_Y + 4.0;
        for line in &self.lines {
            y += LINE;
            draw.text("about", MARGIN, y, line)?;
        }
        y += 8.0;
        for warning in &self.warnings {
            draw.group(Some("banner"), |draw| {
                let area = Area { x: MARGIN, y, width: WIDTH - 2.0 * MARGIN, height: 22.0 };
                draw.rect(area, "#fff1c9")?;
                draw.text("banner", MARGIN + 8.0, y + 15.5, &format!("⚠ {warning}"))
            })?;
            y += BANNER;
        }
        Ok(())
    }
}

/// The text with its end cut off where it is too long.
pub(super) fn shortened(text: &str, columns: usize) -> String {
    match text.char_indices().nth(columns) {
        Some(_) => text.chars().take(columns.saturating_sub(1)).chain(['…']).collect(),
        None => text.to_owned(),
    }
}
