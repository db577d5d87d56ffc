//! What the descendants of a launched process are known by wherever they go: out of their process
//! group, into a session of their own, into the background, to another parent.
//!
//! It is a variable of the environment and a [brand]. The kernel shows the environment with which a
//! program was started (see proc(5)), so a process keeps the variable even when it clears its own.
//! One that is started with an environment made anew, and one that writes over the memory where its
//! own was, has lost it, and still has the brand.

use std::{
    collections::BTreeMap,
    ffi::{CStr, OsString},
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use rustix::{
    fs::{Mode, OFlags, RawDir},
    io::Errno,
    process::Pid,
};

mod brand;

pub(super) use brand::Brand;

use super::procfs;

/// The variable.
const NAME: &str = "FLAMELOAD_PROCESS";

/// What the processes of one launch have, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Birthmark {
    /// The value of the variable.
    text: String,
    brand: Brand,
}

impl Birthmark {
    /// The beginning of marks that no other guard gives, of this process or of another.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(super) fn of_guard() -> io::Result<Self> {
        Ok(Self { text: format!("{}.{:06}.", tool(), count()), brand: Brand::of_guard()? })
    }

    /// A mark with this beginning that no other process has.
    pub(super) fn next(&self) -> Self {
        // As long as any other: the size of the environment moves the stack, and that alone
        // can change how fast a program is.
        let number = count();
        Self { text: format!("{}{number:06}", self.text), brand: self.brand.numbered(number) }
    }

    /// Puts it among the variables of a process to be.
    pub(super) fn put(&self, env: &mut BTreeMap<OsString, OsString>) {
        env.insert(NAME.into(), self.text.clone().into());
    }

    /// The part that a process to be gives itself.
    pub(super) fn brand(&self) -> Brand {
        self.brand
    }

    /// As it stands in an environment.
    pub(super) fn bytes(&self) -> Vec<u8> {
        format!("{NAME}={}", self.text).into_bytes()
    }

    /// The processes that have it, as far as this user may see.
    pub(super) fn bearers(&self) -> Vec<u32> {
        let mut found = Vec::new();
        visit_bearers(&self.bytes(), self.brand, |pid| {
            found.push(pid.as_raw_nonzero().get().cast_unsigned());
        });
        found
    }
}

fn count() -> u32 {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// This process, by its id and the time of its start: another one may get the id later.
fn tool() -> String {
    let pid = process::id();
    let started = procfs::read_stat(pid).map_or(0, |stat| stat.started);
    format!("{pid:010}-{started:020}")
}

/// Calls `visit` with each process that has `mark` in its environment, or the brand.
///
/// It makes system calls and nothing else, as the guard needs: it allocates no memory and cannot
/// panic.
pub(super) fn visit_bearers(mark: &[u8], brand: Brand, mut visit: impl FnMut(Pid)) {
    let folder = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(proc) = rustix::fs::open(c"/proc", folder, Mode::empty()) else { return };
    let mut buffer = [MaybeUninit::uninit(); 8192];
    let mut entries = RawDir::new(&proc, &mut buffer);
    while let Some(Ok(entry)) = entries.next() {
        let Some(pid) = parse_pid(entry.file_name()) else { continue };
        let process = rustix::fs::openat(&proc, entry.file_name(), folder, Mode::empty());
        let bears = process.is_ok_and(|process| {
            let open = |file: &CStr| {
                rustix::fs::openat(&process, file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            };
            open(c"environ").is_ok_and(|environment| has(environment.as_fd(), mark))
                || open(c"limits").is_ok_and(|limits| brand.is_in(limits.as_fd()))
        });
        if bears {
            visit(pid);
        }
    }
}

fn parse_pid(name: &CStr) -> Option<Pid> {
    let digit = |pid: i32, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| i32::from(byte - b'0'))?;
        pid.checked_mul(10)?.checked_add(digit)
    };
    Pid::from_raw(name.to_bytes().iter().try_fold(0, digit)?)
}

/// Whether a file has `mark` in it.
fn has(file: BorrowedFd<'_>, mark: &[u8]) -> bool {
    let mut chunk = [0_u8; 4096];
    // How much of the end of the chunk before stands at the beginning of this one.
    let mut kept = 0;
    loop {
        let Some(room) = chunk.get_mut(kept..) else { return false };
        let end = match rustix::io::read(file, room) {
            Err(Errno::INTR) => continue,
            Ok(0) | Err(_) => return false,
            Ok(read) => kept + read,
        };
        let filled = chunk.get(..end).unwrap_or_default();
        if memchr::memmem::find(filled, mark).is_some() {
            return true;
        }
        kept = mark.len().saturating_sub(1).min(end);
        chunk.copy_within(end - kept..end, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Write, process::Command};

    use proptest::prelude::*;

    use super::*;

    fn of_guard() -> Birthmark {
        Birthmark::of_guard().expect("random numbers")
    }

    #[test]
    fn a_child_is_known_by_it_and_to_its_guard() {
        let (guard, other_guard) = (of_guard(), of_guard());
        let (mark, other) = (guard.next(), guard.next());
        let mut env = BTreeMap::new();
        mark.put(&mut env);
        let mut child = Command::new("sleep").arg("60").envs(&env).spawn().expect("sleep");
        let pid = child.id();
        // Between fork and exec it still has the environment of this test.
        let found = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(2));
            mark.bearers() == [pid]
        });
        assert!(found);
        assert!(other.bearers().is_empty());
        assert_eq!(guard.bearers(), [pid]);
        assert!(other_guard.bearers().is_empty());
        child.kill().expect("it sleeps");
        child.wait().expect("killed");
    }

    proptest! {
        #[test]
        fn it_is_found_wherever_it_stands(before in 0_usize..9000, after in 0_usize..9000) {
            let mut file = tempfile::tempfile().expect("a file");
            let mark = of_guard().next().bytes();
            let filler = |size| b"FLAMELOAD_PROCESS=".iter().copied().cycle().take(size);
            let bytes: Vec<u8> =
                filler(before).chain(mark.iter().copied()).chain(filler(after)).collect();
            file.write_all(&bytes).expect("room");
            let open = || File::open(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file)));
            prop_assert!(has(open().expect("open").as_fd(), &mark));
            prop_assert!(!has(open().expect("open").as_fd(), &of_guard().next().bytes()));
        }
    }
}
