//! `flameload regress`: did a target get slower since a revision? For CI.

use std::{path::Path, sync::atomic::Ordering};

use crate::{
    compare::{Comparison, Metric, Verdict},
    target::WORKTREE,
};

use crate::cli::{
    compare::{keep, share, text},
    duel::{DuelArgs, options},
    exit::Exit,
    interrupt::{self, Second},
    out,
    paths::StoreArgs,
    sides::{Builder, Live, Side},
    width::Width,
};

/// Gate a change: did a target get slower since a revision?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flameload regress hyper --base main
  flameload regress hyper --base origin/main --tolerance 3% --markdown >> \"$GITHUB_STEP_SUMMARY\"
  flameload regress hyper@HEAD --base v1.2 --metric cpu --metric p99
  flameload regress targets/hyper/target.toml --base HEAD~1 --json | jq .verdict

The target, as its files are unless a revision is given, is measured against itself at the base:
load and sampling alternate between both, until each metric has a verdict or the time is up. The
comparison is kept where runs are, in compare/, and the Markdown links to its page and picture.

Exit codes: 0 nothing regressed, 1 one surely did by more than the tolerance, 4 that
cannot be told of one, and 2, 3 and 130 as everywhere.")]
pub struct Args {
    /// The target: its name or the path of its manifest, then maybe @ and a revision,
    /// then maybe ? and settings, which the base gets too
    target: String,

    /// The revision to compare with: where the target's revision left it, so that only the changes
    /// since then count
    #[arg(long, value_name = "REV")]
    base: String,

    /// Compare with --base itself, with what was changed there since
    #[arg(long)]
    base_tip: bool,

    /// A change of CPU/request or throughput up to this is none; of other figures, up to 5 % at
    /// least [default: 1%]
    #[arg(long, value_name = "PERCENT", value_parser = share)]
    tolerance: Option<f64>,

    /// What must not regress: cpu, throughput, p50, p99, memory or switches; may be repeated
    /// [default: cpu, and latencies where they surely rose]
    #[arg(long, value_name = "METRIC", value_parser = Metric::of_name)]
    metric: Vec<Metric>,

    /// What it is where that cannot be told: exit code 0 or 1 [default: exit code 4]
    #[arg(long, value_enum, value_name = "HOW")]
    inconclusive: Option<Inconclusive>,

    /// Build both sides, as before a cache is kept, and measure nothing
    #[arg(long)]
    build_only: bool,

    /// Print the verdict and the comparison as one line of JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,

    /// Print the verdict and the comparison as Markdown
    #[arg(long)]
    markdown: bool,

    #[command(flatten)]
    duel: DuelArgs,

    #[command(flatten)]
    keep: keep::KeepArgs,

    #[command(flatten)]
    store: StoreArgs,
}

/// What becomes of a gate that cannot tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Inconclusive {
    Pass,
    Fail,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let exit = gate(args)?;
    Ok(match (exit, args.inconclusive) {
        (Exit::Inconclusive, Some(Inconclusive::Pass)) => Exit::Done,
        (Exit::Inconclusive, Some(Inconclusive::Fail)) => Exit::Failed,
        _ => exit,
    })
}

