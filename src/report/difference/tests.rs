use super::{
    super::{comparison_markdown, derive_comparison},
    *,
};
use crate::{
    compare::{Function, Metric, Options, Round, Sampled, Side, Stacks as Seen, compare},
    fold::{DeltaTree, Folded},
};

/// A server in which `encode` costs so many thousand samples, and all else the same.
fn round(encode: u64) -> Round {
    let mut stacks = Seen::default();
    let mut add = |stack: &str, samples| {
        let function = |name: &str| Function {
            name: name.trim_end_matches("_[k]").to_owned(),
            kernel: name.ends_with("_[k]"),
        };
        stacks.add(stack.split(';').map(function), samples);
    };
    add("clone3;main;app::serve", 2_000);
    add(
        "clone3;main;app::serve;<core::pin::Pin<P> as core::future::Future>::poll;app::json::v1::en::encode",
        encode,
    );
    add("clone3;main;tcp_sendmsg_[k]", 5_000);
    add("clone3", 10);
    for other in 0..12 {
        add(&format!("clone3;main;app::other{other}"), 400);
    }
    let us_per_request = stacks.total() as f64 / 1e3;
    Round {
        figures: [(Metric::Cpu, us_per_request + 0.5)].into(),
        slices: Vec::new(),
        profile: Some(Sampled { stacks, us_per_request }),
    }
}

fn side(name: &str, rounds: [u64; 4]) -> Side {
    let rounds = rounds.map(round).into();
    Side { name: name.to_owned(), detail: "users".to_owned(), rounds, ..Side::default() }
}

/// `encode` takes half as long again.
fn slower() -> Pair {
    Pair {
        a: side("app@v1", [3_000, 3_040, 2_980, 3_010]),
        b: side("app@v2", [4_500, 4_530, 4_490, 4_520]),
        design: Design::Interleaved,
        unlike: Vec::new(),
        without_frames: None,
    }
}

fn files(pair: &Pair) -> Vec<(&'static str, String)> {
    let comparison = compare(pair, &Options::default());
    let files = derive_comparison(pair, &comparison).expect("memory takes everything");
    files
        .into_iter()
        .map(|(name, bytes)| (name, String::from_utf8(bytes).expect("it is text")))
        .collect()
}

fn file(files: &[(&str, String)], wanted: &str) -> String {
    let found = files.iter().find(|(name, _)| *name == wanted);
    found.map(|(_, text)| text.clone()).expect("it is there")
}

#[test]
fn the_culprit_has_its_colour_and_the_others_are_grey() {
    let files = files(&slower());
    let svg = file(&files, "diff.svg");
    let frame = |name: &str| -> String {
        let of = svg.split("<g data-n=").find(|g| g.contains(&format!("<title>{name}\n")));
        of.map(str::to_owned).unwrap_or_else(|| panic!("{name} is not in {svg}"))
    };
    let encode = frame("app::…::en::encode");
    assert!(encode.contains("class=\"s5\"") || encode.contains("class=\"s4\""), "{encode}");
    assert!(encode.contains("A 3.01 µs/request") && encode.contains("B 4.51"), "{encode}");
    assert!(encode.contains("B costs more, for certain"), "{encode}");
    assert!(encode.contains("app::json::v1::en::encode"), "{encode}");
    assert!(frame("tcp_sendmsg").contains("class=\"n\""));
    assert!(frame("app::other3").contains("no certain change"));
    // Its caller is slower with it, and what passes on is not there.
    assert!(frame("app::serve").contains("for certain"));
    assert!(!svg.contains("clone3\n") && !svg.contains("<title>&lt;core::pin"), "{svg}");
    assert!(frame("[not sampled]").contains("A 0.50 µs/request"));
}

