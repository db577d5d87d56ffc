//! What targets in several languages are built with and use, beyond the tool itself.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{check::Check, privileges::Privileges};

/// A program that some targets need.
struct Program {
    name: &'static str,
    /// What it may be called, the best first.
    commands: &'static [&'static str],
    /// What makes it print its version.
    version: &'static str,
    /// Who needs it.
    needed_by: &'static str,
    /// The package of Debian and its kin that has it.
    package: &'static str,
}

const PROGRAMS: [Program; 4] = [
    Program {
        name: "C compiler",
        commands: &["cc"],
        version: "--version",
        needed_by: "targets in Rust, as their linker",
        package: "gcc libc6-dev",
    },
    Program {
        name: "go",
        commands: &["go"],
        version: "version",
        needed_by: "targets in Go",
        package: "golang-go",
    },
    Program {
        name: "python",
        commands: &["python3.13", "python3.12", "python3.11", "python3"],
        version: "--version",
        needed_by: "targets in Python, from 3.11 on",
        package: "python3 python3-venv",
    },
    Program {
        name: "PostgreSQL",
        commands: &["initdb"],
        version: "--version",
        needed_by: "targets with a database",
        package: "postgresql",
    },
];

/// The rules of each.
pub(super) fn checks(privileges: Privileges) -> Vec<Check> {
    let places = places();
    let check = |program: &Program| {
        let found = program.commands.iter().find_map(|command| {
            let path =
                places.iter().map(|place| place.join(command)).find(|path| path.is_file())?;
            Some((version(&path, program.version).unwrap_or_default(), path))
        });
        program.check(found, privileges)
    };
    PROGRAMS.iter().map(check).collect()
}

impl Program {
    fn check(&self, found: Option<(String, PathBuf)>, privileges: Privileges) -> Check {
        match found {
            Some((version, path)) => {
                let version = if version.is_empty() { "there".to_owned() } else { version };
                let found = format!("{version} ({})", path.display());
                Check::ok(self.name, found, &format!("needed by {}", self.needed_by))
            }
            None => {
                let means = format!("needed by {}: these cannot be built here", self.needed_by);
                let command = format!("apt-get install {}", self.package);
                Check::note(self.name, "not there", &means).lifted_by(privileges.command(&command))
            }
        }
    }
}

/// The folders of `PATH`, and those that packages of PostgreSQL put nothing of into one.
fn places() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = env::split_paths(&path).collect();
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    places.extend(versions.map(|version| version.path().join("bin")));
    places
}

/// The first line that a program prints of itself.
fn version(program: &Path, ask: &str) -> Option<String> {
    let output = Command::new(program).arg(ask).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines().next().map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn what_is_missing_comes_with_its_command() {
        let go = &PROGRAMS[1];
        let found = Some(("go version go1.26".to_owned(), PathBuf::from("/usr/bin/go")));
        let texts = [
            go.check(found, Privileges::NONE),
            go.check(None, Privileges::NONE),
            go.check(None, Privileges::ROOT),
        ];
        expect![[r#"
            ok: go version go1.26 (/usr/bin/go)
                needed by targets in Go
            note: not there
                needed by targets in Go: these cannot be built here
                $ sudo apt-get install golang-go
            note: not there
                needed by targets in Go: these cannot be built here
                $ apt-get install golang-go
        "#]]
        .assert_eq(&texts.map(|check| check.golden()).concat());
    }

    #[test]
    fn every_program_has_a_line() {
        assert_eq!(checks(Privileges::NONE).len(), PROGRAMS.len());
    }
}
