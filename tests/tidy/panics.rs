//! The library neither panics, nor prints, nor exits, and keeps `unsafe` in its place.

use std::collections::BTreeMap;

use super::{
    ratchet::{self, Ratchet},
    source::{Source, sources},
};

/// Files under `src/` with calls that panic, outside tests, and how many.
const PANICS: Ratchet = &[("src/load/tally.rs", 1)];

/// The lines on which code that is not for tests may panic by its own will.
fn panics(source: &Source) -> Vec<usize> {
    let tokens = &source.tokens;
    lines(source, |at| {
        matches!(tokens.method_call(at), Some("unwrap" | "expect" | "unwrap_err" | "expect_err"))
            || matches!(tokens.macro_call(at), Some("panic" | "unreachable" | "unimplemented"))
    })
}

/// The lines on which code that is not for tests prints, reads arguments, or exits.
fn speaks(source: &Source) -> Vec<usize> {
    let tokens = &source.tokens;
    lines(source, |at| {
        let called = |module: &str, function: &str| {
            tokens.is_word(at, module)
                && tokens.is_path_separator(at + 1)
                && tokens.is_word(at + 3, function)
        };
        matches!(tokens.macro_call(at), Some("print" | "println" | "eprint" | "eprintln" | "dbg"))
            || called("process", "exit")
            || called("process", "abort")
            || called("env", "args")
            || called("env", "args_os")
    })
}

fn lines(source: &Source, is_bad: impl Fn(usize) -> bool) -> Vec<usize> {
    let tokens = &source.tokens;
    let own = (0..tokens.len()).filter_map(|at| Some((at, tokens.get(at)?)));
    own.filter(|(at, token)| !token.test && is_bad(*at)).map(|(_, token)| token.line).collect()
}

/// The lines with `unsafe`, for tests or not, unless the file is the place for it.
fn unsafe_lines(source: &Source) -> Vec<usize> {
    let tokens = &source.tokens;
    if source.path.ends_with("/sys.rs") {
        return Vec::new();
    }
    let words = (0..tokens.len()).filter(|at| tokens.is_word(*at, "unsafe"));
    words.filter_map(|at| tokens.get(at)).map(|token| token.line).collect()
}

fn places(sources: &[Source], find: fn(&Source) -> Vec<usize>) -> Vec<String> {
    let of = |source: &Source| {
        let path = source.path.clone();
        find(source).into_iter().map(move |line| format!("{path}:{line}"))
    };
    sources.iter().flat_map(of).collect()
}

#[test]
fn the_library_does_not_panic() {
    let sources = sources("src/");
    let found: BTreeMap<String, usize> = sources
        .iter()
        .map(|source| (source.path.clone(), panics(source).len()))
        .filter(|(_, count)| *count > 0)
        .collect();
    let complaints = ratchet::complaints(&found, PANICS);
    assert!(
        complaints.is_empty(),
        "return an error instead:\n{}\nall places:\n{}",
        complaints.join("\n"),
        places(&sources, panics).join("\n")
    );
}

#[test]
fn the_library_does_not_print_read_arguments_or_exit() {
    // The command line is what does.
    let is_library = |file: &Source| {
        !["src/cli.rs", "src/cli/", "src/bin/"].iter().any(|path| file.path.starts_with(path))
    };
    let library: Vec<Source> = sources("src/").into_iter().filter(is_library).collect();
    let places = places(&library, speaks);
    assert!(places.is_empty(), "return a value or send an event instead:\n{}", places.join("\n"));
}

#[test]
fn unsafe_code_is_in_files_named_sys() {
    let all = ["src/", "xtask/src/", "tests/"].into_iter().flat_map(sources);
    // A program whose time is known to a test needs to call the system without a library.
    let all = all.filter(|source| !source.path.starts_with("tests/programs/"));
    let places = places(&all.collect::<Vec<_>>(), unsafe_lines);
    assert!(places.is_empty(), "move it to the module's sys.rs:\n{}", places.join("\n"));
}

#[test]
fn what_panics_is_found() {
    let source = |text| Source::parse("src/a.rs", text);
    let text = "fn a() {\n b.unwrap();\n c.expect(\"d\"); panic!(\"e\");\n}\n\
                fn unwrap() { f.unwrap_or(1); Peek::expect; assert!(g) }\n\
                #[cfg(test)]\nmod tests { fn h() { i.unwrap() } }";
    assert_eq!(panics(&source(text)), [2, 3, 3]);
    assert_eq!(panics(&source("macro_rules! m { ($a:expr) => { $a.unwrap() } }")), [1]);
    assert_eq!(panics(&source("// a.unwrap()\nconst A: &str = \"b.unwrap()\";")), [0; 0]);
}

#[test]
fn what_speaks_is_found() {
    let source = |text| Source::parse("src/a.rs", text);
    let text = "fn a() {\n println!();\n std::process::exit(1);\n writeln!(out); env::var(b);\n}";
    assert_eq!(speaks(&source(text)), [2, 3]);
    assert_eq!(speaks(&source("fn a() { std::env::args().count() }")), [1]);
}

#[test]
fn unsafe_is_found_outside_its_place() {
    let text = "fn a() {}\n// SAFETY: none\nunsafe fn b() {}\n#[cfg(test)] mod t { unsafe { c } }";
    assert_eq!(unsafe_lines(&Source::parse("src/a.rs", text)), [3, 4]);
    assert_eq!(unsafe_lines(&Source::parse("src/a/sys.rs", text)), [0; 0]);
    assert_eq!(unsafe_lines(&Source::parse("src/a.rs", "#![deny(unsafe_code)]")), [0; 0]);
}