#[test]
fn frames_of_one_label_have_the_marks_of_their_own_functions() {
    let round = |slow: u64| {
        let mut round = round(3_000);
        let function = |name: &str| Function { name: name.to_owned(), kernel: false };
        if let Some(profile) = &mut round.profile {
            let stacks = &mut profile.stacks;
            stacks.add(["main", "app::run"].map(function), 4_000);
            stacks.add(["main", "app::other1", "app::run::{{closure}}"].map(function), slow);
            profile.us_per_request = stacks.total() as f64 / 1e3;
        }
        round
    };
    let side = |slow: u64| Side {
        rounds: [0, 5, 10, 3].map(|more| round(slow + more)).into(),
        ..Side::default()
    };
    let pair = Pair { a: side(1_000), b: side(2_000), ..slower() };
    let svg = file(&files(&pair), "diff.svg");
    let marks: Vec<&str> = svg
        .split("<g data-n=")
        .filter(|frame| frame.contains("<title>app::run\n"))
        .map(|frame| if frame.contains("B costs more, for certain") { "more" } else { "same" })
        .collect();
    assert_eq!(marks, ["more", "same"]);
}

#[test]
fn all_of_it_adds_up_to_what_a_request_costs() {
    let pair = slower();
    let comparison = compare(&pair, &Options::default());
    let graph = difference(&pair, &comparison);
    let waterfall = comparison.frames.expect("both sides have samples").waterfall;
    let total = graph.tree().total();
    assert!((total.a - waterfall.a_us).abs() < 1e-9 && (total.b - waterfall.b_us).abs() < 1e-9);
    let changes: f64 = graph.functions.iter().rev().skip(1).map(|row| row.change_us).sum();
    let last = graph.functions.last().expect("there is a total").change_us;
    assert!((changes - last).abs() < 1e-9, "{changes} {last}");
}

#[test]
fn the_page_says_what_the_comparison_says() {
    let files = files(&slower());
    let page = file(&files, "index.html");
    let headline = compare(&slower(), &Options::default()).headline;
    assert!(headline.starts_with("CPU/request: slower by"), "{headline}");
    for part in [
        &*headline,
        "data-view=\"a\"",
        "data-view=\"b\"",
        "data-view=\"difference\"",
        "Where it changed",
        "#search=%5Eapp%3A%3A%E2%80%A6%3A%3Aen%3A%3Aencode%24",
        "4 processes each, in slices that alternate",
        "href=\"diff.svg\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let markdown = file(&files, "comparison.md");
    assert!(markdown.contains("[the difference](<diff.svg>)"), "{markdown}");
    let json: Comparison =
        serde_json::from_str(&file(&files, "comparison.json")).expect("it can be read again");
    assert_eq!(json.headline, headline);
}

#[test]
fn folded_text_is_for_other_tools() {
    let files = files(&slower());
    let side = |name: &str| file(&files, name).parse::<Folded>().expect("folded stacks");
    let (a, b) = (side("a.folded"), side("b.folded"));
    assert_eq!(a.total().0, 4 * (2_000 + 5_000 + 10 + 4_800) + 12_030);
    assert_eq!(b.total().0 - a.total().0, 18_040 - 12_030);
    let whole = DeltaTree::merge((&a, 1e-3 / 4.0), (&b, 1e-3 / 4.0)).total();
    assert!((whole.a - 14.8175).abs() < 1e-9, "{whole:?}");
}

#[test]
fn without_functions_all_else_is_there() {
    let why = "A was sampled as user only, B as kernel and user: their shares are not of the same";
    let pair = Pair { without_frames: Some(why.to_owned()), ..slower() };
    let files = files(&pair);
    let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["comparison.json", "comparison.md", "index.html"]);
    let page = file(&files, "index.html");
    assert!(page.contains(why) && page.contains("CPU/request"), "{page}");
    assert!(!page.contains("diff.svg") && !file(&files, "comparison.md").contains("diff.svg"));
}

#[test]
fn links_lead_to_where_the_files_are() {
    let comparison = compare(&slower(), &Options::default());
    let markdown = comparison_markdown(&comparison, "runs (old)/compare/1/");
    assert!(markdown.contains("(<runs (old)/compare/1/index.html>)"), "{markdown}");
}

#[test]
fn one_process_on_each_side_is_no_proof() {
    let mut pair = slower();
    pair.a.rounds.truncate(1);
    pair.b.rounds.truncate(1);
    let svg = file(&files(&pair), "diff.svg");
    assert!(svg.contains("no replicates") && !svg.contains("for certain"), "{svg}");
}
