//! Figures as a reader sees them.

use crate::{
    record::{CellFacts, ErrorCounts, EstimateFacts},
    render::{grouped, micros},
    unit::{Bytes, Ratio},
};

/// What stands where a figure could not be had.
pub(super) const NONE: &str = "-";

/// The requests/s of a cell; a word where there is no figure that could be quoted.
pub fn headline(cell: &CellFacts) -> String {
    match cell.requests_per_second {
        Some(estimate) if cell.valid => rate(estimate.value),
        _ if cell.made() == 0 => NONE.to_owned(),
        _ if cell.rounds.iter().all(|round| round.run.is_none()) => "failed".to_owned(),
        _ => "NOT VALID".to_owned(),
    }
}

/// An amount a second: whole, unless it is small.
pub(super) fn rate(rate: f64) -> String {
    match rate {
        rate if rate < 100.0 => format!("{rate:.1}"),
        rate => grouped(rate.round() as u64),
    }
}

/// How far a geometric mean is uncertain, in percent: the larger of both sides.
pub(super) fn reach(estimate: Option<EstimateFacts>) -> String {
    let percent = estimate.and_then(|EstimateFacts { value, ci95 }| {
        let [low, high] = ci95?;
        let share = (high / value - 1.0).max(1.0 - low / value);
        Some(match share * 100.0 {
            percent if percent < 10.0 => format!("±{percent:.1} %"),
            percent if percent < 1000.0 => format!("±{percent:.0} %"),
            _ => "±1,000 % or more".to_owned(),
        })
    });
    percent.unwrap_or_else(|| NONE.to_owned())
}

/// A ratio with its interval.
pub(super) fn ratio(estimate: Option<EstimateFacts>) -> String {
    let two = |value: f64| match value {
        value if value >= 99.95 => grouped(value.round() as u64),
        value if value >= 9.995 => format!("{value:.1}"),
        value if value >= 0.0995 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    };
    match estimate {
        Some(EstimateFacts { value, ci95: Some([low, high]) }) => {
            format!("{} ({} to {})", two(value), two(low), two(high))
        }
        Some(EstimateFacts { value, ci95: None }) => two(value),
        None => NONE.to_owned(),
    }
}

/// Microseconds as a reader wants them.
pub(super) fn duration(us: Option<f64>) -> String {
    match us {
        Some(us) if us >= 999_500.0 => format!("{:.2} s", us / 1e6),
        Some(us) if us >= 99_950.0 => format!("{:.0} ms", us / 1e3),
        Some(us) if us >= 9_995.0 => format!("{:.1} ms", us / 1e3),
        Some(us) if us >= 999.5 => format!("{:.2} ms", us / 1e3),
        Some(us) => format!("{us:.0} µs"),
        None => NONE.to_owned(),
    }
}

/// CPU time of a request.
pub(super) fn cpu(estimate: Option<EstimateFacts>) -> String {
    estimate.map_or(NONE.to_owned(), |estimate| micros(estimate.value))
}

pub(super) fn bytes(bytes: Option<u64>) -> String {
    bytes.map_or(NONE.to_owned(), |bytes| Bytes(bytes).to_string())
}

pub(super) fn transfer(bytes_per_second: Option<f64>) -> String {
    bytes_per_second.map_or(NONE.to_owned(), |bytes| format!("{}/s", Bytes(bytes as u64)))
}

pub(super) fn number(number: Option<f64>) -> String {
    number.map_or(NONE.to_owned(), |number| format!("{number:.2}"))
}

/// How much failed: a share, or `none`.
pub(super) fn failed(cell: &CellFacts) -> String {
    match (cell.errors.total(), cell.error_ratio) {
        _ if cell.rounds.iter().all(|round| round.run.is_none()) => NONE.to_owned(),
        (0, _) => "none".to_owned(),
        (_, Some(ratio)) if ratio >= 0.0005 => Ratio(ratio).to_string(),
        (_, Some(_)) => "< 0.1 %".to_owned(),
        (count, None) => grouped(count),
    }
}

/// What failed, by class.
pub(super) fn classes(errors: &ErrorCounts) -> String {
    let classes: Vec<String> = (errors.by_class().into_iter())
        .filter(|(_, count)| *count > 0)
        .map(|(class, count)| format!("{class} {}", grouped(count)))
        .collect();
    if classes.is_empty() { "none".to_owned() } else { classes.join(", ") }
}

/// A number of things.
pub(super) fn count(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(count as u64))
}

/// Seconds without needless digits.
pub(super) fn seconds(seconds: f64) -> String {
    let text = format!("{seconds:.1}");
    format!("{} s", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{RoundFacts, Status};

    #[test]
    fn a_cell_without_a_figure_says_why() {
        let mut cell = CellFacts::default();
        assert_eq!(headline(&cell), "-");
        cell.rounds = vec![RoundFacts { status: Status::Failed, ..RoundFacts::default() }];
        assert_eq!((headline(&cell).as_str(), failed(&cell).as_str()), ("failed", "-"));
        cell.rounds[0].run = Some("a/b".to_owned());
        cell.requests_per_second = Some(EstimateFacts { value: 563.0, ci95: None });
        assert_eq!(headline(&cell), "NOT VALID");
        cell.rounds[0].status = Status::Interrupted;
        assert_eq!(headline(&cell), "-");
        cell.valid = true;
        assert_eq!(headline(&cell), "563");
    }

    #[test]
    fn figures_keep_what_tells_them_apart() {
        assert_eq!([9.96, 99.4, 1_234.5].map(rate), ["10.0", "99.4", "1,235"]);
        let times = [0.4, 734.2, 999.7, 9_996.0, 123_456.0, 2_000_000.0];
        assert_eq!(
            times.map(|us| duration(Some(us))),
            ["0 µs", "734 µs", "1.00 ms", "10.0 ms", "123 ms", "2.00 s"]
        );
        let estimate = |value, ci95| Some(EstimateFacts { value, ci95 });
        assert_eq!(reach(estimate(100.0, Some([97.0, 104.0]))), "±4.0 %");
        assert_eq!(reach(estimate(100.0, Some([1.0, 1e9]))), "±1,000 % or more");
        assert_eq!(reach(estimate(100.0, None)), "-");
        assert_eq!(ratio(estimate(0.0123, Some([0.0111, 12.34]))), "0.012 (0.011 to 12.3)");
        assert_eq!(ratio(estimate(1.0, None)), "1.00");
        assert_eq!([10.0, 2.5].map(seconds), ["10 s", "2.5 s"]);
        assert_eq!([1, 2_000].map(|n| count(n, "round")), ["1 round", "2,000 rounds"]);
    }
}
