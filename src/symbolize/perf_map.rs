//! Names of generated code, from the map that a runtime writes for profilers.
//!
//! The format is that of the kernel's `tools/perf/Documentation/jit-interface.txt`: a line for
//! each function, `START SIZE NAME`, numbers in hexadecimal.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{BufRead as _, BufReader, Read},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
    sync::Arc,
};

use crate::os::process::{perf_map_paths, read_lossy, read_stat};

/// How much of a map is read.
const BYTES_MAX: u64 = 256 << 20;
/// A longer line, and what follows it in that line, names nothing.
const LINE_MAX: u64 = 64 << 10;
/// The most functions that are kept: each takes a hundred bytes beside its name, and more than that
/// no runtime has alive at once.
const FUNCTIONS_MAX: usize = 1 << 20;

/// Functions by address.
#[derive(Debug, Default)]
pub(super) struct PerfMap {
    /// By their start; none overlaps another.
    functions: BTreeMap<u64, Function>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Function {
    /// The address after its last one.
    end: u64,
    name: Arc<str>,
}

impl PerfMap {
    /// The map of a process, below it those of the processes that it was forked from, whose code
    /// it has in its memory as well; empty where nobody writes one.
    pub(super) fn of_process(pid: u32) -> Self {
        let mut map = Self::default();
        for pid in forked_from(pid).into_iter().rev() {
            if let Some(file) = find(pid) {
                map.add(file);
            }
        }
        map
    }

    /// Adds what was written later: it names the addresses that it names, whatever stood there.
    pub(super) fn add(&mut self, from: impl Read) {
        let mut lines = BufReader::new(from.take(BYTES_MAX));
        let mut line = Vec::new();
        loop {
            line.clear();
            // What cannot be read is a map without these names.
            let read = (&mut lines).take(LINE_MAX).read_until(b'\n', &mut line).unwrap_or(0);
            if read == 0 || self.functions.len() >= FUNCTIONS_MAX {
                return;
            }
            let is_whole = line.ends_with(b"\n") || (read as u64) < LINE_MAX;
            if !is_whole && lines.skip_until(b'\n').is_err() {
                return;
            }
            let text = String::from_utf8_lossy(&line);
            if let Some((start, function)) = parse_line(&text).filter(|_| is_whole) {
                self.put(start, function);
            }
        }
    }

    /// Memory is used again: what is left of older functions stays theirs.
    fn put(&mut self, start: u64, function: Function) {
        let end = function.end;
        let before = self.functions.range(..start).next_back();
        if let Some((&at, older)) = before.filter(|(_, older)| older.end > start) {
            let older = older.clone();
            if older.end > end {
                self.functions.insert(end, older.clone());
            }
            self.functions.insert(at, Function { end: start, ..older });
        }
        while let Some((&at, older)) = self.functions.range(start..end).next() {
            let older = older.clone();
            self.functions.remove(&at);
            if older.end > end {
                self.functions.insert(end, older);
            }
        }
        self.functions.insert(start, function);
    }

