//! Builds by the go command.

use std::{fs, os::unix::fs::MetadataExt as _, process::Command};

use expect_test::expect;
use flameload::target::BuildError;
use object::{Object, ObjectSection, ObjectSymbol};

use super::support::{Fixture, body, error_without_tools, only};
use crate::skip::skip;

const MANIFEST: &str = r#"
[build]
kind = "go"
dir = "project"
package = "./server"
[[process]]
name = "server"
command = ["{bin}", "127.0.0.1:{port}"]
ready = { url = "/" }
"#;

const MAIN: &str = r#"package main

import (
	"fmt"
	"net/http"
	"os"
)

//go:noinline
func namedFunction(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "first") }

func main() {
	http.HandleFunc("/", namedFunction)
	if err := http.ListenAndServe(os.Args[1], nil); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
"#;

/// A project without dependencies; none where there is no Go.
fn project(main: &str) -> Option<Fixture> {
    if Command::new("go").arg("version").output().is_err() {
        skip("there is no go command");
        return None;
    }
    let files = [("project/go.mod", "module tiny\n\ngo 1.19\n"), ("project/server/main.go", main)];
    Some(Fixture::with_files(MANIFEST, &files))
}

#[test]
fn a_go_program_is_built_readable_and_only_when_it_changed() {
    let Some(fixture) = project(MAIN) else { return };
    let running = fixture.build_and_run();
    assert_eq!(body(running.addr().expect("a port"), "/"), "first");
    drop(running);

    let binary = only(fixture.build().0.expect("builds")).binary;
    // The process is called like the target.
    assert!(binary.starts_with(fixture.options().cache) && binary.ends_with("x"), "{binary:?}");
    let bytes = fs::read(&binary).expect("a binary");
    let object = object::File::parse(bytes.as_slice()).expect("an executable");
    assert!(object.symbols().any(|symbol| symbol.name() == Ok("main.namedFunction")));
    let has = |name| object.section_by_name(name).is_some_and(|section| section.size() > 0);
    assert!(has(".debug_info") || has(".zdebug_info"));

    // A binary that is linked again is another file.
    let file = |fixture: &Fixture| {
        let binary = only(fixture.build().0.expect("builds")).binary;
        fs::metadata(binary).expect("a binary").ino()
    };
    let before = file(&fixture);
    assert_eq!(file(&fixture), before, "nothing changed");
    let main = fixture.manifest.dir.join("project/server/main.go");
    fs::write(main, MAIN.replace("first", "second")).expect("a file");
    assert_ne!(file(&fixture), before);
    let running = fixture.build_and_run();
    assert_eq!(body(running.addr().expect("a port"), "/"), "second");
    let names: Vec<_> = fs::read_dir(fixture.manifest.dir.join("project"))
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names.len(), 2, "nothing is written into the project: {names:?}");
}

#[test]
fn a_go_program_that_cannot_be_built_says_why() {
    let Some(fixture) = project("package main\n\nfunc main() { undefined() }\n") else { return };
    let error = fixture.build().0.expect_err("does not compile").to_string();
    assert!(error.starts_with("the build failed: go build ended with exit status 1\n"), "{error}");
    assert!(error.contains("server/main.go:3:15: undefined: undefined"), "{error}");

    let Some(fixture) = project("package tiny\n") else { return };
    let error = fixture.build().0.expect_err("no program").to_string();
    assert!(error.contains("makes no program: `package` in the manifest"), "{error}");

    let files = [("project/server/main.go", MAIN)];
    let error = Fixture::with_files(MANIFEST, &files).build().0.expect_err("no module");
    assert!(matches!(error, BuildError::Failed { .. }), "{error}");
    assert!(error.to_string().contains("go.mod"), "{error}");
}

#[test]
fn a_missing_go_is_advised() {
    let fixture = Fixture::with_files(MANIFEST, &[("project/go.mod", "module tiny\n")]);
    expect![
        "cannot find go: install Go from https://go.dev/dl (on Debian: sudo apt-get install golang-go), or put its folder into PATH"
    ]
    .assert_eq(&error_without_tools(&fixture));
}
