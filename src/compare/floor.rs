//! What two servers differ by that are the same.

use std::collections::BTreeMap;

use super::{metric::Metric, side::Design};

/// By how much one round of a server differs from one of the very same server, as the standard
/// deviation of the logarithm of their ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Floor {
    /// The standard deviation.
    pub sd: f64,
    /// How many comparisons of a server with itself it was found by; none where it is assumed.
    pub comparisons: Option<u32>,
}

/// What a comparison is to go by.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// A change of CPU time per request or of throughput up to this share is none.
    pub tolerance: f64,
    /// What was found by comparing a server with itself in the same way, on a machine like this.
    pub floors: BTreeMap<Metric, Floor>,
    /// How often the comparison is looked at while it goes on, and may be ended for what it shows.
    pub looks: usize,
}

/// The tolerance unless the user says otherwise.
const TOLERANCE: f64 = 0.01;
/// Other figures have a tolerance of at least this: they say where to look, and differ more from
/// one process to the next.
const TOLERANCE_OF_OTHERS: f64 = 0.05;

/// Two identical servers one after the other, 5 s each, on a virtual machine with two busy CPUs.
const SEPARATE: f64 = 0.15;
/// The same two in alternating slices of 200 ms.
const INTERLEAVED: f64 = 0.02;
/// So many degrees of freedom weigh what was found by calibration: as much as five rounds, however
/// often it was repeated, since the machine of today may not be that of then.
const DEGREES_MAX: f64 = 4.0;

/// So many standard deviations to each side hold 95 % of a normal distribution.
const NORMAL_95: f64 = 1.96;
/// What each of 2, 3, 4 or 5 looks may leave out, for 5 % over all of them (Pocock, Group
/// sequential methods in the design and analysis of clinical trials, 1977, table 1).
const LOOKS: [f64; 4] = [0.0294, 0.0221, 0.0182, 0.0158];

impl Default for Options {
    fn default() -> Self {
        Self { tolerance: TOLERANCE, floors: BTreeMap::new(), looks: 1 }
    }
}

impl Options {
    /// How much of a distribution the intervals leave out on each side, so that the last of all
    /// looks is right in 95 of 100 comparisons.
    pub(super) fn tail(&self) -> f64 {
        let nominal = match self.looks {
            0 | 1 => 0.05,
            looks => LOOKS.get(looks - 2).copied().unwrap_or(LOOKS[LOOKS.len() - 1]),
        };
        nominal / 2.0
    }

    /// The logarithm of the largest ratio that is no change of a metric: never less than what two
    /// identical servers are known to differ by in 95 of 100 comparisons of so many rounds.
    pub(super) fn log_tolerance(&self, metric: Metric, rounds: usize) -> f64 {
        let least = match metric {
            Metric::Cpu | Metric::Throughput => 0.0,
            _ => TOLERANCE_OF_OTHERS,
        };
        let floor = self.floors.get(&metric).map_or(0.0, |floor| floor.sd);
        let rounds = rounds.max(1) as f64;
        self.tolerance.max(least).ln_1p().max(NORMAL_95 * floor / rounds.sqrt())
    }

    /// The floor of a metric: measured, or else assumed. None where nothing can be assumed: what
    /// other programs and machines take of the CPUs slows down responses without a limit, but
    /// hardly CPU time.
    pub(super) fn floor(&self, metric: Metric, design: Design) -> Option<Floor> {
        let assumed = match (design, metric) {
            // Memory does not depend on the time of the day.
            (_, Metric::Memory) => Some(0.0),
            (Design::Interleaved, _) => Some(INTERLEAVED),
            (Design::Turns | Design::Separate, Metric::Cpu) => Some(SEPARATE),
            (Design::Turns | Design::Separate, _) => None,
        };
        let measured = self.floors.get(&metric).copied();
        measured.or_else(|| assumed.map(|sd| Floor { sd, comparisons: None }))
    }
}

impl Floor {
    /// Identical servers that do not differ.
    pub(super) const NONE: Self = Self { sd: 0.0, comparisons: None };

    /// Its variance and the degrees of freedom of that; what is assumed has none to lose.
    pub(super) fn part(&self) -> (f64, f64) {
        let degrees = self.comparisons.map_or(f64::INFINITY, |count| f64::from(count) - 1.0);
        (self.sd.powi(2), degrees)
    }

    /// What it may weigh beside rounds: nothing where it is assumed.
    pub(super) fn degrees(&self) -> f64 {
        let found = self.comparisons.map_or(0.0, |count| f64::from(count.saturating_sub(1)));
        found.min(DEGREES_MAX)
    }
}
