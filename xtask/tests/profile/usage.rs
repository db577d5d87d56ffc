//! What was typed wrongly ends with 2 and the nearest right thing, before anything is started.

use std::fs;

use super::case::{Case, run, tool};

#[track_caller]
fn check(arguments: &[&str], texts: &[&str]) {
    let outcome = run(tool().args(arguments));
    outcome.expect(2, texts);
    assert!(!outcome.stderr.contains("building"), "{outcome:#?}");
}

#[test]
fn unknown_names_suggest_the_nearest() {
    check(&["profile", "hypr"], &["unknown target 'hypr'", "did you mean 'hyper'?"]);
    check(&["profile", "hyper", "--script", "usrs"], &["'usrs'", "did you mean 'users'?"]);
    check(&["profile", "hyper", "--scrpt", "users"], &["'--scrpt'", "'--script'"]);
    check(&["profil", "hyper"], &["unrecognized subcommand", "'profile'"]);
}

#[test]
fn unknown_keys_suggest_the_nearest() {
    let case = Case::faulty("none", u64::MAX);
    let change = |file: &str, from: &str, to: &str| {
        let path = case.path(file);
        let text = fs::read_to_string(&path).expect("a file");
        fs::write(&path, text.replace(from, to)).expect("a file");
    };
    change("short.toml", "connections", "conections");
    run(&mut case.profile()).expect(2, &["short.toml", "did you mean `connections`?"]);
    change("short.toml", "conections", "connections");
    change("target.toml", "language", "langage");
    run(&mut case.profile()).expect(2, &["target.toml", "did you mean `language`?"]);
    case.assert_clean();
    assert!(case.runs().is_empty());
}

#[test]
fn values_say_what_they_may_be() {
    let hyper = |arguments: &[&'static str]| [&["profile", "hyper"], arguments].concat();
    check(&hyper(&["--duration", "0s"]), &["duration must not be zero"]);
    check(&hyper(&["--duration", "3"]), &["'3'", "such as 250ms, 10s or 5m"]);
    check(&hyper(&["--hz", "0"]), &["'0'", "from 1 to 100000"]);
    check(&hyper(&["--connections", "0"]), &["--connections"]);
    check(&hyper(&["--cpus", "0,1"]), &["server=LIST,load=LIST"]);
    check(&hyper(&["--cpus", "server=1000,load=0"]), &["CPUs 1000", "may be used are"]);
    check(&hyper(&["--url", "127.0.0.1:80"]), &["--url", "cannot be used with"]);
    check(&["profile"], &["name a target", "hyper", "--pid"]);
    check(&["profile", "--pid", "1", "--url", "example"], &["http://127.0.0.1:8080"]);
}

#[test]
fn a_benchmark_says_what_it_needs() {
    check(&["bench"], &["<TARGET>"]);
    check(&["bench", "hypr"], &["unknown target 'hypr'", "did you mean 'hyper'?"]);
    check(&["bench", "hyper", "--baseline", "axm"], &["'axm' is none of the targets: hyper"]);
    check(&["bench", "hyper", "--rounds", "0"], &["--rounds"]);
    check(&["bench", "hyper", "--hz", "99"], &["--profile"]);
    check(&["bench", "hyper", "--from", "latest"], &["--from", "cannot be used with"]);
    check(&["bench", "--from", "19700101", "--out", "/nonexistent"], &["no run '19700101'"]);
    check(&["bench", "hyper", "--json", "--csv"], &["cannot be used with"]);
    let case = Case::faulty("none", u64::MAX);
    let manifest = case.dir.path().display().to_string();
    check(
        &["bench", "hyper", "--manifest", &manifest],
        &["different scripts (hello, users)", "--script"],
    );
}

#[test]
fn a_cause_is_told_once() {
    let outcome = run(tool().args(["profile", "--manifest", "/nonexistent/target.toml"]));
    outcome.expect(2, &["cannot read /nonexistent/target.toml"]);
    assert_eq!(outcome.stderr.matches("No such file").count(), 1, "{outcome:#?}");
}
