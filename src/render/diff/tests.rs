use expect_test::expect_file;
use proptest::prelude::*;
use quick_xml::{Reader, XmlVersion, events::Event};

use super::{
    picture::{SCRIPT, STYLE},
    *,
};
use crate::{
    fold::{Costs, DeltaTree},
    render::{Link, Palette, header},
};

fn caption() -> DiffCaption {
    DiffCaption {
        title: "app · users".into(),
        a: "app@v1".into(),
        b: "app@v2".into(),
        verdict: "takes 17.6 % more CPU time (9.1 to 26.3)".into(),
        figures: vec!["12 rounds".into()],
        trust: vec!["B lost 3 (0.1 %)".into()],
        warnings: vec!["A and B were measured at different times".into()],
        metadata: "{\"a\":\"20261121-223344-ab12\"}".into(),
        links: vec![Link { text: "compare.json".into(), href: "compare.json".into() }],
        palette: Palette {
            own: ["app".to_owned()].into(),
            roots: ["app".to_owned(), "worker".to_owned()].into(),
            ..Palette::default()
        },
        full_names: [("serde::to_vec".to_owned(), vec!["serde_json::ser::to_vec".to_owned()])]
            .into(),
        ..DiffCaption::default()
    }
}

/// A frame of each kind: one that costs more, one less, one neither, new, gone and moved ones.
fn graph() -> DiffGraph {
    let stacks = [
        ("app;worker;app::handle;<Vec<T> as Clone>::clone", 0.0, 3.0),
        ("app;worker;app::handle;serde::to_vec", 4.0, 6.0),
        ("app;worker;app::handle;app::log", 2.0, 0.0),
        ("app;worker;app::handle", 1.0, 1.0),
        ("app;worker;read_[k]", 5.0, 5.1),
        ("app;worker;write_[k]", 4.0, 3.0),
        ("app;worker;poll;epoll_wait_[k]", 1.0, 1.9),
        ("app;worker;tiny", 0.001, 0.002),
    ];
    let stacks = stacks.map(|(stack, a, b)| (stack, Costs { a, b }));
    let mut graph = DiffGraph::new(DeltaTree::from_costs(stacks), caption());
    let find = |name: &str, change: f64| {
        let mark = match name {
            "read_[k]" | "tiny" => Mark::NotSignificant,
            "<Vec<T> as Clone>::clone" => Mark::New,
            "app::log" => Mark::Gone,
            "poll" | "epoll_wait_[k]" => Mark::Moved,
            _ if change < 0.0 => Mark::Faster,
            _ => Mark::Slower,
        };
        Finding { mark, ci95: Some([change - 0.5, change + 0.5]) }
    };
    graph.mark(|place| find(&place.node.name, place.node.total.change()));
    graph.metrics = vec![MetricRow {
        name: "CPU/request".into(),
        a: "17.00 µs".into(),
        b: "20.00 µs".into(),
        change: "+17.6 %".into(),
        interval: "+9.1 to +26.3".into(),
        verdict: "slower".into(),
        mark: Mark::Slower,
    }];
    graph.functions = functions();
    graph.causes = vec![FunctionRow {
        name: "app::handle".into(),
        label: Some("app::handle".into()),
        change_us: 3.0,
        costs: Some(Costs { a: 7.0, b: 10.0 }),
        mark: Mark::Slower,
        ..FunctionRow::default()
    }];
    graph.notes = vec!["2 of the 8 functions surely changed".into()];
    graph
}

/// The rows of the table: one to look for, one of several functions, and the whole.
fn functions() -> Vec<FunctionRow> {
    let texts = |name: &str, [a, b, change]: [&str; 3]| FunctionRow {
        name: name.into(),
        a: a.into(),
        b: b.into(),
        change: change.into(),
        interval: "-".into(),
        ..FunctionRow::default()
    };
    vec![
        FunctionRow {
            label: Some("serde::to_vec".into()),
            interval: "+1.500 to +2.500".into(),
            verdict: "slower".into(),
            change_us: 2.0,
            costs: Some(Costs { a: 4.0, b: 6.0 }),
            mark: Mark::Slower,
            ..texts("serde_json::ser::to_vec", ["4.000", "6.000", "+2.000"])
        },
        FunctionRow {
            change_us: 1.0,
            costs: Some(Costs { a: 13.0, b: 14.0 }),
            ..texts("7 other functions", ["13.001", "14.002", "+1.001"])
        },
        texts("total", ["17.001", "20.002", "+3.001"]),
    ]
}

