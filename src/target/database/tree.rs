//! Copies a folder with all that is in it, between what is this user's and what is an account's.

use std::{
    ffi::OsStr,
    fs::{self, File, Permissions},
    io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink},
    },
    path::{Path, PathBuf},
    sync::{
        atomic::AtomicBool,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, readlinkat, statat};

use super::{DatabaseError, check};
use crate::target::account::{Account, on_behalf};

/// How deep folders may lie in each other.
const DEEPEST: usize = 32;

/// How many files may be open on their way.
const ON_THEIR_WAY: usize = 16;

/// A folder and whose it is: it is read or written with that account's rights.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) path: &'a Path,
    pub(super) account: Option<Account>,
}

/// What there is to make, in the order in which it can be made. Paths are below the folder.
enum Step {
    Folder(PathBuf),
    File(PathBuf, Permissions, File),
    Link(PathBuf, PathBuf),
    /// A folder has everything, and may be closed to its owner now.
    Close(PathBuf, Permissions),
}

/// Copies the folder `from` to `to`, which must not exist. Each side does its part with its own
/// rights, so that no link in the one leads the other anywhere.
pub(super) fn copy(
    from: Place<'_>,
    to: Place<'_>,
    interrupted: &AtomicBool,
) -> Result<(), DatabaseError> {
    let (steps, coming) = sync_channel(ON_THEIR_WAY);
    let (read, written) = thread::scope(|scope| {
        let read = scope.spawn(move || on_behalf(from.account, || walk(from.path, &steps)));
        let written = on_behalf(to.account, || make_all(to.path, coming, interrupted));
        (read.join(), written)
    });
    let wrong = |source| DatabaseError::Copy { path: from.path.to_owned(), source };
    // What reading came upon is the reason of whatever is then missing.
    let read = read.unwrap_or_else(|_| Err(io::Error::other("reading it failed")));
    read.map_err(wrong)??;
    written.map_err(|source| DatabaseError::Copy { path: to.path.to_owned(), source })?
}

fn walk(folder: &Path, steps: &SyncSender<Step>) -> Result<(), DatabaseError> {
    let wrong = |source| DatabaseError::Copy { path: folder.to_owned(), source };
    let open = File::options().read(true).custom_flags(FOLDER.bits().cast_signed()).open(folder);
    Walk { top: folder, steps }.folder(&open.map_err(wrong)?, PathBuf::new(), DEEPEST)
}

const FOLDER: OFlags = OFlags::DIRECTORY.union(ENTRY);

/// No link is followed, and nothing is waited for, such as the writer of a pipe.
const ENTRY: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

struct Walk<'a> {
    top: &'a Path,
    steps: &'a SyncSender<Step>,
}

impl Walk<'_> {
    fn folder(&self, open: &File, path: PathBuf, deeper: usize) -> Result<(), DatabaseError> {
        let wrong = |source| DatabaseError::Copy { path: self.top.join(&path), source };
        let entries = rustix::fs::Dir::read_from(open).map_err(|error| wrong(error.into()))?;
        let permissions = open.metadata().map_err(wrong)?.permissions();
        if !self.send(Step::Folder(path.clone())) {
            return Ok(());
        }
        for entry in entries {
            let entry = entry.map_err(|error| wrong(error.into()))?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." {
                self.entry(open, name, &path, deeper)?;
            }
        }
        self.send(Step::Close(path, plain(&permissions)));
        Ok(())
    }

    fn entry(
        &self,
        folder: &File,
        name: &OsStr,
        path: &Path,
        deeper: usize,
    ) -> Result<(), DatabaseError> {
        let path = path.join(name);
        let wrong = |source| DatabaseError::Copy { path: self.top.join(&path), source };
        let kind = || -> io::Result<FileType> {
            let stat = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
            Ok(FileType::from_raw_mode(stat.st_mode))
        };
        let open = |flags| -> io::Result<File> {
            Ok(openat(folder, name, flags | OFlags::RDONLY, Mode::empty())?.into())
        };
        match kind().map_err(wrong)? {
            FileType::Directory if deeper > 0 => {
                return self.folder(&open(FOLDER).map_err(wrong)?, path, deeper - 1);
            }
            FileType::RegularFile => {
                let file = open(ENTRY).map_err(wrong)?;
                // It may be another one by now.
                let is = file.metadata().map_err(wrong)?;
                if is.is_file() {
                    self.send(Step::File(path, plain(&is.permissions()), file));
                    return Ok(());
                }
            }
            FileType::Symlink => {
                let target = readlinkat(folder, name, Vec::new());
                let target = target.map_err(|error| wrong(error.into()))?;
                self.send(Step::Link(path, OsStr::from_bytes(target.to_bytes()).into()));
                return Ok(());
            }
            _ => {}
        }
        Err(wrong(io::Error::other("this is no file that a database has")))
    }

    /// Whether the other side still goes on.
    fn send(&self, step: Step) -> bool {
        self.steps.send(step).is_ok()
    }
}

