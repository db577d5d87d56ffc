//! What `/proc` says about processes. See proc(5) for the formats.
//!
//! Processes come and go while they are read: one that vanished is left out, never an error.

use std::{
    collections::BTreeSet,
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

#[cfg(feature = "fuzzing")]
pub(super) use crate::os::process::parse_stat;
pub use crate::os::process::{descendants, guarded, is_kernel_thread, is_running};
pub(super) use crate::os::process::{pids, read_lossy, read_stat};

/// The addresses at which a process accepts TCP connections, as one reaches them from this machine:
/// ascending, each port of loopback once. One that takes connections to any address takes those to
/// loopback.
///
/// # Errors
/// When the process does not exist, or belongs to another user.
pub fn listening_ports(pid: u32) -> io::Result<Vec<SocketAddr>> {
    let sockets = sockets_of(pid)?;
    let mut found = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        // A kernel without IPv6 has no second table.
        let text = of_any_thread(pid, &format!("net/{table}")).unwrap_or_default();
        found.extend(
            parse_listeners(&text)
                .filter(|listener| sockets.contains(&listener.inode))
                .map(|listener| listener.addr),
        );
    }
    let mut found: Vec<SocketAddr> = found.into_iter().map(reachable).collect();
    // IPv4 comes first.
    found.sort_unstable();
    let mut ports = BTreeSet::new();
    found.retain(|addr| !addr.ip().is_loopback() || ports.insert(addr.port()));
    Ok(found)
}

/// A file of a process, or of one of its threads where the first one has ended and shows none.
fn of_any_thread(pid: u32, file: &str) -> Option<String> {
    let process = Path::new("/proc").join(pid.to_string());
    let tasks = process.join("task").read_dir().into_iter().flatten().flatten();
    let folders = std::iter::once(process).chain(tasks.map(|task| task.path()));
    let mut texts = folders.filter_map(|folder| fs::read_to_string(folder.join(file)).ok());
    texts.find(|text| !text.is_empty())
}

fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip().to_canonical() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

/// A process that listens on `port`, as far as this user may see: its id and name.
pub(super) fn port_holder(port: u16) -> Option<(u32, String)> {
    let tables = ["tcp", "tcp6"]
        .map(|table| fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default());
    let inodes: BTreeSet<u64> = tables
        .iter()
        .flat_map(|text| parse_listeners(text))
        .filter(|listener| listener.addr.port() == port)
        .map(|listener| listener.inode)
        .collect();
    let holds = |pid: &u32| sockets_of(*pid).is_ok_and(|held| !held.is_disjoint(&inodes));
    let pid = pids().find(holds)?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some((pid, name.trim_end().to_owned()))
}

/// A listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) addr: SocketAddr,
    pub(super) inode: u64,
}

/// Parses `/proc/net/tcp` and `/proc/net/tcp6`: the sockets in state `LISTEN` (0A).
pub(super) fn parse_listeners(text: &str) -> impl Iterator<Item = Listener> {
    text.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace();
        let local = fields.nth(1)?;
        let state = fields.nth(1)?;
        let inode = fields.nth(5)?.parse().ok()?;
        let addr = parse_addr(local)?;
        (state == "0A").then_some(Listener { addr, inode })
    })
}

/// Parses `0100007F:1F90`: words of the address in the machine's byte order, then the port.
pub(super) fn parse_addr(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = host.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    let ip = match host.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut octets = [0; 16];
            for (at, quad) in octets.chunks_exact_mut(4).enumerate() {
                quad.copy_from_slice(&word(at)?);
            }
            IpAddr::from(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// The inodes of the sockets that a process has open. Where its first thread has ended, only the
/// others show its files.
fn sockets_of(pid: u32) -> io::Result<BTreeSet<u64>> {
    let process = Path::new("/proc").join(pid.to_string());
    let sockets_in = |folder: &Path| -> io::Result<BTreeSet<u64>> {
        let entries = folder.join("fd").read_dir()?;
        let links = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
        Ok(links.filter_map(|link| parse_socket(link.to_str()?)).collect())
    };
    let own = sockets_in(&process);
    match &own {
        Ok(sockets) if !sockets.is_empty() => return own,
        _ => {}
    }
    let tasks = process.join("task").read_dir().into_iter().flatten().flatten();
    let mut of_others = tasks.filter_map(|task| sockets_in(&task.path()).ok());
    of_others.find(|sockets| !sockets.is_empty()).map_or(own, Ok)
}

/// Parses `socket:[12345]`.
fn parse_socket(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, process};

    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check_listeners(text: &str, expected: Expect) {
        let lines: Vec<_> = parse_listeners(text)
            .map(|listener| format!("{} {}\n", listener.addr, listener.inode))
            .collect();
        expected.assert_eq(&lines.concat());
    }

    #[test]
    fn only_listeners_are_found() {
        if cfg!(target_endian = "big") {
            return;
        }
        check_listeners(
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             \x20  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 15071 1 0\n\
             \x20  1: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 15072 1 0\n\
             \x20  2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 16000 1 0\n",
            expect![[r#"
                127.0.0.1:8080 15071
                0.0.0.0:80 16000
            "#]],
        );
        check_listeners(
            "   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 42 1 0\n",
            expect![[r#"
                [::1]:8080 42
            "#]],
        );
    }

    #[test]
    fn listeners_on_any_address_are_reached_at_loopback() {
        let reach = |text: &str| reachable(text.parse().expect("an address")).to_string();
        assert_eq!(reach("0.0.0.0:80"), "127.0.0.1:80");
        assert_eq!(reach("[::]:80"), "[::1]:80");
        assert_eq!(reach("[::ffff:127.0.0.1]:80"), "127.0.0.1:80");
        assert_eq!(reach("[::ffff:0.0.0.0]:80"), "127.0.0.1:80");
        assert_eq!(reach("10.0.0.1:80"), "10.0.0.1:80");
    }

    #[test]
    fn this_process_listens() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let found = listening_ports(process::id()).expect("its own files");
        assert!(found.contains(&addr), "{found:?}");
        assert_eq!(port_holder(addr.port()).map(|(pid, _)| pid), Some(process::id()));
        drop(listener);
        let found = listening_ports(process::id()).expect("its own files");
        assert!(!found.contains(&addr), "{found:?}");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}", fields in "[0-9A-F: ]{0,160}") {
            let _ = parse_listeners(&text).count();
            let _ = parse_listeners(&fields).count();
            let _ = parse_socket(&text);
        }

        #[test]
        fn addresses_are_read_back(ip in any::<[u8; 4]>(), port in any::<u16>()) {
            let word = u32::from_ne_bytes(ip);
            let expected = SocketAddr::new(Ipv4Addr::from(ip).into(), port);
            prop_assert_eq!(parse_addr(&format!("{word:08X}:{port:04X}")), Some(expected));
        }
    }
}
