//! Everything that was observed of a server, before it becomes a record.

use std::{net::SocketAddr, time::Duration};

use super::{diagnosis::ServerSeen, instruments::Taken, slices::Slices, subject::Member};
use crate::{
    load::Reported,
    record::{Attachment, Host, Status, UtcTime},
    target::{
        Allowance, Cpus, PerfMaps,
        network::{ListenDrops, Ports},
        usage::Usage,
    },
    unit::Nanos,
};

/// Everything that was observed of a server.
#[derive(Debug)]
pub(super) struct Observed {
    /// When the server was launched, or attached to.
    pub(super) started: UtcTime,
    /// Where the load went.
    pub(super) addr: SocketAddr,
    pub(super) server_cpus: Option<Cpus>,
    /// The server's processes, in the order of their start.
    pub(super) processes: Vec<Member>,
    /// Gone once names are looked up.
    pub(super) _perf_maps: PerfMaps,
    /// Generated code that has no names, as sentences.
    pub(super) unnamed: Vec<String>,
    /// What it got of its budget; none where it was not launched.
    pub(super) allowance: Option<Allowance>,
    pub(super) host: Host,
    pub(super) sampling: Sampling,
    pub(super) first_call: Duration,
    /// What each of the calls took that followed it, before the load.
    pub(super) following_calls: Vec<Duration>,
    pub(super) usage_initial: Usages,
    pub(super) usage_before: Usages,
    pub(super) usage_after: Usages,
    pub(super) load: LoadSeen,
    pub(super) server: ServerSeen,
    /// Connections that a full queue turned away; none where the system does not tell.
    pub(super) dropped: Option<ListenDrops>,
}

/// What was sampled, and how slices took turns for it.
#[derive(Debug)]
pub(super) struct Sampling {
    /// What each backend took, in their order.
    pub(super) taken: Vec<Taken>,
    /// The names under which processes were watched, in the order of their exact times.
    pub(super) watched: Vec<String>,
    /// Of several profiled processes, which one each process is or descends from, by their ids.
    pub(super) owners: Vec<(u32, String)>,
    /// How many slices a block had.
    pub(super) block: usize,
    /// When the window that counts began.
    pub(super) window_start: Nanos,
    /// Whether the exact CPU time came from clocks, as the kernel refused to count it by events.
    pub(super) exact_by_clocks: bool,
    /// What sampling was expected to cost, as a share of the server's CPU time, where its rate was
    /// chosen by that.
    pub(super) expected_effect: Option<f64>,
    /// What is to be said of a window that became longer than it was to be.
    pub(super) stretched: Option<String>,
}

/// What each process of a server used with its children, in the order of their start.
#[derive(Debug, Clone, Default)]
pub(super) struct Usages(pub(super) Vec<Usage>);

impl Usages {
    /// That of the process at `index`.
    pub(super) fn of(&self, index: usize) -> Usage {
        self.0.get(index).copied().unwrap_or_default()
    }

    /// That of all together.
    pub(super) fn total(&self) -> Usage {
        self.0.iter().copied().sum()
    }
}

/// What a load tool that is not built in left behind.
#[derive(Debug)]
pub(super) struct ToolSeen {
    pub(super) version: Option<String>,
    /// Its command, without secrets.
    pub(super) command: String,
    /// What it said; none where it was stopped before it could say anything.
    pub(super) reported: Option<Reported>,
    /// What it printed, and the files that were made for it.
    pub(super) attachments: Vec<Attachment>,
    /// CPU time of the whole tool.
    pub(super) cpu: Nanos,
}

/// What the load came to, and how it ended.
#[derive(Debug)]
pub(super) struct LoadSeen {
    pub(super) slices: Slices,
    pub(super) status: Status,
    pub(super) reason: Option<String>,
    /// The place of the limit that ended it, if one did.
    pub(super) aborted_by: Option<usize>,
    /// When the window began; where it never did, the warm-up.
    pub(super) began: Nanos,
    pub(super) ended: Nanos,
    /// For how long the tool itself stood still meanwhile.
    pub(super) stood_still: Nanos,
    /// How many threads drove it; none where an engine of its own did.
    pub(super) threads: Option<usize>,
    /// The fewest connections that were open at the end of a slice.
    pub(super) live: Option<u64>,
    /// How many files this process may open.
    pub(super) client_open_files: Option<u64>,
    /// The ports from which it may connect.
    pub(super) ports: Option<Ports>,
    /// The tool that drove it, unless the built-in engine did.
    pub(super) tool: Option<ToolSeen>,
}
