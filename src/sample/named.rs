//! [`NamedCapture`]: stacks whose functions came with their names, from a program that profiles
//! itself or from an interpreter.

use rustc_hash::FxHashMap;

use super::{
    capture::{Counts, RawSample, SampledThread},
    stacks::{RawStack, Stacks},
    tags::Tags,
    timeline::{self, Timeline},
};
use crate::unit::{Hertz, Nanos, Samples};

/// Named stacks over time.
#[derive(Debug)]
pub struct NamedCapture {
    /// When the window began, `CLOCK_MONOTONIC`.
    pub started: Nanos,
    /// When it ended.
    pub ended: Nanos,
    /// How often it was sampled; of several sources with rates of their own, the highest. None
    /// where nothing was taken that could say so.
    pub hz: Option<Hertz>,
    /// The time that the samples stand for.
    pub sampled: Nanos,
    /// Distinct frames.
    pub frames: Vec<NamedFrame>,
    /// Distinct stacks; a parent comes before its children.
    pub stacks: Vec<RawStack>,
    /// The threads seen; one for each process whose source does not tell threads apart.
    pub threads: Vec<SampledThread>,
    /// Samples in the order of time, which counts from `started`. Their weights are shares of
    /// time: where sources have different rates, they are multiples of the shortest period.
    pub samples: Vec<RawSample>,
    /// What is known of the samples' quality.
    pub counts: Counts,
    /// What could not be taken, as sentences.
    pub failures: Vec<String>,
    /// What the random instants of sampling were drawn by; none where they were not random.
    pub seed: Option<u32>,
}

/// A function in a stack.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NamedFrame {
    /// Its name, or what stands for one: `[module]`, `[unknown]`, `[truncated]`.
    pub name: String,
    /// Base name of the file that its code is in.
    pub module: Option<String>,
    /// Its source file.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u32>,
    /// What it is.
    pub kind: NamedKind,
}

/// What a named frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NamedKind {
    /// A function.
    Function,
    /// A function that the compiler inlined into its caller.
    Inlined,
    /// Code without a name.
    Unknown,
    /// The callers above this point are not known.
    Truncated,
}

/// Collects named stacks.
#[derive(Debug)]
pub(super) struct NamedCollector {
    started: Nanos,
    /// The names of the watched processes.
    processes: Vec<String>,
    threads: Vec<Source>,
    /// What threads are weighed together.
    groups: Vec<Group>,
    /// Index into `threads` by process and thread id.
    thread_ids: FxHashMap<(u32, u32), u32>,
    stacks: Stacks<NamedFrame>,
    timeline: Timeline,
    tags: Tags,
    counts: Counts,
    failures: Vec<String>,
}

/// A thread, and how its samples are weighed.
#[derive(Debug)]
struct Source {
    thread: SampledThread,
    /// The time of one sample.
    period: Nanos,
    samples: Samples,
    /// The group that it is weighed with; none weighs its samples by their period.
    group: Option<GroupId>,
}

/// Index into the groups of a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GroupId(usize);

/// Threads whose samples divide up an exact CPU time together.
#[derive(Debug, Default)]
struct Group {
    exact: Nanos,
}

impl NamedCollector {
    /// Begins with the names of the watched processes, in the order of their indexes.
    pub(super) fn new(started: Nanos, processes: Vec<String>) -> Self {
        Self {
            started,
            processes,
            threads: Vec::new(),
            groups: Vec::new(),
            thread_ids: FxHashMap::default(),
            stacks: Stacks::default(),
            timeline: Timeline::new(timeline::CAPACITY),
            tags: Tags::default(),
            counts: Counts::default(),
            failures: Vec::new(),
        }
    }

    pub(super) fn processes(&self) -> &[String] {
        &self.processes
    }

    /// Samples that are taken from now on bear this tag.
    pub(super) fn tag(&mut self, tag: u16) {
        self.tags.set(Nanos::now(), tag);
    }

