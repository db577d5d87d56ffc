//! `flameload compare`: is it slower, by how much, and which functions did it.

pub(crate) mod keep;
mod text;

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{
    compare::{Comparison, Metric, Options, Recorded, Verdict, compare, recorded},
    measure::Contender,
    record::Store,
};
use anyhow::{bail, ensure};

pub(crate) use text::text;

use crate::cli::{
    duel::{DuelArgs, Judged, options},
    exit::Exit,
    interrupt::{self, Second},
    out,
    paths::StoreArgs,
    sides::{Builder, Live, Side},
    width::Width,
};

/// Compare two servers, or recorded runs: is it slower, by how much, and which functions did it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flameload compare hyper@HEAD~3 hyper                      a revision and the files as they are
  flameload compare hyper@v1.2 hyper@v1.3 --script hello --duration 60s
  flameload compare hyper 'hyper?workers=4'                 with changed settings
  flameload compare hyper axum --script users               two targets
  flameload compare 20261121-223344 latest                  two recorded runs
  flameload compare 20261121-2233,20261121-2248 20261121-2236,20261121-2244
  flameload compare hyper@main hyper --markdown >> \"$GITHUB_STEP_SUMMARY\"
  flameload compare hyper@main hyper --json | jq .metrics[0].ratio

A live side is a target, by its name or the path of its manifest, then maybe @ and a
git revision (or @worktree), then maybe ? and settings: workers, db_connections, memory, budget,
features, env.NAME, joined by &. Both are measured in one: load and sampling alternate between them
in slices of 200 ms, in rounds of fresh processes, until CPU/request has a verdict or the time is up.

Recorded runs that were made at different times differ by the drift of the machine as well: a single
run on each side says little, several of each, made in turns as in A B B A, say more.

Each comparison is kept where runs are, in compare/, as a page with flamegraphs of A, B and their
difference beside each other.

The exit code is 0 whatever was found. With --fail it is 1 where CPU/request or a latency regressed,
and 4 where that cannot be told.")]
pub struct Args {
    /// What to compare with: a target such as hyper, hyper@v1.2 or 'hyper?workers=4'; or a recorded
    /// run: its id or the start of it, `latest`, or its directory; several runs of one side are
    /// separated by commas
    a: String,

    /// What may be slower or faster, in the same way
    b: String,

    /// A change of CPU/request or throughput up to this is none; of other figures, up to 5 % at
    /// least [default: 1%]
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    tolerance: Option<f64>,

    /// Print the comparison as one line of JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,

    /// Print the comparison as Markdown
    #[arg(long)]
    markdown: bool,

    /// Say by the exit code what was found
    #[arg(long)]
    fail: bool,

    #[command(flatten)]
    duel: DuelArgs,

    #[command(flatten)]
    keep: keep::KeepArgs,

    #[command(flatten)]
    store: StoreArgs,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let interrupted = interrupt::flag(Second::Exits)?;
    let store = args.store.store()?;
    let (pair, comparison) = match (Side::parse(&args.a)?, Side::parse(&args.b)?) {
        (Side::Live(a), Side::Live(b)) => args.live(&a, &b, &interrupted)?,
        (Side::Recorded(a), Side::Recorded(b)) => args.recorded(&a, &b)?,
        (Side::Live(live), Side::Recorded(runs)) | (Side::Recorded(runs), Side::Live(live)) => {
            bail!(
                "'{live}' is a target to measure and '{runs}' a run that was kept: name two \
                 targets, or profile '{live}' first and name that run (latest)"
            )
        }
    };
    let kept = args.keep.keep(&store, &pair, &comparison)?;
    let kept = kept.as_deref();
    out::print(&match (args.json, args.markdown) {
        (true, _) => serde_json::to_string(&comparison)? + "\n",
        (_, true) => keep::markdown(&comparison, kept),
        _ => text(&comparison, Width::of_stdout()) + &kept.map(keep::places).unwrap_or_default(),
    })?;
    args.keep.open_if_asked(kept);
    if interrupted.load(Ordering::Relaxed) {
        out::tell("interrupted: what was measured until then is compared");
        return Ok(Exit::Interrupted);
    }
    Ok(if args.fail { exit(&comparison) } else { Exit::Done })
}

impl Args {
    fn live(&self, a: &Live, b: &Live, interrupted: &AtomicBool) -> anyhow::Result<Judged> {
        // A measurement takes a while: what would stop us after it should stop us before.
        self.keep.check(&self.store.store()?)?;
        let builder = Builder::new(interrupted)?;
        let (a, b): (Contender, Contender) = builder.pair(a, b)?;
        let target = &b.launch.manifest;
        let settings = self.duel.settings(target)?;
        let store = self.store.store()?;
        let options = options(&store, self.tolerance, &target.name, &settings.script.name)?;
        self.duel.measure([&a, &b], &settings, &[Metric::Cpu], &options, interrupted)
    }

    fn recorded(&self, a: &str, b: &str) -> anyhow::Result<Judged> {
        ensure!(
            self.duel.is_empty(),
            "recorded runs are compared as they are: --duration, --script and the like are for targets"
        );
        let store = self.store.store()?;
        let (a, b) = (runs(&store, a)?, runs(&store, b)?);
        let mut options = Options::default();
        if let Some(tolerance) = self.tolerance {
            options.tolerance = tolerance;
        }
        let pair = recorded(&a, &b);
        let comparison = compare(&pair, &options);
        Ok((pair, comparison))
    }
}

pub(crate) fn exit(comparison: &Comparison) -> Exit {
    match comparison.outcome() {
        Verdict::Regressed => Exit::Failed,
        Verdict::Inconclusive => Exit::Inconclusive,
        Verdict::Improved | Verdict::Equivalent => Exit::Done,
    }
}

/// The runs of a side.
fn runs(store: &Store, side: &str) -> anyhow::Result<Vec<Recorded>> {
    let mut directories = Vec::new();
    for text in side.split(',') {
        let directory = store.find(text.trim())?;
        ensure!(!directories.contains(&directory), "'{text}' is twice in '{side}'");
        directories.push(directory);
    }
    directories.iter().map(|directory| read(directory)).collect()
}

fn read(directory: &Path) -> anyhow::Result<Recorded> {
    let run = Store::read(directory)?;
    let has_profile = run.artifacts.contains_key("profile");
    let profile = has_profile.then(|| Store::read_profile(directory)).transpose()?;
    Ok(Recorded { run, profile })
}

/// A share such as `3%` or `0.5 %`.
pub fn share(text: &str) -> anyhow::Result<f64> {
    let number = text.trim().strip_suffix('%').map(str::trim_end);
    match number.and_then(|number| number.parse::<f64>().ok()) {
        Some(percent) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        _ => bail!("'{text}' is no share: write a number from 0 to 100 and a %, such as 3%"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_have_a_percent_sign() {
        assert_eq!(share("3%").ok(), Some(0.03));
        assert_eq!(share(" 0.5 % ").ok(), Some(0.005));
        for wrong in ["3", "%", "-1%", "101%", "NaN%", "a%"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
