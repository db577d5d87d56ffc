//! Maps of generated code that servers write for profilers because we asked for it.

use std::{fs, path::PathBuf};

/// The maps of some processes. Dropping it removes them: a later process of the same id would add
/// to what is there, and its code would get these names.
#[derive(Debug, Default)]
pub struct PerfMaps {
    /// Processes that write one as they go, if they do.
    pids: Vec<u32>,
    /// What processes wrote when they were asked.
    written: Vec<PathBuf>,
}

impl PerfMaps {
    /// The maps of more processes, written or not.
    pub fn add(&mut self, pids: impl Iterator<Item = u32>) {
        self.pids.extend(pids);
    }

    /// A map that was written at one of these places.
    pub(super) fn add_written(&mut self, paths: [PathBuf; 2]) {
        self.written.extend(paths);
    }

    /// Whether no process writes one as it goes.
    pub fn is_empty(&self) -> bool {
        self.pids.is_empty()
    }
}

impl Drop for PerfMaps {
    fn drop(&mut self) {
        let pids = self.pids.iter().map(|pid| format!("/tmp/perf-{pid}.map").into());
        for path in pids.chain(self.written.iter().cloned()) {
            // Many processes have none.
            let _ = fs::remove_file::<PathBuf>(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_maps_of_these_processes_go() {
        // No process has such an id.
        let ids = [4_194_401, 4_194_402];
        let path = |id: u32| format!("/tmp/perf-{id}.map");
        ids.iter().for_each(|id| fs::write(path(*id), "1 1 f\n").expect("a file"));
        let of = |pids: &[u32]| {
            let mut maps = PerfMaps::default();
            maps.add(pids.iter().copied());
            maps
        };
        assert!(PerfMaps::default().is_empty());
        drop(of(&[ids[0], 4_194_403]));
        assert!(!Path::new(&path(ids[0])).exists() && Path::new(&path(ids[1])).exists());
        drop(of(&ids[1..]));
        assert!(!Path::new(&path(ids[1])).exists());
    }
}
