use std::{fs, os::unix::fs::MetadataExt as _};

use super::*;
use crate::target::{
    git::git,
    repository::{
        WORKTREE,
        tests::{commit, fixture, write},
    },
};

/// Nobody interrupts.
static GO_ON: AtomicBool = AtomicBool::new(false);

const PROCESS: &str = "[[process]]\nname = \"server\"\ncommand = [\"{bin}\", \"{port}\"]\n";

/// A target with this `[build]`.
fn manifest(build: &str) -> String {
    format!("name = \"x\"\nlanguage = \"any\"\ndescription = \"a test\"\n{build}\n{PROCESS}")
}

/// Builds and says what was printed meanwhile.
struct Builder<'a> {
    repository: &'a Repository,
    options: BuildOptions,
    _cache: tempfile::TempDir,
}

impl<'a> Builder<'a> {
    fn new(repository: &'a Repository) -> Self {
        let cache = tempfile::tempdir().expect("a temporary folder");
        let options = BuildOptions { cache: cache.path().to_owned(), ..BuildOptions::default() };
        Self { repository, options, _cache: cache }
    }

    fn build(
        &self,
        revision: &str,
        changes: &str,
    ) -> (Result<(Manifest, Built), VersionError>, Vec<String>) {
        let commit = self.repository.commit(revision).expect("a commit");
        let changes = match changes {
            "" => Changes::default(),
            changes => changes.parse().expect("they fit"),
        };
        let manifest = self.repository.top().join("target");
        let version = Version {
            repository: self.repository,
            commit: &commit,
            manifest: &manifest,
            changes: &changes,
        };
        let guard = Guard::start().expect("a guard");
        let mut lines = Vec::new();
        let mut keep = |line: &str| lines.push(line.to_owned());
        let built = build_version(&version, &self.options, &guard, &GO_ON, &mut keep);
        (built, lines)
    }

    /// The binary, and what was printed.
    fn binary(&self, revision: &str, changes: &str) -> (PathBuf, Vec<String>) {
        let (built, lines) = self.build(revision, changes);
        let (_, built) = built.expect("it builds");
        (built.products[0].binary.clone(), lines)
    }

    fn error(&self, revision: &str) -> VersionError {
        self.build(revision, "").0.expect_err("it cannot be built")
    }
}

#[test]
fn commits_are_compiled_in_one_folder_and_kept() {
    let toml =
        "[package]\nname = \"tiny\"\nedition = \"2021\"\n[features]\nmore = []\n[workspace]\n";
    let main =
        |number| format!("fn main() {{ println!(\"{number} {{}}\", cfg!(feature = \"more\")) }}\n");
    let manifest = manifest("[build]\nkind = \"cargo\"\ndir = \"server\"");
    let files = [
        ("target/target.toml", manifest.as_str()),
        ("target/server/Cargo.toml", toml),
        ("target/server/src/main.rs", &main(1)),
    ];
    let (_dir, repository) = fixture(&files);
    let builder = Builder::new(&repository);
    let (first, said) = builder.binary("HEAD", "");
    assert!(said.iter().any(|line| line.contains("Compiling")), "{said:?}");
    let bytes = fs::read(&first).expect("a binary");
    let inode = |path: &Path| fs::metadata(path).expect("a binary").ino();
    let kept = inode(&first);

    // The same files, whatever they are called, are not built again.
    for revision in [WORKTREE, "HEAD"] {
        let (again, said) = builder.binary(revision, "");
        assert_eq!((&again, inode(&again)), (&first, kept));
        assert!(said.is_empty(), "{said:?}");
    }
    write(&repository, &[("target/server/src/main.rs", &main(2))]);
    let (second, _) = builder.binary(WORKTREE, "");
    assert_ne!(second, first);
    assert_eq!(second.as_os_str().len(), first.as_os_str().len(), "argv takes the same room");
    let (more, _) = builder.binary("HEAD", "features=more");
    let output = |path: &Path| {
        let output = std::process::Command::new(path).output().expect("it runs");
        String::from_utf8(output.stdout).expect("text")
    };
    assert_eq!(output(&first), "1 false\n");
    assert_eq!(output(&second), "2 false\n");
    assert_eq!(output(&more), "1 true\n");

    // The same files give the same bytes, in whatever order they were built.
    let cache = builder.options.cache.join(FOLDER);
    fs::remove_dir_all(first.parent().and_then(Path::parent).expect("a slot")).expect("removes");
    let (again, said) = builder.binary("HEAD", "");
    assert_eq!((fs::read(&again).expect("a binary"), again), (bytes, first));
    assert!(said.iter().any(|line| line.contains("Compiling tiny")), "{said:?}");
    assert!(cache.is_dir());

    let listed = git(repository.top(), &["status", "--porcelain"]).expect("git answers");
    assert_eq!(listed, " M target/server/src/main.rs", "nothing of the user's has changed");
}

