//! Copies a folder with all that is in it.

use std::{
    fs, io,
    os::unix::fs::{chown, symlink},
    path::Path,
    sync::atomic::AtomicBool,
};

use super::{DatabaseError, check};
use crate::target::account::Account;

/// Copies the folder `from` to `to`, which must not exist, and gives the copy to `owner`.
pub(super) fn copy(
    from: &Path,
    to: &Path,
    owner: Option<Account>,
    interrupted: &AtomicBool,
) -> Result<(), DatabaseError> {
    let wrong = |source| DatabaseError::Copy { path: from.to_owned(), source };
    fs::create_dir(to).map_err(wrong)?;
    for entry in from.read_dir().map_err(wrong)? {
        check(interrupted)?;
        let entry = entry.map_err(wrong)?;
        let (path, copied) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().map_err(wrong)?.is_dir() {
            copy(&path, &copied, owner, interrupted)?;
        } else {
            copy_file(&entry, &copied, owner)
                .map_err(|source| DatabaseError::Copy { path, source })?;
        }
    }
    let finish = || {
        fs::set_permissions(to, from.metadata()?.permissions())?;
        give(to, owner)
    };
    finish().map_err(wrong)
}

fn copy_file(entry: &fs::DirEntry, to: &Path, owner: Option<Account>) -> io::Result<()> {
    if entry.file_type()?.is_symlink() {
        return symlink(fs::read_link(entry.path())?, to);
    }
    // On file systems that can, without a second copy of the bytes.
    fs::copy(entry.path(), to)?;
    give(to, owner)
}

/// Makes `owner` the owner of a file or a folder.
pub(super) fn give(path: &Path, owner: Option<Account>) -> io::Result<()> {
    let Some(Account { uid, gid }) = owner else { return Ok(()) };
    chown(path, Some(uid), Some(gid))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_copy_has_all_with_its_permissions() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("inner")).expect("a folder");
        fs::write(from.join("inner/file"), "text").expect("a file");
        symlink("inner/file", from.join("link")).expect("a link");
        let closed = |mode| fs::Permissions::from_mode(mode);
        fs::set_permissions(from.join("inner"), closed(0o500)).expect("it is ours");
        fs::set_permissions(from.join("inner/file"), closed(0o640)).expect("it is ours");
        let go_on = AtomicBool::new(false);
        copy(&from, &to, None, &go_on).expect("it can be copied");
        assert_eq!(fs::read_to_string(to.join("link")).expect("a file"), "text");
        let mode = |path: &str| {
            to.join(path).metadata().expect("it is there").permissions().mode() & 0o777
        };
        assert_eq!([mode("inner"), mode("inner/file")], [0o500, 0o640]);

        let again = copy(&from, &to, None, &go_on);
        assert!(matches!(again, Err(DatabaseError::Copy { .. })), "it is there already");
        let stopped = copy(&from, &folder.path().join("other"), None, &AtomicBool::new(true));
        assert!(matches!(stopped, Err(DatabaseError::Interrupted)));
        fs::set_permissions(from.join("inner"), closed(0o700)).expect("it is ours");
        fs::set_permissions(to.join("inner"), closed(0o700)).expect("it is ours");
    }
}