    /// The index of a thread, which is new or known.
    pub(super) fn thread(&mut self, thread: &SampledThread, period: Nanos) -> u32 {
        let key = (thread.pid, thread.tid);
        *self.thread_ids.entry(key).or_insert_with(|| {
            let (thread, samples) = (thread.clone(), Samples(0));
            self.threads.push(Source { thread, period, samples, group: None });
            self.threads.len() as u32 - 1
        })
    }

    /// Takes a stack, given from the root in, that was seen `weight` times at `time`.
    pub(super) fn take(
        &mut self,
        time: Nanos,
        thread: u32,
        frames: impl Iterator<Item = NamedFrame>,
        weight: Samples,
    ) {
        let mut is_truncated = false;
        let stacks = &mut self.stacks;
        let ids: Vec<_> = frames
            .map(|frame| {
                is_truncated |= frame.kind == NamedKind::Truncated;
                stacks.frame(frame)
            })
            .collect();
        let Some(stack) = stacks.stack(ids.into_iter()) else { return };
        if let Some(source) = self.threads.get_mut(thread as usize) {
            source.samples += weight;
        }
        self.counts.samples += weight;
        self.counts.unwind_failed += if is_truncated { weight } else { Samples(0) };
        let (tag, time) = (self.tags.at(time), time.since(self.started));
        self.timeline.push(RawSample { time, thread, stack, weight, tag });
    }

    pub(super) fn lose(&mut self, samples: Samples) {
        self.counts.lost += samples;
    }

    /// Something was not taken at all.
    pub(super) fn fail(&mut self, why: String) {
        self.counts.bad_records += 1;
        if !self.failures.contains(&why) {
            self.failures.push(why);
        }
    }

    /// A group of threads whose samples will divide up this CPU time.
    pub(super) fn group(&mut self, exact: Nanos) -> GroupId {
        self.groups.push(Group { exact });
        GroupId(self.groups.len() - 1)
    }

    /// A thread is weighed with others of a group.
    pub(super) fn assign(&mut self, thread: u32, group: GroupId) {
        if let Some(source) = self.threads.get_mut(thread as usize) {
            source.group = Some(group);
        }
    }

    /// The threads of a process by their index: the id and the samples of each.
    pub(super) fn threads_of(&self, pid: u32) -> Vec<(u32, u32, Samples)> {
        let all = (0..).zip(&self.threads).filter(|(_, source)| source.thread.pid == pid);
        all.map(|(index, source)| (index, source.thread.tid, source.samples)).collect()
    }

    /// The watched process that a process was seen to belong to.
    pub(super) fn process_of(&self, pid: u32) -> Option<u32> {
        let source = self.threads.iter().find(|source| source.thread.pid == pid);
        source.and_then(|source| source.thread.of).or(Some(0).filter(|_| self.processes.len() == 1))
    }

    /// A process used CPU time of which no sample was seen: one stands for it that is none.
    pub(super) fn add_unseen(&mut self, thread: &SampledThread, period: Nanos, exact: Nanos) {
        let group = self.group(exact);
        let thread = self.thread(thread, period);
        self.assign(thread, group);
        let (module, file, line) = (None, None, None);
        let (name, kind) = ("[not sampled]".to_owned(), NamedKind::Unknown);
        let frame = self.stacks.frame(NamedFrame { name, module, file, line, kind });
        if let Some(stack) = self.stacks.stack([frame].into_iter()) {
            let weight = Samples(1);
            self.timeline.push(RawSample { time: Nanos(0), thread, stack, weight, tag: 0 });
            if let Some(source) = self.threads.get_mut(thread as usize) {
                source.samples += weight;
            }
        }
    }

    pub(super) fn finish(self, ended: Nanos) -> NamedCapture {
        let period = self.threads.iter().map(|source| source.period).min();
        let (scales, sampled) = (self.scales(period.unwrap_or_default()), self.sampled());
        let mut samples = self.timeline.into_samples();
        rescale(&mut samples, &scales);
        let (frames, stacks) = self.stacks.into_parts();
        NamedCapture {
            started: self.started,
            ended,
            hz: period.filter(|period| period.0 > 0).map(hz_of),
            sampled,
            frames,
            stacks,
            threads: self.threads.into_iter().map(|source| source.thread).collect(),
            samples,
            counts: self.counts,
            failures: self.failures,
            seed: None,
        }
    }

