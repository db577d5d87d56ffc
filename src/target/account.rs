//! Users of the system, for servers that refuse to run as root.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path, thread};

use rustix::{
    process::{DumpableBehavior, Gid, Uid},
    thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};

use crate::os::process::{User, users_in};

/// A user of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Account {
    /// Who runs what root must not: the first of `names` that exists. None for any other user,
    /// whose processes are not root's anyway.
    pub(super) fn instead_of_root(names: &[&str]) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        names.iter().find_map(|name| find(&users, name))
    }

    /// Whether this user may enter the folder `path` and all that it is in.
    pub(super) fn may_enter(self, path: &Path) -> bool {
        path.ancestors().all(|folder| {
            folder.metadata().is_ok_and(|folder| {
                let execute = match () {
                    () if folder.uid() == self.uid => 0o100,
                    () if folder.gid() == self.gid => 0o010,
                    () => 0o001,
                };
                folder.mode() & execute != 0
            })
        })
    }
}

/// Does `work` with the rights of `account`, or with this user's where there is none.
///
/// A folder of another user's may have a link to any place put into it at any time: whatever root
/// did by a path through it, that user could have it do elsewhere.
///
/// # Errors
/// When this process may not act for another user.
pub(super) fn on_behalf<T: Send>(
    account: Option<Account>,
    work: impl FnOnce() -> T + Send,
) -> io::Result<T> {
    let Some(account) = account else { return Ok(work()) };
    let dumpable = rustix::process::dumpable_behavior();
    // Rights belong to a thread, and this one's end with it.
    let done = thread::scope(|scope| {
        let helper = thread::Builder::new().name("on-behalf".to_owned());
        let running = helper.spawn_scoped(scope, || account.assume().map(|()| work()))?;
        running.join().map_err(|_| io::Error::other("work for another user failed"))?
    });
    // The kernel hides a process from profilers once one of its threads acts for somebody else.
    if let Ok(behavior @ DumpableBehavior::Dumpable) = dumpable {
        rustix::process::set_dumpable_behavior(behavior)?;
    }
    done
}

impl Account {
    /// Gives this thread the rights of this user and no others. Whom it belongs to stays as it is,
    /// so that the user can neither end nor inspect it.
    fn assume(self) -> io::Result<()> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        let own = (rustix::process::getuid(), rustix::process::getgid());
        set_thread_groups(&[])?;
        set_thread_res_gid(own.1, gid, own.1)?;
        set_thread_res_uid(own.0, uid, own.0)?;
        Ok(())
    }
}

/// Finds a user by name in the text of `/etc/passwd`; root is none that helps.
fn find(users: &str, name: &str) -> Option<Account> {
    let is_meant = |user: &User<'_>| user.name == name && user.uid > 0 && user.gid > 0;
    users_in(users).find(is_meant).map(|User { uid, gid, .. }| Account { uid, gid })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn users_are_found_by_name() {
        let users =
            "root:x:0:0::/:/bin/sh\nbroken\npg:x:x:1\npostgres:x:101:104:,,,:/var:/bin/sh\n";
        assert_eq!(find(users, "postgres"), Some(Account { uid: 101, gid: 104 }));
        assert_eq!([find(users, "root"), find(users, "pg"), find(users, "broken")], [None; 3]);
    }

    #[test]
    fn a_closed_folder_keeps_others_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).expect("a folder");
        let me = Account {
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        };
        let other = Account { uid: me.uid + 1, gid: me.gid + 1 };
        let set = |mode| {
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(folder.path(), mode).expect("it is ours");
        };
        set(0o700);
        assert!(me.may_enter(&inner) && !other.may_enter(&inner));
        set(0o711);
        assert!(me.may_enter(&inner) && other.may_enter(&inner));
        assert!(!me.may_enter(&inner.join("none")));
    }

    #[test]
    fn work_for_another_user_has_that_users_rights() {
        let Some(nobody) = Account::instead_of_root(&["nobody"]) else { return };
        let folder = tempfile::tempdir().expect("a folder");
        let closed = fs::Permissions::from_mode(0o700);
        fs::set_permissions(folder.path(), closed).expect("it is ours");
        let write = || fs::write(folder.path().join("file"), "text");
        let refused = on_behalf(Some(nobody), write).expect("root may").expect_err("closed");
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        let open = fs::Permissions::from_mode(0o777);
        fs::set_permissions(folder.path(), open).expect("it is ours");
        on_behalf(Some(nobody), write).expect("root may").expect("open to all");
        let file = folder.path().join("file").metadata().expect("it is there");
        assert_eq!((file.uid(), file.gid()), (nobody.uid, nobody.gid));
        assert!(rustix::process::geteuid().is_root(), "this thread goes on as before");
        let dumpable = rustix::process::dumpable_behavior().expect("known");
        assert_eq!(dumpable, DumpableBehavior::Dumpable);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a:0-9\n]{0,40}") {
            let _ = find(&text, "a");
        }
    }
}
