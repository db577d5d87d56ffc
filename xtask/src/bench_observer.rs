//! `cargo xtask bench-observer`: what being profiled costs a server, by us and by others.
//!
//! ```text
//! one server, one load    nothing  ours  perf  perf  ours  nothing | ours  perf  nothing  ...
//! each slice: attach, let the load run in, drain; then load and CPU time that count; leave
//! ```

mod bench;
mod kind;
mod order;
mod others;
mod report;
mod slice;

use std::{num::NonZero, path::PathBuf, sync::atomic::AtomicBool, time::Duration};

use anyhow::Context as _;
use flameload::{
    load::{Pace, Script},
    target::Manifest,
    unit::{Hertz, parse_duration},
};

use crate::{
    bench_pipeline::{self, perf_version},
    exit::{self, Exit},
    interrupt::{self, Second},
    out, paths,
    profile::choice::CpuChoice,
};
use bench::Bench;
use kind::{CallGraph, Kind};
use report::Report;

/// Find what being profiled costs a server: at several rates, and by other profilers.
///
/// One server has one load, and who watches it changes from slice to slice in balanced order:
/// nobody, flameload at each rate, `perf record` and samply. Each attaches before its slice and
/// leaves after it, so that nothing of it is left in another's. Ratios are geometric means over
/// rounds, in each of which everybody has two slices.
///
/// CPU time is that of the server as the kernel tells it; what a profiler uses itself is not in
/// it. All of them run on the CPUs of the load, where they slow the load down: throughput shows it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench-observer
  cargo xtask bench-observer axum --script hello --hz 997 --perf fp
  cargo xtask bench-observer --alone --hz 249,997,3989 --rounds 20
  cargo xtask bench-observer --samply ~/.cargo/bin/samply --slice 2s")]
pub(crate) struct Args {
    /// The target, by its name under targets/
    #[arg(default_value = "hyper")]
    target: String,

    /// A target's manifest anywhere
    #[arg(long, value_name = "PATH", conflicts_with = "target")]
    manifest: Option<PathBuf>,

    /// The load script, with a closed loop: a name under scripts/ or a path
    #[arg(long, short, default_value = "users")]
    script: String,

    /// Our samples per second of CPU time, several with commas
    #[arg(long, value_name = "HZ", value_delimiter = ',', default_value = "249,499,997,1997")]
    hz: Vec<Hertz>,

    /// How perf finds callers, several with commas
    #[arg(long, value_enum, value_name = "HOW", value_delimiter = ',', default_value = "fp,dwarf")]
    perf: Vec<CallGraph>,

    /// Where samply is [default: looked up in PATH]
    #[arg(long, value_name = "PATH")]
    samply: Option<PathBuf>,

    /// The others' samples per second
    #[arg(long, value_name = "HZ", default_value = "997")]
    others_hz: Hertz,

    /// Without any other profiler
    #[arg(long, conflicts_with_all = ["perf", "samply", "others_hz"])]
    alone: bool,

    /// Rounds of two slices for each; an interval needs two
    #[arg(long, value_name = "N", default_value = "8")]
    rounds: NonZero<u32>,

    /// How long the part of a slice lasts that counts
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    slice: Duration,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let manifest = args.manifest()?;
    let script = args.script()?;
    let cpus = CpuChoice::or_usual(None)?;
    let interrupted = interrupt::flag(Second::Waits)?;
    match measure(args, &manifest, &script, &cpus, &interrupted) {
        Ok(report) => out::print(&report.to_string()).map(|()| Exit::Done),
        // The command was in order: what fails from then on is the measurement.
        Err(error) => Ok(match exit::report(&error) {
            Exit::Usage => Exit::CouldNotMeasure,
            exit => exit,
        }),
    }
}

fn measure(
    args: &Args,
    manifest: &Manifest,
    script: &Script,
    cpus: &CpuChoice,
    interrupted: &AtomicBool,
) -> anyhow::Result<Report> {
    let rounds = args.rounds.get() as usize;
    let mut bench = Bench::start(manifest, script, cpus, args.slice, interrupted)?;
    let (kinds, warm) = bench.warm_up(args.kinds())?;
    let mut measured = Vec::new();
    for round in 0..rounds {
        out::tell(&format!("round {} of {rounds}", round + 1));
        let mut slices = Vec::new();
        for turn in order::turns(kinds.len(), round) {
            let kind = kinds.get(turn).context("a turn of nobody")?;
            slices.push((turn, bench.slice(kind)?));
        }
        measured.push(slices);
    }
    let workload = format!(
        "{} · {}, rounds: {rounds}, each of {} slices of {} s; server on CPU {}, load and \
         profilers on CPU {}; flameload copies {} KiB of each stack",
        manifest.name,
        script.name,
        2 * kinds.len(),
        args.slice.as_secs_f64(),
        cpus.server,
        cpus.load,
        bench.dump().0 / 1024,
    );
    Ok(Report::new(workload, &kinds, &warm, &measured))
}

impl Args {
    fn manifest(&self) -> anyhow::Result<Manifest> {
        Ok(match &self.manifest {
            Some(path) => Manifest::read(path)?,
            None => Manifest::find(paths::targets(), &self.target)?,
        })
    }

    fn script(&self) -> anyhow::Result<Script> {
        let mut levels = Script::find(paths::scripts(), &self.script)?;
        anyhow::ensure!(
            levels.len() == 1
                && levels.iter().all(|level| matches!(level.pace, Pace::Closed { .. })),
            "the script has several load levels, or an open loop: choose one with a single closed \
             loop"
        );
        Ok(levels.remove(0))
    }

    /// Nobody first; of the others, those that are there.
    fn kinds(&self) -> Vec<Kind> {
        let mut kinds = vec![Kind::Nothing];
        kinds.extend(self.hz.iter().map(|hz| Kind::Ours(*hz)));
        if self.alone {
            return kinds;
        }
        match perf_version() {
            Some(_) => kinds.extend(self.perf.iter().map(|how| Kind::Perf(*how, self.others_hz))),
            None => {
                out::tell(&format!("SKIPPED perf: it does not run here; {}", bench_pipeline::HINT))
            }
        }
        let samply = self.samply.clone().unwrap_or_else(|| "samply".into());
        match others::runs(&samply) {
            true => kinds.push(Kind::Samply(samply, self.others_hz)),
            false => out::tell(&format!(
                "SKIPPED samply: {} does not run here; to compare, install it (`cargo install \
                 samply`) or say where it is with --samply",
                samply.display()
            )),
        }
        kinds
    }
}
