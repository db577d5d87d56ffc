//! What the kernel knows about a server's connections: queues that overflowed, ports that are left.
//!
//! All of it belongs to a network namespace, which is that of the process asked about. See proc(5)
//! and the kernel's `Documentation/networking/ip-sysctl.rst`.

use std::{fs, io, net::SocketAddr, ops::RangeInclusive};

use super::procfs;

/// Connections that a full queue of a listening socket turned away, since the namespace exists.
///
/// They count all listeners of the namespace: only a difference, over a time in which one server
/// gets all the load, says something about that server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListenDrops {
    /// Times that the queue of connections waiting to be accepted was full (`ListenOverflows`).
    pub overflows: u64,
    /// Connections dropped for that or any other reason (`ListenDrops`).
    pub drops: u64,
}

/// The local ports for connections to one destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// How many the system may choose from (`ip_local_port_range`).
    pub range: u64,
    /// How many of them are free for this destination.
    pub free: u64,
}

/// A socket of `/proc/net/tcp`, as far as its ports and its queue matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Socket {
    local: SocketAddr,
    remote: SocketAddr,
    state: u8,
    /// Bytes to read; in a listening socket, connections that wait to be accepted.
    received: u64,
}

/// States of a socket, from the kernel's `include/net/tcp_states.h`.
const TIME_WAIT: u8 = 6;
const LISTEN: u8 = 10;

impl ListenDrops {
    /// Reads the counters of the namespace of the process `pid`.
    ///
    /// # Errors
    /// When the process is gone, or the kernel has no such counters.
    pub fn of(pid: u32) -> io::Result<Self> {
        let path = format!("/proc/{pid}/net/netstat");
        let text = fs::read_to_string(&path)?;
        parse_listen_drops(&text)
            .ok_or_else(|| io::Error::other(format!("{path} has no counts of listen queues")))
    }

    /// What was added since `earlier`.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            overflows: self.overflows.saturating_sub(earlier.overflows),
            drops: self.drops.saturating_sub(earlier.drops),
        }
    }
}

/// Connections that wait now for a server at `addr`, in the namespace of `pid`, to accept them.
///
/// None where nothing listens there, or the process is gone. Sockets that share the port
/// (`SO_REUSEPORT`) are added up.
pub fn accept_queue(pid: u32, addr: SocketAddr) -> Option<u64> {
    waiting(sockets(&pid.to_string()), addr)
}

/// The longest queue of connections waiting to be accepted that the system allows a socket in the
/// namespace of this process (`somaxconn`): what a server asks for is cut to it.
pub fn accept_queue_limit() -> Option<u64> {
    fs::read_to_string("/proc/sys/net/core/somaxconn").ok()?.trim().parse().ok()
}

/// The ports from which this process may still connect to `to`.
///
/// A port counts as taken by a connection to the same destination, and by a socket that listens
/// on it. One that waits for late packets (`TIME_WAIT`) does not where the system uses it again
/// after a second, which it does on loopback unless told otherwise (`tcp_tw_reuse`).
///
/// # Errors
/// When the system does not say which range it chooses from.
pub fn ports(to: SocketAddr) -> io::Result<Ports> {
    let setting = |name: &str| fs::read_to_string(format!("/proc/sys/net/ipv4/{name}"));
    let text = setting("ip_local_port_range")?;
    let range = parse_range(&text).ok_or_else(|| {
        io::Error::other(format!("ip_local_port_range is not two ports: '{}'", text.trim()))
    })?;
    let reserved = setting("ip_local_reserved_ports").unwrap_or_default();
    let reuses = setting("tcp_tw_reuse").is_ok_and(|mode| match mode.trim() {
        "1" => true,
        "2" => to.ip().is_loopback(),
        _ => false,
    });
    Ok(count_ports(range, &reserved, sockets("self"), to, reuses))
}

/// Every TCP socket in the namespace of a process.
fn sockets(process: &str) -> Vec<Socket> {
    let read = |table| procfs::read_lossy(&format!("/proc/{process}/net/{table}"));
    // A kernel without IPv6 has no second table.
    let texts = ["tcp", "tcp6"].map(|table| read(table).unwrap_or_default());
    texts.iter().flat_map(|text| parse_sockets(text)).collect()
}

fn waiting(sockets: Vec<Socket>, addr: SocketAddr) -> Option<u64> {
    let serves = |socket: &Socket| {
        let ip = socket.local.ip().to_canonical();
        let is_any = ip.is_unspecified() && (ip.is_ipv6() || addr.is_ipv4());
        socket.state == LISTEN
            && socket.local.port() == addr.port()
            && (is_any || ip == addr.ip().to_canonical())
    };
    let queues = sockets.into_iter().filter(serves).map(|socket| socket.received);
    queues.reduce(u64::saturating_add)
}

fn count_ports(
    range: RangeInclusive<u16>,
    reserved: &str,
    sockets: Vec<Socket>,
    to: SocketAddr,
    reuses_time_wait: bool,
) -> Ports {
    let same = |remote: SocketAddr| {
        remote.port() == to.port() && remote.ip().to_canonical() == to.ip().to_canonical()
    };
    let mut free: Vec<bool> = range.clone().map(|_| true).collect();
    let mut take = |port: u16| {
        let at = port.checked_sub(*range.start()).map(usize::from);
        if let Some(free) = at.and_then(|at| free.get_mut(at)) {
            *free = false;
        }
    };
    for ports in reserved.trim().split(',').filter_map(parse_reserved) {
        ports.for_each(&mut take);
    }
    for socket in sockets {
        let is_held = match socket.state {
            LISTEN => true,
            TIME_WAIT => same(socket.remote) && !reuses_time_wait,
            _ => same(socket.remote),
        };
        if is_held {
            take(socket.local.port());
        }
    }
    let left = free.iter().filter(|free| **free).count();
    Ports { range: free.len() as u64, free: left as u64 }
}

/// Parses `/proc/net/netstat`: pairs of lines, names and their values, each with the same prefix.
pub(super) fn parse_listen_drops(text: &str) -> Option<ListenDrops> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("TcpExt:"));
    let names = lines.next()?.split_ascii_whitespace();
    let values = lines.next()?.split_ascii_whitespace();
    let pairs: Vec<(&str, &str)> = names.zip(values).collect();
    let value = |name| {
        let (_, value) = pairs.iter().find(|(known, _)| *known == name)?;
        value.parse().ok()
    };
    Some(ListenDrops { overflows: value("ListenOverflows")?, drops: value("ListenDrops")? })
}

/// Parses `/proc/net/tcp` and `/proc/net/tcp6`; what is no socket is left out.
pub(super) fn parse_sockets(text: &str) -> impl Iterator<Item = Socket> {
    text.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let local = procfs::parse_addr(fields.next()?)?;
        let remote = procfs::parse_addr(fields.next()?)?;
        let state = u8::from_str_radix(fields.next()?, 16).ok()?;
        let (_, received) = fields.next()?.split_once(':')?;
        let received = u64::from_str_radix(received, 16).ok()?;
        Some(Socket { local, remote, state, received })
    })
}

/// Parses two port numbers with a tab between them.
fn parse_range(text: &str) -> Option<RangeInclusive<u16>> {
    let mut ports = text.split_ascii_whitespace().map(str::parse);
    let range = ports.next()?.ok()?..=ports.next()?.ok()?;
    (!range.is_empty()).then_some(range)
}

/// Parses one part of `8080,9148-9200`.
fn parse_reserved(text: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

#[cfg(test)]
mod tests;
