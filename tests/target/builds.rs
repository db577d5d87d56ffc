//! Builds: of a cargo project as a user may have it, and by a command.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use flameload::target::{BuildError, Product, build};
use object::{Object, ObjectSection, ObjectSymbol};

use super::support::{Fixture, alive, eventually, only};

/// A build that says who it is and goes on for long.
pub(super) const SLOW_BUILD: &str = r#"
[build]
command = ["sh", "-c", "sleep 1000 & echo building $$ $!; wait"]
binary = "never"
[[process]]
name = "server"
command = ["{bin}", "{port}"]
"#;

const CARGO: &str = r#"
[build]
kind = "cargo"
dir = "project"
[[process]]
name = "server"
command = ["{bin}", "{port}"]
"#;

const CARGO_TOML: &str = "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
                          [profile.release]\nstrip = true\n[workspace]\n";

fn project(main: &str, config: &str) -> Fixture {
    let files = [
        ("project/Cargo.toml", CARGO_TOML),
        ("project/src/main.rs", main),
        ("project/.cargo/config.toml", config),
    ];
    Fixture::with_files(CARGO, &files)
}

/// A config that keeps the project's files in its own folder, whatever the surroundings say.
fn config(project_flags: &str) -> String {
    format!("[build]\nrustflags = [{project_flags}]\n")
}

#[test]
fn a_cargo_project_is_built_as_it_is() {
    let main = "#[cfg(not(wanted))] compile_error!(\"the project's own flags are lost\");\n\
                #[inline(never)] fn named_function() -> u32 { std::process::id() }\n\
                fn main() { std::process::exit((named_function() == 0) as i32) }\n";
    let fixture = project(main, &config("\"--cfg\", \"wanted\""));
    let (built, lines) = fixture.build();
    let built = built.expect("builds");
    assert!(lines.iter().any(|line| line.contains("Compiling tiny")), "{lines:?}");
    assert_eq!(built.revision, None);
    let Product { binary, build_id, .. } = only(built);
    assert!(binary.ends_with("flameload/flameload/tiny"), "{binary:?}");
    check_readable(&binary);
    let status = std::process::Command::new(&binary).status().expect("it runs");
    assert!(status.success());
    if let Some(id) = &build_id {
        assert!(id.len() >= 16 && id.chars().all(|c| c.is_ascii_hexdigit()), "{id}");
    }

    let (again, lines) = fixture.build();
    assert_eq!(only(again.expect("builds")).binary, binary);
    assert!(!lines.iter().any(|line| line.contains("Compiling")), "{lines:?}");
}

/// The project's release profile strips; ours must not, and functions keep frame pointers.
fn check_readable(binary: &Path) {
    let bytes = std::fs::read(binary).expect("a binary");
    let file = object::File::parse(bytes.as_slice()).expect("an executable");
    for name in [".debug_info", ".debug_line", ".symtab"] {
        assert!(file.section_by_name(name).is_some_and(|section| section.size() > 0), "{name}");
    }
    let is_named = |symbol: &object::Symbol<'_, '_>| {
        symbol.name().is_ok_and(|name| name.contains("named_function"))
    };
    let symbol = file.symbols().find(is_named).expect("a name");
    let section = symbol.section_index().expect("it is defined");
    let text = file.section_by_index(section).expect("exists");
    let code = text.data_range(symbol.address(), symbol.size()).expect("a section with data");
    if cfg!(target_arch = "x86_64") {
        // push %rbp; mov %rsp,%rbp
        assert_eq!(code.expect("in the section")[..4], [0x55, 0x48, 0x89, 0xe5]);
    }
}

#[test]
fn a_failed_build_shows_what_the_compiler_says() {
    let fixture = project("fn main() { let x: u32 = \"text\"; }", "");
    let (built, lines) = fixture.build();
    let error = built.expect_err("does not compile").to_string();
    assert!(error.starts_with("the build failed: cargo build ended with exit status 101\n"));
    for text in ["error[E0308]: mismatched types", "--> src/main.rs:1:26"] {
        assert!(error.contains(text), "{error}");
        assert!(lines.iter().any(|line| line.contains(text)), "{lines:?}");
    }
    assert!(!error.contains('\u{1b}'), "no colours unless asked");
}

#[test]
fn a_folder_without_a_project_says_so() {
    let (built, _) = Fixture::with_files(CARGO, &[("project/x", "")]).build();
    let error = built.expect_err("no project").to_string();
    assert!(error.contains("could not find `Cargo.toml`"), "{error}");
    let (built, _) = Fixture::new(CARGO).build();
    let error = built.expect_err("no folder").to_string();
    assert!(error.starts_with("cannot build: cannot enter the folder "), "{error}");
}

#[test]
fn a_command_builds() {
    let table = "[build]\ncommand = [\"sh\", \"-c\", \"echo making; echo '#!/bin/sh' > server\"]\n\
                 binary = \"server\"\n[[process]]\nname = \"s\"\ncommand = [\"{bin}\", \"{port}\"]";
    let fixture = Fixture::new(table);
    let (built, lines) = fixture.build();
    let built = built.expect("builds");
    assert_eq!(lines, ["making"]);
    let Product { binary, build_id, .. } = only(built);
    assert_eq!((binary, build_id), (fixture.manifest.dir.join("server"), None));

    let fixture = Fixture::new(&table.replace("> server", "> other"));
    let error = fixture.build().0.expect_err("nothing was made").to_string();
    assert!(error.starts_with("the build ended well, but there is no /"), "{error}");
}

#[test]
fn an_interrupted_build_stops_with_its_children() {
    let fixture = Fixture::new(SLOW_BUILD);
    let interrupted = AtomicBool::new(false);
    let mut pids: Vec<u32> = Vec::new();
    let mut stop = |line: &str| {
        pids = line.split(' ').filter_map(|word| word.parse().ok()).collect();
        interrupted.store(true, Ordering::Relaxed);
    };
    let built =
        build(&fixture.manifest, &fixture.options(), &fixture.guard, &interrupted, &mut stop);
    assert!(matches!(built, Err(BuildError::Interrupted)));
    assert_eq!(pids.len(), 2);
    eventually("the build has ended", || !pids.iter().any(|&pid| alive(pid)));
}
