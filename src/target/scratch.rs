//! A temporary folder that is gone with the tool: at once, or with the next run of it.

use std::{
    fs::{self, File, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process,
};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, openat};
use tempfile::TempDir;

use super::{
    account::{Account, on_behalf},
    sys,
};

/// Begins the name of a folder, before its maker's process id.
const PREFIX: &str = "flameload-";

/// The folder of a database inside of it.
pub(super) const DATA: &str = "data";

/// The file in there in which a server says how far it is.
const POSTMASTER: &str = "postmaster.pid";

/// The longest such file that is believed.
const LONGEST: u64 = 4096;

/// A temporary folder that its user alone may enter. Dropping it removes it.
///
/// The user may be another one, who may put links to any place into it. So nothing is done in it
/// by a path but with that user's rights.
#[derive(Debug)]
pub(super) struct Scratch {
    dir: TempDir,
    account: Option<Account>,
    /// The folder itself, with the lock that says that the maker is alive.
    open: File,
}

impl Scratch {
    /// A folder of `account`, or of this user. Folders that dead makers have left are removed.
    pub(super) fn new(account: Option<Account>) -> io::Result<Self> {
        let place = place(account);
        remove_leftovers(&place);
        let dir = on_behalf(account, || {
            tempfile::Builder::new()
                .prefix(&format!("{PREFIX}{}-", process::id()))
                .permissions(Permissions::from_mode(0o700))
                .tempdir_in(&place)
        })??;
        let open = open_folder(dir.path())?;
        flock(&open, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { dir, account, open })
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file of the folder's user, which nobody else may read.
    pub(super) fn write(&self, file: &Path, text: &str) -> io::Result<()> {
        let path = self.dir.path().join(file);
        on_behalf(self.account, || {
            let mut options = File::options();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(path)?.write_all(text.as_bytes())
        })?
    }

    /// What a PostgreSQL server in the folder says of itself, if there is one.
    pub(super) fn postmaster(&self) -> Option<String> {
        postmaster(&self.open).map(|(text, _)| text)
    }
}

/// Opens a folder, and nothing in its place.
fn open_folder(path: &Path) -> io::Result<File> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

/// The text of a server's `postmaster.pid` in the open folder `scratch`, and the user whose file
/// that is. No link is followed, no pipe waited for, and no long file read.
fn postmaster(scratch: &File) -> Option<(String, u32)> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let data = openat(scratch, DATA, flags | OFlags::DIRECTORY, Mode::empty()).ok()?;
    let file = File::from(openat(data, POSTMASTER, flags, Mode::empty()).ok()?);
    let metadata = file.metadata().ok().filter(fs::Metadata::is_file)?;
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).ok()?;
    Some((text, metadata.uid()))
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
        if let Some(folder) = abandoned(&path) {
            remove_shared_memory(&folder);
            // Another process may be removing it too, or it is another user's.
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// A folder whose maker is dead: no such process, and no lock either, which also shows a maker in
/// another container that shares the place.
fn abandoned(path: &Path) -> Option<File> {
    let name = path.file_name()?.to_str()?;
    let (pid, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let pid: u32 = pid.parse().ok()?;
    if Path::new("/proc").join(pid.to_string()).exists() {
        return None;
    }
    let folder = open_folder(path).ok()?;
    flock(&folder, FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(folder)
}

/// Removes the shared memory of a PostgreSQL server that did not end by itself.
fn remove_shared_memory(scratch: &File) {
    let Some((text, uid)) = postmaster(scratch) else { return };
    // Another user's file would be that of another's server, put there by a hard link.
    let is_its = scratch.metadata().is_ok_and(|folder| folder.uid() == uid);
    if let Some((key, id)) = parse_shared_memory(&text).filter(|_| is_its) {
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
    use std::os::unix::fs::symlink;

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
        // Closing it would not do: what another test forks meanwhile has it, too.
        flock(&lock, FlockOperation::Unlock).expect("it is ours");
        remove_leftovers(place.path());
        assert!(!locked.exists());
    }

    #[test]
    fn a_folder_is_closed_from_its_first_moment() {
        let scratch = Scratch::new(None).expect("a folder");
        let mode = |path: &Path| path.metadata().expect("it is there").mode() & 0o777;
        scratch.write(Path::new("file"), "secret").expect("it is ours");
        assert_eq!([mode(scratch.path()), mode(&scratch.path().join("file"))], [0o700, 0o600]);
    }

    #[test]
    fn a_link_in_an_accounts_folder_leads_nowhere() {
        let Some(nobody) = Account::instead_of_root(&["nobody"]) else { return };
        let own = tempfile::tempdir().expect("a folder");
        let precious = own.path().join("precious");
        let ready = "1\n2\n3\n4\n5\n6\n7 8\nready\n";
        fs::write(&precious, ready).expect("a file");
        let scratch = Scratch::new(Some(nobody)).expect("a folder");
        let folder = scratch.path().metadata().expect("it is there");
        assert_eq!((folder.uid(), folder.mode() & 0o777), (nobody.uid, 0o700));
        let data = scratch.path().join(DATA);
        let plant = |from: &Path, name: &str| {
            on_behalf(Some(nobody), || symlink(from, data.join(name))).expect("root may")
        };
        on_behalf(Some(nobody), || fs::create_dir(&data)).expect("root may").expect("a folder");
        plant(&precious, "pg_hba.conf").expect("a link");
        plant(&precious, POSTMASTER).expect("a link");
        let rules = Path::new(DATA).join("pg_hba.conf");
        let error = scratch.write(&rules, "mine").expect_err("that user may not");
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(scratch.postmaster(), None);
        let file = precious.metadata().expect("it is there");
        assert_eq!((fs::read_to_string(&precious).expect("ours"), file.uid()), (ready.into(), 0));

        // Nor does a link in the place of the folder, and a pipe is not waited for.
        fs::remove_dir_all(&data).expect("root may");
        fs::write(own.path().join(POSTMASTER), ready).expect("a file");
        on_behalf(Some(nobody), || symlink(own.path(), &data)).expect("root may").expect("a link");
        assert_eq!(scratch.postmaster(), None);
        fs::remove_file(&data).expect("root may");
        fs::create_dir(&data).expect("root may");
        let pipe = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, data.join(POSTMASTER), pipe, Mode::RWXU, 0)
            .expect("a pipe");
        assert_eq!(scratch.postmaster(), None);
        fs::remove_file(data.join(POSTMASTER)).expect("root may");
        fs::write(data.join(POSTMASTER), ready).expect("root may");
        assert_eq!(scratch.postmaster().as_deref(), Some(ready));
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
