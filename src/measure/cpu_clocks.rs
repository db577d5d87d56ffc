//! Exact CPU time where the kernel refuses to count it through perf events: the clocks that it
//! keeps for each process anyway, which anyone may read.

use std::collections::BTreeMap;

use crate::{
    sample::CpuTimes,
    target::{descendants, usage},
    unit::Nanos,
};

/// The CPU time of processes and of all that they start.
///
/// What has ended keeps the time that was last read of it: what it used after that is missing.
#[derive(Debug, Default)]
pub(super) struct CpuClocks {
    /// Each process, and the place of its time among the others'.
    roots: Vec<(u32, usize)>,
    /// The last reading of each process that was seen, and the place it belongs to.
    seen: BTreeMap<u32, (Nanos, usize)>,
}

impl CpuClocks {
    /// Reads this process and its children from now on, as the one at `of`.
    pub(super) fn watch(&mut self, pid: u32, of: usize) {
        self.roots.push((pid, of));
    }

    /// The CPU time of each so far, user and kernel.
    pub(super) fn read(&mut self) -> CpuTimes {
        let mut places = 0;
        for (root, of) in &self.roots {
            places = places.max(of + 1);
            for pid in std::iter::once(*root).chain(descendants(*root)) {
                let (last, _) = self.seen.entry(pid).or_insert((Nanos(0), *of));
                *last = usage::cpu_time(&[pid]).max(*last);
            }
        }
        let mut times = vec![Nanos(0); places];
        for (time, of) in self.seen.values() {
            times[*of] += *time;
        }
        times.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn children_are_counted_and_keep_their_time_when_they_end() {
        let mut shell = Command::new("sh");
        // It says so when its child has used CPU time, and waits.
        shell
            .args(["-c", "sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo; read x'"]);
        let mut shell =
            shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");
        let mut clocks = CpuClocks::default();
        clocks.watch(shell.id(), 0);
        let mut out = std::io::BufReader::new(shell.stdout.take().expect("piped"));
        std::io::BufRead::read_line(&mut out, &mut String::new()).expect("a line");
        let busy = clocks.read().total();
        assert!(busy > Nanos(1_000_000), "{busy:?}");
        drop(shell.stdin.take());
        shell.wait().expect("it ends");
        assert!(clocks.read().total() >= busy);
    }
}
