//! What stands below a table: why a cell has no figure, and what is to be known of those it has.

use super::words::headline;
use crate::record::{Bench, CellFacts};

/// Each note as a sentence; what holds for every cell is said once.
pub fn notes(bench: &Bench) -> Vec<String> {
    let mut notes = Vec::new();
    for cell in &bench.cells {
        let name = name(bench, cell);
        let word = if cell.valid { String::new() } else { format!("{}: ", headline(cell)) };
        let mark = if cell.valid { "left out: " } else { "" };
        let word = if word == "-: " { String::new() } else { word };
        notes.extend(cell.problems.iter().map(|problem| format!("{name}: {word}{mark}{problem}")));
        if cell.rounds.is_empty() {
            notes.push(format!("{name}: not measured"));
        }
        notes.extend(cell.broken.iter().map(|limit| format!("{name}: THRESHOLD {limit} rounds")));
    }
    let mut told: Vec<&String> = Vec::new();
    for warning in bench.cells.iter().flat_map(|cell| &cell.warnings) {
        if told.contains(&warning) {
            continue;
        }
        told.push(warning);
        let have = bench.cells.iter().filter(|cell| cell.warnings.contains(warning));
        let names: Vec<String> = have.map(|cell| name(bench, cell)).collect();
        let everywhere = names.len() == bench.cells.iter().filter(|cell| cell.valid).count();
        match everywhere && names.len() > 1 {
            true => notes.push(warning.clone()),
            false => notes.push(format!("{}: {warning}", names.join("; "))),
        }
    }
    if bench.cells.iter().any(|cell| cell.latency_from.as_deref() == Some("medians")) {
        notes.push(
            "where an engine gives no histogram, percentiles are medians of the rounds' own"
                .to_owned(),
        );
    }
    notes
}

/// A cell in words; the level only where there are several.
fn name(bench: &Bench, cell: &CellFacts) -> String {
    match bench.levels().count() {
        1 => cell.target.clone(),
        _ => format!("{}, {}", cell.target, cell.level.name),
    }
}
