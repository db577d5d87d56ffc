//! The two forks: a child that waits before its exec, and the guard.
//!
//! Between fork and exec the child of a process with threads may only do what a signal handler
//! may do: system calls, and reads of memory that was prepared before. It must not allocate,
//! lock or panic.

#![expect(
    unsafe_code,
    reason = "fork, exec and signal dispositions have no safe form; each block says why it holds"
)]

use std::{
    ffi::{CString, c_char, c_int, c_uint},
    io,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd},
    ptr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::{
    process::{Gid, Pid, Resource, Signal, Uid},
    thread::CpuSet,
};

use super::{
    account::Account,
    birthmark::{Brand, visit_bearers},
};
use crate::unit::Nanos;

/// What a child is to become, prepared before the fork.
pub(super) struct Image {
    pub(super) program: CString,
    pub(super) args: Vec<CString>,
    pub(super) env: Vec<CString>,
    pub(super) dir: CString,
    pub(super) cpus: Option<CpuSet>,
    /// Soft and hard limit of open files; none raises the soft one to the hard one.
    pub(super) open_files: Option<u64>,
    /// Whose process it becomes; none leaves it this user's.
    pub(super) account: Option<Account>,
    /// What it and its descendants are found by.
    pub(super) brand: Option<Brand>,
}

/// The child's ends of its pipes; every number is above those that the child will use.
pub(super) struct ChildEnds {
    pub(super) stdin: OwnedFd,
    pub(super) stdout: OwnedFd,
    pub(super) stderr: OwnedFd,
    /// One byte lets the child go on to its exec; the end of the file ends it.
    pub(super) go: OwnedFd,
    /// Where a [`Failure`] goes; the exec closes it.
    pub(super) failure: OwnedFd,
}

/// The lowest number that the ends of pipes may have before the fork, so that moving one into
/// its place never overwrites another.
pub(super) const LOWEST_FD: RawFd = 10;

const GO: RawFd = 3;
const FAILURE: RawFd = 4;

/// At which step a child failed, and what the system said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) step: Step,
    pub(super) errno: i32,
}

/// The steps of a child that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Streams,
    Directory,
    Affinity,
    OpenFiles,
    Account,
    Exec,
}

impl Step {
    const ALL: [Self; 6] = [
        Self::Streams,
        Self::Directory,
        Self::Affinity,
        Self::OpenFiles,
        Self::Account,
        Self::Exec,
    ];
}

impl Failure {
    /// How many bytes a failure is on its pipe.
    pub(super) const SIZE: usize = 5;

    fn to_bytes(self) -> [u8; Self::SIZE] {
        let [a, b, c, d] = self.errno.to_ne_bytes();
        [self.step as u8, a, b, c, d]
    }

    pub(super) fn from_bytes(bytes: [u8; Self::SIZE]) -> Option<Self> {
        let [step, errno @ ..] = bytes;
        let step = Step::ALL.into_iter().find(|known| *known as u8 == step)?;
        Some(Self { step, errno: i32::from_ne_bytes(errno) })
    }
}

static FORKS: Mutex<()> = Mutex::new(());

/// Until the result is dropped, no other thread forks here.
///
/// A child has copies of all open files until it closes them. One that is forked while a socket
/// listens for a moment keeps the port taken for longer than that.
pub(super) fn no_forks() -> MutexGuard<'static, ()> {
    FORKS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Forks a child that prepares itself, waits for a byte on `go` and becomes `image`.
pub(super) fn fork_held(image: &Image, ends: &ChildEnds) -> io::Result<Pid> {
    let args = pointers(&image.args);
    let env = pointers(&image.env);
    let _alone = no_forks();
    // SAFETY: the child only runs `become_image`, which keeps to what a signal handler may do.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let failure = become_image(image, &args, &env, ends);
        // SAFETY: the descriptor was put in place by `become_image`, or the write fails.
        let _ = rustix::io::write(unsafe { BorrowedFd::borrow_raw(FAILURE) }, &failure.to_bytes());
        end(127);
    }
    forked(pid)
}

/// Forks the guard: it reads process groups from `registrations`, and once no process has the
/// other end open, kills those that are left and every process that has `mark` in its environment,
/// or the brand.
pub(super) fn fork_guard(registrations: &OwnedFd, mark: &[u8], brand: Brand) -> io::Result<Pid> {
    let _alone = no_forks();
    // SAFETY: the child only runs `guard`, which keeps to what a signal handler may do.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        guard(registrations, mark, brand);
        end(0);
    }
    forked(pid)
}

