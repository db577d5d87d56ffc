//! [`Outcome`]: how tests ended, by what their programs print.

use std::collections::BTreeMap;

/// How the tests of a project ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) passed: usize,
    pub(super) failed: usize,
    /// The names of failed tests, or why there are none.
    pub(super) failures: Vec<String>,
    /// The names of tests that were left out, in whole or in part, and why.
    pub(super) skipped: BTreeMap<String, String>,
}

impl Outcome {
    /// Takes note of a line of a test program's output.
    pub(super) fn read(&mut self, line: &str) {
        let line = without_colors(line);
        if let Some(counts) = line.strip_prefix("test result: ") {
            self.passed += count(counts, "passed");
            self.failed += count(counts, "failed");
        } else if let Some((name, result)) =
            line.strip_prefix("test ").and_then(|test| test.trim_end().rsplit_once(" ... "))
        {
            if result == "FAILED" || result.starts_with("FAILED ") {
                self.failures.push(name.to_owned());
            } else if let Some(reason) = result.strip_prefix("ignored") {
                let reason = reason.trim_start_matches([',', ' ']);
                let reason = if reason.is_empty() { "no reason given" } else { reason };
                self.skipped.insert(name.to_owned(), reason.to_owned());
            }
        }
    }

    /// Takes note of how cargo ended, and of the tests that said themselves that they were
    /// skipped: their programs count them as passed, or failed.
    ///
    /// Tests that were not built, or a program that crashed, count as a failure of their own.
    pub(super) fn finish(&mut self, success: bool, skipped: &BTreeMap<String, String>) {
        if !success && self.failed == 0 {
            self.failed = 1;
            self.failures.push("its tests did not build, or did not run to their end".to_owned());
        }
        for (name, reason) in skipped {
            if !self.failures.contains(name) {
                self.passed = self.passed.saturating_sub(1);
                self.skipped.insert(name.clone(), reason.clone());
            }
        }
    }
}

/// The number before `word` in `ok. 5 passed; 0 failed; 1 ignored; ...`.
fn count(counts: &str, word: &str) -> usize {
    let part = counts.split([';', '.']).find_map(|part| part.trim().strip_suffix(word));
    part.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
}

/// Without the escape sequences that set colours: `ESC [ ... m` and `ESC ( B`.
fn without_colors(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => match chars.next() {
                Some('[') => drop(chars.by_ref().find(char::is_ascii_alphabetic)),
                _ => drop(chars.next()),
            },
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\nrunning 4 tests\n\
        test load::a ... ok\n\
        test load::b ... FAILED\n\
        test load::slow ... ignored\n\
        test load::later - should panic ... ignored, needs a network\n\
        test src/lib.rs - unit (line 3) ... ok\n\
        \nfailures:\n    load::b\n\n\
        test result: FAILED. 1 passed; 1 failed; 2 ignored; 0 measured; 7 filtered out; finished in 0.1s\n\
        test result: \x1b[32mok\x1b(B\x1b[m. 25 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";

    fn outcome(output: &str, success: bool, skipped: &[(&str, &str)]) -> Outcome {
        let mut outcome = Outcome::default();
        output.lines().for_each(|line| outcome.read(line));
        outcome.finish(success, &pairs(skipped));
        outcome
    }

    fn pairs(skipped: &[(&str, &str)]) -> BTreeMap<String, String> {
        skipped.iter().map(|(name, why)| (name.to_string(), why.to_string())).collect()
    }

    #[test]
    fn the_output_of_test_programs_is_counted() {
        let own = [("load::a", "no perf"), ("load::b", "no perf")];
        assert_eq!(
            outcome(OUTPUT, false, &own),
            Outcome {
                passed: 25,
                failed: 1,
                failures: vec!["load::b".to_owned()],
                skipped: pairs(&[
                    ("load::a", "no perf"),
                    ("load::slow", "no reason given"),
                    ("load::later - should panic", "needs a network"),
                ]),
            }
        );
    }

    #[test]
    fn what_did_not_run_is_a_failure() {
        let cut = "test result: ok. 5 passed; 0 failed; 0 ignored";
        assert_eq!(outcome(cut, false, &[]).failed, 1);
        assert_eq!(outcome("", false, &[]).failures.len(), 1);
        assert_eq!(outcome("", true, &[]), Outcome::default());
    }

    #[test]
    fn other_lines_count_for_nothing() {
        let noise =
            "test \ntest result: \ntest result: many passed\ntesting ... FAILED\n\x1b\n\x1b[";
        assert_eq!(outcome(noise, true, &[]), Outcome::default());
    }
}
