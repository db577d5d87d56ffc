//! Programs of one file each, built by whatever compiler is there, run and sampled.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use flameload::{
    sample::{Capture, Origin},
    symbolize::Resolved,
    target::{Built, Guard, LaunchOptions, Manifest, launch},
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
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs").join(source);
        let name = source.file_stem().expect("a name").to_string_lossy().into_owned();
        let built = Command::new(compiler)
            .args(flags)
            .arg("-o")
            .arg(dir.path().join(&name))
            .arg(source)
            .output();
        match built {
            Err(error) => {
                skip(format!("{compiler} cannot be run: {error}"));
                None
            }
            Ok(output) => {
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
                Some(Self { dir, name })
            }
        }
    }

    pub(super) fn program(&self) -> PathBuf {
        self.dir.path().join(&self.name)
    }

    /// Samples the program for so much CPU time, once copies of its stacks are large enough.
    pub(super) fn sample(&self, arguments: &[&str], cpu: Nanos) -> Option<Sampled> {
        let mut sampler = sampler()?;
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
        let held = held.expect("a process");
        sampler.watch(held.profiled()[0], Origin::BeforeExec).expect("it is held");
        let _running = release(held);
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
        Some(Sampled { capture, resolved })
    }
}
