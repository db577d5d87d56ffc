//! Adds a compiler flag to those that a cargo project has already.
//!
//! Cargo takes the flags from the first of these places that has any, and never from two
//! (<https://doc.rust-lang.org/cargo/reference/config.html#buildrustflags>):
//! `CARGO_ENCODED_RUSTFLAGS`, `RUSTFLAGS`, all matching `target.*.rustflags`, `build.rustflags`.
//! A flag in the wrong place would turn off all that the project has set in a later one.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use crate::target::child::Spec;

/// Has the cargo command `spec` pass `flag` to the compiler beside all other flags.
pub(super) fn add(spec: &mut Spec, flag: &str) {
    for (name, separator) in [("CARGO_ENCODED_RUSTFLAGS", "\u{1f}"), ("RUSTFLAGS", " ")] {
        if let Some(flags) = spec.env.get_mut(OsStr::new(name)) {
            if !flags.is_empty() {
                flags.push(separator);
            }
            flags.push(flag);
            return;
        }
    }
    let mut found = Found::default();
    for path in config_files(spec) {
        // A broken file is cargo's to complain of.
        if let Some(table) = fs::read_to_string(path).ok().and_then(|text| text.parse().ok()) {
            found.take(&table);
        }
    }
    for (name, value) in &spec.env {
        found.take_variable(name, value);
    }
    spec.args.extend(["--config".into(), setting(&found, flag).into()]);
}

/// The flags that a project's configuration sets.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// Those of `build.rustflags`, in cargo's order.
    build: Vec<String>,
    /// Whether any `target.*.rustflags` is set.
    target: bool,
}

impl Found {
    fn take(&mut self, config: &Table) {
        let flags = config.get("build").and_then(|build| build.get("rustflags"));
        self.build.extend(flags.into_iter().flat_map(words));
        let targets = config.get("target").and_then(Value::as_table);
        self.target |= targets.into_iter().flatten().any(|(_, one)| one.get("rustflags").is_some());
    }

    /// `CARGO_BUILD_RUSTFLAGS` and `CARGO_TARGET_<TRIPLE>_RUSTFLAGS` join what the files say.
    fn take_variable(&mut self, name: &OsStr, value: &OsStr) {
        let name = name.to_string_lossy();
        if name == "CARGO_BUILD_RUSTFLAGS" {
            let flags = value.to_string_lossy();
            self.build.extend(flags.split_ascii_whitespace().map(str::to_owned));
        }
        self.target |= name.starts_with("CARGO_TARGET_") && name.ends_with("_RUSTFLAGS");
    }
}

/// The `--config` setting that adds `flag` and keeps the rest; cargo joins lists.
fn setting(found: &Found, flag: &str) -> String {
    if !found.target {
        return format!("build.rustflags=[{}]", quoted(flag));
    }
    // Flags of some target may or may not apply here. If they do not, this setting would hide
    // those of `build`, so they come along; if they do, cargo would have left those out, and
    // a project that sets both means them for all its builds anyway.
    let flags: Vec<_> = found.build.iter().map(String::as_str).chain([flag]).map(quoted).collect();
    format!("target.\"cfg(all())\".rustflags=[{}]", flags.join(","))
}

/// JSON's strings are TOML's basic strings too.
fn quoted(flag: &str) -> String {
    serde_json::Value::from(flag).to_string()
}

/// Flags are written as a list, or as one text with spaces.
fn words(flags: &Value) -> Vec<String> {
    match flags {
        Value::String(text) => text.split_ascii_whitespace().map(str::to_owned).collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The configuration files that cargo reads for a command, the weakest first.
fn config_files(spec: &Spec) -> Vec<PathBuf> {
    let variable = |name: &str| spec.env.get(OsStr::new(name)).filter(|value| !value.is_empty());
    let home = variable("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home: &OsString| Path::new(home).join(".cargo")));
    let mut folders: Vec<_> = spec.dir.ancestors().map(|folder| folder.join(".cargo")).collect();
    if let Some(home) = home
        && !folders.contains(&home)
    {
        folders.push(home);
    }
    let file = |folder: &PathBuf| {
        let names = ["config", "config.toml"].map(|name| folder.join(name));
        names.into_iter().find(|path| path.is_file())
    };
    folders.iter().rev().filter_map(file).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::target::build::run;

    fn check(config: &str, variables: &[(&str, &str)], expected: Expect) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let inner = dir.path().join("project");
        for folder in [dir.path().join(".cargo"), inner.join("src")] {
            fs::create_dir_all(folder).expect("a folder");
        }
        fs::write(dir.path().join(".cargo/config.toml"), config).expect("a file");
        let env = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let mut spec = Spec { env, ..run::spec("cargo".into(), Vec::new(), &inner) };
        add(&mut spec, "-Cflag");
        let show = |(name, value): (&OsString, &OsString)| {
            format!("{}={:?}\n", name.display(), value.to_string_lossy())
        };
        let env: String = spec.env.iter().map(show).collect();
        let args: Vec<_> = spec.args.iter().map(|arg| arg.to_string_lossy()).collect();
        expected.assert_eq(&format!("{env}{}\n", args.join(" ")));
    }

    #[test]
    fn a_project_without_flags_gets_one() {
        check(
            "",
            &[],
            expect![[r#"
            --config build.rustflags=["-Cflag"]
        "#]],
        );
        check(
            "not toml",
            &[],
            expect![[r#"
            --config build.rustflags=["-Cflag"]
        "#]],
        );
    }

    #[test]
    fn variables_come_first() {
        check(
            "",
            &[("RUSTFLAGS", "-Ca -Cb")],
            expect![[r#"
            RUSTFLAGS="-Ca -Cb -Cflag"

        "#]],
        );
        check(
            "",
            &[("RUSTFLAGS", "-Ca"), ("CARGO_ENCODED_RUSTFLAGS", "-Cb")],
            expect![[r#"
            CARGO_ENCODED_RUSTFLAGS="-Cb\u{1f}-Cflag"
            RUSTFLAGS="-Ca"

        "#]],
        );
        check(
            "",
            &[("RUSTFLAGS", "")],
            expect![[r#"
            RUSTFLAGS="-Cflag"

        "#]],
        );
    }

    #[test]
    fn flags_of_the_build_are_joined_by_cargo() {
        check(
            "[build]\nrustflags = [\"--cfg\", \"tokio_unstable\"]",
            &[],
            expect![[r#"
            --config build.rustflags=["-Cflag"]
        "#]],
        );
    }

    #[test]
    fn flags_of_a_target_do_not_hide_those_of_the_build() {
        check(
            "[build]\nrustflags = \"--cfg tokio_unstable\"\n\
             [target.'cfg(windows)']\nrustflags = [\"-Cx\"]",
            &[("CARGO_BUILD_RUSTFLAGS", "-Cy")],
            expect![[r#"
                CARGO_BUILD_RUSTFLAGS="-Cy"
                --config target."cfg(all())".rustflags=["--cfg","tokio_unstable","-Cy","-Cflag"]
            "#]],
        );
        check(
            "",
            &[("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-Cx")],
            expect![[r#"
            CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-Cx"
            --config target."cfg(all())".rustflags=["-Cflag"]
        "#]],
        );
    }
}
