//! What a load finds before it begins: descriptors of the server, ports, room to wait.

use std::net::SocketAddr;

use crate::{
    load::{OpenFiles, Surroundings},
    target::{
        listening_ports,
        network::{accept_queue_limit, ports},
        usage,
    },
};

/// What there is for a load on the server at `addr`, whose processes are `pids`.
///
/// Only processes that hold the listening socket count: the connections come to them. What cannot
/// be read, as of a server that belongs to another user, is left out.
pub(super) fn of(pids: &[u32], addr: SocketAddr) -> Surroundings {
    let listens = |pid: &&u32| {
        listening_ports(**pid)
            .is_ok_and(|found| found.iter().any(|known| known.port() == addr.port()))
    };
    let files = |pid: &u32| {
        let usage = usage::read(&[*pid]);
        Some(OpenFiles { open: usage.fds, limit: usage.fd_limit? })
    };
    Surroundings {
        free_ports: ports(addr).ok().map(|ports| ports.free),
        servers: pids.iter().filter(listens).filter_map(files).collect(),
        backlog: accept_queue_limit(),
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, process};

    use super::*;

    #[test]
    fn only_who_listens_counts() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("it is bound");
        // The first process of the system listens on other ports, if we may see them at all.
        let found = of(&[1, process::id()], addr);
        let [files] = found.servers.as_slice() else { panic!("one process listens: {found:?}") };
        assert!(3 <= files.open && files.open <= files.limit, "{files:?}");
        assert!(found.free_ports > Some(0) && found.backlog > Some(0), "{found:?}");
        drop(listener);
        assert_eq!(of(&[process::id()], addr).servers, []);
    }
}
