//! Programs that tests use where they are installed.

use std::{env, fmt, os::unix::fs::PermissionsExt as _, path::Path};

/// A program that some tests use, and what they leave out where it is not installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tool {
    program: &'static str,
    /// The Debian package.
    package: &'static str,
    /// What is not tested without it.
    without: &'static str,
}

/// All of them; `.ci/run` installs the packages.
const TOOLS: [Tool; 1] = [Tool {
    program: "xmllint",
    package: "libxml2-utils",
    without: "no second XML parser reads the flamegraphs",
}];

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { program, package, without } = self;
        write!(f, "{program} is not installed, so {without} (apt-get install {package})")
    }
}

/// Those that are not installed.
pub(super) fn missing() -> Vec<Tool> {
    TOOLS.into_iter().filter(|tool| !is_installed(tool.program)).collect()
}

fn is_installed(program: &str) -> bool {
    let is_executable = |path: &Path| {
        path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).any(|folder| is_executable(&folder.join(program)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_in_the_path() {
        assert!(is_installed("sh"));
        assert!(!is_installed("no-program-has-this-name"));
        // A folder is in no way a program.
        assert!(!is_installed("."));
    }

    /// What a run without a tool leaves out must not be left out by the project's own checks.
    #[test]
    fn the_projects_own_checks_install_every_tool() {
        let script = std::fs::read_to_string(crate::paths::root().join(".ci/run"));
        let script = script.expect("the script is part of the project");
        for tool in TOOLS {
            assert!(script.contains(tool.package), "{}", tool.package);
        }
    }
}
