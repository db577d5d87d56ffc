//! All pairs of a comparison, level by level.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicBool},
};

use anyhow::{Context as _, bail, ensure};
use flameload::{
    load::{EngineKind, Script},
    target::{Cpus, Manifest, Split, split_cpus},
};
use serde_json::{Value, json};

use super::{
    Args,
    open::{self, OpenLoops, Rate},
    pair::{self, Block, Pair, Turn},
    side::{Bench, Side},
    slice::Sum,
    syscalls::{self, Syscalls},
    tool::Tool,
};
use crate::out;

/// Blocks of open loops are so many times fewer: their slices are longer.
const FEWER: usize = 3;

/// What is to be compared.
#[derive(Debug)]
pub(super) struct Comparison {
    manifest: Manifest,
    /// The script as the user named it, found from any folder.
    script: String,
    /// The script for each number of connections, as long as a slice.
    levels: Vec<Script>,
    against: Vec<EngineKind>,
    blocks: usize,
    rates: Vec<Rate>,
    pub(super) split: Split,
}

/// What it came to.
#[derive(Debug)]
pub(super) struct Compared {
    workload: String,
    pairs: Vec<Pair>,
    open: Vec<OpenLoops>,
    syscalls: Vec<Syscalls>,
}

impl Comparison {
    pub(super) fn new(args: &Args) -> anyhow::Result<Self> {
        let manifest = args.manifest()?;
        let available = Cpus::available().context("cannot tell which CPUs are available")?;
        let split = split_cpus(available.as_slice());
        let levels = args.levels()?;
        let is_path = args.script.contains('/') || args.script.ends_with(".toml");
        let script = match is_path {
            true => std::path::absolute(&args.script)?.display().to_string(),
            false => args.script.clone(),
        };
        let (against, rates) = (args.against.clone(), args.open.clone());
        Ok(Self { manifest, script, levels, against, blocks: args.blocks(), rates, split })
    }

    /// The tools that are installed; those that are not are told.
    pub(super) fn tools(&self) -> Vec<Tool> {
        let mut tools = Vec::new();
        for &kind in &self.against {
            match Tool::find(kind, self.split.load.count()) {
                Ok(tool) => tools.push(tool),
                Err(error) => out::tell(&format!("{kind} is left out: {error}")),
            }
        }
        tools
    }

    /// Compares in closed loops, and then in the open loops asked for.
    pub(super) fn make(&self, interrupted: Arc<AtomicBool>) -> anyhow::Result<Compared> {
        let tools = self.some_tools()?;
        let mut bench = self.start(interrupted)?;
        let (mut pairs, mut open) = (Vec::new(), Vec::new());
        for level in &self.levels {
            let mut ours = Vec::new();
            for tool in &tools {
                let pair = self.pair(&mut bench, level, tool)?;
                ours.extend(pair.ours.clone());
                pairs.push(pair);
            }
            let capacity = Sum(&ours).requests_per_second();
            let blocks = (self.blocks / FEWER).max(1);
            for &rate in &self.rates {
                open.push(open::drive(&mut bench, level, &tools, rate, capacity, blocks)?);
            }
        }
        Ok(Compared { workload: self.describe(&bench), pairs, open, syscalls: Vec::new() })
    }

    /// Counts the system calls of each side.
    pub(super) fn count(&self, interrupted: Arc<AtomicBool>) -> anyhow::Result<Compared> {
        syscalls::check()?;
        let tools = self.some_tools()?;
        let mut bench = self.start(interrupted)?;
        let mut all = Vec::new();
        for level in &self.levels {
            let connections = level.pace.connections().get();
            let mut count = |side: Side<'_>| {
                out::tell(&format!("{}, {side}: counting system calls", of(connections)));
                syscalls::count(&mut bench, side, level)
            };
            let ours = count(Side::Ours)?;
            let theirs = tools.iter().map(|tool| Ok((tool.name(), count(Side::Theirs(tool))?)));
            let theirs = theirs.collect::<anyhow::Result<_>>()?;
            all.push(Syscalls { connections, ours, theirs });
        }
        let workload = format!(
            "{}; each side under strace, which slows it down: batches are smaller than else",
            self.describe(&bench)
        );
        Ok(Compared { workload, pairs: Vec::new(), open: Vec::new(), syscalls: all })
    }

    fn some_tools(&self) -> anyhow::Result<Vec<Tool>> {
        let tools = self.tools();
        ensure!(
            !tools.is_empty(),
            "there is nothing to compare with: install wrk, or another tool"
        );
        Ok(tools)
    }

    fn start(&self, interrupted: Arc<AtomicBool>) -> anyhow::Result<Bench> {
        Bench::start(&self.manifest, self.script.clone(), self.split.clone(), interrupted)
    }

    /// Both sides in turns, after one slice of each that does not count.
    fn pair(&self, bench: &mut Bench, level: &Script, tool: &Tool) -> anyhow::Result<Pair> {
        let connections = level.pace.connections().get();
        let (name, blocks) = (tool.name(), self.blocks);
        let progress = |what: &str| {
            out::tell(&format!("{}, against {name}: {what}", of(connections)));
        };
        let mut slice = |turn: Turn| match turn {
            Turn::Ours => bench.slice(Side::Ours, level),
            Turn::Theirs => bench.slice(Side::Theirs(tool), level),
        };
        progress("warming up");
        for turn in [Turn::Theirs, Turn::Ours] {
            let warm = slice(turn)?;
            if warm.requests == 0 {
                let why = warm.first_error.unwrap_or_else(|| "no response at all".to_owned());
                bail!("not one request of the script was answered well: {why}");
            }
        }
        let mut made = Vec::new();
        for index in 0..blocks {
            progress(&format!("block {} of {blocks}", index + 1));
            let mut block = Block::default();
            for turn in pair::turns(index) {
                block.push(turn, slice(turn)?);
            }
            made.push(block);
        }
        Ok(Pair::new(connections, name, tool.version(), &made))
    }

    fn describe(&self, bench: &Bench) -> String {
        let Self { manifest, levels, blocks, .. } = self;
        let (script, seconds) = levels
            .first()
            .map_or(("", 0.0), |level| (level.name.as_str(), level.duration().as_secs_f64()));
        format!(
            "{} · {script}, {blocks} blocks of 4 slices of {seconds} s; {}",
            manifest.name,
            bench.places()
        )
    }
}

/// So many connections, in words.
pub(super) fn of(connections: u32) -> String {
    format!("{connections} connection{}", if connections == 1 { "" } else { "s" })
}

impl Compared {
    pub(super) fn json(&self) -> Value {
        json!({
            "workload": self.workload,
            "pairs": self.pairs.iter().map(Pair::json).collect::<Vec<_>>(),
            "open": self.open.iter().map(OpenLoops::json).collect::<Vec<_>>(),
            "syscalls": self.syscalls.iter().map(Syscalls::json).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {}", self.workload)?;
        for pair in &self.pairs {
            write!(f, "\n{pair}")?;
        }
        if !self.pairs.is_empty() {
            writeln!(
                f,
                "\n  CPU time of a client is that of its whole process, start-up and connecting \
                 included."
            )?;
        }
        for open in &self.open {
            write!(f, "\n{open}")?;
        }
        for syscalls in &self.syscalls {
            write!(f, "\n{syscalls}")?;
        }
        Ok(())
    }
}
