//! Numbers and texts as a reader sees them.

use crate::plain::is_unprintable;

/// The number with a comma between thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Microseconds with as many digits as tell costs apart: `0.042`, `12.34`, `123.4`, `1,234`.
pub fn micros(us: f64) -> String {
    match us.abs() {
        x if !x.is_finite() => "?".to_owned(),
        x if x < 0.1 => format!("{us:.3}"),
        x if x < 99.995 => format!("{us:.2}"),
        x if x < 999.95 => format!("{us:.1}"),
        _ => grouped(us.max(0.0).round() as u64),
    }
}

/// Microseconds with half of their interval, in digits that follow it: `12.34 ± 0.21`, `123 ± 11`.
pub fn plus_minus(us: f64, half: f64) -> String {
    if !(us.is_finite() && half.is_finite() && half > 0.0) {
        return micros(us);
    }
    // Two digits of the half, and no more than a nanosecond.
    let decimals = (1.0 - half.log10().floor()).clamp(0.0, 3.0) as usize;
    format!("{us:.decimals$} ± {half:.decimals$}")
}

/// The text on one line and without the characters that XML 1.0 has no place for, or that turn the
/// direction of writing, each replaced.
pub fn xml_safe(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\r' | '\t' => ' ',
            c if is_unprintable(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Joins phrases to lines of at most `width` characters; a longer phrase has its own line.
pub fn wrap(phrases: &[String], separator: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for phrase in phrases {
        match lines.last_mut() {
            Some(line)
                if line.chars().count() + separator.chars().count() + phrase.chars().count()
                    <= width =>
            {
                line.push_str(separator);
                line.push_str(phrase);
            }
            _ => lines.push(phrase.clone()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn microseconds_keep_four_digits() {
        assert_eq!(
            [0.0, 0.0423, 12.344, 123.44, 12_345.6].map(micros),
            ["0.000", "0.042", "12.34", "123.4", "12,346"]
        );
        assert_eq!(micros(f64::NAN), "?");
    }

    #[test]
    fn digits_follow_the_interval() {
        let shown = [(12.344, 0.213), (0.8341, 0.0581), (123.4, 11.2), (5.25, 1.3), (0.01, 0.0002)];
        assert_eq!(
            shown.map(|(us, half)| plus_minus(us, half)),
            ["12.34 ± 0.21", "0.834 ± 0.058", "123 ± 11", "5.2 ± 1.3", "0.010 ± 0.000"]
        );
        assert_eq!((plus_minus(1.0, 0.0), plus_minus(f64::NAN, 1.0)), ("1.00".into(), "?".into()));
    }

    #[test]
    fn phrases_are_wrapped() {
        let phrases = ["aaaa", "bbbb", "cccccccccccccc", "d"].map(String::from);
        assert_eq!(wrap(&phrases, " · ", 11), ["aaaa · bbbb", "cccccccccccccc", "d"]);
    }
}
