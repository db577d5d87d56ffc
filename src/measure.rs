//! The composer: launch, warm up, slices of load with sampling on and off, symbolize, record.
//!
//! ```text
//! Subject (launched or attached) -> warm up -> slices -> Observed -> Profile -> Run, in the store
//! ```
//!
//! Load and sampling know nothing of each other; only this module starts both. A slice is a short
//! interval in which sampling is on or off as a whole; between slices the load is drained, so that
//! requests, CPU time and samples of a slice belong together. See `docs/METHOD.md`.

mod agenda;
mod alone;
mod backends;
mod bench;
mod bottleneck;
mod builtin;
mod caller;
mod calls;
mod collapse;
mod confidence;
mod diagnosis;
mod duel;
mod error;
mod event;
mod external;
mod facts;
mod heartbeat;
mod instruments;
mod latency;
mod observed;
mod observer;
mod profile;
mod rate;
mod served;
mod server_watch;
mod slice;
mod slices;
mod steady;
mod subject;
mod surroundings;
mod thresholds;
mod turns;
mod window;

pub use agenda::Place;
pub use backends::{Backend, Backends, BackendsError};
pub use bench::{BenchEvent, BenchSink, Contest, Entrant, Source, bench, bench_of, share_of};
pub use confidence::{Estimate, t_quantile_975};
pub use diagnosis::{Diagnosis, Seen, ServerExit, ServerSeen};
pub use duel::{
    Contender, Duel, DuelEvent, DuelSink, Looks, Question, calibration, known_floors, until_sure,
};
pub use error::MeasureError;
pub use event::{Event, Sink};
pub use observer::ObserverEffect;
pub use profile::{Finished, Prepared, Settings, profile};
pub use slice::{Invalid, Slice};
pub use subject::{Attach, Launch, What};
