//! The tables of a page: what became of each metric, and how the changes of functions add up.

use super::{
    graph::{DiffGraph, Mark},
    legend,
    page::text,
    words,
};
use crate::fold::{Costs, clean};

/// A line of the table of metrics, in texts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetricRow {
    /// What it is.
    pub name: String,
    /// What A had, with its unit.
    pub a: String,
    /// What B had.
    pub b: String,
    /// The change.
    pub change: String,
    /// The interval that it lies in.
    pub interval: String,
    /// What is known of it.
    pub verdict: String,
    /// The direction, where it is certain.
    pub mark: Mark,
}

/// A line of the table of functions.
///
/// Its figures are texts, so that a page and other tables of the same comparison agree to the
/// digit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FunctionRow {
    /// What it is of: a function, or a word for several together.
    pub name: String,
    /// The frames in the picture that a click on it looks for, by their label; none where it is
    /// no function.
    pub label: Option<String>,
    /// What it cost in A, in microseconds per request.
    pub a: String,
    /// What it cost in B.
    pub b: String,
    /// The change.
    pub change: String,
    /// The interval that it lies in.
    pub interval: String,
    /// What is known of it.
    pub verdict: String,
    /// The change as a number, which has a bar.
    pub change_us: f64,
    /// The costs as numbers, which colour the bar; none where a share of them means nothing.
    pub costs: Option<Costs>,
    /// What is known of the change.
    pub mark: Mark,
}

/// Headers of the columns behind the first one.
const COLUMNS: [&str; 3] = ["change", "", "95 % interval"];

pub(super) fn metrics(page: &mut String, graph: &DiffGraph) {
    if graph.metrics.is_empty() {
        return;
    }
    let [change, _, interval] = COLUMNS;
    page.push_str(&format!(
        "<div class=\"scroll\"><table class=\"metrics\">\n<thead><tr><th></th><th>A</th><th>B</th>\
         <th>{change}</th><th>{interval}</th><th></th></tr></thead>\n<tbody>\n"
    ));
    for row in &graph.metrics {
        let class = match row.mark {
            Mark::Slower | Mark::New => " class=\"more\"",
            Mark::Faster | Mark::Gone => " class=\"less\"",
            _ => "",
        };
        let cells = [&row.a, &row.b, &row.change, &row.interval, &row.verdict];
        let cells: String = cells.iter().map(|cell| format!("<td>{}</td>", text(cell))).collect();
        page.push_str(&format!("<tr{class}><td>{}</td>{cells}</tr>\n", text(&row.name)));
    }
    page.push_str(END);
}

pub(super) fn functions(page: &mut String, graph: &DiffGraph) {
    if let Some((whole, parts)) = graph.functions.split_last() {
        let of = "the time in each function itself; the changes add up to that of the whole";
        begin(page, "Where it changed", of);
        rows(page, parts);
        function(page, &format!("<b>{}</b>", text(&whole.name)), whole, "");
        page.push_str(END);
    }
    if !graph.causes.is_empty() {
        let of = "functions with all that they call, where it is that which changed";
        begin(page, "Changed with what they call", of);
        rows(page, &graph.causes);
        page.push_str(END);
    }
    for note in &graph.notes {
        page.push_str(&format!("<p class=\"note\">{}</p>\n", text(note)));
    }
}

fn begin(page: &mut String, title: &str, of: &str) {
    let [change, bar, interval] = COLUMNS;
    page.push_str(&format!(
        "<h2>{title} <small>{of}</small></h2>\n<div class=\"scroll\"><table>\n<thead><tr>\
         <th>function</th><th>A µs/request</th><th>B µs/request</th><th>{change}</th>\
         <th>{bar}</th><th>{interval}</th><th></th></tr></thead>\n<tbody>\n"
    ));
}

const END: &str = "</tbody>\n</table></div>\n";

/// Rows with bars at one scale.
fn rows(page: &mut String, rows: &[FunctionRow]) {
    let largest = rows.iter().map(|row| row.change_us.abs()).fold(0.0, f64::max);
    for row in rows {
        function(page, &name(row), row, &bar(row, largest));
    }
}

/// `name` and `bar` are HTML already.
fn function(page: &mut String, name: &str, row: &FunctionRow, bar: &str) {
    let relative = row.costs.and_then(words::relative).unwrap_or_default();
    page.push_str(&format!(
        "<tr><td>{name}</td><td>{}</td><td>{}</td><td>{} <small>{relative}</small></td>\
         <td>{bar}</td><td>{}</td><td>{}</td></tr>\n",
        text(&row.a),
        text(&row.b),
        text(&row.change),
        text(&row.interval),
        text(&row.verdict),
    ));
}

/// The name, which looks for its frames where it has any.
fn name(row: &FunctionRow) -> String {
    match &row.label {
        None => text(&row.name),
        Some(label) => {
            let pattern = in_address(&format!("^{}$", literally(clean(label))));
            format!("<a href=\"#search={pattern}\">{}</a>", text(&row.name))
        }
    }
}

/// The change as a bar from the middle: to the left where B costs less.
fn bar(row: &FunctionRow, largest: f64) -> String {
    let share = if largest > 0.0 { row.change_us / largest * 50.0 } else { 0.0 };
    let class = row.costs.map_or("n", |costs| legend::class(costs, row.mark));
    format!(
        "<svg class=\"bar\" width=\"120\" height=\"12\"><g class=\"{class}\"><rect x=\"{:.2}%\" \
         width=\"{:.2}%\" height=\"12\"/></g></svg>",
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
