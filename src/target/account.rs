//! Users of the system, for servers that refuse to run as root.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

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

/// Finds a user by name in `/etc/passwd`; root is none that helps.
fn find(users: &str, name: &str) -> Option<Account> {
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    fields.filter(|fields| fields.first() == Some(&name)).find_map(|fields| {
        let number = |at: usize| fields.get(at)?.parse::<u32>().ok().filter(|number| *number > 0);
        Some(Account { uid: number(2)?, gid: number(3)? })
    })
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

    proptest! {
        #[test]
        fn no_text_panics(text in "[a:0-9\n]{0,40}") {
            let _ = find(&text, "a");
        }
    }
}