/// Waits for a child to end, so that it leaves no zombie, and tells the CPU time, user and kernel,
/// of it and of the children that it waited for itself. None where someone else has waited for it.
pub(super) fn reap(pid: Pid) -> Option<Nanos> {
    loop {
        // SAFETY: a structure of plain numbers, for which zeroes are valid.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the status is not asked for, and `usage` outlives the call that writes it.
        let ended =
            unsafe { libc::wait4(pid.as_raw_nonzero().get(), ptr::null_mut(), 0, &raw mut usage) };
        if ended >= 0 {
            return Some(nanos(usage.ru_utime) + nanos(usage.ru_stime));
        }
        if errno() != libc::EINTR {
            return None;
        }
    }
}

/// Removes a segment of shared memory that no process has attached any more, if it has this key and
/// belongs to the user `uid`.
pub(super) fn remove_shared_memory(id: i32, key: i32, uid: u32) {
    // SAFETY: a structure of plain numbers, for which zeroes are valid.
    let mut segment: libc::shmid_ds = unsafe { std::mem::zeroed() };
    // SAFETY: `segment` outlives the call that writes it.
    let found = unsafe { libc::shmctl(id, libc::IPC_STAT, &raw mut segment) } == 0;
    let perm = segment.shm_perm;
    if found && perm.__key == key && perm.uid == uid && segment.shm_nattch == 0 {
        // SAFETY: takes numbers only for this command; the memory is in no process.
        unsafe { libc::shmctl(id, libc::IPC_RMID, ptr::null_mut()) };
    }
}

fn nanos(time: libc::timeval) -> Nanos {
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Nanos(seconds.saturating_mul(1_000_000_000) + micros.saturating_mul(1000))
}

fn forked(pid: libc::pid_t) -> io::Result<Pid> {
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    Pid::from_raw(pid).ok_or_else(|| io::Error::other("fork gave no process id"))
}

/// The array that exec wants; it borrows from `texts`.
fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
}

fn end(code: c_int) -> ! {
    // SAFETY: ends the process without running anything of the parent's.
    unsafe { libc::_exit(code) }
}

fn become_image(
    image: &Image,
    args: &[*const c_char],
    env: &[*const c_char],
    ends: &ChildEnds,
) -> Failure {
    match prepare(image, ends) {
        Ok(()) => {
            // SAFETY: strings and arrays were made before the fork and end as exec wants.
            unsafe { libc::execve(image.program.as_ptr(), args.as_ptr(), env.as_ptr()) };
            Failure { step: Step::Exec, errno: errno() }
        }
        Err(failure) => failure,
    }
}

fn prepare(image: &Image, ends: &ChildEnds) -> Result<(), Failure> {
    let at = |step| move |error: rustix::io::Errno| Failure { step, errno: error.raw_os_error() };
    let places = [
        (&ends.failure, FAILURE, libc::O_CLOEXEC),
        (&ends.go, GO, libc::O_CLOEXEC),
        (&ends.stdin, 0, 0),
        (&ends.stdout, 1, 0),
        (&ends.stderr, 2, 0),
    ];
    for (from, to, flags) in places {
        // SAFETY: both are plain numbers; whatever `to` was is the parent's and not needed here.
        if unsafe { libc::dup3(from.as_raw_fd(), to, flags) } < 0 {
            return Err(Failure { step: Step::Streams, errno: errno() });
        }
    }
    // Otherwise a child that waits would hold open the pipes of all others.
    close_from(FAILURE + 1);
    default_signals();
    // Its own group, so that it is stopped with all its children and no Ctrl-C reaches it.
    let _ = rustix::process::setpgid(None, None);
    limit_open_files(image.open_files).map_err(at(Step::OpenFiles))?;
    if let Some(brand) = image.brand {
        brand.put();
    }
    // Before the folder is entered, which may be the account's own to replace.
    if let Some(account) = image.account {
        become_account(account).map_err(at(Step::Account))?;
    }
    rustix::process::chdir(image.dir.as_c_str()).map_err(at(Step::Directory))?;
    if let Some(cpus) = &image.cpus {
        rustix::thread::sched_setaffinity(None, cpus).map_err(at(Step::Affinity))?;
    }
    wait_for_go();
    Ok(())
}

/// Gives up this user's rights for good. These calls change one thread, and after a fork there is
/// one; those of the C library would take locks that another thread may have had.
fn become_account(account: Account) -> Result<(), rustix::io::Errno> {
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    rustix::thread::set_thread_groups(&[])?;
    rustix::thread::set_thread_res_gid(gid, gid, gid)?;
    rustix::thread::set_thread_res_uid(uid, uid, uid)
}

/// Returns at the first byte; ends the process when the parent is gone.
fn wait_for_go() {
    // SAFETY: `prepare` has put the pipe there.
    let go = unsafe { BorrowedFd::borrow_raw(GO) };
    let mut byte = [0_u8; 1];
    loop {
        match rustix::io::read(go, &mut byte) {
            Ok(1) => return,
            Err(rustix::io::Errno::INTR) => {}
            _ => end(126),
        }
    }
}

