//! `flameload bench`: targets side by side at load levels, in rounds that take turns.

mod bars;
pub(crate) mod entrants;
mod screen;

use std::{num::NonZero, path::PathBuf, sync::atomic::AtomicBool, time::Duration};

use crate::{
    load::EngineKind,
    measure::{self, BenchEvent, Contest, Source},
    record::{Bench, Status, Store},
    report,
    target::BudgetName,
    unit::{Hertz, parse_duration},
};
use anyhow::Context as _;

use crate::cli::{
    exit::{self, Exit},
    interrupt::{self, Second},
    out,
    paths::StoreArgs,
    profile::choice::{self, CpuChoice},
    progress::Progress,
};

/// Measure targets side by side: throughput, latency, CPU time per request, as a table and a chart.
///
/// Each target is measured several times at each load level, each time as a fresh server process,
/// and the targets take turns: A B C, then C B A. Figures are geometric means over these rounds
/// with their 95 % intervals; ratios are of rounds that were made one soon after the other, so that
/// the drift of the machine is not in them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flameload bench hyper axum go-nethttp --script hello
  flameload bench hyper go-nethttp --script hello-ladder --duration 20s
  flameload bench hyper axum --connections 8,64,512 --baseline axum --rounds 6
  flameload bench go-chi-pgx fastapi-asyncpg --budget single
  flameload bench hyper axum --rate 5000,20000 --profile    a flamegraph for each cell
  flameload bench --manifest ~/shop-old --manifest ~/shop-new --script ~/shop/pay.toml
  flameload bench --from bench/latest --baseline axum       the same runs again, another table
  flameload bench --from 20261121-2233 20261122-0911        any runs that were kept

Without --profile nothing is sampled, and the whole time counts. Every run is kept; the tables and
the chart are kept where runs are, in bench/.")]
pub struct Args {
    /// The targets, by their names
    #[arg(value_name = "TARGET", required_unless_present_any = ["manifest", "from"])]
    targets: Vec<String>,

    /// A target's manifest anywhere; may be repeated
    #[arg(long, value_name = "PATH")]
    manifest: Vec<PathBuf>,

    /// The load script: a name or a path [default: the manifests', where they agree]
    #[arg(long, short)]
    script: Option<String>,

    /// How long each target is measured at each level, all rounds together [default: the script's]
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,

    /// How long to apply load before each round [default: the script's]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    warmup: Option<Duration>,

    /// Connections at once; of an open loop, the most [default: the script's]
    #[arg(long, short, value_name = "N[,N...]", value_delimiter = ',')]
    connections: Vec<NonZero<u32>>,

    /// Requests a second, whether the server keeps up or not: an open loop [default: the script's]
    #[arg(long, value_name = "R[,R...]", value_delimiter = ',', value_parser = choice::rate)]
    rate: Vec<f64>,

    /// How often each target is measured at each level; an interval needs two
    #[arg(long, value_name = "N", default_value = "4")]
    rounds: NonZero<u32>,

    /// The target that ratios are to [default: the first]
    #[arg(long, value_name = "TARGET")]
    baseline: Option<String>,

    /// What each target may use: CPUs, workers, memory, database connections: single (1 CPU), multi
    /// (4 CPUs) or default (all of the server's), unless its manifest says otherwise
    #[arg(long, value_name = "NAME", default_value_t)]
    budget: BudgetName,

    /// A database that runs already, instead of the services of the targets; it is used as it is
    #[arg(long, value_name = "postgres://...", value_parser = choice::db_url)]
    db_url: Option<String>,

    /// What sends the load: builtin, wrk, wrk2, k6, hey, oha or bombardier [default: the script's]
    #[arg(long, value_name = "NAME", value_parser = choice::engine)]
    engine: Option<EngineKind>,

    /// Take samples as well, in half of the time, and keep a flamegraph of each round
    #[arg(long)]
    profile: bool,

    /// Samples per second of CPU time [default: as many as cost the server little]
    #[arg(long, requires = "profile")]
    hz: Option<Hertz>,

    /// Who runs where, such as server=0-2,load=3 [default: load gets the last quarter]
    #[arg(long, value_name = "server=LIST,load=LIST")]
    cpus: Option<CpuChoice>,

    /// Measure nothing, and make the table of runs that were kept: ids, directories, or one
    /// benchmark such as bench/latest
    #[arg(long, value_name = "RUN", num_args = 1..)]
    #[arg(conflicts_with_all = ["targets", "manifest", "script", "duration", "warmup", "connections"])]
    #[arg(conflicts_with_all = ["rate", "engine", "profile", "cpus", "db_url"])]
    from: Vec<String>,

