//! Comparisons as a whole.

mod causes;
mod functions;
mod metrics;
mod paths;
mod properties;
mod simulation;
mod support;
mod texts;
