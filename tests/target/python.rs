//! Python environments from lock files.

use std::{fs, path::PathBuf, process::Command};

use expect_test::expect;

use super::support::{
    Fixture, alive, body, build_without_tools, error_without_tools, eventually, only,
};
use crate::skip::skip;

const MANIFEST: &str = r#"
[build]
kind = "python"
dir = "app"
requires = "3.8"
[[process]]
name = "server"
command = ["{bin}", "app/server.py", "{port}"]
ready = { url = "/" }
"#;

/// Says what it is run by, and what it can import.
const SERVER: &str = r#"
import http.server, os, sys

try:
    import tiny
    found = tiny.WORD
except ImportError:
    found = "nothing"

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{sys.prefix} {found} {os.environ.get('PYTHONPERFSUPPORT')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"#;

/// Writes a wheel of the package `tiny`, and prints its hash.
const WHEEL: &str = r#"
import hashlib, sys, zipfile
files = {
    "tiny.py": "WORD = 'tiny'\n",
    "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
    "tiny-1.0.dist-info/WHEEL":
        "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "tiny-1.0.dist-info/RECORD": "",
}
path = sys.argv[1]
with zipfile.ZipFile(path, "w") as wheel:
    for name, text in files.items():
        wheel.writestr(name, text)
print(hashlib.sha256(open(path, "rb").read()).hexdigest())
"#;

/// Runs a script in the system's Python; none where there is none that makes environments.
fn python(script: &str, args: &[&str]) -> Option<String> {
    let script = format!("import venv, ensurepip\n{script}");
    match Command::new("python3").args(["-c", &script]).args(args).output() {
        Ok(output) if output.status.success() => {
            Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
        }
        _ => {
            skip("there is no python3 with venv and ensurepip");
            None
        }
    }
}

fn project(lock: &str) -> Fixture {
    let files = [("app/requirements.lock", lock), ("app/server.py", SERVER)];
    Fixture::with_files(MANIFEST, &files)
}

/// The environments in the cache.
fn environments(fixture: &Fixture) -> Vec<PathBuf> {
    let folder = fixture.options().cache.join("python");
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()).collect()
}

#[test]
fn an_environment_is_made_once_from_its_lock() {
    if python("", &[]).is_none() {
        return;
    }
    let fixture = project("# nothing but the standard library\n");
    let running = fixture.build_and_run();
    let said = body(running.addr().expect("a port"), "/");
    let words: Vec<&str> = said.rsplitn(3, ' ').collect();
    let [environment] = environments(&fixture).try_into().expect("one");
    assert_eq!((words[2], words[1]), (environment.to_str().expect("text"), "nothing"));
    drop(running);
    let app = fixture.manifest.dir.join("app");
    assert_eq!(fs::read_dir(&app).expect("a folder").count(), 2, "nothing is written beside it");

    let (built, lines) = fixture.build();
    let product = only(built.expect("builds"));
    assert_eq!((product.binary, lines.len()), (environment.join("bin/python"), 0), "{lines:?}");
}

#[test]
fn an_environment_has_what_its_lock_names_to_the_byte() {
    let fixture = project("");
    let app = fixture.manifest.dir.join("app");
    let wheel = app.join("tiny-1.0-py3-none-any.whl");
    let Some(hash) = python(WHEEL, &[wheel.to_str().expect("text")]) else { return };
    let write = |hash: &str| {
        let line = format!("./tiny-1.0-py3-none-any.whl --hash=sha256:{hash}\n");
        fs::write(app.join("requirements.lock"), line).expect("a file");
    };
    write(&hash);
    let running = fixture.build_and_run();
    let said = body(running.addr().expect("a port"), "/");
    assert!(said.contains(" tiny "), "{said}");
    assert_eq!(environments(&fixture).len(), 1);

    // Not what the lock says: nothing is installed, and nothing of it is left.
    let wrong = hash.replace(|c: char| c.is_ascii_digit(), "0");
    write(&wrong);
    let error = fixture.build().0.expect_err("another file").to_string();
    assert!(error.starts_with("the build failed: ") && error.contains(&wrong), "{error}");
    assert_eq!(environments(&fixture).len(), 1);
}

