//! The kept record of a run, and the store of runs.
//!
//! ```text
//! flamegraphs/<target>/<run id>/
//!   run.json          the record: a Run
//!   profile.json.gz   the time-resolved Profile
//!   cpu.folded        \ derived from the two above, byte for byte the same at any time;
//!   cpu.svg           / of several processes, also cpu-<process>.folded and cpu-<process>.svg
//!                     | and of requests with slices of their own, request-<name>.folded and .svg
//!
//! flamegraphs/bench/<id>/
//!   bench.json        the record of a benchmark: a Bench, of the runs that it names
//!   table.md  table.csv  chart.svg    derived from it by `report`
//!
//! flamegraphs/compare/<id>/
//!   comparison.json                   what two sides say about each other: see `compare`
//!   index.html  diff.svg  ...         derived from the sides by `report`
//!
//! flamegraphs/calibration.json        what a server differs by from itself: Calibrations
//! ```

mod bench;
mod calibration;
mod derive;
mod host;
mod id;
mod run;
mod runtime;
mod store;
mod time;
mod trust;

pub use bench::{Bench, CellFacts, CellProcessFacts, EstimateFacts, LevelFacts, RoundFacts};
pub use calibration::{Calibration, FloorFacts, HostClass};
pub use derive::{Derived, DerivedFile, derive};
pub use host::Host;
pub use id::{RunId, RunIdError};
pub use run::{
    AgreementFacts, AloneFacts, BottleneckFacts, BudgetFacts, CallFacts, ClientFacts, Distribution,
    DistributionError, ErrorCounts, ErrorFacts, HotFacts, LatencyFacts, LoadFacts, MixFacts,
    ObserverEffect, OtherProfile, ProcessFacts, ProfileFacts, RequestFacts, Run, ServerFacts,
    ShareFacts, SliceFacts, StageFacts, Status, TargetFacts, ThresholdFacts, TruncatedFacts,
    UnnamedFacts, UnwindFacts,
};
pub use runtime::runtime_of;
pub use store::{Attachment, RecordError, RunSummary, Store};
pub use time::{UtcTime, UtcTimeError};
