//! Takes the records of all rings in the order of time and keeps what they say: who runs, what is
//! mapped where, and the unwound stack of each sample.

use std::mem;

use rustc_hash::FxHashMap;

use super::{
    access::SampleError,
    attach,
    bound::{BoundFunction, bound_functions},
    capture::{Counts, RawSample, SampledThread},
    module::{KERNEL, Module, Modules},
    owners::Owners,
    periods::Periods,
    record::{self, Mapping, Record, Sample},
    ring::Stream,
    space::AddressSpace,
    stacks::{RawFrame, RawFrameId, RawStack, Stacks},
    tags::Tags,
    timeline::{self, Timeline},
    unwind::{End, RuleCache},
};
use crate::unit::{Nanos, Samples};

/// A thread that starts more processes than this starts one for each of its tasks; with fewer, they
/// are its workers.
const FORKS_MANY: u32 = 48;

/// Keeps what the records say.
pub(super) struct Collector {
    spaces: FxHashMap<u32, AddressSpace>,
    /// What each process that was watched, and each of its descendants, belongs to.
    owners: Owners,
    threads: Vec<SampledThread>,
    /// Index into `threads` by thread id; an id that is used again gets a new entry.
    thread_ids: FxHashMap<u32, u32>,
    /// Whether the records are of whatever runs, so that those of others have to be left out.
    sees_others: bool,
    /// What the samples of each ring stand for.
    pub(super) periods: Periods,
    modules: Modules,
    stacks: Stacks,
    timeline: Timeline,
    tags: Tags,
    counts: Counts,
    /// What the counts were when copies were last found too small.
    judged: Counts,
    /// The mappings that were read of processes that ran before.
    adopted: FxHashMap<u32, Vec<Mapping>>,
    rules: RuleCache,
    /// How many processes each thread has started.
    forks: FxHashMap<u32, u32>,
    /// The threads of which that is much, once each.
    forkers: Vec<u32>,
    /// Where the kernel cuts callchains.
    callchain_max: usize,
    /// Samples are kept from this instant on; before it they only warm the caches.
    window_start: Nanos,
    /// The stack being unwound, from the innermost frame out.
    addresses: Vec<u64>,
    frames: Vec<RawFrameId>,
}

impl Collector {
    /// Of all records where events are opened on what is watched alone; else of those that are of
    /// it, and `sees_others`.
    pub(super) fn new(sees_others: bool, periods: Periods) -> Self {
        Self {
            spaces: FxHashMap::default(),
            owners: Owners::default(),
            threads: Vec::new(),
            thread_ids: FxHashMap::default(),
            sees_others,
            periods,
            modules: Modules::new(),
            stacks: Stacks::default(),
            timeline: Timeline::new(timeline::CAPACITY),
            tags: Tags::default(),
            counts: Counts::default(),
            judged: Counts::default(),
            adopted: FxHashMap::default(),
            rules: RuleCache::new(),
            forks: FxHashMap::default(),
            forkers: Vec::new(),
            callchain_max: attach::callchain_max(),
            window_start: Nanos(0),
            addresses: Vec::new(),
            frames: Vec::new(),
        }
    }

    /// From now on, a process and what it forks belong to what is watched as `of`.
    pub(super) fn belongs(&mut self, pid: u32, of: u32) {
        self.owners.set(pid, of);
    }

    /// Learns what a process that runs already has mapped, and the names of its threads; the next
    /// time, what is new.
    pub(super) fn adopt(&mut self, pid: u32) -> Result<(), SampleError> {
        let mappings = attach::mappings(pid)?;
        let known = self.adopted.remove(&pid).unwrap_or_default();
        for mapping in mappings.iter().filter(|mapping| !known.contains(mapping)) {
            self.map(mapping);
        }
        self.adopted.insert(pid, mappings);
        self.name(pid, pid, attach::thread_name(pid, pid));
        for tid in attach::threads(pid)? {
            self.name(pid, tid, attach::thread_name(pid, tid));
        }
        Ok(())
    }

    /// Whether copies are too small, from the counts since this was last asked and true: `judge`
    /// says so.
    pub(super) fn judge_copies(&mut self, judge: impl FnOnce(&Counts) -> bool) -> bool {
        let since = Counts {
            samples: Samples(self.counts.samples.0 - self.judged.samples.0),
            dump_exhausted: Samples(self.counts.dump_exhausted.0 - self.judged.dump_exhausted.0),
            ..Counts::default()
        };
        let is_so = judge(&since);
        if is_so {
            self.judged = self.counts;
        }
        is_so
    }

    /// Everything, with nothing left behind.
    pub(super) fn take_all(&mut self) -> Self {
        mem::replace(self, Self::new(false, Periods::of(0, Nanos(0))))
    }

    /// Forgets the samples so far and begins the window that counts.
    pub(super) fn begin_window(&mut self, start: Nanos) {
        self.window_start = start;
        self.periods.begin_window();
        self.timeline.clear();
        self.counts = Counts::default();
        self.judged = Counts::default();
    }