#[test]
fn what_is_made_in_place_has_the_files_of_its_commit() {
    let manifest = manifest("[build]\ncommand = [\"cp\", \"source\", \"made\"]\nbinary = \"made\"");
    let files =
        [("target/target.toml", manifest.as_str()), ("target/source", "1"), ("beside", "1")];
    let (_dir, repository) = fixture(&files);
    commit(&repository, &[("target/source", "2"), ("beside", "2")]);
    let builder = Builder::new(&repository);
    let read = |path: PathBuf| fs::read_to_string(path).expect("a file");
    for revision in ["HEAD", "HEAD~1", "HEAD"] {
        let number = if revision == "HEAD" { "2" } else { "1" };
        let (manifest, built) = builder.build(revision, "").0.expect("it builds");
        assert_eq!(read(built.products[0].binary.clone()), number);
        assert_eq!(read(manifest.dir.join("../beside")), number);
        assert_eq!(manifest.processes[0].dir, manifest.dir, "processes run among these files");
        let commit = repository.commit(revision).expect("a commit");
        assert_eq!(built.revision, commit.revision);
    }
    write(&repository, &[("target/source", "3")]);
    let (binary, _) = builder.binary(WORKTREE, "");
    assert_eq!(read(binary), "3");
}

#[test]
fn a_build_that_asks_git_is_told_of_its_own_commit() {
    let ask = "git rev-parse HEAD >made; git status --porcelain >>made; echo >>made; \
               git -c user.name=x -c user.email=x@y commit --quiet --allow-empty -m x";
    let manifest =
        manifest(&format!("[build]\ncommand = [\"sh\", \"-c\", '{ask}']\nbinary = \"made\""));
    let files = [("target/target.toml", manifest.as_str()), (".gitignore", "made\n")];
    let (_dir, repository) = fixture(&files);
    commit(&repository, &[("more", "2")]);
    let builder = Builder::new(&repository);
    for revision in ["HEAD~1", "HEAD"] {
        let commit = repository.commit(revision).expect("a commit");
        let (binary, _) = builder.binary(revision, "");
        let made = fs::read_to_string(binary).expect("a file");
        assert_eq!(made, format!("{}\n\n", commit.id), "nothing is changed there");
    }
    let count = git(repository.top(), &["rev-list", "--count", "--all"]).expect("git answers");
    assert_eq!(count, "2", "what the build commits is on none of the user's branches");
}

#[test]
fn submodules_have_the_files_of_the_commit() {
    let manifest =
        manifest("[build]\ncommand = [\"cp\", \"lib/source\", \"made\"]\nbinary = \"made\"");
    let (lib_dir, lib) = fixture(&[("source", "1")]);
    let (_dir, repository) = fixture(&[("target/target.toml", manifest.as_str())]);
    let url = lib_dir.path().to_str().expect("text");
    let add =
        ["-c", "protocol.file.allow=always", "submodule", "add", "--quiet", url, "target/lib"];
    git(repository.top(), &add).expect("a submodule");
    commit(&repository, &[("beside", "1")]);
    commit(&lib, &[("source", "2")]);
    let own = repository.top().join("target/lib");
    git(&own, &["pull", "--quiet"]).expect("a newer one");
    commit(&repository, &[("beside", "2")]);
    let builder = Builder::new(&repository);
    for (revision, number) in [("HEAD", "2"), ("HEAD~1", "1"), (WORKTREE, "2")] {
        let (binary, _) = builder.binary(revision, "");
        assert_eq!(fs::read_to_string(binary).expect("a file"), number);
    }
    git(repository.top(), &["submodule", "--quiet", "deinit", "--all"]).expect("it goes");
    commit(&repository, &[("beside", "3")]);
    let error = builder.error("HEAD").to_string();
    assert!(error.contains("the submodule target/lib is not there at "), "{error}");
    assert!(error.contains("submodule update --init --recursive"), "{error}");
}

