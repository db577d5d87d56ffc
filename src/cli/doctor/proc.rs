//! Small files of the system, as text.

use std::{fs, path::Path};

/// The text of a file under `/proc`; none where it is missing or not to be read.
pub(super) fn proc_file(path: &str) -> Option<String> {
    file(Path::new("/proc").join(path))
}

/// The text of a small file of the system.
pub(super) fn file(path: impl AsRef<Path>) -> Option<String> {
    fs::read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The number that a file under `/proc/sys` consists of.
pub(super) fn number<T: std::str::FromStr>(text: Option<&str>) -> Option<T> {
    text?.trim().parse().ok()
}

/// The value of a `Name:<tab>value` line, as in `/proc/self/status`.
pub(super) fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let named = |line: &'a str| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim());
    text.lines().find_map(named)
}

/// The numbers of a list such as `0-2,5`; none where it is not one.
pub(super) fn list(text: &str) -> Option<Vec<usize>> {
    let mut numbers = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        // No machine has so many CPUs: it is no list of them.
        if last > u16::MAX.into() {
            return None;
        }
        numbers.extend(first..=last);
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_fields_are_read() {
        assert_eq!(list("0-2,5\n"), Some(vec![0, 1, 2, 5]));
        assert_eq!(list("3"), Some(vec![3]));
        for garbage in ["", "a", "1-", "0-99999999999", "1,,2"] {
            assert_eq!(list(garbage), None, "{garbage}");
        }
        let status = "Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n";
        assert_eq!(field(status, "Seccomp"), Some("2"));
        assert_eq!(field(status, "Sec"), None);
        assert_eq!(number::<i32>(Some("-1\n")), Some(-1));
        assert_eq!(number::<i32>(Some("one")), None);
    }
}
