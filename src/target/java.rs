//! Names for the code that a Java server generates: where it has written no map of it, it is
//! asked to, by the `jcmd` of its JDK.

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime},
};

use rustix::{
    param::clock_ticks_per_second,
    time::{ClockId, clock_gettime},
};

use super::{
    account::Account,
    child::{Ending, SpawnError, Spec, Streams},
    environment,
    guard::Guard,
    perf_maps::PerfMaps,
    procfs::{guarded, read_lossy, read_stat},
    tool::{ToolError, run_spec},
};
use crate::{
    os::process::{id_inside, perf_map_paths},
    unit::Nanos,
};

/// How long a server may take to write its map.
const PATIENCE: Duration = Duration::from_secs(5);
/// Variables from which a Java program takes options. They are meant for the server: an agent or
/// a port in them is for one process.
const OPTIONS: [&str; 3] = ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"];
/// The signal by which a server is asked, as a bit of `SigCgt` (see proc(5)).
const SIGQUIT: u64 = 1 << 2;

/// Has those of these processes that run Java write the names of their code, unless they did since
/// they started. What was written for us goes with `maps`. Says what could not be named, and why.
pub fn name_java_code(
    pids: &[u32],
    guard: &Guard,
    interrupted: &AtomicBool,
    maps: &mut PerfMaps,
) -> Vec<String> {
    let mut failed = Vec::new();
    // Whoever gives up does not want to wait for names.
    if interrupted.load(Ordering::Relaxed) {
        return failed;
    }
    for pid in pids.iter().copied().filter(|pid| is_java(*pid) && !has_written(*pid)) {
        match ask(pid, guard, interrupted) {
            Ok(()) => maps.add_written(perf_map_paths(pid)),
            Err(why) => failed.push(format!(
                "the generated code of the Java process {pid} has no names, as it could not be \
                 asked for them: {why}"
            )),
        }
    }
    failed
}

fn is_java(pid: u32) -> bool {
    let maps = read_lossy(&format!("/proc/{pid}/maps")).unwrap_or_default();
    maps.lines().any(|line| line.trim_end_matches(" (deleted)").ends_with("/libjvm.so"))
}

/// Whether a process has written its map since it started.
fn has_written(pid: u32) -> bool {
    let Some(started) = started(pid) else { return false };
    perf_map_paths(pid).iter().any(|path| {
        let metadata = fs::symlink_metadata(path);
        metadata.is_ok_and(|file| file.is_file() && file.modified().is_ok_and(|at| at >= started))
    })
}

/// When a process started, or a little earlier: the clock of `/proc` has ticks.
fn started(pid: u32) -> Option<SystemTime> {
    let ticks = read_stat(pid)?.started;
    let started = Duration::from_secs(ticks) / u32::try_from(clock_ticks_per_second()).ok()?;
    let now = Duration::try_from(clock_gettime(ClockId::Boottime)).ok()?;
    let age = now.saturating_sub(started) + Duration::from_millis(100);
    SystemTime::now().checked_sub(age)
}

/// Has a process write its map.
fn ask(pid: u32, guard: &Guard, interrupted: &AtomicBool) -> Result<(), String> {
    if let Some(why) = guarded(pid) {
        return Err(why);
    }
    let status = Status::read(pid).ok_or("it is gone")?;
    // Whoever does not wait for the signal ends by it.
    if status.caught & SIGQUIT == 0 {
        return Err("it takes no requests (-Xrs)".to_owned());
    }
    let [place, _] = perf_map_paths(pid);
    // Everybody may write to /tmp, and what is there would be written over.
    if fs::symlink_metadata(&place).is_ok_and(|it| !it.is_file() || it.uid() != status.uid) {
        return Err(format!("/tmp/perf-{}.map is there, and not its own", id_inside(pid)));
    }
    let mut why = "there is no jcmd beside its java, in JAVA_HOME or in PATH (on Debian: sudo \
                   apt-get install default-jdk-headless)"
        .to_owned();
    for program in programs(pid) {
        match run(program, pid, &status, guard, interrupted) {
            Ok(()) if has_written(pid) => return Ok(()),
            Ok(()) => return Err("jcmd ended well, but there is no map in /tmp".to_owned()),
            Err(None) => {}
            Err(Some(failed)) => {
                why = failed;
                break;
            }
        }
    }
    Err(why)
}

