//! The rows of a comparison's tables, as texts.

use super::{
    change::{Change, Verdict},
    comparison::Comparison,
    frames::{Frames, FunctionChange, Kind},
    waterfall::{Part, Row},
    words,
};

/// A metric, as a row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricLine {
    /// What it is.
    pub label: &'static str,
    /// What A had, with its unit.
    pub a: String,
    /// What B had.
    pub b: String,
    /// The change in percent.
    pub change: String,
    /// Its 95 % interval in percent; `-` without one.
    pub interval: String,
    /// The verdict, and what must be known beside it.
    pub verdict: String,
}

/// A part of the whole, as a row of a table; figures are in µs for each request.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionLine {
    /// What it cost in A; `-` where that means nothing.
    pub a: String,
    /// What it cost in B.
    pub b: String,
    /// What it changed by. Those of all lines but the last add up to that of the last, digit by
    /// digit.
    pub change: String,
    /// The 95 % interval of the change; `-` without one.
    pub interval: String,
    /// What can be said of it.
    pub verdict: String,
    /// What it is.
    pub name: String,
    /// The place of its function among all; none where it is no function's.
    pub function: Option<usize>,
    /// What it cost on each side, as numbers; none where that means nothing.
    pub us: Option<[f64; 2]>,
    /// What it changed by, as a number.
    pub change_us: f64,
}

impl Comparison {
    /// The metrics, the primary one first.
    pub fn metric_lines(&self) -> Vec<MetricLine> {
        self.metrics.iter().map(metric_line).collect()
    }
}

fn metric_line(change: &Change) -> MetricLine {
    let word = match change.verdict {
        Verdict::Regressed if change.metric.is_cost() => change.metric.more(),
        Verdict::Regressed => change.metric.less(),
        Verdict::Improved if change.metric.is_cost() => change.metric.less(),
        Verdict::Improved => change.metric.more(),
        Verdict::Equivalent => "equivalent",
        Verdict::Inconclusive => "inconclusive",
    };
    let remark = change.remark.as_deref().map(|remark| format!(" ({remark})"));
    MetricLine {
        label: change.metric.label(),
        a: change.metric.shown(change.a),
        b: change.metric.shown(change.b),
        change: words::percent(change.ratio),
        interval: words::interval(change).unwrap_or_else(|| "-".to_owned()),
        verdict: format!("{word}{}", remark.unwrap_or_default()),
    }
}

impl Frames {
    /// The waterfall, and the whole as the last line.
    ///
    /// Each figure is rounded to a nanosecond, and the row of all others takes up what that
    /// leaves, so that the printed figures add up too.
    pub fn lines(&self) -> Vec<FunctionLine> {
        let waterfall = &self.waterfall;
        let nanos = |us: f64| (us * 1e3).round() as i64;
        let whole = nanos(waterfall.b_us) - nanos(waterfall.a_us);
        let mut left = whole;
        let last = waterfall.rows.len().saturating_sub(1);
        let mut lines = Vec::new();
        for (place, row) in waterfall.rows.iter().enumerate() {
            let change = if place == last { left } else { nanos(row.change_us) };
            left -= change;
            if row.part != Part::Others(0) || change != 0 {
                lines.push(self.line(row, change));
            }
        }
        lines.push(FunctionLine {
            a: micros(waterfall.a_us),
            b: micros(waterfall.b_us),
            change: signed(whole),
            interval: "-".to_owned(),
            verdict: String::new(),
            name: "total".to_owned(),
            function: None,
            us: Some([waterfall.a_us, waterfall.b_us]),
            change_us: whole as f64 / 1e3,
        });
        lines
    }

    /// The functions from which changes come that are in what they call. Figures are of the time in
    /// them and in what they call, and parts of each other.
    pub fn cause_lines(&self) -> Vec<FunctionLine> {
        let functions = self.causes.iter().filter_map(|at| Some((at, self.functions.get(*at)?)));
        functions.map(|(at, function)| self.cause(*at, function)).collect()
    }

