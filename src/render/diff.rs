//! A tree of differences -> differential flamegraph: alone as an SVG, and as a page beside the
//! flamegraphs of its two sides.
//!
//! ```text
//! DeltaTree + findings + caption = DiffGraph -prepare-> Picture -+-> svg()   the difference alone
//!                                                                +-> page()  A, B, the difference
//! ```
//!
//! # Widths
//!
//! A frame is as wide as the **mean of what it costs on both sides**. That nests: a mean of sums
//! is the sum of means, so that what a frame calls fills it exactly but for its own cost, and
//! every width is on one scale. A frame that one side does not have keeps half of its width
//! there, so that nothing that came or went is out of sight.
//!
//! The larger of both costs does not nest, as children may change places within a parent that
//! stays. Enlarging parents until they fit would, but then scatter widens everything: two runs of
//! one server with some thousands of samples each came out 14 % wider than either.
//!
//! The picture draws all by itself; the script in it adds zoom, search and details.

mod frames;
mod graph;
mod header;
mod layout;
mod legend;
mod page;
mod picture;
mod shown;
mod table;
mod words;

pub use graph::{DiffCaption, DiffGraph, Finding, Mark, Place};
pub use page::page;
pub use picture::svg;
pub use table::{FunctionRow, MetricRow};

#[cfg(test)]
mod tests;
