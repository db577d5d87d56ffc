//! Which module may import which: imports run downward only.

use super::{
    source::{Source, sources},
    tokens::Kind,
};

/// Each module of the library and the others that it may import. What is below `measure` knows
/// neither it nor, where the two are side by side, its neighbour: `load` and `sample` meet only in
/// `measure`.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("unit", &[]),
    ("plain", &[]),
    ("unpack", &[]),
    ("random", &["unit"]),
    ("stats", &[]),
    ("os", &["unit"]),
    ("config", &["unpack"]),
    ("target", &["unit", "os", "config"]),
    ("load", &["unit", "unpack", "random", "config"]),
    ("sample", &["unit", "unpack", "random", "os"]),
    ("symbolize", &["unit", "unpack", "os", "sample"]),
    ("fold", &["unit", "plain", "stats", "symbolize"]),
    ("render", &["unit", "plain", "fold"]),
    ("record", &["unit", "unpack", "config", "symbolize", "fold", "render"]),
    ("compare", &["unit", "stats", "symbolize", "record"]),
    ("report", &["unit", "plain", "fold", "render", "record", "compare"]),
    (
        "measure",
        &[
            "unit",
            "stats",
            "config",
            "target",
            "load",
            "sample",
            "symbolize",
            "fold",
            "render",
            "record",
            "compare",
        ],
    ),
    (
        "cli",
        &[
            "unit",
            "plain",
            "config",
            "target",
            "load",
            "sample",
            "symbolize",
            "fold",
            "render",
            "record",
            "compare",
            "report",
            "measure",
        ],
    ),
];

/// The programs, which are the command line and nothing else.
const PROGRAMS: &str = "src/bin/";

/// A module of the library that a file names.
#[derive(Debug, PartialEq, Eq)]
struct Import<'a> {
    module: &'a str,
    line: usize,
}

/// The modules of the library that a file names, wherever it does.
fn imports(source: &Source) -> Vec<Import<'_>> {
    let tokens = &source.tokens;
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        let inside: Vec<&str> =
            source.module().into_iter().chain(token.modules.iter().map(String::as_str)).collect();
        let starts_use = tokens.is_word(at, "use");
        if starts_use {
            resolve(source, &inside, at + 1, &mut found);
            while tokens.get(at).is_some() && !tokens.is_sign(at, ';') {
                at += 1;
            }
        } else if ["crate", "super"].iter().any(|word| tokens.is_word(at, word)) {
            resolve(source, &inside, at, &mut found);
            while tokens.word(at).is_some() && tokens.is_path_separator(at + 1) {
                at += 3;
            }
        }
        at += 1;
    }
    found
}

/// Follows a path, or each path of a tree, that starts at `at` and is relative to the module
/// `inside`, to the first name below the root.
fn resolve<'a>(source: &'a Source, inside: &[&str], at: usize, found: &mut Vec<Import<'a>>) {
    let tokens = &source.tokens;
    if let Some(tree) = tokens.braces(at) {
        let mut element = tree.start;
        while element < tree.end {
            resolve(source, inside, element, found);
            while element < tree.end && !tokens.is_sign(element, ',') {
                element = match tokens.kind(element) {
                    Some(Kind::Open(_, close)) => close + 1,
                    _ => element + 1,
                };
            }
            element += 1;
        }
        return;
    }
    let Some(token) = tokens.get(at) else { return };
    let below = match tokens.word(at) {
        Some("crate") => &[],
        Some("super") => &inside[..inside.len().saturating_sub(1)],
        Some("self") => inside,
        Some(module) if inside.is_empty() => {
            found.push(Import { module, line: token.line });
            return;
        }
        None if inside.is_empty() && tokens.is_sign(at, '*') => {
            found.push(Import { module: "*", line: token.line });
            return;
        }
        _ => return,
    };
    if tokens.is_path_separator(at + 1) {
        resolve(source, below, at + 3, found);
    }
}

