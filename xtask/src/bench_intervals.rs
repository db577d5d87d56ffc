//! `cargo xtask bench-intervals`: whether what a profile is sure of is so in the next one.
//!
//! Nobody knows the true share of a function of a real server. But runs of the same server have
//! the same truth, as far as one process is like another: what one run says of a function is held
//! against what all others say of it, with the doubt of both.

use std::{
    collections::BTreeMap,
    num::NonZero,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use flameload::{
    load::Script,
    measure::{Launch, Prepared, Settings, What},
    record::{Run, Store},
    target::Manifest,
    unit::{Hertz, parse_duration},
};

use crate::{
    exit::{self, Exit},
    interrupt::{self, Second},
    out, paths,
    progress::Progress,
};

/// Longer names make a table too wide to be read.
const NAME_CHARS: usize = 84;

/// Find how often intervals hold: profile a target many times, each time as a fresh process.
///
/// For each of the hottest functions, what a run says of its share of CPU time is compared with the
/// mean of all other runs. Of intervals of 95 %, about 95 in 100 should have room for it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench-intervals hyper
  cargo xtask bench-intervals fastapi --script hello --runs 20 --duration 4s")]
pub(crate) struct Args {
    /// A target, as `cargo xtask targets` lists them
    target: String,

    /// Its load [default: the manifest's]
    #[arg(long, value_name = "NAME")]
    script: Option<String>,

    /// How often it is profiled
    #[arg(long, value_name = "N", default_value = "20")]
    runs: NonZero<u32>,

    /// How long each profile measures
    #[arg(long, short, value_name = "TIME", default_value = "4s", value_parser = parse_duration)]
    duration: Duration,

    /// How many functions are looked at: those with the most time of their own
    #[arg(long, value_name = "N", default_value = "10")]
    functions: NonZero<usize>,

    /// Samples per second of CPU time [default: what each warm-up finds]
    #[arg(long)]
    hz: Option<Hertz>,
}

/// Standard deviations from the middle to the end of an interval of 95 %.
const REACH: f64 = 1.959_964;

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let manifest = Manifest::read(&paths::targets().join(&args.target))?;
    let script = args.script.clone().or_else(|| manifest.script.clone());
    let script =
        script.context("the target has no load script of its own: give one by --script")?;
    let script = Script::find(paths::scripts(), &script)?.remove(0);
    let script = script.with_duration(args.duration)?;
    let settings = Settings {
        hz: args.hz,
        command: "cargo xtask bench-intervals".to_owned(),
        ..Settings::of(script)
    };
    let interrupted = interrupt::flag(Second::Waits)?;
    match measure(args, manifest, settings, &interrupted) {
        Ok(runs) => {
            out::print(&report(args, &runs))?;
            Ok(if interrupted.load(Ordering::Relaxed) { Exit::Interrupted } else { Exit::Done })
        }
        // The command was in order: what fails from then on is the measurement.
        Err(error) => Ok(match exit::report(&error) {
            Exit::Usage => Exit::CouldNotMeasure,
            exit => exit,
        }),
    }
}

/// The records of all runs; of those until Ctrl-C.
fn measure(
    args: &Args,
    manifest: Manifest,
    settings: Settings,
    interrupted: &AtomicBool,
) -> anyhow::Result<Vec<Run>> {
    let what = What::Target(Box::new(Launch { cache: paths::cache(), ..Launch::new(manifest) }));
    let folder = tempfile::tempdir().context("cannot make a folder for the runs")?;
    let store = Store::new(folder.path().to_owned());
    let mut progress = Progress::begin();
    let levels = [settings];
    let [settings] = &levels;
    let mut show = |event| progress.show(event);
    let prepared = Prepared::new(&what, &levels, &store, interrupted, &mut show)?;
    let mut runs = Vec::new();
    for turn in 1..=args.runs.get() {
        progress.begin_turn(&format!("{turn} of {}", args.runs));
        let mut show = |event| progress.show(event);
        let finished = prepared.profile(settings, &store, interrupted, &mut show);
        if interrupted.load(Ordering::Relaxed) && !runs.is_empty() {
            break;
        }
        runs.push(finished?.run);
    }
    progress.finish();
    ensure!(runs.len() >= 3, "fewer than three runs say nothing of one against the others");
    Ok(runs)
}

/// A share with its standard deviation, as a run says.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Share {
    value: f64,
    sd: f64,
}

/// What each run says of one function, of its own time or of its total.
type Shares = Vec<Option<Share>>;

