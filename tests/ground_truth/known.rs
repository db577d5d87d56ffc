//! The known program: built from `tests/programs/known`, launched, and ended.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{OnceLock, atomic::AtomicBool},
    thread,
    time::{Duration, Instant},
};

use flameload::{
    sample::{Config, Origin, SampleError, Sampler},
    target::{Built, Guard, Held, LaunchOptions, Manifest, Running, launch},
    unit::{Hertz, Nanos},
};
use tempfile::TempDir;

use crate::skip::skip;

pub(super) const HZ: Hertz = Hertz(997);

/// The program and its libraries.
const FILES: [&str; 3] = ["known", "libplain.so", "liblate.so"];

/// Where they are, in the environment of a test process that cannot build them.
pub(super) const PROGRAMS: &str = "KNOWN_PROGRAMS";

/// Only ends a test that fails: nothing is expected of this machine's speed.
const PATIENCE: Duration = Duration::from_secs(300);

/// A sampler, where this machine allows one.
pub(super) fn sampler() -> Option<Sampler> {
    match Sampler::start(&Config::at(HZ)) {
        Ok(sampler) => Some(sampler),
        Err(error @ SampleError::Refused { .. }) => {
            skip(error);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The known program in a folder of its own, about to be launched.
pub(super) struct Known {
    pub(super) dir: TempDir,
    guard: Guard,
}

impl Known {
    /// A copy of the program and its libraries. None where they cannot be built.
    pub(super) fn new() -> Option<Self> {
        let built = built()?;
        let dir = tempfile::tempdir().expect("a temporary folder");
        // Another user may run it, too.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("its owner");
        for file in FILES {
            fs::copy(built.join(file), dir.path().join(file)).expect("a copy");
        }
        Some(Self { dir, guard: Guard::start().expect("a guard") })
    }

    pub(super) fn program(&self) -> PathBuf {
        self.path("known")
    }

    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// Holds the program before its exec; it will be ready when it says `line`.
    pub(super) fn hold(&self, mode: &str, amount: f64, line: &str) -> Held {
        let text = format!(
            "name = \"known\"\nlanguage = \"Rust\"\ndescription = \"a test\"\n\
             [[process]]\nname = \"known\"\ncommand = ['{}', '{mode}', '{}', '{amount}']\n\
             env.UNUSED = '{{port}}'\nready = {{ line = \"{line}\", timeout = \"{}s\" }}\n",
            self.program().display(),
            self.dir.path().display(),
            PATIENCE.as_secs(),
        );
        fs::write(self.path("target.toml"), text).expect("a file");
        let manifest = Manifest::read(self.dir.path()).expect("a manifest that fits");
        let built = Built::default();
        launch(&manifest, &built, &LaunchOptions::default(), &self.guard).expect("a process")
    }

    /// Runs the program until it says `line`.
    pub(super) fn run(&self, mode: &str, amount: f64, line: &str) -> Running {
        release(self.hold(mode, amount, line))
    }

    /// Holds the program, watched from its first instruction.
    pub(super) fn hold_watched(
        &self,
        sampler: &mut Sampler,
        mode: &str,
        amount: f64,
        line: &str,
    ) -> Held {
        let held = self.hold(mode, amount, line);
        for pid in held.profiled() {
            sampler.watch(pid, Origin::BeforeExec).expect("the process is held");
        }
        held
    }
}

pub(super) fn release(held: Held) -> Running {
    held.release(&AtomicBool::new(false)).expect("the program runs")
}

/// Samples until what is watched has used so much CPU time more.
pub(super) fn sample_for(sampler: &Sampler, cpu: Nanos) {
    sampler.enable();
    // Only from here on: before, this thread may have had to wait for its turn.
    let start = sampler.cpu_time();
    eventually("enough CPU time", || sampler.cpu_time().since(start) >= cpu);
    sampler.disable();
}

#[track_caller]
pub(super) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The folder of the program, built once a test process.
fn built() -> Option<&'static Path> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let given = || env::var_os(PROGRAMS).map(PathBuf::from);
    match BUILT.get_or_init(|| given().map_or_else(build, Ok)) {
        Ok(dir) => Some(dir),
        Err(why) => {
            skip(why);
            None
        }
    }
}

fn build() -> Result<PathBuf, String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/known");
    // Simultaneous runs must not disturb each other: each builds for itself, then all put the
    // same file in place.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let dir = tempfile::tempdir_in(target).map_err(|error| error.to_string())?;
    for library in ["plain", "late"] {
        let mut cc = Command::new(env::var_os("CC").unwrap_or_else(|| "cc".into()));
        cc.args(["-O2", "-g", "-shared", "-fPIC", "-fomit-frame-pointer", "-o"])
            .arg(dir.path().join(format!("lib{library}.so")))
            .arg(sources.join(format!("{library}.c")));
        run(&mut cc)?;
    }
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .args(["--edition", "2024", "--crate-name", "known", "-O", "-g", "-D", "warnings"])
        .args(["-C", "link-arg=-Wl,-rpath,$ORIGIN", "-L"])
        .arg(dir.path())
        .arg("-o")
        .arg(dir.path().join("known"))
        .arg(sources.join("main.rs"));
    run(&mut rustc)?;
    let place = target.join("known");
    fs::create_dir_all(&place).map_err(|error| error.to_string())?;
    for file in FILES {
        fs::rename(dir.path().join(file), place.join(file)).map_err(|error| error.to_string())?;
    }
    Ok(place)
}

/// A compiler that is not there is a reason to skip; one that fails, to fail.
fn run(command: &mut Command) -> Result<(), String> {
    let output = command
        .output()
        .map_err(|error| format!("{}: {error}", command.get_program().to_string_lossy()))?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
