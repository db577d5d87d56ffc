//! `cargo xtask bench-load`: the built-in load engine against the load tools that are installed.
//!
//! ```text
//! one server, pinned          ours  wrk   wrk   ours  | wrk   ours  ours  wrk   | ...
//! each slice: one process, pinned to the CPUs of the load; its CPU time as the kernel tells it
//! ```

mod comparison;
mod once;
mod open;
mod pair;
mod server;
mod side;
mod slice;
mod stall;
mod stalling;
mod syscalls;
mod tool;

use std::{
    net::SocketAddr,
    num::NonZero,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use anyhow::ensure;
use flameload::{
    load::{EngineKind, Pace, Script},
    target::Manifest,
    unit::parse_duration,
};
use serde_json::Value;

use crate::{
    exit::{self, Exit},
    interrupt::{self, Second},
    out, paths,
};
use comparison::Comparison;
use open::Rate;
pub(crate) use server::Server;

/// Compare the built-in load engine with other load tools: CPU time per request, throughput.
///
/// Both sides load one running server in turns, in the order A B B A: short slices, each a process
/// of its own on the CPUs of the load. Client CPU time is that of the whole process as the kernel
/// tells it at its end, start-up and connecting included, for either side alike. Ratios are
/// geometric means over blocks of four slices.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench-load
  cargo xtask bench-load hyper --script users --connections 1,64,1000 --against wrk,oha,hey,k6
  cargo xtask bench-load --rounds 20 --slice 2s
  cargo xtask bench-load --against oha --open 20%,50%,80%
  cargo xtask bench-load --connections 1,64 --syscalls
  cargo xtask bench-load --against wrk,oha --stall
  cargo xtask bench-load --json | jq '.pairs[0].ours_over_theirs.client_cpu_per_request'")]
pub(crate) struct Args {
    /// The target, by its name under targets/
    #[arg(default_value = "hyper")]
    target: String,

    /// A target's manifest anywhere
    #[arg(long, value_name = "PATH", conflicts_with = "target")]
    manifest: Option<PathBuf>,

    /// The load script: a name under scripts/ or a path
    #[arg(long, short, default_value = "hello")]
    script: String,

    /// Connections at once, several with commas between [default: the script's]
    #[arg(long, short, value_name = "N", value_delimiter = ',')]
    connections: Vec<NonZero<u32>>,

    /// What to compare with, several with commas between: wrk, oha, hey, k6, bombardier
    #[arg(long, value_name = "TOOL", value_delimiter = ',', default_value = "wrk")]
    #[arg(value_parser = tool_kind)]
    against: Vec<EngineKind>,

    /// How long each slice lasts; wrk and others take whole seconds only
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_duration)]
    slice: Duration,

    /// Blocks of four slices for each tool and number of connections; an interval needs two
    #[arg(long, value_name = "N", default_value = "10")]
    rounds: NonZero<u32>,

    /// As many blocks as take about so long, for each tool and number of connections
    #[arg(long, short, value_name = "TIME", value_parser = parse_duration)]
    #[arg(conflicts_with = "rounds")]
    duration: Option<Duration>,

    /// Then open loops at these rates: requests a second, or shares of what our side has reached;
    /// in slices of five times the length, and a third of the blocks
    #[arg(long, value_name = "RATE", value_delimiter = ',')]
    open: Vec<Rate>,

    /// Instead, count system calls per request with strace
    #[arg(long, conflicts_with_all = ["open", "stall"])]
    syscalls: bool,

    /// Instead, load a server that stalls for 200 ms every 2 s, by open and closed loops
    #[arg(long, conflicts_with_all = ["target", "manifest", "script", "connections", "open"])]
    stall: bool,

    /// Print the figures as one line of JSON on stdout
    #[arg(long)]
    json: bool,

    /// Be our side of one slice
    #[arg(long, value_name = "ADDR", hide = true)]
    load_once: Option<SocketAddr>,

    /// That slice has an open loop
    #[arg(long, value_name = "RATE", hide = true, requires = "load_once")]
    rate: Option<f64>,

    /// Be the server that stalls
    #[arg(long, value_name = "PORT", hide = true, exclusive = true)]
    stalling_server: Option<u16>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    if let Some(port) = args.stalling_server {
        return stalling::serve(port).map(|()| Exit::Done);
    }
    if let Some(addr) = args.load_once {
        let script = args.levels()?.remove(0);
        let script = args.rate.map_or(script.clone(), |rate| open::paced(&script, rate));
        return once::run(&script, addr).map(|()| Exit::Done);
    }
    let comparison = Comparison::new(args)?;
    let interrupted = interrupt::flag(Second::Exits)?;
    match measure(&comparison, args, interrupted) {
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

/// The figures for people, and for programs.
fn measure(
    comparison: &Comparison,
    args: &Args,
    interrupted: Arc<AtomicBool>,
) -> anyhow::Result<(String, Value)> {
    if args.stall {
        let stalled = stall::drive(&comparison.tools(), comparison.split.clone(), interrupted)?;
        return Ok((stalled.to_string(), stalled.json()));
    }
    let made = match args.syscalls {
        true => comparison.count(interrupted)?,
        false => comparison.make(interrupted)?,
    };
    Ok((made.to_string(), made.json()))
}

impl Args {
    fn manifest(&self) -> anyhow::Result<Manifest> {
        Ok(match &self.manifest {
            Some(path) => Manifest::read(path)?,
            None => Manifest::find(paths::targets(), &self.target)?,
        })
    }

    /// The script once for each load level, as long as a slice.
    fn levels(&self) -> anyhow::Result<Vec<Script>> {
        let mut levels = Script::find(paths::scripts(), &self.script)?;
        if !self.connections.is_empty() {
            levels = Script::at_connections(&levels, &self.connections)?;
        }
        let levels = levels.into_iter().map(|level| {
            let is_closed = matches!(level.pace, Pace::Closed { .. });
            ensure!(is_closed, "the script has an open loop: choose one with connections only");
            Ok(level.with_duration(self.slice)?.with_warmup(Duration::ZERO)?)
        });
        levels.collect()
    }

    fn blocks(&self) -> usize {
        let of = |duration: Duration| (duration.div_duration_f64(self.slice * 4)).round() as usize;
        self.duration.map_or(self.rounds.get() as usize, of).max(1)
    }
}

fn tool_kind(name: &str) -> Result<EngineKind, String> {
    let tools = EngineKind::ALL.into_iter().filter(|kind| *kind != EngineKind::Builtin);
    let known: Vec<&str> = tools.clone().map(EngineKind::as_str).collect();
    let found = tools.clone().find(|kind| kind.as_str() == name);
    found.ok_or_else(|| format!("the tools are {}", known.join(", ")))
}
