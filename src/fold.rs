//! Profile -> folded stacks and the hottest frames: what is summed over time and over lines; and
//! how far two profiles agree.

mod agreement;
mod folded;
mod hottest;
mod name;
mod quality;
mod roots;

pub use agreement::{Agreement, ComparedFunction, agreement};
pub use folded::{Folded, FoldedError};
pub use hottest::{HotFrame, hottest};
pub use name::{KERNEL_SUFFIX, clean};
pub use quality::Quality;
