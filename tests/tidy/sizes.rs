//! Files and functions that a reader can take in.

use std::collections::BTreeMap;

use super::{
    ratchet::{self, Ratchet},
    source::{Source, files, sources, text},
    tokens::Kind,
};

/// The folders whose code a reader has to take in.
const FOLDERS: [&str; 2] = ["src/", "xtask/src/"];

/// Lines of a file, its tests and comments included.
const FILE_LINES_MAX: usize = 500;
/// Longer files, and their lines.
const LONG_FILES: Ratchet = &[];

/// Lines of a function, so that it fits on a screen.
const FUNCTION_LINES_MAX: usize = 70;
/// Longer functions as `file: name`, and their lines.
const LONG_FUNCTIONS: Ratchet = &[];

/// The functions of a file and how many lines each has, from `fn` to its closing brace. Tests are
/// left out: a table of cases is easy to read at any length.
fn functions(source: &Source) -> Vec<(&str, usize)> {
    let tokens = &source.tokens;
    let body_end = |start: usize| {
        let mut at = start;
        loop {
            match tokens.kind(at)? {
                Kind::Open(proc_macro2::Delimiter::Brace, close) => return Some(*close),
                Kind::Open(_, close) => at = close + 1,
                Kind::Sign(';') | Kind::Close => return None,
                _ => at += 1,
            }
        }
    };
    (0..tokens.len())
        .filter(|at| tokens.is_word(*at, "fn") && tokens.get(*at).is_some_and(|token| !token.test))
        .filter_map(|at| {
            let name = tokens.word(at + 1)?;
            let (first, last) = (tokens.get(at)?.line, tokens.get(body_end(at + 2)?)?.line);
            Some((name, last - first + 1))
        })
        .collect()
}

#[test]
fn files_are_short() {
    let found: BTreeMap<String, usize> = files()
        .into_iter()
        .filter(|path| FOLDERS.iter().any(|folder| path.starts_with(folder)))
        .filter_map(|path| text(&path).map(|text| (path, text.lines().count())))
        .filter(|(_, lines)| *lines > FILE_LINES_MAX)
        .collect();
    let complaints = ratchet::complaints(&found, LONG_FILES);
    assert!(complaints.is_empty(), "over {FILE_LINES_MAX} lines:\n{}", complaints.join("\n"));
}

#[test]
fn functions_fit_on_a_screen() {
    let mut found = BTreeMap::new();
    for source in FOLDERS.into_iter().flat_map(sources) {
        for (name, lines) in functions(&source) {
            if lines > FUNCTION_LINES_MAX {
                found.insert(format!("{}: {name}", source.path), lines);
            }
        }
    }
    let complaints = ratchet::complaints(&found, LONG_FUNCTIONS);
    assert!(complaints.is_empty(), "over {FUNCTION_LINES_MAX} lines:\n{}", complaints.join("\n"));
}

#[test]
fn no_module_hides_behind_the_name_mod() {
    let hidden: Vec<String> =
        files().into_iter().filter(|path| path.ends_with("/mod.rs")).collect();
    assert!(hidden.is_empty(), "name the file after its module: {hidden:?}");
}

#[test]
fn functions_are_measured() {
    let text = "trait T { fn a(); fn b() {} }\n\
                fn c(d: fn() -> u8)\nwhere\n    E: F<1>,\n{\n    |g| {\n    }\n}\n\
                impl T for U {\n    fn h(&self) -> [u8; 2] {\n        i\n    }\n}";
    let source = Source::parse("src/a.rs", text);
    assert_eq!(functions(&source), [("b", 1), ("c", 7), ("h", 3)]);
    assert_eq!(functions(&Source::parse("src/a.rs", "#[test]\nfn a() {\n}")), []);
}
