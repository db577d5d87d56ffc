//! System calls per request, counted by strace.

use std::{collections::BTreeMap, fmt, fs, process::Command};

use anyhow::{Context as _, ensure};
use flameload::{load::Script, target::ToolSpec};
use serde_json::{Value, json};

use super::{
    comparison::of,
    side::{Bench, Side},
};
use crate::table::Table;

/// What to do where strace is missing.
const HINT: &str = "strace counts the system calls, and it does not run here: install it \
     (`apt-get install strace`, `dnf install strace`, `pacman -S strace`)";

/// Calls that are rarer than this belong to no request; they are in the total all the same.
const RARE: f64 = 0.005;

/// The longer of the two runs, in lengths of the shorter.
const LONGER: u32 = 3;

/// System calls of both sides at one load level.
#[derive(Debug)]
pub(super) struct Syscalls {
    pub(super) connections: u32,
    pub(super) ours: PerRequest,
    /// The tools by their names.
    pub(super) theirs: Vec<(&'static str, PerRequest)>,
}

/// How often each system call is made for a request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct PerRequest {
    calls: BTreeMap<String, f64>,
}

/// A run under strace.
#[derive(Debug, Default)]
struct Counted {
    requests: u64,
    calls: BTreeMap<String, u64>,
}

/// Fails where strace does not run.
pub(super) fn check() -> anyhow::Result<()> {
    let output = Command::new("strace").arg("-V").output();
    ensure!(output.is_ok_and(|output| output.status.success()), HINT);
    Ok(())
}

/// Counts the system calls of one side in two runs of different lengths: what they differ by is
/// the load's alone, without what a process does when it starts and ends.
pub(super) fn count(
    bench: &mut Bench,
    side: Side<'_>,
    script: &Script,
) -> anyhow::Result<PerRequest> {
    let short = counted(bench, side, script)?;
    let long = script.clone().with_duration(script.duration() * LONGER)?;
    let long = counted(bench, side, &long)?;
    PerRequest::between(&short, &long)
}

fn counted(bench: &mut Bench, side: Side<'_>, script: &Script) -> anyhow::Result<Counted> {
    let file = bench.file("strace.txt");
    let mut wrap = |spec: ToolSpec| {
        let mut args = ["-f", "-c", "-o"].map(Into::into).to_vec();
        args.extend([file.clone().into(), "--".into(), spec.program]);
        args.extend(spec.args);
        ToolSpec { program: "strace".into(), args, ..spec }
    };
    let slice = bench.driven(side, script, &mut wrap)?;
    let text = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let calls = parse(&String::from_utf8_lossy(&text));
    ensure!(!calls.is_empty(), "strace has counted nothing for {side}");
    Ok(Counted { requests: slice.requests, calls })
}

/// Reads the summary of `strace -c`: a table whose first column is a share, whose fourth is the
/// number of calls, and whose last is the name.
fn parse(summary: &str) -> BTreeMap<String, u64> {
    let row = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let name = *words.last()?;
        let calls = words.get(3)?.parse().ok()?;
        let is_call = words.first()?.parse::<f64>().is_ok() && words.len() >= 5;
        (is_call && name != "total").then(|| (name.to_owned(), calls))
    };
    summary.lines().filter_map(row).collect()
}

impl PerRequest {
    fn between(short: &Counted, long: &Counted) -> anyhow::Result<Self> {
        ensure!(
            long.requests > short.requests,
            "the longer run has no more requests than the shorter: {} and {}",
            long.requests,
            short.requests
        );
        let requests = (long.requests - short.requests) as f64;
        let per_request = |(name, &more): (&String, &u64)| {
            let fewer = short.calls.get(name).copied().unwrap_or(0);
            (name.clone(), (more as f64 - fewer as f64) / requests)
        };
        Ok(Self { calls: long.calls.iter().map(per_request).collect() })
    }

    fn of(&self, name: &str) -> f64 {
        self.calls.get(name).copied().unwrap_or(0.0)
    }

    fn total(&self) -> f64 {
        self.calls.values().sum()
    }

    fn json(&self) -> Value {
        let common = self.calls.iter().filter(|(_, count)| **count >= RARE);
        json!({ "total": self.total(), "calls": common.collect::<BTreeMap<_, _>>() })
    }
}

impl Syscalls {
    pub(super) fn json(&self) -> Value {
        let theirs = self.theirs.iter().map(|(name, calls)| json!({ *name: calls.json() }));
        json!({
            "connections": self.connections,
            "ours": self.ours.json(),
            "theirs": theirs.collect::<Vec<_>>(),
        })
    }

    /// The calls that either side makes for its requests, then the total.
    fn table(&self, name: &str, theirs: &PerRequest) -> Table<3> {
        let mut table = Table::new(["call", "ours", name]);
        let number = |count: f64| format!("{count:.2}");
        let both = self.ours.calls.keys().chain(theirs.calls.keys());
        let mut calls: Vec<&String> =
            both.filter(|call| self.ours.of(call) >= RARE || theirs.of(call) >= RARE).collect();
        calls.sort_unstable();
        calls.dedup();
        for call in calls {
            table.push([call.clone(), number(self.ours.of(call)), number(theirs.of(call))]);
        }
        table.push(["total".to_owned(), number(self.ours.total()), number(theirs.total())]);
        table
    }
}

impl fmt::Display for Syscalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, theirs) in &self.theirs {
            writeln!(f, "  {}: system calls per request", of(self.connections))?;
            write!(f, "{}", self.table(name, theirs))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    const SUMMARY: &str = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 51.20    0.512000           5    102400           write
 48.70    0.487000           4    102410        10 read
  0.10    0.001000          10       100           epoll_wait
  0.00    0.000000           0         9         9 access
------ ----------- ----------- --------- --------- ----------------
100.00    1.000000           4    204919        19 total
";

    fn counted(requests: u64, summary: &str) -> Counted {
        Counted { requests, calls: parse(summary) }
    }

    #[test]
    fn a_summary_is_read_without_its_total() {
        let calls = parse(SUMMARY);
        assert_eq!(calls.len(), 4);
        assert_eq!((calls["write"], calls["read"], calls["access"]), (102_400, 102_410, 9));
        for wrong in ["", "strace: no such process", "1 2 3", "1.0 2 3 x write"] {
            assert!(parse(wrong).is_empty(), "{wrong}");
        }
    }

    #[test]
    fn what_both_runs_have_is_no_requests() {
        let longer = SUMMARY.replace("102400", "204800").replace("102410", "204810");
        let (short, long) = (counted(102_400, SUMMARY), counted(204_800, &longer));
        let ours = PerRequest::between(&short, &long).expect("it has more requests");
        let theirs = PerRequest { calls: [("epoll_ctl".to_owned(), 2.0)].into() };
        let syscalls = Syscalls { connections: 1, ours, theirs: vec![("wrk", theirs)] };
        expect![[r#"
            output:
              1 connection: system calls per request
                   call  ours   wrk
              epoll_ctl  0.00  2.00
                   read  1.00  0.00
                  write  1.00  0.00
                  total  2.00  2.00
        "#]]
        .assert_eq(&format!("output:\n{syscalls}"));
        assert_eq!(syscalls.json()["ours"]["total"], json!(2.0));
        assert!(PerRequest::between(&long, &short).is_err());
    }
}
