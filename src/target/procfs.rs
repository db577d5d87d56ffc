//! What `/proc` says about processes. See proc(5) for the formats.
//!
//! Processes come and go while they are read: one that vanished is left out, never an error.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

/// The processes that `pid` started, and those that they started, nearest first; without `pid`.
///
/// A process whose parent has ended belongs to another parent by now and is not found.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for child in pids() {
        if let Some(stat) = read_stat(child) {
            children.entry(stat.parent).or_default().push(child);
        }
    }
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        // A parent is taken out once, so not even a table read in mid-change can loop.
        found.extend(children.remove(&parent).unwrap_or_default());
        next += 1;
    }
    found.split_off(1)
}

/// The addresses on which a process accepts TCP connections, ascending.
///
/// # Errors
/// When the process does not exist, or belongs to another user.
pub fn listening_ports(pid: u32) -> io::Result<Vec<SocketAddr>> {
    let sockets = sockets_of(pid)?;
    let mut found = BTreeSet::new();
    for table in ["tcp", "tcp6"] {
        // A kernel without IPv6 has no second table.
        let text = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        found.extend(
            parse_listeners(&text)
                .filter(|listener| sockets.contains(&listener.inode))
                .map(|listener| listener.addr),
        );
    }
    Ok(found.into_iter().collect())
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

/// Everything that `/proc/<pid>/stat` says and is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    /// Whether it is a zombie: over, but not yet waited for.
    pub(super) ended: bool,
    pub(super) parent: u32,
    pub(super) faults_minor: u64,
    pub(super) faults_major: u64,
    /// In clock ticks since boot; with the process id it names a process for good.
    pub(super) started: u64,
}

/// Whether a process exists and has not ended.
pub fn is_running(pid: u32) -> bool {
    read_stat(pid).is_some_and(|stat| !stat.ended)
}

/// Reads a process's `stat`, if it still exists.
pub(super) fn read_stat(pid: u32) -> Option<Stat> {
    parse_stat(&read_lossy(&format!("/proc/{pid}/stat"))?)
}

/// Parses `/proc/<pid>/stat`. The name in parentheses may itself hold spaces and parentheses.
pub(super) fn parse_stat(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    // The field after the name is number 3 in proc(5).
    let field = |number: usize| fields.get(number - 3)?.parse().ok();
    Some(Stat {
        ended: matches!(fields.first(), Some(&("Z" | "X"))),
        parent: u32::try_from(field(4)?).ok()?,
        faults_minor: field(10)?,
        faults_major: field(12)?,
        started: field(22)?,
    })
}

/// A text from `/proc`; names of programs may be any bytes.
pub(super) fn read_lossy(path: &str) -> Option<String> {
    fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
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

/// The inodes of the sockets that a process has open.
fn sockets_of(pid: u32) -> io::Result<BTreeSet<u64>> {
    let entries = Path::new("/proc").join(pid.to_string()).join("fd").read_dir()?;
    let links = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    Ok(links.filter_map(|link| parse_socket(link.to_str()?)).collect())
}

/// Parses `socket:[12345]`.
fn parse_socket(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}

/// Every process that this user may see.
fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, process};

    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stat_survives_any_name() {
        let text = "42 (a) (b c) S 7 42 42 0 -1 4194560 111 0 5 0 3 4 0 0 20 0 1 0 987 1 2\n";
        assert_eq!(
            parse_stat(text),
            Some(Stat {
                ended: false,
                parent: 7,
                faults_minor: 111,
                faults_major: 5,
                started: 987
            })
        );
        for wrong in ["", "42 (a", "42 (a) S", "42 (a) S x 0 0 0 0 0 0 0 0"] {
            assert_eq!(parse_stat(wrong), None, "{wrong}");
        }
    }

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

    #[test]
    fn children_of_children_are_found() {
        let mut child = process::Command::new("sh")
            .args(["-c", "sleep 60 & echo; wait"])
            .stdout(process::Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut ready = [0];
        let stdout = child.stdout.as_mut().expect("piped");
        io::Read::read_exact(stdout, &mut ready).expect("the shell has started its child");
        let found = descendants(process::id());
        let sleep = descendants(child.id());
        assert!(found.contains(&child.id()) && !found.contains(&process::id()));
        assert_eq!(sleep.len(), 1);
        assert!(found.contains(&sleep[0]));
        for pid in [child.id(), sleep[0]] {
            let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("not zero");
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        child.wait().expect("it was killed");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}", fields in "[0-9A-F: ]{0,160}") {
            let _ = parse_stat(&text);
            let _ = parse_stat(&format!("1 (x) S {text}"));
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
