//! The record of a benchmark -> tables and a chart; a comparison -> pictures and a page.
//!
//! ```text
//! Bench -+-> Grid: rows under a header -> Markdown, terminal
//!        +-> CSV: every figure
//!        +-> SVG: a row for each target at each level; requests/s, latency, CPU time per request
//!
//! Pair + Comparison -> DiffGraph -render-> SVG of the difference; page of A, B and the difference
//! ```
//!
//! Nothing is measured or estimated here: the record, or the comparison, has every figure, and
//! this says it.

mod about;
mod chart;
mod columns;
mod comparison;
mod csv;
mod difference;
mod grid;
mod markdown;
mod notes;
mod words;

use thiserror::Error;

use crate::{record::Bench, render::RenderError};
pub use about::About;
pub use chart::chart;
pub use columns::{compact, latency, processes, resources, throughput};
pub use comparison::{comparison_markdown, derive_comparison};
pub use csv::csv;
pub use difference::difference;
pub use grid::{Column, Grid};
pub use markdown::markdown;
pub use notes::notes;
pub use words::headline;

/// Why a table or a chart could not be made.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The chart could not be drawn.
    #[error("cannot draw the chart: {0}")]
    Chart(#[from] std::io::Error),
    /// The table could not be written.
    #[error("cannot write the table: {0}")]
    Csv(#[from] ::csv::Error),
    /// A picture or a page could not be drawn.
    #[error(transparent)]
    Picture(#[from] RenderError),
    /// The comparison could not be written.
    #[error("cannot write the comparison: {0}")]
    Json(#[from] serde_json::Error),
}

/// The files that a benchmark's record determines, with their names.
///
/// # Errors
/// When one of them cannot be made.
pub fn derive(bench: &Bench) -> Result<[(&'static str, Vec<u8>); 3], ReportError> {
    Ok([
        ("table.md", markdown(bench).into_bytes()),
        ("table.csv", csv(bench)?),
        ("chart.svg", chart(bench)?),
    ])
}

#[cfg(test)]
mod tests;
