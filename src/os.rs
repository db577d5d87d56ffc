//! What the system says of processes, to whoever asks.

pub(crate) mod process;
pub(crate) mod sys;
