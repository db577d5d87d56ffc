//! `xtask bisect` and `regress` on a repository of the test's own, with one culprit.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use flameload::target::BuildOptions;
use serde_json::Value;
use tempfile::TempDir;

use super::{
    case::{Case, Outcome, run, tool},
    system::{alone, can_sample},
};

/// How many commits there are after the first one.
const COMMITS: usize = 16;
/// The one that made the server work three times as long on each request.
const CULPRIT: usize = 11;
/// One that does not compile; git asks for it first.
const BROKEN: usize = 8;

/// A server in a git repository. Its builds go with it.
struct History {
    case: Case,
}

impl History {
    /// With a commit for each number up to `last`; each changes the server's source.
    fn new(last: usize) -> Self {
        let history = Self { case: Case::faulty("none", u64::MAX) };
        let marker = history.case.dir.path().display().to_string();
        let manifest = format!(
            r#"
name = "tiny"
language = "Rust"
description = "a server of a few lines"
[build]
kind = "cargo"
dir = "server"
[[process]]
name = "server"
command = ["{{bin}}", "none", "{{port}}", "{}", "{marker}"]
"#,
            u64::MAX
        );
        let package = "[package]\nname = \"tiny\"\nedition = \"2024\"\n[workspace]\n";
        history.write("target.toml", &manifest);
        history.write("server/Cargo.toml", package);
        history.git(&["init", "--quiet"]);
        for number in 0..=last {
            history.write("server/src/main.rs", &source(number));
            history.commit(&format!("Revision {number}"));
        }
        history
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.case.path(name);
        fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "target.toml", "server"]);
        let who = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
        self.git(&[&who[..], &["commit", "--quiet", "--message", message]].concat());
    }

    fn git(&self, words: &[&str]) -> String {
        let output = Command::new("git").arg("-C").arg(self.case.dir.path()).args(words).output();
        let output = output.expect("git runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// `COMMAND TARGET` with the least time that there is.
    fn command(&self, command: &str, revision: &str) -> Command {
        let mut tool = tool();
        let manifest = self.case.path("target.toml");
        tool.arg(command).arg(format!("{}{revision}", manifest.display()));
        tool.arg("--script").arg(self.case.path("short.toml"));
        tool.args(["--duration", "13s", "--max-duration", "13s", "--json"]);
        tool.arg("--out").arg(self.case.store());
        tool
    }

    /// However long it takes: a bisection is some measurements.
    fn answer(&self, command: &mut Command, code: i32, texts: &[&str]) -> Value {
        let Output { status, stdout, stderr } = command.output().expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let (stdout, stderr) = (text(stdout), text(stderr));
        Outcome { code: status.code(), stdout: stdout.clone(), stderr }.expect(code, texts);
        self.case.assert_clean();
        serde_json::from_str(&stdout).expect("a line of JSON")
    }
}

/// The server's source at a revision.
fn source(number: usize) -> String {
    let text = include_str!("faulty.rs");
    let work = "const WORK: Duration = Duration::from_micros(30);";
    assert!(text.contains(work));
    let more = if number < CULPRIT { 30 } else { 90 };
    let text = text.replace(work, &work.replace("30", &more.to_string()));
    let broken = if number == BROKEN { "this does not compile\n" } else { "" };
    format!("{text}// Revision {number}\n{broken}")
}

impl Drop for History {
    /// What was built of the repository is of no use to anyone any more.
    fn drop(&mut self) {
        let top = self.git(&["rev-parse", "--show-toplevel"]);
        let trees = self.git(&["log", "--all", "--format=%T"]);
        let owned = |stamp: &str| {
            stamp.starts_with(top.trim_end()) || trees.lines().any(|tree| tree == stamp)
        };
        let slots = BuildOptions::default().cache.join("revisions");
        let slots = slots.read_dir().into_iter().flatten().flatten();
        for slot in slots.map(|entry| entry.path()) {
            let stamp = fs::read_to_string(slot.join("flameload.stamp")).unwrap_or_default();
            if !stamp.is_empty() && owned(&stamp) {
                fs::remove_dir_all(&slot).expect("it can be removed");
                fs::remove_file(slot.with_extension("lock")).expect("it has a lock");
            }
        }
    }
}

#[test]
fn the_culprit_is_found_past_a_commit_that_does_not_compile() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let history = History::new(COMMITS);
    let good = format!("HEAD~{COMMITS}");
    let mut bisect = history.command("bisect", "");
    let found = history.answer(bisect.args(["--good", &good]), 0, &["among 16 commits"]);
    let culprit = format!("Revision {CULPRIT}");
    assert_eq!(found["culprit"]["subject"], culprit.as_str(), "{found:#}");
    let stat = found["diff_stat"].as_str().expect("a text");
    assert!(stat.contains("server/src/main.rs | 4 ++--"), "{stat}");
    let looked = found["looked_at"].as_array().expect("a list");
    // Four halvings, and what the broken one costs.
    assert!((4..=7).contains(&looked.len()), "{looked:#?}");
    let unbuilt: Vec<&Value> = looked.iter().filter(|it| it["built"] == false).collect();
    assert_eq!(unbuilt.len(), 1, "{looked:#?}");
    assert_eq!(unbuilt[0]["subject"], format!("Revision {BROKEN}").as_str());
    assert_eq!(found["built"], looked.len() + 1, "all but one, and both ends");
    for commit in looked.iter().filter(|it| it["built"] == true) {
        let number: usize =
            commit["subject"].as_str().and_then(|it| it[9..].parse().ok()).expect("a number");
        assert_eq!(commit["mark"], if number < CULPRIT { "good" } else { "bad" }, "{commit:#}");
    }
    let convicts = &found["comparison"];
    assert_eq!(convicts["verdict"], "regressed");
    assert!(convicts["b"]["detail"].as_str().is_some_and(|it| it.ends_with(&culprit)));
    assert_eq!(history.git(&["worktree", "list"]).lines().count(), 1, "ours alone");
}

