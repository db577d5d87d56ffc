//! `flameload runs`, `targets` and `scripts`: what there is.

use crate::{
    load::{Extent, Pace, Script},
    record::{RunSummary, Status},
    target::Manifest,
};

use crate::cli::{
    called,
    exit::Exit,
    out,
    paths::{self, StoreArgs},
    width::Width,
};

/// List the runs that were kept, the latest last.
#[derive(Debug, clap::Args)]
pub struct RunsArgs {
    /// Only those of one target
    target: Option<String>,

    /// Print each record as a line of JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreArgs,
}

/// List the targets that can be profiled.
#[derive(Debug, clap::Args)]
pub struct TargetsArgs {}

/// List the load scripts, or print one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  flameload scripts
  flameload scripts users > .flameload/scripts/mine.toml")]
pub struct ScriptsArgs {
    /// The one to print, to begin one of one's own with
    script: Option<String>,
}

/// Runs `runs`.
pub(crate) fn runs(args: &RunsArgs) -> anyhow::Result<Exit> {
    let wanted = |run: &RunSummary| args.target.as_ref().is_none_or(|name| *name == run.target);
    let runs: Vec<RunSummary> = args.store.kept().list()?.into_iter().filter(wanted).collect();
    if args.json {
        for record in runs.iter().filter_map(|run| run.run.as_ref().ok()) {
            out::print(&(serde_json::to_string(record)? + "\n"))?;
        }
        return Ok(Exit::Done);
    }
    if runs.is_empty() {
        out::tell(&format!("no runs yet: make one with `{} profile TARGET`", called()));
        return Ok(Exit::Done);
    }
    let header = ["RUN", "TARGET", "SCRIPT", "REQUESTS/S", "CPU µs/REQ", "P99 µs", "STATUS"];
    let mut rows = vec![header.map(str::to_owned)];
    rows.extend(runs.iter().map(run_row));
    print_table(&rows)
}

fn run_row(summary: &RunSummary) -> [String; 7] {
    let id = summary.id.to_string();
    let run = match &summary.run {
        Ok(run) => run,
        Err(error) => {
            let unknown = || "-".to_owned();
            let error = format!("unreadable: {error}");
            return [id, summary.target.clone(), unknown(), unknown(), unknown(), unknown(), error];
        }
    };
    let figure = |value: Option<f64>, digits: usize| {
        value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
    };
    let status = match run.status {
        Status::Complete if run.load.valid => "complete",
        Status::Complete => "not valid",
        Status::Interrupted => "interrupted",
        Status::Failed => "failed",
    };
    [
        id,
        summary.target.clone(),
        run.load.script.clone(),
        figure(run.load.requests_per_second, 0),
        figure(run.server.cpu_us_per_request, 2),
        figure(run.load.latency_us.p99, 0),
        status.to_owned(),
    ]
}

/// Runs `targets`.
pub(crate) fn targets(_args: &TargetsArgs) -> anyhow::Result<Exit> {
    let mut rows = vec![["TARGET", "LANGUAGE", "SCRIPT", "WHAT IT IS"].map(str::to_owned)];
    for manifest in Manifest::list(paths::targets())? {
        rows.push(match manifest {
            Ok(Manifest { name, language, script, description, .. }) => {
                [name, language, script.unwrap_or_default(), description]
            }
            Err(error) => ["-", "", "", &format!("unreadable: {error}")].map(str::to_owned),
        });
    }
    print_table(&rows)
}

/// Runs `scripts`.
pub(crate) fn scripts(args: &ScriptsArgs) -> anyhow::Result<Exit> {
    if let Some(name) = &args.script {
        out::print(&Script::text(paths::scripts(), name)?)?;
        return Ok(Exit::Done);
    }
    let header = ["SCRIPT", "REQUESTS", "LOAD", "LASTS", "ENGINE", "WHAT IT IS"];
    let mut rows = vec![header.map(str::to_owned)];
    for name in Script::list(paths::scripts())? {
        rows.push(match Script::find(paths::scripts(), &name) {
            Ok(levels) => script_row(name, &levels),
            Err(error) => {
                let none = || "-".to_owned();
                [name, none(), none(), none(), none(), format!("unreadable: {error}")]
            }
        });
    }
    print_table(&rows)
}

