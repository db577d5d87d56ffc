//! One process that this tool started: held before its exec, released, watched, stopped.

use std::{
    collections::BTreeMap,
    env,
    ffi::{CString, OsStr, OsString},
    fmt,
    fs::File,
    io::{self, Read},
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::PermissionsExt},
    },
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    io::{Errno, fcntl_dupfd_cloexec},
    pipe::{PipeFlags, pipe_with},
    process::{
        Pid, Signal, WaitId, WaitIdOptions, getpgid, kill_process, kill_process_group, setpgid,
        waitid,
    },
};

use super::{
    account::Account,
    birthmark::Birthmark,
    cpus::Cpus,
    guard::{Guard, Registration},
    sys::{self, ChildEnds, Failure, Image},
};
use crate::unit::Nanos;

mod ending;
mod error;
mod family;

pub use ending::Ending;
pub use error::SpawnError;
use error::explain;
use family::Family;
pub use family::{Relative, left_running};

/// What to run, and how.
pub(super) struct Spec {
    pub(super) program: OsString,
    pub(super) args: Vec<OsString>,
    pub(super) env: BTreeMap<OsString, OsString>,
    pub(super) dir: PathBuf,
    pub(super) cpus: Option<Cpus>,
    pub(super) open_files: Option<u64>,
    /// Whose process it is; none for this user's.
    pub(super) account: Option<Account>,
    /// What its descendants are known by.
    pub(super) mark: Option<Birthmark>,
    /// What it finds on its standard input: a page at most.
    pub(super) input: Vec<u8>,
    pub(super) output: Streams,
}

impl fmt::Debug for Spec {
    /// The program alone: environment and input may have passwords in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Spec {
    /// Where in `PATH` a program is, from the folder that this one will run in.
    pub(super) fn find_in_path(&self, program: &OsStr) -> Option<PathBuf> {
        let folders = self.env.get(OsStr::new("PATH")).cloned().unwrap_or_default();
        let runs = |path: &PathBuf| {
            let metadata = self.dir.join(path).metadata();
            metadata.is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
        };
        env::split_paths(&folders)
            .map(|folder| Path::new(".").join(folder).join(program))
            .find(runs)
    }
}

/// How a process's output comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Streams {
    /// In one pipe, which keeps the order of the lines.
    Joined,
    /// Standard output and error each in its own.
    Apart,
}

/// A process and the group it leads. Dropping it stops all of them.
#[derive(Debug)]
pub(super) struct Child {
    pid: Pid,
    go: Option<OwnedFd>,
    failure: Option<File>,
    ending: Option<Ending>,
    cpu: Option<Nanos>,
    /// What its descendants are known by.
    mark: Option<Birthmark>,
    /// Gone once the process is reaped.
    registration: Option<Registration>,
}

/// The reading ends of a process's output.
#[derive(Debug)]
pub(super) struct Pipes {
    pub(super) stdout: File,
    /// None where the streams are joined.
    pub(super) stderr: Option<File>,
}

/// How often an ending is looked for.
const POLL: Duration = Duration::from_millis(2);

/// How long what is left of a process's descendants may take to follow it.
const FOLLOW: Duration = Duration::from_millis(100);

/// How long a killed process may take to be gone. One that hangs in the kernel, and one of another
/// user whom this one may not kill, takes for ever.
const UNSTOPPABLE: Duration = Duration::from_secs(2);

/// How long a dropped process may take to end by itself.
const SHORT_GRACE: Duration = Duration::from_millis(500);

impl Child {
    /// Starts a process that does everything but its exec, and waits.
    pub(super) fn hold(spec: &Spec, guard: &Guard) -> Result<(Self, Pipes), SpawnError> {
        let image = image(spec)?;
        let stdin = input(&spec.input)?;
        let (stdout, stdout_end) = pipe()?;
        let (stderr, stderr_end) = match spec.output {
            Streams::Joined => (None, stdout_end.try_clone()?),
            Streams::Apart => pipe().map(|(stderr, end)| (Some(stderr.into()), end))?,
        };
        let (go_end, go) = pipe()?;
        let (failure, failure_end) = pipe()?;
        let ends = ChildEnds {
            stdin: high(stdin)?,
            stdout: high(stdout_end)?,
            stderr: high(stderr_end)?,
            go: high(go_end)?,
            failure: high(failure_end)?,
        };
        let pid = sys::fork_held(&image, &ends)?;
        // The child does the same; whoever comes first, the group exists from here on.
        let _ = setpgid(Some(pid), Some(pid));
        let mut child = Self {
            pid,
            go: Some(go),
            failure: Some(failure.into()),
            ending: None,
            cpu: None,
            mark: spec.mark.clone(),
            registration: None,
        };
        child.registration = Some(guard.register(pid)?);
        Ok((child, Pipes { stdout: stdout.into(), stderr }))
    }

    /// Lets the process go on to its exec, and waits for that.
    pub(super) fn release(&mut self, spec: &Spec) -> Result<(), SpawnError> {
        if let Some(go) = self.go.take() {
            // A process that failed before has closed the pipe; the failure says why.
            let _ = rustix::io::write(go, &[1]);
        }
        let Some(mut pipe) = self.failure.take() else { return Ok(()) };
        let mut bytes = [0; Failure::SIZE];
        match pipe.read_exact(&mut bytes) {
            // The exec closes the pipe.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
            Err(error) => Err(error.into()),
            Ok(()) => Err(match Failure::from_bytes(bytes) {
                Some(failure) => explain(failure, spec),
                None => io::Error::other("the child said something unknown").into(),
            }),
        }
    }

