//! What is compared, as it is typed: a target, maybe at a revision and with changed settings, or
//! recorded runs.

use std::{
    fmt,
    io::IsTerminal,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use crate::{
    measure::{Contender, Event, Launch},
    target::{
        BuildOptions, Changes, FILE_NAME, Guard, Manifest, Repository, RepositoryError, Version,
        WORKTREE, build, build_version,
    },
};
use anyhow::{Context as _, bail};

use crate::cli::{called, paths, progress::Progress};

/// A side of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// A target to measure.
    Live(Live),
    /// Runs that were kept, as they are typed.
    Recorded(String),
}

/// A target to measure: `hyper`, `hyper@v1.2`, `hyper@worktree?workers=4`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// What it is called: as it was typed.
    pub(crate) name: String,
    /// Its manifest, or the folder of that.
    pub(crate) manifest: PathBuf,
    /// The revision, in git's words; none for the files as they are.
    pub(crate) revision: Option<String>,
    pub(crate) changes: Changes,
}

/// Builds sides.
#[derive(Debug)]
pub struct Builder<'a> {
    guard: Guard,
    interrupted: &'a AtomicBool,
    options: BuildOptions,
}

impl Side {
    /// What a text means. A name of a target is one, unless it is a directory with a run in it.
    ///
    /// # Errors
    /// When a target is meant, and there is none of that name, or a setting cannot be changed so.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let is_marked = text.contains(['@', '?']);
        let (target, ..) = split(text);
        let is_run = Path::new(text).join("run.json").is_file();
        if is_run || !is_marked && !is_target(target) {
            return Ok(Self::Recorded(text.to_owned()));
        }
        Self::live(text).map(Self::Live)
    }

    /// The target that a text means.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn live(text: &str) -> anyhow::Result<Live> {
        let (target, revision, changes) = split(text);
        let is_path = target.contains('/') || target.ends_with(".toml");
        let manifest = match is_path {
            true => PathBuf::from(target),
            false => paths::targets().join(target),
        };
        if !is_path && !is_target(target) {
            // It names the nearest one.
            Manifest::find(paths::targets(), target)?;
        }
        if revision == Some("") {
            bail!("'{text}' names no revision after the @, such as {target}@HEAD~1");
        }
        let changes = match changes {
            Some(changes) => changes.parse().with_context(|| format!("in '{text}'"))?,
            None => Changes::default(),
        };
        let revision = revision.filter(|revision| *revision != WORKTREE).map(str::to_owned);
        Ok(Live { name: text.to_owned(), manifest, revision, changes })
    }
}

impl Live {
    /// The same target with the same settings at another revision.
    pub(crate) fn at(&self, revision: &str) -> Self {
        let (target, _, changes) = split(&self.name);
        let changes = changes.map(|changes| format!("?{changes}")).unwrap_or_default();
        let name = format!("{target}@{revision}{changes}");
        let revision = Some(revision.to_owned()).filter(|revision| revision != WORKTREE);
        Self { name, revision, ..self.clone() }
    }

    /// The same at the same revision, which is called otherwise.
    pub(crate) fn named(self, revision: &str) -> Self {
        let name = self.at(revision).name;
        Self { name, ..self }
    }

    /// The target alone, as it was typed.
    pub(crate) fn target(&self) -> &str {
        split(&self.name).0
    }

