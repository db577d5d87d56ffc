//! `flameload bisect`: the commit that made a target slower.

mod judge;
mod report;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use crate::{
    compare::{Comparison, Pair, Verdict},
    target::{Bisection, Commit, Mark, Repository, Step},
};
use anyhow::bail;

use crate::cli::{
    compare::{keep, share},
    duel::DuelArgs,
    exit::Exit,
    interrupt::{self, Second},
    out,
    paths::StoreArgs,
    sides::Side,
    width::Width,
};
use judge::{Judge, Judged};
use report::{Ending, Report};

/// Find the commit that made a target slower.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flameload bisect hyper --good v1.2
  flameload bisect hyper --good HEAD~30 --bad HEAD~2 --duration 20s
  flameload bisect hyper --good v1.2 --frame serde_json::to_vec
  flameload bisect 'hyper?workers=2' --good v1.2 --json | jq .culprit

The binary of the good commit is kept, and each commit that git bisect asks for is measured against
it, load and sampling alternating between both. The bad one comes first: what is lost there is what
is looked for, and a commit is bad where it surely lost more than half of it, good where it surely
lost less, and passed over where neither is sure, or where it cannot be built or measured.

It ends with the commit, its diff stat, and the comparison that speaks against it, which is kept
where runs are, in compare/.

With --frame it is about the time in one function and in what it calls, for each request: a change
that is small in all is large there, and needs less time to be seen.

Exit codes: 0 found, 4 where the bad commit is not surely slower, or several commits are left.")]
pub struct Args {
    /// The target: its name or the path of its manifest, then maybe ? and settings
    target: String,

    /// A revision at which it was fast
    #[arg(long, value_name = "REV")]
    good: String,

    /// A revision at which it is slow, made from the good one
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    bad: String,

    /// The function that became slower, by its name or the end of that
    #[arg(long, value_name = "NAME")]
    frame: Option<String>,

    /// A change of CPU/request up to this is none [default: 1%]
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    tolerance: Option<f64>,

    /// Print the result as one line of JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    duel: DuelArgs,

    #[command(flatten)]
    keep: keep::KeepArgs,

    #[command(flatten)]
    store: StoreArgs,
}

/// The commits that were asked for.
struct Ends {
    good: Commit,
    bad: Commit,
    /// How many commits one of which made the difference.
    count: u32,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let started = Instant::now();
    args.keep.check(&args.store.store()?)?;
    // Before anything is made that a Ctrl-C would leave behind.
    let interrupted = interrupt::flag(Second::Exits)?;
    let live = Side::live(&args.target)?;
    if live.revision.is_some() {
        bail!("'{live}' is at one revision: write {} --good REV --bad REV", live.target());
    }
    let repository = live.repository()?;
    let (good, bad) = (repository.commit(&args.good)?, repository.commit(&args.bad)?);
    let count = Bisection::count(&repository, &good, &bad)?;
    let ends = Ends { good, bad, count };
    let (bisection, step) = Bisection::start(&repository, &ends.good, &ends.bad)?;
    let mut judge = Judge::new(args, &live, &ends.good, &interrupted)?;
    let (limit, first) = judge.convict(&ends.bad, &args.bad)?;
    let mut report = Report::new(limit, first, started);
    let ending = match report.first.verdict {
        _ if interrupted.load(Ordering::Relaxed) => Ending::Interrupted,
        Verdict::Regressed => {
            out::tell(&report.begin(&ends));
            search(bisection, step, &mut judge, &mut report, &interrupted)?
        }
        _ => Ending::NotSlower,
    };
    print(args, &repository, &ends, &report, &ending)?;
    Ok(ending.exit())
}

/// Measures what git asks for, until it needs no more.
fn search(
    mut bisection: Bisection,
    mut step: Step,
    judge: &mut Judge<'_>,
    report: &mut Report,
    interrupted: &AtomicBool,
) -> anyhow::Result<Ending> {
    loop {
        let commit = match step {
            Step::Found(commit) => return Ok(Ending::Found(commit)),
            Step::OneOf(commits) => return Ok(Ending::OneOf(commits)),
            Step::Next { commit, left } => {
                out::tell(&report::next(&commit, left));
                commit
            }
        };
        let judged = judge.judge(&commit, report.limit)?;
        if interrupted.load(Ordering::Relaxed) {
            return Ok(Ending::Interrupted);
        }
        let mark = mark(&judged);
        out::tell(&report.add(&commit, mark, judged));
        step = bisection.mark(&commit, mark)?;
    }
}

fn mark(judged: &Judged) -> Mark {
    match judged {
        Judged::Told(told) => match told.verdict {
            Verdict::Regressed => Mark::Bad,
            Verdict::Equivalent | Verdict::Improved => Mark::Good,
            Verdict::Inconclusive => Mark::Skip,
        },
        Judged::Unusable { .. } => Mark::Skip,
    }
}

fn print(
    args: &Args,
    repository: &Repository,
    ends: &Ends,
    report: &Report,
    ending: &Ending,
) -> anyhow::Result<()> {
    let stat = match ending {
        Ending::Found(commit) => repository.diff_stat(&format!("{}^", commit.id), &commit.id)?,
        _ => String::new(),
    };
    let evidence = report.evidence(ends, ending);
    let kept = match evidence {
        Some(told) => args.keep.keep(&args.store.store()?, &told.pair, &told.comparison)?,
        None => None,
    };
    let kept = kept.as_deref();
    let places = kept.map(keep::places).unwrap_or_default();
    out::print(&match args.json {
        true => report.json(ends, ending, &stat, kept)?,
        false => report.text(ends, ending, &stat, Width::of_stdout()) + &places,
    })?;
    args.keep.open_if_asked(kept);
    Ok(())
}

/// A comparison with the good commit, and what it says of the matter.
struct Told {
    verdict: Verdict,
    /// It, in a sentence.
    sentence: String,
    pair: Pair,
    comparison: Comparison,
}
