//! Names of generated code, from the map that a runtime writes for profilers.
//!
//! The format is that of the kernel's `tools/perf/Documentation/jit-interface.txt`: a line for
//! each function, `START SIZE NAME`, numbers in hexadecimal.

use std::{
    fs::{self, File, OpenOptions},
    io::Read as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// How much of a map is read.
const BYTES_MAX: u64 = 256 << 20;

/// Functions by address.
#[derive(Debug, Default)]
pub(super) struct PerfMap {
    /// Ordered by start; where functions overlap, the one written last counts.
    functions: Vec<Function>,
}

#[derive(Debug, PartialEq, Eq)]
struct Function {
    start: u64,
    size: u64,
    name: String,
}

impl PerfMap {
    /// The map of a process; empty where it writes none.
    pub(super) fn of_process(pid: u32) -> Self {
        let name = format!("perf-{pid}.map");
        // A process in a container writes to its own /tmp under the id that it has there.
        let candidates = [
            PathBuf::from("/tmp").join(&name),
            PathBuf::from(format!("/proc/{pid}/root/tmp")).join(&name),
        ];
        let mut text = Vec::new();
        if let Some(file) = candidates.iter().find_map(|path| open(path, pid)) {
            // What cannot be read is a map without these names.
            let _ = file.take(BYTES_MAX).read_to_end(&mut text);
        }
        Self::parse(&String::from_utf8_lossy(&text))
    }

    fn parse(text: &str) -> Self {
        let mut functions: Vec<Function> = text.lines().rev().filter_map(parse_line).collect();
        functions.sort_by_key(|function| function.start);
        functions.dedup_by_key(|function| function.start);
        Self { functions }
    }

    /// The name of the function at an address.
    pub(super) fn name(&self, address: u64) -> Option<&str> {
        let after = self.functions.partition_point(|function| function.start <= address);
        let function = self.functions[..after].last()?;
        (address - function.start < function.size).then_some(function.name.as_str())
    }
}

/// Opens a map that the process itself can have written. Everybody may write to `/tmp`: what
/// somebody else has left there under its name must not lead us to another file, nor give its
/// functions other names.
fn open(path: &Path, pid: u32) -> Option<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    let own = rustix::process::geteuid().as_raw();
    let of_process = || fs::metadata(format!("/proc/{pid}")).ok().map(|process| process.uid());
    let owner = metadata.uid();
    let is_trusted = owner == own || owner == 0 || of_process() == Some(owner);
    (metadata.is_file() && is_trusted).then_some(file)
}

fn parse_line(line: &str) -> Option<Function> {
    let mut fields = line.splitn(3, ' ');
    let mut number = || {
        let digits = fields.next()?;
        u64::from_str_radix(digits.strip_prefix("0x").unwrap_or(digits), 16).ok()
    };
    let (start, size) = (number()?, number()?);
    let name = fields.next()?.trim().to_owned();
    (!name.is_empty()).then_some(Function { start, size, name })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn functions_are_found_by_address_and_the_last_one_written_counts() {
        let map =
            PerfMap::parse("1000 20 py::old:/a.py\n2000 10 other one\n1000 20 py::new\nbad\n");
        assert_eq!(map.name(0x1000), Some("py::new"));
        assert_eq!(map.name(0x101f), Some("py::new"));
        assert_eq!(map.name(0x1020), None);
        assert_eq!(map.name(0x2008), Some("other one"));
        assert_eq!(map.name(0xfff), None);
    }

    #[test]
    fn links_and_what_is_no_file_are_not_followed() {
        let dir = tempfile::tempdir().expect("a folder");
        let pid = std::process::id();
        let map = dir.path().join("map");
        fs::write(&map, "1000 20 f").expect("ours");
        assert!(open(&map, pid).is_some());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&map, &link).expect("ours");
        assert!(open(&link, pid).is_none() && open(dir.path(), pid).is_none());
        let pipe = dir.path().join("pipe");
        let (folder, mode) = (rustix::fs::CWD, rustix::fs::Mode::RWXU);
        rustix::fs::mknodat(folder, &pipe, rustix::fs::FileType::Fifo, mode, 0).expect("ours");
        assert!(open(&pipe, pid).is_none());
        // Another user's, where we may make one.
        if std::os::unix::fs::chown(&map, Some(65_533), None).is_ok() {
            assert!(open(&map, pid).is_none());
        }
    }

    proptest! {
        #[test]
        fn any_text_parses(text in ".*", address in any::<u64>()) {
            let _ = PerfMap::parse(&text).name(address);
        }

        #[test]
        fn any_numbers_parse(start in any::<u64>(), size in any::<u64>(), address in any::<u64>()) {
            let _ = PerfMap::parse(&format!("{start:x} {size:x} f")).name(address);
        }
    }
}
