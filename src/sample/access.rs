//! What this machine lets us sample, and what to do where it refuses.

use std::{fs, io, path::PathBuf, str::FromStr};

use thiserror::Error;

use crate::{os::process::guarded, unit::Hertz};

/// What the samples cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Both the server's code and the kernel's on its behalf.
    KernelAndUser,
    /// The server's own code only; time in system calls is missing.
    UserOnly,
}

impl Access {
    /// What the picture lacks on this rung of privileges.
    pub fn missing(self) -> Option<&'static str> {
        match self {
            Self::KernelAndUser => None,
            Self::UserOnly => Some("kernel frames and the time in system calls"),
        }
    }

    /// The command that lifts to the next rung.
    pub fn lifted_by(self) -> Option<&'static str> {
        match self {
            Self::KernelAndUser => None,
            Self::UserOnly => Some("sudo sysctl kernel.perf_event_paranoid=1"),
        }
    }

    /// As it stands in a record.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KernelAndUser => "kernel and user",
            Self::UserOnly => "user only",
        }
    }
}

/// Why a process could not be sampled.
#[derive(Debug, Error)]
pub enum SampleError {
    /// The kernel refuses perf events altogether.
    #[error("the kernel refuses to sample (perf_event_open: {source}): {advice}")]
    Refused {
        /// What the system call said.
        source: io::Error,
        /// The command that lifts it.
        advice: String,
    },
    /// The kernel refused one event for another reason.
    #[error("cannot open the {event} event on process {pid}: {source}{}", descriptors(source))]
    Open {
        /// Which event.
        event: &'static str,
        /// On which process or thread.
        pid: u32,
        /// What the system call said.
        source: io::Error,
    },
    /// The kernel allows fewer samples a second.
    #[error(
        "{hz} is more than this kernel allows, which is {limit} Hz: lower --hz, or run \
         `sudo sysctl kernel.perf_event_max_sample_rate={}`", hz.0
    )]
    TooFast {
        /// What was asked for.
        hz: Hertz,
        /// The most that is allowed.
        limit: u32,
    },
    /// The memory of a ring could not be mapped.
    #[error(
        "cannot map a sample ring of {pages} pages on CPU {cpu}: {source}: raise the limit with \
         `sudo sysctl kernel.perf_event_mlock_kb=4096` or `ulimit -l unlimited`"
    )]
    Ring {
        /// Which CPU.
        cpu: usize,
        /// How many pages of data were asked for last.
        pages: usize,
        /// What the system call said.
        source: io::Error,
    },
    /// The process to attach to cannot be read.
    #[error("cannot read {path} of the process to sample: {source}: is it running, and yours?")]
    Process {
        /// The file under `/proc`.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The sampling thread could not be started.
    #[error("cannot start the sampling thread: {0}")]
    Thread(io::Error),
    /// The CPUs of this machine could not be listed.
    #[error("cannot tell which CPUs are online: {0}")]
    Cpus(io::Error),
}

impl SampleError {
    /// The error of a first event that was refused: with advice where privileges are the reason.
    pub(super) fn from_open(event: &'static str, pid: u32, source: io::Error) -> Self {
        let refused =
            matches!(source.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported)
                || source.raw_os_error() == Some(rustix::io::Errno::NOSYS.raw_os_error());
        if refused {
            let of_process = || Some(format!("of process {pid}, {}", guarded(pid)?));
            let advice = match paranoid() {
                // Then no process of this user's could be sampled either.
                level @ Some(3..) => refusal_advice(level),
                level => of_process().unwrap_or_else(|| refusal_advice(level)),
            };
            Self::Refused { source, advice }
        } else {
            Self::Open { event, pid, source }
        }
    }
}

/// How many files this process may open, where that is what was short.
fn descriptors(error: &io::Error) -> String {
    if error.raw_os_error() != Some(rustix::io::Errno::MFILE.raw_os_error()) {
        return String::new();
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    let limit = limit.map_or("none".to_owned(), |limit| limit.to_string());
    format!(
        ": each thread needs several, and the limit is {limit}; raise it with `ulimit -n 65536`, or \
         as root sample by CPUs, which needs few"
    )
}

/// The level of `kernel.perf_event_paranoid`, where it can be read.
pub fn paranoid() -> Option<i32> {
    setting("perf_event_paranoid")
}

/// The highest frequency that this kernel allows.
pub fn rate_max() -> Hertz {
    Hertz(setting("perf_event_max_sample_rate").unwrap_or(u32::MAX))
}

/// Refuses a frequency that the kernel would refuse without saying why.
pub(super) fn check_frequency(hz: Hertz) -> Result<(), SampleError> {
    match setting("perf_event_max_sample_rate") {
        Some(limit) if hz.0 > limit => Err(SampleError::TooFast { hz, limit }),
        _ => Ok(()),
    }
}

fn setting<T: FromStr>(name: &str) -> Option<T> {
    fs::read_to_string(format!("/proc/sys/kernel/{name}")).ok()?.trim().parse().ok()
}

/// A paranoid level above 2 (a distribution's addition) forbids every unprivileged event; below
/// that, a refusal can only come from a security filter around the process.
fn refusal_advice(paranoid: Option<i32>) -> String {
    match paranoid {
        Some(level @ 3..) => format!(
            "kernel.perf_event_paranoid is {level}; run `sudo sysctl kernel.perf_event_paranoid=1`"
        ),
        _ => "a seccomp filter or a container blocks the call; in Docker, run with \
              `--cap-add PERFMON --security-opt seccomp=unconfined`"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_command_that_lifts_it() {
        assert!(refusal_advice(Some(4)).contains("sysctl kernel.perf_event_paranoid=1"));
        assert!(refusal_advice(Some(2)).contains("seccomp"));
        let error = SampleError::from_open("cpu-clock", 1, io::ErrorKind::PermissionDenied.into());
        assert!(matches!(error, SampleError::Refused { .. }), "{error}");
        let gone = io::Error::from_raw_os_error(3);
        assert!(matches!(SampleError::from_open("cpu-clock", 1, gone), SampleError::Open { .. }));
    }
}
