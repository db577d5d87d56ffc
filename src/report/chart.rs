//! The chart: a row for each target at each level, with three panels side by side.
//!
//! ```text
//! 64 connections     requests/s          latency            CPU time per request
//!   hyper            ██████████|-| 52k   ●──◆ 0.7 · 0.9 ms  ███ 10.8 µs
//!   axum             ████████|-| 41k      ●───◆             ████ 13.1 µs
//! ```
//!
//! Each row has its name and its figures written beside its bars: colours only help the eye along,
//! and whoever cannot tell them apart misses nothing.

mod draw;
mod head;
mod panel;
mod rows;
mod scale;

use std::io;

use crate::record::Bench;
use draw::Draw;
use head::Head;
use rows::Rows;

/// How wide the chart is; it is scaled to the page it stands on.
const WIDTH: f64 = 1000.0;
/// What is left free at its edges.
const MARGIN: f64 = 22.0;

const STYLE: &str = "
text { font-family:system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif; font-size:12.5px; fill:#1c2733; }
.title { font-size:19px; font-weight:600; }
.about { fill:#37424d; }
.banner rect { fill:#fff1c9; stroke:#d9a300; }
.banner text { font-weight:600; fill:#6b4e00; }
.panel { font-weight:600; }
.tick { font-size:11px; fill:#66717c; text-anchor:middle; }
.grid { stroke:#e3e6ea; }
.axis { stroke:#aab2ba; }
.level { font-weight:600; font-size:13px; }
.rule { stroke:#ccd2d8; }
.name { text-anchor:end; }
.value { font-size:11.5px; }
.bad { font-weight:600; fill:#a8071a; }
.none { fill:#66717c; }
.whisker { stroke:#1c2733; stroke-width:1.3; }
.note { font-size:11px; fill:#66717c; }
.end { text-anchor:end; }
";

/// Draws the chart of a benchmark. The same record gives the same bytes.
///
/// # Errors
/// When it cannot be written, which memory always lets.
pub fn chart(bench: &Bench) -> io::Result<Vec<u8>> {
    let head = Head::of(bench);
    let rows = Rows::of(bench, head.height());
    let height = rows.bottom() + 34.0;
    let mut draw = Draw::begin(height, STYLE, &head.title(), &rows.description())?;
    head.draw(&mut draw)?;
    rows.draw(&mut draw)?;
    let bars = "Bars: geometric means of the rounds, with their 95 % intervals.";
    let is_merged = bench.cells.iter().all(|cell| cell.latency_from.as_deref() != Some("medians"));
    let latencies = if is_merged { "all requests of all rounds" } else { "see the table's notes" };
    draw.text("note", MARGIN, height - 12.0, &format!("{bars} Latencies: {latencies}."))?;
    let id = format!("benchmark {}", bench.id);
    draw.text("note end", WIDTH - MARGIN, height - 12.0, &id)?;
    draw.end()
}
