//! `flameload init`: a manifest and a load script for the project that one is in, and a first
//! profile by them.

mod ci;
mod files;
mod guess;

use std::{
    io::{BufRead as _, IsTerminal as _, Write as _},
    num::NonZero,
};

use anyhow::{Context as _, bail};

use crate::cli::{called, doctor, exit::Exit, out, paths, profile};
use ci::Service;
use files::NewFile;
use guess::{Guess, Port};

/// Make a project ready: write a manifest and a load script for its server, and profile it once.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flameload init --dry-run                       show what would be written
  flameload init
  flameload init --command 'npm start' --port 3000
  flameload init --command './serve --listen {port}' --path /healthz
  flameload init --ci github

Cargo, Go and Node projects are looked at: what is built, and how the server gets its port. Nothing
that is there is written over.")]
pub struct Args {
    /// The name of the target [default: the package's]
    #[arg(long)]
    name: Option<String>,

    /// How the server is started, from the project's root; {port} stands for a free port
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,

    /// The binary, where the project has several
    #[arg(long, conflicts_with = "command")]
    bin: Option<String>,

    /// The port that the server always takes
    #[arg(long)]
    port: Option<NonZero<u16>>,

    /// The environment variable that tells the server its port
    #[arg(long, value_name = "NAME", conflicts_with = "port")]
    port_variable: Option<String>,

    /// What to ask for
    #[arg(long, default_value = "/")]
    path: String,

    /// A workflow that gates pull requests, too
    #[arg(long, value_enum)]
    ci: Option<Service>,

    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,

    /// Write the files, and profile nothing
    #[arg(long)]
    no_profile: bool,
}

/// Runs `init`.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    if !args.path.starts_with('/') {
        bail!("--path begins with a slash, as in --path /healthz");
    }
    let guess = args.guess()?;
    let mut files = files::of(&guess, &args.path);
    files.extend(args.ci.map(|service| ci::workflow(service, &guess.name)));
    let (there, new): (Vec<NewFile>, Vec<NewFile>) =
        files.into_iter().partition(|file| file.path().exists());
    for file in &there {
        out::tell(&format!("{} is there, and stays as it is", out::shown_path(&file.path())));
    }
    for file in &new {
        let verb = if args.dry_run { "would write" } else { "writing" };
        out::print(&format!("{verb} {}\n\n{}\n", out::shown_path(&file.path()), file.indented()))?;
    }
    for remark in &guess.remarks {
        out::tell(&format!("note: {remark}"));
    }
    if args.dry_run {
        return Ok(Exit::Done);
    }
    for file in &new {
        file.write().with_context(|| format!("cannot write {}", file.path().display()))?;
    }
    if args.no_profile {
        out::tell(&format!("next: {} profile {}", called(), guess.name));
        return Ok(Exit::Done);
    }
    first_profile(&guess.name)
}

/// What the machine allows, and three seconds of it.
fn first_profile(name: &str) -> anyhow::Result<Exit> {
    if doctor::run(&doctor::Args::default())? != Exit::Done {
        out::tell(&format!(
            "the files are written; once that is mended, go on with `{} profile {name}`",
            called()
        ));
        return Ok(Exit::CouldNotMeasure);
    }
    let manifest = paths::targets().join(name).join(crate::target::FILE_NAME);
    let exit = profile::run(profile::Args::brief(name)).with_context(|| {
        format!(
            "the files are written; see whether {} starts the server rightly",
            out::shown_path(&manifest)
        )
    })?;
    if exit == Exit::Done {
        out::tell(&format!(
            "next: what it is asked is in {}; `{} profile` measures it again, `{} --help` says \
             what else there is",
            out::shown_path(&paths::scripts().join(files::SCRIPT)),
            called(),
            called(),
        ));
    }
    Ok(exit)
}

impl Args {
    fn guess(&self) -> anyhow::Result<Guess> {
        let root = paths::root();
        let mut guess = match &self.command {
            Some(command) => guess::of_command(root, command)?,
            None => guess::of_project(root, self.bin.as_deref())?,
        };
        if let Some(name) = &self.name {
            // It is a folder's.
            if *name != guess::plain(name) {
                bail!("'{name}' is no name of a target: '{}' would be", guess::plain(name));
            }
            guess.name = name.clone();
        }
        match (self.port, &self.port_variable) {
            (Some(port), _) => guess.port = Some(Port::Fixed(port.get())),
            (_, Some(name)) => guess.port = Some(Port::told(name)?),
            _ => {}
        }
        if guess.port.is_none() {
            guess.port = Some(ask_port()?);
        }
        Ok(guess)
    }
}

/// The one thing that cannot be seen; where nobody can be asked, the usual answer.
fn ask_port() -> anyhow::Result<Port> {
    let usual = Port::Variable("PORT".to_owned());
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        out::tell(
            "note: how the server gets its port is not to be seen: it is told by the environment \
             variable PORT; --port or --port-variable says otherwise",
        );
        return Ok(usual);
    }
    let question = "Which port does the server take: a number, or the environment variable that \
                    tells it? [PORT] ";
    write!(std::io::stderr(), "{question}").context("nobody can be asked")?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("there was no answer")?;
    match answer.trim() {
        "" => Ok(usual),
        answer => Port::told(answer),
    }
}
