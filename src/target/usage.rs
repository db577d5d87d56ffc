//! What processes use: memory, switches, faults, threads and file descriptors.

use std::{fs, iter::Sum};

use super::procfs::{self, read_lossy};
use crate::{
    os::sys,
    unit::{Bytes, Nanos},
};

/// What a set of processes uses, summed over them and their threads.
///
/// Context switches are those of the threads that still live: the kernel forgets the rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many of the processes still existed.
    pub processes: u64,
    /// Memory in RAM now (`VmRSS`). Pages that processes share count once for each.
    pub rss: Bytes,
    /// The most memory in RAM at any time (`VmHWM`); a sum of peaks, which may lie apart.
    pub rss_peak: Bytes,
    /// Context switches because a thread waited.
    pub switches_voluntary: u64,
    /// Context switches because a thread's time was up.
    pub switches_involuntary: u64,
    /// Page faults that needed no input.
    pub faults_minor: u64,
    /// Page faults that read from disk.
    pub faults_major: u64,
    /// Threads alive.
    pub threads: u64,
    /// File descriptors open.
    pub fds: u64,
    /// File descriptors that a process may open: the lowest limit among the processes.
    pub fd_limit: Option<u64>,
}

impl Usage {
    /// Adds what another process uses.
    fn add(&mut self, other: &Self) {
        self.processes += other.processes;
        self.rss.0 += other.rss.0;
        self.rss_peak.0 += other.rss_peak.0;
        self.switches_voluntary += other.switches_voluntary;
        self.switches_involuntary += other.switches_involuntary;
        self.faults_minor += other.faults_minor;
        self.faults_major += other.faults_major;
        self.threads += other.threads;
        self.fds += other.fds;
        self.fd_limit = match (self.fd_limit, other.fd_limit) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Self>>(usages: I) -> Self {
        usages.fold(Self::default(), |mut total, usage| {
            total.add(&usage);
            total
        })
    }
}

/// Reads what the processes `pids` use; one that has ended uses nothing.
pub fn read(pids: &[u32]) -> Usage {
    pids.iter().filter_map(|&pid| read_one(pid)).sum()
}

/// The CPU time of the processes `pids` so far, user and kernel, exact to the scheduler's clock,
/// with threads that have ended; a process that has ended counts as nothing.
pub fn cpu_time(pids: &[u32]) -> Nanos {
    pids.iter().filter_map(|&pid| sys::cpu_time(pid)).sum()
}

fn read_one(pid: u32) -> Option<Usage> {
    let status = parse_status(&read_lossy(&format!("/proc/{pid}/status"))?);
    let stat = procfs::read_stat(pid)?;
    let mut usage = Usage {
        processes: 1,
        rss: Bytes(status.rss_kib.saturating_mul(1024)),
        rss_peak: Bytes(status.peak_kib.saturating_mul(1024)),
        faults_minor: stat.faults_minor,
        faults_major: stat.faults_major,
        fds: fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, |entries| entries.count() as u64),
        fd_limit: read_lossy(&format!("/proc/{pid}/limits"))
            .and_then(|limits| parse_open_files(&limits)),
        ..Usage::default()
    };
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let Ok(text) = fs::read(task.path().join("status")) else { continue };
        let thread = parse_status(&String::from_utf8_lossy(&text));
        usage.threads += 1;
        usage.switches_voluntary += thread.switches_voluntary;
        usage.switches_involuntary += thread.switches_involuntary;
    }
    Some(usage)
}

/// What is needed of a `status` file, of a process or a thread.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    rss_kib: u64,
    peak_kib: u64,
    switches_voluntary: u64,
    switches_involuntary: u64,
}

