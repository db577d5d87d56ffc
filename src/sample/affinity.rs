//! Keeps the threads of a sampler on their CPUs.

use rustix::thread::{CpuSet, sched_setaffinity};

/// Keeps the calling thread to these CPUs; anywhere if there are none.
pub(super) fn keep_to(cpus: &[usize]) {
    if cpus.is_empty() {
        return;
    }
    let mut set = CpuSet::new();
    cpus.iter().filter(|cpu| **cpu < CpuSet::MAX_CPU).for_each(|cpu| set.set(*cpu));
    // Elsewhere it works as well, only closer to the server.
    let _ = sched_setaffinity(None, &set);
}
