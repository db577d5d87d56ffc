//! What the system says of processes, to whoever asks.

pub(crate) mod clock;
pub(crate) mod process;
