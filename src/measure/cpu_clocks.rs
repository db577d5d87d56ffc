//! Exact CPU time where the kernel refuses to count it through perf events: the clocks that it
//! keeps for each process anyway, which anyone may read.

use std::collections::BTreeMap;

use crate::{
    target::{descendants, usage},
    unit::Nanos,
};

/// The CPU time of processes and of all that they start.
///
/// What has ended keeps the time that was last read of it: what it used after that is missing.
#[derive(Debug, Default)]
pub(super) struct CpuClocks {
    roots: Vec<u32>,
    /// The last reading of each process that was seen.
    seen: BTreeMap<u32, Nanos>,
}

impl CpuClocks {
    /// Reads this process and its children from now on.
    pub(super) fn watch(&mut self, pid: u32) {
        self.roots.push(pid);
    }

    /// The CPU time so far, user and kernel.
    pub(super) fn read(&mut self) -> Nanos {
        let children = self.roots.iter().flat_map(|pid| descendants(*pid));
        for pid in self.roots.iter().copied().chain(children).collect::<Vec<_>>() {
            let last = self.seen.entry(pid).or_default();
            *last = usage::cpu_time(&[pid]).max(*last);
        }
        self.seen.values().copied().sum()
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
        clocks.watch(shell.id());
        let mut out = std::io::BufReader::new(shell.stdout.take().expect("piped"));
        std::io::BufRead::read_line(&mut out, &mut String::new()).expect("a line");
        let busy = clocks.read();
        assert!(busy > Nanos(1_000_000), "{busy:?}");
        drop(shell.stdin.take());
        shell.wait().expect("it ends");
        assert!(clocks.read() >= busy);
    }
}
