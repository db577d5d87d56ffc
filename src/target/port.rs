//! Ports on the loopback address.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddrV4, TcpListener},
    os::fd::OwnedFd,
};

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind as bind_socket, getsockname, socket_with,
    sockopt::set_socket_reuseaddr,
};

use super::{TargetError, manifest::Process, procfs, sys};

/// Gives each process that has one its port: its own fixed one, `wanted` for the last process, or
/// a free one.
///
/// A free port is one that the system gave out a moment ago. Nothing keeps another program from
/// taking it before the server does; the server then says so and ends.
pub(super) fn assign(
    processes: &[Process],
    wanted: Option<u16>,
) -> Result<BTreeMap<String, u16>, TargetError> {
    let _no_copies = sys::no_forks();
    let mut ports = BTreeMap::new();
    // All are held until each is chosen, so that no two processes get the same.
    let mut held = Vec::new();
    for (index, process) in processes.iter().enumerate().filter(|(_, one)| one.has_port()) {
        let last = index + 1 == processes.len();
        let fixed = if last { wanted.or(process.port) } else { process.port };
        let listener = bind(fixed.unwrap_or(0))?;
        let port = listener.local_addr().map_err(TargetError::Port)?.port();
        ports.insert(process.name.clone(), port);
        held.push(listener);
    }
    Ok(ports)
}

/// A port that no other program is given while this lives, for a server that is started later and
/// shares it (`SO_REUSEADDR`), as PostgreSQL does.
#[derive(Debug)]
pub(super) struct Reserved {
    pub(super) port: u16,
    /// Bound, and does not listen.
    _socket: OwnedFd,
}

impl Reserved {
    pub(super) fn new() -> io::Result<Self> {
        let _no_copies = sys::no_forks();
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
        set_socket_reuseaddr(&socket, true)?;
        bind_socket(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        let addr = SocketAddrV4::try_from(getsockname(&socket)?)?;
        Ok(Self { port: addr.port(), _socket: socket })
    }
}

fn bind(port: u16) -> Result<TcpListener, TargetError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse if port != 0 => {
            let holder = procfs::port_holder(port)
                .map_or(String::new(), |(pid, name)| format!(" by {name} (process {pid})"));
            TargetError::PortTaken { port, holder }
        }
        io::ErrorKind::PermissionDenied => TargetError::PortForbidden { port },
        _ => TargetError::Port(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_port_is_taken_for_others_and_free_for_its_server() {
        let reserved = Reserved::new().expect("a port");
        assert_ne!(reserved.port, Reserved::new().expect("another").port);
        // It sets `SO_REUSEADDR`, as most servers do.
        TcpListener::bind(("127.0.0.1", reserved.port)).expect("its server may have it");
        // As a program does that does not.
        let flags = SocketFlags::CLOEXEC;
        let plain = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None);
        let addr = SocketAddrV4::new(Ipv4Addr::LOCALHOST, reserved.port);
        assert!(bind_socket(plain.expect("a socket"), &addr).is_err());
    }
}
