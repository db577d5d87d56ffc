//! [`Metric`]: what is compared.

use serde::{Deserialize, Serialize};

use crate::unit::Bytes;

/// A figure of a server that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Metric {
    /// Exact CPU time of the server for each request: the figure that a verdict rests on.
    #[serde(rename = "cpu_us_per_request")]
    Cpu,
    /// Good responses over seconds.
    #[serde(rename = "requests_per_second")]
    Throughput,
    /// Half of the responses took at most this long.
    #[serde(rename = "p50_us")]
    P50,
    /// 99 of 100 responses took at most this long.
    #[serde(rename = "p99_us")]
    P99,
    /// The most resident memory.
    #[serde(rename = "rss_peak_bytes")]
    Memory,
    /// Switches from one thread to another, over requests.
    #[serde(rename = "context_switches_per_request")]
    Switches,
}

impl Metric {
    /// Each of them, the primary one first.
    pub const ALL: [Self; 6] =
        [Self::Cpu, Self::Throughput, Self::P50, Self::P99, Self::Memory, Self::Switches];

    /// What it is called in records and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Throughput => "throughput",
            Self::P50 => "p50",
            Self::P99 => "p99",
            Self::Memory => "memory",
            Self::Switches => "switches",
        }
    }

    /// The one of a name.
    ///
    /// # Errors
    /// For an unknown name, with all that there are.
    pub fn of_name(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|metric| metric.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("no metric '{name}'; there are {names}")
        })
    }

    /// What it is called where there is a unit beside it.
    pub fn label(self) -> &'static str {
        match self {
            Self::Cpu => "CPU/request",
            Self::Throughput => "throughput",
            Self::P50 => "p50 latency",
            Self::P99 => "p99 latency",
            Self::Memory => "memory peak",
            Self::Switches => "context switches/request",
        }
    }

    /// Whether the verdict is about it; the others stand beside it.
    pub fn is_primary(self) -> bool {
        self == Self::Cpu
    }

    /// Whether it is how long a response takes.
    pub fn is_latency(self) -> bool {
        matches!(self, Self::P50 | Self::P99)
    }

    /// Whether more of it is worse.
    pub fn is_cost(self) -> bool {
        self != Self::Throughput
    }

    /// What a server is that has more of it.
    pub(super) fn more(self) -> &'static str {
        match self {
            Self::Cpu | Self::P50 | Self::P99 => "slower",
            Self::Throughput => "higher",
            Self::Memory | Self::Switches => "more",
        }
    }

    /// What a server is that has less of it.
    pub(super) fn less(self) -> &'static str {
        match self {
            Self::Cpu | Self::P50 | Self::P99 => "faster",
            Self::Throughput => "lower",
            Self::Memory | Self::Switches => "less",
        }
    }

    /// A value of it with its unit.
    pub fn shown(self, value: f64) -> String {
        match self {
            Self::Cpu => format!("{value:.2} µs"),
            Self::Throughput => format!("{value:.0}/s"),
            Self::P50 | Self::P99 if value >= 1e4 => format!("{:.2} ms", value / 1e3),
            Self::P50 | Self::P99 => format!("{value:.0} µs"),
            Self::Memory => Bytes(value.max(0.0).round() as u64).to_string(),
            Self::Switches => format!("{value:.3}"),
        }
    }
}
