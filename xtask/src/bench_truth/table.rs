//! What all profiles came to, as a table in Markdown.

use std::fmt;

use super::{
    case::Case,
    judge::{Off, TRUTH, Verdict},
    seen::Seen,
};

/// What the profiles of one profiler came to.
#[derive(Debug)]
pub(super) struct Report {
    who: String,
    rows: Vec<Row>,
    verdict: Verdict,
    has_own: bool,
}

/// All profiles of one case.
#[derive(Debug)]
struct Row {
    case: Case,
    seen: Vec<Seen>,
}

impl Report {
    pub(super) fn new(who: &str, cases: &[Case], all: &[(Case, Seen)]) -> Self {
        let row = |case: &Case| {
            let its = all.iter().filter(|(of, _)| of == case).map(|(_, seen)| *seen);
            Row { case: *case, seen: its.collect() }
        };
        let seen: Vec<Seen> = all.iter().map(|(_, seen)| *seen).collect();
        Self {
            who: who.to_owned(),
            rows: cases.iter().map(row).filter(|row| !row.seen.is_empty()).collect(),
            verdict: Verdict::of(&seen),
            has_own: seen.iter().all(|seen| seen.has_own),
        }
    }

    /// Whether the intervals keep what they promise.
    pub(super) fn is_true(&self) -> bool {
        self.verdict.is_true()
    }
}

impl Row {
    fn mean(&self, of: impl Fn(&Seen) -> f64) -> f64 {
        self.seen.iter().map(of).sum::<f64>() / self.seen.len() as f64
    }

    /// The time of the three together over the cost that was asked for; none if it is not known.
    fn of_cost(&self) -> Option<f64> {
        let sums: Option<Vec<f64>> = self.seen.iter().map(|seen| seen.sum_us).collect();
        let sums = sums?;
        Some(sums.iter().sum::<f64>() / sums.len() as f64 / self.case.cost_us)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { cost_us, connections } = self.case;
        write!(f, "| {cost_us} | {connections} | {} ", self.seen.len())?;
        write!(f, "| {:.0} ", self.mean(Seen::total))?;
        for at in 0..TRUTH.len() {
            write!(f, "| {:.2} ", 100.0 * self.mean(|seen| Off::of(seen).shares[at]))?;
        }
        let worst = self.seen.iter().map(|seen| Off::of(seen).worst());
        let (counting, own) =
            worst.fold((0.0, 0.0), |most: (f64, f64), one| (most.0.max(one.0), most.1.max(one.1)));
        let of_cost = self.of_cost().map_or("-".to_owned(), |ratio| format!("{ratio:.3}"));
        writeln!(f, "| {counting:.1} | {own:.1} | {of_cost} |")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let truth = TRUTH.map(|share| format!("{:.0}", 100.0 * share)).join(" : ");
        writeln!(f, "{}: mean shares among the three in %, in truth {truth}\n", self.who)?;
        writeln!(
            f,
            "| cost, µs | connections | runs | samples of the three | check_password | render_page \
             | write_audit | worst, sd of counting | worst, own sd | three together / cost |"
        )?;
        writeln!(f, "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|")?;
        for row in &self.rows {
            write!(f, "{row}")?;
        }
        let Verdict { shares, covered, far, chi_squared, degrees, probability } = self.verdict;
        let whose = match self.has_own {
            true => "the profile's own",
            false => "that of counting alone: the profiles have none of their own",
        };
        let coverage = 100.0 * self.verdict.coverage();
        writeln!(
            f,
            "\n- truth in the interval of 95 %: {covered} of {shares}, {coverage:.1} % \
                     (goal: 92 % or more); the interval is {whose}"
        )?;
        writeln!(f, "- beyond 4 standard deviations: {far} (goal: 0)")?;
        writeln!(
            f,
            "- chi-squared: {chi_squared:.1} with {degrees} degrees of freedom, p {probability:.4}"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZero;

    use expect_test::expect;

    use super::*;

    #[test]
    fn a_report_is_markdown() {
        let case = Case { cost_us: 50.15, connections: NonZero::<u32>::MIN };
        let seen = |samples, design: f64| Seen {
            samples,
            design: [design; 3],
            has_own: true,
            sum_us: Some(52.0),
        };
        let all =
            [(case, seen([1488.0, 712.0, 200.0], 4.0)), (case, seen([1440.0, 720.0, 240.0], 1.0))];
        let report = Report::new("flameload", &[case], &all);
        expect![[r#"
            flameload: mean shares among the three in %, in truth 60 : 30 : 10

            | cost, µs | connections | runs | samples of the three | check_password | render_page | write_audit | worst, sd of counting | worst, own sd | three together / cost |
            |---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
            | 50.15 | 1 | 2 | 2400 | 61.00 | 29.83 | 9.17 | 2.7 | 1.4 | 1.037 |

            - truth in the interval of 95 %: 6 of 6, 100.0 % (goal: 92 % or more); the interval is the profile's own
            - beyond 4 standard deviations: 0 (goal: 0)
            - chi-squared: 2.1 with 4 degrees of freedom, p 0.7194
        "#]].assert_eq(&report.to_string());
    }
}
