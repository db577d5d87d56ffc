//! The command line: parse, one call to the library, print, exit code.

mod bench;
mod bisect;
mod browser;
mod cache;
mod calibrate;
#[doc(hidden)]
pub mod compare;
mod doctor;
#[doc(hidden)]
pub mod duel;
#[doc(hidden)]
pub mod exit;
mod init;
#[doc(hidden)]
pub mod interrupt;
mod list;
mod manual;
#[doc(hidden)]
pub mod out;
#[doc(hidden)]
pub mod paths;
#[doc(hidden)]
pub mod profile;
#[doc(hidden)]
pub mod progress;
mod regress;
mod render;
#[doc(hidden)]
pub mod sides;
mod summary;
#[doc(hidden)]
pub mod table;
#[doc(hidden)]
pub mod width;

use std::{ffi::OsString, path::PathBuf, process::ExitCode, sync::OnceLock};

use clap::{Arg, Subcommand, value_parser};

use crate::target::left_running;
use exit::Exit;

/// What can be done.
#[derive(Debug, Subcommand)]
#[expect(missing_docs, reason = "the arguments say it, and --help prints that")]
pub enum Command {
    Init(init::Args),
    Profile(profile::Args),
    Bench(bench::Args),
    Compare(compare::Args),
    Regress(regress::Args),
    Bisect(bisect::Args),
    Calibrate(calibrate::Args),
    Render(render::Args),
    Runs(list::RunsArgs),
    Targets(list::TargetsArgs),
    Scripts(list::ScriptsArgs),
    Doctor(doctor::Args),
    Cache(cache::Args),
    Completions(manual::CompletionsArgs),
    Man(manual::ManArgs),
}

/// Does it.
///
/// # Errors
/// When it cannot be done: [`exit::report`] says whose fault that is.
pub fn run(command: Command) -> anyhow::Result<Exit> {
    match command {
        Command::Init(args) => init::run(&args),
        Command::Profile(args) => profile::run(args),
        Command::Bench(args) => bench::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Regress(args) => regress::run(&args),
        Command::Bisect(args) => bisect::run(&args),
        Command::Calibrate(args) => calibrate::run(&args),
        Command::Render(args) => render::run(&args),
        Command::Runs(args) => list::runs(&args),
        Command::Targets(args) => list::targets(&args),
        Command::Scripts(args) => list::scripts(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Cache(args) => cache::run(&args),
        Command::Completions(args) => manual::completions(&args),
        Command::Man(args) => manual::man(&args),
    }
}

/// What the program is, in its help.
const ABOUT: &str = "Profiles servers under load and says what each request costs";
const EXIT_CODES: &str = "Exit codes: 0 done, 1 a regression or a failed threshold, 2 usage, 3 \
    could not measure (the message says what to do), 4 inconclusive, 130 interrupted.";

/// What one types to get here, once that is known.
static CALLED: OnceLock<&str> = OnceLock::new();

/// What one types to get here: `flameload`, or what calls it.
pub fn called() -> &'static str {
    CALLED.get().copied().unwrap_or("flameload")
}

/// The whole of a program whose commands are `C`, and which is called so: parses its arguments,
/// runs the command, tells what went wrong and what was left behind.
pub fn start<C: Subcommand>(
    called: &'static str,
    arguments: impl IntoIterator<Item = OsString>,
    run: impl FnOnce(C) -> anyhow::Result<Exit>,
) -> ExitCode {
    CALLED.get_or_init(|| called);
    let matches = parser::<C>(called).get_matches_from(arguments);
    let command = C::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let exit = paths::find(matches.get_one(ROOT).cloned()).and_then(|()| run(command));
    let exit = exit.unwrap_or_else(|error| exit::report(&error));
    for left in left_running() {
        out::tell(&format!(
            "warning: {left} could not be stopped and runs on: it is another user's, or hangs in \
             the kernel; end it with `sudo kill -KILL {}`",
            left.pid
        ));
    }
    exit.into()
}

/// The argument that names the project.
const ROOT: &str = "root";

fn parser<C: Subcommand>(called: &'static str) -> clap::Command {
    let root = Arg::new(ROOT)
        .long(ROOT)
        .value_name("DIR")
        .value_parser(value_parser!(PathBuf))
        .global(true)
        .help(
            "The project whose targets, scripts and runs these are [default: $FLAMELOAD_ROOT, or \
             the nearest folder around this one with a flameload.toml or .flameload, or git's]",
        );
    let program = clap::Command::new(called)
        .bin_name(called)
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .arg(root);
    let program = C::augment_subcommands(program).about(ABOUT).after_help(EXIT_CODES);
    program.mut_subcommands(|command| {
        let examples = command.get_after_help().map(|text| text.to_string());
        match examples {
            Some(text) => command.after_help(text.replace("  flameload ", &format!("  {called} "))),
            None => command,
        }
    })
}