fn draw_svg(graph: &DiffGraph) -> String {
    let mut to = Vec::new();
    svg(graph, &mut to).expect("memory takes everything");
    String::from_utf8(to).expect("XML is text here")
}

fn draw_page(graph: &DiffGraph) -> String {
    let mut to = Vec::new();
    page(graph, &mut to).expect("memory takes everything");
    String::from_utf8(to).expect("HTML is text here")
}

/// Without what is the same in every picture, and with a line for each frame.
fn own(drawn: &str) -> String {
    let parts = [
        ("page.css", include_str!("page.css")),
        ("page.js", include_str!("page.js")),
        ("style.css", STYLE),
        ("script.js", SCRIPT),
        ("header.css", header::STYLE),
    ];
    let own = parts.into_iter().fold(drawn.to_owned(), |text, (name, part)| {
        text.replace(part, name).replace(&*quick_xml::escape::escape(part), name)
    });
    ["<g ", "<g>", "<svg", "</svg", "<text id", "<text class=\"fl fl-figures", "<defs", "<td"]
        .into_iter()
        .fold(own, |text, element| text.replace(&format!(">{element}"), &format!(">\n{element}")))
}

#[test]
fn a_small_difference() {
    expect_file!["tests/small.svg"].assert_eq(&own(&draw_svg(&graph())));
}

#[test]
fn a_small_page() {
    expect_file!["tests/small.html"].assert_eq(&own(&draw_page(&graph())));
}

#[test]
fn without_statistics_nothing_is_certain() {
    let tree = DeltaTree::from_costs([
        ("app;f", Costs { a: 1.0, b: 2.0 }),
        ("app;g", Costs { a: 1.0, b: 0.0 }),
    ]);
    let drawn = draw_svg(&DiffGraph::new(tree, caption()));
    for part in [
        "no statistics: the colours say how large a change is, and not whether it is chance",
        "class=\"fd-frames fd-pale\"",
        "in A only",
        "A 1.00 µs/request (50.0 % of all), B none",
    ] {
        assert!(drawn.contains(part), "{part}");
    }
    for part in ["for certain", "no certain change", "gone in B", "95 %"] {
        assert!(!drawn.contains(part), "{part}");
    }
}

#[test]
fn no_samples_are_said() {
    let graph = DiffGraph::new(DeltaTree::from_costs([]), caption());
    for drawn in [draw_svg(&graph), draw_page(&graph)] {
        assert!(drawn.contains("Neither side has samples"), "{drawn}");
        assert!(!drawn.contains("NaN"), "{drawn}");
    }
}

#[test]
fn what_cannot_be_drawn_is_said_beside_what_is_known() {
    let caption = DiffCaption {
        without_frames: Some("the kernel was sampled in A alone".into()),
        ..caption()
    };
    let mut graph = DiffGraph::new(DeltaTree::from_costs([]), caption);
    graph.metrics = self::graph().metrics;
    let drawn = draw_page(&graph);
    for part in ["the kernel was sampled in A alone", "A app@v1", "17.00 µs", "takes 17.6 % more"]
    {
        assert!(drawn.contains(part), "{part}: {drawn}");
    }
    assert!(!drawn.contains("0.000 µs/request"), "{drawn}");
}

#[test]
fn what_one_process_tells_is_not_called_certain() {
    let mut graph = graph();
    graph.caption.guessed = true;
    let drawn = draw_svg(&graph);
    assert!(drawn.contains("as far as one process tells") && !drawn.contains("for certain"));
}

#[test]
fn the_script_fits_where_it_stands() {
    for part in [SCRIPT, include_str!("page.js")] {
        assert!(!part.contains("]]>") && !part.contains("</script"));
    }
    for part in [STYLE, header::STYLE, include_str!("page.css")] {
        // Styles stand in a page as they are, and escaped in an SVG.
        assert!(!part.contains("</"));
    }
}

