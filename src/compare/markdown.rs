//! A comparison as Markdown, for a pull request.

use std::fmt::Write as _;

use super::{comparison::Comparison, frames::Frames, lines::FunctionLine};

impl Comparison {
    /// The comparison as a section of Markdown.
    pub fn markdown(&self) -> String {
        let mut out = format!("### {}\n\n", escaped(&self.headline));
        // Writing to a string cannot fail.
        for (letter, side) in [("A", &self.a), ("B", &self.b)] {
            let _ = writeln!(
                out,
                "- **{letter}**: {} ({}; rounds: {})",
                code(&side.name),
                escaped(&side.detail),
                side.rounds
            );
        }
        for unlike in &self.unlike {
            let (a, b) = (escaped(&unlike.a), escaped(&unlike.b));
            let _ = writeln!(out, "- **Unlike {}**: A {a}, B {b}", escaped(&unlike.what));
        }
        for caveat in &self.caveats {
            let _ = writeln!(out, "- {}", escaped(caveat));
        }
        out.push_str("\n| | A | B | change | 95 % interval, % | |\n|---|--:|--:|--:|--:|---|\n");
        for line in self.metric_lines() {
            let verdict = escaped(&line.verdict);
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {verdict} |",
                line.label, line.a, line.b, line.change, line.interval
            );
        }
        out.push_str(&self.functions_markdown());
        out
    }

    fn functions_markdown(&self) -> String {
        let Some(frames) = &self.frames else {
            let why = self.without_frames.as_deref().unwrap_or("nothing is known of them");
            return format!("\nFunctions are not compared: {}.\n", escaped(why));
        };
        let mut out =
            "\n#### Where CPU/request changed\n\nTime in each function itself, in µs for \
                       each request.\n"
                .to_owned();
        out.push_str(
            "\n| function | A | B | change | 95 % interval | |\n|---|--:|--:|--:|--:|---|\n",
        );
        let lines = frames.lines();
        for (place, line) in lines.iter().enumerate() {
            let strong = if place + 1 == lines.len() { "**" } else { "" };
            let name = if line.function.is_some() { code(&line.name) } else { line.name.clone() };
            let _ = writeln!(
                out,
                "| {strong}{name}{strong} | {} | {} | {} | {} | {} |",
                line.a,
                line.b,
                line.change,
                line.interval,
                escaped(&line.verdict)
            );
        }
        out.push_str(&causes_markdown(frames));
        out.push('\n');
        for note in frames.notes() {
            let _ = writeln!(out, "- {note}");
        }
        out
    }
}

/// What changed through what it calls, if anything.
fn causes_markdown(frames: &Frames) -> String {
    let lines = frames.cause_lines();
    if lines.is_empty() {
        return String::new();
    }
    let mut out = "\nChanged with what they call, in µs for each request.\n\n\
                   | function | A | B | change | 95 % interval | |\n|---|--:|--:|--:|--:|---|\n"
        .to_owned();
    for FunctionLine { name, a, b, change, interval, verdict, .. } in lines {
        let name = code(&name);
        let _ = writeln!(out, "| {name} | {a} | {b} | {change} | {interval} | {verdict} |");
    }
    out
}

/// Text that stays text, also in a table.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '|' | '#' => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

/// Text as code; in a table, `|` ends a cell even there.
fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'").replace('|', "\\|").replace(['\n', '\r'], " "))
}
