//! What a measurement tells while it goes on.

use std::time::Duration;

use crate::unit::Bytes;

/// One step of a measurement's progress.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The target is being built.
    Building {
        /// Its name.
        target: String,
    },
    /// A line that the build printed.
    BuildOutput(String),
    /// The target's processes start.
    Starting,
    /// The target serves.
    Ready {
        /// How long that took.
        after: Duration,
    },
    /// Load is applied, and nothing counted yet.
    WarmingUp {
        /// How much of it is left.
        left: Duration,
    },
    /// Stacks were deeper than the part that was copied; more is copied from now on.
    DumpGrew {
        /// How much.
        bytes: Bytes,
    },
    /// The window that counts.
    Measuring {
        /// How much of it is left.
        left: Duration,
        /// Requests a second since it began.
        requests_per_second: f64,
    },
    /// The same, where only the requests to come are known.
    Counting {
        /// How many of them are left.
        left: u64,
        /// Requests a second since it began.
        requests_per_second: f64,
    },
    /// Nothing is asked of anyone, before the next level of a sweep.
    CoolingDown {
        /// How much of it is left.
        left: Duration,
    },
    /// The load has ended; addresses get names.
    Symbolizing,
    /// The run's files are written.
    Recording,
}

/// Where events go.
pub type Sink<'a> = &'a mut dyn FnMut(Event);
