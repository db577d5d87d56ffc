//! The targets in Go: their format, and what `go vet` says of them.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Context as _;

use super::{Step, Work};
use crate::paths;

/// Two steps for each target that is a Go module, in the order of their names.
pub(super) fn steps() -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    for folder in modules()? {
        let name = folder.display();
        // It says which files it would change, and calls that a success.
        let format = work("gofmt", &["-d", "."], &folder, Work::Silent);
        steps.push(Step { name: format!("format of {name}"), work: format });
        let lints = work("go", &["vet", "./..."], &folder, Work::Command);
        steps.push(Step { name: format!("lints of {name}"), work: lints });
    }
    Ok(steps)
}

/// The folders of the targets with a `go.mod`, from the root.
fn modules() -> anyhow::Result<Vec<PathBuf>> {
    let targets = paths::targets();
    let entries =
        fs::read_dir(targets).with_context(|| format!("cannot list {}", targets.display()))?;
    let mut modules = Vec::new();
    for entry in entries {
        let name = entry?.file_name();
        if targets.join(&name).join("go.mod").is_file() {
            modules.push(Path::new("targets").join(name));
        }
    }
    modules.sort();
    Ok(modules)
}

fn work(program: &str, args: &[&str], folder: &Path, work: fn(Command) -> Work) -> Work {
    if !is_installed(program) {
        return Work::Missing(format!(
            "{program} is not installed (Go: https://go.dev/doc/install)"
        ));
    }
    let mut command = Command::new(program);
    command.args(args).current_dir(paths::root().join(folder));
    work(command)
}

fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_module_is_checked_twice() {
        let modules = modules().expect("the targets can be listed");
        assert!(modules.contains(&"targets/go-nethttp".into()));
        let names: Vec<_> = steps().expect("the same").into_iter().map(|step| step.name).collect();
        assert_eq!(names.len(), 2 * modules.len());
        assert!(names.contains(&"format of targets/go-gin".to_owned()));
    }

    #[test]
    fn what_is_not_installed_is_said() {
        let missing = work("no-such-program", &[], Path::new("."), Work::Command);
        assert!(matches!(missing, Work::Missing(why) if why.starts_with("no-such-program is not")));
    }
}
