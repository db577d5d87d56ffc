//! Other load tools: a script becomes a command, and what the tool says becomes figures.
//!
//! ```text
//! External::find -> External -.command(Script)-> Invocation -(run by the caller)-> ToolOutput
//!                                                                                    |
//!                                                      Reported <-.parse(Invocation)-+
//! ```
//!
//! The mapping is total or refused: a script is taken apart into [demands](demand), and what a tool
//! cannot do is an error that names the key. Nothing is invented: a figure that the tool does not
//! report is absent. No process is started here but to ask a tool for its version.
//!
//! **Warm-up and cool-down** are not part of a command: a warm-up is a run of its own, of the same
//! script with that duration.
//!
//! **A script of the user's own** (Lua for wrk and wrk2, JavaScript for k6) decides what is
//! requested and which responses are good. So the load script has one `[[request]]`, with which the
//! server is tried before the load and whose path wrk and wrk2 get in their URL, and none of `[vars]`,
//! `auth`, `pipeline` and `requests_per_connection`. k6 gets the server's URL without a path in `__ENV.TARGET`,
//! and connections, duration, requests and stages from the load script, whatever its own options
//! say. A `done` in Lua is called before ours; a `handleSummary` in JavaScript stays as it is.

mod bombardier;
mod demand;
mod error;
mod errors;
mod find;
mod hey;
mod invocation;
mod json;
mod k6;
mod oha;
mod reported;
mod status;
#[cfg(test)]
mod tests;
mod wire;
mod wrk;

use std::{fs, io, net::SocketAddr, path::Path, path::PathBuf, thread};

pub use error::ExternalError;
pub use errors::ReportedErrors;
pub use invocation::Invocation;
pub use reported::{LatencyKind, Origin, Reported, ReportedLatency};

use self::{find::Found, invocation::Context};
use super::script::{EngineKind, Script};

/// A tool that is installed.
#[derive(Debug, Clone)]
pub struct External {
    kind: EngineKind,
    program: PathBuf,
    version: Option<String>,
    help: String,
    cpus: u32,
}

/// What a run of a tool left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolOutput {
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
    /// Its exit code; none if a signal ended it.
    pub exit_code: Option<i32>,
}

impl External {
    /// Finds a tool on the `PATH` and asks it which version it is.
    ///
    /// # Errors
    /// When it is not there, which says how to install it, or does not answer, or is another tool
    /// of that name.
    pub fn find(kind: EngineKind) -> Result<Self, ExternalError> {
        let Found { program, version, help } = find::find(kind)?;
        let cpus = thread::available_parallelism().map_or(1, |cpus| cpus.get());
        Ok(Self { kind, program, version, help, cpus: u32::try_from(cpus).unwrap_or(u32::MAX) })
    }

    /// The tool when it may use so many CPUs; without this, it is as many as the caller may use.
    /// wrk and wrk2 are given threads for them.
    #[must_use]
    pub fn on_cpus(self, cpus: usize) -> Self {
        Self { cpus: u32::try_from(cpus.max(1)).unwrap_or(u32::MAX), ..self }
    }

    /// Which tool it is.
    pub fn kind(&self) -> EngineKind {
        self.kind
    }

    /// Its program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its version; hey does not say one.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The command that sends the load of `script` to `addr`; the files that it needs are written
    /// to `dir`, an absolute path.
    ///
    /// # Errors
    /// When the tool cannot express something that the script asks for, when the script cannot be
    /// rendered or is for another machine, or when a file cannot be written.
    pub fn command(
        &self,
        script: &Script,
        addr: SocketAddr,
        dir: &Path,
    ) -> Result<Invocation, ExternalError> {
        let draft = match self.kind {
            EngineKind::Builtin => return Err(ExternalError::BuiltIn),
            EngineKind::Wrk | EngineKind::Wrk2 => {
                wrk::command(self.kind, script, addr, self.cpus, dir)?
            }
            EngineKind::K6 => k6::command(script, addr)?,
            EngineKind::Hey => hey::command(script, addr)?,
            EngineKind::Oha => oha::command(script, addr, &self.help)?,
            EngineKind::Bombardier => bombardier::command(script, addr)?,
        };
        draft.write(self.kind, &self.program, dir)
    }

