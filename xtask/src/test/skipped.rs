//! [`SkippedTests`]: the list to which tests add themselves when this machine does not allow them.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, File},
    io,
    path::PathBuf,
    process::Command,
};

/// Names the list for tests (`tests/support/skip.rs`).
const LIST: &str = "FLAMELOAD_SKIPPED_TESTS";

/// A file that tests append to: a name, a tab, and why. It is removed in the end.
#[derive(Debug)]
pub(super) struct SkippedTests {
    path: PathBuf,
}

impl SkippedTests {
    /// An empty list.
    pub(super) fn new() -> io::Result<Self> {
        let tool = env::current_exe()?;
        let path = tool.with_file_name(format!("skipped-tests-{}", std::process::id()));
        File::create(&path)?;
        Ok(Self { path })
    }

    /// Tells the tests that `command` runs.
    pub(super) fn pass_to(&self, command: &mut Command) {
        command.env(LIST, &self.path);
    }

    /// The tests that were skipped, and why; each once, with its first reason.
    pub(super) fn read(&self) -> io::Result<BTreeMap<String, String>> {
        Ok(parse(&String::from_utf8_lossy(&fs::read(&self.path)?)))
    }
}

impl Drop for SkippedTests {
    fn drop(&mut self) {
        // What is left behind is among build products, and small.
        let _ = fs::remove_file(&self.path);
    }
}

fn parse(list: &str) -> BTreeMap<String, String> {
    let mut tests = BTreeMap::new();
    for line in list.lines() {
        let (name, why) = line.split_once('\t').unwrap_or((line, "no reason given"));
        tests.entry(name.to_owned()).or_insert_with(|| why.to_owned());
    }
    tests
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_is_skipped_once() {
        let tests = parse("a\tfirst\nb\tno perf\na\tsecond\nc\n");
        let pairs: Vec<(&str, &str)> =
            tests.iter().map(|(name, why)| (name.as_str(), why.as_str())).collect();
        assert_eq!(pairs, [("a", "first"), ("b", "no perf"), ("c", "no reason given")]);
        assert!(parse("").is_empty());
    }
}
