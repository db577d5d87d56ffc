//! The pipeline by hand: `perf record`, then `perf script | collapse | flamegraph`.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::ErrorKind,
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use flameload::{
    fold::Folded,
    load::{Generator, Plan, Tally, raise_nofile},
    measure::MeasureError,
    target::{self, BuildOptions, Guard, LaunchOptions, Running},
    unit::Bytes,
};

use super::{
    Workload,
    pipe::{self, Process},
    shares::Shares,
    tools::Inferno,
};
use crate::paths;

/// How often a wait looks up for Ctrl-C and for a server that ended.
const GLANCE: Duration = Duration::from_millis(20);
/// How long perf may take to attach.
const ATTACH_MAX: Duration = Duration::from_secs(10);
/// After perf has written its file's header, it reads mappings and switches its events on; without
/// load, the server gives it nothing to sample until then.
const SETTLING: Duration = Duration::from_millis(500);
/// How long perf may take to end its file.
const FINISH_MAX: Duration = Duration::from_secs(60);

/// What one round by hand came to.
#[derive(Debug, Clone)]
pub(super) struct Round {
    /// From the end of the load to the end of `perf record`.
    pub(super) record: Duration,
    /// From the start of the pipe to the end of `perf script`.
    pub(super) script: Duration,
    /// From there to the end of the folding.
    pub(super) collapse: Duration,
    /// From there to the picture on disk.
    pub(super) flamegraph: Duration,
    pub(super) perf_data: Bytes,
    pub(super) svg: Bytes,
    /// What a file of the folded text would take; the pipe leaves none.
    pub(super) folded: Bytes,
    /// Copies of binaries and kernel symbols that `perf record` has put aside, for all rounds.
    pub(super) build_ids: Bytes,
    pub(super) shares: Shares,
    pub(super) counts: Counts,
    pub(super) requests_per_second: f64,
}

impl Round {
    /// The pipe's time.
    pub(super) fn pipe(&self) -> Duration {
        self.script + self.collapse + self.flamegraph
    }

    /// From the end of the load to the picture on disk.
    pub(super) fn total(&self) -> Duration {
        self.record + self.pipe()
    }
}

/// Where a round's files are, and who makes them.
pub(super) struct Bench<'a> {
    pub(super) workload: &'a Workload,
    pub(super) inferno: &'a Inferno,
    /// What `perf record --call-graph` gets.
    pub(super) call_graph: String,
    /// Perf's cache of binaries by build id: one for all rounds, as a user would have.
    pub(super) build_ids: &'a Path,
    pub(super) interrupted: &'a AtomicBool,
}

