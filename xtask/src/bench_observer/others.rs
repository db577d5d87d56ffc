//! Profilers that are programs of their own: they attach, record, and leave when they are asked.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use flameload::{measure::MeasureError, unit::Hertz};
use serde_json::Value;

use super::{kind::CallGraph, slice::Taken};
use crate::bench_pipeline::{Process, last_lines};

/// How often a wait looks.
const GLANCE: Duration = Duration::from_millis(20);
/// How long one may take to attach.
const ATTACH_MAX: Duration = Duration::from_secs(10);
/// When its events are open, it has yet to switch them on.
const SETTLING: Duration = Duration::from_millis(300);
/// How long it may take to end.
const FINISH_MAX: Duration = Duration::from_secs(60);

/// A profiler of others that records.
#[derive(Debug)]
pub(super) struct Recording {
    process: Process,
    messages: PathBuf,
    /// Where its samples go, if it is to say how many there are.
    kept: Option<PathBuf>,
}

/// Whether a program is there and says its version.
pub(super) fn runs(program: &Path) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

impl Recording {
    /// Attaches perf. What it records goes nowhere, but where `keeps` says so into `dir`.
    pub(super) fn perf(
        (how, hz): (CallGraph, Hertz),
        pids: &[u32],
        (dir, keeps): (&Path, bool),
        interrupted: &AtomicBool,
    ) -> anyhow::Result<Self> {
        let pids = pids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let kept = keeps.then(|| dir.join("perf.data"));
        let mut command = Command::new("perf");
        // Its own cache would be left in the user's home.
        command.arg("--buildid-dir").arg(dir.join("build-ids"));
        command.args(["record", "-F", &hz.0.to_string(), "--call-graph", how.as_str()]);
        command.args(["-p", &pids, "-o"]);
        command.arg(kept.as_deref().unwrap_or(Path::new("/dev/null")));
        Self::attach(command, kept, dir, interrupted)
    }

    /// Attaches samply, which knows one process at a time. It always writes its file.
    pub(super) fn samply(
        (program, hz): (&Path, Hertz),
        pids: &[u32],
        (dir, keeps): (&Path, bool),
        interrupted: &AtomicBool,
    ) -> anyhow::Result<Self> {
        let [pid] = pids else {
            bail!("it records one process, and the server has {}", pids.len());
        };
        let file = dir.join("samply.json");
        let mut command = Command::new(program);
        command.args(["record", "--save-only", "--rate", &hz.0.to_string()]);
        command.args(["-p", &pid.to_string(), "-o"]).arg(&file);
        Self::attach(command, keeps.then_some(file), dir, interrupted)
    }

    fn attach(
        mut command: Command,
        kept: Option<PathBuf>,
        dir: &Path,
        interrupted: &AtomicBool,
    ) -> anyhow::Result<Self> {
        let messages = dir.join("messages");
        let log = File::create(&messages).context("cannot write a profiler's messages")?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let recording = Self { process: Process::start(&mut command)?, messages, kept };
        let give_up = Instant::now() + ATTACH_MAX;
        let (mut before, mut now) = (0, 0);
        // All of its events are open when there are no more of them.
        while now == 0 || now != before {
            recording.still_records()?;
            if interrupted.load(Ordering::Relaxed) {
                return Err(MeasureError::Interrupted.into());
            }
            if Instant::now() > give_up {
                bail!("it has not begun within {ATTACH_MAX:?}{}", last_lines(&recording.messages));
            }
            thread::sleep(GLANCE);
            (before, now) = (now, events(recording.process.id()));
        }
        thread::sleep(SETTLING);
        Ok(recording)
    }

    /// Fails where it has ended by itself.
    pub(super) fn still_records(&self) -> anyhow::Result<()> {
        if self.process.has_ended() {
            bail!("it ended before its time{}", last_lines(&self.messages));
        }
        Ok(())
    }

    /// Lets it end, and says what it took where that was to be kept.
    pub(super) fn finish(mut self, interrupted: &AtomicBool) -> anyhow::Result<Option<Taken>> {
        self.still_records()?;
        self.process.interrupt();
        let ended = self.process.wait_at_most(FINISH_MAX, interrupted)?;
        if !ended.is_success_or_interrupt() {
            bail!("it failed ({}){}", ended.status, last_lines(&self.messages));
        }
        let Some(file) = self.kept.as_deref() else { return Ok(None) };
        let samples = match file.extension().is_some_and(|kind| kind == "json") {
            true => in_profile(file)?,
            false => told(&fs::read_to_string(&self.messages).unwrap_or_default()),
        };
        let _ = fs::remove_file(file);
        Ok(samples.map(|samples| Taken { samples, ..Taken::default() }))
    }
}

/// How many perf events a process has open.
fn events(pid: u32) -> usize {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return 0 };
    let targets = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
    targets.filter(|target| target.as_os_str() == OsStr::new("anon_inode:[perf_event]")).count()
}

/// The number of samples in perf's last words, such as `[ perf record: Captured and wrote 0.144 MB
/// perf.data (1009 samples) ]`.
fn told(messages: &str) -> Option<u64> {
    let (before, _) = messages.rsplit_once(" samples)")?;
    before.rsplit_once('(')?.1.parse().ok()
}

/// The number of samples in a profile of Firefox's format.
fn in_profile(file: &Path) -> anyhow::Result<Option<u64>> {
    let mut text = String::new();
    File::open(file)
        .and_then(|mut file| file.read_to_string(&mut text))
        .with_context(|| format!("cannot read {}", file.display()))?;
    let profile: Value = serde_json::from_str(&text).context("cannot understand its profile")?;
    let threads = profile["threads"].as_array();
    let samples = |thread: &Value| thread["samples"]["length"].as_u64();
    Ok(threads.and_then(|threads| threads.iter().map(samples).sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_in_the_last_words_of_perf() {
        let words = "[ perf record: Woken up 2 times to write data ]\n\
                     [ perf record: Captured and wrote 0.144 MB perf.data (1009 samples) ]\n";
        assert_eq!(told(words), Some(1009));
        assert_eq!(told("[ perf record: Captured and wrote 0.000 MB /dev/null ]\n"), None);
        assert_eq!(told(""), None);
    }

    #[test]
    fn samples_are_those_of_all_threads() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("samply.json");
        let text = r#"{"threads": [{"samples": {"length": 3}}, {"samples": {"length": 4}}]}"#;
        fs::write(&file, text).expect("written");
        assert_eq!(in_profile(&file).expect("a profile"), Some(7));
        fs::write(&file, "[]").expect("written");
        assert_eq!(in_profile(&file).expect("JSON"), None);
        fs::write(&file, "no").expect("written");
        assert!(in_profile(&file).is_err());
    }
}