    /// The process's id, which is also its group's.
    pub(super) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().cast_unsigned()
    }

    /// How the process ended, if it has. Its children may go on.
    pub(super) fn ending(&mut self) -> Option<Ending> {
        if self.ending.is_none() {
            // Left as a zombie, its id cannot become anyone else's before the group is stopped.
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
            self.ending = match waitid(WaitId::Pid(self.pid), options) {
                Ok(None) | Err(Errno::INTR) => None,
                // One that is held still for a moment, by a profiler of ours, is told of as well.
                Ok(Some(status)) if status.stopped() || status.trapped() => None,
                Ok(Some(status)) => Some(
                    (status.exit_status().map(Ending::Status))
                        .or_else(|| status.terminating_signal().map(Ending::Signal))
                        .unwrap_or(Ending::Unknown),
                ),
                Err(_) => Some(Ending::Unknown),
            };
        }
        self.ending
    }

    /// Stops the process, its group and its other descendants: SIGTERM, after `grace` SIGKILL.
    pub(super) fn stop(&mut self, grace: Duration) -> Ending {
        self.stop_by(Signal::TERM, grace)
    }

    /// The same, with another signal first. It comes back in limited time, whatever they do.
    pub(super) fn stop_by(&mut self, signal: Signal, grace: Duration) -> Ending {
        let Some(registration) = self.registration.take() else {
            return self.ending.unwrap_or(Ending::Unknown);
        };
        let relatives = self.family();
        let by_itself = self.ending().is_some();
        self.signal(signal);
        if by_itself {
            // What it left in the background is the server.
            for pid in relatives.outside(self.pid) {
                let _ = kill_process(pid, signal);
            }
        }
        self.wait(grace);
        self.signal(Signal::KILL);
        self.wait(UNSTOPPABLE);
        if self.ending().is_some() {
            // A zombie by now, for which nobody has to wait.
            self.cpu = sys::reap(self.pid);
        } else {
            family::leave(Relative::of(self.pid));
        }
        let ending = *self.ending.get_or_insert(Ending::Never);
        relatives.end(FOLLOW).into_iter().for_each(family::leave);
        drop(registration);
        ending
    }

    /// To its group, and to itself where it has left that.
    fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.pid, signal);
        if getpgid(Some(self.pid)).is_ok_and(|group| group != self.pid) {
            let _ = kill_process(self.pid, signal);
        }
    }

    /// Descendants that go on outside of its group.
    pub(super) fn background(&self) -> Vec<Relative> {
        self.family().outside(self.pid).map(Relative::of).collect()
    }

    fn family(&self) -> Family {
        Family::of(self.pid(), self.mark.as_ref())
    }

    /// What CPU time a stopped process has used, with the children that it waited for. None for
    /// one that is not stopped, and where something else has waited for it.
    pub(super) fn cpu(&self) -> Option<Nanos> {
        self.cpu
    }

    fn wait(&mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        while self.ending().is_none() && Instant::now() < deadline {
            thread::sleep(POLL);
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        match &self.registration {
            Some(_) => drop(self.stop(SHORT_GRACE)),
            // Never registered: nothing but the fork itself has happened.
            None if self.go.is_some() => {
                let _ = kill_process(self.pid, Signal::KILL);
                sys::reap(self.pid);
            }
            None => {}
        }
    }
}

fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(pipe_with(PipeFlags::CLOEXEC)?)
}

/// A stream that has `bytes` and then ends.
fn input(bytes: &[u8]) -> io::Result<OwnedFd> {
    if bytes.is_empty() {
        return Ok(File::open("/dev/null")?.into());
    }
    let (stream, end) = pipe()?;
    // More than a pipe holds would wait for a reader that is not there yet.
    rustix::io::ioctl_fionbio(&end, true)?;
    match rustix::io::write(&end, bytes)? {
        written if written == bytes.len() => Ok(stream),
        _ => Err(io::Error::other("the input is more than a pipe holds")),
    }
}

/// Moves a descriptor out of the way of those that the child will use.
fn high(fd: OwnedFd) -> io::Result<OwnedFd> {
    Ok(fcntl_dupfd_cloexec(fd.as_fd(), sys::LOWEST_FD)?)
}

fn image(spec: &Spec) -> Result<Image, SpawnError> {
    let path = find_program(spec)?;
    let args =
        [spec.program.as_os_str()].into_iter().chain(spec.args.iter().map(OsString::as_os_str));
    let mut env = spec.env.clone();
    if let Some(mark) = &spec.mark {
        mark.put(&mut env);
    }
    let env = env.iter().map(|(name, value)| {
        let mut pair = name.clone();
        pair.push("=");
        pair.push(value);
        c_string(&pair)
    });
    Ok(Image {
        program: c_string(path.as_os_str())?,
        args: args.map(c_string).collect::<io::Result<_>>()?,
        env: env.collect::<io::Result<_>>()?,
        dir: c_string(spec.dir.as_os_str())?,
        cpus: spec.cpus.as_ref().map(Cpus::set),
        open_files: spec.open_files,
        account: spec.account,
        brand: spec.mark.as_ref().map(Birthmark::brand),
    })
}

fn c_string(text: &OsStr) -> io::Result<CString> {
    Ok(CString::new(text.as_bytes())?)
}

/// A name without a slash is looked up in `PATH`; anything else is a path from the folder the
/// process will run in.
fn find_program(spec: &Spec) -> Result<PathBuf, SpawnError> {
    if spec.program.as_bytes().contains(&b'/') {
        return Ok(spec.program.clone().into());
    }
    spec.find_in_path(&spec.program)
        .ok_or_else(|| SpawnError::NotFound(spec.program.to_string_lossy().into_owned()))
}
