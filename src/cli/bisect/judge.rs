//! A commit -> its verdict, by a measurement against the good one.

use std::sync::atomic::AtomicBool;

use crate::{
    compare::{Comparison, Delta, FunctionChange, Metric, Options, Verdict},
    measure::{Contender, MeasureError, Question, Settings},
    target::{Commit, VersionError, WORKTREE},
};
use anyhow::Context as _;

use super::{Args, Told};
use crate::cli::{
    called,
    duel::{self, DuelArgs},
    sides::{Builder, Live},
};

/// Measures commits against the good one.
pub(super) struct Judge<'a> {
    live: &'a Live,
    frame: Option<&'a str>,
    duel: &'a DuelArgs,
    builder: Builder<'a>,
    good: Contender,
    settings: Settings,
    options: Options,
    interrupted: &'a AtomicBool,
}

/// Up to where a commit is like the good one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Limit {
    /// A share of the CPU time for each request.
    Share(f64),
    /// Microseconds of a function's for each request.
    Micros(f64),
}

/// What became of a commit.
pub(super) enum Judged {
    /// It was measured.
    Told(Box<Told>),
    /// It could not be built or measured.
    Unusable { why: String, is_built: bool },
}

impl<'a> Judge<'a> {
    /// Builds the good commit, whose binary all others are measured against.
    pub(super) fn new(
        args: &'a Args,
        live: &'a Live,
        good: &Commit,
        interrupted: &'a AtomicBool,
    ) -> anyhow::Result<Self> {
        let builder = Builder::new(interrupted)?;
        let good = builder.contender(&live.at(&good.id).named(&args.good))?;
        let manifest = &good.launch.manifest;
        let settings = args.duel.settings(manifest)?;
        let store = args.store.store()?;
        let script = &settings.script.name;
        let options = duel::options(&store, args.tolerance, &manifest.name, script)?;
        let frame = args.frame.as_deref();
        let duel = &args.duel;
        Ok(Self { live, frame, duel, builder, good, settings, options, interrupted })
    }

    /// What was lost at the bad commit, and half of it: up to there others are like the good one,
    /// and from there on like the bad one, so that both are equally easy to tell.
    pub(super) fn convict(&self, bad: &Commit, name: &str) -> anyhow::Result<(Limit, Box<Told>)> {
        let revision = if bad.is_snapshot { WORKTREE } else { &bad.id };
        let contender = self.builder.contender(&self.live.at(revision).named(name))?;
        let told = self.measure(&contender, None)?;
        let limit = match self.frame {
            None => {
                let ratio = told.comparison.metric(Metric::Cpu).map_or(1.0, |change| change.ratio);
                Limit::Share((ratio.sqrt() - 1.0).max(self.options.tolerance))
            }
            Some(name) => {
                let function = function(&told.comparison, name)?
                    .with_context(|| not_seen(&told.comparison, name))?;
                Limit::Micros((function.total.change_us / 2.0).max(least(&told.comparison)))
            }
        };
        Ok((limit, told))
    }

    /// What can be said of a commit.
    ///
    /// # Errors
    /// When it is not for the commit that nothing can be said.
    pub(super) fn judge(&self, commit: &Commit, limit: Limit) -> anyhow::Result<Judged> {
        let live = self.live.at(&commit.id).named(commit.short());
        let contender = match self.builder.contender(&live) {
            Err(error) => {
                let is_of_commit = |error: &VersionError| error.is_of_commit();
                return match error.downcast_ref().is_some_and(is_of_commit) {
                    true => Ok(Judged::Unusable { why: first_line(&error), is_built: false }),
                    false => Err(error),
                };
            }
            Ok(contender) => contender,
        };
        match self.measure(&contender, Some(limit)) {
            // The good one has served before.
            Err(error) => match error.downcast_ref() {
                Some(MeasureError::OfSide { side, .. }) if side.starts_with('B') => {
                    Ok(Judged::Unusable { why: first_line(&error), is_built: true })
                }
                _ => Err(error),
            },
            Ok(told) => Ok(Judged::Told(told)),
        }
    }

