//! The composer: launch, warm up, slices of load with sampling on and off, symbolize, record.
//!
//! ```text
//! Subject (launched or attached) -> warm up -> slices -> Observed -> Profile -> Run, in the store
//! ```
//!
//! Load and sampling know nothing of each other; only this module starts both. A slice is a short
//! interval in which sampling is on or off as a whole; between slices the load is drained, so that
//! requests, CPU time and samples of a slice belong together. See `docs/METHOD.md`.

mod confidence;
mod diagnosis;
mod error;
mod event;
mod facts;
mod observer;
mod profile;
mod slice;
mod slices;
mod subject;
mod window;

pub use confidence::{Estimate, t_quantile_975};
pub use diagnosis::{Diagnosis, Seen, ServerExit, ServerSeen};
pub use error::MeasureError;
pub use event::{Event, Sink};
pub use observer::ObserverEffect;
pub use profile::{Finished, Settings, profile};
pub use slice::Slice;
pub use subject::{Attach, Launch, What};
