//! Manifest -> built: the binary to measure, and what identifies it.

use std::{
    collections::BTreeMap,
    env,
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use object::Object;
use thiserror::Error;

use super::{
    Guard,
    child::{Ending, SpawnError, Spec, Streams},
    database::{self, Cluster, DatabaseError},
    manifest::{Build, CommandBuild, Manifest, Process, Recipe},
    revision::Revision,
};

mod cargo;
mod go;
mod interpreter;
mod metadata;
mod python;
mod run;
mod rustflags;
mod slot;
mod version;

pub(super) use interpreter::Interpreter;
pub(super) use python::{Lock, environment};
pub(super) use run::{Runner, spec};
pub(super) use slot::Slot;
pub use version::{Version, VersionError, build_version};

/// What a build made.
#[derive(Debug, Clone, Default)]
pub struct Built {
    /// What each of the manifest's recipes made, in their order.
    pub products: Vec<Product>,
    /// What each of the manifest's services starts from, in their order; none where a database is
    /// used that runs already.
    pub clusters: Vec<Cluster>,
    /// The git revision of the sources; none where they are in no repository.
    pub revision: Option<Revision>,
    /// Whether the manifest is that of the working tree, as the commit is older than it.
    pub later_manifest: bool,
}

/// What one recipe made.
#[derive(Debug, Clone)]
pub struct Product {
    /// What `{bin}` stands for: the server, or the interpreter that runs it.
    pub binary: PathBuf,
    /// The server's GNU build id in hexadecimal; none where the linker left none, and where the
    /// binary is an interpreter, which says nothing of the server.
    pub build_id: Option<String>,
    /// Variables that its processes get unless their manifest says otherwise.
    pub env: BTreeMap<String, String>,
    /// Whether its processes write maps of their code for profilers when they are asked to.
    pub perf_maps: bool,
}

/// How to build.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// Whether the compiler's messages may have colours.
    pub color: bool,
    /// The folder for what is built and is better not built again. Cargo has a place of its own.
    pub cache: PathBuf,
    /// Whether services are made ready; not where a database is used that runs already.
    pub services: bool,
}

/// Why there is no binary.
#[derive(Debug, Error)]
pub enum BuildError {
    /// A tool of the build is not installed.
    #[error("cannot find {program}: {advice}")]
    MissingTool {
        /// The program.
        program: String,
        /// How to get it.
        advice: String,
    },
    /// A tool of the build could not be run.
    #[error("cannot build: {0}")]
    Spawn(#[from] SpawnError),
    /// The build ran and failed.
    #[error("the build failed: {command} {ending}{}{}", tail(last_lines), below(hint))]
    Failed {
        /// The command.
        command: String,
        /// Its exit status or signal.
        ending: Ending,
        /// The last lines it printed.
        last_lines: Vec<String>,
        /// What may be missing.
        hint: Option<String>,
    },
    /// The build made no binary, or it is not clear which one.
    #[error("{0}")]
    Binary(String),
    /// Something that the build needs is not there, or does not fit.
    #[error("cannot build: {0}")]
    Need(String),
    /// The cache cannot be used.
    #[error("cannot use {path} as a place for what is built: {source}")]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A service's database cannot be made.
    #[error("cannot make the database of the service '{service}': {source}")]
    Database {
        /// The service.
        service: String,
        /// Why.
        source: DatabaseError,
    },
    /// There is no server for a database.
    #[error(
        "there is no PostgreSQL server, and none can be got from its Python package: {source}\n\
         install one (on Debian: sudo apt-get install postgresql), or name one that runs with \
         --db-url"
    )]
    NoDatabase {
        /// Why the package does not help.
        source: Box<BuildError>,
    },
    /// Cargo said something that is not understood.
    #[error("cannot read what cargo says of {dir}: {message}")]
    Metadata {
        /// The project's folder.
        dir: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// The user gave up.
    #[error("interrupted while the target was built")]
    Interrupted,
}

impl Built {
    /// What `process` runs; none where it needs no build.
    pub fn product(&self, process: &Process) -> Option<&Product> {
        self.products.get(process.recipe?)
    }

    /// Whether its processes write maps of their code for profilers when they are asked to.
    pub fn writes_perf_maps(&self) -> bool {
        self.products.iter().any(|product| product.perf_maps)
    }
}

