//! Manifest -> built: the binary to measure, and what identifies it.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use object::Object;
use thiserror::Error;

use super::{
    Guard,
    child::{Ending, SpawnError, Spec, Streams},
    manifest::{Build, CommandBuild, Manifest},
    revision::Revision,
};

mod cargo;
mod metadata;
mod run;
mod rustflags;

/// What a build made.
#[derive(Debug, Clone)]
pub struct Built {
    /// The binary; none where the manifest has no `[build]`.
    pub binary: Option<PathBuf>,
    /// The binary's GNU build id in hexadecimal; none where the linker left none.
    pub build_id: Option<String>,
    /// The git revision of the sources; none where they are in no repository.
    pub revision: Option<Revision>,
}

/// How to build.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuildOptions {
    /// Whether the compiler's messages may have colours.
    pub color: bool,
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
    #[error("the build failed: {command} {ending}{}", tail(last_lines))]
    Failed {
        /// The command.
        command: String,
        /// Its exit status or signal.
        ending: Ending,
        /// The last lines it printed.
        last_lines: Vec<String>,
    },
    /// The build made no binary, or it is not clear which one.
    #[error("{0}")]
    Binary(String),
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

/// Builds the target of `manifest`.
///
/// `on_line` gets each line that the build prints for people, as it comes. Once `interrupted` is
/// set, the build and all its processes are stopped.
///
/// # Errors
/// When a tool is missing, the build fails, or leaves no binary.
pub fn build(
    manifest: &Manifest,
    options: BuildOptions,
    guard: &Guard,
    interrupted: &AtomicBool,
    on_line: &mut dyn FnMut(&str),
) -> Result<Built, BuildError> {
    let mut runner = run::Runner { guard, interrupted, on_line };
    let (binary, sources) = match &manifest.build {
        None => (None, manifest.dir.clone()),
        Some(Build::Cargo(build)) => {
            let dir = manifest.dir.join(&build.dir);
            (Some(cargo::build(build, &dir, options, &mut runner)?), dir)
        }
        Some(Build::Command(build)) => {
            (Some(by_command(build, &manifest.dir, &mut runner)?), manifest.dir.clone())
        }
    };
    Ok(Built {
        build_id: binary.as_deref().and_then(build_id),
        binary,
        revision: Revision::of(&sources),
    })
}

fn by_command(
    build: &CommandBuild,
    dir: &Path,
    runner: &mut run::Runner<'_>,
) -> Result<PathBuf, BuildError> {
    let mut words = build.command.iter().map(Into::into);
    let program = words.next().unwrap_or_default();
    let spec = Spec { output: Streams::Joined, ..run::spec(program, words.collect(), dir) };
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
