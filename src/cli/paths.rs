//! Where things are of the project that one is in, and of the user.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anyhow::Context as _;
use serde::Deserialize;

use crate::{config, record::Store, target::BuildOptions};

/// The file at the root of a project that says where its things are. It may be empty.
pub const FILE_NAME: &str = "flameload.toml";
/// The folder at the root of a project for whatever the file says nothing of.
pub const FOLDER: &str = ".flameload";
/// The variable that names the root.
const VARIABLE: &str = "FLAMELOAD_ROOT";

/// The project that one is in, once that is known.
static PROJECT: OnceLock<Project> = OnceLock::new();

/// A folder of somebody's, with targets, scripts and runs.
#[derive(Debug, PartialEq, Eq)]
struct Project {
    root: PathBuf,
    runs: PathBuf,
    targets: PathBuf,
    scripts: PathBuf,
}

/// What `flameload.toml` may say: folders, from where it is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProjectFile {
    /// Where runs are kept.
    runs: Option<PathBuf>,
    /// Where each target has a folder.
    targets: Option<PathBuf>,
    /// Where load scripts are.
    scripts: Option<PathBuf>,
}

impl Project {
    /// The project that is asked for, or the one around a folder.
    ///
    /// # Errors
    /// When the folder asked for does not exist, or its file does not fit.
    fn find(asked: Option<PathBuf>, current: &Path) -> anyhow::Result<Self> {
        let Some(root) = asked else {
            return Self::at(around(current).unwrap_or(current));
        };
        let root = fs::canonicalize(&root)
            .with_context(|| format!("there is no project in {}", root.display()))?;
        Self::at(&root)
    }

    fn at(root: &Path) -> anyhow::Result<Self> {
        let path = root.join(FILE_NAME);
        let file = if path.is_file() { config::read(&path)? } else { ProjectFile::default() };
        Ok(Self::of(root, file))
    }

    fn of(root: &Path, file: ProjectFile) -> Self {
        let or = |folder: Option<PathBuf>, name| match folder {
            Some(folder) => root.join(folder),
            None => root.join(FOLDER).join(name),
        };
        Self {
            root: root.to_owned(),
            runs: or(file.runs, "runs"),
            targets: or(file.targets, "targets"),
            scripts: or(file.scripts, "scripts"),
        }
    }
}

/// The root of the project that a folder is in: where one of our own names is, or else git's.
fn around(folder: &Path) -> Option<&Path> {
    let with = |names: &[&str]| {
        folder.ancestors().find(|folder| names.iter().any(|name| folder.join(name).exists()))
    };
    with(&[FILE_NAME, FOLDER]).or_else(|| with(&[".git"]))
}

/// Finds the project: the one asked for, or that of the variable, or that of the current folder.
///
/// # Errors
/// When there is none where it was asked for, or its file does not fit.
pub(super) fn find(asked: Option<PathBuf>) -> anyhow::Result<()> {
    let asked = asked.or_else(|| env::var_os(VARIABLE).filter(|it| !it.is_empty()).map(Into::into));
    let current = env::current_dir().context("the current folder is gone")?;
    let project = Project::find(asked, &current)?;
    PROJECT.get_or_init(|| project);
    Ok(())
}

fn project() -> &'static Project {
    PROJECT.get_or_init(|| {
        let current = env::current_dir().unwrap_or_default();
        Project::find(None, &current)
            .unwrap_or_else(|_| Project::of(&current, ProjectFile::default()))
    })
}

/// The root of the project.
pub fn root() -> &'static Path {
    &project().root
}

/// Where each target has a folder.
pub fn targets() -> &'static Path {
    &project().targets
}

/// Where load scripts are, beside those that everybody has.
pub fn scripts() -> &'static Path {
    &project().scripts
}

/// Where Go programs, Python environments, databases and builds of revisions are kept.
pub fn cache() -> PathBuf {
    BuildOptions::default().cache
}

/// Where runs are kept.
#[derive(Debug, clap::Args)]
pub struct StoreArgs {
    /// Where runs are kept [default: .flameload/runs in the project, or what its flameload.toml
    /// says]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl StoreArgs {
    /// For what is kept anew: git does not see it, unless the project says where it is to be.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn store(&self) -> anyhow::Result<Store> {
        let store = self.kept();
        let own = project().root.join(FOLDER).join("runs");
        if store.root() == own {
            ignore(&own).with_context(|| format!("cannot keep runs in {}", own.display()))?;
        }
        Ok(store)
    }

    /// For what is there.
    pub fn kept(&self) -> Store {
        Store::new(self.out.clone().unwrap_or_else(|| project().runs.clone()))
    }
}

/// Makes a folder that git does not see.
fn ignore(folder: &Path) -> io::Result<()> {
    let file = folder.join(".gitignore");
    if file.exists() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    fs::write(file, "*\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_project_around_a_folder_is_found() {
        let dir = tempfile::tempdir().expect("a folder");
        let top = dir.path().canonicalize().expect("it exists");
        let inner = top.join("repository/service/src");
        fs::create_dir_all(&inner).expect("it is ours");
        let found = || Project::find(None, &inner).expect("a project");
        // Nothing says anything: as far as this folder is in nothing of anybody's.
        if around(&top).is_none() {
            assert_eq!(found().root, inner);
        }
        fs::create_dir_all(top.join("repository/.git")).expect("it is ours");
        assert_eq!(found().root, top.join("repository"));
        assert_eq!(found().runs, top.join("repository/.flameload/runs"));
        // A link of git's own, as in a worktree, is as good as its folder.
        fs::create_dir_all(top.join("repository/service/.flameload")).expect("it is ours");
        assert_eq!(found().root, top.join("repository/service"));
        fs::write(top.join("repository/service/src/flameload.toml"), "").expect("it is ours");
        assert_eq!(found().root, inner);
    }

    #[test]
    fn a_project_says_where_its_things_are() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().canonicalize().expect("it exists");
        let file = root.join(FILE_NAME);
        fs::write(&file, "runs = \"flamegraphs\"\ntargets = \"../shared\"\n").expect("it is ours");
        let project = Project::find(Some(root.clone()), Path::new("/")).expect("a project");
        assert_eq!(project.runs, root.join("flamegraphs"));
        assert_eq!(project.targets, root.join("../shared"));
        assert_eq!(project.scripts, root.join(".flameload/scripts"));
        fs::write(&file, "target = \"x\"\n").expect("it is ours");
        let error = Project::at(&root).expect_err("no such key").to_string();
        assert!(error.contains("did you mean `targets`?"), "{error}");
        let error = Project::find(Some(root.join("none")), Path::new("/")).expect_err("no folder");
        assert!(error.to_string().contains("there is no project in"), "{error}");
    }
}