    /// Samples that are taken from `since` on bear this tag.
    pub(super) fn tag(&mut self, since: Nanos, tag: u16) {
        self.tags.set(since, tag);
    }

    /// Threads that have turned out to start many processes, since this was last asked.
    pub(super) fn take_forkers(&mut self) -> Vec<u32> {
        mem::take(&mut self.forkers)
    }

    /// The threads of what is watched that are known to live.
    pub(super) fn live_threads(&self) -> impl Iterator<Item = u32> + '_ {
        self.thread_ids.keys().copied()
    }

    pub(super) fn counts(&self) -> Counts {
        let (rule_hits, rule_misses) = self.rules.hits_and_misses();
        Counts { rule_hits, rule_misses, ..self.counts }
    }

    /// Takes every record made before `until`, the oldest of all rings first.
    pub(super) fn drain(&mut self, streams: &mut [impl Stream], until: Nanos) {
        let mut next: Vec<Option<Nanos>> = streams.iter_mut().map(next_time).collect();
        loop {
            let oldest = next.iter().enumerate().filter_map(|(i, time)| Some(((*time)?, i))).min();
            let Some((time, index)) = oldest.filter(|(time, _)| *time <= until) else { return };
            let stream = &mut streams[index];
            if let Some(bytes) = stream.peek() {
                self.take(bytes, time, index);
            }
            stream.pop();
            next[index] = next_time(stream);
        }
    }

    fn take(&mut self, bytes: &[u8], time: Nanos, ring: usize) {
        let Some(record) = record::decode(bytes) else {
            self.counts.bad_records += 1;
            return;
        };
        if self.sees_others && !self.is_ours(&record) {
            return;
        }
        match record {
            Record::Sample(sample) => self.sample(&sample, ring),
            Record::Mapping(mapping) => self.map(&mapping),
            Record::Name { pid, tid, name, exec } => {
                if exec {
                    self.spaces.insert(pid, AddressSpace::new());
                }
                self.name(pid, tid, name);
            }
            Record::Fork { pid, parent_pid, tid, parent_tid } => {
                self.fork((pid, tid), (parent_pid, parent_tid));
            }
            Record::Exit { pid, tid } => {
                self.thread_ids.remove(&tid);
                self.forks.remove(&tid);
                if !self.thread_ids.values().any(|index| self.threads[*index as usize].pid == pid) {
                    self.spaces.remove(&pid);
                    self.owners.forget(pid);
                }
            }
            Record::Lost { records } if time >= self.window_start => {
                self.counts.lost += Samples(records);
            }
            Record::Throttle if time >= self.window_start => self.counts.throttled += 1,
            Record::Lost { .. } | Record::Throttle | Record::Other => {}
        }
    }

    fn is_ours(&mut self, record: &Record<'_>) -> bool {
        match record {
            Record::Sample(Sample { pid, .. }) => self.owners.of(*pid).is_some(),
            Record::Mapping(Mapping { pid, .. })
            | Record::Name { pid, .. }
            | Record::Exit { pid, .. } => self.owners.is_known(*pid),
            Record::Fork { pid, parent_pid, .. } => {
                // Its id may have been another's.
                if pid != parent_pid {
                    self.owners.forget(*pid);
                }
                self.owners.is_known(*parent_pid)
            }
            Record::Lost { .. } | Record::Throttle | Record::Other => true,
        }
    }

    fn fork(&mut self, (pid, tid): (u32, u32), (parent_pid, parent_tid): (u32, u32)) {
        self.owners.inherit(pid, parent_pid);
        if pid != parent_pid {
            let forks = self.forks.entry(parent_tid).or_default();
            *forks = forks.saturating_add(1);
            if *forks == FORKS_MANY {
                self.forkers.push(parent_tid);
            }
        }
        if pid != parent_pid
            && let Some(space) = self.spaces.get(&parent_pid).cloned()
        {
            self.spaces.insert(pid, space);
        }
        let name = self.thread_name(parent_tid);
        self.name(pid, tid, name);
    }

    fn map(&mut self, mapping: &Mapping) {
        let space = self.spaces.entry(mapping.pid).or_insert_with(AddressSpace::new);
        // Memory without a name over the code of a file: often that very code, on larger pages.
        let range = mapping.address..mapping.address.saturating_add(mapping.length);
        let is_moved = mapping.executable && !mapping.is_in_file() && space.has_file(&range);
        let file = is_moved.then(|| attach::file_at(mapping.pid, &range)).flatten();
        space.map(file.as_ref().unwrap_or(mapping), &mut self.modules);
    }

    fn sample(&mut self, sample: &Sample<'_>, ring: usize) {
        let period = self.periods.at(ring, sample.time);
        if sample.time < self.window_start {
            return;
        }
        self.meet(sample.pid);
        self.frames.clear();
        self.push_kernel_frames(sample);
        let end = self.push_user_frames(sample);
        match end {
            End::Root => {}
            End::DumpExhausted => self.counts.dump_exhausted += Samples(1),
            End::TooDeep => self.counts.too_deep += Samples(1),
            End::NoRules => self.counts.without_rules += Samples(1),
            End::Lost => self.counts.unwind_failed += Samples(1),
        }
        if end != End::Root {
            self.frames.push(self.stacks.frame(RawFrame::Truncated));
        }
        if self.frames.is_empty() {
            // Neither kernel nor user frames: it still was CPU time, of code that is not known.
            self.frames.push(self.stacks.frame(RawFrame::Unmapped));
        }
        self.counts.samples += Samples(1);
        self.counts.sampled += period;
        let thread = self.thread(sample.pid, sample.tid);
        if let Some(stack) = self.stacks.stack(self.frames.iter().rev().copied()) {
            let time = sample.time.since(self.window_start);
            let tag = self.tags.at(sample.time);
            self.timeline.push(RawSample { time, thread, stack, weight: Samples(1), tag });
        }
    }

    fn push_kernel_frames(&mut self, sample: &Sample<'_>) {
        let mut innermost = true;
        for address in sample.callchain.kernel() {
            // All but the innermost are return addresses: one less lies in the call.
            let address =
                if mem::take(&mut innermost) { address } else { address.saturating_sub(1) };
            let frame = RawFrame::Address { module: KERNEL, address };
            self.frames.push(self.stacks.frame(frame));
        }
    }

    /// A process whose start was missed still has its mappings in procfs.
    fn meet(&mut self, pid: u32) {
        if self.sees_others && !self.spaces.contains_key(&pid) {
            // One that has ended meanwhile has no names.
            let _ = self.adopt(pid);
        }
    }

    fn push_user_frames(&mut self, sample: &Sample<'_>) -> End {
        if sample.callchain.kernel().count() >= self.callchain_max {
            return End::TooDeep;
        }
        // A thread without user registers is on its way out: its kernel frames are all there is.
        let Some(registers) = sample.registers else { return End::Root };
        let space = self.spaces.entry(sample.pid).or_insert_with(AddressSpace::new);
        self.addresses.clear();
        let end = space.follow(
            sample,
            registers,
            self.callchain_max,
            &mut self.rules,
            &mut self.addresses,
        );
        for address in &self.addresses {
            self.frames.push(space.frame(*address, &mut self.stacks));
        }
        end
    }

    fn thread(&mut self, pid: u32, tid: u32) -> u32 {
        match self.thread_ids.get(&tid) {
            Some(index) => *index,
            None => self.name(pid, tid, String::new()),
        }
    }

    fn thread_name(&self, tid: u32) -> String {
        let thread = self.thread_ids.get(&tid).and_then(|index| self.threads.get(*index as usize));
        thread.map(|thread| thread.name.clone()).unwrap_or_default()
    }

    /// Names a thread, and its process if it is the main one.
    fn name(&mut self, pid: u32, tid: u32, name: String) -> u32 {
        if pid == tid {
            for thread in self.threads.iter_mut().filter(|thread| thread.pid == pid) {
                thread.process.clone_from(&name);
            }
        }
        let index = *self.thread_ids.entry(tid).or_insert_with(|| {
            let main = self.threads.iter().find(|thread| thread.pid == pid);
            let process = main.map_or_else(|| name.clone(), |thread| thread.process.clone());
            let of = self.owners.of(pid);
            self.threads.push(SampledThread { pid, tid, of, process, name: String::new() });
            self.threads.len() as u32 - 1
        });
        if let Some(thread) = self.threads.get_mut(index as usize) {
            thread.name = name;
        }
        index
    }

    /// Names, from the memory of the processes that live, what their loaders bound.
    fn bound_functions(&self) -> Vec<BoundFunction> {
        let mut bound: Vec<BoundFunction> = Vec::new();
        for (pid, space) in &self.spaces {
            for function in bound_functions(*pid, space, &self.modules) {
                if !bound.contains(&function) {
                    bound.push(function);
                }
            }
        }
        bound.sort_by_key(|function| (function.module, function.range.start));
        bound
    }

    /// Everything kept, as parts of a capture.
    pub(super) fn into_parts(self) -> Parts {
        let bound = self.bound_functions();
        let counts = self.counts();
        let (frames, stacks) = self.stacks.into_parts();
        Parts {
            modules: self.modules.all().to_vec(),
            frames,
            stacks,
            threads: self.threads,
            samples: self.timeline.into_samples(),
            bound,
            counts,
            duty: self.periods.duty(),
        }
    }
}

/// What a collector kept.
pub(super) struct Parts {
    pub(super) modules: Vec<Module>,
    pub(super) frames: Vec<RawFrame>,
    pub(super) stacks: Vec<RawStack>,
    pub(super) threads: Vec<SampledThread>,
    pub(super) samples: Vec<RawSample>,
    pub(super) bound: Vec<BoundFunction>,
    pub(super) counts: Counts,
    /// The part of the time that samples can stand for.
    pub(super) duty: f64,
}

/// When a stream's next record was made. One whose time cannot be read sorts first, so that it is
/// counted and does not hold up the rest.
fn next_time(stream: &mut impl Stream) -> Option<Nanos> {
    stream.peek().map(|bytes| record::time(bytes).unwrap_or_default())
}

#[cfg(test)]
#[path = "collector_tests.rs"]
mod tests;
