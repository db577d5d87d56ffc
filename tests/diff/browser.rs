//! The picture and the page in a real browser: what its script does, driven by events as a user
//! causes them.

use std::{fs, path::Path, process::Command};

use expect_test::{Expect, expect};

use super::graph::{small, write};
use crate::skip::skip;

/// Helpers for the steps of a test; what is said stands in an attribute of the document.
const DRIVER: &str = r#"
const said = [];
const at = (id) => document.getElementById(id);
const say = (...words) => {
  said.push(words.join(" | "));
  document.documentElement.setAttribute("data-said", said.join("\n"));
};
const frame = (name, view = "difference") =>
  [...document.querySelectorAll(`[data-view=${view}] g[data-n]`)]
    .find((g) => g.querySelector("title").textContent.split("\n")[0] === name);
const bounds = (name, view) => {
  const g = frame(name, view);
  if (!g) return `no ${name}`;
  if (g.style.display === "none") return `${name} hidden`;
  const of = (attribute) => Math.round(parseFloat(g.children[1].getAttribute(attribute)));
  return `${name} ${of("x")}% +${of("width")}%`;
};
const mouse = (target, type) => target.dispatchEvent(new MouseEvent(type, { bubbles: true }));
const key = (target, name, more) => {
  const event = new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true, ...more });
  target.dispatchEvent(event);
  return event.defaultPrevented ? "taken" : "left";
};
const type = (text) => {
  at("query").value = text;
  at("query").dispatchEvent(new Event("input", { bubbles: true }));
};
const found = () => [...document.querySelectorAll("g.hit title")]
  .map((title) => title.textContent.split("\n")[0]).join(", ");
"#;

/// What a user does with the picture.
const USE: &str = r#"
say("at first", at("costs").textContent, at("reset").classList.contains("fd-off"));
mouse(frame("app::handle"), "mouseover");
say("hover", at("details").textContent, at("costs").textContent, document.querySelectorAll(".hot").length);
mouse(frame("app::handle"), "click");
say("zoom", location.hash, bounds("app::handle"), bounds("app::log"), bounds("worker"), bounds("read"));
say("zoom of A", bounds("app::handle", "a"), bounds("app::log", "a"), bounds("app::clone", "a"));
mouse(frame("to_vec"), "click");
say("deeper", location.hash, bounds("to_vec"), bounds("app::handle"), bounds("app::log"));
mouse(at("back"), "click");
say("back", location.hash, bounds("app::handle"));
key(document.body ?? document.documentElement, "Escape");
say("escape", location.hash, bounds("app::handle"), at("reset").classList.contains("fd-off"));
const root = document.body ?? document.documentElement;
say("search", key(root, "f", { ctrlKey: true }), document.activeElement.id);
type("serde|CLONE");
say("capitals", at("matched").textContent, found(), location.hash);
type("serde|clone");
say("found", at("matched").textContent, found(), location.hash);
type("serde(");
say("wrong", at("matched").textContent, found());
key(at("query"), "Escape");
say("closed", at("matched").textContent, found(), location.hash);
mouse(frame("all"), "click");
for (const name of ["ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowLeft", "ArrowUp"]) {
  say(name, key(document.activeElement, name), at("details").textContent);
}
say("Enter", key(document.activeElement, "Enter"), location.hash);
"#;

/// The browser's path, or none where there is none, which is said.
fn browser() -> Option<&'static str> {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let found = names.into_iter().find(|name| {
        Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        skip("there is no Chromium");
    }
    found
}

/// Opens a file in the browser, takes the steps in it, and returns what they said.
#[track_caller]
fn drive(browser: &str, file: &Path, hash: &str, steps: &str) -> String {
    let text = fs::read_to_string(file).expect("it was written");
    let (before, end) = match text.rfind("</svg>").max(text.rfind("</body>")) {
        Some(end) => text.split_at(end),
        None => panic!("{} ends as neither a picture nor a page", file.display()),
    };
    let script = if end.starts_with("</svg>") {
        format!("<script><![CDATA[{DRIVER}{steps}]]></script>")
    } else {
        format!("<script>{DRIVER}{steps}</script>")
    };
    let driven =
        file.with_file_name(format!("driven-{}", file.file_name().unwrap_or_default().display()));
    fs::write(&driven, format!("{before}{script}{end}")).expect("the system has room for a file");
    let profile = tempfile::tempdir().expect("the system has room for a folder");
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}{hash}", driven.display()))
        .output()
        .expect("it runs");
    let document = String::from_utf8_lossy(&output.stdout);
    let said = document.split_once("data-said=\"").and_then(|(_, rest)| rest.split_once('"'));
    let Some((said, _)) = said else {
        panic!("nothing was said: {document:.2000}{}", String::from_utf8_lossy(&output.stderr))
    };
    format!("{}\n", plain(said))
}