/// Reads all of it, so that it fails on anything that is no XML.
#[track_caller]
fn check_xml(text: &str) {
    let mut reader = Reader::from_str(text);
    reader.config_mut().enable_all_checks(true);
    let mut depth = 0;
    loop {
        match reader.read_event().expect("it is well-formed") {
            Event::Eof => break,
            Event::Start(start) | Event::Empty(start) => {
                for attribute in start.attributes() {
                    let attribute = attribute.expect("attributes are well-formed");
                    attribute
                        .normalized_value(XmlVersion::Explicit1_0)
                        .expect("references are known");
                }
            }
            Event::GeneralRef(reference) => {
                let is_known = ["amp", "lt", "gt", "quot", "apos"].contains(&&*reference);
                assert!(is_known || reference.starts_with('#'), "{reference:?}");
            }
            Event::Text(text) => assert!(
                text.chars()
                    .all(|c| c == '\n' || !(c.is_control() || "\u{fffe}\u{ffff}".contains(c))),
                "XML has no place for this: {text:?}"
            ),
            _ => {}
        }
        depth += 1;
    }
    assert!(depth > 0);
}

fn nasty() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        prop::sample::select(vec![
            "--",
            "]]>",
            "<!--",
            "&",
            "\"",
            "'",
            "\u{1b}",
            "\u{ffff}",
            "(",
            "\n",
            "\r",
            "\u{2028}",
            "</title>",
            "</script>",
            "</style>",
            "&amp;",
            "_[k]",
            "[x]",
            ";",
            "std::a",
            "",
            "javascript:alert(1)",
            "{{closure}}",
            "量",
            "🔥",
            "\u{202e}",
        ])
        .prop_map(String::from),
    ]
}

fn finding() -> impl Strategy<Value = Finding> {
    let mark = prop::sample::select(vec![
        Mark::Slower,
        Mark::Faster,
        Mark::NotSignificant,
        Mark::New,
        Mark::Gone,
        Mark::Moved,
        Mark::Unknown,
    ]);
    let ci95 = proptest::option::of(prop::array::uniform2(any::<f64>()));
    (mark, ci95).prop_map(|(mark, ci95)| Finding { mark, ci95 })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_text_makes_well_formed_files(
        stacks in prop::collection::vec(
            (prop::collection::vec(nasty(), 1..4), any::<f64>(), any::<f64>()), 0..8),
        found in prop::collection::vec(finding(), 40),
        words in prop::collection::vec(nasty(), 9),
    ) {
        let stacks: Vec<(String, Costs)> =
            stacks.into_iter().map(|(names, a, b)| (names.join(";"), Costs { a, b })).collect();
        let tree = DeltaTree::from_costs(stacks.iter().map(|(stack, costs)| (stack.as_str(), *costs)));
        let caption = DiffCaption {
            title: words[0].clone(),
            a: words[1].clone(),
            b: words[2].clone(),
            verdict: words[3].clone(),
            figures: vec![words[4].clone()],
            trust: vec![words[5].clone()],
            warnings: vec![words[6].clone()],
            metadata: words[7].clone(),
            links: vec![Link { text: words[8].clone(), href: words[0].clone() }],
            full_names: [(words[0].clone(), vec![words[1].clone()])].into(),
            ..DiffCaption::default()
        };
        let mut graph = DiffGraph::new(tree, caption);
        let mut next = found.iter().cycle().copied();
        graph.mark(|_| next.next().unwrap_or_default());
        let [name, a, b] = [0, 1, 2].map(|at| words[at].clone());
        let label = Some(words[3].clone());
        graph.functions = vec![FunctionRow { name, label, a, b, ..FunctionRow::default() }; 2];
        graph.metrics = vec![MetricRow { name: words[4].clone(), ..MetricRow::default() }];
        graph.notes = vec![words[5].clone()];

        let drawn = draw_svg(&graph);
        check_xml(&drawn);
        prop_assert_eq!(draw_svg(&graph), drawn);

        // A page is XML too, but for what may stand in it as it is.
        let drawn = draw_page(&graph);
        check_xml(&own(&drawn));
        prop_assert_eq!(draw_page(&graph), drawn);
    }
}
