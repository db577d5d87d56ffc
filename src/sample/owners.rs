//! Which watched process each process belongs to: itself, or the one that it descends from.

use rustc_hash::{FxHashMap, FxHashSet};

use super::attach;

/// Ancestors are followed so far; more would be a table read in mid-change.
const GENERATIONS_MAX: usize = 64;

/// Which watched process each process belongs to.
#[derive(Debug, Default)]
pub(super) struct Owners {
    known: FxHashMap<u32, u32>,
    /// Processes that descend from none that is watched, as far as was asked.
    others: FxHashSet<u32>,
}

/// So many others are remembered; then they are asked for again.
const OTHERS_MAX: usize = 10_000;

impl Owners {
    /// The process is watched as `of`.
    pub(super) fn set(&mut self, pid: u32, of: u32) {
        self.others.clear();
        self.known.insert(pid, of);
    }

    /// The process was forked by another, as the kernel said.
    pub(super) fn inherit(&mut self, pid: u32, parent: u32) {
        if pid != parent
            && let Some(of) = self.of(parent)
        {
            self.known.insert(pid, of);
        }
    }

    /// The process has ended, and its id may be another's soon.
    pub(super) fn forget(&mut self, pid: u32) {
        self.known.remove(&pid);
        self.others.remove(&pid);
    }

    /// Whether the process is known to belong to anything that is watched.
    pub(super) fn is_known(&self, pid: u32) -> bool {
        self.known.contains_key(&pid)
    }

    /// What a process belongs to. Where its fork was not seen, procfs is asked for its ancestors.
    pub(super) fn of(&mut self, pid: u32) -> Option<u32> {
        if let Some(of) = self.known.get(&pid) {
            return Some(*of);
        }
        if self.others.contains(&pid) {
            return None;
        }
        let found = self.of_ancestors(pid);
        match found {
            Some(of) => {
                self.known.insert(pid, of);
            }
            None => {
                if self.others.len() >= OTHERS_MAX {
                    self.others.clear();
                }
                self.others.insert(pid);
            }
        }
        found
    }

    fn of_ancestors(&self, pid: u32) -> Option<u32> {
        let mut ancestor = pid;
        for _ in 0..GENERATIONS_MAX {
            ancestor = attach::parent(ancestor)?;
            if let Some(of) = self.known.get(&ancestor) {
                return Some(*of);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Above the greatest id that Linux gives (2^22), so nobody has it.
    const NOBODY: u32 = 4_194_999;

    #[test]
    fn children_belong_to_what_they_descend_from() {
        let mut owners = Owners::default();
        owners.set(NOBODY, 0);
        owners.set(NOBODY + 1, 1);
        owners.inherit(NOBODY + 2, NOBODY + 1);
        owners.inherit(NOBODY + 3, NOBODY + 2);
        // A thread of its own.
        owners.inherit(NOBODY, NOBODY);
        let of = [0, 1, 2, 3, 4].map(|child| owners.of(NOBODY + child));
        assert_eq!(of, [Some(0), Some(1), Some(1), Some(1), None]);
        owners.forget(NOBODY + 2);
        assert_eq!((owners.of(NOBODY + 2), owners.of(NOBODY + 3)), (None, Some(1)));
    }

    #[test]
    fn procfs_knows_the_ancestors_of_a_child_whose_fork_was_not_seen() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("a child");
        let mut owners = Owners::default();
        assert_eq!(owners.of(child.id()), None);
        owners.set(std::process::id(), 3);
        assert_eq!(owners.of(child.id()), Some(3));
        child.kill().expect("it runs");
        child.wait().expect("it ends");
        assert_eq!(owners.of(child.id()), Some(3), "what is known stays known");
    }
}