/// What a file imports and may not.
fn complaints(source: &Source) -> Vec<String> {
    let path = &source.path;
    let Some(own) = source.module().first().copied() else { return Vec::new() };
    let Some((_, allowed)) = MAY_IMPORT.iter().find(|(module, _)| *module == own) else {
        return vec![format!("{path}:1: the table of imports does not know the module `{own}`")];
    };
    imports(source)
        .iter()
        .filter(|import| import.module != own && !allowed.contains(&import.module))
        .map(|Import { module, line }| {
            let allowed =
                if allowed.is_empty() { "nothing".to_owned() } else { allowed.join(", ") };
            format!("{path}:{line}: `{own}` imports `{module}`, but may import {allowed} only")
        })
        .collect()
}

#[test]
fn imports_run_downward_only() {
    let library = sources("src/").into_iter().filter(|file| !file.path.starts_with(PROGRAMS));
    let complaints: Vec<String> = library.flat_map(|file| complaints(&file)).collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn the_table_itself_has_no_cycles() {
    for (place, (module, allowed)) in MAY_IMPORT.iter().enumerate() {
        let earlier: Vec<&str> = MAY_IMPORT[..place].iter().map(|(name, _)| *name).collect();
        for import in *allowed {
            assert!(earlier.contains(import), "{module} imports {import}, which comes later");
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expect: Expect) {
        expect.assert_eq(&complaints(&Source::parse(path, text)).join("\n"));
    }

    #[test]
    fn what_a_module_may_not_import_is_found() {
        check("src/fold.rs", "use crate::{symbolize::Profile, unit::{Hertz, Nanos}};", expect![""]);
        check("src/fold/name.rs", "use super::folded::Folded;\nuse std::fs;", expect![""]);
        check("src/lib.rs", "pub mod measure;\npub use measure::Event;", expect![""]);
        check(
            "src/load/worker.rs",
            "use crate::{\n    unit::Nanos,\n    sample::{Sampler, Config},\n};",
            expect![
                "src/load/worker.rs:3: `load` imports `sample`, but may import unit, unpack, random, config only"
            ],
        );
        check(
            "src/unit.rs",
            "fn a() -> crate::config::ConfigError { b }",
            expect!["src/unit.rs:1: `unit` imports `config`, but may import nothing only"],
        );
        check(
            "src/unit.rs",
            "macro_rules! m { () => { $crate::load::Plan } }",
            expect!["src/unit.rs:1: `unit` imports `load`, but may import nothing only"],
        );
    }

    #[test]
    fn climbing_out_counts_too() {
        check(
            "src/sample/ring.rs",
            "use super::super::{unit::Nanos, load::Plan};",
            expect![
                "src/sample/ring.rs:1: `sample` imports `load`, but may import unit, unpack, random, os only"
            ],
        );
        check(
            "src/sample.rs",
            "use super::{unit::Nanos, self::load::Plan};",
            expect![
                "src/sample.rs:1: `sample` imports `load`, but may import unit, unpack, random, os only"
            ],
        );
        check(
            "src/sample.rs",
            "mod a {\n mod b { use super::{super::{super::record::Run, ring}, c}; } }",
            expect![
                "src/sample.rs:2: `sample` imports `record`, but may import unit, unpack, random, os only"
            ],
        );
        check("src/sample.rs", "mod a { fn b() { super::load::c() } }", expect![""]);
        check(
            "src/sample.rs",
            "fn a() { super::load::b() }",
            expect![
                "src/sample.rs:1: `sample` imports `load`, but may import unit, unpack, random, os only"
            ],
        );
        check(
            "src/fold.rs",
            "use crate::*;",
            expect![
                "src/fold.rs:1: `fold` imports `*`, but may import unit, plain, stats, symbolize only"
            ],
        );
    }

    #[test]
    fn a_new_module_needs_a_place_in_the_table() {
        check(
            "src/guess.rs",
            "",
            expect!["src/guess.rs:1: the table of imports does not know the module `guess`"],
        );
    }
}
