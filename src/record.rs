//! The kept record of a run, and the store of runs.
//!
//! ```text
//! flamegraphs/<target>/<run id>/
//!   run.json          the record: a Run
//!   profile.json.gz   the time-resolved Profile
//!   cpu.folded        \ derived from the two above, byte for byte the same at any time
//!   cpu.svg           /
//! ```

mod derive;
mod host;
mod id;
mod run;
mod store;
mod time;
mod trust;

pub use derive::{Derived, derive};
pub use host::Host;
pub use id::{RunId, RunIdError};
pub use run::{
    BudgetFacts, ClientFacts, ErrorCounts, HotFacts, LatencyFacts, LoadFacts, ObserverEffect,
    ProfileFacts, Run, ServerFacts, SliceFacts, Status, TargetFacts, UnwindFacts,
};
pub use store::{RecordError, RunSummary, Store};
pub use time::{UtcTime, UtcTimeError};
