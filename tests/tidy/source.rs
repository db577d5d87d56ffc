//! [`Source`]: a Rust file of the project.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use super::tokens::Tokens;

/// A Rust file of the project.
#[derive(Debug)]
pub(super) struct Source {
    /// Its path from the root of the project.
    pub(super) path: String,
    pub(super) tokens: Tokens,
}

impl Source {
    pub(super) fn parse(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), tokens: Tokens::parse(path, text) }
    }

    /// The module that a file under `src/` is: `src/load/script.rs` is `load`, `script`.
    pub(super) fn module(&self) -> Vec<&str> {
        let Some(path) = self.path.strip_prefix("src/") else { return Vec::new() };
        path.trim_end_matches(".rs").split('/').filter(|part| *part != "lib").collect()
    }
}

/// The root of the project.
pub(super) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file of the project; none if it is not text.
pub(super) fn text(path: &str) -> Option<String> {
    let bytes = fs::read(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    String::from_utf8(bytes).ok()
}

/// The files that git tracks, or would if it were asked to add all.
pub(super) fn files() -> BTreeSet<String> {
    let output = Command::new("git")
        // Whoever owns the folder, its list of files is harmless.
        .args(["-c", "safe.directory=*"])
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .expect("file names are text")
        .split_terminator('\0')
        // A file that was removed is listed until the removal is committed.
        .filter(|path| root().join(path).is_file())
        .map(str::to_owned)
        .collect()
}

/// The Rust files under some folder, such as `src/`. Files that are compiled for tests only are
/// marked as such.
pub(super) fn sources(folder: &str) -> Vec<Source> {
    let mut sources: Vec<Source> = files()
        .iter()
        .filter(|path| path.starts_with(folder) && path.ends_with(".rs"))
        .map(|path| Source::parse(path, &text(path).expect("Rust files are text")))
        .collect();
    assert!(!sources.is_empty(), "there is no Rust file under {folder}");
    let test_files: BTreeSet<String> = sources.iter().flat_map(test_files).collect();
    for source in &mut sources {
        let stem = source.path.trim_end_matches(".rs");
        if test_files.iter().any(|test| stem == test || stem.starts_with(&format!("{test}/"))) {
            source.tokens.mark_all_as_test();
        }
    }
    sources
}

/// The files, without `.rs`, of the modules that `source` declares for tests only.
fn test_files(source: &Source) -> Vec<String> {
    let stem = source.path.trim_end_matches(".rs");
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let folder = if ["lib", "main"].contains(&name) { folder } else { stem };
    let siblings = source.tokens.test_modules().into_iter();
    siblings.map(|module| format!("{folder}/{module}")).collect()
}

#[test]
fn files_of_test_modules_are_known() {
    let source = |path, text| test_files(&Source::parse(path, text));
    assert_eq!(source("src/a.rs", "#[cfg(test)] mod tests; mod b;"), ["src/a/tests"]);
    assert_eq!(source("src/lib.rs", "#[cfg(test)] pub(crate) mod tests;"), ["src/tests"]);
    assert_eq!(source("src/a/b.rs", "#[cfg(test)] mod tests { fn f() {} }"), [""; 0]);
}
