//! `cargo xtask bench-compare`: how often `compare` is right, by comparing many times.

mod outcome;

use std::{
    num::NonZero,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use anyhow::{Context as _, ensure};
use flameload::{
    compare::{Comparison, Metric, Options, Recorded, compare, recorded},
    measure::{Contender, Launch, Settings, What, profile},
    record::Store,
    target::Manifest,
};

use crate::{
    duel::{DuelArgs, options},
    exit::Exit,
    interrupt::{self, Second},
    out,
    paths::{self, StoreArgs},
    progress::Progress,
    sides::{Builder, Side},
};
use outcome::{Outcome, summary};

/// Find how often a comparison is right: compare the same two sides many times.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench-compare hyper hyper --comparisons 30
  cargo xtask bench-compare hyper hyper --comparisons 30 --sequential
  cargo xtask bench-compare hyper 'hyper?features=artificial-cost&env.ARTIFICIAL_COST=100' --name artificial_cost

Each comparison is one as `compare` makes it, with fresh processes and a verdict of its own. The
summary says how the estimates scatter, how often each verdict was given and which functions were
named. With --sequential, the same time is spent as one would by hand: one side after the other.")]
pub(crate) struct Args {
    /// What to compare with
    a: String,

    /// What may be slower or faster
    b: String,

    /// How many comparisons
    #[arg(long, value_name = "N", default_value = "10")]
    comparisons: NonZero<u32>,

    /// Measure one side after the other, each for half of the time
    #[arg(long)]
    sequential: bool,

    /// Count how often this function is named as one that surely changed
    #[arg(long)]
    name: Option<String>,

    /// A change of CPU/request up to this is none [default: 1%]
    #[arg(long, value_name = "PERCENT", value_parser = crate::compare::share)]
    tolerance: Option<f64>,

    #[command(flatten)]
    duel: DuelArgs,

    #[command(flatten)]
    store: StoreArgs,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    ensure!(
        !args.sequential || args.a == args.b,
        "--sequential is for a target and itself, as in: bench-compare hyper hyper --sequential"
    );
    let interrupted = interrupt::flag(Second::Exits)?;
    let sides = Builder::new(&interrupted)?;
    let [a, b] = [&args.a, &args.b].map(|side| sides.contender(&Side::live(side)?));
    let (a, b) = (a?, b?);
    let settings = args.duel.settings(&b.launch.manifest)?;
    let mut outcomes = Vec::new();
    for number in 1..=args.comparisons.get() {
        let started = Instant::now();
        let comparison = match args.sequential {
            true => args.one_after_the_other(a.launch.manifest.clone(), &settings, &interrupted),
            false => args.interleaved([&a, &b], &settings, &interrupted),
        };
        if interrupted.load(Ordering::Relaxed) {
            break;
        }
        let outcome = Outcome::of(&comparison?, started.elapsed(), args.name.as_deref());
        out::tell(&format!("{number} of {}: {}", args.comparisons, outcome.line()));
        outcomes.push(outcome);
    }
    out::print(&summary(&outcomes, args.name.as_deref()))?;
    Ok(if interrupted.load(Ordering::Relaxed) { Exit::Interrupted } else { Exit::Done })
}

impl Args {
    fn interleaved(
        &self,
        sides: [&Contender; 2],
        settings: &Settings,
        interrupted: &AtomicBool,
    ) -> anyhow::Result<Comparison> {
        let target = &sides[1].launch.manifest.name;
        let store = self.store.store()?;
        let options = options(&store, self.tolerance, target, &settings.script.name)?;
        let metrics = [Metric::Cpu];
        let (_, comparison) =
            self.duel.measure(sides, settings, &metrics, &options, interrupted)?;
        Ok(comparison)
    }

    /// As one does by hand: a run, another one, and a look at both.
    fn one_after_the_other(
        &self,
        manifest: Manifest,
        settings: &Settings,
        interrupted: &AtomicBool,
    ) -> anyhow::Result<Comparison> {
        let folder = tempfile::tempdir().context("cannot make a folder for the runs")?;
        let store = Store::new(folder.path().to_owned());
        let half = self.duel.duration() / 2;
        let warmup = settings.script.warmup.min(half / 4);
        let script = settings.script.clone().with_duration(half - warmup)?.with_warmup(warmup)?;
        let settings = Settings { script, ..settings.clone() };
        let launch = Launch { cache: paths::cache(), ..Launch::new(manifest) };
        let what = What::Target(Box::new(launch));
        let run = || {
            let mut progress = Progress::begin();
            let finished = profile(&what, &settings, &store, interrupted, &mut |event| {
                progress.show(event);
            });
            progress.finish();
            let directory = finished?.directory;
            anyhow::Ok(Recorded {
                run: Store::read(&directory)?,
                profile: Some(Store::read_profile(&directory)?),
            })
        };
        let (a, b) = (run()?, run()?);
        Ok(compare(&recorded(&[a], &[b]), &Options::default()))
    }
}