fn gate(args: &Args) -> anyhow::Result<Exit> {
    let candidate = Side::live(&args.target)?;
    let store = args.store.store()?;
    args.keep.check(&store)?;
    let interrupted = interrupt::flag(Second::Exits)?;
    let Base { base, note, is_same } = Base::of(&candidate, args)?;
    if let Some(note) = &note {
        out::tell(note);
    }
    if is_same {
        let why = format!(
            "{candidate} has the same files as {base}, so there is nothing to compare; is the \
             change committed on this branch, and --base another one?"
        );
        out::tell(&format!("inconclusive: {why}"));
        if args.json {
            let answer = serde_json::json!({ "verdict": Verdict::Inconclusive, "why": why });
            out::print(&format!("{answer}\n"))?;
        } else if args.markdown {
            out::print(&format!("## Inconclusive: `{candidate}` against `{base}`\n\n{why}\n"))?;
        }
        return Ok(Exit::Inconclusive);
    }
    let builder = Builder::new(&interrupted)?;
    let (a, b) = builder.pair(&base, &candidate)?;
    if args.build_only {
        return Ok(Exit::Done);
    }
    let target = &b.launch.manifest;
    let settings = args.duel.settings(target)?;
    let options = options(&store, args.tolerance, &target.name, &settings.script.name)?;
    let wanted = if args.metric.is_empty() { &[Metric::Cpu] } else { args.metric.as_slice() };
    let (pair, comparison) =
        args.duel.measure([&a, &b], &settings, wanted, &options, &interrupted)?;
    let gate = Gate::of(&comparison, &args.metric);
    let kept = args.keep.keep(&store, &pair, &comparison)?;
    let kept = kept.as_deref();
    out::print(&match (args.json, args.markdown) {
        (true, _) => gate.json(&comparison, kept, note.as_deref())?,
        (_, true) => {
            gate.markdown(&candidate, &base, note.as_deref()) + &keep::markdown(&comparison, kept)
        }
        _ => {
            let width = Width::of_stdout();
            note.iter().map(|note| width.line("base", note)).collect::<String>()
                + &text(&comparison, width)
                + "\n"
                + &gate.text(width)
                + &kept.map(keep::places).unwrap_or_default()
        }
    })?;
    args.keep.open_if_asked(kept);
    Ok(if interrupted.load(Ordering::Relaxed) { Exit::Interrupted } else { gate.exit() })
}

/// What a target is compared with.
struct Base {
    base: Live,
    /// Where it is not what was asked for by name.
    note: Option<String>,
    /// Whether both have the same files.
    is_same: bool,
}

impl Base {
    /// What was changed on the base's branch since is no doing of the candidate's.
    fn of(candidate: &Live, args: &Args) -> anyhow::Result<Self> {
        // As in git's words for it.
        let name = args.base.strip_suffix("...").unwrap_or(&args.base);
        let repository = candidate.repository()?;
        let tip = repository.commit(name)?;
        let head = repository.commit(candidate.revision.as_deref().unwrap_or("HEAD"))?;
        let files = repository.commit(candidate.revision.as_deref().unwrap_or(WORKTREE))?;
        let common = match args.base_tip {
            true => tip.clone(),
            false => repository.merge_base(&tip, &head)?.ok_or_else(|| {
                let advice = match repository.is_shallow() {
                    true => "this clone is shallow: `git fetch --unshallow` gets older commits",
                    false => "compare with the base itself by --base-tip",
                };
                anyhow::anyhow!("'{name}' and {} have no commit in common; {advice}", head.short())
            })?,
        };
        let note = (common.id != tip.id).then(|| {
            format!(
                "{} ({}), where {} left {name}; what was changed on {name} since does not count \
                 (--base-tip compares with it)",
                common.short(),
                common.subject,
                head.short()
            )
        });
        let base = if note.is_some() { candidate.at(common.short()) } else { candidate.at(name) };
        Ok(Self { base, note, is_same: files.tree == common.tree })
    }
}

/// What became of the metrics that must not regress.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Gate {
    rows: Vec<(Metric, Verdict, String)>,
}

impl Gate {
    /// A metric that a side has no figure of cannot be told. Where none is asked for, it is CPU
    /// time, and a latency that surely rose.
    fn of(comparison: &Comparison, metrics: &[Metric]) -> Self {
        if metrics.is_empty() {
            let rose = |metric: &Metric| {
                let change = comparison.metric(*metric);
                metric.is_latency() && change.is_some_and(|it| it.verdict == Verdict::Regressed)
            };
            let rose = Metric::ALL.into_iter().filter(rose);
            return Self::of(
                comparison,
                &[Metric::Cpu].into_iter().chain(rose).collect::<Vec<_>>(),
            );
        }
        let row = |metric: &Metric| match comparison.metric(*metric) {
            Some(change) => (*metric, change.verdict, change.sentence()),
            None => (*metric, Verdict::Inconclusive, "it was not measured".to_owned()),
        };
        Self { rows: metrics.iter().map(row).collect() }
    }

