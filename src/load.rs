//! Drives load at a server: script -> plan -> traffic -> tallies.
//!
//! ```text
//! Script -Plan::new-> Plan -Generator::start-> Generator -resume/pause-> Tally (one per slice)
//! ```
//!
//! A [`Script`] says what is asked for, a [`Plan`] is that rendered to bytes for one address, and
//! a [`Generator`] keeps the connections and the threads. Its tap opens and closes within about a
//! millisecond, and closing it drains every response, so that a slice of load has clear edges.
//!
//! The load is **closed-loop**: a connection sends its next request when the response to the last
//! has come. Latencies are therefore service times under saturation, not what users would wait
//! for at a given rate.
//!
//! The hot path costs one write, one read and its share of an `epoll_wait` for each request:
//! readiness is edge-triggered and registered once, the next request is written in the pass in
//! which the response completes, and nothing is read again after a short read.
//!
//! Load goes to loopback addresses only.

mod connection;
mod course;
mod endpoint;
mod error;
mod errors;
mod external;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod generator;
mod plan;
mod pool;
mod preflight;
mod probe;
mod random;
mod request;
mod response;
mod schedule;
mod script;
mod stream;
mod tally;
mod template;
mod worker;

pub use endpoint::{Address, Endpoint};
pub use error::LoadError;
pub use errors::{Age, Cause, Errors, Failure, Occurrences, Phase};
pub use external::{
    External, ExternalError, Invocation, LatencyKind, Origin, Reported, ReportedErrors,
    ReportedLatency, ToolOutput,
};
pub use generator::Generator;
pub use plan::Plan;
pub use pool::Pool;
pub use preflight::{
    Needs, OpenFiles, Shortage, Shortages, Surroundings, open_files_limit, preflight, raise_nofile,
};
pub use probe::{ProbeError, probe};
pub use request::Request;
pub use response::ResponseError;
pub use script::{
    Arrival, Base, Body, Cookies, Engine, EngineKind, Expect, Extent, Http, Limits, Metric,
    OnOverload, Pace, Pick, Script, ScriptRequest, Secret, Stage, Stat, Think, Threads, Threshold,
    Tls, Values, Var, Version,
};
pub use tally::{RequestTally, Schedule, Tally};