    /// Print the record as one line of JSON on stdout
    #[arg(long, conflicts_with_all = ["csv", "markdown"])]
    json: bool,

    /// Print every figure as CSV on stdout
    #[arg(long, conflicts_with = "markdown")]
    csv: bool,

    /// Print the tables in Markdown on stdout
    #[arg(long)]
    markdown: bool,

    #[command(flatten)]
    store: StoreArgs,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let store = args.store.store()?;
    if !args.from.is_empty() {
        let bench = args.of_runs(&store)?;
        args.keep(&store, &bench)?;
        return Ok(Exit::Done);
    }
    let contest = args.contest()?;
    let interrupted = interrupt::flag(Second::Exits)?;
    let bench = measure(&contest, &store, &interrupted)?;
    match args.keep(&store, &bench) {
        Ok(()) => Ok(verdict(&bench)),
        // The command was in order: what fails from then on is the measurement.
        Err(error) => Ok(exit::report(&error).max(Exit::CouldNotMeasure)),
    }
}

/// Measures, and says on stderr how far it is.
fn measure(contest: &Contest, store: &Store, interrupted: &AtomicBool) -> anyhow::Result<Bench> {
    let mut progress = Progress::begin();
    let mut preparing = None;
    let measured = measure::bench(contest, store, interrupted, &mut |event| match event {
        BenchEvent::Preparing { target } => preparing = Some(target.to_owned()),
        BenchEvent::Turn {
            target,
            level,
            round: (round, rounds),
            place: (place, places),
            left,
        } => {
            preparing = None;
            progress.begin_turn(&format!(
                "{place} of {places}: {level}, {target}, round {round} of {rounds}, about {} left",
                choice::minutes(left)
            ));
        }
        BenchEvent::Missed { error } => {
            progress.note(&format!("this round could not be measured: {error}"));
        }
        BenchEvent::Step(event) => progress.show(event),
    });
    progress.finish();
    match (measured, preparing) {
        (Err(error), Some(target)) if !error.is_interruption() && contest.entrants.len() > 1 => {
            Err(error).with_context(|| format!("cannot make {target} ready"))
        }
        (measured, _) => Ok(measured?),
    }
}

impl Args {
    /// The table of runs that were made before.
    fn of_runs(&self, store: &Store) -> anyhow::Result<Bench> {
        let source = |text: &String| -> anyhow::Result<Source> {
            Ok(match store.find_bench(text)? {
                Some(directory) => Source::Bench(directory),
                None => Source::Run(store.find(text)?),
            })
        };
        let sources = self.from.iter().map(source).collect::<anyhow::Result<Vec<_>>>()?;
        let bench =
            measure::bench_of(store, &sources, self.baseline.as_deref(), entrants::command())?;
        let names = bench.cells.iter().map(|cell| cell.target.as_str());
        entrants::check_baseline(self.baseline.as_deref(), names)?;
        Ok(bench)
    }

    /// Keeps a benchmark and prints it.
    fn keep(&self, store: &Store, bench: &Bench) -> anyhow::Result<()> {
        let derived = report::derive(bench)?;
        let directory = store.write_bench(bench, &derived)?;
        if self.json {
            return out::print(&(serde_json::to_string(bench)? + "\n"));
        }
        if self.csv {
            return out::print(&String::from_utf8_lossy(&report::csv(bench)?));
        }
        if self.markdown {
            return out::print(&report::markdown(bench));
        }
        out::print_styled(&screen::text(bench, &directory, screen::Look::of_stdout()))
    }
}

/// What a benchmark that was kept came to; the table says more of it.
fn verdict(bench: &Bench) -> Exit {
    if bench.status == Status::Interrupted {
        out::tell("interrupted: what was measured until then is kept");
        return Exit::Interrupted;
    }
    let invalid = bench.cells.iter().filter(|cell| !cell.valid).count();
    if invalid > 0 {
        out::tell(&format!(
            "error: {invalid} of {} cells have no figure that could be quoted; the notes say why",
            bench.cells.len()
        ));
        return Exit::CouldNotMeasure;
    }
    if bench.cells.iter().any(|cell| !cell.broken.is_empty()) {
        out::tell("error: not all runs keep the thresholds of the script; the notes say which");
        return Exit::Failed;
    }
    Exit::Done
}
