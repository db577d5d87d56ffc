//! `cargo xtask bench-pipeline`: from the end of the load to a flamegraph, against the pipeline by
//! hand.
//!
//! ```text
//! ours   load + sampling in process -> profile -> run directory
//! hand   load + perf record -> perf.data; perf script | collapse | flamegraph > out.svg
//! ```

mod compare;
mod hand;
mod memory;
mod ours;
mod pipe;
mod shares;
mod tools;

use std::{num::NonZero, sync::atomic::AtomicBool, time::Duration};

use anyhow::Context;
use flameload::{
    fold::Folded,
    load::Script,
    measure::{Launch, Settings, What},
    target::{Cpus, Manifest, split_cpus},
    unit::{Hertz, parse_duration},
};

use crate::{
    exit::{self, Exit},
    interrupt::{self, Second},
    out, paths,
    progress::Progress,
};
use compare::{Comparison, Round};
use memory::Memory;
pub(crate) use pipe::{Process, last_lines};
use tools::Inferno;
pub(crate) use tools::{PERF_HINT as HINT, perf_version};

/// Compare the time from the end of the load to a flamegraph with that of perf and inferno.
///
/// Each round profiles a fresh server twice under the same load: by flameload, and by
/// `perf record --call-graph dwarf` followed by `perf script | inferno-collapse-perf |
/// inferno-flamegraph`. The sides take turns to begin. Nothing of it is kept.
///
/// Stacks without a root, or with a nameless function, are counted on either side's folded text
/// by the same rule.
///
/// perf copies 8 KiB of each stack unless told otherwise, and flameload as much as the stacks are
/// deep: with --dump, perf can do as much.
///
/// flameload samples in every other slice of the time, so it has half as many samples: the last
/// ratio is per sample. Stages of a pipe run at once; each one's time is from the end of the
/// stage before it to its own. The build-id cache is what perf would have left in ~/.debug, once.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench-pipeline
  cargo xtask bench-pipeline hyper --duration 10s --rounds 6
  cargo xtask bench-pipeline hyper --dump 24576
  cargo xtask bench-pipeline --json | jq .pipe_over_ours
  cargo xtask bench-pipeline --memory
  cargo xtask bench-pipeline --memory --hz 9997 --duration 5m")]
pub(crate) struct Args {
    /// The target, by its name under targets/
    #[arg(default_value = "hyper")]
    target: String,

    /// The load script: a name under scripts/ or a path [default: the manifest's]
    #[arg(long, short)]
    script: Option<String>,

    /// How long each side measures [default: 10s; 60s with --memory]
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration)]
    duration: Option<Duration>,

    /// Rounds of both sides; an interval needs two
    #[arg(long, value_name = "N", default_value = "4", conflicts_with = "memory")]
    rounds: NonZero<u32>,

    /// Samples per second of CPU time [default: 997; 9997 with --memory]
    #[arg(long)]
    hz: Option<Hertz>,

    /// How much of each stack perf copies: at most 65528, in steps of 8 [default: perf's 8192]
    #[arg(long, value_name = "BYTES", conflicts_with = "memory")]
    dump: Option<u16>,

    /// Instead, profile once and show flameload's own memory over time
    #[arg(long)]
    memory: bool,

    /// Print the figures as one line of JSON on stdout
    #[arg(long)]
    json: bool,

    /// Do what inferno-collapse-perf does: a stage of the pipe where that is not installed
    #[arg(long, hide = true, exclusive = true)]
    hand_collapse: bool,

    /// Do what inferno-flamegraph does: a stage of the pipe where that is not installed
    #[arg(long, hide = true, exclusive = true)]
    hand_flamegraph: bool,
}

/// What both sides measure.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) manifest: Manifest,
    pub(crate) script: Script,
    pub(crate) hz: Hertz,
    pub(crate) server_cpus: Cpus,
    pub(crate) load_cpus: Cpus,
}

