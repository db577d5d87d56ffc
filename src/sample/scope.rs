//! What the events that take samples are opened on, which decides what sampling costs a server.

/// What sampling events are opened on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Each CPU that the server may use; samples of other processes are dropped. Costs the least,
    /// and sees whatever lives ever so shortly. Needs privileges.
    Cpus,
    /// The first thread of each process before it runs, from which all others inherit them.
    Threads,
    /// A few threads of a process that runs already, others in each slice.
    FewThreads,
}

impl Scope {
    /// As it stands in a record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpus => "every CPU",
            Self::Threads => "every thread",
            Self::FewThreads => "a few threads at a time",
        }
    }
}
