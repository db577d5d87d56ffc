//! Profile -> folded stacks and the hottest frames: what is summed over time and over lines; and
//! how far two profiles agree. Two sides -> the tree of their differences.

mod agreement;
mod delta;
mod folded;
mod hottest;
mod label;
mod labels;
mod language;
mod name;
mod quality;
mod readable;
mod roots;
mod scatter;

pub use agreement::{Agreement, ComparedFunction, agreement};
pub use delta::{Costs, DeltaNode, DeltaTree};
pub use folded::{Folded, FoldedError};
pub use hottest::{HotFrame, Hottest};
pub(crate) use label::{Owner, go_name, owner};
pub use labels::NamedFunctions;
pub use language::Language;
pub use name::{KERNEL_SUFFIX, clean};
pub use quality::{Quality, unnamed};
pub use readable::Readable;
pub use scatter::{Parts, Scatter};
