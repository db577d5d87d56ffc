//! A comparison for a reader at a terminal.

use std::fmt::Write as _;

use flameload::compare::{Comparison, Frames, Verdict};

use crate::summary::shorten;

/// The comparison as text.
pub(crate) fn text(comparison: &Comparison) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(out, "  {label:<12} {value}");
    };
    for (label, side) in [("A", &comparison.a), ("B", &comparison.b)] {
        let rounds = match side.rounds {
            1 => String::new(),
            count => format!(", {count} processes"),
        };
        line(label, &format!("{} ({}{rounds})", side.name, side.detail));
    }
    for unlike in &comparison.unlike {
        line("UNLIKE", &format!("{}: A {}, B {}", unlike.what, unlike.a, unlike.b));
    }
    for caveat in &comparison.caveats {
        line("CAVEAT", caveat);
    }
    line(verdict(comparison), &comparison.headline);
    let metrics = comparison.metric_lines();
    let mut rows = vec![["", "A", "B", "change", "95 % interval", ""].map(str::to_owned).into()];
    rows.extend(metrics.into_iter().map(|line| {
        vec![line.label.to_owned(), line.a, line.b, line.change, line.interval, line.verdict]
    }));
    let _ = write!(out, "\n{}", columns(&rows, 1));
    match (&comparison.frames, &comparison.without_frames) {
        (Some(frames), _) => out.push_str(&table(frames)),
        (None, Some(why)) => _ = writeln!(out, "\n  functions are not compared: {why}"),
        (None, None) => {}
    }
    out
}

/// The verdict as a label: what surely is loudly, what is not quietly.
fn verdict(comparison: &Comparison) -> &'static str {
    match comparison.outcome() {
        Verdict::Regressed => "REGRESSED",
        Verdict::Improved => "IMPROVED",
        Verdict::Equivalent => "equivalent",
        Verdict::Inconclusive => "inconclusive",
    }
}

fn table(frames: &Frames) -> String {
    let mut out = "\n  time in each function itself, µs/request\n".to_owned();
    let header = ["A", "B", "change", "95 % interval", "", "function"];
    let mut rows = vec![header.map(str::to_owned).into()];
    rows.extend(frames.lines().into_iter().map(|line| {
        // Long names of other functions belong to the wider table in Markdown or JSON.
        let verdict = if line.verdict.starts_with("moved") { "moved" } else { &line.verdict };
        let name = shorten(&line.name);
        vec![line.a, line.b, line.change, line.interval, verdict.to_owned(), name]
    }));
    out.push_str(&columns(&rows, 0));
    let causes = frames.cause_lines();
    if !causes.is_empty() {
        out.push_str("\n  changed with what they call, µs/request\n");
        let rows = causes.into_iter().map(|line| {
            vec![line.a, line.b, line.change, line.interval, line.verdict, shorten(&line.name)]
        });
        out.push_str(&columns(&rows.collect::<Vec<_>>(), 0));
    }
    for note in frames.notes() {
        let _ = writeln!(out, "  {note}");
    }
    out
}

/// Rows with their columns aligned: the first `left` ones and the last at the left.
fn columns(rows: &[Vec<String>], left: usize) -> String {
    let chars = |text: &String| text.chars().count();
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(chars).max();
    let mut out = String::new();
    for row in rows {
        let last = row.len().saturating_sub(1);
        let cell = |(column, cell): (usize, &String)| match width(column).unwrap_or(0) {
            _ if column == last => cell.clone(),
            width if column < left => format!("{cell:<width$}"),
            width => format!("{cell:>width$}"),
        };
        let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
        let _ = writeln!(out, "  {}", cells.join("  ").trim_end());
    }
    out
}