#[test]
fn a_checkout_that_is_broken_is_made_again() {
    let toml = "[package]\nname = \"tiny\"\nedition = \"2021\"\n[workspace]\n";
    let manifest = manifest("[build]\nkind = \"cargo\"");
    let files = [
        ("target/target.toml", manifest.as_str()),
        ("target/Cargo.toml", toml),
        ("target/src/main.rs", "fn main() {}\n"),
    ];
    let (_dir, repository) = fixture(&files);
    let builder = Builder::new(&repository);
    builder.binary("HEAD", "");
    let listed = git(repository.top(), &["worktree", "list"]).expect("the list");
    assert_eq!(listed.lines().count(), 1, "the user's alone: {listed}");
    // As somebody who cleans up and a killed git leave it.
    let cache = builder.options.cache.join(FOLDER);
    let slots = cache.read_dir().expect("it exists").flatten().map(|entry| entry.path());
    let mut own = slots.map(|slot| slot.join("git")).filter(|own| own.join("index").exists());
    let own = own.find(|own| own.to_string_lossy().contains("checkout-")).expect("the checkout");
    fs::remove_dir_all(&own).expect("it is ours");
    commit(&repository, &[("target/src/main.rs", "fn main() { print!(\"1\") }\n")]);
    builder.binary("HEAD", "");
    fs::write(own.join("index.lock"), "").expect("a file");
    commit(&repository, &[("target/src/main.rs", "fn main() { print!(\"2\") }\n")]);
    builder.binary("HEAD", "");
}

#[test]
fn what_cannot_be_built_says_whose_fault_it_is() {
    let built = manifest("[build]\ncommand = [\"cp\", \"source\", \"made\"]\nbinary = \"made\"");
    let (_dir, repository) = fixture(&[("a", "1")]);
    commit(&repository, &[("target/target.toml", &built)]);
    commit(&repository, &[("target/target.toml", "name = 1")]);
    let builder = Builder::new(&repository);
    let error = builder.error("HEAD~2");
    assert!(error.is_of_commit());
    let commit = repository.commit("HEAD~2").expect("a commit");
    let expected = format!("there is no target at {} (A change)", commit.short());
    assert_eq!(error.to_string(), expected);
    let error = builder.error("HEAD~1");
    assert!(error.is_of_commit());
    assert!(error.to_string().contains("cannot stat 'source'"), "{error}");
    let error = builder.error("HEAD");
    assert!(error.is_of_commit() && error.to_string().contains("cannot be used"), "{error}");
    let (changed, _) = builder.build("HEAD~1", "features=x");
    assert!(!changed.expect_err("no cargo").is_of_commit());
}

