//! The program as somebody has it who installs it: in a repository of one's own, which is not this
//! one.

#[path = "support/measured.rs"]
mod measured;
#[path = "support/skip.rs"]
mod skip;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use flameload::sample::{Config, Sampler};
use tempfile::TempDir;

use measured::{Measured, holds, repeated};
use skip::skip;

/// The dependencies of somebody's server.
const CARGO: &str = "[package]\nname = \"shop\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
    [dependencies]\naxum = \"0.8\"\n\
    tokio = { version = \"1\", features = [\"rt-multi-thread\", \"macros\", \"net\"] }\n";

/// The server, with this in each answer.
fn server(answer: &str) -> String {
    format!(
        "use axum::{{routing::get, Router}};\n\n\
         #[inline(never)]\nfn price(steps: u64) -> u64 {{\n    \
         (0..steps).fold(1, |a, b| std::hint::black_box(a * 31 + b))\n}}\n\n\
         #[inline(never)]\npub fn slow_discount(steps: u64) -> u64 {{\n    \
         (0..steps).fold(7, |a, b| std::hint::black_box(a * 17 + b))\n}}\n\n\
         async fn index() -> String {{\n    {answer}\n}}\n\n\
         #[tokio::main]\nasync fn main() {{\n    \
         let port = std::env::var(\"PORT\").unwrap_or_else(|_| \"3000\".into());\n    \
         let address = format!(\"127.0.0.1:{{port}}\");\n    \
         let listener = tokio::net::TcpListener::bind(address).await.unwrap();\n    \
         axum::serve(listener, Router::new().route(\"/\", get(index))).await.unwrap();\n}}\n"
    )
}

const FAST: &str = "format!(\"{}\", price(5_000))";
const SLOW: &str = "format!(\"{}\", price(5_000) + slow_discount(60_000))";

/// A repository with the program beside it, installed.
struct Shop {
    dir: TempDir,
}

impl Shop {
    /// None where what it takes is not there.
    fn new() -> Option<Self> {
        if let Err(error) = Sampler::start(&Config::at("997".parse().expect("a frequency"))) {
            skip(format!("perf events: {error}"));
            return None;
        }
        let shop = Self { dir: tempfile::tempdir().expect("a folder") };
        let sources = Path::new(env!("CARGO_MANIFEST_DIR"));
        let products = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("it has one");
        let mut install = Command::new(env!("CARGO"));
        install
            .args(["install", "--locked", "--quiet", "--path"])
            .arg(sources)
            .arg("--root")
            .arg(shop.dir.path().join("installed"))
            .arg("--target-dir")
            .arg(products);
        shown(install.output().expect("cargo runs"), 0);
        shop.write("Cargo.toml", CARGO);
        shop.write(".gitignore", "/target\n");
        shop.write("src/main.rs", &server(FAST));
        shop.git(&["init", "--quiet"]);
        shop.cargo(&["generate-lockfile", "--quiet"]);
        shop.commit("the first");
        Some(shop)
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("shop")
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder().join(name);
        fs::create_dir_all(path.parent().expect("it has one")).expect("it is ours");
        fs::write(path, text).expect("it is ours");
    }

    fn git(&self, words: &[&str]) -> String {
        let who = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
        let output = Command::new("git").args(who).args(words).current_dir(self.folder()).output();
        shown(output.expect("git runs"), 0).0
    }

    fn cargo(&self, words: &[&str]) {
        let output = Command::new("cargo").args(words).current_dir(self.folder()).output();
        shown(output.expect("cargo runs"), 0);
    }