    /// The name of the function at an address.
    pub(super) fn name(&self, address: u64) -> Option<&str> {
        let (_, function) = self.functions.range(..=address).next_back()?;
        (address < function.end).then_some(&*function.name)
    }
}

/// What a process has written.
fn find(pid: u32) -> Option<File> {
    perf_map_paths(pid).iter().find_map(|path| open(path, pid))
}

/// A process, and those that it was forked from without another program in between, the nearest
/// first.
fn forked_from(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let memory = layout(pid);
    let mut last = pid;
    while let Some(stat) = read_stat(last).filter(|stat| stat.parent > 1) {
        if memory.is_none() || layout(stat.parent) != memory || found.contains(&stat.parent) {
            break;
        }
        found.push(stat.parent);
        last = stat.parent;
    }
    found
}

/// What a fork keeps and a new program changes: where in memory its file and the kernel's page of
/// code are. None where this user may not see it.
fn layout(pid: u32) -> Option<[String; 2]> {
    let maps = read_lossy(&format!("/proc/{pid}/maps"))?;
    let program = maps.lines().next()?.to_owned();
    let vdso = maps.lines().find(|line| line.ends_with("[vdso]"))?.to_owned();
    Some([program, vdso])
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

fn parse_line(line: &str) -> Option<(u64, Function)> {
    let mut fields = line.splitn(3, ' ');
    let mut number = || {
        let digits = fields.next()?;
        u64::from_str_radix(digits.strip_prefix("0x").unwrap_or(digits), 16).ok()
    };
    let (start, size) = (number()?, number()?);
    let (name, end) = (fields.next()?.trim(), start.saturating_add(size));
    (!name.is_empty() && end > start).then(|| (start, Function { end, name: name.into() }))
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        process::{Command, Stdio},
    };

    use proptest::prelude::*;

    use super::*;
    use crate::os::process::descendants;

    fn parse(text: &str) -> PerfMap {
        let mut map = PerfMap::default();
        map.add(text.as_bytes());
        map
    }

    #[test]
    fn functions_are_found_by_address_and_the_last_one_written_counts() {
        let map = parse("1000 20 py::old:/a.py\n2000 10 other one\n1000 20 py::new\nbad\n");
        assert_eq!(map.name(0x1000), Some("py::new"));
        assert_eq!(map.name(0x101f), Some("py::new"));
        assert_eq!(map.name(0x1020), None);
        assert_eq!(map.name(0x2008), Some("other one"));
        assert_eq!(map.name(0xfff), None);
    }

    #[test]
    fn lines_without_end_name_nothing_and_hide_no_others() {
        let long = "x".repeat(LINE_MAX as usize);
        let map = parse(&format!("1000 20 {long}\n2000 10 f\n3000 10 {long}{long}\n4000 10 g"));
        let names = [0x1000, 0x2000, 0x3000, 0x4000].map(|at| map.name(at));
        assert_eq!(names, [None, Some("f"), None, Some("g")]);
    }

    #[test]
    fn functions_beyond_the_most_are_not_kept() {
        let mut text = String::new();
        for at in 0..FUNCTIONS_MAX + 5 {
            text.push_str(&format!("{at:x} 1 f\n"));
        }
        assert_eq!(parse(&text).functions.len(), FUNCTIONS_MAX);
    }

    #[test]
    fn what_is_left_of_older_functions_stays_theirs() {
        let map =
            parse("1000 100 a\n1040 20 b\n1030 10 c\n2000 10 d\n2008 10 e\n2ffc 8 f\n3000 4 g\n");
        let names = |addresses: &[u64]| {
            addresses.iter().map(|at| map.name(*at).unwrap_or("-")).collect::<String>()
        };
        assert_eq!(names(&[0xfff, 0x1000, 0x102f, 0x1030, 0x103f]), "-aacc");
        assert_eq!(names(&[0x1040, 0x105f, 0x1060, 0x10ff, 0x1100]), "bbaa-");
        assert_eq!(names(&[0x2000, 0x2007, 0x2008, 0x200f, 0x2017, 0x2018]), "ddeee-");
        assert_eq!(names(&[0x2ffc, 0x2fff, 0x3000, 0x3003, 0x3004]), "ffgg-");
    }

    #[test]
    fn a_fork_has_the_code_of_its_parent_and_a_program_has_not() {
        // A shell's subshell is a fork; what it starts is another program.
        let script = "(sleep 60; :) & (while :; do read -r x || :; done) & echo; wait";
        let mut shell = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let ready = io::Read::read_exact(shell.stdout.as_mut().expect("piped"), &mut [0]);
        ready.expect("both were forked");
        let all = descendants(shell.id());
        let (programs, forks): (Vec<u32>, Vec<u32>) = (0..500)
            .find_map(|_| {
                std::thread::sleep(std::time::Duration::from_millis(5));
                let all = descendants(shell.id());
                let is_fork = |pid: &u32| {
                    read_lossy(&format!("/proc/{pid}/comm")).is_some_and(|name| name != "sleep\n")
                };
                let (forks, programs): (Vec<u32>, Vec<u32>) = all.into_iter().partition(is_fork);
                (!programs.is_empty()).then_some((programs, forks))
            })
            .expect("sleep runs");
        for pid in forks {
            assert_eq!(forked_from(pid)[..2], [pid, shell.id()]);
        }
        for pid in &programs {
            assert_eq!(forked_from(*pid), [*pid]);
        }
        for pid in all.into_iter().chain(programs).chain([shell.id()]) {
            let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("not zero");
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        shell.wait().expect("it was killed");
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
        /// Against a map of single addresses.
        #[test]
        fn the_last_writer_of_an_address_names_it(
            lines in proptest::collection::vec((0_u64..60, 0_u64..20), 0..30),
        ) {
            let mut text = String::new();
            let mut expected = vec![None; 100];
            for (index, (start, size)) in lines.iter().enumerate() {
                text.push_str(&format!("{start:x} {size:x} f{index}\n"));
                for at in *start..start + size {
                    expected[at as usize] = Some(format!("f{index}"));
                }
            }
            let map = parse(&text);
            for (at, name) in expected.iter().enumerate() {
                prop_assert_eq!(map.name(at as u64), name.as_deref());
            }
        }

        #[test]
        fn any_text_parses(text in ".*", address in any::<u64>()) {
            let _ = parse(&text).name(address);
        }

        #[test]
        fn any_numbers_parse(start in any::<u64>(), size in any::<u64>(), address in any::<u64>()) {
            let _ = parse(&format!("{start:x} {size:x} f")).name(address);
        }
    }
}
