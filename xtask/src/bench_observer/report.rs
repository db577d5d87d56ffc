//! What everybody cost the server, as a table in Markdown.

use std::fmt;

use flameload::measure::Estimate;

use super::{
    kind::Kind,
    slice::{Slice, Sum, Taken},
};

/// What has to be known of profilers of others.
const OTHERS: &str = "perf records into /dev/null, samply into a file. How many samples they take \
     is known of the one slice before the rounds only, in which perf has a file too.";

/// What everybody cost.
#[derive(Debug)]
pub(super) struct Report {
    workload: String,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    kind: Kind,
    cpu_us: f64,
    requests_per_second: f64,
    /// Over that of nothing.
    cpu: Option<Estimate>,
    throughput: Option<Estimate>,
    /// Samples for each second of the server's CPU time.
    rate: Option<f64>,
    /// In the slices that count.
    taken: Option<Taken>,
}

impl Report {
    /// `rounds` have the slices of each kind by its index, and `warm` the one before them.
    /// The first kind is what the others are compared with.
    pub(super) fn new(
        workload: String,
        kinds: &[Kind],
        warm: &[Slice],
        rounds: &[Vec<(usize, Slice)>],
    ) -> Self {
        let row = |(index, kind): (usize, &Kind)| {
            let of = |round: &Vec<(usize, Slice)>, whose: usize| -> Vec<Slice> {
                round.iter().filter(|(turn, _)| *turn == whose).map(|(_, slice)| *slice).collect()
            };
            let all: Vec<Slice> = rounds.iter().flat_map(|round| of(round, index)).collect();
            let ratio = |figure: &dyn Fn(Sum<'_>) -> f64| {
                let ratios = rounds
                    .iter()
                    .map(|round| figure(Sum(&of(round, index))) / figure(Sum(&of(round, 0))));
                (index > 0).then(|| Estimate::geometric(ratios)).flatten()
            };
            let warm = warm.get(index..=index).unwrap_or_default();
            Row {
                kind: kind.clone(),
                cpu_us: Sum(&all).cpu_us(),
                requests_per_second: Sum(&all).requests_per_second(),
                cpu: ratio(&|sum| sum.cpu_us()),
                throughput: ratio(&|sum| sum.requests_per_second()),
                rate: Sum(&all).rate().or_else(|| Sum(warm).rate()),
                taken: Sum(&all).taken(),
            }
        };
        Self { workload, rows: kinds.iter().enumerate().map(row).collect() }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.workload)?;
        writeln!(
            f,
            "| who watches | Hz | CPU/request, µs | change | requests/s | change | samples per CPU \
             second | samples |"
        )?;
        writeln!(f, "|---|---:|---:|---:|---:|---:|---:|---:|")?;
        for row in &self.rows {
            write!(f, "{row}")?;
        }
        writeln!(
            f,
            "\nChanges are against nothing, with the interval of 95 % over rounds. CPU time is the \
             server's alone."
        )?;
        if self.rows.iter().any(|row| row.kind.is_foreign()) {
            writeln!(f, "\n{OTHERS}")?;
        }
        for row in &self.rows {
            if let Some(Taken { lost, throttled, .. }) = row.taken
                && lost + throttled > 0
            {
                let hz = row.kind.hz().map(|hz| format!(" at {hz}")).unwrap_or_default();
                writeln!(
                    f,
                    "\n{}{hz}: {lost} samples were lost, and the kernel held samples back \
                     {throttled} times; what it costs may be more.",
                    row.kind
                )?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        writeln!(
            f,
            "| {} | {} | {} | {} | {:.0} | {} | {} | {} |",
            self.kind,
            or_none(self.kind.hz().map(|hz| hz.0.to_string())),
            or_none(self.cpu_us.is_finite().then(|| format!("{:.3}", self.cpu_us))),
            change(self.cpu),
            self.requests_per_second,
            change(self.throughput),
            or_none(self.rate.map(|rate| format!("{rate:.0}"))),
            or_none(self.taken.map(|taken| taken.samples.to_string())),
        )
    }
}

/// A ratio as a change in percent.
fn change(ratio: Option<Estimate>) -> String {
    let percent = |ratio: f64| 100.0 * (ratio - 1.0);
    match ratio {
        Some(Estimate { value, ci95: Some([low, high]) }) => {
            format!("{:+.2} % ({:+.2} to {:+.2})", percent(value), percent(low), percent(high))
        }
        Some(Estimate { value, ci95: None }) => {
            format!("{:+.2} % (one round: no interval)", percent(value))
        }
        None => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use flameload::unit::{Hertz, Nanos};

    use super::{super::kind::CallGraph, *};

    fn slice(requests: u64, cpu_ms: u64, taken: Option<Taken>) -> Slice {
        let ms = |ms: u64| Nanos(ms * 1_000_000);
        Slice { requests, elapsed: ms(1000), cpu: ms(cpu_ms), watched: ms(cpu_ms * 2), taken }
    }

    #[test]
    fn a_report_is_markdown() {
        let taken = |samples, lost| Some(Taken { samples, lost, throttled: 0 });
        let kinds =
            [Kind::Nothing, Kind::Ours(Hertz(997)), Kind::Perf(CallGraph::Dwarf, Hertz(997))];
        let warm = [slice(1, 1, None), slice(1, 1, taken(1, 0)), slice(500, 500, taken(990, 0))];
        let round = |ours: u64| {
            vec![
                (0, slice(100_000, 800, None)),
                (1, slice(99_000, ours, taken(1600, 2))),
                (2, slice(80_000, 800, None)),
                (2, slice(80_000, 800, None)),
                (1, slice(99_000, ours, taken(1600, 0))),
                (0, slice(100_000, 800, None)),
            ]
        };
        let report =
            Report::new("hyper · users".to_owned(), &kinds, &warm, &[round(804), round(806)]);
        expect![[r#"
            hyper · users

            | who watches | Hz | CPU/request, µs | change | requests/s | change | samples per CPU second | samples |
            |---|---:|---:|---:|---:|---:|---:|---:|
            | nothing | - | 8.000 | - | 100000 | - | - | - |
            | flameload | 997 | 8.131 | +1.64 % (+0.05 to +3.26) | 99000 | -1.00 % (-1.00 to -1.00) | 994 | 6400 |
            | perf record --call-graph dwarf,16384 | 997 | 10.000 | +25.00 % (+25.00 to +25.00) | 80000 | -20.00 % (-20.00 to -20.00) | 990 | - |

            Changes are against nothing, with the interval of 95 % over rounds. CPU time is the server's alone.

            perf records into /dev/null, samply into a file. How many samples they take is known of the one slice before the rounds only, in which perf has a file too.

            flameload at 997 Hz: 4 samples were lost, and the kernel held samples back 0 times; what it costs may be more.
        "#]].assert_eq(&report.to_string());
        let one = Report::new(String::new(), &kinds, &warm, &[round(804)]).to_string();
        assert!(one.contains("+1.52 % (one round: no interval)"), "{one}");
    }

    #[test]
    fn without_requests_there_is_no_change() {
        let nothing = slice(0, 0, None);
        let rounds = [vec![(0, nothing), (1, nothing)]];
        let kinds = [Kind::Nothing, Kind::Ours(Hertz(997))];
        let told = Report::new(String::new(), &kinds, &[], &rounds).to_string();
        assert!(told.contains("| flameload | 997 | - | - | 0 | - | - | - |"), "{told}");
    }
}
