//! The tables in Markdown, each narrow enough to be read on a page.

use std::fmt::Write as _;

use super::{about::About, columns, grid::Grid, notes::notes};
use crate::{plain::is_unprintable, record::Bench};

/// The page of a benchmark: chart, tables, notes. Links are relative to its directory.
pub fn markdown(bench: &Bench) -> String {
    let About { title, method, place, warnings } = About::of(bench);
    let mut page = format!("# {}\n\n", text(&title));
    // Writing to a string cannot fail.
    let mut line = |line: String| {
        let _ = writeln!(page, "{line}");
    };
    for warning in &warnings {
        line(format!("> **Beware**: {}\n", text(warning)));
    }
    // Two spaces break a line.
    line(format!("{}  \n{}\n", text(&method.join(" · ")), text(&place.join(" · "))));
    line("![requests/s, latency and CPU time per request](chart.svg)\n".to_owned());
    line(format!("## Throughput\n\n{}", table(&columns::throughput(bench), &[])));
    line(format!("## Latency: {}\n\n{}", kind(bench), table(&columns::latency(bench), &[])));
    line(format!("## Resources\n\n{}", table(&columns::resources(bench), &of_cells(bench))));
    let processes = columns::processes(bench);
    if !processes.rows.is_empty() {
        line(format!("## Processes\n\n{}", table(&processes, &of_processes(bench))));
    }
    let notes = notes(bench);
    if !notes.is_empty() {
        line("## Notes\n".to_owned());
        notes.iter().for_each(|note| line(format!("- {}", text(note))));
        line(String::new());
    }
    line(format!("Made by {}, {}.", code(&bench.command), bench.started_at));
    page
}

/// What the latencies are.
fn kind(bench: &Bench) -> &'static str {
    let is = |kind: &str| bench.cells.iter().any(|cell| cell.latency_kind.as_deref() == Some(kind));
    match (is("response"), is("service")) {
        (true, false) => "response time",
        (true, true) => "service and response time",
        _ => "service time",
    }
}

/// The column of the cells' flamegraphs.
fn of_cells(bench: &Bench) -> Vec<String> {
    links(bench.cells.iter().map(|cell| cell.flamegraph.as_ref()))
}

/// The column of the processes' flamegraphs.
fn of_processes(bench: &Bench) -> Vec<String> {
    let processes = bench.cells.iter().flat_map(|cell| &cell.processes);
    links(processes.map(|process| process.flamegraph.as_ref()))
}

/// A column of links to flamegraphs, in Markdown, where there are some.
fn links<'a>(paths: impl Iterator<Item = Option<&'a String>> + Clone) -> Vec<String> {
    if paths.clone().flatten().count() == 0 {
        return Vec::new();
    }
    let links = paths.map(|path| match path {
        Some(path) => format!("[last round](<../../{}>)", address(path)),
        None => "-".to_owned(),
    });
    std::iter::once("flamegraph".to_owned()).chain(links).collect()
}

/// A path so that it can stand between `<` and `>` in a table.
fn address(path: &str) -> String {
    let encoded = |c: char| match c {
        '<' | '>' | '|' | '\\' | '%' => format!("%{:02X}", u32::from(c)),
        c if is_unprintable(c) => String::new(),
        c => c.to_string(),
    };
    path.chars().map(encoded).collect()
}

/// The grid; with another column that is Markdown already, its header first, or none.
fn table(grid: &Grid, more: &[String]) -> String {
    let mut more = more.iter().cloned();
    let line = |mut cells: Vec<String>, last: Option<String>| {
        cells.extend(last);
        format!("| {} |\n", cells.join(" | "))
    };
    let last = more.next();
    let has_more = last.is_some();
    let mut table = line(grid.columns.iter().map(|column| text(&column.title)).collect(), last);
    let rules = grid.columns.iter().map(|it| if it.is_text { ":---" } else { "---:" }.to_owned());
    table += &line(rules.collect(), has_more.then(|| ":---".to_owned()));
    for row in &grid.rows {
        table += &line(row.iter().map(|cell| text(cell)).collect(), more.next());
    }
    table
}

/// A text that means nothing to Markdown, on one line.
fn text(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => plain.extend(['\\', c]),
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '&' => plain.push_str("&amp;"),
            c if is_unprintable(c) => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}

/// A text as code: within more backticks than it has in a row itself.
fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if is_unprintable(c) { ' ' } else { c }).collect();
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}
