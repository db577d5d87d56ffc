//! Profile -> folded stacks and the hottest frames: what is summed over time and over lines.
//! Two of them -> the tree of their differences.

mod delta;
mod folded;
mod hottest;
mod name;

pub use delta::{Costs, DeltaFunction, DeltaNode, DeltaTree};
pub use folded::{Folded, FoldedError};
pub use hottest::{HotFrame, hottest};
pub use name::{KERNEL_SUFFIX, clean};
