//! `cargo xtask bench-truth`: profiles of servers whose costs are known, against the truth.
//!
//! ```text
//! known-cost, every request the same: check_password 60, render_page 30, write_audit 10 parts
//! cost × connections × runs, in a random order -> shares among the three -> chi-squared, coverage
//! ```
//!
//! Three functions run one loop, as many iterations as their parts: their shares *among
//! themselves* are 60 : 30 : 10 exactly, whatever the machine does to the clock, the caches and
//! the rest of the request. Nothing else about a profile is known so well, so this is what is
//! tested: `q = n_f / (n_1 + n_2 + n_3)`, from the samples in which a function is on the stack.
//!
//! By counting alone, `q` has the standard deviation `sqrt(p (1 - p) / n)` with `n` the samples of
//! all three. A profile's own interval may be wider, because samples of one request come
//! together: of a function with the share `s` of all `N` samples it says `σ` in microseconds for
//! each request, where counting alone gives `C sqrt(s (1 - s) / N)` with `C` that all samples
//! stand for. The square of their quotient is the design effect `D` that the profile claims, and
//! the share among the three has the standard deviation `sqrt(D p (1 - p) / n)`. The plain delta
//! method on the three intervals would need the covariances of the three times, which the record
//! does not have: the three share one total, so more of one is less of the others.
//!
//! Identical requests at a multiple or a fraction of the sampling period are the hard case: a
//! sampler that falls into step with them sees the same function each time.

mod by_perf;
mod case;
mod judge;
mod seen;
mod table;

use std::{
    num::NonZero,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use flameload::{
    target::Manifest,
    unit::{Hertz, parse_duration},
};

use crate::{
    exit::{self, Exit},
    interrupt::{self, Second},
    out, paths,
};
use case::{Case, Workload};
use seen::Seen;
use table::Report;

/// Parts of a millisecond and multiples of it, and of the period of 997 Hz (1.003 ms).
const COSTS: [f64; 12] =
    [20.0, 50.15, 100.3, 128.0, 200.6, 334.3, 493.0, 501.5, 1003.0, 1500.0, 2006.0, 5015.0];

/// Find how true profiles are: profile a server whose costs are known, many times.
///
/// All requests cost the same, divided 60 : 30 : 10 among three functions. Costs are parts and
/// multiples of the sampling period, at which a sampler falls into step with the load most easily.
/// Every case is profiled as often as --runs says, in an order that is drawn anew for each round.
///
/// Exits with 1 where the profiles do not keep what their intervals promise.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench-truth
  cargo xtask bench-truth --costs 493,1003 --connections 1 --runs 10
  cargo xtask bench-truth --server go --duration 10s
  cargo xtask bench-truth --costs 1003 --runs 2 --with perf")]
pub(crate) struct Args {
    /// CPU time of a request in microseconds, several with commas
    #[arg(long, value_name = "US", value_delimiter = ',', default_values_t = COSTS)]
    #[arg(value_parser = cost)]
    costs: Vec<f64>,

    /// Connections at once, several with commas
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1,4,64")]
    connections: Vec<NonZero<u32>>,

    /// How often each case is profiled
    #[arg(long, value_name = "N", default_value = "5")]
    runs: NonZero<u32>,

    /// How long each profile measures
    #[arg(long, short, value_name = "TIME", default_value = "5s", value_parser = parse_duration)]
    duration: Duration,

    /// The server
    #[arg(long, value_enum, default_value = "c")]
    server: Server,

    /// Samples per second of CPU time
    #[arg(long, default_value = "997")]
    hz: Hertz,

    /// Sample by events on threads even where CPUs may be sampled
    #[arg(long)]
    on_threads: bool,

    /// Measure the same with another profiler, too
    #[arg(long, value_enum)]
    with: Option<Other>,
}

/// A server of known costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Server {
    /// A thread for each connection, in C
    C,
    /// net/http with one processor
    Go,
    /// tokio on one thread
    Rust,
}

/// Another profiler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Other {
    /// perf record, folded by inferno
    Perf,
}

impl Server {
    fn folder(self) -> &'static str {
        match self {
            Self::C => "known-cost",
            Self::Go => "known-cost-go",
            Self::Rust => "known-cost-rust",
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let manifest =
        Manifest::read(&paths::root().join("tests/programs").join(args.server.folder()))?;
    let workload = Workload::new(manifest, args)?;
    let interrupted = interrupt::flag(Second::Waits)?;
    match measure(args, &workload, &interrupted) {
        Ok(reports) => {
            let text: Vec<String> = reports.iter().map(Report::to_string).collect();
            out::print(&text.join("\n"))?;
            // Another profiler's faults are no failed check of this one.
            let is_true = reports.first().is_some_and(Report::is_true);
            Ok(match interrupted.load(Ordering::Relaxed) {
                true => Exit::Interrupted,
                false if is_true => Exit::Done,
                false => Exit::Failed,
            })
        }
        // The command was in order: what fails from then on is the measurement.
        Err(error) => Ok(match exit::report(&error) {
            Exit::Usage => Exit::CouldNotMeasure,
            exit => exit,
        }),
    }
}

/// What the profiles of all cases came to, ours first. Ctrl-C ends it with what there is.
fn measure(
    args: &Args,
    workload: &Workload,
    interrupted: &AtomicBool,
) -> anyhow::Result<Vec<Report>> {
    let perf = match args.with {
        Some(Other::Perf) => by_perf::Perf::find(),
        None => None,
    };
    let cases = case::all(&args.costs, &args.connections);
    let mut ours: Vec<(Case, Seen)> = Vec::new();
    let mut theirs: Vec<(Case, Seen)> = Vec::new();
    let total = cases.len() * args.runs.get() as usize;
    for case in (0..args.runs.get()).flat_map(|_| case::shuffled(&cases)) {
        let turn = format!("{} of {total}: {case}", ours.len() + 1);
        let measured = workload.profile(case, &turn, interrupted);
        if interrupted.load(Ordering::Relaxed) && !ours.is_empty() {
            break;
        }
        ours.push((case, measured?));
        if let Some(perf) = &perf {
            theirs.push((case, perf.profile(workload, case, interrupted)?));
        }
    }
    let mut reports = vec![Report::new("flameload", &cases, &ours)];
    if let Some(perf) = &perf {
        reports.push(Report::new(perf.version(), &cases, &theirs));
    }
    Ok(reports)
}

fn cost(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(cost) if (1.0..=1e6).contains(&cost) => Ok(cost),
        _ => Err("a cost is a number of microseconds from 1 to 1000000".to_owned()),
    }
}
