//! `cargo xtask compare`: is it slower, by how much, and which functions did it.

pub(crate) mod keep;
mod text;

use std::path::Path;

use anyhow::{bail, ensure};
use flameload::{
    compare::{Comparison, Options, Recorded, Verdict, compare, recorded},
    record::Store,
};

use crate::{exit::Exit, out, paths::StoreArgs};

/// Compare two recorded runs: how CPU time, throughput, latency and functions differ.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask compare 20261121-223344 latest
  cargo xtask compare hyper/20261121-2233 hyper/latest --tolerance 3%
  cargo xtask compare 20261121-2233,20261121-2240,20261121-2248 20261121-2236,20261121-2244
  cargo xtask compare A B --markdown >> \"$GITHUB_STEP_SUMMARY\"
  cargo xtask compare A B --json | jq .metrics[0].ratio

Runs that were made at different times differ by the drift of the machine as well: a single run on
each side says little, several of each, made in turns as in A B B A, say more.

Each comparison is kept under flamegraphs/compare/, as a page with flamegraphs of A, B and their
difference beside each other.

The exit code is 0 whatever was found. With --fail it is 1 where CPU/request or a latency regressed,
and 4 where that cannot be told.")]
pub(crate) struct Args {
    /// What to compare with: a run's id or the start of it, `latest`, or its directory; several
    /// runs of one side are separated by commas
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
    keep: keep::KeepArgs,

    #[command(flatten)]
    store: StoreArgs,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let store = args.store.store();
    let (a, b) = (runs(&store, &args.a)?, runs(&store, &args.b)?);
    let mut options = Options::default();
    if let Some(tolerance) = args.tolerance {
        options.tolerance = tolerance;
    }
    let pair = recorded(&a, &b);
    let comparison = compare(&pair, &options);
    let kept = args.keep.keep(&store, &pair, &comparison)?;
    let kept = kept.as_deref();
    out::print(&match (args.json, args.markdown) {
        (true, _) => serde_json::to_string(&comparison)? + "\n",
        (_, true) => keep::markdown(&comparison, kept),
        _ => text::text(&comparison) + &kept.map(keep::places).unwrap_or_default(),
    })?;
    args.keep.open_if_asked(kept);
    Ok(if args.fail { exit(&comparison) } else { Exit::Done })
}

fn exit(comparison: &Comparison) -> Exit {
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
fn share(text: &str) -> anyhow::Result<f64> {
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
