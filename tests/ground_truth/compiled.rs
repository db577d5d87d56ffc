//! Programs of one file each, built by whatever compiler is there, run and sampled.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use flameload::{
    sample::{Capture, Origin, Sampler},
    symbolize::Resolved,
    target::{Built, Guard, Held, LaunchOptions, Manifest, launch},
    unit::Nanos,
};
use tempfile::TempDir;

use super::{
    known::{release, sample_for, sampler},
    view::resolved,
};
use crate::skip::skip;

/// A program in a folder of its own.
pub(super) struct Compiled {
    pub(super) dir: TempDir,
    name: String,
}

/// What was sampled of a program.
pub(super) struct Sampled {
    pub(super) capture: Capture,
    pub(super) resolved: Resolved,
}

impl Compiled {
    /// Builds `tests/programs/SOURCE`. None where the compiler cannot be run.
    pub(super) fn new(compiler: &str, flags: &[&str], source: &str) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let name = Path::new(source).file_stem().expect("a name").to_string_lossy().into_owned();
        let compiled = Self { dir, name };
        let program = compiled.program();
        compiled.build(compiler, flags, source, &program).then_some(compiled)
    }

    /// Builds a program of Go, which has a folder of its own; with C where `cgo` is set.
    pub(super) fn go(flags: &[&str], source: &str, cgo: bool) -> Option<Self> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let compiled = Self { dir, name: source.to_owned() };
        let mut build = Command::new("go");
        build
            .arg("build")
            .args(flags)
            .arg("-o")
            .arg(compiled.program())
            .arg(".")
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(source))
            .env("GOTOOLCHAIN", "local")
            .env("CGO_ENABLED", if cgo { "1" } else { "0" });
        run(build).then_some(compiled)
    }

    /// Builds something else. False where the compiler cannot be run.
    pub(super) fn build(&self, compiler: &str, flags: &[&str], source: &str, to: &Path) -> bool {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(source);
        let mut build = Command::new(compiler);
        build.args(flags).arg("-o").arg(to).arg(source);
        run(build)
    }

    pub(super) fn program(&self) -> PathBuf {
        self.dir.path().join(&self.name)
    }

    /// Runs another tool over the program. False where it cannot be run, or refuses.
    pub(super) fn change(&self, tool: &str, flags: &[&str]) -> bool {
        match Command::new(tool).args(flags).arg(self.program()).output() {
            Ok(output) if output.status.success() => true,
            Ok(output) => {
                skip(format!("{tool}: {}", String::from_utf8_lossy(&output.stderr)));
                false
            }
            Err(error) => {
                skip(format!("{tool} cannot be run: {error}"));
                false
            }
        }
    }

    /// Samples the program for so much CPU time, once copies of its stacks are large enough.
    pub(super) fn sample(&self, arguments: &[&str], cpu: Nanos) -> Option<Sampled> {
        self.sample_with(sampler()?, arguments, cpu)
    }

    /// The same with a sampler of one's own.
    pub(super) fn sample_with(
        &self,
        mut sampler: Sampler,
        arguments: &[&str],
        cpu: Nanos,
    ) -> Option<Sampled> {
        let (_guard, held) = self.launch(arguments);
        sampler.watch(held.profiled()[0], Origin::BeforeExec).expect("it is held");
        let _running = release(held);
        Some(sample_running(sampler, cpu))
    }

    /// The same of a program that has done what it does before it is ready.
    pub(super) fn sample_later(&self, arguments: &[&str], cpu: Nanos) -> Option<Sampled> {
        let mut sampler = sampler()?;
        let (_guard, held) = self.launch(arguments);
        let pid = held.profiled()[0];
        let _running = release(held);
        sampler.watch(pid, Origin::Running).expect("it runs, and is ours");
        Some(sample_running(sampler, cpu))
    }

    fn launch(&self, arguments: &[&str]) -> (Guard, Held) {
        let arguments: String = arguments.iter().map(|one| format!(", '{one}'")).collect();
        let manifest = format!(
            "name = \"compiled\"\nlanguage = \"C\"\ndescription = \"a test\"\n[[process]]\n\
             name = \"compiled\"\ncommand = ['{}'{arguments}]\nenv.UNUSED = '{{port}}'\n\
             ready = {{ line = \"ready\", timeout = \"300s\" }}\n",
            self.program().display()
        );
        std::fs::write(self.dir.path().join("target.toml"), manifest).expect("a file");
        let manifest = Manifest::read(self.dir.path()).expect("a manifest that fits");
        let guard = Guard::start().expect("a guard");
        let held = launch(&manifest, &Built::default(), &LaunchOptions::default(), &guard);
        (guard, held.expect("a process"))
    }
}

fn sample_running(mut sampler: Sampler, cpu: Nanos) -> Sampled {
    // Copies grow by one size at a time.
    for _ in 0..4 {
        sample_for(&sampler, Nanos(100_000_000));
        if sampler.adapt().is_none() {
            break;
        }
    }
    sampler.begin_window();
    sample_for(&sampler, cpu);
    let capture = sampler.finish();
    let resolved = resolved(&capture);
    Sampled { capture, resolved }
}

/// A compiler that is not there is a reason to skip; one that fails, to fail.
fn run(mut command: Command) -> bool {
    match command.output() {
        Err(error) => {
            skip(format!("{} cannot be run: {error}", command.get_program().to_string_lossy()));
            false
        }
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            true
        }
    }
}