/// The stacks that perf takes of a fresh server under load, each with its number of samples.
pub(crate) fn perf_stacks(
    workload: &Workload,
    call_graph: &str,
    interrupted: &AtomicBool,
) -> anyhow::Result<Folded> {
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    let (inferno, build_ids) = (Inferno::find()?, dir.path().join("build-ids"));
    let call_graph = call_graph.to_owned();
    hand::Bench { workload, inferno: &inferno, call_graph, build_ids: &build_ids, interrupted }
        .stacks(dir.path())
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    if args.hand_collapse {
        return tools::collapse().map(|()| Exit::Done);
    }
    if args.hand_flamegraph {
        return tools::draw().map(|()| Exit::Done);
    }
    let workload = Workload::new(args)?;
    let interrupted = interrupt::flag(Second::Waits)?;
    let measured = if args.memory {
        memory(&workload, &interrupted).map(|memory| (memory.to_string(), memory.json()))
    } else {
        compare(&workload, args, &interrupted)
            .map(|comparison| (comparison.to_string(), comparison.json()))
    };
    match measured {
        Ok((text, json)) => {
            out::print(&if args.json { format!("{json}\n") } else { text })?;
            Ok(Exit::Done)
        }
        // The command was in order: what fails from then on is the measurement.
        Err(error) => Ok(match exit::report(&error) {
            Exit::Usage => Exit::CouldNotMeasure,
            exit => exit,
        }),
    }
}

impl Workload {
    fn new(args: &Args) -> anyhow::Result<Self> {
        let manifest = Manifest::find(paths::targets(), &args.target)?;
        let script = args.script.as_deref().or(manifest.script.as_deref()).unwrap_or("hello");
        let (duration, hz) = if args.memory { (60, 9997) } else { (10, 997) };
        let duration = args.duration.unwrap_or(Duration::from_secs(duration));
        let mut levels = Script::find(paths::scripts(), script)?;
        anyhow::ensure!(
            levels.len() == 1,
            "the script has several load levels: choose one with one"
        );
        let script = levels.remove(0).with_duration(duration)?;
        let available = Cpus::available().context("cannot tell which CPUs are available")?;
        let split = split_cpus(available.as_slice());
        let hz = args.hz.unwrap_or(Hertz(hz));
        Ok(Self { manifest, script, hz, server_cpus: split.server, load_cpus: split.load })
    }

    fn describe(&self) -> String {
        let Self { manifest, script, hz, .. } = self;
        let seconds = script.duration().as_secs_f64();
        format!("{} · {}, {seconds} s at {hz}", manifest.name, script.name)
    }

    fn what(&self) -> What {
        let launch = Launch { cache: paths::cache(), ..Launch::new(self.manifest.clone()) };
        What::Target(Box::new(launch))
    }

    fn settings(&self) -> Settings {
        Settings {
            hz: Some(self.hz),
            server_cpus: self.server_cpus.clone(),
            load_cpus: self.load_cpus.clone(),
            command: "cargo xtask bench-pipeline".to_owned(),
            ..Settings::of(self.script.clone())
        }
    }
}

fn memory(workload: &Workload, interrupted: &AtomicBool) -> anyhow::Result<Memory> {
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    let mut progress = Progress::begin();
    let measured =
        memory::measure(workload, dir.path(), interrupted, &mut |event| progress.show(event));
    progress.finish();
    measured
}

fn compare(
    workload: &Workload,
    args: &Args,
    interrupted: &AtomicBool,
) -> anyhow::Result<Comparison> {
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    let build_ids = dir.path().join("build-ids");
    let inferno = Inferno::find()?;
    let perf = tools::perf_version();
    if perf.is_none() {
        out::tell(&format!(
            "perf does not run here, so the comparison is skipped; {}",
            tools::PERF_HINT
        ));
    }
    let call_graph = args.dump.map_or("dwarf".to_owned(), |bytes| format!("dwarf,{bytes}"));
    let described = format!("--call-graph {call_graph}, {}", inferno.describe());
    let bench =
        hand::Bench { workload, inferno: &inferno, call_graph, build_ids: &build_ids, interrupted };
    let rounds = args.rounds;
    let mut made = Vec::new();
    for index in 0..rounds.get() as usize {
        let progress = |side| out::tell(&format!("round {} of {rounds}, {side}", index + 1));
        let ours = || {
            progress("ours");
            our_round(workload, interrupted)
        };
        let hand = || match perf {
            None => Ok(None),
            Some(_) => {
                progress("by hand");
                let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
                bench.round(dir.path()).map(Some)
            }
        };
        let round = if compare::ours_first(index) {
            Round { ours: ours()?, hand: hand()? }
        } else {
            let hand = hand()?;
            Round { ours: ours()?, hand }
        };
        made.push(round);
    }
    Ok(Comparison {
        workload: format!("{rounds} rounds of {}", workload.describe()),
        rounds: made,
        tools: perf.map(|perf| format!("{perf}, {described}")),
    })
}

fn our_round(workload: &Workload, interrupted: &AtomicBool) -> anyhow::Result<ours::Round> {
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    let mut progress = Progress::begin();
    let round = ours::round(workload, dir.path(), interrupted, &mut |event| progress.show(event));
    progress.finish();
    round
}
