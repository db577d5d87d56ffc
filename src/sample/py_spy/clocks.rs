//! How much CPU time the samples divide up, exactly: that of threads, and of processes.

use std::collections::BTreeMap;

use super::{ProcessClock, proc};
use crate::{
    sample::{attach::thread_name, capture::SampledThread, named::NamedCollector},
    unit::{Nanos, Samples},
};

/// A thread with fewer samples shares its CPU time with others of its process: so few say little
/// of what it did.
const SAMPLES_MIN: Samples = Samples(20);

/// CPU times of threads and processes while sampling was on.
#[derive(Debug)]
pub(super) struct Clocks {
    pub(super) clock: ProcessClock,
    processes: BTreeMap<u32, Span>,
    threads: BTreeMap<(u32, u32), Span>,
}

/// A clock that is read where an interval begins and where it ends.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    /// Its reading where the interval began; none outside of one.
    begun: Option<Nanos>,
    /// All intervals together.
    total: Nanos,
}

impl Span {
    fn end(&mut self, now: Nanos) {
        if let Some(begun) = self.begun.take() {
            self.total += now.since(begun);
        }
    }
}

impl Clocks {
    pub(super) fn new(clock: ProcessClock) -> Self {
        Self { clock, processes: BTreeMap::new(), threads: BTreeMap::new() }
    }

    /// An interval begins for these processes.
    pub(super) fn begin(&mut self, pids: &[u32]) {
        for pid in pids {
            self.processes.entry(*pid).or_default().begun = Some((self.clock)(*pid));
            for (tid, time) in proc::thread_times(*pid) {
                self.threads.entry((*pid, tid)).or_default().begun = Some(time);
            }
        }
    }

    /// A process is sampled in this interval: if it is new, its interval begins now.
    pub(super) fn meet(&mut self, pid: u32) {
        if self.processes.get(&pid).is_none_or(|process| process.begun.is_none()) {
            self.begin(&[pid]);
        }
    }

    /// The interval ends.
    pub(super) fn end(&mut self) {
        for (pid, process) in &mut self.processes {
            process.end((self.clock)(*pid));
            for (tid, time) in proc::thread_times(*pid) {
                // One that started meanwhile has all its time in the interval.
                let thread = self.threads.entry((*pid, tid)).or_default();
                thread.begun.get_or_insert(Nanos(0));
                thread.end(time);
            }
        }
        // Threads that have ended show no time any more: it is in that of their process.
        self.threads.values_mut().for_each(|thread| thread.begun = None);
    }

    /// Divides the CPU time of each process among its samples: that of a thread with enough of
    /// them among its own, the rest among those of all others.
    pub(super) fn divide(&self, collector: &mut NamedCollector, period: Nanos) {
        for (pid, process) in &self.processes {
            let (mut rest, mut others) = (process.total, Vec::new());
            for (thread, tid, samples) in collector.threads_of(*pid) {
                let own = self.threads.get(&(*pid, tid)).map(|thread| thread.total);
                match own.filter(|_| samples >= SAMPLES_MIN) {
                    Some(own) => {
                        let group = collector.group(own);
                        collector.assign(thread, group);
                        rest = rest - own;
                    }
                    None => others.push(thread),
                }
            }
            if !others.is_empty() {
                let group = collector.group(rest);
                others.into_iter().for_each(|thread| collector.assign(thread, group));
            } else if rest >= period {
                let process = thread_name(*pid, *pid);
                let of = collector.process_of(*pid);
                let thread =
                    SampledThread { pid: *pid, tid: 0, of, name: process.clone(), process };
                collector.add_unseen(&thread, period, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::named::{NamedCapture, NamedFrame, NamedKind};

    const PERIOD: Nanos = Nanos(5_000_000);

    fn no_clock(_: u32) -> Nanos {
        Nanos(0)
    }

    /// Processes and threads with these CPU times in milliseconds.
    fn clocks(processes: &[(u32, u64)], threads: &[((u32, u32), u64)]) -> Clocks {
        let span = |ms: u64| Span { begun: None, total: Nanos(ms * 1_000_000) };
        Clocks {
            clock: no_clock,
            processes: processes.iter().map(|(pid, ms)| (*pid, span(*ms))).collect(),
            threads: threads.iter().map(|(key, ms)| (*key, span(*ms))).collect(),
        }
    }

    /// What is left of so many samples of each thread.
    fn divided(clocks: &Clocks, samples: &[((u32, u32), u64)]) -> NamedCapture {
        let mut collector = NamedCollector::new(Nanos(0), vec!["p".to_owned()]);
        for ((pid, tid), count) in samples {
            let (process, name) = ("python".to_owned(), "python".to_owned());
            let thread = SampledThread { pid: *pid, tid: *tid, of: Some(0), process, name };
            let thread = collector.thread(&thread, PERIOD);
            let (name, kind) = ("f".to_owned(), NamedKind::Function);
            let frame = NamedFrame { name, module: None, file: None, line: None, kind };
            collector.take(Nanos(0), thread, [frame].into_iter(), Samples(*count));
        }
        clocks.divide(&mut collector, PERIOD);
        collector.finish(Nanos(1))
    }

    fn weight(capture: &NamedCapture, key: (u32, u32)) -> u64 {
        let thread = |index: u32| &capture.threads[index as usize];
        let is_of = |index: u32| (thread(index).pid, thread(index).tid) == key;
        let own = capture.samples.iter().filter(|sample| is_of(sample.thread));
        own.map(|sample| sample.weight.0).sum()
    }

    #[test]
    fn a_thread_with_enough_samples_has_its_own_time_and_others_share_the_rest() {
        let clocks =
            clocks(&[(1, 1000)], &[((1, 1), 500), ((1, 2), 400), ((1, 3), 1), ((1, 4), 9)]);
        // Seen alike, though the first two used most of the time.
        let seen = [((1, 1), 100), ((1, 2), 100), ((1, 3), 10), ((1, 4), 10)];
        let capture = divided(&clocks, &seen);
        let found = seen.map(|(key, _)| weight(&capture, key));
        assert_eq!(found, [100, 80, 10, 10], "multiples of 5 ms");
    }

    #[test]
    fn time_without_a_sample_is_told() {
        let capture = divided(&clocks(&[(1, 300), (2, 50)], &[((1, 1), 200)]), &[((1, 1), 50)]);
        assert_eq!(weight(&capture, (1, 1)), 40);
        assert_eq!((weight(&capture, (1, 0)), weight(&capture, (2, 0))), (20, 10));
        assert!(capture.frames.iter().any(|frame| frame.name == "[not sampled]"));
    }

    #[test]
    fn intervals_add_up() {
        static CLOCK: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        fn clock(_: u32) -> Nanos {
            Nanos(CLOCK.fetch_add(1_000, std::sync::atomic::Ordering::Relaxed))
        }
        let mut clocks = Clocks::new(clock);
        let pid = std::process::id();
        for _ in 0..3 {
            clocks.begin(&[pid]);
            // It is known already.
            clocks.meet(pid);
            clocks.end();
        }
        assert_eq!(clocks.processes[&pid].total, Nanos(3_000));
        let own = clocks.threads.iter().filter(|((of, _), _)| *of == pid);
        assert!(own.count() > 0);
    }
}
