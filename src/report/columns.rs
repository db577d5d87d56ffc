//! What the columns of the tables are.

use super::{
    grid::{Column, Grid},
    words::{
        NONE, bytes, classes, cpu, duration, failed, headline, number, ratio, reach, transfer,
    },
};
use crate::{
    record::{Bench, CellFacts, CellProcessFacts},
    render::grouped,
};

/// What a cell of a table says of a cell of a benchmark.
type Text = fn(&Bench, &CellFacts) -> String;

/// A column to be: its title, whether it has words, and what it says.
type Def = (String, bool, Text);

fn words(title: &str, text: Text) -> Def {
    (title.to_owned(), true, text)
}

fn numbers(title: &str, text: Text) -> Def {
    (title.to_owned(), false, text)
}

/// The rows of these cells under these columns.
fn grid<'a>(
    bench: &Bench,
    cells: impl IntoIterator<Item = &'a CellFacts>,
    columns: Vec<Def>,
) -> Grid {
    let rows = cells.into_iter().map(|cell| {
        let texts = columns.iter().map(|(.., text)| text(bench, cell));
        texts.collect()
    });
    let rows = rows.collect();
    let columns = columns.into_iter().map(|(title, is_text, _)| Column { title, is_text });
    Grid { columns: columns.collect(), rows }
}

/// What names a row.
fn names() -> Vec<Def> {
    vec![
        words("level", |_, cell| cell.level.name.clone()),
        words("target", |_, cell| cell.target.clone()),
    ]
}

/// The column of a ratio to the baseline, if there is one.
fn over_baseline(bench: &Bench, text: Text) -> Vec<Def> {
    let title = bench.baseline.as_ref().map(|baseline| format!("× {baseline}"));
    title.into_iter().map(|title| numbers(&title, text)).collect()
}

fn throughput_ratio(bench: &Bench, cell: &CellFacts) -> String {
    match is_baseline(bench, cell) && cell.valid {
        true => "1".to_owned(),
        false => ratio(cell.throughput_ratio),
    }
}

fn cpu_ratio(bench: &Bench, cell: &CellFacts) -> String {
    match is_baseline(bench, cell) && cell.cpu_us_per_request.is_some() {
        true => "1".to_owned(),
        false => ratio(cell.cpu_ratio),
    }
}

fn is_baseline(bench: &Bench, cell: &CellFacts) -> bool {
    bench.baseline.as_ref() == Some(&cell.target)
}

/// The table of one level for a terminal: what is asked first.
pub fn compact<'a>(bench: &Bench, level: impl IntoIterator<Item = &'a CellFacts>) -> Grid {
    let mut columns = vec![
        words("target", |_, cell| cell.target.clone()),
        numbers("requests/s", |_, cell| headline(cell)),
        numbers("95 %", |_, cell| reach(cell.requests_per_second)),
    ];
    columns.extend(over_baseline(bench, throughput_ratio));
    columns.extend([
        numbers("p50", |_, cell| duration(cell.latency_us.p50)),
        numbers("p99", |_, cell| duration(cell.latency_us.p99)),
        numbers("errors", |_, cell| failed(cell)),
        numbers("CPU µs/req", |_, cell| cpu(cell.cpu_us_per_request)),
        numbers("peak memory", |_, cell| bytes(cell.rss_peak_bytes)),
        words("limit", |_, cell| cell.bottleneck.clone().unwrap_or_else(|| NONE.to_owned())),
    ]);
    grid(bench, level, columns)
}

/// How much the targets can do.
pub fn throughput(bench: &Bench) -> Grid {
    let mut columns = names();
    columns.extend([
        numbers("requests/s", |_, cell| headline(cell)),
        numbers("95 %", |_, cell| reach(cell.requests_per_second)),
    ]);
    columns.extend(over_baseline(bench, throughput_ratio));
    columns.extend([
        numbers("transfer", |_, cell| transfer(cell.bytes_per_second)),
        numbers("requests", |_, cell| match cell.requests {
            0 => NONE.to_owned(),
            requests => grouped(requests),
        }),
        numbers("failed", |_, cell| failed(cell)),
        words("errors", |_, cell| classes(&cell.errors)),
    ]);
    grid(bench, &bench.cells, columns)
}

/// How long requests take.
pub fn latency(bench: &Bench) -> Grid {
    let mut columns = names();
    columns.extend([
        numbers("mean", |_, cell| duration(cell.latency_us.mean)),
        numbers("stdev", |_, cell| duration(cell.latency_us.stdev)),
        numbers("p50", |_, cell| duration(cell.latency_us.p50)),
        numbers("p75", |_, cell| duration(cell.latency_us.p75)),
        numbers("p90", |_, cell| duration(cell.latency_us.p90)),
        numbers("p95", |_, cell| duration(cell.latency_us.p95)),
        numbers("p99", |_, cell| duration(cell.latency_us.p99)),
        numbers("p99.9", |_, cell| duration(cell.latency_us.p99_9)),
        numbers("max", |_, cell| duration(cell.latency_us.max)),
    ]);
    grid(bench, &bench.cells, columns)
}

/// What each process of a target with several uses; empty where there is no such target.
pub fn processes(bench: &Bench) -> Grid {
    let titles = ["level", "target", "process", "CPU µs/request", "95 %", "CPUs used"];
    let titles = titles.into_iter().chain(["memory after start", "at its peak"]);
    let columns = titles.enumerate().map(|(index, title)| {
        let (title, is_text) = (title.to_owned(), index < 3);
        Column { title, is_text }
    });
    let of_cell = |cell: &CellFacts| {
        let (level, target) = (cell.level.name.clone(), cell.target.clone());
        let row = move |process: &CellProcessFacts| {
            vec![
                level.clone(),
                target.clone(),
                process.name.clone(),
                cpu(process.cpu_us_per_request),
                reach(process.cpu_us_per_request),
                number(process.cpus_used),
                bytes(process.rss_initial_bytes),
                bytes(process.rss_peak_bytes),
            ]
        };
        cell.processes.iter().map(row).collect::<Vec<_>>()
    };
    Grid { columns: columns.collect(), rows: bench.cells.iter().flat_map(of_cell).collect() }
}

/// What the targets use.
pub fn resources(bench: &Bench) -> Grid {
    let mut columns = names();
    columns.extend([
        numbers("CPU µs/request", |_, cell| cpu(cell.cpu_us_per_request)),
        numbers("95 %", |_, cell| reach(cell.cpu_us_per_request)),
    ]);
    columns.extend(over_baseline(bench, cpu_ratio));
    columns.extend([
        numbers("CPUs used", |_, cell| number(cell.cpus_used)),
        numbers("memory after start", |_, cell| bytes(cell.rss_initial_bytes)),
        numbers("at its peak", |_, cell| bytes(cell.rss_peak_bytes)),
        numbers("first call", |_, cell| duration(cell.first_call_us)),
        numbers("next calls", |_, cell| duration(cell.following_calls_us)),
        words("limit", |_, cell| cell.bottleneck.clone().unwrap_or_else(|| NONE.to_owned())),
    ]);
    grid(bench, &bench.cells, columns)
}