fn script_row(name: String, levels: &[Script]) -> [String; 6] {
    let Some(first) = levels.first() else {
        return [name.as_str(), "", "", "", "", ""].map(str::to_owned);
    };
    [
        name,
        requests(first),
        load(levels),
        lasts(first),
        first.engine.kind.to_string(),
        first.description.clone().unwrap_or_default(),
    ]
}

/// `GET /users and 2 more`.
fn requests(script: &Script) -> String {
    let first = format!("{} {}", script.request().method, script.request().path);
    match script.requests.len() {
        1 => first,
        count => format!("{first} and {} more", count - 1),
    }
}

/// `100, 1000 connections`, `5000 req/s` or, through stages, `10 -> 200 connections`.
fn load(levels: &[Script]) -> String {
    let Some(first) = levels.first() else { return String::new() };
    let unit = match first.pace {
        Pace::Closed { .. } => "connections",
        Pace::Open { .. } => "req/s",
    };
    let (numbers, between): (Vec<f64>, _) = match &first.extent {
        Extent::Stages { start, stages } => {
            let mut path = vec![*start];
            path.extend(stages.iter().map(|stage| stage.level));
            path.dedup();
            (path, " -> ")
        }
        _ => (levels.iter().map(|script| script.pace.level()).collect(), ", "),
    };
    let numbers: Vec<String> = numbers.iter().map(f64::to_string).collect();
    format!("{} {unit}", numbers.join(between))
}

/// `30s`, `5m` or `200 requests`.
fn lasts(script: &Script) -> String {
    match script.extent {
        Extent::Requests(count) => format!("{count} requests"),
        _ => match script.duration().as_secs() {
            seconds if seconds >= 60 && seconds % 60 == 0 => format!("{}m", seconds / 60),
            _ => format!("{:?}", script.duration()),
        },
    }
}

/// Prints rows with their columns aligned.
fn print_table<const N: usize>(rows: &[[String; N]]) -> anyhow::Result<Exit> {
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.to_vec()).collect();
    out::print(&Width::of_stdout().flush(&rows, |_| true))?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use expect_test::{Expect, expect};

    use super::*;

    fn check(keys: &str, expected: Expect) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let text = format!("schema = 1\nname = \"x\"\n[load]\n{keys}\n");
        let request = |name: &str| format!("[[request]]\nname = \"{name}\"\npath = \"/\"\n");
        fs::write(dir.path().join("x.toml"), text + &request("a") + &request("b"))
            .expect("the script is written");
        let levels = Script::find(dir.path(), "x").expect("it is valid");
        let cells = [requests(&levels[0]), load(&levels), lasts(&levels[0])];
        expected.assert_eq(&cells.join(" | "));
    }

    #[test]
    fn a_script_is_said_in_a_line() {
        check(
            "connections = [1, 10]\nduration = \"5m\"",
            expect!["GET / and 1 more | 1, 10 connections | 5m"],
        );
        check(
            "connections = 10\nrequests = 200",
            expect!["GET / and 1 more | 10 connections | 200 requests"],
        );
        check(
            "mode = \"open\"\nrate = 500.5\nduration = \"90s\"",
            expect!["GET / and 1 more | 500.5 req/s | 90s"],
        );
        let stage = |to: u32| format!("[[stage]]\nduration = \"500ms\"\nconnections = {to}\n");
        check(
            &format!("connections = 1\n{}{}{}", stage(9), stage(9), stage(1)),
            expect!["GET / and 1 more | 1 -> 9 -> 1 connections | 1.5s"],
        );
    }
}
