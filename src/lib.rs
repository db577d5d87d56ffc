//! flameload profiles a server under load and says what each request costs.
//!
//! ```text
//! Target -launch-> Running -+- load ----> Tally per slice ------------------+
//!                           +- sample --> Capture -symbolize-> Profile -fold-> Folded -+-> Run
//!                                                                    render -> Svg ----+
//! ```
//!
//! Read the modules in the order of the pipeline:
//!
//! | module | what it owns |
//! |---|---|
//! | [`unit`](mod@unit) | quantities that carry their unit |
//! | `random`, `stats`, `os` | random numbers from a seed; intervals; what the system says of processes |
//! | [`plain`], `unpack` | foreign text made harmless for terminals and files; files and gzip of others within limits |
//! | [`config`] | reading a TOML file strictly, with the nearest known key in each error |
//! | [`target`] | manifest -> build -> launch -> ready -> a running server |
//! | [`load`] | script -> plan -> traffic -> tallies of requests, latency and errors |
//! | [`sample`] | processes -> stacks of addresses, counted over time |
//! | [`symbolize`] | addresses -> names: the [`symbolize::Profile`] |
//! | [`fold`] | profile -> folded stacks and the hottest frames; two sides -> their differences |
//! | [`render`] | folded stacks -> flamegraph SVG |
//! | [`record`] | the kept record of a run, and the store of runs |
//! | [`report`] | the record of a benchmark -> tables and a chart |
//! | [`compare`](mod@compare) | two sides -> what changed, how surely, and in which functions |
//! | [`measure`] | the composer: launch, warm up, slices of load with sampling, record |
//! | `cli` (a feature) | the program: arguments, progress, tables, exit codes |
//!
//! What most users need is at the root: a [`Target`](What) is profiled by [`profile()`], and two
//! recorded runs are compared by [`compare()`]; the modules have all the rest, which may change
//! from one version to the next.
//!
//! But for `cli`, the library prints nothing, reads no arguments and never exits: progress is a stream of
//! [`measure::Event`]s, failures are values.

#[cfg(not(target_os = "linux"))]
compile_error!("flameload measures by Linux's perf events and /proc: build it for Linux");

#[cfg(feature = "cli")]
pub mod cli;
pub mod compare;
pub mod config;
pub mod fold;
pub mod load;
pub mod measure;
mod os;
pub mod plain;
mod random;
pub mod record;
pub mod render;
pub mod report;
pub mod sample;
mod stats;
pub mod symbolize;
pub mod target;
pub mod unit;
mod unpack;

#[doc(inline)]
pub use compare::{Comparison, compare};
#[doc(inline)]
pub use load::Script;
#[doc(inline)]
pub use measure::{Attach, Finished, Launch, MeasureError, Settings, What, profile};
#[doc(inline)]
pub use record::{Run, Store};
#[doc(inline)]
pub use target::Manifest;
