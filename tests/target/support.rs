//! What the tests share.

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::AtomicBool,
    thread,
    time::{Duration, Instant},
};

use flameload::target::{
    BuildError, BuildOptions, Built, Guard, Held, LaunchOptions, Manifest, Product, Running,
    TargetError, build, launch,
};
use tempfile::TempDir;

/// Nobody interrupts.
pub(super) static GO_ON: AtomicBool = AtomicBool::new(false);

/// A target in a folder of its own.
pub(super) struct Fixture {
    pub(super) manifest: Manifest,
    pub(super) guard: Guard,
    /// Where builds of this target keep what is better not built again.
    pub(super) cache: PathBuf,
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
        let cache = dir.path().join("cache");
        Self { manifest, guard: Guard::start().expect("a guard"), cache, _dir: dir }
    }

    pub(super) fn options(&self) -> BuildOptions {
        BuildOptions { cache: self.cache.clone(), ..BuildOptions::default() }
    }

    /// Builds the target, and gives what the build printed as well.
    pub(super) fn build(&self) -> (Result<Built, BuildError>, Vec<String>) {
        let mut lines = Vec::new();
        let mut keep = |line: &str| lines.push(line.to_owned());
        let built = build(&self.manifest, &self.options(), &self.guard, &GO_ON, &mut keep);
        (built, lines)
    }

    /// Builds the target and starts what was built.
    pub(super) fn build_and_run(&self) -> Running {
        self.build_and_hold(&LaunchOptions::default()).release(&GO_ON).expect("starts")
    }

    /// Builds the target and forks what was built.
    pub(super) fn build_and_hold(&self, options: &LaunchOptions) -> Held {
        let built = self.build().0.expect("builds");
        launch(&self.manifest, &built, options, &self.guard).expect("forks")
    }

    pub(super) fn hold(&self, options: &LaunchOptions) -> Result<Held, TargetError> {
        let built = Built::default();
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

/// What a target with one build has made.
pub(super) fn only(built: Built) -> Product {
    let [product] = built.products.try_into().expect("one build, one product");
    product
}

/// The body of the answer to a `GET`.
pub(super) fn body(addr: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(addr).expect("accepts");
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    answer.split_once("\r\n\r\n").expect("a head and a body").1.to_owned()
}

/// What a tool prints that builds the target where `PATH` leads nowhere.
pub(super) fn build_without_tools(fixture: &Fixture) -> String {
    let mut tool = Command::new("env");
    tool.args(["PATH=/nonexistent", "PYENV_ROOT=/nonexistent"]);
    builder(tool, fixture)
}

/// What a tool prints that builds the target; it is run by `command`, and may be a part of it.
pub(super) fn builder(mut command: Command, fixture: &Fixture) -> String {
    let output = command
        .arg(env::current_exe().expect("this test"))
        .args(["target::helper::helper", "--exact", "--nocapture"])
        .env("HELPER", "builder")
        .env("MANIFEST", &fixture.manifest.dir)
        .env("CACHE", &fixture.cache)
        .output()
        .expect("a tool");
    let bytes = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Why a target cannot be built where `PATH` leads nowhere.
pub(super) fn error_without_tools(fixture: &Fixture) -> String {
    let text = build_without_tools(fixture);
    let error = text.lines().find_map(|line| line.split_once("error: "));
    error.unwrap_or_else(|| panic!("no error in {text}")).1.to_owned()
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
