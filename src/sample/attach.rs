//! What a process that runs already has: its threads, names and mappings, read from `/proc`.

use std::{
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use super::{
    access::SampleError,
    moved,
    record::{FileId, Mapping},
};
use crate::unit::Nanos;

/// The threads of a process.
///
/// # Errors
/// When the process does not exist or is not ours to look at.
pub(super) fn threads(pid: u32) -> Result<Vec<u32>, SampleError> {
    let path = PathBuf::from(format!("/proc/{pid}/task"));
    let entries = fs::read_dir(&path)
        .map_err(|source| SampleError::Process { path: path.clone(), source })?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

/// The name of a thread; empty where it is gone.
pub(super) fn thread_name(pid: u32, tid: u32) -> String {
    let name = fs::read(Path::new("/proc").join(format!("{pid}/task/{tid}/comm")));
    String::from_utf8_lossy(&name.unwrap_or_default()).trim_end().to_owned()
}

/// The CPU time of a thread so far (the first field of `schedstat`); none where it is gone.
pub(super) fn thread_cpu_time(pid: u32, tid: u32) -> Option<Nanos> {
    let path = Path::new("/proc").join(format!("{pid}/task/{tid}/schedstat"));
    let text = fs::read_to_string(path).ok()?;
    text.split_ascii_whitespace().next()?.parse().ok().map(Nanos)
}

/// The process that started a process, or that took it over; none where either is gone.
pub(super) fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read(Path::new("/proc").join(format!("{pid}/stat"))).ok()?;
    parse_parent(&String::from_utf8_lossy(&stat))
}

/// The fourth field of a `stat` file (`proc_pid_stat(5)`); the second is a name in parentheses,
/// which may itself hold spaces and parentheses.
fn parse_parent(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    let parent = fields.split_ascii_whitespace().nth(1)?.parse().ok()?;
    (parent != 0).then_some(parent)
}

/// Where the kernel cuts callchains (`kernel.perf_event_max_stack`).
pub(super) fn callchain_max() -> usize {
    let limit = fs::read_to_string("/proc/sys/kernel/perf_event_max_stack").unwrap_or_default();
    limit.trim().parse().unwrap_or(CALLCHAIN_MAX)
}

/// The kernel's limit unless told otherwise (`PERF_MAX_STACK_DEPTH`).
const CALLCHAIN_MAX: usize = 127;

/// The executable mappings of a process.
///
/// # Errors
/// When the process does not exist or is not ours to look at.
pub(super) fn mappings(pid: u32) -> Result<Vec<Mapping>, SampleError> {
    let read =
        |path: PathBuf| fs::read(&path).map_err(|source| SampleError::Process { path, source });
    let mut maps = read(PathBuf::from(format!("/proc/{pid}/maps")))?;
    // A main thread that has ended shows no mappings; the other threads show those of them all.
    for tid in threads(pid)?.into_iter().filter(|tid| *tid != pid) {
        if !maps.is_empty() {
            break;
        }
        // It may be gone as well.
        maps = read(PathBuf::from(format!("/proc/{pid}/task/{tid}/maps"))).unwrap_or_default();
    }
    let mut mappings: Vec<Mapping> = parse_maps(pid, &maps).collect();
    moved::name(&mut mappings);
    mappings.retain(|mapping| mapping.executable);
    Ok(mappings)
}

/// The mapping that holds a range now, if it is of code in a file.
pub(super) fn file_at(pid: u32, range: &Range<u64>) -> Option<Mapping> {
    let mappings = mappings(pid).ok()?;
    mappings.into_iter().find(|mapping| {
        let end = mapping.address.saturating_add(mapping.length);
        mapping.is_in_file() && mapping.address <= range.start && range.end <= end
    })
}

/// Reads the lines of a `maps` file (`proc_pid_maps(5)`); lines of another form are skipped.
pub(super) fn parse_maps(pid: u32, maps: &[u8]) -> impl Iterator<Item = Mapping> + '_ {
    maps.split(|byte| *byte == b'\n').filter_map(move |line| parse_line(pid, line))
}

fn parse_line(pid: u32, line: &[u8]) -> Option<Mapping> {
    let mut fields = line.splitn(6, |byte| *byte == b' ');
    let mut text = || std::str::from_utf8(fields.next()?).ok();
    let (start, end) = text()?.split_once('-')?;
    let protection = text()?;
    let file_offset = u64::from_str_radix(text()?, 16).ok()?;
    let (device, inode) = (text()?, text()?);
    let number = |text| u32::from_str_radix(text, 16).ok();
    let file = device.split_once(':').and_then(|(major, minor)| {
        FileId::new(number(major)?, number(minor)?, inode.parse().ok()?)
    });
    let path = fields.next().unwrap_or_default().trim_ascii_start().to_vec();
    let address = u64::from_str_radix(start, 16).ok()?;
    let length = u64::from_str_radix(end, 16).ok()?.checked_sub(address)?;
    let executable = protection.as_bytes().get(2) == Some(&b'x');
    Some(Mapping { pid, address, length, file_offset, executable, path, file })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_maps_file_gives_mappings() {
        let maps = b"55d0-55f0 r-xp 00001000 fe:00 123    /usr/bin/my server\n\
                     7f00-7f10 rw-p 00000000 00:00 0 \n\
                     garbage\n";
        let found: Vec<_> = parse_maps(7, maps).collect();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].path, b"/usr/bin/my server");
        assert_eq!(
            (found[0].address, found[0].length, found[0].file_offset),
            (0x55d0, 0x20, 0x1000)
        );
        assert!(found[0].executable && !found[1].executable);
        assert_eq!(found[0].file, FileId::new(0xfe, 0, 123));
        assert_eq!(found[1].file, None);
        assert!(found[1].path.is_empty());
    }

    #[test]
    fn our_own_process_can_be_read() {
        let pid = std::process::id();
        assert!(threads(pid).is_ok_and(|threads| threads.contains(&pid)));
        assert!(mappings(pid).is_ok_and(|mappings| !mappings.is_empty()));
        assert!(!thread_name(pid, pid).is_empty());
    }

    #[test]
    fn a_parent_is_read_behind_any_name() {
        assert_eq!(parse_parent("7 (a) (b) S 42 7 7 0"), Some(42));
        assert_eq!(parse_parent("1 (init) S 0 1 1 0"), None);
        assert_eq!(parse_parent("7 (a"), None);
        assert_eq!(parent(std::process::id()), Some(std::os::unix::process::parent_id()));
    }

    proptest! {
        #[test]
        fn any_stat_parses_or_does_not(text in any::<String>()) {
            let _ = parse_parent(&text);
        }

        #[test]
        fn any_bytes_parse_or_are_skipped(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse_maps(1, &bytes).count();
        }
    }
}
