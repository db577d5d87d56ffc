//! A comparison for a reader at a terminal.

use std::fmt::Write as _;

use crate::compare::{Comparison, Frames, Verdict};

use crate::cli::width::Width;

/// The comparison as text.
pub(crate) fn text(comparison: &Comparison, width: Width) -> String {
    let mut out = String::new();
    let mut line = |label: &str, value: &str| out += &width.line(label, value);
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
    out.push('\n');
    out += &width.table(&rows, |column| column == 0 || column == 5, None);
    match (&comparison.frames, &comparison.without_frames) {
        (Some(frames), _) => out.push_str(&table(frames, width)),
        (None, Some(why)) => {
            let why = format!("functions are not compared: {why}");
            // Writing to a string cannot fail.
            let _ = writeln!(out, "\n  {}", width.wrapped(&why, 2));
        }
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

fn table(frames: &Frames, width: Width) -> String {
    let columns = |rows: &[Vec<String>]| width.table(rows, |column| column == 5, Some(5));
    let mut out = "\n  time in each function itself, µs/request\n".to_owned();
    let header = ["A", "B", "change", "95 % interval", "", "function"];
    let mut rows = vec![header.map(str::to_owned).into()];
    rows.extend(frames.lines().into_iter().map(|line| {
        // Long names of other functions belong to the wider table in Markdown or JSON.
        let verdict = if line.verdict.starts_with("moved") { "moved" } else { &line.verdict };
        vec![line.a, line.b, line.change, line.interval, verdict.to_owned(), line.name]
    }));
    out.push_str(&columns(&rows));
    let causes = frames.cause_lines();
    if !causes.is_empty() {
        out.push_str("\n  changed with what they call, µs/request\n");
        let rows = causes
            .into_iter()
            .map(|line| vec![line.a, line.b, line.change, line.interval, line.verdict, line.name]);
        out.push_str(&columns(&rows.collect::<Vec<_>>()));
    }
    for note in frames.notes() {
        let _ = writeln!(out, "  {}", width.wrapped(&note, 2));
    }
    out
}