impl Default for BuildOptions {
    /// Without colours, and with the user's own folder for such things. A user who has none, as
    /// under cron, has one in the current folder: what is in /tmp, others may have put there.
    fn default() -> Self {
        let home = |name, rest: &str| {
            env::var_os(name)
                .map(PathBuf::from)
                .filter(|home| home.is_absolute())
                .map(|home| if rest.is_empty() { home } else { home.join(rest) })
        };
        let folder = home("XDG_CACHE_HOME", "").or_else(|| home("HOME", ".cache"));
        let cache = match folder {
            Some(folder) => folder.join("flameload"),
            None => env::current_dir().unwrap_or_default().join(".flameload/cache"),
        };
        Self { color: false, cache, services: true }
    }
}

/// Builds the target of `manifest`.
///
/// `on_line` gets each line that the build prints for people, as it comes. Once `interrupted` is
/// set, the build and all its processes are stopped.
///
/// # Errors
/// When a tool is missing, the build fails, or leaves no binary.
pub fn build(
    manifest: &Manifest,
    options: &BuildOptions,
    guard: &Guard,
    interrupted: &AtomicBool,
    on_line: &mut dyn FnMut(&str),
) -> Result<Built, BuildError> {
    let mut runner = Runner { guard, interrupted, on_line };
    let make = |recipe| make(recipe, options, &mut runner);
    let products = manifest.recipes.iter().map(make).collect::<Result<_, _>>()?;
    let services = if options.services { manifest.services.as_slice() } else { &[] };
    let clusters = database::prepare(services, options, &mut runner)?;
    for process in manifest.processes.iter().filter(|process| process.shows_database()) {
        on_line(&format!(
            "warning: the command of '{}' has {{db_url}} in it: every user of this machine can \
             read its password there; hand it over in env",
            process.name
        ));
    }
    Ok(Built { products, clusters, revision: revision(manifest), later_manifest: false })
}

fn make(
    recipe: &Recipe,
    options: &BuildOptions,
    runner: &mut Runner<'_>,
) -> Result<Product, BuildError> {
    let dir = recipe.sources();
    let binary = match &recipe.build {
        Build::Cargo(build) => cargo::build(build, &dir, options, runner)?,
        Build::Go(build) => go::build(build, &recipe.target, &dir, options, runner)?,
        Build::Python(build) => {
            return python::build(build, &recipe.target, &dir, options, runner);
        }
        Build::Command(build) => by_command(build, &dir, runner)?,
    };
    Ok(Product { build_id: build_id(&binary), binary, env: BTreeMap::new(), perf_maps: false })
}

/// The revision of the first sources; dirty where any are.
fn revision(manifest: &Manifest) -> Option<Revision> {
    let mut folders: Vec<_> = manifest.recipes.iter().map(Recipe::sources).collect();
    if folders.is_empty() {
        folders.push(manifest.dir.clone());
    }
    let mut revisions = folders.iter().map(|folder| Revision::of(folder));
    let first = revisions.next()??;
    let dirty = first.dirty || revisions.flatten().any(|revision| revision.dirty);
    Some(Revision { dirty, ..first })
}

fn by_command(
    build: &CommandBuild,
    dir: &Path,
    runner: &mut Runner<'_>,
) -> Result<PathBuf, BuildError> {
    let mut words = build.command.iter().map(Into::into);
    let program = words.next().unwrap_or_default();
    let spec = Spec { output: Streams::Joined, ..spec(program, words.collect(), dir) };
    runner.run_shown(&spec)?;
    let binary = dir.join(&build.binary);
    if binary.is_file() {
        return Ok(binary);
    }
    Err(BuildError::Binary(format!(
        "the build ended well, but there is no {}; `binary` in the manifest must name what it makes",
        binary.display()
    )))
}

/// Reads the GNU build id of a binary (note type `NT_GNU_BUILD_ID`), in hexadecimal.
fn build_id(binary: &Path) -> Option<String> {
    let cache = object::ReadCache::new(File::open(binary).ok()?);
    let file = object::File::parse(&cache).ok()?;
    let id = file.build_id().ok()??;
    Some(id.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn tail(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n    {line}")).collect()
}

fn below(hint: &Option<String>) -> String {
    hint.iter().map(|hint| format!("\n{hint}")).collect()
}
