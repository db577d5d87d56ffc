//! Where changes come from that are in no function itself.

use expect_test::{Expect, expect};

use crate::compare::{
    Design, Options, Pair, Round, compare,
    tests::support::{pair, profiled},
};

/// Four rounds of each side, all alike.
fn sides(a: (f64, &str), b: (f64, &str)) -> Pair {
    let rounds = |(us, folded): (f64, &str)| -> Vec<Round> {
        (0..4).map(|_| profiled(us, folded)).collect()
    };
    pair(Design::Interleaved, rounds(a), rounds(b))
}

#[track_caller]
fn check(pair: &Pair, expected: Expect) {
    let found = compare(pair, &Options::default());
    let lines = found.frames.as_ref().expect("both sides have samples").cause_lines();
    let line = |line: &crate::compare::FunctionLine| {
        format!("{} {} {} {} {}\n", line.a, line.b, line.change, line.name, line.verdict)
    };
    expected.assert_eq(&lines.iter().map(line).collect::<String>());
}

const USUAL: &str = "main;serve 400\nmain;serve;render 6000\nmain;serve;send;write 13600";

/// A log line that costs a little in each of many functions.
fn with_log() -> (f64, String) {
    let parts: String =
        (0..30).map(|part| format!("\nmain;serve;write_log;format;part{part} 40")).collect();
    (10.6, format!("{USUAL}{parts}"))
}

#[test]
fn what_many_functions_share_is_said_of_the_one_that_calls_them() {
    let (us, log) = with_log();
    let found = expect![[r#"
        0.000 0.600 +0.600 write_log new
    "#]];
    check(&sides((10.0, USUAL), (us, &log)), found);
    let gone = expect![[r#"
        0.600 0.000 -0.600 write_log gone
    "#]];
    check(&sides((us, &log), (10.0, USUAL)), gone);
}

#[test]
fn what_changed_in_itself_is_not_said_twice() {
    let a = "main;serve 400\nmain;serve;render 6000\nmain;serve;send;write 13600";
    let b = "main;serve 400\nmain;serve;render 8000\nmain;serve;send;write 13600";
    check(&sides((10.0, a), (11.0, b)), expect![[""]]);
}

#[test]
fn nothing_comes_from_what_did_not_change() {
    check(&sides((10.0, USUAL), (10.0, USUAL)), expect![[""]]);
}

#[test]
fn functions_that_call_each_other_have_one_cause() {
    let with = |times: u64| -> String {
        (0..30)
            .map(|part| format!("\nmain;f;g;f;g;part{part} {times}"))
            .fold("main;send 16000".to_owned(), |text, part| text + &part)
    };
    check(
        &sides((10.0, &with(40)), (11.2, &with(120))),
        expect![[r#"
            0.698 2.057 +1.359 f slower
        "#]],
    );
}
