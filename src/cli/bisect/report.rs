//! What a bisection came to, for readers and for programs.

use std::{fmt::Write as _, path::Path, time::Instant};

use crate::target::{Commit, Mark};
use serde_json::{Value, json};

use super::{
    Ends, Told,
    judge::{Judged, Limit},
};
use crate::cli::{compare::text, exit::Exit, profile::choice, width::Width};

/// The commits that were looked at.
pub(super) struct Report {
    pub(super) limit: Limit,
    /// The bad commit against the good one.
    pub(super) first: Box<Told>,
    looked: Vec<Looked>,
    started: Instant,
}

/// A commit that was looked at.
struct Looked {
    commit: Commit,
    mark: Mark,
    is_built: bool,
    /// What was found, in a sentence.
    says: String,
    /// None where it could not be built or measured.
    told: Option<Box<Told>>,
}

/// How a bisection ended.
pub(super) enum Ending {
    /// This commit made the difference.
    Found(Commit),
    /// One of these did.
    OneOf(Vec<Commit>),
    /// The bad commit is not surely slower.
    NotSlower,
    Interrupted,
}

impl Ending {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Found(_) => Exit::Done,
            Self::OneOf(_) | Self::NotSlower => Exit::Inconclusive,
            Self::Interrupted => Exit::Interrupted,
        }
    }

    fn commits(&self) -> &[Commit] {
        match self {
            Self::Found(commit) => std::slice::from_ref(commit),
            Self::OneOf(commits) => commits,
            Self::NotSlower | Self::Interrupted => &[],
        }
    }
}

impl Report {
    pub(super) fn new(limit: Limit, first: Box<Told>, started: Instant) -> Self {
        Self { limit, first, looked: Vec::new(), started }
    }

    /// What is looked for.
    pub(super) fn begin(&self, ends: &Ends) -> String {
        let limit = match self.limit {
            Limit::Share(share) => format!("{:.1} %", share * 100.0),
            Limit::Micros(micros) => format!("{micros:.2} µs/request"),
        };
        format!(
            "bad is {}: among {} commits, bad ones lost more than {limit}",
            self.first.sentence, ends.count
        )
    }

    /// Adds a commit, and says what was found.
    pub(super) fn add(&mut self, commit: &Commit, mark: Mark, judged: Judged) -> String {
        let (is_built, says, told) = match judged {
            Judged::Told(told) => (true, told.sentence.clone(), Some(told)),
            Judged::Unusable { why, is_built } => (is_built, why, None),
        };
        let looked = Looked { commit: commit.clone(), mark, is_built, says, told };
        let line = looked.line();
        self.looked.push(looked);
        line
    }

    /// The result for a reader.
    pub(super) fn text(&self, ends: &Ends, ending: &Ending, stat: &str, width: Width) -> String {
        let mut out = String::new();
        let mut line = |label: &str, value: &str| out += &width.line(label, value);
        line("good", &shown(&ends.good));
        line("bad", &format!("{}: {}", shown(&ends.bad), self.first.sentence));
        for looked in &self.looked {
            line(looked.word(), &format!("{}: {}", shown(&looked.commit), looked.says));
        }
        match ending {
            Ending::Found(commit) => line("CULPRIT", &shown(commit)),
            Ending::OneOf(commits) => {
                line("ONE OF", "nothing can be told of the others:");
                commits.iter().for_each(|commit| line("", &shown(commit)));
            }
            Ending::NotSlower => line(
                "inconclusive",
                "the bad commit is not surely slower; give it more time with --duration, or name \
                 a function with --frame",
            ),
            Ending::Interrupted => line("interrupted", "no commit was found"),
        }
        line("looked at", &self.effort(ends));
        for row in stat.lines() {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "  {row}");
        }
        if let Some(told) = self.evidence(ends, ending) {
            let _ = write!(out, "\n{}", text(&told.comparison, width));
        }
        out
    }

    /// The result for a program.
    pub(super) fn json(
        &self,
        ends: &Ends,
        ending: &Ending,
        stat: &str,
        kept: Option<&Path>,
    ) -> serde_json::Result<String> {
        let looked: Vec<Value> = self.looked.iter().map(Looked::json).collect();
        let culprit = match ending {
            Ending::Found(commit) => named(commit),
            _ => Value::Null,
        };
        let candidates: Vec<Value> = ending.commits().iter().map(named).collect();
        let whole = json!({
            "good": named(&ends.good),
            "bad": named(&ends.bad),
            "bad_says": self.first.sentence,
            "commits": ends.count,
            "culprit": culprit,
            "candidates": candidates,
            "diff_stat": stat,
            "looked_at": looked,
            "built": self.built(),
            "seconds": self.started.elapsed().as_secs_f64(),
            "comparison": self.evidence(ends, ending).map(|told| &told.comparison),
            "kept": kept,
        });
        Ok(serde_json::to_string(&whole)? + "\n")
    }

    /// The comparison that speaks against the commit that was found: with the good one.
    pub(super) fn evidence(&self, ends: &Ends, ending: &Ending) -> Option<&Told> {
        let of = |wanted: &Commit| {
            let looked = self.looked.iter().find(|looked| looked.commit.id == wanted.id);
            let is_bad = ends.bad.id == wanted.id;
            looked.and_then(|it| it.told.as_deref()).or(is_bad.then_some(&*self.first))
        };
        match ending {
            Ending::Found(commit) => of(commit),
            Ending::NotSlower => Some(&self.first),
            Ending::OneOf(_) | Ending::Interrupted => None,
        }
    }

    /// Commits that were built, the good and the bad one too.
    fn built(&self) -> usize {
        2 + self.looked.iter().filter(|looked| looked.is_built).count()
    }

    fn effort(&self, ends: &Ends) -> String {
        let skipped = self.looked.iter().filter(|looked| looked.mark == Mark::Skip).count();
        format!(
            "{} of {} commits in between ({} built in all, {skipped} passed over) in {}",
            self.looked.len(),
            ends.count.saturating_sub(1),
            self.built(),
            choice::minutes(self.started.elapsed())
        )
    }
}

impl Looked {
    fn word(&self) -> &'static str {
        match self.mark {
            Mark::Good => "good",
            Mark::Bad => "bad",
            Mark::Skip => "passed over",
        }
    }

    fn line(&self) -> String {
        format!("{}: {} ({})", shown(&self.commit), self.word(), self.says)
    }

    fn json(&self) -> Value {
        let mark = match self.mark {
            Mark::Good => "good",
            Mark::Bad => "bad",
            Mark::Skip => "skip",
        };
        json!({
            "commit": self.commit.id,
            "subject": self.commit.subject,
            "mark": mark,
            "built": self.is_built,
            "says": self.says,
        })
    }
}

/// What is measured next.
pub(super) fn next(commit: &Commit, left: Option<u32>) -> String {
    let left = match left {
        Some(0) => ", the last one".to_owned(),
        Some(left) => format!(", about {left} more after it"),
        None => String::new(),
    };
    format!("measuring {}{left}", shown(commit))
}

fn shown(commit: &Commit) -> String {
    format!("{} {}", commit.short(), commit.subject)
}

fn named(commit: &Commit) -> Value {
    json!({ "commit": commit.id, "subject": commit.subject })
}
