//! Folded stacks -> flamegraph SVG.
//!
//! ```text
//! Folded -inferno-> SVG of frames -compose-> header, banner, legend, metadata, links around it
//! ```
//!
//! The same stacks and caption give the same bytes: nothing is random, and no clock is read.

mod caption;
mod compose;
pub mod diff;
mod header;
mod palette;
mod svg;
mod text;
mod trunk;

pub use caption::{Caption, Frames, Link, Spread};
pub use palette::{Class, Palette};
pub use svg::{RenderError, flamegraph};
pub use text::{grouped, micros, plus_minus, wrap, xml_safe};