    fn commit(&self, subject: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", subject]);
        self.git(&["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// Runs the program in a folder of the repository.
    fn run(&self, program: &str, folder: &str, words: &[&str]) -> Output {
        Command::new(self.dir.path().join("installed/bin").join(program))
            .args(words)
            .current_dir(self.folder().join(folder))
            .env("XDG_CACHE_HOME", self.dir.path().join("cache"))
            .env_remove("FLAMELOAD_ROOT")
            .stdin(Stdio::null())
            .output()
            .expect("the program runs")
    }

    /// The runs of a target that were kept.
    fn runs(&self, target: &str) -> Vec<PathBuf> {
        let folder = self.folder().join(".flameload/runs").join(target);
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }
}

/// What a program said, which ended so.
#[track_caller]
fn shown(output: Output, code: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    (out, err)
}

/// What is in this repository beside its sources.
fn own_files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.to_owned(), root.join("flamegraphs"), root.join("targets")];
    let mut found: Vec<PathBuf> = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

#[test]
fn a_project_of_ones_own_is_profiled_gated_and_bisected() {
    let before = own_files();
    let Some(shop) = Shop::new() else { return };
    let first = shop.git(&["rev-parse", "HEAD"]).trim().to_owned();

    let (out, _) = shown(shop.run("flameload", ".", &["init", "--dry-run"]), 0);
    assert!(out.contains("bin = \"shop\"") && out.contains("env = { PORT = \"{port}\" }"), "{out}");
    assert!(!shop.folder().join(".flameload").exists());
    let (out, _) = shown(shop.run("cargo-flameload", ".", &["flameload", "init"]), 0);
    assert!(out.contains("shop · smoke") && out.contains("price"), "{out}");
    let [run] = shop.runs("shop").try_into().expect("one run");
    assert!(fs::read_to_string(run.join("cpu.svg")).is_ok_and(|svg| svg.contains("requests/s")));
    assert!(!shop.git(&["status", "--porcelain", "--untracked-files=all"]).contains("runs/"));
    shop.commit("measure it");

    // From a folder within, and from anywhere else.
    let words = ["profile", "--duration", "1s", "--warmup", "200ms"];
    shown(shop.run("flameload", "src", &words), 0);
    let root = shop.folder().to_string_lossy().into_owned();
    shown(shop.run("flameload", "/", &[&words[..], &["--root", &root]].concat()), 0);
    assert_eq!(shop.runs("shop").len(), 3);

    for number in 0..3 {
        shop.write("notes", &format!("{number}\n"));
        shop.commit("a note");
    }
    shop.write("src/main.rs", &server(SLOW));
    let culprit = shop.commit("a discount for everybody");
    shop.write("notes", "4\n");
    shop.commit("another note");

    repeated(|| gate(&shop, &first));
    let (out, err) = shown(shop.run("flameload", ".", &["bisect", "shop", "--good", &first]), 0);
    assert!(out.contains("a discount for everybody"), "{out}\n{err}");
    assert!(out.contains(&culprit[..7]), "{out}\n{err}");

    let worktrees = shop.git(&["worktree", "list"]);
    assert_eq!(worktrees.lines().count(), 1, "{worktrees}");
    assert_eq!(shop.git(&["status", "--porcelain"]), "");
    assert_eq!(own_files(), before, "something of it is here");
    let (out, _) = shown(shop.run("flameload", ".", &["cache"]), 0);
    assert!(out.contains("revisions"), "{out}");
    shown(shop.run("flameload", ".", &["cache", "prune", "--days", "0"]), 0);
    let (out, _) = shown(shop.run("flameload", ".", &["cache"]), 0);
    assert!(!out.contains("revisions"), "{out}");
}

/// A gate against a commit from before there was a manifest.
fn gate(shop: &Shop, first: &str) -> Measured {
    let words = ["regress", "shop", "--base", first, "--duration", "15s", "--json"];
    let output = shop.run("flameload", ".", &words);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    holds(output.status.code() == Some(1), &text)?;
    assert!(text.contains("older than its manifest"), "{text}");
    let found: serde_json::Value = serde_json::from_str(&text).expect("a line of JSON");
    let functions =
        found["comparison"]["frames"]["functions"].as_array().expect("they were judged");
    let named = |function: &&serde_json::Value| {
        ["self", "total"].iter().any(|cost| function[cost]["sure"] == true)
            && function["name"].as_str().is_some_and(|name| name.contains("slow_discount"))
    };
    holds(functions.iter().any(|function| named(&function)), &text)
}
