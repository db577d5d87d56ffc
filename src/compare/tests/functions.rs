//! Which functions are said to have changed.

use expect_test::{Expect, expect};

use crate::compare::{
    Comparison, Design, Frames, Kind, Options, Pair, Round, Verdict, compare,
    tests::support::{pair, profiled, swapped},
};

fn frames(comparison: &Comparison) -> &Frames {
    comparison.frames.as_ref().expect("both sides have samples")
}

/// Four rounds of each side, all alike.
fn pair_of(a: (f64, &str), b: (f64, &str)) -> Pair {
    let rounds = |(us, folded): (f64, &str)| -> Vec<Round> {
        (0..4).map(|_| profiled(us, folded)).collect()
    };
    pair(Design::Interleaved, rounds(a), rounds(b))
}

#[track_caller]
fn check(a: (f64, &str), b: (f64, &str), expected: Expect) {
    let found = compare(&pair_of(a, b), &Options::default());
    let lines = frames(&found).lines();
    let lines: String = lines
        .iter()
        .map(|line| {
            format!("{} {} {} {} {}\n", line.a, line.b, line.change, line.name, line.verdict)
        })
        .collect();
    expected.assert_eq(&lines);
}

#[test]
fn a_function_that_costs_more_is_named() {
    check(
        (10.0, "main;parse 400\nmain;render 600\nmain;render;write_[k] 1000"),
        (11.0, "main;parse 600\nmain;render 600\nmain;render;write_[k] 1000"),
        expect![[r#"
            2.000 3.000 +1.000 parse slower
            3.000 3.000 +0.000 render not sure
            5.000 5.000 +0.000 write not sure
            10.000 11.000 +1.000 total 
        "#]],
    );
}

#[test]
fn shares_that_sink_are_no_improvement() {
    let a = "main;parse 500\nmain;render 500";
    let b = "main;parse 1500\nmain;render 500";
    let found = compare(&pair_of((10.0, a), (20.0, b)), &Options::default());
    let render = frames(&found).functions.iter().find(|function| function.name == "render");
    let render = render.expect("it was seen");
    // Half of all before, a quarter now, and 5 µs both times.
    assert_eq!((render.kind, render.own.change_us), (Kind::Unsure, 0.0));
}

#[test]
fn functions_come_and_go() {
    check(
        (10.0, "main;old 500\nmain;same 500\nmain;x;lock 4"),
        (10.0, "main;y;new 900\nmain;same 100\nmain;z;rare 4"),
        expect![[r#"
            0.000 8.964 +8.964 new new
            4.980 0.000 -4.980 old gone
            4.980 0.996 -3.984 same faster
            0.040 0.000 -0.040 lock not sure
            0.000 0.040 +0.040 rare not sure
            10.000 10.000 +0.000 total 
        "#]],
    );
}

#[test]
fn time_between_caller_and_callee_has_moved() {
    // `copy` is inlined into `render` by one build and not by the other.
    check(
        (10.0, "main;render 300\nmain;render;copy 300\nmain;parse 400"),
        (10.0, "main;render 600\nmain;parse 400"),
        expect![[r#"
            3.000 0.000 -3.000 copy moved: render
            3.000 6.000 +3.000 render moved: copy
            4.000 4.000 +0.000 parse not sure
            10.000 10.000 +0.000 total 
        "#]],
    );
}

#[test]
fn what_moved_and_grew_did_not_only_move() {
    check(
        (10.0, "main;render 300\nmain;render;copy 300\nmain;parse 400"),
        (14.0, "main;render 1000\nmain;parse 400"),
        expect![[r#"
            3.000 10.000 +7.000 render slower
            3.000 0.000 -3.000 copy gone
            4.000 4.000 +0.000 parse not sure
            10.000 14.000 +4.000 total 
        "#]],
    );
}

#[test]
fn strangers_that_trade_time_have_not_moved_it() {
    check(
        (10.0, "main;a;encode 300\nmain;b;decode 600\nmain;parse 100"),
        (10.0, "main;a;encode 600\nmain;b;decode 300\nmain;parse 100"),
        expect![[r#"
            6.000 3.000 -3.000 decode faster
            3.000 6.000 +3.000 encode slower
            1.000 1.000 +0.000 parse not sure
            10.000 10.000 +0.000 total 
        "#]],
    );
}

#[test]
fn a_new_name_for_the_same_time_has_moved() {
    check(
        (10.0, "main;serve;encode_v1 300\nmain;parse 700"),
        (10.0, "main;serve;encode_v2 300\nmain;parse 700"),
        expect![[r#"
            3.000 0.000 -3.000 encode_v1 moved: encode_v2
            0.000 3.000 +3.000 encode_v2 moved: encode_v1
            7.000 7.000 +0.000 parse not sure
            10.000 10.000 +0.000 total 
        "#]],
    );
}

#[test]
fn generic_arguments_matter_only_where_both_sides_have_them() {
    check(
        (10.0, "main;drop<A> 300\nmain;drop<B> 300\nmain;push<Old> 400"),
        (13.0, "main;drop<A> 300\nmain;drop<B> 600\nmain;push<New> 400"),
        expect![[r#"
            3.000 6.000 +3.000 drop<B> slower
            3.000 3.000 +0.000 drop<A> not sure
            4.000 4.000 +0.000 push not sure
            10.000 13.000 +3.000 total 
        "#]],
    );
}

#[test]
fn frames_find_their_function() {
    let found = compare(
        &pair_of(
            (10.0, "main;drop<A> 300\nmain;x<Old> 4"),
            (10.0, "main;drop<A> 300\nmain;x<New> 4"),
        ),
        &Options::default(),
    );
    let find = |name: &str| frames(&found).find(name, false).map(|one| one.name.as_str());
    assert_eq!(find("drop<A>::h0123456789abcdef"), Some("drop<A>"));
    assert_eq!((find("x<Old>"), find("x<New>")), (Some("x"), Some("x")));
    assert_eq!((find("main"), find("y")), (Some("main"), None));
    assert_eq!(frames(&found).find("main", true), None);
}

/// Twenty functions of all sizes.
fn many(more: impl Fn(usize) -> f64) -> String {
    let line = |at: usize| {
        let samples = (2000.0 / (at as f64 + 1.0) * more(at)).round();
        format!("main;f{at:02} {samples}")
    };
    (0..20).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_happens_to_all_is_the_host() {
    let base = many(|_| 1.0);
    let found = compare(&pair_of((10.0, &base), (11.5, &base)), &Options::default());
    let frames = frames(&found);
    let shift = frames.shift.expect("all functions cost 15 % more");
    assert!((shift.change_us - 1.5).abs() < 1e-9, "{shift:?}");
    assert_eq!(frames.sure(), 0, "{:?}", frames.lines());
    assert_eq!(frames.lines()[0].name, "what all functions have in common");
    // One of them changed beyond that.
    let changed = many(|at| if at == 2 { 2.0 } else { 1.0 });
    let samples = |folded: &str| -> f64 {
        folded.lines().filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    let us = 11.5 * samples(&changed) / samples(&base);
    let found = compare(&pair_of((10.0, &base), (us, &changed)), &Options::default());
    let lines = self::frames(&found).lines();
    assert_eq!((lines[1].name.as_str(), lines[1].verdict.as_str()), ("f02", "slower"), "{lines:?}");
    assert_eq!(self::frames(&found).sure(), 1);
}

#[test]
fn what_leaves_the_kernel_alone_is_not_the_host() {
    // Of 100 samples each, none of the functions can tell 15 % from nothing.
    let lines = |own: u32, kernel: u32| -> String {
        let program = (0..24).map(|at| format!("main;f{at} {own}"));
        let system = (0..16).map(|at| format!("main;k{at}_[k] {kernel}"));
        program.chain(system).collect::<Vec<_>>().join("\n")
    };
    let found = |own, kernel| {
        let us = f64::from(24 * own + 16 * kernel) / 400.0;
        let (a, b) = ((10.0, lines(100, 100)), (us, lines(own, kernel)));
        let found = compare(&pair_of((a.0, &a.1), (b.0, &b.1)), &Options::default());
        frames(&found).shift
    };
    assert_eq!(found(115, 100), None);
    let shift = found(115, 115).expect("the machine is slower");
    assert!((shift.change_us - 1.5).abs() < 1e-9, "{shift:?}");
}

#[test]
fn half_of_the_functions_are_not_the_host() {
    let base = many(|_| 1.0);
    let half = many(|at| if at % 2 == 0 { 2.0 } else { 1.0 });
    let found = compare(&pair_of((10.0, &base), (16.0, &half)), &Options::default());
    assert_eq!(frames(&found).shift, None);
    let faster = |kind| matches!(kind, Kind::Faster | Kind::Gone);
    assert!(!frames(&found).functions.iter().any(|function| faster(function.kind)));
}

#[test]
fn a_recursion_counts_once() {
    let found = compare(
        &pair_of((10.0, "main;f;f;f 500\nmain;g 500"), (10.0, "main;f;f;f 500\nmain;g 500")),
        &Options::default(),
    );
    let f = frames(&found).functions.iter().find(|function| function.name == "f").expect("seen");
    assert_eq!((f.own.a_us, f.total.a_us, f.total.samples), (5.0, 5.0, [2000, 2000]));
    let main = frames(&found).functions.iter().find(|function| function.name == "main");
    assert_eq!(main.expect("seen").total.a_us, 10.0);
}

#[test]
fn what_cannot_be_sampled_is_a_part_of_the_whole() {
    let mut pair = pair_of((10.0, "main;f 1000"), (12.0, "main;f 1000"));
    for (side, us) in [(&mut pair.a, 6.0), (&mut pair.b, 6.0)] {
        for round in &mut side.rounds {
            round.profile.as_mut().expect("it has one").us_per_request = us;
        }
    }
    let found = compare(&pair, &Options::default());
    let lines = frames(&found).lines();
    let line = lines.iter().find(|line| line.name == "what could not be sampled");
    let line = line.expect("4 µs have no samples");
    assert_eq!(
        (line.a.as_str(), line.b.as_str(), line.change.as_str()),
        ("4.000", "6.000", "+2.000")
    );
    assert_eq!(lines.last().expect("the total").change, "+2.000");
}

#[test]
fn a_function_has_a_verdict_of_its_own() {
    let (a, b) =
        ("main;parse 4000\nmain;render 16000", "main;parse 6000\nmain;render 16000\nrare 1");
    let pair = pair_of((10.0, a), (11.0, b));
    let total = |pair: &Pair, name: &str| {
        let found = compare(pair, &Options::default());
        frames(&found).find(name, false).expect("it was seen").total
    };
    let parse = total(&pair, "parse");
    assert_eq!(parse.verdict(0.1), Verdict::Regressed);
    assert_eq!(parse.verdict(parse.change_us), Verdict::Inconclusive);
    assert_eq!(parse.verdict(5.0), Verdict::Equivalent);
    assert_eq!(total(&swapped(&pair), "parse").verdict(0.1), Verdict::Improved);
    // Too small to be judged: nothing is known of how it scatters.
    let rare = total(&pair, "rare");
    assert_eq!(rare.ci95_us, None);
    assert_eq!(rare.verdict(1.0), Verdict::Equivalent);
    assert_eq!(rare.verdict(rare.b_us), Verdict::Inconclusive);
}

#[test]
fn without_replicates_it_says_so() {
    let folded = "main;f 1000\nmain;g 1000";
    let one = || vec![profiled(10.0, folded)];
    let found = compare(&pair(Design::Separate, one(), one()), &Options::default());
    assert!(!frames(&found).replicated);
    assert!(frames(&found).notes().iter().any(|note| note.starts_with("without replicates")));
    let none = vec![Round::default()];
    let found = compare(&pair(Design::Separate, one(), none), &Options::default());
    assert_eq!((&found.frames, found.without_frames.is_some()), (&None, true));
}

#[test]
fn swapping_the_sides_swaps_new_and_gone() {
    let pair = pair_of((10.0, "main;old 500\nmain;x;y 500"), (10.0, "main;new 500\nmain;x;y 500"));
    let kinds = |pair: &Pair| -> Vec<(String, Kind)> {
        let found = compare(pair, &Options::default());
        let of = |function: &crate::compare::FunctionChange| (function.name.clone(), function.kind);
        frames(&found).functions.iter().map(of).collect()
    };
    assert_eq!(kinds(&pair), kinds(&swapped(&pair)));
}
