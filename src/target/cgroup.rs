//! A limit of memory for a process and its children, by a control group of their own.
//!
//! Both versions of the kernel's interface are known. In version 1, a group may be made below the
//! one that this process is in. In version 2, a group that has processes cannot pass the memory
//! controller on, so the new group is made below the nearest one that does, which is usually the
//! parent.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::unit::Bytes;

/// Begins the name of a group, before its maker's process id.
const PREFIX: &str = "flameload-";

/// How long the kernel may need to see that the last process has left a group.
const PATIENCE: Duration = Duration::from_secs(1);

/// A control group with a limit of memory. Dropping it removes it, once its processes are gone.
#[derive(Debug)]
pub(super) struct Cgroup {
    dir: PathBuf,
    version: Version,
    limit: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Where groups with a limit of memory can be made.
#[derive(Debug, PartialEq, Eq)]
struct Hierarchy {
    version: Version,
    /// Folders of groups, the one of this process first, then those that it is in.
    groups: Vec<PathBuf>,
}

impl Cgroup {
    /// A new group for processes that may use `limit` together. Groups that dead makers have left
    /// are removed.
    ///
    /// # Errors
    /// Why there cannot be one here.
    pub(super) fn new(limit: Bytes) -> Result<Self, String> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let read = |path: &str| {
            fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))
        };
        let (mounts, own) = (read("/proc/self/mountinfo")?, read("/proc/self/cgroup")?);
        let hierarchy = Hierarchy::find(&mounts, &own)
            .ok_or("the kernel has no memory controller here, or no folder to reach it by")?;
        let parent = hierarchy.parent()?;
        remove_leftovers(parent);
        let name = format!("{PREFIX}{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let dir = parent.join(name);
        fs::create_dir(&dir).map_err(|error| {
            format!("cannot make a control group in {}: {error}", parent.display())
        })?;
        let group = Self { dir, version: hierarchy.version, limit };
        group.set_limit()?;
        Ok(group)
    }

    fn set_limit(&self) -> Result<(), String> {
        let limit = self.limit.0.to_string();
        // What does not fit into memory must not go to the disk either. Where the kernel does not
        // count swapped memory, that cannot be told to it.
        let (memory, swap) = match self.version {
            Version::One => ("memory.limit_in_bytes", ("memory.memsw.limit_in_bytes", &limit)),
            Version::Two => ("memory.max", ("memory.swap.max", &"0".to_owned())),
        };
        self.write(memory, &limit)?;
        let _ = self.write(swap.0, swap.1);
        Ok(())
    }

    /// Moves a process into the group.
    pub(super) fn take(&self, pid: u32) -> Result<(), String> {
        self.write("cgroup.procs", &pid.to_string())
    }

    fn write(&self, file: &str, text: &str) -> Result<(), String> {
        let path = self.dir.join(file);
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// The limit, if the kernel has ended a process of the group for it.
    pub(super) fn exceeded(&self) -> Option<Bytes> {
        let file = match self.version {
            Version::One => "memory.oom_control",
            Version::Two => "memory.events",
        };
        let text = fs::read_to_string(self.dir.join(file)).ok()?;
        (parse_kills(&text) > 0).then_some(self.limit)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        let started = Instant::now();
        // What stays is met again by the next run.
        while fs::remove_dir(&self.dir).is_err_and(|error| is_busy(&error))
            && started.elapsed() < PATIENCE
        {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

fn is_busy(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ResourceBusy
}

impl Hierarchy {
    /// Finds the memory controller in `/proc/self/mountinfo` and this process's group in
    /// `/proc/self/cgroup`.
    fn find(mounts: &str, own: &str) -> Option<Self> {
        let one = own.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            controllers.split(',').any(|name| name == "memory").then_some(path)
        });
        let two = own.lines().find_map(|line| line.strip_prefix("0::"));
        let (version, path, mount) = match (one, two) {
            (Some(path), _) => (Version::One, path, mount(mounts, "cgroup", "memory")?),
            (None, Some(path)) => (Version::Two, path, mount(mounts, "cgroup2", "")?),
            (None, None) => return None,
        };
        // In a container the mount begins at the container's own group.
        let below = Path::new(path).strip_prefix(&mount.root).unwrap_or(Path::new(path));
        let below = below.strip_prefix("/").unwrap_or(below);
        let own = mount.point.join(below);
        let groups = own.ancestors().take_while(|group| group.starts_with(&mount.point));
        Some(Self { version, groups: groups.map(Path::to_owned).collect() })
    }

    /// The group below which a new one has a limit of memory.
    fn parent(&self) -> Result<&Path, String> {
        let passes_on = |group: &&PathBuf| match self.version {
            Version::One => true,
            Version::Two => {
                let passed = fs::read_to_string(group.join("cgroup.subtree_control"));
                passed.unwrap_or_default().split_whitespace().any(|name| name == "memory")
            }
        };
        self.groups.iter().find(passes_on).map(PathBuf::as_path).ok_or_else(|| {
            let own = self.groups.first().map(|group| group.display().to_string());
            format!(
                "no control group above {} passes the memory controller on",
                own.unwrap_or_default()
            )
        })
    }
}

/// A mounted hierarchy.
struct Mount {
    root: PathBuf,
    point: PathBuf,
}

/// Finds a mount by its type and an option, see proc(5).
fn mount(mounts: &str, kind: &str, option: &str) -> Option<Mount> {
    mounts.lines().find_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut before = before.split(' ').skip(3);
        let (root, point) = (before.next()?, before.next()?);
        let mut after = after.split(' ');
        let is_wanted = after.next() == Some(kind)
            && (option.is_empty() || after.nth(1)?.split(',').any(|known| known == option));
        is_wanted.then(|| Mount { root: root.into(), point: point.into() })
    })
}