impl Bench<'_> {
    /// Makes one round in the directory `dir`.
    pub(super) fn round(&self, dir: &Path) -> anyhow::Result<Round> {
        let data = dir.join("perf.data");
        let (tally, record) = self.record(&data, &dir.join("record.messages"))?;
        let (svg, messages) = (dir.join("out.svg"), dir.join("pipe.messages"));
        let commands = [self.script(&data), self.inferno.collapse(), self.inferno.flamegraph()];
        let [script, collapse, flamegraph] =
            pipe::run(commands, &svg, &messages, self.interrupted)?;
        // Again, and not timed: the pipe keeps no folded text to look at.
        let folded = dir.join("out.folded");
        let commands = [self.script(&data), self.inferno.collapse()];
        pipe::run(commands, &folded, &messages, self.interrupted)?;
        let text = fs::read_to_string(&folded).context("cannot read the folded stacks")?;
        let stacks: Folded = text.parse().context("cannot understand perf's folded stacks")?;
        Ok(Round {
            record,
            script,
            collapse: collapse.saturating_sub(script),
            flamegraph: flamegraph.saturating_sub(collapse),
            perf_data: bytes_in(&data)?,
            svg: bytes_in(&svg)?,
            folded: bytes_in(&folded)?,
            build_ids: bytes_in(self.build_ids)?,
            shares: Shares::of(&stacks, &BTreeSet::new()),
            counts: self.counts(&data)?,
            requests_per_second: tally.requests as f64 / tally.elapsed().as_secs_f64(),
        })
    }

    /// The stacks of one recording, each with its number of samples: without their periods,
    /// inferno counts them.
    pub(super) fn stacks(&self, dir: &Path) -> anyhow::Result<Folded> {
        let data = dir.join("perf.data");
        self.record(&data, &dir.join("record.messages"))?;
        let mut script = self.script(&data);
        script.args(["-F", "comm,pid,tid,time,event,ip,sym,dso"]);
        let folded = dir.join("out.folded");
        let commands = [script, self.inferno.collapse()];
        pipe::run(commands, &folded, &dir.join("pipe.messages"), self.interrupted)?;
        let text = fs::read_to_string(&folded).context("cannot read the folded stacks")?;
        text.parse().context("cannot understand perf's folded stacks")
    }

    /// Puts load on a fresh server while perf records it. Gives what the load came to, and the
    /// time from its end to perf's.
    fn record(&self, data: &Path, messages: &Path) -> anyhow::Result<(Tally, Duration)> {
        let Workload { manifest, script, server_cpus, load_cpus, .. } = self.workload;
        // The server inherits the limit. Where it cannot be raised, starting the load says so.
        let _ = raise_nofile();
        let guard = Guard::start().map_err(MeasureError::Guard)?;
        let options =
            BuildOptions { color: false, cache: paths::cache(), ..BuildOptions::default() };
        let built = target::build(manifest, &options, &guard, self.interrupted, &mut |_| {})
            .map_err(MeasureError::Build)?;
        let options = LaunchOptions { cpus: Some(server_cpus.clone()), ..LaunchOptions::default() };
        let held =
            target::launch(manifest, &built, &options, &guard).map_err(MeasureError::Target)?;
        let mut running = held.release(self.interrupted).map_err(MeasureError::Target)?;
        let addr = running.addr().ok_or(MeasureError::NoAddress)?;
        let plan = Plan::new(script, addr, load_cpus.as_slice()).map_err(MeasureError::Load)?;
        let mut generator = Generator::start(&plan).map_err(MeasureError::Load)?;
        self.load(&mut generator, &mut running, script.warmup)?;
        let mut perf = self.attach(&running.profiled(), data, messages)?;
        let tally = self.load(&mut generator, &mut running, script.duration())?;
        let ended = Instant::now();
        perf.interrupt();
        self.finish(&mut perf, messages)?;
        let took = ended.elapsed();
        if tally.requests == 0 || tally.errors.total() > 0 {
            let (good, bad) = (tally.requests, tally.errors.total());
            bail!("the load under perf went wrong: {good} requests were answered, {bad} failed");
        }
        Ok((tally, took))
    }

    fn load(
        &self,
        generator: &mut Generator,
        running: &mut Running,
        duration: Duration,
    ) -> anyhow::Result<Tally> {
        let end = Instant::now() + duration;
        generator.resume();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(generator.pause());
            }
            thread::sleep(left.min(GLANCE));
            self.check_interrupted()?;
            if let Some(exit) = running.exited() {
                bail!("the server ended under load: {exit}");
            }
        }
    }

    /// Starts `perf record` on processes and waits until it samples them.
    fn attach(&self, pids: &[u32], data: &Path, messages: &Path) -> anyhow::Result<Process> {
        let log = File::create(messages).context("cannot write perf's messages")?;
        let pids = pids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let mut command = self.perf();
        command
            .args(["record", "-F", &self.workload.hz.0.to_string()])
            .args(["--call-graph", &self.call_graph, "-p", &pids, "-o"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        let perf = Process::start(&mut command)?;
        let give_up = Instant::now() + ATTACH_MAX;
        // Its header is written when its events are open.
        while fs::metadata(data).map_or(0, |file| file.len()) == 0 {
            self.check_interrupted()?;
            if perf.has_ended() {
                bail!("perf record ended at once{}", pipe::last_lines(messages));
            }
            if Instant::now() > give_up {
                bail!("perf record has not begun within {ATTACH_MAX:?}");
            }
            thread::sleep(GLANCE);
        }
        thread::sleep(SETTLING);
        Ok(perf)
    }

    /// Waits for a perf that was interrupted. It writes its file's end, and then lets the signal
    /// kill it.
    fn finish(&self, perf: &mut Process, messages: &Path) -> anyhow::Result<()> {
        let ended = perf.wait_at_most(FINISH_MAX, self.interrupted)?;
        if !ended.is_success_or_interrupt() {
            bail!("perf record failed ({}){}", ended.status, pipe::last_lines(messages));
        }
        Ok(())
    }

    fn perf(&self) -> Command {
        let mut command = Command::new("perf");
        // Its own cache would be left in the user's home.
        command.arg("--buildid-dir").arg(self.build_ids);
        command
    }

    fn script(&self, data: &Path) -> Command {
        let mut command = self.perf();
        command.arg("script").arg("-i").arg(data);
        command
    }

    fn counts(&self, data: &Path) -> anyhow::Result<Counts> {
        let mut command = self.perf();
        command.args(["report", "--stats", "-i"]).arg(data).stdin(Stdio::null());
        let output = command.output().context("cannot run perf report")?;
        if !output.status.success() {
            let messages = String::from_utf8_lossy(&output.stderr);
            bail!("perf report failed ({}): {}", output.status, messages.trim());
        }
        Ok(Counts::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    fn check_interrupted(&self) -> anyhow::Result<()> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(MeasureError::Interrupted.into());
        }
        Ok(())
    }
}

/// What is in perf's file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) samples: u64,
    /// Records that say that samples were lost.
    pub(super) lost_records: u64,
}

