use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use proptest::prelude::*;
use quick_xml::{Reader, XmlVersion};

use super::*;
use crate::render::{Link, Palette};

fn caption() -> Caption {
    Caption {
        title: "app · users".into(),
        figures: vec!["52,340 requests/s".into(), "p99 1.84 ms".into()],
        trust: vec!["lost 3 (0.1 %)".into()],
        warnings: vec!["12 requests failed (timeout 12)".into()],
        us_per_sample: Some(1.5),
        id: Some("20261121-223344-ab12".into()),
        metadata: "{\"id\":\"20261121-223344-ab12\"}".into(),
        links: vec![Link { text: "run.json".into(), href: "run.json".into() }],
        palette: Palette {
            own: ["app".to_owned()].into(),
            roots: ["app".to_owned(), "worker".to_owned()].into(),
            ..Palette::default()
        },
        ..Caption::default()
    }
}

fn draw(stacks: &str, caption: &Caption) -> String {
    let folded = stacks.parse().expect("folded stacks");
    let mut svg = Vec::new();
    flamegraph(&folded, caption, &mut svg).expect("memory takes everything");
    String::from_utf8(svg).expect("XML is text here")
}

/// Every text of a well-formed document, with the element it is in; scripts and styles aside.
fn texts(svg: &str) -> Vec<(String, String)> {
    let mut reader = Reader::from_str(svg);
    reader.config_mut().enable_all_checks(true);
    let (mut open, mut found) = (Vec::<String>::new(), Vec::<(String, String)>::new());
    let mut fresh = true;
    loop {
        let text = match reader.read_event().expect("it is well-formed") {
            Event::Eof => break,
            Event::Start(start) => {
                for attribute in start.attributes() {
                    attribute
                        .expect("attributes are well-formed")
                        .normalized_value(XmlVersion::Explicit1_0)
                        .expect("references are known");
                }
                open.push(start.name().0.to_owned());
                fresh = true;
                continue;
            }
            Event::End(_) => {
                open.pop();
                fresh = true;
                continue;
            }
            Event::Text(text) => text.into_inner().into_owned(),
            Event::GeneralRef(reference) => match &*reference {
                "amp" => "&".into(),
                "lt" => "<".into(),
                "gt" => ">".into(),
                "quot" => "\"".into(),
                "apos" => "'".into(),
                other => panic!("an unknown reference: {other}"),
            },
            _ => continue,
        };
        assert!(
            text.chars().all(|c| c == '\n' || !(c.is_control() || "\u{fffe}\u{ffff}".contains(c))),
            "XML has no place for this: {text:?}"
        );
        match found.last_mut() {
            Some((_, before)) if !fresh => before.push_str(&text),
            _ => found.push((open.last().cloned().unwrap_or_default(), text)),
        }
        fresh = false;
    }
    assert!(open.is_empty(), "every element is closed");
    found.retain(|(element, text)| element != "style" && !text.trim().is_empty());
    found
}

fn check(stacks: &str, caption: &Caption, expected: Expect) {
    let lines: String = texts(&draw(stacks, caption))
        .into_iter()
        .map(|(element, text)| format!("{element}: {text}\n"))
        .collect();
    expected.assert_eq(&lines);
}