/// Parses `/proc/<pid>/status`; what is missing, as in a kernel thread or a zombie, is zero.
pub(super) fn parse_status(text: &str) -> Status {
    let mut status = Status::default();
    for line in text.lines() {
        let Some((key, value)) = line.split_once(':') else { continue };
        let number = value.split_ascii_whitespace().next().and_then(|word| word.parse().ok());
        let field = match key {
            "VmRSS" => &mut status.rss_kib,
            "VmHWM" => &mut status.peak_kib,
            "voluntary_ctxt_switches" => &mut status.switches_voluntary,
            "nonvoluntary_ctxt_switches" => &mut status.switches_involuntary,
            _ => continue,
        };
        *field = number.unwrap_or(0);
    }
    status
}

/// Finds the soft limit of open files in `/proc/<pid>/limits`; unlimited is none.
pub(super) fn parse_open_files(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{fs::File, process, sync::mpsc, thread};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_status_is_read() {
        let text = "Name:\tserver\nState:\tS (sleeping)\nVmPeak:\t  999999 kB\nVmHWM:\t    5296 kB\n\
                    VmRSS:\t    4100 kB\nThreads:\t3\nvoluntary_ctxt_switches:\t150\n\
                    nonvoluntary_ctxt_switches:\t545\n";
        assert_eq!(
            parse_status(text),
            Status {
                rss_kib: 4100,
                peak_kib: 5296,
                switches_voluntary: 150,
                switches_involuntary: 545
            }
        );
        assert_eq!(parse_status("Name:\tzombie\n"), Status::default());
    }

    #[test]
    fn the_limit_of_open_files_is_read() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max processes             7823                 7823                 processes \n\
                    Max open files            1024                 1048576              files     \n";
        assert_eq!(parse_open_files(text), Some(1024));
        assert_eq!(parse_open_files("Max open files            unlimited  unlimited files"), None);
        assert_eq!(parse_open_files(""), None);
    }

    #[test]
    fn this_process_uses_something() {
        let (done, wait) = mpsc::channel::<()>();
        let thread = thread::spawn(move || wait.recv());
        let files: Vec<_> = (0..5).map(|_| File::open("/dev/null").expect("opens")).collect();
        let usage = read(&[process::id()]);
        assert_eq!(usage.processes, 1);
        assert!(usage.threads >= 2 && usage.fds >= files.len() as u64, "{usage:?}");
        assert!(usage.rss.0 > 100_000 && usage.rss_peak >= usage.rss, "{usage:?}");
        assert!(usage.faults_minor > 0 && usage.fd_limit.is_some_and(|limit| limit > 10));
        drop(done);
        let _ = thread.join();
    }

    #[test]
    fn what_has_ended_uses_nothing() {
        let mut child = process::Command::new("true").spawn().expect("a child");
        child.wait().expect("ends");
        assert_eq!(read(&[child.id()]), Usage::default());
        assert_eq!(cpu_time(&[child.id()]), Nanos(0));
    }

    #[test]
    fn cpu_time_is_that_of_all_threads_the_ended_too() {
        let me = [process::id()];
        let before = cpu_time(&me);
        // It has ended by the time its CPU time is asked for.
        let spent = thread::spawn(|| {
            let spent = || {
                let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
                Nanos(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
            };
            while spent() < Nanos(20_000_000) {}
            spent()
        });
        let spent = spent.join().expect("it ends");
        assert!(cpu_time(&me) - before >= spent);
    }

    #[test]
    fn uses_add_up() {
        let me = process::id();
        // Faults never become fewer, as memory does when another test has ended.
        let before = read(&[me]).faults_minor;
        let both = read(&[me, me]);
        assert_eq!(both.processes, 2);
        assert!(both.faults_minor >= 2 * before && both.rss.0 > 0);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(VmRSS|VmHWM|Max open files|x)?:?[ \\PC]{0,60}") {
            let _ = parse_status(&text);
            let _ = parse_open_files(&text);
        }

        #[test]
        fn any_number_is_read_back(rss in any::<u64>()) {
            prop_assert_eq!(parse_status(&format!("VmRSS:\t {rss} kB")).rss_kib, rss);
        }
    }
}