    /// The time that the samples stand for: what groups have divided up, and the periods of others.
    fn sampled(&self) -> Nanos {
        let is_used = |index| self.threads.iter().any(|s| s.group == Some(GroupId(index)));
        let groups = self.groups.iter().enumerate().filter(|(index, _)| is_used(*index));
        let exact: Nanos = groups.map(|(_, group)| group.exact).sum();
        let others = self.threads.iter().filter(|source| source.group.is_none());
        let periods = others.map(|source| source.samples.0.saturating_mul(source.period.0));
        exact + periods.map(Nanos).sum()
    }

    /// How the weights of each thread's samples become multiples of `period`.
    fn scales(&self, period: Nanos) -> Vec<Scale> {
        let period = period.0.max(1) as f64;
        let mut in_group = vec![0.0; self.groups.len()];
        for source in &self.threads {
            if let Some(GroupId(group)) = source.group {
                in_group[group] += source.samples.0 as f64;
            }
        }
        let scale = |(index, source): (usize, &Source)| match source.group {
            Some(GroupId(group)) => Scale {
                factor: self.groups[group].exact.0 as f64 / period / in_group[group].max(1.0),
                rest: group,
            },
            None => {
                Scale { factor: source.period.0 as f64 / period, rest: self.groups.len() + index }
            }
        };
        self.threads.iter().enumerate().map(scale).collect()
    }
}

/// How the weights of a thread's samples are changed.
#[derive(Debug, Clone, Copy)]
struct Scale {
    factor: f64,
    /// Who shares the rest of rounding with it.
    rest: usize,
}

/// The whole number of samples a second that is nearest.
pub(super) fn hz_of(period: Nanos) -> Hertz {
    Hertz((1e9 / period.0.max(1) as f64).round().clamp(1.0, f64::from(u32::MAX)) as u32)
}

