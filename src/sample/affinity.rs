//! Which CPUs threads may use.

use rustix::{
    process::Pid,
    thread::{CpuSet, sched_getaffinity, sched_setaffinity},
};

/// Of more threads than this, the rest are taken to be like those.
const THREADS_MAX: usize = 1024;

/// The CPUs that any of these threads may use; empty where nobody can tell.
pub(super) fn of_threads(threads: impl Iterator<Item = u32>) -> Vec<usize> {
    let mut cpus = Vec::new();
    for tid in threads.take(THREADS_MAX) {
        let pid = i32::try_from(tid).ok().and_then(Pid::from_raw);
        let Some(set) = pid.and_then(|pid| sched_getaffinity(Some(pid)).ok()) else { continue };
        let allowed = (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu));
        cpus.extend(allowed.filter(|cpu| !cpus.contains(cpu)).collect::<Vec<_>>());
    }
    cpus
}

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