    /// The repository that it is in.
    ///
    /// # Errors
    /// When it is in none.
    pub(crate) fn repository(&self) -> Result<Repository, RepositoryError> {
        let folder = if self.manifest.is_file() { self.manifest.parent() } else { None };
        let folder = folder.unwrap_or(&self.manifest);
        Repository::around(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
    }
}

/// A target's name or path, its revision and its changed settings.
fn split(text: &str) -> (&str, Option<&str>, Option<&str>) {
    let (rest, changes) = match text.split_once('?') {
        Some((rest, changes)) => (rest, Some(changes)),
        None => (text, None),
    };
    match rest.split_once('@') {
        Some((target, revision)) => (target, Some(revision), changes),
        None => (rest, None, changes),
    }
}

fn is_target(text: &str) -> bool {
    let has_manifest = |folder: &Path| folder.join(FILE_NAME).is_file();
    let path = Path::new(text);
    !text.is_empty()
        && (has_manifest(&paths::targets().join(text))
            || has_manifest(path)
            || text.ends_with(".toml") && path.is_file())
}

/// The target that a text means: a name in the project, a manifest, or the folder of one.
///
/// # Errors
/// When there is no such target, or its manifest does not fit.
pub fn target(text: &str) -> anyhow::Result<Manifest> {
    let dir = paths::targets();
    if !dir.join(text).join(FILE_NAME).is_file() && Path::new(text).join(FILE_NAME).is_file() {
        return Ok(Manifest::read(Path::new(text))?);
    }
    Ok(Manifest::find(dir, text)?)
}

/// The target of a project that has just one.
pub(crate) fn only_target() -> anyhow::Result<Manifest> {
    let dir = paths::targets();
    match Manifest::names(dir)?.as_slice() {
        [only] => Ok(Manifest::find(dir, only)?),
        [] => bail!(
            "there are no targets in {}: `{} init` writes one; or give --manifest or --pid",
            dir.display(),
            called()
        ),
        names => bail!("name a target: {}; or give --manifest or --pid", names.join(", ")),
    }
}

impl<'a> Builder<'a> {
    /// # Errors
    /// When the system does not let us guard what a build starts.
    pub fn new(interrupted: &'a AtomicBool) -> anyhow::Result<Self> {
        let guard = Guard::start().context("cannot start the guard that stops builds")?;
        let options = BuildOptions {
            color: std::io::stderr().is_terminal(),
            cache: paths::cache(),
            services: true,
        };
        Ok(Self { guard, interrupted, options })
    }

    /// Builds two sides that are to run at once.
    ///
    /// # Errors
    /// When one cannot be built, and before that when both would listen at one port.
    pub(crate) fn pair(&self, a: &Live, b: &Live) -> anyhow::Result<(Contender, Contender)> {
        let fixed = |live: &Live| -> Vec<u16> {
            // What is wrong with a manifest, its build says. The port is seldom another one at
            // another revision; where it is, the launch says so.
            let manifest = Manifest::read(&live.manifest);
            let processes = manifest.map(|manifest| manifest.processes).unwrap_or_default();
            processes.iter().filter_map(|process| process.port).collect()
        };
        let (of_a, of_b) = (fixed(a), fixed(b));
        if let Some(port) = of_a.iter().find(|port| of_b.contains(port)) {
            bail!(
                "{a} and {b} both listen at port {port}, and both run at once: take `port` out of \
                 the manifest, and give the server its port by {{port}} in its command or its \
                 environment"
            );
        }
        Ok((self.contender(a)?, self.contender(b)?))
    }

    /// Builds a side. Sides in a git repository are all built in the same folder, whatever their
    /// revision: where the sources lie decides how fast code is.
    ///
    /// # Errors
    /// When the revision or the target is not there, or cannot be built.
    pub fn contender(&self, live: &Live) -> anyhow::Result<Contender> {
        match live.repository() {
            Ok(repository) => self.at_revision(live, &repository),
            Err(RepositoryError::None { .. }) if live.revision.is_none() => self.plain(live),
            Err(error) => Err(error.into()),
        }
    }

    fn at_revision(&self, live: &Live, repository: &Repository) -> anyhow::Result<Contender> {
        let commit = repository.commit(live.revision.as_deref().unwrap_or(WORKTREE))?;
        let Live { manifest, changes, .. } = live;
        let version = Version { repository, commit: &commit, manifest, changes };
        let (manifest, built) = self.with_progress(&live.name, |on_line| {
            let Self { options, guard, interrupted, .. } = self;
            Ok(build_version(&version, options, guard, interrupted, on_line)?)
        })?;
        let detail = match commit.is_snapshot {
            true => "the files as they are".to_owned(),
            false => format!("{} {}", commit.short(), commit.subject),
        };
        let detail = match built.later_manifest {
            true => detail + ", which is older than its manifest: built as the files say now",
            false => detail,
        };
        Ok(contender(live, manifest, built, detail, &self.options))
    }