#[test]
fn a_small_picture() {
    check(
        "app;worker;app::handle;<Vec<T> as Clone>::clone 2\napp;worker;app::handle;read_[k] 1\n\
         app;worker;app::handle 1000\n",
        &caption(),
        expect![[r#"
            title: app · users
            metadata: {"id":"20261121-223344-ab12"}
            text: app · users
            text: Reset Zoom
            text: Search
            title: <Vec<T> as Clone>::clone (3.00 µs/request, 0.20 %, 2 samples)
            title: all (1,505 µs/request, 100.0 %, 1,003 samples)
            title: app (1,505 µs/request, 100.0 %, 1,003 samples)
            text: app
            title: worker (1,505 µs/request, 100.0 %, 1,003 samples)
            text: worker
            title: app::handle (1,505 µs/request, 100.0 %, 1,003 samples)
            text: app::handle
            title: read (1.50 µs/request, 0.10 %, 1 sample)
            text: 52,340 requests/s  ·  p99 1.84 ms
            text: lost 3 (0.1 %)
            text: ⚠ 12 requests failed (timeout 12)
            text: self time:
            text: own code 1,500 µs
            text: native code 3.00 µs
            text: kernel 1.50 µs
            text: Width: CPU time per request, 1,505 µs in all. Callers above callees; ⋯ is machinery; below 0.02 % not drawn.
            text: run 20261121-223344-ab12  ·  
            a: run.json
        "#]],
    );
}

#[test]
fn short_names_are_told_in_full() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let caption = Caption {
        full_names: [
            ("a::…::f".to_owned(), names(&["a::b::c::f<T>", "a::b::c::f::{{closure}}"])),
            ("worker 3".to_owned(), names(&["w1", "w2", "w3", "w4", "w5"])),
        ]
        .into(),
        frames: Frames::Readable,
        ..Caption::default()
    };
    check(
        "a::…::f;worker 3;g 3\n",
        &caption,
        expect![[r#"
            text: Reset Zoom
            text: Search
            title: all (100.0 %, 3 samples)
            title: a::…::f (100.0 %, 3 samples)
            a::b::c::f<T>
            a::b::c::f::{{closure}}
            text: a::…::f
            title: worker 3 (100.0 %, 3 samples)
            w1
            w2
            w3
            and 2 more
            text: worker 3
            title: g (100.0 %, 3 samples)
            text: g
            text: self time:
            text: native code 100.0 %
            text: Width: samples. Callers above callees; wrappers are folded, ⋯ is machinery; below 0.02 % not drawn.
        "#]],
    );
}

#[test]
fn every_frame_has_its_box_on_request() {
    let stacks = "shop;std::a;std::b;std::c;std::d;std::e;std::f;x::y 5\n";
    let frames = |frames| {
        let svg = draw(stacks, &Caption { frames, ..Caption::default() });
        titles(&svg).len()
    };
    assert_eq!([Frames::Given, Frames::Raw].map(frames), [4, 9]);
}

#[test]
fn without_requests_widths_are_samples() {
    let caption = Caption { us_per_sample: None, ..Caption::default() };
    check(
        "app;main 3\napp;poll 1\n",
        &caption,
        expect![[r#"
            text: Reset Zoom
            text: Search
            title: main (75.0 %, 3 samples)
            text: main
            title: all (100.0 %, 4 samples)
            title: app (100.0 %, 4 samples)
            text: app
            title: poll (25.0 %, 1 sample)
            text: poll
            text: self time:
            text: native code 100.0 %
            text: Width: samples. Callers above callees; ⋯ is machinery; below 0.02 % not drawn.
        "#]],
    );
}

#[test]
fn no_samples_are_said() {
    check(
        "",
        &caption(),
        expect![[r#"
        title: app · users
        metadata: {"id":"20261121-223344-ab12"}
        text: app · users
        text: 52,340 requests/s  ·  p99 1.84 ms
        text: lost 3 (0.1 %)
        text: ⚠ 12 requests failed (timeout 12)
        text: No samples were taken: the target used no CPU time while it was watched.
        text: run 20261121-223344-ab12  ·  
        a: run.json
    "#]],
    );
}

/// The frames' titles in the order of drawing, as XML has them.
fn titles(svg: &str) -> Vec<String> {
    let (_, frames) = svg.split_once("id=\"frames\"").expect("the frames");
    let title = |rest: &str| rest.split("</title>").next().unwrap_or_default().to_owned();
    frames.split("<title>").skip(1).map(title).collect()
}

fn fills(svg: &str) -> BTreeMap<String, String> {
    svg.split("<title>")
        .skip(1)
        .filter_map(|frame| {
            let name = frame.split(" (").next()?;
            let fill = frame.split_once("fill=\"")?.1.split('"').next()?;
            Some((name.to_owned(), fill.to_owned()))
        })
        .collect()
}

#[test]
fn a_new_frame_recolours_no_other() {
    let before = fills(&draw("app;a::f 5\napp;b::g;read_[k] 5\n", &caption()));
    let after = fills(&draw("app;a::f 5\napp;b::g;read_[k] 5\napp;aa::new 5\n", &caption()));
    assert_eq!(after.len(), before.len() + 1);
    for (name, fill) in before {
        assert_eq!(after[&name], fill, "{name}");
    }
}

#[test]
fn names_that_look_like_counts_stay_names() {
    let svg = draw("# app;worker 3;f 1 2.5 7\n", &Caption::default());
    assert_eq!(
        titles(&svg),
        [
            "all (100.0 %, 7 samples)",
            "# app (100.0 %, 7 samples)",
            "worker 3 (100.0 %, 7 samples)",
            "f 1 2.5 (100.0 %, 7 samples)",
        ]
    );
}

/// Sorted by bytes, `a b` would stand between `a` alone and its children.
#[test]
fn a_parent_stands_once() {
    let svg = draw("p;a 1\np;a b;c 1\np;a;d 1\n", &Caption::default());
    let names: Vec<_> =
        titles(&svg).iter().map(|t| t.split(" (").next().unwrap_or_default().to_owned()).collect();
    assert_eq!(names.iter().filter(|name| *name == "a").count(), 1, "{names:?}");
}

#[test]
fn the_script_finds_what_it_reads() {
    let svg = draw("app;main 3\n", &caption());
    for part in [
        "onload=\"init(evt)\"",
        "id=\"details\"",
        "id=\"search\"",
        "id=\"unzoom\"",
        "id=\"matched\"",
        "id=\"frames\"",
        "total_samples=\"3\"",
        "function g_to_text(e)",
        "function find_child(node, selector) {",
        "function g_to_func(e) {",
        "fg:x=\"0\" fg:w=\"3\"",
    ] {
        assert!(svg.contains(part), "{part}");
    }
    assert!(!svg.contains("<!DOCTYPE"));
}

fn nasty() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        prop::sample::select(vec![
            "--", "]]>", "<!--", "&", "\"", "'", "\u{1b}", "\u{ffff}", "(", " (", ")", "a (b) 5",
            "# ", "-", ".5", " 7", "\u{a0}", "\u{2028}", "</title>", "&amp;", "_[k]", "[x]", ";",
        ])
        .prop_map(String::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_makes_well_formed_xml(
        stacks in prop::collection::vec((prop::collection::vec(nasty(), 1..4), 0..50_u64), 0..8),
        words in prop::collection::vec(nasty(), 8),
        us_per_sample in proptest::option::of(any::<f64>()),
    ) {
        let stacks: String = stacks
            .iter()
            .map(|(names, count)| {
                let names: Vec<_> = names.iter().map(|name| name.replace(['\n', '\r'], "")).collect();
                format!("[{}] {count}\n", names.join(";"))
            })
            .collect();
        let caption = Caption {
            title: words[0].clone(),
            figures: vec![words[1].clone(), words[2].clone()],
            trust: vec![words[3].clone()],
            warnings: vec![words[4].clone()],
            us_per_sample,
            spread: None,
            id: Some(words[5].clone()),
            metadata: words[6].clone(),
            links: vec![Link { text: words[7].clone(), href: words[0].clone() }],
            palette: Palette::default(),
            full_names: [(words[0].clone(), vec![words[1].clone(), words[2].clone()])].into(),
            frames: Frames::Readable,
        };
        let svg = draw(&stacks, &caption);
        let found = texts(&svg);
        prop_assert!(!found.is_empty());
        prop_assert_eq!(draw(&stacks, &caption), svg);
    }
}