/// Without what would give a program its owner's rights.
fn plain(permissions: &Permissions) -> Permissions {
    Permissions::from_mode(permissions.mode() & 0o777)
}

fn make_all(
    top: &Path,
    steps: Receiver<Step>,
    interrupted: &AtomicBool,
) -> Result<(), DatabaseError> {
    for step in steps {
        check(interrupted)?;
        let (Step::Folder(path)
        | Step::File(path, ..)
        | Step::Link(path, _)
        | Step::Close(path, _)) = &step;
        // The folder itself has an empty path, which would leave a slash behind.
        let path = if path.as_os_str().is_empty() { top.to_owned() } else { top.join(path) };
        make(step, &path).map_err(|source| DatabaseError::Copy { path, source })?;
    }
    Ok(())
}

fn make(step: Step, path: &Path) -> io::Result<()> {
    match step {
        Step::Folder(_) => fs::DirBuilder::new().mode(0o700).create(path),
        Step::Link(_, target) => symlink(target, path),
        Step::Close(_, permissions) => fs::set_permissions(path, permissions),
        Step::File(_, permissions, mut file) => {
            let mut made = File::options().write(true).create_new(true).mode(0o600).open(path)?;
            // On file systems that can, without a second copy of the bytes.
            io::copy(&mut file, &mut made)?;
            made.set_permissions(permissions)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(path: &Path) -> Place<'_> {
        Place { path, account: None }
    }

    #[test]
    fn a_copy_has_all_with_its_permissions() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("inner")).expect("a folder");
        fs::write(from.join("inner/file"), "text").expect("a file");
        symlink("inner/file", from.join("link")).expect("a link");
        let closed = |mode| fs::Permissions::from_mode(mode);
        fs::set_permissions(from.join("inner/file"), closed(0o4640)).expect("it is ours");
        fs::set_permissions(from.join("inner"), closed(0o500)).expect("it is ours");
        let go_on = AtomicBool::new(false);
        copy(ours(&from), ours(&to), &go_on).expect("it can be copied");
        assert_eq!(fs::read_to_string(to.join("link")).expect("a file"), "text");
        let mode = |path: &str| {
            to.join(path).metadata().expect("it is there").permissions().mode() & 0o7777
        };
        assert_eq!([mode("inner"), mode("inner/file")], [0o500, 0o640]);

        let again = copy(ours(&from), ours(&to), &go_on);
        assert!(matches!(again, Err(DatabaseError::Copy { .. })), "it is there already");
        let other = folder.path().join("other");
        let stopped = copy(ours(&from), ours(&other), &AtomicBool::new(true));
        assert!(matches!(stopped, Err(DatabaseError::Interrupted)));
        fs::set_permissions(from.join("inner"), closed(0o700)).expect("it is ours");
        fs::set_permissions(to.join("inner"), closed(0o700)).expect("it is ours");
    }

    #[test]
    fn what_an_account_may_not_read_or_write_is_not_copied_for_it() {
        let Some(nobody) = Account::instead_of_root(&["nobody"]) else { return };
        let folder = tempfile::tempdir().expect("a folder");
        let open = |path: &Path, mode| {
            fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
        };
        open(folder.path(), 0o777);
        let [closed, theirs] = ["closed", "theirs"].map(|name| folder.path().join(name));
        fs::create_dir(&closed).expect("a folder");
        fs::write(closed.join("secret"), "text").expect("a file");
        open(&closed, 0o700);
        // In the place of a folder, its owner puts a link to what is root's.
        on_behalf(Some(nobody), || symlink(&closed, &theirs)).expect("root may").expect("a link");
        let there = Place { path: &theirs, account: Some(nobody) };
        let go_on = AtomicBool::new(false);
        let copied = folder.path().join("copy");
        assert!(matches!(copy(there, ours(&copied), &go_on), Err(DatabaseError::Copy { .. })));
        assert!(!copied.exists());
        let below = theirs.join("data");
        let inside = Place { path: &below, account: Some(nobody) };
        let good = folder.path().join("good");
        fs::create_dir(&good).expect("a folder");
        assert!(matches!(copy(ours(&good), inside, &go_on), Err(DatabaseError::Copy { .. })));
        assert_eq!(closed.read_dir().expect("ours").count(), 1);

        // A pipe is not waited for, and no copy of a database has one.
        rustix::fs::mknodat(rustix::fs::CWD, good.join("pipe"), FileType::Fifo, Mode::RWXU, 0)
            .expect("a pipe");
        let error = copy(ours(&good), ours(&copied), &go_on).expect_err("a pipe").to_string();
        assert!(error.ends_with("good/pipe: this is no file that a database has"), "{error}");
    }
}
