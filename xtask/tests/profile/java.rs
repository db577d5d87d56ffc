//! A server in Java: the tool asks it for the names of its code.

use std::{
    env, fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::{
    case::{Case, read_record, run, tool},
    system::{alone, can_sample, eventually},
};
use crate::skip::skip;

/// What its own code is named with: the compiler may put one method into another.
const OWN: &str = " Server.";

/// The one that is done within a short warm-up.
const ONE_COMPILER: &str = "-XX:TieredStopAtLevel=1";
/// Else it sends head and body apart, and waits 40 ms between them.
const NO_DELAY: &str = "-Dsun.net.httpserver.nodelay=true";

/// The server as a target, compiled; none without a JDK.
fn server(options: &str) -> Option<Case> {
    let programs = ["java", "javac", "jcmd"];
    let folders: Vec<_> = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    let is_there = |name: &&str| folders.iter().any(|folder| folder.join(name).is_file());
    if !programs.iter().all(is_there) {
        skip("there is no JDK (java, javac, jcmd)");
        return None;
    }
    let case = Case::faulty("none", u64::MAX);
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/programs/java/Server.java");
    let mut javac = Command::new("javac");
    let compiled = javac.arg("-d").arg(case.dir.path()).arg(source).status().expect("javac runs");
    assert!(compiled.success(), "the server compiles");
    let folder = case.dir.path().display();
    let manifest = format!(
        "name = \"java\"\nlanguage = \"Java\"\ndescription = \"a server\"\n[[process]]\n\
         name = \"server\"\ncommand = [\"java\", {options}\"{ONE_COMPILER}\", \
         \"-XX:+PreserveFramePointer\", \"{NO_DELAY}\", \"-cp\", \"{folder}\", \"Server\", \"{{port}}\"]\n\
         ready = {{ timeout = \"60s\" }}\n"
    );
    fs::write(case.path("target.toml"), manifest).expect("a file");
    Some(case)
}

/// The share of the CPU time that a function has itself.
fn share_of(record: &Value, name: &str) -> f64 {
    let hottest = record["hottest"].as_array().expect("functions");
    let us = |found: &Value| found["self_us_per_request"].as_f64().unwrap_or(0.0);
    let named = hottest.iter().filter(|it| it["name"].as_str().is_some_and(|it| it.contains(name)));
    let whole = record["server"]["cpu_us_per_request"].as_f64().expect("CPU time");
    named.map(us).sum::<f64>() / whole
}

fn has_warning(record: &Value, text: &str) -> bool {
    let warnings = record["warnings"].as_array().expect("warnings").iter();
    warnings.filter_map(Value::as_str).any(|warning| warning.contains(text))
}

/// The maps of processes that there are.
fn maps() -> Vec<String> {
    let entries = fs::read_dir("/tmp").expect("a folder").flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.starts_with("perf-") && name.ends_with(".map")).collect()
}

#[test]
fn generated_code_has_its_names() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let Some(case) = server("") else { return };
    let before = maps();
    run(&mut case.profile()).expect(0, &[]);
    let (_, record) = case.kept();
    assert!(share_of(&record, OWN) > 0.2, "{:#}", record["hottest"]);
    assert!(!has_warning(&record, "has no names"), "{:#}", record["warnings"]);
    assert_eq!(maps(), before, "what was written for us is gone");
    case.assert_clean();
}

#[test]
fn what_cannot_be_asked_says_why() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let Some(case) = server("\"-Xrs\", ") else { return };
    let outcome = run(&mut case.profile());
    outcome.expect(0, &[]);
    let (_, record) = case.kept();
    assert!(has_warning(&record, "takes no requests (-Xrs)"), "{:#}", record["warnings"]);
    assert!(outcome.stdout.contains("Compiler.perfmap"), "{}", outcome.stdout);
    case.assert_clean();
}

/// A server that ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_server_of_another_user_is_asked_as_that_user() {
    if !can_sample() || !rustix::process::geteuid().is_root() {
        return;
    }
    let _alone = alone();
    let Some(case) = server("") else { return };
    let open = Command::new("chmod").args(["-R", "a+rX"]).arg(case.dir.path()).status();
    assert!(open.expect("it runs").success());
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "java",
        ONE_COMPILER,
        NO_DELAY,
        "-cp",
    ]);
    command.arg(case.dir.path()).args(["Server", "0"]).stdout(Stdio::null());
    let child = Running(command.spawn().expect("it starts"));
    let pid = child.0.id();
    let ports = || flameload::target::listening_ports(pid).unwrap_or_default();
    eventually("it listens nowhere", || !ports().is_empty());
    let mut profile = tool();
    profile.args(["profile", "--pid", &pid.to_string(), "--script"]).arg(case.path("short.toml"));
    run(profile.arg("--out").arg(case.store())).expect(0, &[]);
    let run = case.runs().pop().expect("a run");
    let record = read_record(&run);
    assert!(share_of(&record, OWN) > 0.2, "{:#}", record["hottest"]);
    assert!(!maps().contains(&format!("perf-{pid}.map")));
}
