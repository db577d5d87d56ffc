//! The command that drives a load with another tool.

use std::{
    ffi::{OsStr, OsString},
    fmt, fs,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use super::{ExternalError, demand};
use crate::load::{EngineKind, Script, Secret};

/// What stands for a secret wherever a command is shown.
const REDACTED: &str = "***";
/// A shorter secret is not looked for in texts.
const SHORT: usize = 4;

/// A command that drives a load with another tool, and the files that were written for it.
#[derive(Clone)]
pub struct Invocation {
    /// The tool.
    pub engine: EngineKind,
    /// The program.
    pub program: PathBuf,
    /// Its arguments. No secret is among them: while the tool runs, every user of the machine can
    /// read them.
    pub args: Vec<OsString>,
    /// Variables to add to its environment; those that hold a secret hold nothing else.
    pub env: Vec<(String, Secret)>,
    /// The files that were written for it and may be kept: none of them holds a secret.
    pub files: Vec<PathBuf>,
    /// The file into which the tool writes its figures, if it does not print them.
    pub report: Option<PathBuf>,
    /// What is to be known about the figures before there are any: sentences.
    pub notes: Vec<String>,
    pub(super) context: Context,
    secrets: Vec<String>,
}

/// What has to be known of the load to read the figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Context {
    /// Connections.
    pub(super) connections: u64,
    /// Requests at once on each.
    pub(super) pipeline: u64,
    /// The statuses that are good; any 2xx if empty; whatever the tool says if it is not told.
    pub(super) statuses: Option<Vec<u16>>,
    /// Whether latencies count from the schedule on.
    pub(super) corrected: bool,
}

/// A command in the making: nothing is written yet.
#[derive(Debug, Default)]
pub(super) struct Draft {
    args: Vec<Argument>,
    env: Vec<(String, Secret)>,
    files: Vec<DraftFile>,
    report: Option<String>,
    pub(super) notes: Vec<String>,
    pub(super) context: Context,
    secrets: Vec<String>,
}

#[derive(Debug)]
struct DraftFile {
    name: String,
    content: Vec<u8>,
    has_secrets: bool,
}

#[derive(Debug)]
enum Argument {
    Plain(OsString),
    /// A file of the draft, by its name, after a prefix.
    File(String),
}

impl Draft {
    pub(super) fn arg(&mut self, arg: impl AsRef<OsStr>) -> &mut Self {
        self.args.push(Argument::Plain(arg.as_ref().to_owned()));
        self
    }

    pub(super) fn args<A: AsRef<OsStr>>(&mut self, args: impl IntoIterator<Item = A>) -> &mut Self {
        self.args.extend(args.into_iter().map(|arg| Argument::Plain(arg.as_ref().to_owned())));
        self
    }

    /// A variable of the environment.
    pub(super) fn env(&mut self, name: &str, value: impl Into<String>) -> &mut Self {
        self.env.push((name.to_owned(), Secret(value.into())));
        self
    }

    /// The secrets of `script` as variables of the environment, which only this user can read, each
    /// with nothing else in it.
    pub(super) fn secret_env(&mut self, script: &Script) -> &mut Self {
        let named = script.environment.iter();
        let named = named.map(|(name, secret)| (format!("FLAMELOAD_SECRET_{name}"), secret));
        let authorization = script.authorization.iter();
        let authorization =
            authorization.map(|secret| ("FLAMELOAD_AUTHORIZATION".to_owned(), secret));
        for (name, Secret(secret)) in authorization.chain(named) {
            self.secrets.push(secret.clone());
            self.env(&name, secret);
        }
        self
    }

    /// A file for the tool.
    pub(super) fn file(&mut self, name: &str, content: impl Into<Vec<u8>>) -> &mut Self {
        let content = content.into();
        self.files.push(DraftFile { name: name.to_owned(), content, has_secrets: false });
        self
    }

    /// A file with the requests of `script`. It is not kept where a script that has its secrets in
    /// its own text, and not from the environment, would have them kept in it.
    pub(super) fn requests_file(
        &mut self,
        name: &str,
        content: impl Into<Vec<u8>>,
        script: &Script,
    ) -> &mut Self {
        let (content, has_secrets) = (content.into(), demand::names_secrets(script));
        self.files.push(DraftFile { name: name.to_owned(), content, has_secrets });
        self
    }

    /// The path of a file for the tool is the next argument.
    pub(super) fn path_arg(&mut self, name: &str) -> &mut Self {
        self.args.push(Argument::File(name.to_owned()));
        self
    }

    /// A file for the tool, whose path is the next argument.
    pub(super) fn file_arg(&mut self, name: &str, content: impl Into<Vec<u8>>) -> &mut Self {
        self.path_arg(name).file(name, content)
    }

    /// The path of the file into which the tool writes its figures is the next argument.
    pub(super) fn report_arg(&mut self, name: &str) -> &mut Self {
        self.path_arg(name);
        self.report = Some(name.to_owned());
        self
    }

    /// Writes the files to `dir`.
    pub(super) fn write(
        self,
        engine: EngineKind,
        program: &Path,
        dir: &Path,
    ) -> Result<Invocation, ExternalError> {
        let mut files = Vec::new();
        for DraftFile { name, content, has_secrets } in &self.files {
            let path = dir.join(name);
            let mut options = fs::OpenOptions::new();
            // Headers and bodies may be confidential.
            let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
            file.and_then(|mut file| file.write_all(content)).map_err(|source| {
                ExternalError::File { action: "write", path: path.clone(), source }
            })?;
            if !has_secrets {
                files.push(path);
            }
        }
        let args = self.args.into_iter().map(|arg| match arg {
            Argument::Plain(arg) => arg,
            Argument::File(name) => dir.join(name).into_os_string(),
        });
        Ok(Invocation {
            engine,
            program: program.to_owned(),
            args: args.collect(),
            env: self.env,
            files,
            report: self.report.map(|name| dir.join(name)),
            notes: self.notes,
            context: self.context,
            secrets: self.secrets,
        })
    }
}

impl Invocation {
    /// The command for a run in which the tool's CPU time counts: without figures that cost it much
    /// after the load. That is wrk's whole histogram, without which its latencies are the ones that
    /// it has corrected by a guess.
    #[must_use]
    pub fn brief(mut self) -> Self {
        self.env.push(("FLAMELOAD_BRIEF".to_owned(), Secret("1".to_owned())));
        self
    }

    /// The command as a line for a shell, with the variables it needs, and without any secret.
    pub fn shown(&self) -> String {
        let env = self.env.iter().map(|(name, Secret(value))| {
            let is_secret = self.secrets.iter().any(|secret| secret == value);
            let value = if is_secret { REDACTED.to_owned() } else { quote(value) };
            format!("{name}={value}")
        });
        let program = self.program.to_string_lossy();
        let args = self.args.iter().map(|arg| quote(&self.redact(&arg.to_string_lossy())));
        let words: Vec<String> = env.chain([quote(&program)]).chain(args).collect();
        words.join(" ")
    }

    /// `text` without any secret.
    pub fn redact(&self, text: &str) -> String {
        // What is shorter may be a part of any word or number.
        let secrets = self.secrets.iter().filter(|secret| secret.len() >= SHORT);
        secrets.fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), REDACTED))
    }
}

impl fmt::Debug for Invocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Invocation").field(&self.shown()).finish()
    }
}

/// A word for a shell.
fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+*".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