/// Undoes what the parent's runtime changed: Rust ignores SIGPIPE, the tool catches Ctrl-C.
fn default_signals() {
    for signal in [libc::SIGPIPE, libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the default disposition runs no code of ours.
        let before = unsafe { libc::signal(signal, libc::SIG_DFL) };
        // As by `nohup`, for whoever is started by the tool as well.
        if signal != libc::SIGPIPE && before == libc::SIG_IGN {
            // SAFETY: ignoring runs no code of ours.
            unsafe { libc::signal(signal, libc::SIG_IGN) };
        }
    }
    // SAFETY: an all-zero set is valid memory for sigemptyset, which makes it a valid set.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
}

/// Many servers take the soft limit as given; under load it is what they run into first. Unless
/// another limit is asked for, it is raised as far as the system allows.
fn limit_open_files(asked: Option<u64>) -> Result<(), rustix::io::Errno> {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.maximum = asked.or(limit.maximum);
    limit.current = limit.maximum;
    match rustix::process::setrlimit(Resource::Nofile, limit) {
        // Raising the soft limit is refused only where there is nothing to gain.
        Err(error) if asked.is_some() => Err(error),
        _ => Ok(()),
    }
}

fn close_from(first: RawFd) {
    if !close_range(first.cast_unsigned(), c_uint::MAX) {
        close_one_by_one(first, RawFd::MAX);
    }
}

fn close_range(first: c_uint, last: c_uint) -> bool {
    // SAFETY: takes two numbers; nothing in this process uses the descriptors from here on.
    unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) == 0 }
}

/// For kernels before 5.9, which have no `close_range`.
fn close_one_by_one(first: RawFd, last: RawFd) {
    let open = rustix::process::getrlimit(Resource::Nofile).current.unwrap_or(65_536);
    let end = RawFd::try_from(open.min(65_536)).unwrap_or(RawFd::MAX).min(last);
    for fd in first..end {
        // SAFETY: a number; closing what is not open fails and does no harm.
        unsafe { libc::close(fd) };
    }
}

/// How many process groups the guard can keep.
const GROUPS: usize = 1024;

fn guard(registrations: &OwnedFd, mark: &[u8], brand: Brand) {
    let fd = registrations.as_raw_fd();
    let _ = rustix::process::setsid();
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGPIPE] {
        // SAFETY: ignoring runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    let _ = rustix::thread::set_name(c"flameload-guard");
    // A pipe of the tool's that stayed open here would look to its reader as if the tool lived.
    if !(close_range(0, fd.cast_unsigned().saturating_sub(1))
        && close_range(fd.cast_unsigned().saturating_add(1), c_uint::MAX))
    {
        close_one_by_one(0, fd);
        close_one_by_one(fd.saturating_add(1), RawFd::MAX);
    }
    let mut groups = [0_i32; GROUPS];
    let mut message = [0_u8; 4];
    loop {
        match rustix::io::read(registrations, &mut message) {
            // Messages are shorter than PIPE_BUF, so each arrives whole.
            Ok(4) => note(&mut groups, i32::from_ne_bytes(message)),
            Err(rustix::io::Errno::INTR) => {}
            _ => break,
        }
    }
    for group in groups {
        // 1 and below would be everyone.
        if group > 1
            && let Some(pid) = Pid::from_raw(group)
        {
            let _ = rustix::process::kill_process_group(pid, Signal::KILL);
        }
    }
    kill_bearers(mark, brand);
}

/// How often those that are left are looked for: each may have had time for another child.
const SWEEPS: usize = 100;

/// Kills what has left its group.
fn kill_bearers(mark: &[u8], brand: Brand) {
    let pause = rustix::time::Timespec { tv_sec: 0, tv_nsec: 2_000_000 };
    for _ in 0..SWEEPS {
        let mut found = false;
        visit_bearers(mark, brand, |pid| {
            found = true;
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        });
        if !found {
            return;
        }
        let _ = rustix::thread::nanosleep(&pause);
    }
}

/// A positive number registers a group, its negative takes it back.
fn note(groups: &mut [i32; GROUPS], message: i32) {
    let (from, to) = if message > 0 { (0, message) } else { (message.saturating_neg(), 0) };
    for group in groups {
        if *group == from {
            *group = to;
            return;
        }
    }
}

fn errno() -> i32 {
    // SAFETY: the C library gives each thread a valid place for it.
    unsafe { *libc::__errno_location() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_survive_their_pipe() {
        for step in Step::ALL {
            let failure = Failure { step, errno: libc::ENOENT };
            assert_eq!(Failure::from_bytes(failure.to_bytes()), Some(failure));
        }
        assert_eq!(Failure::from_bytes([9, 0, 0, 0, 0]), None);
    }

    #[test]
    fn groups_come_and_go() {
        let mut groups = [0; GROUPS];
        for message in [10, 11, 12, -11, 13, -99, i32::MIN] {
            note(&mut groups, message);
        }
        assert_eq!(groups[..4], [10, 13, 12, 0]);
    }
}