#[test]
fn files_that_git_ignores_are_named_and_come_along() {
    let toml = "[package]\nname = \"tiny\"\nedition = \"2021\"\n[workspace]\n";
    let main = "fn main() { print!(\"{}\", include_str!(\"../gen/text\")) }\n";
    let plain = manifest("[build]\nkind = \"cargo\"");
    let named = manifest("[build]\nkind = \"cargo\"\nfiles = [\"gen\"]");
    let files = [
        ("target/target.toml", plain.as_str()),
        ("target/Cargo.toml", toml),
        ("target/src/main.rs", main),
        (".gitignore", "gen\nnotes\n/target/target\n"),
    ];
    let (_dir, repository) = fixture(&files);
    let builder = Builder::new(&repository);
    write(&repository, &[("target/gen/text", "one"), ("notes", "")]);
    for revision in ["HEAD", WORKTREE] {
        let error = builder.error(revision).to_string();
        assert!(error.contains("here target/gen/, ignored by git: name what"), "{error}");
    }

    // The manifest of the commit knows nothing of it yet.
    write(&repository, &[("target/target.toml", &named)]);
    let output = |revision| {
        let (binary, said) = builder.binary(revision, "");
        let output = std::process::Command::new(binary).output().expect("it runs");
        (String::from_utf8(output.stdout).expect("text"), said.is_empty())
    };
    assert_eq!(output("HEAD"), ("one".to_owned(), false));
    assert_eq!(output("HEAD"), ("one".to_owned(), true), "it is kept");
    write(&repository, &[("target/gen/text", "two")]);
    assert_eq!(output("HEAD"), ("two".to_owned(), false));
    write(&repository, &[("target/gen/text", "one")]);
    assert_eq!(output("HEAD"), ("one".to_owned(), true), "it is the same again");

    // The processes run beside them too, and what is named no longer is there no longer.
    let (manifest, _) = builder.build("HEAD", "").0.expect("it builds");
    assert_eq!(fs::read_to_string(manifest.dir.join("gen/text")).expect("a file"), "one");
    write(
        &repository,
        &[("target/target.toml", &plain), ("target/src/main.rs", &(main.to_owned() + "\n"))],
    );
    assert!(builder.error(WORKTREE).to_string().contains("target/gen/"));

    // What the commit has is not overwritten.
    git(repository.top(), &["add", "--force", "target/gen/text"]).expect("adds");
    commit(&repository, &[("target/target.toml", &named)]);
    write(&repository, &[("target/gen/text", "three")]);
    assert_eq!(output("HEAD").0, "one");
}

#[test]
fn files_that_cannot_come_along_are_an_error() {
    let (_dir, repository) = fixture(&[(".gitignore", "*.local\n"), ("a", "1")]);
    let builder = Builder::new(&repository);
    let own = repository.top().join("target");
    let error = |name: &str| {
        let build = format!("[build]\ncommand = [\"true\"]\nbinary = \"a\"\nfiles = [\"{name}\"]");
        write(&repository, &[("target/target.toml", &manifest(&build))]);
        builder.error(WORKTREE).to_string()
    };
    assert!(error("env.local").contains("names env.local, and there is no such file"));
    assert!(error("../../outside").contains("is not in the repository"));
    std::os::unix::fs::symlink("/etc/hostname", own.join("out.local")).expect("a link");
    assert!(error("out.local").contains("target/out.local is a link that leads out, to /etc"));
    std::os::unix::fs::symlink("/etc", own.join("etc.local")).expect("a link");
    assert!(error("etc.local/hostname").contains("is not in the repository"));
    assert!(error("/etc/hostname").contains("paths from the manifest's folder"));
}

#[test]
fn a_commit_that_is_older_than_the_manifest_is_built_by_it() {
    let toml = "[package]\nname = \"tiny\"\nedition = \"2021\"\n[workspace]\n";
    let main = "fn main() {}\n";
    let (_dir, repository) = fixture(&[("Cargo.toml", toml), ("src/main.rs", main)]);
    let text = manifest("[build]\nkind = \"cargo\"\ndir = \"..\"");
    write(&repository, &[("target/target.toml", text.as_str()), (".gitignore", "target/debug\n")]);
    let builder = Builder::new(&repository);
    let (built, _) = builder.build("HEAD", "");
    let (old, built) = built.expect("it builds");
    assert!(built.later_manifest && built.products[0].binary.is_file());
    assert_eq!(old.name, "x");
    commit(&repository, &[]);
    let (built, _) = builder.build("HEAD", "");
    assert!(!built.expect("it builds").1.later_manifest);
    // Changed since: that of the commit holds.
    write(&repository, &[("target/target.toml", &text.replace("\"x\"", "\"y\""))]);
    let (built, _) = builder.build("HEAD", "");
    assert_eq!(built.expect("it builds").0.name, "x");
}
