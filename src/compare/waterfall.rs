//! [`Waterfall`]: how the changes of functions add up to that of the whole.

use serde::{Deserialize, Serialize};

use super::{
    frames::{FunctionChange, Kind},
    moderated::Table,
    paths::unsampled,
    shift::Shift,
    side::Pair,
};

/// How the changes of the time in each function itself add up to that of the whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Waterfall {
    /// CPU time of a request in A, in microseconds.
    pub a_us: f64,
    /// CPU time of a request in B.
    pub b_us: f64,
    /// The difference; that of the rows together.
    pub change_us: f64,
    /// What it is made of: what is common to all first, then the functions that changed, the
    /// largest first, and the rest last.
    pub rows: Vec<Row>,
}

/// A part of the whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What it is of.
    pub part: Part,
    /// What it cost in A, in microseconds for each request; none of a common shift.
    pub a_us: Option<f64>,
    /// What it cost in B.
    pub b_us: Option<f64>,
    /// What it changed by, beyond the common shift.
    pub change_us: f64,
}

/// What a row is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// What happened to all functions alike.
    Shift,
    /// A function, by its place among the functions.
    Function(usize),
    /// So many functions that are not in a row of their own.
    Others(usize),
    /// What could not be sampled, such as the kernel.
    Unsampled,
}

/// Functions that surely changed have rows up to this number.
const SURE_MAX: usize = 20;
/// The largest others fill up to this number.
const ROWS_MIN: usize = 8;

impl Waterfall {
    /// The waterfall of functions whose costs add up to what samples stand for.
    pub(super) fn of(
        pair: &Pair,
        table: &Table<'_>,
        changes: &[FunctionChange],
        shift: Option<Shift>,
    ) -> Self {
        let shift = shift.as_ref();
        let sampled = |side: fn(&FunctionChange) -> f64| changes.iter().map(side).sum::<f64>();
        let sampled =
            [sampled(|function| function.own.a_us), sampled(|function| function.own.b_us)];
        let unsampled = [unsampled(&pair.a.rounds), unsampled(&pair.b.rounds)];
        let [a_us, b_us] = [0, 1].map(|side| sampled[side] + unsampled[side]);
        let mut rows = Vec::new();
        if let Some(shift) = shift {
            let change_us = shift.relative * table.whole;
            rows.push(Row { part: Part::Shift, a_us: None, b_us: None, change_us });
        }
        let shown = shown(changes, shift);
        rows.extend(shown.iter().map(|at| {
            let own = &changes[*at].own;
            let change_us = own.beyond_us(shift);
            Row { part: Part::Function(*at), a_us: Some(own.a_us), b_us: Some(own.b_us), change_us }
        }));
        if unsampled.iter().any(|us| *us > 0.0) {
            let [a, b] = unsampled;
            rows.push(Row {
                part: Part::Unsampled,
                a_us: Some(a),
                b_us: Some(b),
                change_us: b - a,
            });
        }
        let mut waterfall = Self { a_us, b_us, change_us: b_us - a_us, rows };
        let seen = changes.iter().filter(|change| change.own.samples != [0, 0]).count();
        waterfall.close(seen - shown.len());
        waterfall
    }

    /// Adds what is left as a row of its own.
    fn close(&mut self, others: usize) {
        let left = |whole: f64, of: fn(&Row) -> Option<f64>| {
            whole - self.rows.iter().filter_map(of).sum::<f64>()
        };
        // What is left of a sum may come out a hair below nothing.
        let cost = |whole, of| Some(f64::max(0.0, left(whole, of)));
        let row = Row {
            part: Part::Others(others),
            a_us: cost(self.a_us, |row| row.a_us),
            b_us: cost(self.b_us, |row| row.b_us),
            change_us: left(self.change_us, |row| Some(row.change_us)),
        };
        self.rows.push(row);
    }
}

/// The functions with rows of their own: those that surely changed, then the largest changes.
fn shown(changes: &[FunctionChange], shift: Option<&Shift>) -> Vec<usize> {
    let size = |at: &usize| changes[*at].own.beyond_us(shift).abs();
    let is_sure = |at: &usize| changes[*at].kind != Kind::Unsure;
    let mut order: Vec<usize> =
        (0..changes.len()).filter(|at| changes[*at].own.samples != [0, 0]).collect();
    order.sort_by(|a, b| {
        let by_size = size(b).total_cmp(&size(a));
        is_sure(b).cmp(&is_sure(a)).then(by_size).then(a.cmp(b))
    });
    let sure = order.iter().filter(|at| is_sure(at)).count();
    order.truncate(sure.clamp(ROWS_MIN, SURE_MAX));
    order
}