/// Where `jcmd` may be, that of the server's own JDK first.
fn programs(pid: u32) -> Vec<OsString> {
    let own = fs::read_link(format!("/proc/{pid}/exe")).ok();
    let own = own.as_deref().and_then(Path::parent).map(|folder| folder.join("jcmd"));
    let home = env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/jcmd"));
    let known = own.into_iter().chain(home).filter(|path| path.is_absolute() && path.is_file());
    known.map(OsString::from).chain(["jcmd".into()]).collect()
}

/// Runs `jcmd` as the user of the process, as it asks nobody else's. Without a reason where there
/// is no such program.
fn run(
    program: OsString,
    pid: u32,
    status: &Status,
    guard: &Guard,
    interrupted: &AtomicBool,
) -> Result<(), Option<String>> {
    let own = rustix::process::geteuid().as_raw();
    let Status { uid, gid, .. } = *status;
    let mut env = environment::inherited();
    env.retain(|name, _| !OPTIONS.iter().any(|option| name == option));
    let spec = Spec {
        program,
        args: vec![pid.to_string().into(), "Compiler.perfmap".into()],
        env,
        dir: "/".into(),
        cpus: None,
        open_files: None,
        account: (uid != own).then_some(Account { uid, gid }),
        input: Vec::new(),
        output: Streams::Apart,
        mark: None,
    };
    let is_over = AtomicBool::new(false);
    let mut watch = |elapsed: Nanos| {
        if elapsed >= PATIENCE.into() || interrupted.load(Ordering::Relaxed) {
            is_over.store(true, Ordering::Relaxed);
        }
    };
    let ended = match run_spec(&spec, guard, &is_over, &mut watch) {
        Ok(ended) => ended,
        Err(ToolError::Spawn(SpawnError::NotFound(_))) => return Err(None),
        Err(ToolError::Interrupted { .. }) => {
            return Err(Some(format!("it did not answer within {} s", PATIENCE.as_secs())));
        }
        Err(error) => return Err(Some(error.to_string())),
    };
    if ended.exit == Ending::Status(0) {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&[ended.stdout, ended.stderr].concat()).into_owned();
    // The first line names the process again.
    let says = said.lines().map(str::trim).find(|line| !line.is_empty() && !line.ends_with(':'));
    Err(Some(format!("jcmd {}: {}", ended.exit, says.unwrap_or("without a word"))))
}

/// Whom a process belongs to, and what it waits for.
struct Status {
    uid: u32,
    gid: u32,
    /// Its `SigCgt`.
    caught: u64,
}

impl Status {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&read_lossy(&format!("/proc/{pid}/status"))?)
    }

    fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        // The effective one, after the real one.
        let id = |name: &str| field(name)?.split_whitespace().nth(1)?.parse().ok();
        let caught = u64::from_str_radix(field("SigCgt:")?.trim(), 16).ok()?;
        Some(Self { uid: id("Uid:")?, gid: id("Gid:")?, caught })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_says_whose_it_is() {
        let text = "Name:\tjava\nUid:\t0\t7\t0\t0\nGid:\t0\t9\t0\t0\nSigCgt:\t0000000000000005\n";
        let Status { uid, gid, caught } = Status::parse(text).expect("all of it");
        assert_eq!((uid, gid, caught & SIGQUIT), (7, 9, SIGQUIT));
        assert!(Status::parse("Uid:\t0\n").is_none());
    }

    #[test]
    fn only_what_a_process_wrote_itself_counts() {
        let own = std::process::id();
        assert!(!is_java(own));
        let age = started(own).and_then(|at| SystemTime::now().duration_since(at).ok());
        assert!(age.is_some_and(|age| age < Duration::from_secs(3_600)), "{age:?}");
        assert!(started(0).is_none());
    }
}
