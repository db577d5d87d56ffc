//! `cargo xtask ci`: everything that has to hold before a change is taken.

use std::{
    fs,
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
    Tests,
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
        let passed = perform(step.work)?;
        lines.push(line(&step.name, passed, started.elapsed()));
        failed |= !passed;
        if failed && !args.keep_going {
            break;
        }
    }
    print!("\n{}", lines.concat());
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn line(name: &str, passed: bool, took: Duration) -> String {
    let verdict = if passed { "ok" } else { "FAILED" };
    format!("{verdict:<6}  {:>6.1} s  {name}\n", took.as_secs_f64())
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
    let mut command = Project::workspace().cargo("doc");
    command.args(["--no-deps", "--document-private-items"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    step("documentation".to_owned(), command);
    let mut command = cargo();
    command.args(["test", "--package", "flameload", "--test", "tidy"]);
    step("imports and other rules of the code".to_owned(), command);
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

/// Whether it holds.
#[expect(clippy::print_stderr, reason = "progress goes to stderr")]
fn perform(work: Work) -> anyhow::Result<bool> {
    match work {
        Work::Tests => Ok(test::all(&[])? == Exit::Done),
        Work::Command(mut command) => {
            eprintln!("running {}", shown(&command));
            let status =
                command.status().with_context(|| format!("cannot run {}", shown(&command)))?;
            Ok(status.success())
        }
    }
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
                Work::Tests => None,
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
        assert_eq!(line("format", true, took), "ok         1.2 s  format\n");
        assert_eq!(line("lints", false, took), "FAILED     1.2 s  lints\n");
    }
}