    /// The figures of a run. A tool that writes them into a file has it read here.
    ///
    /// # Errors
    /// When the tool failed, or its figures are not where they should be.
    pub fn parse(
        &self,
        invocation: &Invocation,
        output: &ToolOutput,
    ) -> Result<Reported, ExternalError> {
        let figures = match &invocation.report {
            None => output.stdout.clone(),
            Some(path) => match fs::read(path) {
                Ok(bytes) => bytes,
                // A tool that failed has written none, and says why elsewhere.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
                Err(source) => {
                    let path = path.clone();
                    return Err(ExternalError::File { action: "read", path, source });
                }
            },
        };
        let text = String::from_utf8_lossy(&figures);
        let parsed = figures_of(self.kind, &invocation.context, &text, output.exit_code);
        let mut reported = match (parsed, output.failure(self.kind)) {
            (_, Some(why)) => return Err(self.failed(invocation, output, why)),
            (Err(_), None) if output.exit_code != Some(0) => {
                return Err(self.failed(invocation, output, String::new()));
            }
            (parsed, None) => parsed?,
        };
        reported.version.clone_from(&self.version);
        reported.notes.splice(0..0, invocation.notes.iter().cloned());
        if reported.requests == 0 {
            // Whatever the tool timed, it was no good response.
            let kind = reported.latency.kind;
            reported.latency = ReportedLatency { kind, ..ReportedLatency::default() };
            reported.histogram = None;
        } else if reported.errors.status.is_some_and(|count| count > 0)
            && self.kind != EngineKind::K6
        {
            reported
                .notes
                .push("the latencies are those of all responses, whatever their status".to_owned());
        }
        Ok(reported)
    }

    fn failed(&self, invocation: &Invocation, output: &ToolOutput, why: String) -> ExternalError {
        let said = last_line(&output.stderr).or_else(|| last_line(&output.stdout));
        let parts: Vec<String> =
            [Some(why), said].into_iter().flatten().filter(|part| !part.is_empty()).collect();
        let detail = match parts.as_slice() {
            [] => "it did not say why".to_owned(),
            parts => parts.join(": "),
        };
        let (engine, exit) = (self.kind, output.exit_code);
        ExternalError::Failed { engine, exit, detail: invocation.redact(&detail) }
    }
}

/// The figures in what a tool wrote.
fn figures_of(
    kind: EngineKind,
    context: &Context,
    text: &str,
    exit_code: Option<i32>,
) -> Result<Reported, ExternalError> {
    match kind {
        EngineKind::Builtin => Err(ExternalError::BuiltIn),
        EngineKind::Wrk | EngineKind::Wrk2 => wrk::parse(kind, context, text),
        EngineKind::K6 => k6::parse(text, exit_code),
        EngineKind::Hey => hey::parse(context, text),
        EngineKind::Oha => oha::parse(context, text),
        EngineKind::Bombardier => bombardier::parse(text),
    }
}

/// The figures in any text, of a load of so many connections and with so many requests at once on
/// each.
#[cfg(feature = "fuzzing")]
pub(super) fn figures(
    kind: EngineKind,
    connections: u64,
    pipeline: u64,
    text: &str,
) -> Result<Reported, ExternalError> {
    let statuses = Some(Vec::new());
    let context = Context { connections, pipeline, statuses, ..Context::default() };
    figures_of(kind, &context, text, Some(0))
}

impl ToolOutput {
    /// Why the tool failed, if its exit code alone says so. Most tools end well whatever happened
    /// under load; wrk says nothing with its code.
    fn failure(&self, engine: EngineKind) -> Option<String> {
        let Some(code) = self.exit_code else { return Some("a signal ended it".to_owned()) };
        if engine != EngineKind::K6 {
            return None;
        }
        // The codes of k6's `errext/exitcodes`; at 99 it is the thresholds that failed.
        let why = match code {
            0 | 99 => return None,
            104 => "its configuration is invalid",
            105 => "it was interrupted",
            106 => "its own server could not listen",
            107 => "an exception in the script",
            108 => "the script ended the run",
            _ => "",
        };
        Some(why.to_owned())
    }
}

/// The last line that says something.
fn last_line(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    // A tool may print all it has in one line.
    Some(line.chars().take(400).collect())
}

/// Whether the script leaves to one of the user's own what is requested, all of it.
fn leaves_requests(script: &Script) -> bool {
    script.requests.len() <= 1
        && script.vars.is_empty()
        && script.pipeline.get() == 1
        && script.requests_per_connection.is_none()
}
