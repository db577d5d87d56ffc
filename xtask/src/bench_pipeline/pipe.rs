//! A pipe of processes, as a shell would make it, and when each of them ended.

use std::{
    fs::File,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use flameload::measure::MeasureError;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

/// How often a wait looks up for Ctrl-C; also how exactly an end is known.
const GLANCE: Duration = Duration::from_millis(2);
/// How long a process may take to end when it is no longer wanted.
const GRACE: Duration = Duration::from_secs(2);
/// How many of the last lines of a failed program's output an error has.
const LAST_LINES: usize = 6;

/// A child process that does not outlive this value.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> anyhow::Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().with_context(|| format!("cannot run {name}"))?;
        Ok(Self { name, child })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, as Ctrl-C does.
    pub(crate) fn interrupt(&self) {
        // One that has ended by itself is told apart by its status.
        let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
    }

    pub(crate) fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(Pid::from_child(&self.child)), options), Ok(None))
    }

    /// Waits until it ends; gives up when `interrupted` is set.
    pub(super) fn wait(&mut self, interrupted: &AtomicBool) -> anyhow::Result<Ended> {
        self.wait_at_most(Duration::MAX, interrupted)
    }

    /// Waits until it ends, for so long; gives up when `interrupted` is set.
    pub(crate) fn wait_at_most(
        &mut self,
        most: Duration,
        interrupted: &AtomicBool,
    ) -> anyhow::Result<Ended> {
        let started = Instant::now();
        while !self.has_ended() {
            if interrupted.load(Ordering::Relaxed) {
                return Err(MeasureError::Interrupted.into());
            }
            if started.elapsed() > most {
                bail!("{} has not ended within {most:?}", self.name);
            }
            thread::sleep(GLANCE);
        }
        let at = Instant::now();
        let status = self.child.wait().with_context(|| format!("cannot wait for {}", self.name))?;
        Ok(Ended { at, status })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // Perf removes its temporary files when it is asked to end, not when it is killed.
        self.interrupt();
        let give_up = Instant::now() + GRACE;
        while !self.has_ended() && Instant::now() < give_up {
            thread::sleep(GLANCE);
        }
        // Neither fails for a child that nobody has waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    at: Instant,
    pub(crate) status: ExitStatus,
}

impl Ended {
    /// Whether it ended well, or by the signal that [`Process::interrupt`] sends: some programs
    /// let it kill them when they are done, others exit as a shell says it, with 128 and the
    /// signal's number.
    pub(crate) fn is_success_or_interrupt(&self) -> bool {
        let signal = Signal::INT.as_raw();
        self.status.success()
            || self.status.signal() == Some(signal)
            || self.status.code() == Some(128 + signal)
    }
}

/// Connects `commands` by pipes from nothing into the file `out`, waits for them, and gives the
/// time from the start until each has ended. Their messages go to the file `messages`.
///
/// # Errors
/// When one cannot be run or fails, with the last of the messages.
pub(super) fn run<const N: usize>(
    commands: [Command; N],
    out: &Path,
    messages: &Path,
    interrupted: &AtomicBool,
) -> anyhow::Result<[Duration; N]> {
    let create = |path: &Path| {
        File::create(path).with_context(|| format!("cannot write {}", path.display()))
    };
    let (out, log) = (create(out)?, create(messages)?);
    let mut out = Some(out);
    let started = Instant::now();
    let mut processes: Vec<Process> = Vec::with_capacity(N);
    for (index, mut command) in commands.into_iter().enumerate() {
        let before = processes.last_mut().and_then(|before| before.child.stdout.take());
        let after = out.take_if(|_| index + 1 == N);
        command
            .stdin(before.map_or_else(Stdio::null, Stdio::from))
            .stdout(after.map_or_else(Stdio::piped, Stdio::from))
            .stderr(log.try_clone()?);
        processes.push(Process::start(&mut command)?);
    }
    let mut ends = [Duration::ZERO; N];
    for (process, end) in processes.iter_mut().zip(&mut ends) {
        let ended = process.wait(interrupted)?;
        if !ended.status.success() {
            bail!("{} failed ({}){}", process.name, ended.status, last_lines(messages));
        }
        *end = ended.at.duration_since(started);
    }
    Ok(ends)
}

/// The end of a file of messages, to follow an error.
pub(crate) fn last_lines(messages: &Path) -> String {
    let text = std::fs::read(messages).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    last.iter().map(|line| format!("\n    {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn bytes_flow_through_the_pipe_and_ends_are_in_order() {
        let dir = tempfile::tempdir().expect("a directory");
        let (out, messages) = (dir.path().join("out"), dir.path().join("messages"));
        let commands = [shell("echo b; echo a; echo said >&2"), shell("sort"), shell("cat")];
        let ends = run(commands, &out, &messages, &AtomicBool::new(false)).expect("it runs");
        assert!(ends.is_sorted());
        assert_eq!(std::fs::read_to_string(out).expect("it was written"), "a\nb\n");
        assert_eq!(last_lines(&messages), "\n    said");
    }

    #[test]
    fn a_stage_that_fails_fails_the_pipe_with_its_words() {
        let dir = tempfile::tempdir().expect("a directory");
        let (out, messages) = (dir.path().join("out"), dir.path().join("messages"));
        let commands = [shell("echo no such file >&2; exit 3"), shell("cat")];
        let error = run(commands, &out, &messages, &AtomicBool::new(false)).expect_err("it fails");
        let text = error.to_string();
        assert!(text.contains("exit status: 3") && text.contains("no such file"), "{text}");
    }

    #[test]
    fn an_interrupted_pipe_leaves_no_process() {
        let dir = tempfile::tempdir().expect("a directory");
        let (out, messages) = (dir.path().join("out"), dir.path().join("messages"));
        let pid_file = dir.path().join("pid");
        let mut command = shell("echo $$ > \"$0\"; exec sleep 600");
        command.arg(&pid_file);
        let written = || std::fs::read_to_string(&pid_file).ok().filter(|pid| pid.ends_with('\n'));
        let interrupted = AtomicBool::new(false);
        let error = thread::scope(|scope| {
            scope.spawn(|| {
                while written().is_none() {
                    thread::sleep(GLANCE);
                }
                interrupted.store(true, Ordering::Relaxed);
            });
            run([command], &out, &messages, &interrupted).expect_err("it was interrupted")
        });
        assert!(error.downcast_ref::<MeasureError>().is_some_and(MeasureError::is_interruption));
        let pid = written().expect("it ran");
        assert!(!Path::new("/proc").join(pid.trim()).exists());
    }
}
