//! The rows: where each is, and what its panels show.

use std::io;

use super::{
    MARGIN, WIDTH,
    draw::Draw,
    head::shortened,
    panel::{self, Panel},
    scale::Scale,
};
use crate::{
    record::{Bench, CellFacts, EstimateFacts},
    report::words::{cpu, duration, headline, rate, reach},
};

/// From the top of the panels to their first row: their titles and axes.
const PANEL_HEAD: f64 = 42.0;
const LEVEL: f64 = 28.0;
const ROW: f64 = 23.0;
const GAP: f64 = 6.0;
/// Between two panels.
const BETWEEN: f64 = 26.0;
/// About the width of a letter of a name.
const LETTER: f64 = 7.0;
const NAME_COLUMNS_MAX: usize = 28;
/// How much further than the longest bar an interval may reach before it is cut off.
const REACH_MAX: f64 = 1.25;

/// Colours that are told apart by whoever sees any (after Okabe and Ito).
const COLORS: [&str; 7] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a7a7a"];

/// The rows of a chart.
pub(super) struct Rows<'a> {
    bench: &'a Bench,
    top: f64,
    /// The targets in their order, which is that of the colours.
    targets: Vec<&'a str>,
    throughput: Panel,
    latency: Panel,
    cpu: Panel,
}

impl<'a> Rows<'a> {
    /// The rows below `top`.
    pub(super) fn of(bench: &'a Bench, top: f64) -> Self {
        let mut targets: Vec<&str> = Vec::new();
        for cell in &bench.cells {
            if !targets.contains(&cell.target.as_str()) {
                targets.push(&cell.target);
            }
        }
        let longest = targets.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let name = longest.clamp(6, NAME_COLUMNS_MAX) as f64 * LETTER + 22.0;
        let room = WIDTH - 2.0 * MARGIN - name - 2.0 * BETWEEN;
        let (wide, middle, narrow) = (room * 0.36, room * 0.38, room * 0.26);
        let x = MARGIN + name;
        let cells = &bench.cells;
        let rates = cells.iter().filter(|cell| cell.valid).map(|cell| cell.requests_per_second);
        let costs = cells.iter().map(|cell| cell.cpu_us_per_request);
        let latencies = cells.iter().flat_map(|cell| [cell.latency_us.p50, cell.latency_us.p99]);
        let throughput = Panel { x, width: wide, label: 62.0, scale: scale(rates) };
        let x = x + wide + BETWEEN;
        let spread = Scale::for_spread(latencies.flatten());
        let latency = Panel { x, width: middle, label: 132.0, scale: spread };
        let x = x + middle + BETWEEN;
        let cpu = Panel { x, width: narrow, label: 62.0, scale: scale(costs) };
        Self { bench, top, targets, throughput, latency, cpu }
    }

    pub(super) fn bottom(&self) -> f64 {
        let levels = self.bench.levels().count() as f64;
        self.first() + levels * (LEVEL + GAP) + self.bench.cells.len() as f64 * ROW
    }

    fn first(&self) -> f64 {
        self.top + PANEL_HEAD
    }

    /// All figures in words, for whoever does not see them.
    pub(super) fn description(&self) -> String {
        let said = self.bench.cells.iter().map(|cell| {
            let (name, level) = (&cell.target, &cell.level.name);
            let mut words = format!("{name} at {level}: {} requests/s", headline(cell));
            if cell.valid {
                let p99 = duration(cell.latency_us.p99);
                words += &format!(", p99 {p99}, {} µs CPU/request", cpu(cell.cpu_us_per_request));
            }
            words
        });
        said.collect::<Vec<_>>().join("; ")
    }

    pub(super) fn draw(&self, draw: &mut Draw) -> io::Result<()> {
        self.heads(draw)?;
        let mut y = self.first();
        for level in self.bench.levels() {
            y += LEVEL;
            if let Some(first) = level.first() {
                draw.text("level", MARGIN, y - 8.0, &first.level.name)?;
                draw.line("rule", (MARGIN, y - 1.0), (WIDTH - MARGIN, y - 1.0))?;
            }
            y += GAP / 2.0;
            for cell in level {
                self.row(draw, cell, y)?;
                y += ROW;
            }
            y += GAP / 2.0;
        }
        Ok(())
    }

    fn heads(&self, draw: &mut Draw) -> io::Result<()> {
        let (top, bottom) = (self.top, self.bottom());
        self.throughput.head(draw, "requests/s", top, bottom, panel::thousands)?;
        let title = if self.latency.scale.is_log() { "latency (log)" } else { "latency" };
        self.latency.head(draw, title, top, bottom, panel::time)?;
        self.cpu.head(draw, "CPU µs/request", top, bottom, panel::thousands)?;
        let x = self.latency.x + if self.latency.scale.is_log() { 102.0 } else { 64.0 };
        draw.disc(x, top + 8.0, "#37424d")?;
        draw.text("value", x + 8.0, top + 12.0, "p50")?;
        draw.diamond(x + 42.0, top + 8.0, "#37424d")?;
        draw.text("value", x + 51.0, top + 12.0, "p99")
    }

    fn row(&self, draw: &mut Draw, cell: &CellFacts, y: f64) -> io::Result<()> {
        let index = self.targets.iter().position(|name| *name == cell.target).unwrap_or_default();
        let color = COLORS[index % COLORS.len()];
        let name = shortened(&cell.target, NAME_COLUMNS_MAX);
        draw.with_hint(&self.hint(cell), |draw| {
            draw.text("name", self.throughput.x - 10.0, y + 15.5, &name)?;
            match cell.requests_per_second.filter(|_| cell.valid) {
                Some(figure) => {
                    self.throughput.bar(draw, figure, y, color, &rate(figure.value))?;
                }
                None => {
                    let word = headline(cell);
                    let class = if word == "-" { "none" } else { "bad" };
                    let why = cell.problems.first().filter(|_| word != "-");
                    let room = (WIDTH - MARGIN - self.throughput.x - 90.0) / 6.6;
                    let why = why.map(|why| shortened(why, room as usize)).unwrap_or_default();
                    draw.text(class, self.throughput.x + 4.0, y + 15.5, &word)?;
                    return draw.text("value", self.throughput.x + 90.0, y + 15.5, &why);
                }
            }
            if let (Some(p50), Some(p99)) = (cell.latency_us.p50, cell.latency_us.p99) {
                let label = format!("{} · {}", duration(Some(p50)), duration(Some(p99)));
                self.latency.span(draw, (p50, p99), y, color, &label)?;
            }
            if let Some(figure) = cell.cpu_us_per_request {
                self.cpu.bar(draw, figure, y, color, &cpu(Some(figure)))?;
            }
            Ok(())
        })
    }

    /// What shows where the pointer rests on a row.
    fn hint(&self, cell: &CellFacts) -> String {
        let mut lines = vec![format!("{}, {}", cell.target, cell.level.name)];
        lines.push(format!("{} requests/s ({})", headline(cell), reach(cell.requests_per_second)));
        lines.extend(cell.problems.iter().cloned());
        lines.join(" · ")
    }
}

/// The scale of bars with intervals, which very long ones do not stretch.
fn scale(figures: impl Iterator<Item = Option<EstimateFacts>> + Clone) -> Scale {
    let longest = figures.clone().flatten().map(|figure| figure.value).fold(0.0, f64::max);
    let high = figures.flatten().map(|figure| figure.ci95.map_or(figure.value, |[_, high]| high));
    Scale::linear(high.map(move |high| high.min(longest * REACH_MAX)))
}