/// An attribute's value as the browser writes it, without its references.
fn plain(text: &str) -> String {
    [
        ("&#xA;", "\n"),
        ("&#10;", "\n"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&nbsp;", "\u{a0}"),
        ("&amp;", "&"),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

#[track_caller]
fn check(name: &str, hash: &str, steps: &str, expected: Expect) {
    let Some(browser) = browser() else { return };
    let folder = tempfile::tempdir().expect("the system has room for a folder");
    write(&small(), folder.path());
    expected.assert_eq(&drive(browser, &folder.path().join(name), hash, steps));
}

#[test]
fn a_picture_is_used() {
    check(
        "diff.svg",
        "",
        USE,
        expect![[r#"
            at first | Point at a frame for its costs, click or press Enter to zoom, / or Ctrl-F to search. | true
            hover | app::handle | A 6.00 µs/request (50.0 % of all), B 11.00 µs/request (64.3 % of all)  ·  +5.00 µs/request (+83.3 %), 95 %: +4.50 to +5.50  ·  B costs more, for certain | 1
            zoom | #zoom=3 | app::handle 0% +100% | app::log 18% +12% | worker 0% +100% | read hidden
            zoom of A | no app::handle | no app::log | no app::clone
            deeper | #zoom=6 | to_vec 0% +100% | app::handle 0% +100% | app::log hidden
            back | #zoom=3 | app::handle 0% +100%
            escape |  | app::handle 0% +58% | true
            search | taken | query
            capitals | found: A 4.00 µs/request (33.3 %), B 8.00 (46.8 %), change +4.00 | to_vec, serde::text | #search=serde%7CCLONE
            found | found: A 4.00 µs/request (33.3 %), B 11.00 (64.3 %), change +7.00 | app::clone, to_vec, serde::text | #search=serde%7Cclone
            wrong | not a regular expression | 
            closed |  |  | 
            ArrowDown | taken | app
            ArrowDown | taken | worker
            ArrowDown | taken | app::handle
            ArrowRight | taken | read
            ArrowLeft | taken | app::handle
            ArrowUp | taken | worker
            Enter | taken | #zoom=2
        "#]],
    );
}

#[test]
fn a_page_moves_all_its_views() {
    check(
        "diff.html",
        "",
        USE,
        expect![[r#"
            at first | Point at a frame for its costs, click or press Enter to zoom, / or Ctrl-F to search. | true
            hover | app::handle | A 6.00 µs/request (50.0 % of all), B 11.00 µs/request (64.3 % of all)  ·  +5.00 µs/request (+83.3 %), 95 %: +4.50 to +5.50  ·  B costs more, for certain | 3
            zoom | #zoom=3 | app::handle 0% +77% | app::log 14% +9% | worker 0% +100% | read hidden
            zoom of A | app::handle 0% +55% | app::log 0% +18% | no app::clone
            deeper | #zoom=6 | to_vec 0% +75% | app::handle 0% +100% | app::log hidden
            back | #zoom=3 | app::handle 0% +77%
            escape |  | app::handle 0% +50% | true
            search | taken | query
            capitals | found: A 4.00 µs/request (33.3 %), B 8.00 (46.8 %), change +4.00 | to_vec, serde::text, to_vec, serde::text, to_vec, serde::text | #search=serde%7CCLONE
            found | found: A 4.00 µs/request (33.3 %), B 11.00 (64.3 %), change +7.00 | to_vec, serde::text, app::clone, to_vec, serde::text, app::clone, to_vec, serde::text | #search=serde%7Cclone
            wrong | not a regular expression | 
            closed |  |  | 
            ArrowDown | taken | app
            ArrowDown | taken | worker
            ArrowDown | taken | app::handle
            ArrowRight | taken | read
            ArrowLeft | taken | app::handle
            ArrowUp | taken | worker
            Enter | taken | #zoom=2
        "#]],
    );
}

/// What an address that was sent to somebody shows.
const LOOK: &str = r#"
say("shown", at("matched").textContent, at("query")?.value, bounds("app::handle"), bounds("all"));
"#;

#[test]
fn an_address_keeps_zoom_and_search() {
    check(
        "diff.svg",
        "#zoom=3&search=%5Eapp%3A%3Al",
        LOOK,
        expect![[r#"
            shown | found: A 2.00 µs/request (16.7 %), B 0.000 (0.0 %), change -2.00 | ^app::l | app::handle 0% +100% | all 0% +100%
        "#]],
    );
}

#[test]
fn an_address_of_a_page_keeps_them_too() {
    check(
        "diff.html",
        "#zoom=3&search=%5Eapp%3A%3Al",
        LOOK,
        expect![[r#"
            shown | found: A 2.00 µs/request (16.7 %), B 0.000 (0.0 %), change -2.00 | ^app::l | app::handle 0% +77% | all 0% +100%
        "#]],
    );
}

#[test]
fn an_address_that_means_nothing_shows_everything() {
    check(
        "diff.svg",
        "#zoom=none&other",
        LOOK,
        expect![[r#"
            shown |  |  | app::handle 0% +58% | all 0% +100%
        "#]],
    );
}
