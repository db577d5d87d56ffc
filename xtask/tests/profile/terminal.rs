//! What a reader at a narrow terminal sees, and one of a pipe.

use std::{path::Path, process::Command};

use super::{
    case::{Case, read_record, run, tool_path},
    system::{alone, can_sample},
};

/// As wide as half of a small screen.
const COLUMNS: usize = 60;

/// What a command of the tool prints to a terminal of so many columns, without its progress.
#[track_caller]
fn on_terminal(words: &str, environment: &str) -> String {
    let line = format!(
        "stty cols {COLUMNS} && exec env {environment} {} {words} 2>/dev/null",
        tool_path().display()
    );
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    let outcome = run(script.env_remove("NO_COLOR").env("TERM", "xterm"));
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    outcome.stdout.replace("\r\n", "\n")
}

/// Words that nothing breaks, such as paths, are alone in their line where they are too long.
#[track_caller]
fn assert_fits(text: &str) {
    assert!(text.lines().count() > 3, "{text}");
    for line in text.lines() {
        let fits = line.chars().count() <= COLUMNS;
        let words = line.split_whitespace().count();
        assert!(fits || words <= 2 && line.contains('/'), "too long: {line}\n{text}");
    }
}

#[test]
fn tables_and_texts_fit_into_a_narrow_terminal() {
    if !can_sample() {
        return;
    }
    let _alone = alone();
    let case = Case::faulty("none", u64::MAX);
    let (store, script) = (case.store(), case.path("short.toml"));
    let target = case.path("target.toml");
    let common = format!("--script {} --out {}", script.display(), store.display());
    let manifest = format!("--manifest {}", target.display());
    let summary = on_terminal(&format!("profile {manifest} {common}"), "NO_COLOR=1");
    assert_fits(&summary);
    assert!(summary.contains("hottest functions"), "{summary}");
    let names = |run: &Path| -> Vec<String> {
        let record = read_record(run);
        let hottest = record["hottest"].as_array().expect("functions").iter().take(5);
        hottest.map(|it| it["name"].as_str().expect("a name").to_owned()).collect()
    };
    // Two columns of costs leave so much of a line.
    for name in names(&case.kept().0) {
        let fits = name.chars().count() <= COLUMNS - 36;
        assert_eq!(summary.contains(&name), fits, "{name}\n{summary}");
    }
    // A pipe gets names and lines whole.
    let piped = run(&mut case.profile());
    piped.expect(0, &[]);
    assert!(piped.stdout.lines().any(|line| line.chars().count() > 80), "{}", piped.stdout);
    let last = case.runs().into_iter().max().expect("two runs");
    for name in names(&last) {
        assert!(piped.stdout.contains(&name), "{name}\n{}", piped.stdout);
    }

    let target = target.display();
    let compared = on_terminal(
        &format!("compare {target} {target} {common} -d 1s --max-duration 1s"),
        "NO_COLOR=1",
    );
    assert_fits(&compared);
    assert!(compared.contains("CPU/request") && compared.contains("other functions"), "{compared}");
    assert_fits(&on_terminal(&format!("runs --out {}", store.display()), "NO_COLOR=1"));
    case.assert_clean();
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let colored = on_terminal("doctor", "A=b");
    let plain = on_terminal("doctor", "NO_COLOR=1");
    assert!(colored.contains("\u{1b}[32mok") && !plain.contains('\u{1b}'), "{colored}\n{plain}");
    assert_fits(&plain);
    assert_fits(&on_terminal("scripts", "A=b"));
    assert_fits(&on_terminal("targets", "A=b"));
}
