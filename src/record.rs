//! The kept record of a run, and the store of runs.
//!
//! ```text
//! flamegraphs/<target>/<run id>/
//!   run.json          the record: a Run
//!   profile.json.gz   the time-resolved Profile
//!   cpu.folded        \ derived from the two above, byte for byte the same at any time;
//!   cpu.svg           / of several processes, also cpu-<process>.folded and cpu-<process>.svg
//! ```

mod derive;
mod host;
mod id;
mod run;
mod store;
mod time;
mod trust;

pub use derive::{Derived, DerivedFile, derive};
pub use host::Host;
pub use id::{RunId, RunIdError};
pub use run::{
    BottleneckFacts, BudgetFacts, ClientFacts, ErrorCounts, ErrorFacts, HotFacts, LatencyFacts,
    LoadFacts, ObserverEffect, ProcessFacts, ProfileFacts, RequestFacts, Run, ServerFacts,
    SliceFacts, StageFacts, Status, TargetFacts, ThresholdFacts, UnnamedFacts, UnwindFacts,
};
pub use store::{Attachment, RecordError, RunSummary, Store};
pub use time::{UtcTime, UtcTimeError};
