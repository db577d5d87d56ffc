//! Drives load at a server: script -> plan -> traffic -> tallies.
//!
//! ```text
//!          Pool (requests' bytes)    Course (level over time)
//!                     \                /
//! Script -Plan::new-> Plan -Generator::start-> Generator -resume, cut, pause-> Tally (each slice)
//! ```
//!
//! A [`Script`] says what is asked for, a [`Plan`] is that rendered to bytes for one address, and
//! a [`Generator`] keeps the connections and the threads. Its tap opens and closes within about a
//! millisecond. Closing it drains every response, so that a slice of load has clear edges; cutting
//! it ends a tally without a pause in the traffic, for loads that must not be stopped.
//!
//! In a **closed loop** a connection sends its next request when the response to the last has
//! come, and after a time to think if the script has one. Latencies are then service times under
//! saturation, not what users would wait for at a given rate. In an **open loop** requests are due
//! by a schedule that does not wait for the server. Response times count from the instant at which
//! a request was due, service times from its writing: where a server stalls, the first show what
//! users would see and the second why. Stages move the level of either, in straight lines.
//!
//! The hot path costs one write, one read and its share of an `epoll_wait` for each request:
//! readiness is edge-triggered and registered once, the next request is written in the pass in
//! which the response completes, nothing is read again after a short read, and one timer serves
//! all that becomes due. Nothing is drawn at random and nothing formatted, but for the cookies of
//! a script that wants them.
//!
//! HTTP/2 has a lane of its own, which costs more.
//!
//! Load goes to loopback addresses only, unless a script allows others.

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
mod h2;
mod plan;
mod pool;
mod preflight;
mod probe;
mod request;
mod response;
mod schedule;
mod script;
mod stream;
mod tally;
mod template;
mod worker;

use crate::random;
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
pub use probe::{Conversation, ProbeError, probe};
pub use request::Request;
pub use response::{ResponseError, Undecoded};
pub use script::{
    Arrival, Base, Body, Cookies, Engine, EngineKind, Expect, Extent, Http, Limits, Metric,
    OnOverload, Pace, Pick, Script, ScriptRequest, Secret, Stage, Stat, Think, Threads, Threshold,
    Tls, Values, Var, Version,
};
pub use tally::{RequestTally, Schedule, Tally};