fn share(share: Option<f64>, us: Option<f64>, ci95: Option<[f64; 2]>) -> Option<Share> {
    let (value, [low, high]) = (share?, ci95?);
    // From microseconds to shares.
    let scale = value / us.filter(|us| *us > 0.0)?;
    Some(Share { value, sd: (high - low) / 2.0 / REACH * scale })
}

/// By function, what each run says of its own time and of its total.
fn shares(runs: &[Run]) -> BTreeMap<&str, [Shares; 2]> {
    let mut all: BTreeMap<&str, [Shares; 2]> = BTreeMap::new();
    for (index, run) in runs.iter().enumerate() {
        for hot in &run.hottest {
            let [own, total] = all
                .entry(&hot.name)
                .or_insert_with(|| [vec![None; runs.len()], vec![None; runs.len()]]);
            own[index] = share(hot.self_share, hot.self_us_per_request, hot.self_ci95);
            total[index] = share(hot.total_share, hot.total_us_per_request, hot.total_ci95);
        }
    }
    all
}

/// How far each run is from the mean of all others, in standard deviations of both together.
fn distances(shares: &Shares) -> Vec<f64> {
    let known: Vec<Share> = shares.iter().copied().flatten().collect();
    let others = known.len() as f64 - 1.0;
    let sum = |of: &dyn Fn(&Share) -> f64| known.iter().map(of).sum::<f64>();
    let (values, variances) = (sum(&|s| s.value), sum(&|s| s.sd.powi(2)));
    let distance = |share: &Share| {
        let mean = (values - share.value) / others;
        let variance = (variances - share.sd.powi(2)) / others.powi(2);
        (share.value - mean) / (share.sd.powi(2) + variance).sqrt()
    };
    known.iter().map(distance).filter(|distance| distance.is_finite()).collect()
}

fn report(args: &Args, runs: &[Run]) -> String {
    let all = shares(runs);
    let mean = |shares: &Shares| {
        let known = shares.iter().flatten().map(|share| share.value);
        known.sum::<f64>() / shares.len() as f64
    };
    let mut order: Vec<(&str, &[Shares; 2])> =
        all.iter().map(|(name, shares)| (*name, shares)).collect();
    order.sort_by(|a, b| mean(&b.1[0]).total_cmp(&mean(&a.1[0])));
    order.truncate(args.functions.get());
    let mut text = format!(
        "{}, {} runs of {:.0} s\n\n| function | self % | within its interval | total % | within | \
         farthest, sd |\n|---|---|---|---|---|---|\n",
        args.target,
        runs.len(),
        args.duration.as_secs_f64()
    );
    let mut every = Vec::new();
    for (name, shares) in order {
        let [own, total] = [&shares[0], &shares[1]].map(distances);
        let farthest = own.iter().chain(&total).map(|z| z.abs()).fold(0.0, f64::max);
        text.push_str(&format!(
            "| `{}` | {:.1} | {} | {:.1} | {} | {farthest:.1} |\n",
            crate::width::shorten(name, NAME_CHARS).replace('|', "\\|"),
            mean(&shares[0]) * 100.0,
            held(&own),
            mean(&shares[1]) * 100.0,
            held(&total)
        ));
        every.extend(own);
        every.extend(total);
    }
    text + &format!("\nAll: {} within their 95 % intervals.\n", held(&every))
}

fn held(distances: &[f64]) -> String {
    let within = distances.iter().filter(|distance| distance.abs() <= REACH).count();
    let percent = 100.0 * within as f64 / distances.len().max(1) as f64;
    format!("{within} of {} ({percent:.0} %)", distances.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_held_against_all_others() {
        let share = |value| Some(Share { value, sd: 0.03 });
        let found = distances(&vec![share(0.1), None, share(0.1), share(0.1), share(0.2)]);
        assert_eq!(found.len(), 4);
        // 0.1 over the root of 0.0009 and a third of it.
        assert!((found[3] - 0.1 / 0.0012_f64.sqrt()).abs() < 1e-9, "{found:?}");
        assert_eq!(held(&found), "3 of 4 (75 %)");
    }

    #[test]
    fn intervals_in_microseconds_become_those_of_shares() {
        let found = share(Some(0.25), Some(5.0), Some([4.0, 6.0])).expect("all is known");
        assert!((found.sd - 0.05 / REACH).abs() < 1e-12);
        assert_eq!(share(Some(0.0), Some(0.0), Some([0.0, 1.0])), None);
    }
}
