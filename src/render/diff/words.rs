//! Costs and changes as a reader sees them.

use super::{
    super::text::micros,
    graph::{DiffGraph, Finding, Mark},
};
use crate::fold::Costs;

/// A change in microseconds, with its sign.
pub(super) fn signed(us: f64) -> String {
    let size = micros(us.abs());
    // What rounds to nothing has no direction.
    let is_none = size.chars().all(|c| matches!(c, '0' | '.' | '?'));
    match us {
        _ if is_none => size,
        us if us < 0.0 => format!("-{size}"),
        _ => format!("+{size}"),
    }
}

/// How much more B costs in proportion to A: `+9.4 %`, or `×12` where that is large.
pub(super) fn relative(costs: Costs) -> Option<String> {
    let ratio = costs.b / costs.a;
    match ratio {
        _ if costs.a <= 0.0 || !ratio.is_finite() => None,
        ratio if ratio >= 10.0 => Some(format!("×{ratio:.0}")),
        ratio if (ratio - 1.0).abs() < 0.0005 => Some("0.0 %".to_owned()),
        ratio => Some(format!("{:+.1} %", (ratio - 1.0) * 100.0)),
    }
}

/// The change with its interval: `+1.12 µs/request (+10.4 %), 95 %: +0.95 to +1.29`.
pub(super) fn change(costs: Costs, finding: Finding) -> String {
    let mut text = format!("{} µs/request", signed(costs.change()));
    if let Some(relative) = relative(costs) {
        text.push_str(&format!(" ({relative})"));
    }
    if let Some(interval) = interval(finding) {
        text.push_str(&format!(", 95 %: {interval}"));
    }
    text
}

/// The interval of a change: `+0.95 to +1.29`.
pub(super) fn interval(finding: Finding) -> Option<String> {
    finding.ci95.map(|[low, high]| format!("{} to {}", signed(low), signed(high)))
}

/// What is known of a change, in words.
pub(super) fn known(mark: Mark, guessed: bool) -> &'static str {
    match mark {
        Mark::Slower if guessed => "B costs more, as far as one process tells",
        Mark::Faster if guessed => "B costs less, as far as one process tells",
        Mark::Slower => "B costs more, for certain",
        Mark::Faster => "B costs less, for certain",
        Mark::NotSignificant => "no certain change",
        Mark::New => "new in B",
        Mark::Gone => "gone in B",
        Mark::Moved => "moved: what calls it or is called makes up for it",
        Mark::Unknown => "certainty unknown",
    }
}

/// Why there is nothing to draw.
pub(super) fn nothing(graph: &DiffGraph) -> String {
    match &graph.caption.without_frames {
        Some(why) => format!("Functions are not compared: {why}."),
        None => {
            "Neither side has samples: no CPU time was used while they were watched.".to_owned()
        }
    }
}

/// A share of a whole, in percent.
pub(super) fn share(part: f64, whole: f64) -> String {
    let percent = if whole > 0.0 { part / whole * 100.0 } else { 0.0 };
    let decimals = if percent < 0.995 { 2 } else { 1 };
    format!("{percent:.decimals$} %")
}

/// The first of a name that fits `columns`, or nothing where that would tell nothing.
pub(super) fn fit(name: &str, columns: usize) -> Option<String> {
    let wide: usize = name.chars().map(width).sum();
    if columns < 3 {
        return None;
    }
    if wide <= columns {
        return Some(name.to_owned());
    }
    let mut left = columns - 1;
    let mut text: String = name
        .chars()
        .take_while(|c| {
            let fits = width(*c) <= left;
            left = left.saturating_sub(width(*c));
            fits
        })
        .collect();
    text.push('…');
    Some(text)
}

/// The columns of a fixed font that a character takes, or more: the script has the same rule.
fn width(c: char) -> usize {
    if c < '\u{1100}' || ('\u{2000}'..'\u{2600}').contains(&c) { 1 } else { 2 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_have_a_sign() {
        assert_eq!(
            [1.157, -0.04, 0.000_01, -0.000_01, 1234.6, -1234.6].map(signed),
            ["+1.16", "-0.040", "0.000", "0.000", "+1,235", "-1,235"]
        );
        assert_eq!(signed(f64::NAN), "?");
    }

    #[test]
    fn changes_are_said_in_full() {
        let finding = Finding { mark: Mark::Slower, ci95: Some([0.951, 1.289]) };
        assert_eq!(
            change(Costs { a: 10.78, b: 11.9 }, finding),
            "+1.12 µs/request (+10.4 %), 95 %: +0.95 to +1.29"
        );
        assert_eq!(change(Costs { a: 0.0, b: 2.0 }, Finding::default()), "+2.00 µs/request");
        assert_eq!(relative(Costs { a: 1.0, b: 25.0 }).as_deref(), Some("×25"));
        assert_eq!(relative(Costs { a: 2.0, b: 0.0 }).as_deref(), Some("-100.0 %"));
        assert_eq!(relative(Costs { a: 2.0, b: 1.9999 }).as_deref(), Some("0.0 %"));
    }

    #[test]
    fn names_are_cut_to_their_frames() {
        assert_eq!(fit("serde::ser", 10).as_deref(), Some("serde::ser"));
        assert_eq!(fit("serde::ser", 9).as_deref(), Some("serde::s…"));
        assert_eq!(fit("量量量", 5).as_deref(), Some("量量…"));
        assert_eq!(fit("量量量", 4).as_deref(), Some("量…"));
        assert_eq!(fit("ab", 2), None);
    }
}