#[test]
fn what_does_not_fit_is_told() {
    if python("", &[]).is_none() {
        return;
    }
    let fixture = project("");
    fs::remove_file(fixture.manifest.dir.join("app/requirements.lock")).expect("it is there");
    let error = fixture.build().0.expect_err("no lock").to_string();
    assert!(error.starts_with("cannot build: cannot read the lock file "), "{error}");

    let manifest = MANIFEST.replace("3.8", "3.999");
    let fixture = Fixture::with_files(&manifest, &[("app/requirements.lock", "")]);
    let error = fixture.build().0.expect_err("too old").to_string();
    assert!(
        error
            .starts_with("cannot build: the target needs Python 3.999 or newer, and python3 is 3.")
            && error.ends_with("name it with `python` in the manifest's [build]"),
        "{error}"
    );

    let manifest = MANIFEST.replace("requires = \"3.8\"", "version = \"3.999\"");
    let fixture = Fixture::with_files(&manifest, &[("app/requirements.lock", "")]);
    let error = fixture.build().0.expect_err("no such version").to_string();
    assert!(
        error.starts_with("cannot build: the target needs Python 3.999, and python3 is 3.")
            && error.contains(": install it, and name it with `python`"),
        "{error}"
    );
}

#[test]
fn each_version_has_an_environment_of_its_own_and_is_asked_for_names_if_it_has_them() {
    let mut found = 0;
    for version in ["3.11", "3.12"] {
        for perf_support in [true, false] {
            let build = format!("version = \"{version}\"\nperf_support = {perf_support}");
            let manifest = MANIFEST.replace("requires = \"3.8\"", &build);
            let fixture = Fixture::with_files(&manifest, &[("app/requirements.lock", "")]);
            let Ok(built) = fixture.build().0 else { continue };
            found += 1;
            let product = only(built);
            assert_eq!(product.perf_maps, perf_support && version == "3.12");
            assert!(!product.env.contains_key("PYTHONPERFSUPPORT"), "only when it is wanted");
            let lib = product.binary.parent().and_then(|bin| bin.parent()).expect("a folder");
            assert!(lib.join(format!("lib/python{version}")).is_dir(), "{}", lib.display());
        }
    }
    if found == 0 {
        skip("there is neither Python 3.11 nor 3.12 that makes environments");
    }
}

#[test]
fn a_missing_python_is_advised() {
    expect!["cannot find python3: install Python (on Debian: sudo apt-get install python3 python3-venv), or name an interpreter with `python` in the manifest's [build]"]
        .assert_eq(&error_without_tools(&project("")));
}

/// A target whose interpreter is a shell script that says it is Python 3.11, and does `make` when
/// it is asked for an environment.
fn fake(environments: bool, make: &str) -> Fixture {
    let manifest =
        MANIFEST.replace("requires = \"3.8\"", "python = \"./python\"\nrequires = \"3.11\"");
    let answer = format!(
        r#"{{"version": [3, 11], "text": "3.11", "executable": "./python", "base": "/", "environments": {environments}}}"#
    );
    let script = format!("#!/bin/sh\ncase $1 in -c) echo '{answer}';; *) {make};; esac\n");
    let files = [("app/requirements.lock", ""), ("app/python", script.as_str())];
    let fixture = Fixture::with_files(&manifest, &files);
    let path = fixture.manifest.dir.join("app/python");
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("ours");
    fixture
}

#[test]
fn an_interpreter_without_environments_is_advised() {
    expect!["cannot find the modules venv and ensurepip of ./python: install them (on Debian: sudo apt-get install python3-venv), or uv"]
        .assert_eq(&error_without_tools(&fake(false, "exit 1")));
}

#[test]
fn an_interrupted_environment_leaves_nothing() {
    let make = "/bin/mkdir -p \"$4/bin\"; /bin/sleep 1000 & echo making $$ $!; wait";
    let fixture = fake(true, make);
    let said = build_without_tools(&fixture);
    assert!(said.contains("error: interrupted while the target was built"), "{said}");
    let (_, pids) = said.split_once("making ").expect("it had begun");
    let pids = pids.lines().next().into_iter().flat_map(|line| line.split(' '));
    let pids: Vec<u32> = pids.filter_map(|word| word.parse().ok()).collect();
    assert_eq!(pids.len(), 2);
    eventually("both have ended", || !pids.iter().any(|&pid| alive(pid)));
    assert_eq!(environments(&fixture).len(), 0);
}
