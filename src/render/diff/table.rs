//! The functions whose own cost changed most, as a table that adds up to the whole.

use super::{
    super::text::{grouped, micros},
    graph::{DiffGraph, FrameChange, Mark},
    legend,
    page::text,
    words,
};
use crate::fold::{Costs, clean};

/// The changes that have a row of their own.
const ROWS_MAX: usize = 40;

const HEAD: &str = "<h2>What changed most <small>functions by the change of their own time; the \
    changes add up to that of the whole</small></h2>\n<div class=\"scroll\"><table>\n<thead><tr>\
    <th>function</th><th>A µs/request</th><th>B µs/request</th><th>change</th><th></th>\
    <th>95 % interval</th><th></th></tr></thead>\n<tbody>\n";

pub(super) fn table(page: &mut String, graph: &DiffGraph) {
    page.push_str(HEAD);
    let (listed, rest) = graph.changes.split_at(graph.changes.len().min(ROWS_MAX));
    let sizes = graph.changes.iter().map(|change| change.own.change().abs());
    let largest = sizes.fold(0.0, f64::max);
    for change in listed {
        let find =
            format!("#search={}", in_address(&format!("^{}$", literally(clean(&change.name)))));
        let name = format!("<a href=\"{find}\">{}</a>", text(clean(&change.name)));
        row(page, &name, change, bar(change, largest));
    }
    let whole = graph.tree().total();
    if !rest.is_empty() {
        // What is left of the whole, and not a sum: the one who listed them may have left some out.
        let left = |of: fn(Costs) -> f64| {
            let listed: f64 = listed.iter().map(|change| of(change.own)).sum();
            (of(whole) - listed).max(0.0)
        };
        let own = Costs { a: left(|costs| costs.a), b: left(|costs| costs.b) };
        let others = FrameChange { own, ..FrameChange::default() };
        row(page, &format!("{} others", grouped(rest.len() as u64)), &others, String::new());
    }
    let finding = graph.findings().first().copied().unwrap_or_default();
    let all = FrameChange { own: whole, finding, ..FrameChange::default() };
    row(page, "<b>all</b>", &all, String::new());
    page.push_str("</tbody>\n</table></div>\n");
}

/// `name` and `bar` are HTML already.
fn row(page: &mut String, name: &str, change: &FrameChange, bar: String) {
    let FrameChange { own, finding, .. } = change;
    let relative = words::relative(*own).unwrap_or_default();
    let interval = words::interval(*finding).unwrap_or_else(|| "-".to_owned());
    let known = match finding.mark {
        Mark::Unknown => "",
        mark => words::known(mark),
    };
    page.push_str(&format!(
        "<tr><td>{name}</td><td>{}</td><td>{}</td><td>{} <small>{relative}</small></td>\
         <td>{bar}</td><td>{interval}</td><td>{known}</td></tr>\n",
        micros(own.a),
        micros(own.b),
        words::signed(own.change()),
    ));
}

/// The change as a bar from the middle: to the left where B costs less.
fn bar(change: &FrameChange, largest: f64) -> String {
    let share = if largest > 0.0 { change.own.change() / largest * 50.0 } else { 0.0 };
    format!(
        "<svg class=\"bar\" width=\"120\" height=\"12\"><g class=\"{}\"><rect x=\"{:.2}%\" \
         width=\"{:.2}%\" height=\"12\"/></g></svg>",
        legend::class(change.own, change.finding.mark),
        50.0 + share.min(0.0),
        share.abs(),
    )
}

/// A regular expression that finds nothing but the text.
fn literally(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        if r"\^$.*+?()[]{}|/".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}

/// The text as a part of an address (RFC 3986, section 2.3).
fn in_address(text: &str) -> String {
    text.bytes().fold(String::new(), |address, byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            address + char::from(byte).encode_utf8(&mut [0; 4])
        }
        _ => format!("{address}%{byte:02X}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_looked_for_literally() {
        assert_eq!(literally("<T as A>::f::{{closure}}"), r"<T as A>::f::\{\{closure\}\}");
        assert_eq!(in_address("^a b::ü$"), "%5Ea%20b%3A%3A%C3%BC%24");
    }
}