    /// The worst of all.
    fn verdict(&self) -> Verdict {
        let has = |wanted| self.rows.iter().any(|(_, verdict, _)| *verdict == wanted);
        let from_worst = [Verdict::Regressed, Verdict::Inconclusive, Verdict::Equivalent];
        from_worst.into_iter().find(|verdict| has(*verdict)).unwrap_or(Verdict::Improved)
    }

    fn exit(&self) -> Exit {
        match self.verdict() {
            Verdict::Regressed => Exit::Failed,
            Verdict::Inconclusive => Exit::Inconclusive,
            Verdict::Equivalent | Verdict::Improved => Exit::Done,
        }
    }

    fn text(&self, width: Width) -> String {
        let line = |(metric, verdict, sentence): &(Metric, Verdict, String)| {
            width.line("gate", &format!("{}: {} ({sentence})", metric.label(), word(*verdict)))
        };
        self.rows.iter().map(line).collect()
    }

    fn markdown(&self, candidate: &Live, base: &Live, note: Option<&str>) -> String {
        let mut out = format!(
            "## {}: `{candidate}` against `{base}`\n\n| gate | verdict | |\n|---|---|---|\n",
            match self.verdict() {
                Verdict::Regressed => "Regressed",
                Verdict::Inconclusive => "Inconclusive",
                Verdict::Equivalent | Verdict::Improved => "Passed",
            }
        );
        for (metric, verdict, sentence) in &self.rows {
            out.push_str(&format!("| {} | {} | {sentence} |\n", metric.label(), word(*verdict)));
        }
        out.extend(note.map(|note| format!("\nThe base is {note}.\n")));
        out + "\n"
    }

    fn json(
        &self,
        comparison: &Comparison,
        kept: Option<&Path>,
        base: Option<&str>,
    ) -> serde_json::Result<String> {
        let row = |(metric, verdict, sentence): &(Metric, Verdict, String)| serde_json::json!({ "metric": metric, "verdict": verdict, "says": sentence });
        let gates: Vec<_> = self.rows.iter().map(row).collect();
        let whole = serde_json::json!({
            "verdict": self.verdict(), "gates": gates, "comparison": comparison, "kept": kept,
            "base": base,
        });
        Ok(serde_json::to_string(&whole)? + "\n")
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Regressed => "regressed",
        Verdict::Improved => "improved",
        Verdict::Equivalent => "equivalent",
        Verdict::Inconclusive => "inconclusive",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(verdicts: &[Verdict]) -> Gate {
        let row = |verdict: &Verdict| (Metric::Cpu, *verdict, String::new());
        Gate { rows: verdicts.iter().map(row).collect() }
    }

    #[test]
    fn the_worst_metric_decides() {
        use Verdict::{Equivalent, Improved, Inconclusive, Regressed};
        for (verdicts, exit) in [
            (&[Improved][..], Exit::Done),
            (&[Improved, Equivalent], Exit::Done),
            (&[Equivalent, Inconclusive], Exit::Inconclusive),
            (&[Inconclusive, Regressed, Improved], Exit::Failed),
        ] {
            assert_eq!(gate(verdicts).exit(), exit, "{verdicts:?}");
        }
    }

    #[test]
    fn markdown_says_it_first() {
        let candidate = Side::live("hyper").expect("a target");
        let text = gate(&[Verdict::Regressed]).markdown(&candidate, &candidate.at("v1.2"), None);
        assert!(text.starts_with("## Regressed: `hyper` against `hyper@v1.2`\n"), "{text}");
        assert!(text.contains("| CPU/request | regressed |"), "{text}");
    }
}
