//! A panel: a scale with marks, and what lies on it in each row.

use std::io;

use super::{
    draw::{Area, Draw},
    scale::Scale,
};
use crate::{record::EstimateFacts, report::words::duration};

const BAR: f64 = 15.0;
/// The middle of a row.
const MIDDLE: f64 = 11.5;
/// Half the height of the end of an interval.
const CAP: f64 = 3.5;

/// A panel.
pub(super) struct Panel {
    pub(super) x: f64,
    pub(super) width: f64,
    /// What is left free at its right for figures.
    pub(super) label: f64,
    pub(super) scale: Scale,
}

impl Panel {
    fn at(&self, figure: f64) -> f64 {
        self.x + self.scale.at(figure) * (self.width - self.label)
    }

    /// Title, marks, and the lines below them.
    pub(super) fn head(
        &self,
        draw: &mut Draw,
        title: &str,
        top: f64,
        bottom: f64,
        text: fn(f64) -> String,
    ) -> io::Result<()> {
        draw.text("panel", self.x, top + 12.0, title)?;
        for mark in self.scale.marks() {
            let x = self.at(mark);
            draw.line("grid", (x, top + 38.0), (x, bottom))?;
            draw.text("tick", x, top + 32.0, &text(mark))?;
        }
        Ok(())
    }

    /// A bar with its interval and its figure.
    pub(super) fn bar(
        &self,
        draw: &mut Draw,
        figure: EstimateFacts,
        y: f64,
        color: &str,
        label: &str,
    ) -> io::Result<()> {
        let EstimateFacts { value, ci95 } = figure;
        let (end, middle) = (self.at(value), y + MIDDLE);
        let width = (end - self.x).max(1.0);
        draw.rect(Area { x: self.x, y: middle - BAR / 2.0, width, height: BAR }, color)?;
        let mut label_x = end;
        if let Some([low, high]) = ci95 {
            let (from, to) = (self.at(low), self.at(high));
            draw.line("whisker", (from, middle), (to, middle))?;
            draw.line("whisker", (from, middle - CAP), (from, middle + CAP))?;
            // One that goes on beyond the panel has no end.
            if self.scale.holds(high) {
                draw.line("whisker", (to, middle - CAP), (to, middle + CAP))?;
            }
            label_x = label_x.max(to);
        }
        draw.text("value", label_x + 6.0, y + 15.5, label)
    }

    /// From one figure to another, with both in words.
    pub(super) fn span(
        &self,
        draw: &mut Draw,
        (from, to): (f64, f64),
        y: f64,
        color: &str,
        label: &str,
    ) -> io::Result<()> {
        let (start, end, middle) = (self.at(from), self.at(to), y + MIDDLE);
        draw.stroke(start, end, middle, color)?;
        draw.diamond(end, middle, color)?;
        draw.disc(start, middle, color)?;
        draw.text("value", end + 11.0, y + 15.5, label)
    }
}

/// A figure of an axis, short: `20k`.
pub(super) fn thousands(figure: f64) -> String {
    let (figure, unit) = match figure {
        figure if figure >= 1e6 => (figure / 1e6, "M"),
        figure if figure >= 1e3 => (figure / 1e3, "k"),
        figure => (figure, ""),
    };
    // Marks are round, but for what adding steps up leaves in the last bits.
    format!("{}{unit}", (figure * 1e6).round() / 1e6)
}

/// A time of an axis, short: `200 µs`.
pub(super) fn time(us: f64) -> String {
    match us {
        us if us >= 1e6 => format!("{} s", us / 1e6),
        us if us >= 1e3 => format!("{} ms", us / 1e3),
        us if us >= 1.0 || us == 0.0 => format!("{us} µs"),
        us => duration(Some(us)),
    }
}
