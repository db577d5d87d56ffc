//! `cargo xtask test`: everything that the project tests, with a sum at the end.
//!
//! The tests are built without optimization, so that overflows and debug assertions show. But runs
//! of this tool are made with the program that runs here, in release mode as its users have it; and
//! what it measures is built in release mode for any profile.

mod outcome;
mod skipped;

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, IsTerminal as _, Write as _, stdout},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::Context as _;

use self::{outcome::Outcome, skipped::SkippedTests};
use crate::{
    exit::Exit,
    project::{Project, shown},
};

/// Names the program that tests run as this tool.
const TOOL: &str = "FLAMELOAD_TOOL";

/// Run all tests: of the library, the command line, and the targets.
///
/// What cannot be tested here, because a program is not installed or the kernel refuses, is listed
/// as skipped; with CI=true in the environment it fails. The last line is
/// `N passed, N failed, N skipped`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask test
  cargo xtask test -- load::             (tests with this in their name)
  cargo xtask test -- --test-threads 1")]
pub(crate) struct Args {
    /// Passed to each test program: names of tests, or options
    #[arg(last = true)]
    args: Vec<String>,
}

/// Runs `test`.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    all(&args.args)
}

/// Runs the tests of all projects, whatever fails.
#[expect(clippy::print_stdout, reason = "the sum is the result")]
pub(crate) fn all(args: &[String]) -> anyhow::Result<Exit> {
    let mut suites = Vec::new();
    for project in Project::all()? {
        let started = Instant::now();
        let outcome = test(&project, args)?;
        suites.push(Suite { name: project.name, outcome, took: started.elapsed() });
    }
    print!("\n{}", summary(&suites));
    let failed = suites.iter().any(|suite| suite.outcome.failed > 0);
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// What came of the tests of one project.
#[derive(Debug)]
struct Suite {
    name: String,
    outcome: Outcome,
    took: Duration,
}

/// Runs the tests of a project, passes on what they print as it comes, and counts.
#[expect(clippy::print_stderr, reason = "progress goes to stderr")]
fn test(project: &Project, args: &[String]) -> anyhow::Result<Outcome> {
    let skipped = SkippedTests::new().context("cannot make the list of skipped tests")?;
    let mut command = project.cargo("test");
    command.args(["--no-fail-fast", "--"]).args(args);
    if wants_color() && !args.iter().any(|arg| arg.starts_with("--color")) {
        // A test program sees our pipe and no terminal.
        command.args(["--color", "always"]);
    }
    eprintln!("running {}", shown(&command));
    skipped.pass_to(&mut command);
    if let (Ok(tool), false) = (std::env::current_exe(), cfg!(debug_assertions)) {
        command.env(TOOL, tool);
    }
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", shown(&command)))?;
    let mut outcome = Outcome::default();
    if let Some(output) = child.stdout.take() {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output.read_until(b'\n', &mut line)? > 0 {
            outcome.read(&String::from_utf8_lossy(&line));
            // Nobody reads any more: the tests go on, for the sake of the exit code.
            let _ = stdout().write_all(&line);
            line.clear();
        }
    }
    let success = child.wait()?.success();
    outcome.finish(success, &skipped.read()?);
    Ok(outcome)
}

fn wants_color() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stdout().is_terminal() && !unwanted
}

/// What ran, what failed, what was skipped and why; the sum is the last line.
fn summary(suites: &[Suite]) -> String {
    let mut lines = Vec::new();
    let width = suites.iter().map(|suite| suite.name.len()).max().unwrap_or(0);
    for Suite { name, outcome, took } in suites {
        let Outcome { passed, failed, skipped, .. } = outcome;
        lines.push(format!(
            "{name:<width$}  {passed:>4} passed, {failed} failed, {} skipped  {:>5.0} s",
            skipped.len(),
            took.as_secs_f64()
        ));
    }
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for Suite { name, outcome, .. } in suites {
        lines.extend(outcome.failures.iter().map(|failure| format!("failed: {name}: {failure}")));
        for (test, why) in &outcome.skipped {
            reasons.entry(why).or_default().push(format!("    {name}: {test}"));
        }
    }
    for (why, tests) in reasons {
        lines.push(format!("skipped: {why}:"));
        lines.extend(tests);
    }
    let sum = |count: fn(&Outcome) -> usize| -> usize {
        suites.iter().map(|suite| count(&suite.outcome)).sum()
    };
    lines.push(format!(
        "{} passed, {} failed, {} skipped",
        sum(|outcome| outcome.passed),
        sum(|outcome| outcome.failed),
        sum(|outcome| outcome.skipped.len())
    ));
    lines.into_iter().map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_summary_ends_with_the_sum() {
        let suite = |name: &str, failures: &[&str], skipped: &[(&str, &str)]| Suite {
            name: name.to_owned(),
            outcome: Outcome {
                passed: 12,
                failed: failures.len(),
                failures: failures.iter().map(ToString::to_string).collect(),
                skipped: skipped.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect(),
            },
            took: Duration::from_millis(12_345),
        };
        let suites = [
            suite("flameload", &["load::a"], &[]),
            suite("targets/hyper", &[], &[("b", "no Chromium"), ("c", "no reason given")]),
        ];
        expect![[r#"
            flameload        12 passed, 1 failed, 0 skipped     12 s
            targets/hyper    12 passed, 0 failed, 2 skipped     12 s
            failed: flameload: load::a
            skipped: no Chromium:
                targets/hyper: b
            skipped: no reason given:
                targets/hyper: c
            24 passed, 1 failed, 2 skipped
        "#]]
        .assert_eq(&summary(&suites));
        expect![[r#"
            0 passed, 0 failed, 0 skipped
        "#]]
        .assert_eq(&summary(&[]));
    }
}
