//! What the build of a revision may have missed: files that git ignores are in no commit.

use std::path::Path;

use super::BuildError;
use crate::target::git::git;

/// Folders that builds make, and need not find.
const MADE: [&str; 6] = ["target", "node_modules", "__pycache__", ".venv", "dist", "build"];
/// So many names are a hint; more are a list.
const NAMES: usize = 3;

/// A failed build's error with the ignored files of the working tree `top` that `folder`, where it
/// was built, has not: those whose names the build speaks of, or else how many there are.
pub(super) fn with_hint(error: BuildError, top: &Path, folder: &Path) -> BuildError {
    let BuildError::Failed { command, ending, last_lines, .. } = error else { return error };
    let missing = ignored(top).into_iter().filter(|path| !folder.join(path).exists()).collect();
    let hint = hint(missing, &last_lines);
    BuildError::Failed { command, ending, last_lines, hint }
}

/// What git ignores and is there, from the top; a folder of which it ignores all is one of them.
fn ignored(top: &Path) -> Vec<String> {
    let words = ["status", "--porcelain", "--ignored", "--untracked-files=normal", "-z"];
    // Without an answer there is no hint.
    let listed = git(top, &words).unwrap_or_default();
    listed.split('\0').filter_map(|entry| entry.strip_prefix("!! ")).map(str::to_owned).collect()
}

fn hint(missing: Vec<String>, said: &[String]) -> Option<String> {
    let name = |path: &String| -> String {
        let path = path.trim_end_matches('/');
        path.rsplit('/').next().unwrap_or(path).to_owned()
    };
    let is_said = |path: &String| said.iter().any(|line| has_word(line, &name(path)));
    let is_made = |path: &String| MADE.contains(&name(path).as_str());
    let missing: Vec<String> = missing.into_iter().filter(|path| !is_made(path)).collect();
    let named: Vec<String> = missing.iter().filter(|path| is_said(path)).cloned().collect();
    let what = match (named.as_slice(), missing.as_slice()) {
        ([], []) => return None,
        ([], missing) => {
            let count = missing.len();
            let few = count > NAMES;
            let names = missing[..count.min(NAMES)].join(", ");
            format!("{count} ignored by git{} {names}", if few { ", such as" } else { ":" })
        }
        (named, _) => {
            let more = named.len().saturating_sub(NAMES);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{}{more}, ignored by git", named[..named.len().min(NAMES)].join(", "))
        }
    };
    Some(format!(
        "a revision is built without what is in no commit, here {what}: name what the build needs \
         as `files = [...]` in [build] of the manifest"
    ))
}

/// Whether a line has this name as a word of its own: `gen` is not in `generated`.
fn has_word(line: &str, name: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + name.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(missing: &[&str], said: &str, expected: Expect) {
        let found = hint(missing.iter().map(|it| (*it).to_owned()).collect(), &[said.to_owned()]);
        let found = found.unwrap_or_default();
        let what = found.split(", here ").nth(1).unwrap_or_default();
        expected.assert_eq(what.split(": name").next().unwrap_or_default());
    }

    #[test]
    fn what_the_build_speaks_of_is_named() {
        let missing = ["target/", "web/gen/", ".env", "notes/", "a.log"];
        check(
            &missing,
            "error: couldn't read `src/../web/gen/api.rs`: No such file",
            expect!["web/gen/, ignored by git"],
        );
        check(&missing, "cannot open .env", expect![".env, ignored by git"]);
        check(
            &missing,
            "Compiling generated v0.1.0 (/x/target)",
            expect!["4 ignored by git, such as web/gen/, .env, notes/"],
        );
        check(&["one"], "", expect!["1 ignored by git: one"]);
        check(&["target/", "web/node_modules/"], "no such file: target/x", expect![""]);
        check(&[], "no such file", expect![""]);
    }
}