    fn cause(&self, at: usize, function: &FunctionChange) -> FunctionLine {
        let total = &function.total;
        let word = match total.samples {
            [0, _] => Kind::New,
            [_, 0] => Kind::Gone,
            _ if total.beyond_us(self.shift.as_ref()) > 0.0 => Kind::Slower,
            _ => Kind::Faster,
        };
        let interval = total.ci95_us.map(|[low, high]| format!("{low:+.3} to {high:+.3}"));
        // Figures are of the whole change, and beyond what is common it may go the other way.
        let beyond = total.beyond_us(self.shift.as_ref());
        let verdict = match (word, total.change_us > 0.0) {
            (Kind::Slower, false) | (Kind::Faster, true) => {
                format!("{beyond:+.3} beyond that of all")
            }
            _ => words::certain(word, self.replicated).to_owned(),
        };
        FunctionLine {
            a: micros(total.a_us),
            b: micros(total.b_us),
            change: format!("{:+.3}", total.change_us),
            interval: interval.unwrap_or_else(|| "-".to_owned()),
            verdict,
            name: function.name.clone(),
            function: Some(at),
            us: Some([total.a_us, total.b_us]),
            change_us: total.change_us,
        }
    }

    fn line(&self, row: &Row, change: i64) -> FunctionLine {
        let cost = |us: Option<f64>| us.map_or("-".to_owned(), micros);
        let shift = self.shift.map_or(0.0, |shift| shift.relative);
        let mut interval = None;
        let mut verdict = String::new();
        let name = match row.part {
            Part::Shift => {
                interval = self.shift.map(|shift| {
                    let whole = shift.change_us / shift.relative;
                    shift.ci95.map(|end| end * whole)
                });
                verdict = format!("{:+.1} % of each", shift * 100.0);
                "what all functions have in common".to_owned()
            }
            Part::Function(at) => {
                let function = &self.functions[at];
                let common = row.change_us - function.own.change_us;
                interval = function.own.ci95_us.map(|ends| ends.map(|end| end + common));
                verdict = words::kind(function, self.replicated);
                function.name.clone()
            }
            Part::Others(0) => "rounding".to_owned(),
            Part::Others(1) => "1 other function".to_owned(),
            Part::Others(count) => format!("{count} other functions"),
            Part::Unsampled => "what could not be sampled".to_owned(),
        };
        FunctionLine {
            a: cost(row.a_us),
            b: cost(row.b_us),
            change: signed(change),
            interval: interval
                .map_or("-".to_owned(), |[low, high]| format!("{low:+.3} to {high:+.3}")),
            verdict,
            name,
            function: match row.part {
                Part::Function(at) => Some(at),
                _ => None,
            },
            us: row.a_us.zip(row.b_us).map(|(a, b)| [a, b]),
            change_us: change as f64 / 1e3,
        }
    }

    /// How many functions surely changed, moved ones aside.
    pub fn sure(&self) -> usize {
        let is_sure = |kind| !matches!(kind, Kind::Unsure | Kind::Moved);
        self.functions.iter().filter(|function| is_sure(function.kind)).count()
    }

    /// What the table is of, and how far it is to be believed, as sentences.
    pub fn notes(&self) -> Vec<String> {
        let changed = if self.replicated {
            "surely changed (at most 5 % of them are expected not to have)"
        } else {
            "differ by more than samples and most functions do"
        };
        let mut notes = vec![format!(
            "{} of the {} functions that cost enough to be judged {changed}, by at least {:.3} µs",
            self.sure(),
            self.judged,
            self.least_us
        )];
        if !self.replicated {
            notes.push(
                "without replicates, what differs from one process to the next is only guessed"
                    .to_owned(),
            );
        }
        notes
    }
}

fn micros(us: f64) -> String {
    format!("{us:.3}")
}

/// Nanoseconds as microseconds with their sign.
fn signed(nanos: i64) -> String {
    let sign = if nanos < 0 { '-' } else { '+' };
    format!("{sign}{}.{:03}", nanos.abs() / 1000, nanos.abs() % 1000)
}
