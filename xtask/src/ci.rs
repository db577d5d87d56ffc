//! `cargo xtask ci`: everything that has to hold before a change is taken.

mod go;

use std::{
    env, fs,
    io::Write as _,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use crate::{
    exit::Exit,
    paths,
    project::{Project, cargo, shown},
    test,
};

/// Check format, lints, documentation, the rules of the code, and tests.
///
/// Stops at the first step that fails.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask ci
  cargo xtask ci --keep-going
  cargo xtask ci --no-test      (the cheap steps only)")]
pub(crate) struct Args {
    /// Do all steps, even if one fails
    #[arg(long)]
    keep_going: bool,

    /// Leave out the tests, but for the rules of the code
    #[arg(long)]
    no_test: bool,
}

/// Something that has to hold.
struct Step {
    name: String,
    work: Work,
}

enum Work {
    Command(Command),
    /// A command that prints what is wrong and has nothing else to say.
    Silent(Command),
    /// Nothing that can be done here: a program is missing.
    Missing(String),
    Tests,
}

/// What came of a step.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Holds,
    Fails,
    /// It was left out, and why.
    Skipped(String),
}

/// Runs `ci`.
#[expect(clippy::print_stdout, reason = "which steps passed is the result")]
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let mut steps = steps()?;
    if !args.no_test {
        steps.push(Step { name: "test".to_owned(), work: Work::Tests });
    }
    let mut lines = Vec::new();
    let mut failed = false;
    for step in steps {
        let started = Instant::now();
        let verdict = perform(step.work)?;
        lines.push(line(&step.name, &verdict, started.elapsed()));
        failed |= verdict == Verdict::Fails;
        if failed && !args.keep_going {
            break;
        }
    }
    print!("\n{}", lines.concat());
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn line(name: &str, verdict: &Verdict, took: Duration) -> String {
    let (word, why) = match verdict {
        Verdict::Holds => ("ok", String::new()),
        Verdict::Fails => ("FAILED", String::new()),
        Verdict::Skipped(why) => ("skipped", format!(": {why}")),
    };
    format!("{word:<7}  {:>6.1} s  {name}{why}\n", took.as_secs_f64())
}

/// The cheap steps first.
fn steps() -> anyhow::Result<Vec<Step>> {
    let projects = Project::all()?;
    let mut steps = Vec::new();
    let mut step = |name: String, command| {
        steps.push(Step { name, work: Work::Command(command) });
    };
    for project in &projects {
        let mut command = project.cargo("fmt");
        command.arg("--check");
        step(format!("format of {}", project.name), command);
    }
    if let Some(command) = format_of_programs()? {
        step("format of the tests' programs".to_owned(), command);
    }
    for project in &projects {
        let mut command = project.cargo("clippy");
        command.args(["--all-targets", "--locked", "--", "--deny", "warnings"]);
        step(format!("lints of {}", project.name), command);
    }
    let mut command = cargo();
    command.args(["clippy", "--package", "flameload", "--lib", "--no-default-features"]);
    command.args(["--locked", "--", "--deny", "warnings"]);
    step("lints of the library without its program".to_owned(), command);
    steps.extend(go::steps()?);
    let mut step = |name: &str, command| {
        steps.push(Step { name: name.to_owned(), work: Work::Command(command) });
    };
    let mut command = Project::workspace().cargo("doc");
    command.args(["--no-deps", "--document-private-items"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    step("documentation", command);
    let mut command = cargo();
    command.args(["test", "--package", "flameload", "--test", "tidy"]);
    step("imports and other rules of the code", command);
    Ok(steps)
}

/// Checks the Rust files that tests compile by themselves and that belong to no package.
fn format_of_programs() -> anyhow::Result<Option<Command>> {
    let folder = Path::new("tests/programs");
    let absolute = paths::root().join(folder);
    if !absolute.is_dir() {
        return Ok(None);
    }
    let mut sources = Vec::new();
    for entry in fs::read_dir(&absolute).with_context(|| format!("cannot list {folder:?}"))? {
        let name = entry?.file_name();
        for source in ["main.rs", "src/main.rs"] {
            let source = Path::new(&name).join(source);
            if absolute.join(&source).is_file() {
                sources.push(folder.join(source));
            }
        }
    }
    sources.sort();
    let mut command = Command::new("rustfmt");
    command.current_dir(paths::root()).args(["--check", "--edition", "2024"]).args(&sources);
    Ok(if sources.is_empty() { None } else { Some(command) })
}

/// Does a step.
fn perform(work: Work) -> anyhow::Result<Verdict> {
    let holds = match work {
        Work::Tests => test::all(&[])? == Exit::Done,
        Work::Command(mut command) => {
            announce(&command);
            let status = command.status();
            status.with_context(|| format!("cannot run {}", shown(&command)))?.success()
        }
        Work::Silent(mut command) => {
            announce(&command);
            let output = command.output();
            let output = output.with_context(|| format!("cannot run {}", shown(&command)))?;
            for text in [&output.stdout, &output.stderr] {
                // Nobody reads any more: the exit code still says what came of it.
                let _ = std::io::stderr().write_all(text);
            }
            output.status.success() && output.stdout.is_empty()
        }
        Work::Missing(why) => return Ok(missing(why, is_ci())),
    };
    Ok(if holds { Verdict::Holds } else { Verdict::Fails })
}

#[expect(clippy::print_stderr, reason = "progress goes to stderr")]
fn announce(command: &Command) {
    eprintln!("running {}", shown(command));
}

/// Where all must run, what cannot run has failed.
#[expect(clippy::print_stderr, reason = "what is missing is no result")]
fn missing(why: String, is_ci: bool) -> Verdict {
    if is_ci {
        eprintln!("{why}; with CI=true, nothing is left out");
        return Verdict::Fails;
    }
    Verdict::Skipped(why)
}

fn is_ci() -> bool {
    env::var_os("CI").is_some_and(|value| value == "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_projects_are_held_to_the_same() {
        let steps = steps().expect("the project can be listed");
        let commands: Vec<String> = steps
            .iter()
            .filter_map(|step| match &step.work {
                Work::Command(command) => Some(shown(command)),
                _ => None,
            })
            .collect();
        for project in Project::all().expect("the targets can be listed") {
            for subcommand in ["fmt", "clippy"] {
                let shown = shown(&project.cargo(subcommand));
                assert!(commands.iter().any(|command| command.starts_with(&shown)), "{shown}");
            }
        }
        assert!(commands.iter().any(|command| command.contains("tests/programs/known/main.rs")));
    }

    #[test]
    fn a_line_says_what_took_how_long() {
        let took = Duration::from_millis(1_250);
        assert_eq!(line("format", &Verdict::Holds, took), "ok          1.2 s  format\n");
        assert_eq!(line("lints", &Verdict::Fails, took), "FAILED      1.2 s  lints\n");
        let skipped = Verdict::Skipped("no go".to_owned());
        assert_eq!(line("lints", &skipped, took), "skipped     1.2 s  lints: no go\n");
    }

    #[test]
    fn a_command_that_should_be_silent_may_not_print() {
        let silent = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            perform(Work::Silent(command)).expect("a shell")
        };
        assert_eq!(silent("true"), Verdict::Holds);
        assert_eq!(silent("echo main.go"), Verdict::Fails);
        assert_eq!(silent("exit 1"), Verdict::Fails);
    }

    #[test]
    fn what_is_missing_fails_where_all_must_run() {
        assert_eq!(missing("no go".to_owned(), true), Verdict::Fails);
        assert_eq!(missing("no go".to_owned(), false), Verdict::Skipped("no go".to_owned()));
    }
}
