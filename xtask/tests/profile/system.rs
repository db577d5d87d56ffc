//! What this machine allows, and what is left running on it.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::{LazyLock, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use flameload::sample::{Config, Sampler};

use crate::skip::skip;

/// A process may take this long to end or to get somewhere; only a test that fails waits for it.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// Whether the kernel allows sampling. Where it does not, the test is skipped.
pub(super) fn can_sample() -> bool {
    let config = Config::at("997".parse().expect("a frequency"));
    let refusal = Sampler::start(&config).err();
    if let Some(error) = &refusal {
        skip(format!("no perf events here: {error}"));
    }
    refusal.is_none()
}

const WITHOUT_PERF_EVENTS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/profile/without_perf_events.py");

/// Whether programs can be run as in a container without the right to perf events.
pub(super) fn can_take_perf_events_away() -> bool {
    let can = Command::new("python3").arg("--version").output().is_ok();
    if !can {
        skip("no python3 here, which takes the right to perf events away");
    }
    can
}

/// The command without the right to perf events.
pub(super) fn without_perf_events(command: &Command) -> Command {
    let mut python = Command::new("python3");
    python.arg(WITHOUT_PERF_EVENTS).arg(command.get_program()).args(command.get_args());
    python
}

/// Loads are measured one at a time: tests run in parallel, and two would share the CPUs.
pub(super) fn alone() -> MutexGuard<'static, ()> {
    static LOAD: Mutex<()> = Mutex::new(());
    LOAD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server with faults, compiled once.
pub(super) fn faulty_server() -> &'static PathBuf {
    static SERVER: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        // Renamed when complete: another run of these tests may be using the last one.
        let (fresh, binary) =
            (folder.join(format!("faulty-{}", std::process::id())), folder.join("faulty"));
        let status = Command::new("rustc")
            .args(["--edition=2024", "-O", "-Cforce-frame-pointers=yes", "-Cdebuginfo=1", "-o"])
            .arg(&fresh)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/profile/faulty.rs"))
            .status();
        assert!(status.expect("rustc runs").success(), "the server compiles");
        fs::rename(&fresh, &binary).expect("a rename");
        binary
    });
    &SERVER
}

/// The program in Go that knows what it spends its time on, compiled once. Without Go, the test is
/// skipped.
pub(super) fn known_go() -> Option<&'static PathBuf> {
    static PROGRAM: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let (fresh, binary) =
            (folder.join(format!("known-go-{}", std::process::id())), folder.join("known-go"));
        let output = Command::new("go")
            .args(["build", "-trimpath", "-o"])
            .arg(&fresh)
            .arg(".")
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/programs/known-go"))
            .output()
            .map_err(|error| format!("no Go here: {error}"))?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::rename(&fresh, &binary).expect("a rename");
        Ok(binary)
    });
    PROGRAM.as_ref().map_err(skip).ok()
}

/// The server whose endpoints are known to cost certain times, compiled once. Without a C compiler,
/// the test is skipped.
pub(super) fn known_endpoints() -> Option<&'static PathBuf> {
    static PROGRAM: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let (fresh, binary) = (
            folder.join(format!("known-endpoints-{}", std::process::id())),
            folder.join("known-endpoints"),
        );
        // The functions that work are alike, and must not become one.
        let output = Command::new("cc")
            .args(["-O2", "-g", "-fno-omit-frame-pointer", "-fno-ipa-icf", "-o"])
            .arg(&fresh)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/programs/known-endpoints/server.c"))
            .output()
            .map_err(|error| format!("no C compiler here: {error}"))?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        fs::rename(&fresh, &binary).expect("a rename");
        Ok(binary)
    });
    PROGRAM.as_ref().map_err(skip).ok()
}

/// The processes with `marker` in their arguments, and those arguments.
pub(super) fn marked(marker: &str) -> Vec<(u32, String)> {
    let entries = fs::read_dir("/proc").expect("procfs").flatten();
    let lines = entries.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(marker).then_some((pid, line))
    });
    lines.collect()
}

/// Waits until `condition` holds.
#[track_caller]
pub(super) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}
