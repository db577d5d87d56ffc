//! `flameload calibrate`: what a server differs by from itself on this machine.

use std::{collections::BTreeMap, num::NonZero};

use crate::{
    compare::{Floor, Metric, Options, floors},
    measure::{Duel, Looks, calibration},
    unit::Ratio,
};

use crate::cli::{
    duel::{LoadArgs, fight},
    exit::Exit,
    interrupt::{self, Second},
    out,
    paths::StoreArgs,
    sides::{Builder, Side},
    table::Table,
};

/// Find what a server differs by from itself here: no verdict is finer than that.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flameload calibrate
  flameload calibrate axum --script hello
  flameload calibrate hyper --rounds 40

The target is compared with itself: two servers of the same binary, in alternating slices, in rounds
of fresh processes. How far a round of one is from the round of the other is kept in the store, by
kind of machine (CPU, number of CPUs, kernel), target and script. From then on, `compare`, `regress`
and `bisect` have no tolerance that is finer than what such comparisons scatter by.")]
pub struct Args {
    /// The target, by its name or the path of its manifest
    #[arg(default_value = "hyper")]
    target: String,

    /// How many rounds of two fresh processes, of about four seconds each
    #[arg(long, value_name = "N", default_value = "20")]
    rounds: NonZero<u16>,

    #[command(flatten)]
    load: LoadArgs,

    /// Print what was found as one line of JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    store: StoreArgs,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let interrupted = interrupt::flag(Second::Exits)?;
    let store = args.store.store()?;
    let side = Side::live(&args.target)?;
    let contender = Builder::new(&interrupted)?.contender(&side)?;
    let manifest = &contender.launch.manifest;
    let settings = args.load.settings(manifest)?;
    let mut duel = Duel::new([&contender, &contender], &settings)?;
    let rounds = usize::from(args.rounds.get());
    let (pair, _) = fight(&mut duel, &Looks::once(rounds), &[], &Options::default(), &interrupted)?;
    let found = floors(&pair);
    let kept = calibration(&manifest.name, &settings.script.name, &found);
    if pair.a.rounds.len() < rounds {
        out::tell("interrupted: a calibration that is not complete is not kept");
        return Ok(Exit::Interrupted);
    }
    store.write_calibration(kept.clone())?;
    out::print(&match args.json {
        true => serde_json::to_string(&kept)? + "\n",
        false => text(&found, rounds),
    })?;
    Ok(Exit::Done)
}

/// What was found, and what it means for comparisons.
fn text(found: &BTreeMap<Metric, Floor>, rounds: usize) -> String {
    let mut table = Table::new(["", "a round", "10 rounds", "20 rounds"]);
    for (metric, floor) in found {
        let of = |rounds: f64| Ratio(BOUNDS * floor.sd / rounds.sqrt()).to_string();
        table.push([metric.label().to_owned(), Ratio(floor.sd).to_string(), of(10.0), of(20.0)]);
    }
    format!(
        "standard deviation of a round, and what 95 of 100 comparisons of a server with itself \
         stay within,\nfrom {rounds} rounds\n{table}"
    )
}

/// So many standard deviations to each side hold 95 % of a normal distribution.
const BOUNDS: f64 = 1.96;
