//! A place in the cache for something that is made once, and used as often as one likes.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    thread,
    time::Duration,
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

use super::{BuildError, run::Runner};

/// The file that says that everything is there, and what it was made from.
const STAMP: &str = "flameload.stamp";

/// How often a lock that another process has is asked for.
const POLL: Duration = Duration::from_millis(50);

/// A folder of the cache that no other process makes or looks at until this is dropped.
///
/// The folder's name is a hash of what its content is made from. It is filled at its place, since
/// a Python environment cannot be moved, and counts as filled once its stamp is written, which
/// comes last. Whatever is there without a stamp was left by a build that did not end.
#[derive(Debug)]
pub(in crate::target) struct Slot {
    dir: PathBuf,
    origin: String,
    is_whole: bool,
    _lock: File,
}

impl Slot {
    /// The slot for what is made from `origin`, once no other process has it.
    pub(in crate::target) fn open(
        folder: &Path,
        name: &str,
        origin: String,
        runner: &mut Runner<'_>,
    ) -> Result<Self, BuildError> {
        let mut hasher = DefaultHasher::new();
        origin.hash(&mut hasher);
        let dir = folder.join(format!("{name}-{:016x}", hasher.finish()));
        let wrong = |source| BuildError::Cache { path: dir.clone(), source };
        fs::create_dir_all(folder).map_err(wrong)?;
        let lock = File::create(dir.with_extension("lock")).map_err(wrong)?;
        let mut waits = false;
        loop {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) => {}
                Err(error) => return Err(wrong(error.into())),
            }
            if runner.interrupted.load(Ordering::Relaxed) {
                return Err(BuildError::Interrupted);
            }
            if !waits {
                (runner.on_line)(&format!("another process is making {}; waiting", dir.display()));
                waits = true;
            }
            thread::sleep(POLL);
        }
        let is_whole = fs::read_to_string(dir.join(STAMP)).is_ok_and(|stamp| stamp == origin);
        let slot = Self { dir, origin, is_whole, _lock: lock };
        if !is_whole {
            slot.clear().map_err(|source| BuildError::Cache { path: slot.dir.clone(), source })?;
        }
        Ok(slot)
    }

    /// The folder. It exists where the slot is whole.
    pub(in crate::target) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether everything is there.
    pub(in crate::target) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Says that everything is there.
    pub(in crate::target) fn finish(&mut self) -> Result<(), BuildError> {
        let path = self.dir.join(STAMP);
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
            file.write_all(self.origin.as_bytes())?;
            file.persist(&path).map_err(|failed| failed.error).map(drop)
        };
        write().map_err(|source| BuildError::Cache { path: path.clone(), source })?;
        self.is_whole = true;
        Ok(())
    }

    /// Empties what no one can use.
    fn clear(&self) -> io::Result<()> {
        match fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            cleared => cleared,
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if !self.is_whole {
            // What stays is met again by the next build, and has no stamp.
            let _ = self.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::target::Guard;

    /// What `act` makes of the slot for `origin`.
    fn with_slot<T>(folder: &Path, origin: &str, act: impl FnOnce(&mut Slot) -> T) -> T {
        let guard = Guard::start().expect("a guard");
        let interrupted = AtomicBool::new(false);
        let mut runner = Runner { guard: &guard, interrupted: &interrupted, on_line: &mut |_| {} };
        let slot = Slot::open(folder, "x", origin.to_owned(), &mut runner);
        act(&mut slot.expect("nobody else has it"))
    }

    #[test]
    fn only_what_was_finished_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let fill = |slot: &mut Slot| {
            assert!(!slot.is_whole() && !slot.dir().exists());
            fs::create_dir(slot.dir()).expect("a folder");
            fs::write(slot.dir().join("half"), "").expect("a file");
            slot.dir().to_owned()
        };
        let dir = with_slot(folder.path(), "a", fill);
        assert!(!dir.exists(), "what was not finished is removed");
        // As a build leaves it that was killed.
        fs::create_dir(&dir).expect("a folder");
        fs::write(dir.join("half"), "").expect("a file");
        with_slot(folder.path(), "a", |slot| {
            assert_eq!(fill(slot), dir);
            slot.finish().expect("it can be written");
        });
        with_slot(folder.path(), "a", |slot| assert!(slot.is_whole()));
        assert!(dir.join("half").exists());
        with_slot(folder.path(), "b", |slot| assert!(!slot.is_whole() && slot.dir() != dir));
    }

    #[test]
    fn a_slot_is_waited_for_until_the_user_gives_up() {
        let folder = tempfile::tempdir().expect("a folder");
        let guard = Guard::start().expect("a guard");
        let interrupted = AtomicBool::new(false);
        with_slot(folder.path(), "a", |_| {
            let mut lines = Vec::new();
            let mut give_up = |line: &str| {
                lines.push(line.to_owned());
                interrupted.store(true, Ordering::Relaxed);
            };
            let mut runner =
                Runner { guard: &guard, interrupted: &interrupted, on_line: &mut give_up };
            let slot = Slot::open(folder.path(), "x", "a".to_owned(), &mut runner);
            assert!(matches!(slot, Err(BuildError::Interrupted)));
            assert!(lines.len() == 1 && lines[0].contains("waiting"), "{lines:?}");
        });
    }
}