#[test]
fn a_function_may_be_what_became_slower() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let history = History::new(CULPRIT);
    let mut bisect = history.command("bisect", "");
    let found = history.answer(bisect.args(["--good", "HEAD~1", "--frame", "work"]), 0, &[]);
    assert_eq!(found["culprit"]["subject"], format!("Revision {CULPRIT}").as_str(), "{found:#}");
    let says = found["bad_says"].as_str().expect("a text");
    assert!(says.starts_with("work: ") && says.contains("µs/request"), "{says}");
    assert!(found["kept"].as_str().is_some_and(|kept| Path::new(kept).join("diff.svg").is_file()));
}

#[test]
fn a_gate_fails_for_a_regression_and_passes_the_same() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let history = History::new(0);
    history.write("server/src/main.rs", &source(CULPRIT));
    let mut regress = history.command("regress", "");
    let failed = history.answer(regress.args(["--base", "HEAD"]), 1, &[]);
    assert_eq!(failed["verdict"], "regressed");
    assert_eq!(failed["gates"][0]["metric"], "cpu_us_per_request");
    // Against the same, with room for a machine that others use.
    history.write("server/src/main.rs", &source(0).replace("// Revision 0", "// The same"));
    let mut regress = history.command("regress", "");
    let passed = regress.args(["--base", "HEAD", "--tolerance", "50%", "--metric", "cpu"]);
    let passed = history.answer(passed, 0, &[]);
    assert_eq!(passed["verdict"], "equivalent");
    assert_eq!(passed["comparison"]["a"]["rounds"], 4);
}

#[test]
fn what_a_manifest_changed_is_said_at_the_top() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let history = History::new(0);
    let manifest = fs::read_to_string(history.case.path("target.toml")).expect("a manifest");
    let env =
        "env = { WORK_US = \"90\", DB_PASSWORD = \"wonderland\" }\n[budget.single]\nworkers = 2";
    history.write("target.toml", &format!("{manifest}{env}\n"));
    let mut regress = history.command("regress", "?budget=single&env.SAME=1");
    let failed = history.answer(regress.args(["--base", "HEAD"]), 1, &[]);
    let unlike = |what: &str, a: &str, b: &str| serde_json::json!({ "what": what, "a": a, "b": b });
    let expected = [
        unlike("workers in the manifest", "1", "2"),
        unlike("env.DB_PASSWORD in the manifest", "not set", "***"),
        unlike("env.WORK_US in the manifest", "not set", "90"),
    ];
    assert_eq!(failed["comparison"]["unlike"], Value::from(expected.to_vec()), "{failed:#}");
    assert!(!failed.to_string().contains("wonderland"));
}

#[test]
fn a_gate_compares_with_where_the_branch_began() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let history = History::new(0);
    let first = history.git(&["rev-parse", "--short=10", "HEAD"]).trim().to_owned();
    // Nothing is no pass.
    run(history.command("regress", "@HEAD").args(["--base", "HEAD"]))
        .expect(4, &["inconclusive: ", "has the same files as ", "nothing to compare"]);
    // The base got faster since; the change is a word of documentation.
    history.git(&["checkout", "--quiet", "-b", "change"]);
    history.write("server/notes.md", "a word\n");
    history.commit("A word");
    history.git(&["checkout", "--quiet", "-b", "faster", "HEAD~1"]);
    let faster = source(0).replace("from_micros(30)", "from_micros(8)");
    history.write("server/src/main.rs", &faster);
    history.commit("Faster");
    history.git(&["checkout", "--quiet", "change"]);
    for base in ["faster", "faster..."] {
        let mut regress = history.command("regress", "");
        let regress = regress.args(["--base", base, "--tolerance", "40%", "--metric", "cpu"]);
        let passed = history.answer(regress, 0, &["where ", "left faster"]);
        assert!(passed["base"].as_str().is_some_and(|base| base.starts_with(&first)), "{passed}");
    }
    let mut regress = history.command("regress", "");
    let failed = history.answer(
        regress.args(["--base", "faster", "--base-tip", "--tolerance", "40%", "--metric", "cpu"]),
        1,
        &[],
    );
    assert!(failed["base"].is_null() && failed["verdict"] == "regressed", "{failed}");
}

#[test]
fn what_cannot_be_bisected_says_so() {
    let history = History::new(1);
    let refused = |words: &[&str], code: i32, what: &str| {
        run(history.command("bisect", "").args(words)).expect(code, &[what]);
    };
    refused(&["--good", "HEAD"], 2, "are the same");
    refused(&["--good", "HEAD", "--bad", "HEAD~1"], 2, "is no ancestor of");
    refused(&["--good", "v1.2"], 2, "no revision 'v1.2'");
    run(history.command("bisect", "@HEAD").args(["--good", "HEAD~1"]))
        .expect(2, &["is at one revision"]);
    let folder: (TempDir, PathBuf) = {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("target.toml");
        fs::copy(history.case.path("target.toml"), &path).expect("a copy");
        (dir, path)
    };
    let mut elsewhere = tool();
    elsewhere.arg("bisect").arg(&folder.1).args(["--good", "HEAD~1"]);
    run(&mut elsewhere).expect(2, &["is in no git repository"]);
}
