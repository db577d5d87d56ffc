//! Comparisons as a whole.

mod functions;
mod metrics;
mod properties;
mod simulation;
mod support;
mod texts;