    /// Outside of any repository, as its own users build it.
    fn plain(&self, live: &Live) -> anyhow::Result<Contender> {
        let Live { manifest, changes, name, .. } = live;
        if !changes.features.is_empty() {
            bail!(
                "'{name}' is in no git repository, where builds with other features cannot be kept \
                 apart: put it in one (git init, git add, git commit)"
            );
        }
        let mut manifest = Manifest::read(manifest)?;
        changes.apply(&mut manifest)?;
        let built = self.with_progress(name, |on_line| {
            Ok(build(&manifest, &self.options, &self.guard, self.interrupted, on_line)?)
        })?;
        let detail = "in no git repository".to_owned();
        Ok(contender(live, manifest, built, detail, &self.options))
    }

    fn with_progress<T>(
        &self,
        name: &str,
        make: impl FnOnce(&mut dyn FnMut(&str)) -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let mut progress = Progress::begin();
        progress.show(Event::Building { target: name.to_owned() });
        let made = make(&mut |line| progress.show(Event::BuildOutput(line.to_owned())));
        progress.finish();
        made
    }
}

fn contender(
    live: &Live,
    manifest: Manifest,
    built: crate::target::Built,
    detail: String,
    options: &BuildOptions,
) -> Contender {
    let launch = Launch {
        color: options.color,
        cache: options.cache.clone(),
        budget: live.changes.budget.unwrap_or_default(),
        ..Launch::new(manifest)
    };
    let (name, changes) = (live.name.clone(), live.changes.clone());
    Contender { name, detail, changes, launch, built }
}

impl fmt::Display for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(text: &str) -> Live {
        match Side::parse(text) {
            Ok(Side::Live(live)) => live,
            other => panic!("{text} is a target: {other:?}"),
        }
    }

    #[test]
    fn targets_have_revisions_and_settings() {
        let plain = live("hyper");
        assert_eq!((plain.revision, plain.manifest), (None, paths::targets().join("hyper")));
        assert_eq!(live("hyper@worktree").revision, None);
        assert_eq!(live("hyper@HEAD~3").revision.as_deref(), Some("HEAD~3"));
        let both = live("hyper@v1.2?workers=4&env.A=b@c");
        assert_eq!(both.revision.as_deref(), Some("v1.2"));
        assert_eq!(both.changes.env["A"], "b@c");
        let path = format!("{}@HEAD", paths::targets().join("hyper/target.toml").display());
        assert_eq!(live(&path).revision.as_deref(), Some("HEAD"));
    }

    #[test]
    fn a_target_at_another_revision_keeps_its_settings() {
        for text in ["hyper?workers=4", "hyper@v1.2?workers=4"] {
            let other = live(text).at("HEAD~1");
            assert_eq!(other, live("hyper@HEAD~1?workers=4"));
        }
        assert_eq!(live("hyper@v1.2").at("worktree"), live("hyper@worktree"));
    }

    #[test]
    fn everything_else_is_a_run() {
        for text in ["latest", "hyper/latest", "20261121-2233", "20261121-2233,20261121-2240", ""] {
            let side = Side::parse(text).expect("it is taken as a run");
            assert_eq!(side, Side::Recorded(text.to_owned()));
        }
    }

    #[test]
    fn what_is_wrong_says_so() {
        let error = |text| format!("{:#}", Side::parse(text).expect_err("it is wrong"));
        assert!(error("hypr@HEAD").contains("did you mean 'hyper'?"), "{}", error("hypr@HEAD"));
        assert!(error("hyper@").contains("no revision"), "{}", error("hyper@"));
        let unknown = error("hyper?worker=4");
        assert!(unknown.contains("did you mean 'workers'?"), "{unknown}");
    }
}
