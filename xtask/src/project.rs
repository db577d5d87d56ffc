//! [`Project`]: a folder with a `Cargo.toml` and a lock file of its own, and cargo to run on it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use crate::paths;

/// A folder with a `Cargo.toml` and a lock file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Project {
    /// What people call it.
    pub(crate) name: String,
    /// Its folder from the root; empty for the workspace itself.
    folder: PathBuf,
}

impl Project {
    /// The workspace of the tool.
    pub(crate) fn workspace() -> Self {
        Self { name: "flameload".to_owned(), folder: PathBuf::new() }
    }

    /// The workspace, then each target that is a cargo project, in the order of their names.
    ///
    /// # Errors
    /// When the folder of targets cannot be read.
    pub(crate) fn all() -> anyhow::Result<Vec<Self>> {
        let targets = paths::targets();
        let entries =
            fs::read_dir(targets).with_context(|| format!("cannot list {}", targets.display()))?;
        let mut projects = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            if targets.join(&name).join("Cargo.toml").is_file() {
                let folder = Path::new("targets").join(name);
                projects.push(Self { name: folder.display().to_string(), folder });
            }
        }
        projects.sort_by(|a, b| a.name.cmp(&b.name));
        projects.insert(0, Self::workspace());
        Ok(projects)
    }

    fn is_workspace(&self) -> bool {
        self.folder.as_os_str().is_empty()
    }

    /// `cargo SUBCOMMAND` on all packages of the project. A target's files go into the workspace's
    /// own folder of build products, so that nothing that two projects share is built twice, and
    /// its folder stays as a measurement left it.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = cargo();
        command.arg(subcommand);
        if self.is_workspace() {
            command.arg(if subcommand == "fmt" { "--all" } else { "--workspace" });
            return command;
        }
        command.arg("--manifest-path").arg(self.folder.join("Cargo.toml"));
        if let (Some(products), false) = (products(), subcommand == "fmt") {
            command.arg("--target-dir").arg(products);
        }
        command
    }
}

/// The cargo that runs this tool, in the root of the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(paths::root());
    command
}

/// Where the workspace's build products are: this tool is one of them, in `release/`.
fn products() -> Option<PathBuf> {
    let tool = env::current_exe().ok()?;
    tool.parent()?.parent().map(Path::to_owned)
}

/// A command as one would type it in the root of the workspace.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words = std::iter::once(program).chain(command.get_args());
    let quoted = words.map(|word| {
        let word = word.to_string_lossy();
        let word = word.strip_prefix(&format!("{}/", paths::root().display())).unwrap_or(&word);
        if word.contains([' ', '\'', '"']) { format!("{word:?}") } else { word.to_owned() }
    });
    let set = command.get_envs().filter_map(|(name, value)| {
        Some(format!("{}={:?} ", name.to_string_lossy(), value?.to_string_lossy()))
    });
    set.collect::<String>() + &quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_follow_the_workspace() {
        let projects = Project::all().expect("the targets can be listed");
        assert_eq!(projects[0], Project::workspace());
        assert!(projects[1..].iter().any(|project| project.name == "targets/hyper"));
    }

    #[test]
    fn commands_are_shown_as_one_would_type_them() {
        let mut command = Project::workspace().cargo("doc");
        command.env("RUSTDOCFLAGS", "-D warnings").arg("two words");
        assert_eq!(
            shown(&command),
            "RUSTDOCFLAGS=\"-D warnings\" cargo doc --workspace \"two words\""
        );
        let target = Project { name: "targets/x".to_owned(), folder: "targets/x".into() };
        assert_eq!(shown(&target.cargo("fmt")), "cargo fmt --manifest-path targets/x/Cargo.toml");
        assert!(shown(&target.cargo("test")).contains(" --target-dir "));
    }
}
