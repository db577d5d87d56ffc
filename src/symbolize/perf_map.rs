//! Names of generated code, from the map that a runtime writes for profilers.
//!
//! The format is that of the kernel's `tools/perf/Documentation/jit-interface.txt`: a line for
//! each function, `START SIZE NAME`, numbers in hexadecimal.

use std::{fs, path::PathBuf};

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
        let text = candidates.iter().find_map(|path| fs::read(path).ok()).unwrap_or_default();
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
