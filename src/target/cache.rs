//! What builds have left in the cache: how much it is, when it was last of use, and how to be rid
//! of it.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rustix::fs::{FlockOperation, flock};

/// Something that was made once and is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    /// Where it is.
    pub path: PathBuf,
    /// Which kind of thing: the folder of the cache that it is in, such as `revisions`.
    pub kind: String,
    /// What it takes on the disk, in bytes.
    pub bytes: u64,
    /// When a build last asked for it.
    pub used: SystemTime,
}

/// All that is in a cache, what was used longest ago first; nothing where there is no cache.
///
/// # Errors
/// When a folder cannot be read.
pub fn cached(cache: &Path) -> io::Result<Vec<Cached>> {
    let mut found = Vec::new();
    for kind in folders(cache)? {
        let name = kind.file_name().unwrap_or_default().to_string_lossy().into_owned();
        for path in folders(&kind)? {
            let used = last_use(&path)?;
            found.push(Cached { bytes: size(&path)?, kind: name.clone(), path, used });
        }
    }
    found.sort_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
    Ok(found)
}

impl Cached {
    /// Whether no build has asked for it for so long, at a given time.
    pub fn is_unused(&self, now: SystemTime, long: Duration) -> bool {
        now.duration_since(self.used).is_ok_and(|since| since >= long)
    }

    /// Removes it, unless a build has it right now. False where one has.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self) -> io::Result<bool> {
        // The file stays: whoever waits for it would hold a lock on nothing.
        let lock = match File::options().write(true).open(self.path.with_extension("lock")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            lock => Some(lock?),
        };
        if let Some(lock) = &lock
            && flock(lock, FlockOperation::NonBlockingLockExclusive).is_err()
        {
            return Ok(false);
        }
        match fs::remove_dir_all(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
            removed => removed.map(|()| true),
        }
    }
}

/// Whoever asks for something truncates its lock. What has none, the folder itself tells.
fn last_use(path: &Path) -> io::Result<SystemTime> {
    let lock = path.with_extension("lock");
    fs::metadata(if lock.is_file() { &lock } else { path })?.modified()
}

fn folders(of: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(of) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}

/// The bytes that a folder takes; what goes away meanwhile takes none.
fn size(path: &Path) -> io::Result<u64> {
    let gone = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Ok(0),
        _ => Err(error),
    };
    let metadata = match fs::symlink_metadata(path) {
        Err(error) => return gone(error),
        Ok(metadata) => metadata,
    };
    let own = metadata.blocks() * 512;
    if !metadata.is_dir() {
        return Ok(own);
    }
    let entries = match fs::read_dir(path) {
        Err(error) => return gone(error),
        Ok(entries) => entries,
    };
    let mut sum = own;
    for entry in entries {
        sum += size(&entry?.path())?;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_is_removed() {
        let dir = tempfile::tempdir().expect("a folder");
        assert_eq!(cached(&dir.path().join("none")).expect("nothing"), []);
        let make = |name: &str, days: u64| {
            let path = dir.path().join(name);
            fs::create_dir_all(&path).expect("it is ours");
            fs::write(path.join("file"), vec![1; 10_000]).expect("it is ours");
            let lock = File::create(path.with_extension("lock")).expect("it is ours");
            let used = SystemTime::now() - Duration::from_secs(86_400 * days);
            lock.set_modified(used).expect("it is ours");
            lock
        };
        make("revisions/a-1", 40);
        let held = make("python/b-2", 50);
        make("revisions/c-3", 2);
        fs::create_dir_all(dir.path().join("go/d-4")).expect("it is ours");
        let all = cached(dir.path()).expect("it can be read");
        let names: Vec<_> = all.iter().filter_map(|it| it.path.file_name()?.to_str()).collect();
        assert_eq!(names, ["b-2", "a-1", "c-3", "d-4"]);
        assert_eq!((all[1].kind.as_str(), all[1].bytes >= 10_000), ("revisions", true));
        let (now, long) = (SystemTime::now(), Duration::from_secs(86_400 * 30));
        let unused: Vec<bool> = all.iter().map(|it| it.is_unused(now, long)).collect();
        assert_eq!(unused, [true, true, false, false]);
        flock(&held, FlockOperation::NonBlockingLockExclusive).expect("it is free");
        assert!(!all[0].remove().expect("somebody has it") && all[0].path.exists());
        flock(&held, FlockOperation::Unlock).expect("it is ours");
        assert!(all[0].remove().expect("nobody has it") && !all[0].path.exists());
        assert!(all[3].remove().expect("it has no lock"));
    }
}