    /// Measures until there is a verdict, or no more time.
    fn measure(&self, contender: &Contender, limit: Option<Limit>) -> anyhow::Result<Box<Told>> {
        let mut options = self.options.clone();
        if let Some(Limit::Share(share)) = limit {
            options.tolerance = share;
        }
        let of_frame = |comparison: &Comparison| {
            let limit = match limit {
                Some(Limit::Micros(limit)) => limit,
                _ => least(comparison),
            };
            let function = self.frame.and_then(|name| function(comparison, name).ok().flatten());
            // A function that was never seen costs nothing.
            function.map_or(Verdict::Equivalent, |function| function.total.verdict(limit))
        };
        let is_answered = |comparison: &Comparison| of_frame(comparison) != Verdict::Inconclusive;
        let question = match self.frame {
            None => Question::Metrics(&[Metric::Cpu]),
            Some(_) => Question::Functions(&is_answered),
        };
        let sides = [&self.good, contender];
        let (pair, comparison) =
            self.duel.ask(sides, &self.settings, question, &options, self.interrupted)?;
        let (verdict, sentence) = match self.frame {
            None => (comparison.verdict, cpu(&comparison)),
            Some(name) => {
                let function = function(&comparison, name)?;
                let total = function.map(|function| &function.total);
                (of_frame(&comparison), format!("{name}: {}", delta(total)))
            }
        };
        Ok(Box::new(Told { verdict, sentence, pair, comparison }))
    }
}

/// The least change of a function that counts.
fn least(comparison: &Comparison) -> f64 {
    comparison.frames.as_ref().map_or(0.0, |frames| frames.least_us)
}

fn cpu(comparison: &Comparison) -> String {
    let change = comparison.metric(Metric::Cpu);
    change.map_or_else(|| "it has no figures".to_owned(), |change| change.sentence())
}

fn delta(total: Option<&Delta>) -> String {
    let Some(Delta { a_us, b_us, change_us, ci95_us, .. }) = total else {
        return "not seen".to_owned();
    };
    let interval = match ci95_us {
        Some([low, high]) => format!(" ({low:+.2} to {high:+.2})"),
        None => String::new(),
    };
    format!("{a_us:.2} to {b_us:.2} µs/request, {change_us:+.2}{interval}")
}

/// The function of a name, or else the one whose name ends with it; none where it was not seen.
fn function<'c>(
    comparison: &'c Comparison,
    name: &str,
) -> anyhow::Result<Option<&'c FunctionChange>> {
    let Some(frames) = &comparison.frames else {
        let why = comparison.without_frames.as_deref().unwrap_or("there are no samples");
        anyhow::bail!("functions cannot be compared: {why}");
    };
    if let Some(found) = frames.find(name, false).or_else(|| frames.find(name, true)) {
        return Ok(Some(found));
    }
    let path = format!("::{name}");
    let ends = |function: &&FunctionChange| function.name.ends_with(&path);
    let found: Vec<&FunctionChange> = frames.functions.iter().filter(ends).collect();
    match found.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        several => {
            let names: Vec<&str> = several.iter().map(|function| function.name.as_str()).collect();
            anyhow::bail!("several functions end with '{name}': name one of {}", names.join(", "))
        }
    }
}

fn not_seen(comparison: &Comparison, name: &str) -> String {
    let functions = comparison.frames.iter().flat_map(|frames| &frames.functions);
    let last = name.rsplit("::").next().unwrap_or(name);
    let near: Vec<&str> =
        functions.map(|it| it.name.as_str()).filter(|it| it.contains(last)).take(5).collect();
    match near.as_slice() {
        [] => {
            format!("no function '{name}' was seen; `{} compare` lists those that were", called())
        }
        near => format!("no function '{name}' was seen; there are {}", near.join(", ")),
    }
}

/// An error in a line: what a compiler said goes on for many.
fn first_line(error: &anyhow::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}
