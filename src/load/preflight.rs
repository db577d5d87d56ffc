//! Whether a load can work at all: descriptors on both sides, ports, and room to wait.
//!
//! What is short here shows under load as resets, timeouts and refusals that look like the
//! server's speed: a thousand of two thousand connections that are never served leave a fast
//! server with the throughput of a broken one.

use std::{fmt, fs, io};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use thiserror::Error;

use super::{error::LoadError, plan::Plan, worker::BURST};

/// Descriptors kept free for the process's own files, beyond what is open at the start.
const SPARE: u64 = 16;

/// What a load asks of both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Connections at once, at most.
    pub connections: u64,
    /// Connections that are opened without waiting for those before.
    pub at_once: u64,
}

/// What there is, as far as it is known: nothing is refused for want of knowledge.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// Local ports that are free for connections to the server.
    pub free_ports: Option<u64>,
    /// Descriptors of each process that accepts connections; they share them.
    pub servers: Vec<OpenFiles>,
    /// How many connections the system lets wait until a server accepts them (`somaxconn`).
    pub backlog: Option<u64>,
}

/// The descriptors of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles {
    /// How many are open.
    pub open: u64,
    /// How many may be.
    pub limit: u64,
}

/// Something of which a load needs more than there is, and what mends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Shortage {
    /// Descriptors of the process that sends the load.
    #[error(
        "{connections} connections need {needed} file descriptors here, and the limit is {limit}: \
         raise it with `ulimit -n {needed}`"
    )]
    ClientOpenFiles {
        /// Connections asked for.
        connections: u64,
        /// Descriptors needed for them, with those that are open already.
        needed: u64,
        /// The soft limit of this process.
        limit: u64,
    },
    /// Descriptors of the server.
    #[error(
        "the server has room for {room} of {connections} connections, with a limit of {limit} \
         open files and {open} open: raise it with `ulimit -n {needed}`, or `open_files` in its \
         manifest"
    )]
    ServerOpenFiles {
        /// Connections asked for.
        connections: u64,
        /// Connections for which there are descriptors, over all its processes.
        room: u64,
        /// The lowest limit among its processes.
        limit: u64,
        /// Files that they have open, in all.
        open: u64,
        /// The limit that is enough.
        needed: u64,
    },
    /// Local ports.
    #[error(
        "{connections} connections need as many local ports, and {free} are free: widen the \
         range with `sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"`"
    )]
    Ports {
        /// Connections asked for.
        connections: u64,
        /// Ports that are free.
        free: u64,
    },
    /// Room for connections that wait to be accepted.
    #[error(
        "{at_once} connections are opened at once, and the system lets {backlog} of them wait for \
         the server: raise that with `sysctl -w net.core.somaxconn={at_once}`"
    )]
    Backlog {
        /// Connections that are opened without waiting for those before.
        at_once: u64,
        /// How many may wait.
        backlog: u64,
    },
}

/// Everything that is short; never empty in an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortages(Vec<Shortage>);

impl Needs {
    /// What the built-in engine asks for when it drives `plan`.
    pub fn of(plan: &Plan) -> Self {
        let connections = plan.connections() as u64;
        let burst = u64::from(BURST) * plan.threads() as u64;
        Self { connections, at_once: connections.min(burst) }
    }
}

/// Refuses a load that cannot work.
///
/// # Errors
/// With everything that is short, and what mends it.
pub fn preflight(needs: Needs, around: &Surroundings) -> Result<(), LoadError> {
    let Needs { connections, at_once } = needs;
    let ports = around.free_ports.filter(|free| *free < connections);
    let backlog = around.backlog.filter(|backlog| *backlog < at_once);
    refuse([
        server_open_files(connections, &around.servers),
        ports.map(|free| Shortage::Ports { connections, free }),
        backlog.map(|backlog| Shortage::Backlog { at_once, backlog }),
    ])
}

/// Checks that this process may open the sockets and event queues of `plan`.
pub(super) fn check(plan: &Plan) -> Result<(), LoadError> {
    let open = fs::read_dir("/proc/self/fd").map_or(SPARE, |entries| entries.count() as u64);
    refuse([client_open_files(
        plan.connections() as u64,
        plan.threads() as u64,
        OpenFiles { open, limit: open_files_limit() },
    )])
}

/// How many files this process may open; no limit is `u64::MAX`.
pub fn open_files_limit() -> u64 {
    unlimited(getrlimit(Resource::Nofile).current)
}

/// Raises this process's soft limit of open files to the hard one; processes started afterwards
/// inherit it.
///
/// Returns the soft limit before and after; no limit is `u64::MAX`.
///
/// # Errors
/// When the system does not allow the change.
pub fn raise_nofile() -> io::Result<(u64, u64)> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: maximum, maximum };
    setrlimit(Resource::Nofile, raised)?;
    Ok((unlimited(current), unlimited(maximum)))
}

fn client_open_files(connections: u64, threads: u64, files: OpenFiles) -> Option<Shortage> {
    // A thread has an epoll and an eventfd.
    let own = threads.saturating_mul(2).saturating_add(files.open).saturating_add(SPARE);
    let needed = connections.saturating_add(own);
    let limit = files.limit;
    (limit < needed).then_some(Shortage::ClientOpenFiles { connections, needed, limit })
}

fn server_open_files(connections: u64, servers: &[OpenFiles]) -> Option<Shortage> {
    let limit = servers.iter().map(|files| files.limit).min()?;
    let sum = |numbers: &dyn Fn(&OpenFiles) -> u64| {
        servers.iter().map(numbers).fold(0, u64::saturating_add)
    };
    let open = sum(&|files| files.open);
    let room = sum(&|files| files.limit.saturating_sub(files.open));
    let processes = servers.len() as u64;
    let needed = connections.saturating_add(open).div_ceil(processes);
    let shortage = Shortage::ServerOpenFiles { connections, room, limit, open, needed };
    (room < connections).then_some(shortage)
}

fn refuse<const N: usize>(found: [Option<Shortage>; N]) -> Result<(), LoadError> {
    let found: Vec<Shortage> = found.into_iter().flatten().collect();
    if found.is_empty() { Ok(()) } else { Err(LoadError::Shortage(Shortages(found))) }
}

fn unlimited(limit: Option<u64>) -> u64 {
    limit.unwrap_or(u64::MAX)
}

impl fmt::Display for Shortages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for shortage in &self.0 {
            write!(f, "{shortage}; ")?;
        }
        f.write_str(
            "or ask for fewer connections, or see what happens with `preflight = false` in the \
             script's [limits]",
        )
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    /// S1's load, and surroundings in which it works.
    fn enough() -> (Needs, Surroundings) {
        let around = Surroundings {
            free_ports: Some(28_000),
            servers: vec![OpenFiles { open: 9, limit: 20_000 }],
            backlog: Some(128),
        };
        (Needs { connections: 2_000, at_once: 32 }, around)
    }

    #[track_caller]
    fn check(needs: Needs, around: &Surroundings, expected: Expect) {
        let text =
            preflight(needs, around).map_or_else(|error| error.to_string(), |()| "ok".into());
        expected.assert_eq(&text.replace("; ", ";\n"));
    }

    #[test]
    fn what_is_short_is_named_with_what_mends_it() {
        let (needs, enough) = enough();
        check(needs, &enough, expect![["ok"]]);
        check(needs, &Surroundings::default(), expect![["ok"]]);
        let servers = vec![OpenFiles { open: 9, limit: 1_024 }];
        check(
            needs,
            &Surroundings { servers: servers.clone(), ..enough.clone() },
            expect![[r#"
            this load cannot work: the server has room for 1015 of 2000 connections, with a limit of 1024 open files and 9 open: raise it with `ulimit -n 2009`, or `open_files` in its manifest;
            or ask for fewer connections, or see what happens with `preflight = false` in the script's [limits]"#]],
        );
        // The same server twice has room enough for both halves only with 1,009 descriptors each.
        let both = |limit| vec![OpenFiles { open: 9, limit }; 2];
        check(needs, &Surroundings { servers: both(1_009), ..enough.clone() }, expect![["ok"]]);
        check(
            needs,
            &Surroundings { servers: both(1_008), ..enough.clone() },
            expect![[r#"
            this load cannot work: the server has room for 1998 of 2000 connections, with a limit of 1008 open files and 18 open: raise it with `ulimit -n 1009`, or `open_files` in its manifest;
            or ask for fewer connections, or see what happens with `preflight = false` in the script's [limits]"#]],
        );
        let around = Surroundings { free_ports: Some(1_999), servers, backlog: Some(5) };
        check(
            needs,
            &around,
            expect![[r#"
            this load cannot work: the server has room for 1015 of 2000 connections, with a limit of 1024 open files and 9 open: raise it with `ulimit -n 2009`, or `open_files` in its manifest;
            2000 connections need as many local ports, and 1999 are free: widen the range with `sysctl -w net.ipv4.ip_local_port_range="1024 65535"`;
            32 connections are opened at once, and the system lets 5 of them wait for the server: raise that with `sysctl -w net.core.somaxconn=32`;
            or ask for fewer connections, or see what happens with `preflight = false` in the script's [limits]"#]],
        );
    }

    #[test]
    fn a_server_beyond_its_limit_has_no_room() {
        let servers = vec![OpenFiles { open: 30, limit: 20 }];
        let needs = Needs { connections: 1, at_once: 1 };
        check(
            needs,
            &Surroundings { servers, ..Surroundings::default() },
            expect![[r#"
            this load cannot work: the server has room for 0 of 1 connections, with a limit of 20 open files and 30 open: raise it with `ulimit -n 31`, or `open_files` in its manifest;
            or ask for fewer connections, or see what happens with `preflight = false` in the script's [limits]"#]],
        );
    }

    #[test]
    fn too_many_connections_for_this_process_are_refused_with_the_numbers() {
        let files = OpenFiles { open: 10, limit: 1_024 };
        let text = |connections| {
            let shortage = client_open_files(connections, 2, files);
            shortage.map_or_else(|| "ok".to_owned(), |shortage| shortage.to_string())
        };
        expect![["ok"]].assert_eq(&text(994));
        expect!["995 connections need 1025 file descriptors here, and the limit is 1024: raise it with `ulimit -n 1025`"].assert_eq(&text(995));
        expect!["18446744073709551615 connections need 18446744073709551615 file descriptors here, and the limit is 1024: raise it with `ulimit -n 18446744073709551615`"].assert_eq(&text(u64::MAX));
    }

    #[test]
    fn the_limit_is_raised_once() {
        let (_, limit) = raise_nofile().expect("raising to the hard limit is always allowed");
        assert_eq!(raise_nofile().expect("again"), (limit, limit));
        assert_eq!(open_files_limit(), limit);
    }

    proptest! {
        #[test]
        fn any_numbers_are_judged(
            numbers in any::<[u64; 4]>(), servers in prop::collection::vec(any::<(u64, u64)>(), 0..4),
        ) {
            let [connections, at_once, free_ports, backlog] = numbers;
            let servers: Vec<_> =
                servers.into_iter().map(|(open, limit)| OpenFiles { open, limit }).collect();
            let around =
                Surroundings { free_ports: Some(free_ports), servers, backlog: Some(backlog) };
            let verdict = preflight(Needs { connections, at_once }, &around);
            let fits = free_ports >= connections && backlog >= at_once;
            prop_assert!(fits || verdict.is_err());
        }
    }
}
