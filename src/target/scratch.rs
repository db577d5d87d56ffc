//! A temporary folder that is gone with the tool: at once, or with the next run of it.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{MetadataExt as _, chown},
    path::{Path, PathBuf},
    process,
};

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use super::{account::Account, sys};

/// Begins the name of a folder, before its maker's process id.
const PREFIX: &str = "flameload-";

/// The folder of a database inside of it.
pub(super) const DATA: &str = "data";

/// A temporary folder that its user alone may enter. Dropping it removes it.
#[derive(Debug)]
pub(super) struct Scratch {
    dir: TempDir,
    /// Holds the lock that says that the maker is alive.
    _lock: File,
}

impl Scratch {
    /// A folder of `account`, or of this user. Folders that dead makers have left are removed.
    pub(super) fn new(account: Option<Account>) -> io::Result<Self> {
        let place = place(account);
        remove_leftovers(&place);
        let dir = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", process::id()))
            .tempdir_in(&place)?;
        let lock = File::open(dir.path())?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        if let Some(Account { uid, gid }) = account {
            chown(dir.path(), Some(uid), Some(gid))?;
        }
        Ok(Self { dir, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// The system's folder for such things; for another user who may not enter it, the one that all
/// may.
fn place(account: Option<Account>) -> PathBuf {
    let usual = std::env::temp_dir();
    match account {
        Some(account) if !account.may_enter(&usual) => "/tmp".into(),
        _ => usual,
    }
}

/// Removes folders whose makers are dead, and what else a server left that was killed.
fn remove_leftovers(place: &Path) {
    for path in place.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()) {
        if is_abandoned(&path) {
            remove_shared_memory(&path.join(DATA).join("postmaster.pid"));
            // Another process may be removing it too, or it is another user's.
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Whether the maker of a folder is dead: no such process, and no lock either, which also shows a
/// maker in another container that shares the place.
fn is_abandoned(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split_once('-'));
    let Some(pid) = pid.and_then(|(pid, _)| pid.parse::<u32>().ok()) else {
        return false;
    };
    let is_free = || {
        File::open(path)
            .is_ok_and(|folder| flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok())
    };
    !Path::new("/proc").join(pid.to_string()).exists() && is_free()
}

/// Removes the shared memory of a PostgreSQL server that did not end by itself.
fn remove_shared_memory(postmaster: &Path) {
    let read = || Some((fs::read_to_string(postmaster).ok()?, postmaster.metadata().ok()?.uid()));
    let Some((text, uid)) = read() else { return };
    if let Some((key, id)) = parse_shared_memory(&text) {
        sys::remove_shared_memory(id, key, uid);
    }
}

/// Key and id of shared memory in the seventh line of a `postmaster.pid`.
fn parse_shared_memory(text: &str) -> Option<(i32, i32)> {
    let mut numbers = text.lines().nth(6)?.split_ascii_whitespace();
    // The key is written as an unsigned number.
    let key: u32 = numbers.next()?.parse().ok()?;
    Some((key.cast_signed(), numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn folders_go_with_their_makers() {
        let place = tempfile::tempdir().expect("a folder");
        let mut child = process::Command::new("true").spawn().expect("a process");
        child.wait().expect("ends");
        let folder = |name: &str| {
            let path = place.path().join(name);
            fs::create_dir(&path).expect("a folder");
            fs::write(path.join("file"), "").expect("a file");
            path
        };
        let dead = folder(&format!("{PREFIX}{}-a", child.id()));
        let locked = folder(&format!("{PREFIX}{}-b", child.id()));
        let kept = [
            folder(&format!("{PREFIX}{}-a", process::id())),
            folder("flameload-x-a"),
            folder("other"),
        ];
        let lock = File::open(&locked).expect("it is there");
        flock(&lock, FlockOperation::NonBlockingLockExclusive).expect("nobody else has it");
        remove_leftovers(place.path());
        assert!(!dead.exists() && locked.exists() && kept.iter().all(|path| path.exists()));
        drop(lock);
        remove_leftovers(place.path());
        assert!(!locked.exists());
    }

    #[test]
    fn shared_memory_is_read() {
        let text = "42\n/tmp/data\n1795300424\n5432\n\n127.0.0.1\n4294967295    98310\nready   \n";
        assert_eq!(parse_shared_memory(text), Some((-1, 98310)));
        assert_eq!(parse_shared_memory("42\n/tmp/data\n"), None);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(x\n){5,7}[0-9 -]{0,30}") {
            let _ = parse_shared_memory(&text);
        }
    }
}
