//! What the tests share.

use std::{
    env, fs,
    path::Path,
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, Instant},
};

use flameload::target::{
    Built, Guard, Held, LaunchOptions, Manifest, Running, TargetError, launch,
};
use tempfile::TempDir;

/// Nobody interrupts.
pub(super) static GO_ON: AtomicBool = AtomicBool::new(false);

/// A target in a folder of its own.
pub(super) struct Fixture {
    pub(super) manifest: Manifest,
    pub(super) guard: Guard,
    _dir: TempDir,
}

impl Fixture {
    /// A target whose manifest has these `[[process]]` tables (and a `[build]`, if need be).
    pub(super) fn new(tables: &str) -> Self {
        Self::with_files(tables, &[])
    }

    /// The same, with files beside the manifest.
    pub(super) fn with_files(tables: &str, files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
        let text = format!("name = \"x\"\nlanguage = \"any\"\ndescription = \"a test\"\n{tables}");
        fs::write(dir.path().join("target.toml"), text).expect("a file");
        let manifest = Manifest::read(dir.path()).expect("a manifest that fits");
        Self { manifest, guard: Guard::start().expect("a guard"), _dir: dir }
    }

    pub(super) fn hold(&self, options: &LaunchOptions) -> Result<Held, TargetError> {
        let built = Built { binary: None, build_id: None, revision: None };
        launch(&self.manifest, &built, options, &self.guard)
    }

    pub(super) fn run(&self) -> Result<Running, TargetError> {
        self.hold(&LaunchOptions::default())?.release(&GO_ON)
    }

    /// The error of a target that cannot start.
    pub(super) fn error(&self) -> String {
        self.run().map(|_| ()).expect_err("the target cannot start").to_string()
    }
}

/// A `[[process]]` that runs the helper of this name, see `helper.rs`.
pub(super) fn helper(name: &str, more: &str) -> String {
    let exe = env::current_exe().expect("this test");
    format!(
        "[[process]]\nname = \"{name}\"\n\
         command = ['{}', \"target::helper::helper\", \"--exact\", \"--nocapture\"]\n\
         env.HELPER = \"{name}\"\nenv.PORT = \"{{port}}\"\n{more}\n",
        exe.display()
    )
}

/// A `[[process]]` that runs a shell script.
pub(super) fn script(script: &str, more: &str) -> String {
    let quoted = script.replace('{', "{{").replace('}', "}}");
    format!(
        "[[process]]\nname = \"script\"\ncommand = [\"sh\", \"-c\", '''{quoted}''']\n\
         env.PORT = \"{{port}}\"\n{more}\n"
    )
}

/// Whether a process exists and is no zombie.
pub(super) fn alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Whether a process exists at all, be it as a zombie.
pub(super) fn exists(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

/// Waits until `condition` holds; the patience only ends a test that fails.
#[track_caller]
pub(super) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to a process of the test's own.
pub(super) fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).expect("a process id");
    rustix::process::kill_process(pid, signal).expect("the process exists");
}
