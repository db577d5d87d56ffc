//! [`Report`]: all findings, for people and for programs.

use std::fmt::Write as _;

use crate::sample::Access;
use serde_json::{Value, json};

use super::{
    check::{Check, State},
    probe::{Probe, Sampled},
};
use crate::cli::width::Width;

/// Characters of a line; short enough for any terminal that is not tiny.
const WIDTH: usize = 98;
/// Where texts begin under a finding.
const INDENT: usize = 7;

/// All findings.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) checks: Vec<Check>,
    pub(super) probe: Probe,
}

/// How findings are set off from what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Colored,
}

impl Style {
    /// Colours on a terminal, unless the user wants none (<https://no-color.org>).
    pub(super) fn of(is_terminal: bool) -> Self {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if is_terminal && !unwanted && !dumb { Self::Colored } else { Self::Plain }
    }

    /// Sets `text` in the colour of the escape code `code`.
    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colored => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

impl Report {
    /// What a profile on this machine will show.
    fn verdict(&self) -> String {
        let Probe::Sampled(Sampled { access, clock, .. }) = &self.probe else {
            return "A profile cannot be made here: the kernel refuses to sample.".to_owned();
        };
        if !self.probe.works() {
            return "A profile cannot be made here: no samples come.".to_owned();
        }
        let limited = |name| {
            self.checks.iter().any(|check| check.name == name && check.state == State::Limit)
        };
        let code = match access {
            Access::KernelAndUser if limited("kernel symbols") => {
                "the server's code by name and the kernel's without names"
            }
            Access::KernelAndUser => "the server's code and the kernel's, both by name",
            Access::UserOnly => "the server's own code by name, without the time in system calls",
        };
        let shared = if limited("CPUs") { "; server and load share CPU time" } else { "" };
        format!("A profile here shows {code}, sampled by {clock}{shared}.")
    }

    /// One line of JSON.
    pub(super) fn json(&self) -> Value {
        let access = match &self.probe {
            Probe::Sampled(sampled) if self.probe.works() => sampled.access.as_str(),
            _ => "refused",
        };
        json!({
            "profiling": access,
            "verdict": self.verdict(),
            "checks": self.checks.iter().map(Check::json).collect::<Vec<_>>(),
        })
    }

    /// The findings one below the other, then the verdict.
    pub(super) fn text(&self, style: Style, width: Width) -> String {
        let verdict = width.wrapped(&self.verdict(), 0);
        let width = Width(Some(width.0.map_or(WIDTH, |columns| columns.min(WIDTH))));
        let wrapped = |text: &str, column: usize, dim: bool| {
            let text = width.wrapped(text, column);
            if !dim {
                return text;
            }
            // Spaces before a line have no colour.
            let lines = text.split('\n').map(|line| {
                let (indent, line) = line.split_at(line.len() - line.trim_start().len());
                indent.to_owned() + &style.paint("2", line)
            });
            lines.collect::<Vec<_>>().join("\n")
        };
        let name_width = self.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
        let mut out = String::new();
        for check in &self.checks {
            let (color, word) = match check.state {
                State::Ok => ("32", "ok"),
                State::Note => ("33", "note"),
                State::Limit => ("31;1", "LIMIT"),
            };
            let word = style.paint(color, &format!("{word:<5}"));
            let name = style.paint("1", &format!("{:<name_width$}", check.name));
            let column = INDENT + name_width + 2;
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{word}  {name}  {}", wrapped(&check.found, column, false));
            let below = column + 2;
            let _ = writeln!(out, "{:below$}{}", "", wrapped(&check.means, below, true));
            if let Some(command) = &check.command {
                let _ = writeln!(out, "{:below$}{} {command}", "", style.paint("36", "run:"));
            }
        }
        let _ = writeln!(out, "\n{}", style.paint("1", &verdict));
        out
    }
}

#[cfg(test)]
mod tests {
    use crate::unit::{Nanos, Samples};
    use expect_test::expect;

    use super::*;

    fn report(access: Access, samples: u64) -> Report {
        let means = "a long meaning that goes on and on until the line has no more room for any of \
                     its words, which then go to the next";
        Report {
            checks: vec![
                Check::ok("sampling", "works", means),
                Check::note("swap", "128 MiB in use", "bad").lifted_by("swapoff --all"),
                Check::limit("kernel symbols", "hidden", "no names"),
            ],
            probe: Probe::Sampled(Sampled {
                access,
                clock: "cpu-clock",
                samples: Samples(samples),
                truncated: Samples(0),
                cpu: Nanos(1),
            }),
        }
    }

    #[test]
    fn findings_are_aligned_and_end_with_the_verdict() {
        expect![[r#"
            ok     sampling        works
                                     a long meaning that goes on and on until the line has no more room for
                                     any of its words, which then go to the next
            note   swap            128 MiB in use
                                     bad
                                     run: swapoff --all
            LIMIT  kernel symbols  hidden
                                     no names

            A profile here shows the server's code by name and the kernel's without names, sampled by cpu-clock.
        "#]].assert_eq(&report(Access::KernelAndUser, 9).text(Style::Plain, Width::ANY));
    }

    #[test]
    fn colours_change_nothing_but_colours() {
        let report = report(Access::KernelAndUser, 9);
        let colored = report.text(Style::Colored, Width::ANY);
        assert!(colored.contains("\x1b[31;1mLIMIT\x1b[0m"), "{colored}");
        let mut plain = colored.clone();
        for code in ["0", "1", "2", "32", "33", "31;1", "36"] {
            plain = plain.replace(&format!("\x1b[{code}m"), "");
        }
        assert_eq!(plain, report.text(Style::Plain, Width::ANY));
    }

    #[test]
    fn the_verdict_is_what_a_profile_will_show() {
        let mut good = report(Access::KernelAndUser, 9);
        good.checks.clear();
        let reports = [
            good,
            report(Access::KernelAndUser, 9),
            report(Access::UserOnly, 9),
            report(Access::UserOnly, 0),
        ];
        let texts = reports.map(|report| report.verdict() + "\n");
        expect![[r#"
            A profile here shows the server's code and the kernel's, both by name, sampled by cpu-clock.
            A profile here shows the server's code by name and the kernel's without names, sampled by cpu-clock.
            A profile here shows the server's own code by name, without the time in system calls, sampled by cpu-clock.
            A profile cannot be made here: no samples come.
        "#]].assert_eq(&texts.concat());
    }

    #[test]
    fn programs_get_all_of_it() {
        let json = report(Access::UserOnly, 9).json();
        assert_eq!(json["profiling"], "user only");
        assert_eq!(json["checks"][1]["command"], "swapoff --all");
        assert_eq!(json["checks"][2]["state"], "limit");
        assert_eq!(report(Access::UserOnly, 0).json()["profiling"], "refused");
    }
}