/// Multiplies the weights of samples by their thread's factor. What rounding takes from one, the
/// next of its group gets, so that sums stay right; one that comes to nothing goes.
fn rescale(samples: &mut Vec<RawSample>, scales: &[Scale]) {
    let mut rests: FxHashMap<usize, f64> = FxHashMap::default();
    samples.retain_mut(|sample| {
        let Some(scale) = scales.get(sample.thread as usize) else { return false };
        let rest = rests.entry(scale.rest).or_default();
        let due = sample.weight.0 as f64 * scale.factor + *rest;
        let given = due.round().max(0.0);
        *rest = due - given;
        sample.weight = Samples(given as u64);
        given > 0.0
    });
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn thread(tid: u32) -> SampledThread {
        SampledThread { pid: 1, tid, of: None, process: "p".to_owned(), name: "p".to_owned() }
    }

    fn frame(name: &str) -> NamedFrame {
        let (module, file, line) = (None, None, None);
        NamedFrame { name: name.to_owned(), module, file, line, kind: NamedKind::Function }
    }

    fn weights(capture: &NamedCapture, thread: u32) -> u64 {
        let own = capture.samples.iter().filter(|sample| sample.thread == thread);
        own.map(|sample| sample.weight.0).sum()
    }

    #[test]
    fn sources_with_different_rates_are_comparable() {
        let mut collector = NamedCollector::new(Nanos(0), Vec::new());
        let slow = collector.thread(&thread(1), Nanos(10_000_000));
        let fast = collector.thread(&thread(2), Nanos(1_000_000));
        collector.take(Nanos(5), slow, [frame("a")].into_iter(), Samples(3));
        collector.take(Nanos(7), fast, [frame("a"), frame("b")].into_iter(), Samples(30));
        let capture = collector.finish(Nanos(10));
        assert_eq!((weights(&capture, slow), weights(&capture, fast)), (30, 30));
        assert_eq!(capture.hz, Some(Hertz(1000)));
        assert_eq!((capture.counts.samples, capture.sampled), (Samples(33), Nanos(60_000_000)));
        assert_eq!((capture.frames.len(), capture.stacks.len()), (2, 2));
    }

    #[test]
    fn exact_time_is_divided_among_a_threads_samples() {
        let mut collector = NamedCollector::new(Nanos(0), Vec::new());
        let period = Nanos(5_000_000);
        let [busy, idle] = [1, 2].map(|tid| collector.thread(&thread(tid), period));
        for time in 0..100 {
            for thread in [busy, idle] {
                collector.take(Nanos(time), thread, [frame("a")].into_iter(), Samples(1));
            }
        }
        for (thread, exact) in [(busy, 400_000_000), (idle, 100_000_000)] {
            let group = collector.group(Nanos(exact));
            collector.assign(thread, group);
        }
        let capture = collector.finish(Nanos(100));
        assert_eq!((weights(&capture, busy), weights(&capture, idle)), (80, 20));
        assert_eq!(capture.sampled, Nanos(500_000_000));
        assert_eq!(capture.counts.samples, Samples(200));
    }

    #[test]
    fn many_threads_with_few_samples_share_what_is_exact() {
        let mut collector = NamedCollector::new(Nanos(0), vec!["p".to_owned()]);
        let period = Nanos(5_000_000);
        let group = collector.group(Nanos(700_000_000));
        for tid in 0..100 {
            let thread = collector.thread(&thread(tid), period);
            collector.take(Nanos(0), thread, [frame("a")].into_iter(), Samples(2));
            collector.assign(thread, group);
        }
        collector.add_unseen(&thread(1000), period, Nanos(50_000_000));
        let capture = collector.finish(Nanos(1));
        let all: u64 = capture.samples.iter().map(|sample| sample.weight.0).sum();
        assert_eq!((all, weights(&capture, 100)), (150, 10));
        assert_eq!(capture.counts.samples, Samples(200));
    }

    #[test]
    fn what_is_truncated_and_lost_is_counted() {
        let mut collector = NamedCollector::new(Nanos(0), Vec::new());
        let thread = collector.thread(&thread(1), Nanos(1));
        let cut = NamedFrame { kind: NamedKind::Truncated, ..frame("[truncated]") };
        collector.take(Nanos(0), thread, [cut, frame("a")].into_iter(), Samples(2));
        collector.take(Nanos(0), thread, std::iter::empty(), Samples(9));
        collector.lose(Samples(3));
        collector.fail("why".to_owned());
        collector.fail("why".to_owned());
        let capture = collector.finish(Nanos(1));
        assert_eq!((capture.counts.samples, capture.counts.truncated()), (Samples(2), Samples(2)));
        assert_eq!((capture.counts.lost, capture.counts.bad_records), (Samples(3), 2));
        assert_eq!(capture.failures, ["why"]);
    }

    proptest! {
        #[test]
        fn rounding_loses_less_than_a_sample_of_a_thread(
            weights in prop::collection::vec((0_u32..3, 1_u64..20), 0..200),
            factors in prop::collection::vec(0.01_f64..10.0, 3),
        ) {
            let sample = |&(thread, weight): &(u32, u64)| RawSample {
                time: Nanos(0),
                thread,
                stack: crate::sample::RawStackId(0),
                weight: Samples(weight),
                tag: 0,
            };
            let mut samples: Vec<RawSample> = weights.iter().map(sample).collect();
            let scales = factors.iter().enumerate();
            let scales: Vec<Scale> =
                scales.map(|(rest, &factor)| Scale { factor, rest }).collect();
            rescale(&mut samples, &scales);
            for thread in 0..3_u32 {
                let of = |weights: &mut dyn Iterator<Item = (u32, u64)>| -> u64 {
                    weights.filter(|(of, _)| *of == thread).map(|(_, weight)| weight).sum()
                };
                let before = of(&mut weights.iter().copied());
                let after = of(&mut samples.iter().map(|s| (s.thread, s.weight.0)));
                let wanted = before as f64 * factors[thread as usize];
                prop_assert!((after as f64 - wanted).abs() <= 0.5 + 1e-6, "{} {}", after, wanted);
            }
        }
    }
}
