//! Processes as `/proc` and the kernel's clocks show them. See proc(5) for the formats.
//!
//! Processes come and go while they are read: one that vanished is left out, never an error.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt as _, path::PathBuf};

use crate::unit::Nanos;

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

/// Why the kernel may keep this user from looking into a process that runs, with what to do about
/// it; none where it is this user's own and guards nothing, or this user is root.
pub fn guarded(pid: u32) -> Option<String> {
    let ours = rustix::process::geteuid();
    let status = read_lossy(&format!("/proc/{pid}/status"))?;
    let owner = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    let owner: u32 = owner.split_whitespace().next()?.parse().ok()?;
    if ours.is_root() {
        return None;
    }
    if owner != ours.as_raw() {
        if owner == 0 {
            return Some("it belongs to root: run this as root (sudo)".to_owned());
        }
        let owner = user_name(owner).unwrap_or_else(|| format!("the user {owner}"));
        return Some(format!("it belongs to {owner}: run this as {owner}, or as root (sudo)"));
    }
    // Of a process that may not be looked into, the kernel gives these files to root.
    let files = fs::metadata(format!("/proc/{pid}/maps")).ok()?;
    (files.uid() != owner).then(|| {
        "it guards its memory, as programs with capabilities or secrets do: run this as root (sudo)"
            .to_owned()
    })
}

fn user_name(uid: u32) -> Option<String> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users_in(&users).find(|user| user.uid == uid).map(|user| user.name.to_owned())
}

/// A user of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User<'a> {
    pub(crate) name: &'a str,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The users in the text of `/etc/passwd` (see passwd(5)); lines that are none are passed over.
pub(crate) fn users_in(text: &str) -> impl Iterator<Item = User<'_>> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let uid = fields.nth(1)?.parse().ok()?;
        Some(User { name, uid, gid: fields.next()?.parse().ok()? })
    })
}

/// Everything that `/proc/<pid>/stat` says and is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Whether it is a zombie: over, but not yet waited for. One of which only the first thread has
    /// ended is none.
    pub(crate) ended: bool,
    /// Whether it is one of the kernel's own threads, which run no program.
    pub(crate) of_kernel: bool,
    pub(crate) parent: u32,
    pub(crate) faults_minor: u64,
    pub(crate) faults_major: u64,
    /// CPU time, user and kernel, of children that have ended and were waited for, to the clock
    /// tick.
    pub(crate) reaped: Nanos,
    /// In clock ticks since boot; with the process id it names a process for good.
    pub(crate) started: u64,
}

/// The flag of a thread of the kernel (`include/linux/sched.h`).
const PF_KTHREAD: u64 = 0x0020_0000;

/// Whether a process is one of the kernel's own threads.
pub fn is_kernel_thread(pid: u32) -> bool {
    read_stat(pid).is_some_and(|stat| stat.of_kernel)
}

/// Whether a process exists and has not ended.
pub fn is_running(pid: u32) -> bool {
    read_stat(pid).is_some_and(|stat| !stat.ended)
}

/// The id that a process has in the innermost of its namespaces: the last number of `NSpid` (see
/// proc(5)).
pub(crate) fn id_inside(pid: u32) -> u32 {
    let status = read_lossy(&format!("/proc/{pid}/status")).unwrap_or_default();
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    ids.and_then(|ids| ids.split_whitespace().next_back()?.parse().ok()).unwrap_or(pid)
}

/// Where a process writes the names of the code that it generates: one in a container writes to
/// its own `/tmp` under the id that it has there.
pub(crate) fn perf_map_paths(pid: u32) -> [PathBuf; 2] {
    [
        format!("/proc/{pid}/root/tmp/perf-{}.map", id_inside(pid)).into(),
        format!("/tmp/perf-{pid}.map").into(),
    ]
}

/// Reads a process's `stat`, if it still exists.
pub(crate) fn read_stat(pid: u32) -> Option<Stat> {
    parse_stat(&read_lossy(&format!("/proc/{pid}/stat"))?)
}

/// Parses `/proc/<pid>/stat`. The name in parentheses may itself hold spaces and parentheses.
pub(crate) fn parse_stat(text: &str) -> Option<Stat> {
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
    // The field after the name is number 3 in proc(5).
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    let ticks = |count: u64| {
        Nanos(count.saturating_mul(1_000_000_000) / rustix::param::clock_ticks_per_second().max(1))
    };
    Some(Stat {
        ended: matches!(fields.first(), Some(&("Z" | "X"))) && field(20)? < 2,
        of_kernel: field(9)? & PF_KTHREAD != 0,
        parent: u32::try_from(field(4)?).ok()?,
        faults_minor: field(10)?,
        faults_major: field(12)?,
        reaped: ticks(field(16)?.saturating_add(field(17)?)),
        started: field(22)?,
    })
}

/// A text from `/proc`; names of programs may be any bytes.
pub(crate) fn read_lossy(path: &str) -> Option<String> {
    fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The processes that there are.
pub(crate) fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use std::{io, process};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stat_survives_any_name() {
        let text = "42 (a) (b c) S 7 42 42 0 -1 4194560 111 0 5 0 3 4 0 0 20 0 1 0 987 1 2\n";
        assert_eq!(
            parse_stat(text),
            Some(Stat {
                ended: false,
                of_kernel: false,
                parent: 7,
                faults_minor: 111,
                faults_major: 5,
                reaped: Nanos(0),
                started: 987
            })
        );
        let zombie = "42 (a) Z 7 42 42 0 -1 4194560 111 0 5 0 3 4 0 0 20 0 2 0 987 1 2\n";
        assert_eq!(parse_stat(zombie).map(|stat| stat.ended), Some(false), "a thread goes on");
        assert_eq!(
            parse_stat(&zombie.replace(" 2 0 987", " 1 0 987")).map(|s| s.ended),
            Some(true)
        );
        for wrong in ["", "42 (a", "42 (a) S", "42 (a) S x 0 0 0 0 0 0 0 0"] {
            assert_eq!(parse_stat(wrong), None, "{wrong}");
        }
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
        fn no_text_panics(text in "\\PC{0,80}") {
            let _ = parse_stat(&text);
            let _ = parse_stat(&format!("1 (x) S {text}"));
        }
    }
}
