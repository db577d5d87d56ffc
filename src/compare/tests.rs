//! Comparisons as a whole.

mod functions;
mod metrics;
mod paths;
mod properties;
mod simulation;
mod support;
mod texts;
