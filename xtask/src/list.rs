//! `cargo xtask runs`, `targets` and `scripts`: what there is.

use flameload::{
    load::Script,
    record::{RunSummary, Status},
    target::Manifest,
};

use crate::{
    exit::Exit,
    out,
    paths::{self, StoreArgs},
};

/// List the runs that were kept, the latest last.
#[derive(Debug, clap::Args)]
pub(crate) struct RunsArgs {
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
pub(crate) struct TargetsArgs {}

/// List the load scripts.
#[derive(Debug, clap::Args)]
pub(crate) struct ScriptsArgs {}

/// Runs `runs`.
pub(crate) fn runs(args: &RunsArgs) -> anyhow::Result<Exit> {
    let wanted = |run: &RunSummary| args.target.as_ref().is_none_or(|name| *name == run.target);
    let runs: Vec<RunSummary> = args.store.store().list()?.into_iter().filter(wanted).collect();
    if args.json {
        for record in runs.iter().filter_map(|run| run.run.as_ref().ok()) {
            out::print(&(serde_json::to_string(record)? + "\n"))?;
        }
        return Ok(Exit::Done);
    }
    if runs.is_empty() {
        out::tell("no runs yet: make one with `cargo xtask profile hyper`");
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
    for manifest in Manifest::list(&paths::targets())? {
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
pub(crate) fn scripts(_args: &ScriptsArgs) -> anyhow::Result<Exit> {
    let header = ["SCRIPT", "REQUEST", "CONNECTIONS", "DURATION", "WHAT IT IS"];
    let mut rows = vec![header.map(str::to_owned)];
    for name in Script::list(&paths::scripts())? {
        rows.push(match Script::find(&paths::scripts(), &name) {
            Ok(levels) => {
                let connections: Vec<String> =
                    levels.iter().map(|script| script.pace.connections().to_string()).collect();
                let script = &levels[0];
                [
                    name,
                    format!("{} {}", script.request().method, script.request().path),
                    connections.join(", "),
                    format!("{:?}", script.duration()),
                    script.description.clone().unwrap_or_default(),
                ]
            }
            Err(error) => {
                let none = String::new;
                [name, none(), none(), none(), format!("unreadable: {error}")]
            }
        });
    }
    print_table(&rows)
}

/// Prints rows with their columns aligned, the last one open.
fn print_table<const N: usize>(rows: &[[String; N]]) -> anyhow::Result<Exit> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let mut table = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        table.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        table.push('\n');
    }
    out::print(&table)?;
    Ok(Exit::Done)
}
