//! A server that stalls, loaded by an open and by a closed loop: which of the latencies show it.

use std::{
    fmt, fs,
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use anyhow::Context as _;
use flameload::{
    load::Script,
    target::{Manifest, Split},
};
use serde_json::{Value, json};

use super::{
    open::{Driven, paced, table},
    side::{Bench, Side},
    stalling::{PERIOD, STALL},
    tool::Tool,
};
use crate::out;

/// Little enough for any machine, and enough that a thousandth of it can be told.
const RATE: f64 = 1000.0;

/// Few connections: a closed loop has one slow request on each in a stall, however many there
/// would have been.
const SCRIPT: &str = "\
schema = 1
name = \"stall\"
[load]
mode = \"closed\"
connections = 8
duration = \"10s\"
warmup = \"0s\"
timeout = \"10s\"
[[request]]
name = \"hello\"
path = \"/\"
expect = { status = 200 }
";

/// What the loops saw of the stalls.
#[derive(Debug)]
pub(super) struct Stalled {
    sides: Vec<Driven>,
}

/// Drives both loops by our side, and by each tool what it can.
pub(super) fn drive(
    tools: &[Tool],
    split: Split,
    interrupted: Arc<AtomicBool>,
) -> anyhow::Result<Stalled> {
    let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
    let script_path = dir.path().join("stall.toml");
    let manifest = write(dir.path(), &script_path)?;
    let script = Script::read(&script_path)?.remove(0);
    let script_name = script_path.display().to_string();
    let mut bench = Bench::start(&manifest, script_name, split, interrupted)?;
    let open = paced(&script, RATE);
    let mut sides = Vec::new();
    for side in [Side::Ours].into_iter().chain(tools.iter().map(Side::Theirs)) {
        for (script, rate) in [(&open, Some(RATE)), (&script, None)] {
            let name = if rate.is_some() { "open loop" } else { "closed loop" };
            if let Side::Theirs(tool) = side
                && let Some(why) = bench.refusal(tool, script)
            {
                out::tell(&format!("{side} has no {name}: {why}"));
                continue;
            }
            let seconds = script.duration().as_secs_f64();
            out::tell(&format!("{side}, {name}, {seconds} s"));
            let slices = vec![bench.slice(side, script)?];
            sides.push(Driven { name: side.to_string(), rate, slices });
        }
    }
    Ok(Stalled { sides })
}

/// Writes the script and the manifest of the server, which is this program.
fn write(dir: &Path, script: &Path) -> anyhow::Result<Manifest> {
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    let manifest = format!(
        "name = \"stalling\"\n\
         language = \"Rust\"\n\
         description = \"a server that stalls\"\n\
         [[process]]\n\
         name = \"stalling\"\n\
         command = ['{}', \"bench-load\", \"--stalling-server\", \"{{port}}\"]\n",
        program.display()
    );
    fs::write(script, SCRIPT).with_context(|| format!("cannot write {}", script.display()))?;
    fs::write(dir.join("target.toml"), manifest).context("cannot write a manifest")?;
    Ok(Manifest::read(dir)?)
}

impl Stalled {
    pub(super) fn json(&self) -> Value {
        json!({
            "stall_ms": STALL.as_millis() as u64,
            "period_ms": PERIOD.as_millis() as u64,
            "rate": RATE,
            "sides": self.sides.iter().map(Driven::json).collect::<Vec<_>>(),
        })
    }
}

impl fmt::Display for Stalled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  a server that stalls for {STALL:?} every {PERIOD:?}; open loops at {RATE} \
             requests/s, 8 connections; milliseconds"
        )?;
        writeln!(f, "{}", table(&self.sides))?;
        let share = STALL.as_secs_f64() / PERIOD.as_secs_f64() * 100.0;
        writeln!(
            f,
            "  A request that is due in a stall, and {share:.0} % are, waits for its end: response \
             times show\n  that. Service times begin when a request is written, and only 8 are \
             written in a stall.\n  A closed loop sends nothing else meanwhile, and does not show \
             it either; wrk fills in what\n  it guesses to have missed."
        )
    }
}