impl Counts {
    /// Reads the first part of `perf report --stats`, which is of all events together. Its lines
    /// are such as `SAMPLE events:       1716  (94.0%)`.
    fn parse(stats: &str) -> Self {
        let mut counts = Self::default();
        let first_part = stats.trim_start().lines().take_while(|line| !line.trim().is_empty());
        for line in first_part {
            let Some((name, rest)) = line.split_once(" events:") else { continue };
            let count = rest.split_whitespace().next().and_then(|count| count.parse().ok());
            match name.trim() {
                "SAMPLE" => counts.samples = count.unwrap_or(0),
                "LOST" | "LOST_SAMPLES" => counts.lost_records += count.unwrap_or(0),
                _ => {}
            }
        }
        counts
    }
}

/// The bytes of a file, or of all files in a directory; none where there is nothing. A file with
/// another name elsewhere takes no room here.
pub(super) fn bytes_in(path: &Path) -> anyhow::Result<Bytes> {
    let context = || format!("cannot read {}", path.display());
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Bytes(0)),
        Err(error) => return Err(error).with_context(context),
    };
    if !metadata.is_dir() {
        let is_own = metadata.nlink() == 1 && metadata.is_file();
        return Ok(Bytes(if is_own { metadata.len() } else { 0 }));
    }
    let mut sum = Bytes(0);
    for entry in fs::read_dir(path).with_context(context)? {
        sum.0 += bytes_in(&entry.with_context(context)?.path())?.0;
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_all_events_together() {
        let stats = "\nAggregated stats:\n           TOTAL events:       1437\n            \
                     LOST events:         12  ( 0.8%)\n    LOST_SAMPLES events:          2  ( 0.1%)\n\
                     \x20         SAMPLE events:       1349  (93.9%)\n\ncpu-clock:ppp stats:\n\
                     \x20         SAMPLE events:       7\n          LOST events:       7\n";
        assert_eq!(Counts::parse(stats), Counts { samples: 1349, lost_records: 14 });
        assert_eq!(Counts::parse(""), Counts::default());
        assert_eq!(Counts::parse("SAMPLE events: many\n"), Counts::default());
    }

    #[test]
    fn bytes_are_those_of_all_files_but_second_names() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name: &str| dir.path().join(name);
        fs::create_dir(path("a")).expect("made");
        fs::write(path("a/b"), "four").expect("written");
        fs::write(path("c"), "12").expect("written");
        assert_eq!(bytes_in(dir.path()).expect("it is there"), Bytes(6));
        fs::hard_link(path("c"), path("a/d")).expect("linked");
        assert_eq!(bytes_in(dir.path()).expect("it is there"), Bytes(4));
        assert_eq!(bytes_in(&path("none")).expect("nothing is no error"), Bytes(0));
    }
}
