//! Exact CPU time without perf events: the clocks that the kernel keeps for each process anyway,
//! which anyone may read, and which cost the process nothing.

use std::collections::BTreeMap;

use super::CpuTimes;
use crate::{
    os::{
        process::{descendants, read_stat},
        sys::cpu_time,
    },
    unit::Nanos,
};

/// The CPU time of processes and of all that they start.
///
/// A child that has ended is in the time of the parent that waited for it, to the clock tick
/// (10 ms on most systems). Where nobody waits for it, it keeps the time that was last read.
#[derive(Debug, Default)]
pub struct CpuClocks {
    /// Each process, and the place of its time among the others'.
    roots: Vec<(u32, usize)>,
    /// The last reading of each process that lives.
    seen: BTreeMap<u32, Reading>,
    /// By place, the time of processes that ended without being waited for.
    unclaimed: Vec<Nanos>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    of: usize,
    parent: u32,
    /// Its own time, and that of the children that it waited for.
    own: Nanos,
    reaped: Nanos,
}

impl CpuClocks {
    /// Reads this process and its children from now on, as the one at `of`.
    pub fn watch(&mut self, pid: u32, of: usize) {
        if self.roots.iter().any(|(root, _)| *root == pid) {
            return;
        }
        self.roots.push((pid, of));
        let places = self.unclaimed.len().max(of + 1);
        self.unclaimed.resize(places, Nanos(0));
    }

    /// The CPU time of each so far, user and kernel.
    pub fn read(&mut self) -> CpuTimes {
        let mut now = BTreeMap::new();
        for (root, of) in &self.roots {
            for pid in std::iter::once(*root).chain(descendants(*root)) {
                if let Some(reading) = Reading::of(pid, *of) {
                    now.entry(pid).or_insert(reading);
                }
            }
        }
        self.settle(&now);
        self.seen = now;
        let mut times = self.unclaimed.clone();
        for Reading { of, own, reaped, .. } in self.seen.values() {
            if let Some(time) = times.get_mut(*of) {
                *time += *own + *reaped;
            }
        }
        times.into_iter().collect()
    }

    /// Keeps the time of what has ended since the last reading, unless a parent has it now.
    fn settle(&mut self, now: &BTreeMap<u32, Reading>) {
        let mut ended: BTreeMap<(usize, u32), Nanos> = BTreeMap::new();
        for (pid, reading) in self.seen.iter().filter(|(pid, _)| !now.contains_key(*pid)) {
            let parent = if *pid == reading.parent { 0 } else { reading.parent };
            *ended.entry((reading.of, parent)).or_default() += reading.own + reading.reaped;
        }
        for ((of, parent), time) in ended {
            let reaped = |readings: &BTreeMap<u32, Reading>| {
                readings.get(&parent).map(|reading| reading.reaped).unwrap_or_default()
            };
            let claimed = reaped(now).since(reaped(&self.seen));
            if let Some(kept) = self.unclaimed.get_mut(of) {
                *kept += time.since(claimed);
            }
        }
    }
}

impl Reading {
    fn of(pid: u32, of: usize) -> Option<Self> {
        let stat = read_stat(pid)?;
        let own = cpu_time(pid)?;
        Some(Self { of, parent: stat.parent, own, reaped: stat.reaped })
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead as _, BufReader},
        process::{Command, Stdio},
    };

    use super::*;

    /// A shell that does something, says so, and waits.
    fn after(work: &str, check: impl FnOnce(&mut CpuClocks)) -> CpuTimes {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{work}; echo; read x")]);
        let mut shell =
            shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");
        let mut clocks = CpuClocks::default();
        clocks.watch(shell.id(), 0);
        let mut out = BufReader::new(shell.stdout.take().expect("piped"));
        out.read_line(&mut String::new()).expect("a line");
        check(&mut clocks);
        drop(shell.stdin.take());
        shell.wait().expect("it ends");
        clocks.read()
    }

    const BUSY: &str = "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done";

    #[test]
    fn children_that_were_never_seen_are_counted_where_they_were_waited_for() {
        // Some 30 ms here: more than the ticks that it is counted in.
        after(&format!("sh -c '{BUSY}; {BUSY}; {BUSY}'"), |clocks| {
            let all = clocks.read().total();
            let own = clocks.seen.values().map(|reading| reading.own).sum::<Nanos>();
            assert!(all > own + Nanos(9_000_000), "{all:?} of which {own:?}");
        });
    }

    #[test]
    fn what_has_ended_keeps_its_time() {
        let mut busy = Nanos(0);
        let end = after(BUSY, |clocks| {
            busy = clocks.read().total();
            assert!(busy > Nanos(1_000_000), "{busy:?}");
        });
        let _ = end;
        let mut clocks = CpuClocks::default();
        clocks.watch(1, 0);
        let reading = Reading { of: 0, parent: 7, own: Nanos(50), reaped: Nanos(5) };
        let parent = Reading { of: 0, parent: 1, own: Nanos(9), reaped: Nanos(0) };
        clocks.seen = BTreeMap::from([(8, reading), (7, parent)]);
        // Its parent has most of it.
        clocks.settle(&BTreeMap::from([(7, Reading { reaped: Nanos(40), ..parent })]));
        assert_eq!(clocks.unclaimed, [Nanos(15)]);
    }
}
