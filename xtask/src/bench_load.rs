//! `cargo xtask bench-load`: the built-in load engine against the load tools that are installed.
//!
//! ```text
//! one server, pinned          ours  wrk   wrk   ours  | wrk   ours  ours  wrk   | ...
//! each slice: one process, pinned to the CPUs of the load; its CPU time as the kernel tells it
//! ```

mod once;
mod pair;
mod server;
mod side;
mod slice;
mod tool;

use std::{
    fmt, net::SocketAddr, num::NonZero, path::PathBuf, sync::atomic::AtomicBool, time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use flameload::{
    load::{EngineKind, Pace, Script, Threads, raise_nofile},
    measure::MeasureError,
    target::{Cpus, Guard, Manifest, Split, split_cpus},
    unit::parse_duration,
};
use serde_json::{Value, json};

use crate::{
    exit::{self, Exit},
    interrupt::{self, Second},
    out, paths,
};
use pair::{Block, Pair, Turn};
use server::Server;
use side::{Bench, Side};
use tool::Tool;

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

    /// Print the figures as one line of JSON on stdout
    #[arg(long)]
    json: bool,

    /// Be our side of one slice
    #[arg(long, value_name = "ADDR", hide = true)]
    load_once: Option<SocketAddr>,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    if let Some(addr) = args.load_once {
        return once::run(&args.levels()?.remove(0), addr).map(|()| Exit::Done);
    }
    let comparison = Comparison::new(args)?;
    let interrupted = interrupt::flag(Second::Exits)?;
    match comparison.make(&interrupted) {
        Ok(made) => {
            let text = if args.json { format!("{}\n", made.json()) } else { made.to_string() };
            out::print(&text)?;
            Ok(Exit::Done)
        }
        // The command was in order: what fails from then on is the measurement.
        Err(error) => Ok(match exit::report(&error) {
            Exit::Usage => Exit::CouldNotMeasure,
            exit => exit,
        }),
    }
}

impl Args {
    fn manifest(&self) -> anyhow::Result<Manifest> {
        Ok(match &self.manifest {
            Some(path) => Manifest::read(path)?,
            None => Manifest::find(&paths::targets(), &self.target)?,
        })
    }

    /// The script once for each load level, as long as a slice.
    fn levels(&self) -> anyhow::Result<Vec<Script>> {
        let mut levels = Script::find(&paths::scripts(), &self.script)?;
        if !self.connections.is_empty() {
            let script = levels.remove(0);
            let with = |&connections| script.clone().with_connections(connections);
            levels = self.connections.iter().map(with).collect();
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

/// What is to be compared.
#[derive(Debug)]
struct Comparison {
    manifest: Manifest,
    /// The script as the user named it, found from any folder.
    script: String,
    levels: Vec<Script>,
    tools: Vec<Tool>,
    blocks: usize,
    slice: Duration,
    split: Split,
}

/// What it came to.
#[derive(Debug)]
struct Compared {
    workload: String,
    pairs: Vec<Pair>,
}

impl Comparison {
    fn new(args: &Args) -> anyhow::Result<Self> {
        let manifest = args.manifest()?;
        let available = Cpus::available().context("cannot tell which CPUs are available")?;
        let split = split_cpus(available.as_slice());
        let mut levels = args.levels()?;
        // A tool does not know that it is pinned; this is what `auto` is for our side.
        let threads = NonZero::new(split.load.count() as u32).unwrap_or(NonZero::<u32>::MIN);
        for level in levels.iter_mut().filter(|level| level.threads == Threads::Auto) {
            level.threads = Threads::Count(threads);
        }
        let is_path = args.script.contains('/') || args.script.ends_with(".toml");
        let script = match is_path {
            true => std::path::absolute(&args.script)?.display().to_string(),
            false => args.script.clone(),
        };
        let tools = find_tools(&args.against)?;
        let (blocks, slice) = (args.blocks(), args.slice);
        Ok(Self { manifest, script, levels, tools, blocks, slice, split })
    }

    fn make(&self, interrupted: &AtomicBool) -> anyhow::Result<Compared> {
        let guard = Guard::start().map_err(MeasureError::Guard)?;
        // Server and tools inherit the limit.
        let _ = raise_nofile();
        let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let server_cpus = &self.split.server;
        let mut server = Server::start(&self.manifest, server_cpus, &guard, interrupted)?;
        // Our own part is to wait, but not on the CPUs of the server.
        let _ = self.split.load.pin_current_thread();
        let bench = Bench {
            guard: &guard,
            interrupted,
            dir: dir.path(),
            program,
            script: self.script.clone(),
            load_cpus: self.split.load.clone(),
        };
        let mut pairs = Vec::new();
        for level in &self.levels {
            for tool in &self.tools {
                pairs.push(self.pair(&bench, level, tool, &mut server)?);
            }
        }
        Ok(Compared { workload: self.describe(), pairs })
    }

    /// Both sides in turns, after one slice of each that does not count.
    fn pair(
        &self,
        bench: &Bench<'_>,
        level: &Script,
        tool: &Tool,
        server: &mut Server,
    ) -> anyhow::Result<Pair> {
        let connections = level.pace.connections().get();
        let name = tool.name();
        let mut slice = |turn: Turn| {
            let side = if turn == Turn::Ours { Side::Ours } else { Side::Theirs(tool) };
            bench.slice(side, level, server).with_context(|| format!("{side} failed"))
        };
        out::tell(&format!("{connections} connections, against {name}: warming up"));
        for turn in [Turn::Theirs, Turn::Ours] {
            let warm = slice(turn)?;
            if warm.requests == 0 {
                let why = warm.first_error.unwrap_or_else(|| "no response at all".to_owned());
                bail!("not one request of the script was answered well: {why}");
            }
        }
        let mut blocks = Vec::new();
        for index in 0..self.blocks {
            let block = index + 1;
            out::tell(&format!(
                "{connections} connections, against {name}: block {block} of {}",
                self.blocks
            ));
            let mut block = Block::default();
            for turn in pair::turns(index) {
                block.push(turn, slice(turn)?);
            }
            blocks.push(block);
        }
        Ok(Pair::new(connections, name, tool.version(), &blocks))
    }

    fn describe(&self) -> String {
        let Self { manifest, blocks, slice, split, .. } = self;
        let script = self.levels.first().map_or("", |level| &level.name);
        let (seconds, shared) = (slice.as_secs_f64(), if split.shared { ", shared" } else { "" });
        format!(
            "{} · {script}, {blocks} blocks of 4 slices of {seconds} s; server on CPU {}, load on \
             CPU {}{shared}",
            manifest.name, split.server, split.load
        )
    }
}

/// The tools that are installed; those that are not are told.
fn find_tools(kinds: &[EngineKind]) -> anyhow::Result<Vec<Tool>> {
    let mut tools = Vec::new();
    for &kind in kinds {
        match Tool::find(kind) {
            Ok(tool) => tools.push(tool),
            Err(error) => out::tell(&format!("{kind} is left out: {error:#}")),
        }
    }
    ensure!(!tools.is_empty(), "there is nothing to compare with: install wrk, or another tool");
    Ok(tools)
}

impl Compared {
    fn json(&self) -> Value {
        json!({
            "workload": self.workload,
            "pairs": self.pairs.iter().map(Pair::json).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {}", self.workload)?;
        for pair in &self.pairs {
            write!(f, "\n{pair}")?;
        }
        writeln!(
            f,
            "\n  CPU time of a client is that of its whole process, start-up and connecting \
             included."
        )
    }
}