/// Finds the line `oom_kill 3`.
fn parse_kills(text: &str) -> u64 {
    let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    count.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

/// Removes groups whose makers are dead; one that still has processes stays.
fn remove_leftovers(parent: &Path) {
    for entry in parent.read_dir().into_iter().flatten().flatten() {
        let name = entry.file_name();
        let maker = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split_once('-'));
        let is_dead =
            |pid: &str| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists();
        if maker.is_some_and(|(pid, _)| is_dead(pid)) {
            let _ = fs::remove_dir(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    const MOUNTS: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:1 - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    fn check(mounts: &str, own: &str, expected: Expect) {
        let found = Hierarchy::find(mounts, own);
        expected.assert_eq(&match found {
            Some(Hierarchy { version, groups }) => format!("{version:?} {groups:?}"),
            None => "none".to_owned(),
        });
    }

    #[test]
    fn the_group_of_this_process_is_found() {
        check(
            MOUNTS,
            "4:memory:/a/b\n3:cpu:/c\n0::/d\n",
            expect![[
                r#"One ["/sys/fs/cgroup/memory/a/b", "/sys/fs/cgroup/memory/a", "/sys/fs/cgroup/memory"]"#
            ]],
        );
        check(
            MOUNTS,
            "0::/user.slice/x.scope\n",
            expect![[
                r#"Two ["/sys/fs/cgroup/unified/user.slice/x.scope", "/sys/fs/cgroup/unified/user.slice", "/sys/fs/cgroup/unified"]"#
            ]],
        );
        // A container that sees the whole path of its group.
        check(
            "35 31 0:32 /docker/1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory",
            "4:memory:/docker/1/a\n",
            expect![[r#"One ["/sys/fs/cgroup/memory/a", "/sys/fs/cgroup/memory"]"#]],
        );
        check("", "4:memory:/a\n0::/d\n", expect!["none"]);
        check(MOUNTS, "", expect!["none"]);
    }

    #[test]
    fn the_nearest_group_that_passes_the_controller_on_is_the_parent() {
        let root = tempfile::tempdir().expect("a folder");
        let own = root.path().join("user.slice/x.scope");
        fs::create_dir_all(&own).expect("a folder");
        let groups = [own.clone(), own.parent().expect("one").to_owned(), root.path().to_owned()];
        let hierarchy = |version| Hierarchy { version, groups: groups.to_vec() };
        assert_eq!(hierarchy(Version::One).parent(), Ok(own.as_path()));
        let nowhere = hierarchy(Version::Two).parent().expect_err("it is switched on nowhere");
        assert!(nowhere.ends_with("x.scope passes the memory controller on"), "{nowhere}");
        let pass = |group: &Path, names: &str| {
            fs::write(group.join("cgroup.subtree_control"), names).expect("a file");
        };
        pass(&own, "");
        pass(&groups[1], "cpu\n");
        pass(&groups[2], "cpu memory\n");
        assert_eq!(hierarchy(Version::Two).parent(), Ok(root.path()));
        pass(&groups[1], "cpu memory pids\n");
        assert_eq!(hierarchy(Version::Two).parent(), Ok(groups[1].as_path()));
    }

    #[test]
    fn kills_for_memory_are_counted() {
        assert_eq!(parse_kills("oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"), 2);
        assert_eq!(parse_kills("low 0\nmax 9\noom 1\noom_kill 1\noom_group_kill 0\n"), 1);
        assert_eq!(parse_kills(""), 0);
    }

    #[test]
    fn groups_go_with_their_makers() {
        let parent = tempfile::tempdir().expect("a folder");
        let mut child = process::Command::new("true").spawn().expect("a process");
        child.wait().expect("ends");
        let group = |name: &str| {
            let path = parent.path().join(name);
            fs::create_dir(&path).expect("a folder");
            path
        };
        let dead = group(&format!("{PREFIX}{}-0", child.id()));
        let kept = [group(&format!("{PREFIX}{}-0", process::id())), group("flameload-x-0")];
        remove_leftovers(parent.path());
        assert!(!dead.exists() && kept.iter().all(|path| path.exists()));
    }

    proptest! {
        #[test]
        fn no_text_panics(
            mounts in "([/ a-]{0,30} - cgroup2? [a ,]{0,9}memory\n?){0,2}",
            own in "([0-9]?:(memory)?:[/a]{0,9}\n?){0,3}",
        ) {
            let _ = Hierarchy::find(&mounts, &own);
            parse_kills(&mounts);
        }
    }
}
