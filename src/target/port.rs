//! Ports on the loopback address.

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, TcpListener},
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
