//! A benchmark on a terminal: a table and bars for each level, and what is to be known of them.

use std::{fmt::Write as _, path::Path};

use crate::{
    plain::visible,
    record::{Bench, CellFacts},
    render::micros,
    report::{self, About, Grid},
};

use super::bars::bar;
use crate::cli::{
    out::{is_colored, shown_path},
    width::Width,
};

/// Columns where nobody says how many there are.
const COLUMNS: usize = 100;
/// Bars longer than this tell no more.
const BAR_MAX: usize = 60;
/// Room for a figure behind a bar.
const FIGURE: usize = 12;
/// Colours of the targets: those that are told apart on dark and light terminals.
const COLORS: [&str; 6] = ["34", "33", "36", "35", "32", "90"];
const ALARM: &str = "1;31";

/// How to write on a terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) width: Width,
    pub(super) color: bool,
}

impl Look {
    /// What stdout is: colours only where somebody sees them.
    pub(super) fn of_stdout() -> Self {
        Self { width: Width::of_stdout(), color: is_colored(&std::io::stdout()) }
    }

    fn paint(self, color: &str, text: &str) -> String {
        match self.color && !text.is_empty() {
            true => format!("\x1b[{color}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

/// The benchmark in words, with where it is kept.
pub(super) fn text(bench: &Bench, directory: &Path, look: Look) -> String {
    let About { title, method, place, warnings } = About::of(bench);
    let mut out = format!("{}\n", visible(&title));
    // Writing to a string cannot fail.
    let (method, place) = (method.join(" · "), place.join(" · "));
    let wrapped = |text: &str, column| look.width.wrapped(&visible(text), column);
    let _ = writeln!(out, "  {}\n  {}", wrapped(&method, 2), wrapped(&place, 2));
    for warning in &warnings {
        let _ = writeln!(out, "  {} {}", look.paint(ALARM, "BEWARE"), wrapped(warning, 9));
    }
    for level in bench.levels() {
        let name = level.first().map_or("", |cell| cell.level.name.as_str());
        let _ = writeln!(out, "\n{}", visible(name));
        out.push_str(&table(&report::compact(bench, level), look));
        out.push_str(&bars(bench, level, look));
    }
    let notes = report::notes(bench);
    if !notes.is_empty() {
        out.push('\n');
    }
    for note in notes {
        let _ = writeln!(out, "  {}", wrapped(&note, 2));
    }
    let file = |name: &str| shown_path(&directory.join(name));
    let _ = writeln!(out, "\n  tables       {}", file("table.md"));
    let _ = writeln!(out, "  chart        {}", file("chart.svg"));
    let flamegraphs = bench.cells.iter().filter_map(|cell| Some((cell, cell.flamegraph.as_ref()?)));
    for (cell, path) in flamegraphs {
        let root = directory.parent().and_then(Path::parent).unwrap_or(directory);
        let (path, level) = (shown_path(&root.join(path)), &cell.level.name);
        let flamegraph = format!("{path} ({}, {level})", cell.target);
        let _ = writeln!(out, "  flamegraph   {}", visible(&flamegraph));
    }
    out
}

/// Columns that line up: words at the left, numbers at the right.
fn table(grid: &Grid, look: Look) -> String {
    let header: Vec<&str> = grid.columns.iter().map(|column| column.title.as_str()).collect();
    let rows = grid.rows.iter().map(|row| row.iter().map(String::as_str).collect());
    let lines: Vec<Vec<&str>> = std::iter::once(header).chain(rows).collect();
    let wide = |text: &str| text.chars().count();
    let width = |column| lines.iter().map(|line| wide(line[column])).max().unwrap_or(0);
    let widths: Vec<usize> = (0..grid.columns.len()).map(width).collect();
    let mut table = String::new();
    let parts = look.width.lines(&widths);
    for line in &lines {
        for part in &parts {
            // What goes on in a line of its own is further in.
            let mut text = if part.start > 0 { "    " } else { "" }.to_owned();
            for place in part.clone() {
                let (cell, column) = (line[place], &grid.columns[place]);
                let padding = " ".repeat(widths[place] - wide(cell));
                let is_bad = matches!(cell, "NOT VALID" | "failed");
                let cell =
                    if is_bad { look.paint(ALARM, cell) } else { visible(cell).into_owned() };
                let (before, after) =
                    if column.is_text { ("", &*padding) } else { (&*padding, "") };
                text += &format!("  {before}{cell}{after}");
            }
            table.push_str(text.trim_end());
            table.push('\n');
        }
    }
    table
}

/// Requests/s and CPU time per request, in bars.
fn bars(bench: &Bench, level: &[CellFacts], look: Look) -> String {
    let rates = |cell: &CellFacts| {
        let rate = cell.requests_per_second.filter(|_| cell.valid)?.value;
        Some((rate, report::headline(cell)))
    };
    let costs = |cell: &CellFacts| {
        let us = cell.cpu_us_per_request?.value;
        Some((us, micros(us)))
    };
    let mut out = String::new();
    out += &panel("requests/s", bench, level, look, rates);
    out += &panel("CPU µs/request", bench, level, look, costs);
    out
}

fn panel(
    title: &str,
    bench: &Bench,
    level: &[CellFacts],
    look: Look,
    of: impl Fn(&CellFacts) -> Option<(f64, String)>,
) -> String {
    let most = level.iter().filter_map(&of).map(|(value, _)| value).fold(0.0, f64::max);
    if level.len() < 2 || most <= 0.0 {
        // A single bar compares with nothing.
        return String::new();
    }
    let wide = |cell: &CellFacts| cell.target.chars().count();
    let name_width = level.iter().map(wide).max().unwrap_or(0);
    let columns = look.width.0.unwrap_or(COLUMNS);
    let width = columns.saturating_sub(name_width + FIGURE + 6).clamp(10, BAR_MAX);
    let mut out = format!("\n  {title}\n");
    for cell in level {
        let figure = of(cell);
        let drawn = figure.as_ref().map_or(String::new(), |(value, _)| bar(*value, most, width));
        let figure = figure.map_or(report::headline(cell), |(_, figure)| figure);
        let name = format!("{:name_width$}", visible(&cell.target));
        let place = bench.cells.iter().position(|other| other.target == cell.target);
        let color = COLORS[place.unwrap_or_default() % COLORS.len()];
        let space = if drawn.is_empty() { "" } else { " " };
        let _ = writeln!(out, "  {name}  {}{space}{figure}", look.paint(color, &drawn));
    }
    out
}

#[cfg(test)]
mod tests;
