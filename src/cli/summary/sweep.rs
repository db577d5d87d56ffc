//! The levels of a sweep side by side.

use std::path::PathBuf;

use crate::{
    load::{Extent, Pace, Script},
    measure::Finished,
    record::{Run, Status},
    render::grouped,
    unit::Ratio,
};

use super::{figure, load::duration};
use crate::cli::{out::shown_path, width::Width};

/// The levels of a sweep, in their order.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    level: String,
    cells: [String; 5],
    end: String,
}

const TITLES: [&str; 5] = ["requests/s", "p99", "errors", "µs CPU/req", "verdict"];

/// What is different from level to level.
pub(crate) fn level(script: &Script) -> String {
    let staged = matches!(script.extent, Extent::Stages { .. });
    let most = if staged { "up to " } else { "" };
    match script.pace {
        Pace::Closed { connections, .. } => format!("{most}{connections} connections"),
        Pace::Open { rate, .. } => format!("{most}{rate} requests/s"),
    }
}

impl Sweep {
    /// A level that was measured.
    pub(crate) fn add(&mut self, level: &str, finished: &Finished) {
        let svg: PathBuf = finished.directory.join("cpu.svg");
        let (cells, end) = (cells(&finished.run), shown_path(&svg));
        self.rows.push(Row { level: level.to_owned(), cells, end });
    }

    /// A level that could not be measured.
    pub(crate) fn fail(&mut self, level: &str, error: &anyhow::Error) {
        let cells = ["-", "-", "-", "-", "failed"].map(str::to_owned);
        self.rows.push(Row { level: level.to_owned(), cells, end: error.to_string() });
    }

    /// The table.
    pub(crate) fn table(&self, width: Width) -> String {
        let row = |level: &str, cells: &[String; 5], end: &str| {
            let (level, end) = ([level.to_owned()], [end.to_owned()]);
            [&level[..], cells, &end].concat()
        };
        let mut rows = vec![row("level", &TITLES.map(str::to_owned), "flamegraph")];
        rows.extend(self.rows.iter().map(|it| row(&it.level, &it.cells, &it.end)));
        width.flush(&rows, |column| column == 0 || column == 6)
    }
}

fn cells(run: &Run) -> [String; 5] {
    let load = &run.load;
    let headline = |text: String| if load.valid { text } else { "-".to_owned() };
    let rate = match load.requests_per_second {
        _ if !load.valid => "NOT VALID".to_owned(),
        Some(rate) => grouped(rate.max(0.0).round() as u64),
        None => "-".to_owned(),
    };
    let errors = match (load.errors.total(), load.error_ratio) {
        (0, _) => "none".to_owned(),
        (_, Some(ratio)) => Ratio(ratio).to_string(),
        (count, None) => grouped(count),
    };
    let verdict = match run.status {
        Status::Failed => "failed".to_owned(),
        Status::Interrupted => "interrupted".to_owned(),
        Status::Complete => {
            run.bottleneck.as_ref().map_or("-".to_owned(), |found| found.verdict.clone())
        }
    };
    [
        rate,
        headline(duration(load.latency_us.p99)),
        errors,
        headline(figure(run.server.cpu_us_per_request, 2)),
        verdict,
    ]
}

#[cfg(test)]
mod tests {
    use crate::record::{BottleneckFacts, LatencyFacts, LoadFacts, TargetFacts, UtcTime};
    use expect_test::expect;

    use super::*;

    #[test]
    fn levels_stand_below_each_other() {
        let mut run = Run::new(UtcTime::now(), String::new(), TargetFacts::default());
        run.load = LoadFacts {
            requests_per_second: Some(74_123.4),
            latency_us: LatencyFacts { p99: Some(1_834.0), ..LatencyFacts::default() },
            valid: true,
            ..LoadFacts::default()
        };
        run.server.cpu_us_per_request = Some(12.345);
        run.bottleneck = Some(BottleneckFacts { verdict: "server-bound".into(), why: "".into() });
        let mut sweep = Sweep::default();
        let directory = PathBuf::from("flamegraphs/hyper/1");
        sweep.add("100 connections", &Finished { run: run.clone(), directory: directory.clone() });
        run.status = Status::Failed;
        (run.load.valid, run.load.errors.read, run.load.error_ratio) = (false, 9, Some(0.981));
        sweep.add("2000 connections", &Finished { run, directory });
        sweep.fail("20000 connections", &anyhow::anyhow!("too few descriptors"));
        expect![[r#"
            level              requests/s      p99  errors  µs CPU/req       verdict  flamegraph
            100 connections        74,123  1.83 ms    none       12.35  server-bound  flamegraphs/hyper/1/cpu.svg
            2000 connections    NOT VALID        -  98.1 %           -        failed  flamegraphs/hyper/1/cpu.svg
            20000 connections           -        -       -           -        failed  too few descriptors
        "#]].assert_eq(&sweep.table(Width::ANY));
    }
}
