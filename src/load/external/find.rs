//! Finds a tool on the `PATH` and asks it which version it is.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::Read,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::ExternalError;
use crate::load::EngineKind;

/// A tool that does not say its version in this time does not work.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked at meanwhile.
const GLANCE: Duration = Duration::from_millis(5);
/// The most that is read of what a tool says of itself.
const MOST_TEXT: u64 = 64 << 10;

/// A tool that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) program: PathBuf,
    /// Its version, if it says one.
    pub(super) version: Option<String>,
    /// What it says of its options.
    pub(super) help: String,
}

/// Finds `engine` on the `PATH`.
pub(super) fn find(engine: EngineKind) -> Result<Found, ExternalError> {
    let path = env::var_os("PATH").unwrap_or_default();
    find_in(engine, &path)
}

/// Finds `engine` in the directories of `path`, separated as in `PATH`.
pub(super) fn find_in(engine: EngineKind, path: &OsStr) -> Result<Found, ExternalError> {
    let missing = ExternalError::NotInstalled { engine };
    let version = match engine {
        EngineKind::Builtin => return Err(ExternalError::BuiltIn),
        EngineKind::Wrk | EngineKind::Wrk2 => return find_wrk(engine, path),
        // It has no option for its version.
        EngineKind::Hey => None,
        EngineKind::K6 => Some("version"),
        EngineKind::Oha | EngineKind::Bombardier => Some("--version"),
    };
    let program = program(engine.as_str(), path).ok_or(missing)?;
    let help = match engine {
        EngineKind::K6 => &["run", "--help"][..],
        _ => &["--help"],
    };
    let help = ask(engine, &program, help)?;
    let version = match version {
        Some(option) => Some(version_of(engine, &ask(engine, &program, &[option])?, &program)?),
        None => None,
    };
    Ok(Found { program, version, help })
}

/// wrk2 is built as a program named `wrk`: what tells them apart is the option for a rate.
fn find_wrk(engine: EngineKind, path: &OsStr) -> Result<Found, ExternalError> {
    let names = match engine {
        EngineKind::Wrk2 => &["wrk2", "wrk"][..],
        _ => &["wrk"],
    };
    for name in names {
        let Some(program) = program(name, path) else { continue };
        let help = ask(engine, &program, &["-v"])?;
        if help.contains("--rate") == (engine == EngineKind::Wrk2) {
            let version = Some(version_of(engine, &help, &program)?);
            return Ok(Found { program, version, help });
        }
        if engine == EngineKind::Wrk {
            let why = "it has an option --rate, so it is wrk2: use engine = \"wrk2\"".to_owned();
            return Err(ExternalError::NotThat { engine, path: program, why });
        }
    }
    Err(ExternalError::NotInstalled { engine })
}

/// The first executable file named `name`.
fn program(name: &str, path: &OsStr) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| {
        fs::metadata(path)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    env::split_paths(path).map(|dir| dir.join(name)).find(is_program)
}

/// The word with the version in what a tool says of itself, such as `oha 1.16.0` or
/// `k6 v1.8.1 (go1.26, linux/amd64)`.
fn version_of(engine: EngineKind, text: &str, path: &Path) -> Result<String, ExternalError> {
    let name = match engine {
        EngineKind::Wrk2 => "wrk",
        _ => engine.as_str(),
    };
    let mut words = text.split_whitespace().skip_while(|word| *word != name).skip(1);
    let version = words.find(|word| *word != "version");
    version.map(|word| word.trim_start_matches('v').to_owned()).ok_or_else(|| {
        let why = "it does not say its version as that tool does".to_owned();
        ExternalError::NotThat { engine, path: path.to_owned(), why }
    })
}

/// What the program says with these arguments, whatever its exit code: `wrk -v` has 1.
fn ask(engine: EngineKind, program: &Path, args: &[&str]) -> Result<String, ExternalError> {
    let failed = |why: String| ExternalError::NotThat { engine, path: program.to_owned(), why };
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    // Each stream has its own reader, so that none fills up while the other is read.
    let readers = [reader(child.stdout.take()), reader(child.stderr.take())];
    let status = wait(&mut child).map_err(|error| failed(error.to_string()))?;
    let Some(status) = status else {
        return Err(failed(format!("it did not answer `{}` in {PATIENCE:?}", args.join(" "))));
    };
    let text: String = readers.into_iter().filter_map(|reader| reader.join().ok()).collect();
    if text.trim().is_empty() {
        return Err(ExternalError::did_not_answer(engine, program.to_owned(), status));
    }
    Ok(text)
}

fn reader(stream: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            // What could be read until a failure is all there is.
            let _ = stream.take(MOST_TEXT).read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for the end of the process; kills it when the patience is over.
fn wait(child: &mut Child) -> std::io::Result<Option<std::process::ExitStatus>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(GLANCE);
    }
}
