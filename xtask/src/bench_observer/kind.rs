//! Who watches a server.

use std::{fmt, path::PathBuf};

use flameload::unit::Hertz;

/// Who watches a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nobody: no event is open.
    Nothing,
    /// flameload.
    Ours(Hertz),
    /// `perf record`.
    Perf(CallGraph, Hertz),
    /// `samply record`, by the program at this path.
    Samply(PathBuf, Hertz),
}

/// How perf finds the callers of a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum CallGraph {
    /// Frame pointers
    Fp,
    /// Copies of 16 KiB of the stack
    Dwarf,
}

impl Kind {
    /// Whether it is a program of others, which may turn out not to work here.
    pub(super) fn is_foreign(&self) -> bool {
        matches!(self, Self::Perf(..) | Self::Samply(..))
    }

    /// Samples per second of CPU time that are asked for.
    pub(super) fn hz(&self) -> Option<Hertz> {
        match self {
            Self::Nothing => None,
            Self::Ours(hz) | Self::Perf(_, hz) | Self::Samply(_, hz) => Some(*hz),
        }
    }
}

impl CallGraph {
    /// What `perf record --call-graph` gets.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Fp => "fp",
            Self::Dwarf => "dwarf,16384",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Ours(_) => f.write_str("flameload"),
            Self::Perf(how, _) => write!(f, "perf record --call-graph {}", how.as_str()),
            Self::Samply(..) => f.write_str("samply record"),
        }
    }
}
