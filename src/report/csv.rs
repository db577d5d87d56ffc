//! Every figure of a benchmark, one row for each cell, for programs.

use super::ReportError;
use crate::record::{Bench, CellFacts, CellProcessFacts, EstimateFacts};

/// Names of columns and what they have of a cell.
type Fields = Vec<(String, String)>;

/// The table; a figure that could not be had is empty, and so is one that must not be quoted.
///
/// # Errors
/// When it cannot be written, which memory always lets.
pub fn csv(bench: &Bench) -> Result<Vec<u8>, ReportError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // The names are the same for each cell, and there with none.
    let names = fields(bench, &CellFacts::default()).into_iter().map(|(name, _)| name);
    writer.write_record(names)?;
    for cell in &bench.cells {
        writer.write_record(fields(bench, cell).into_iter().map(|(_, value)| value))?;
    }
    writer.into_inner().map_err(|error| ReportError::Csv(error.into_error().into()))
}

fn fields(bench: &Bench, cell: &CellFacts) -> Fields {
    let mut fields = setting(bench, cell);
    let mut add = |name: &str, value: String| fields.push((name.to_owned(), value));
    add("rounds", cell.rounds.len().to_string());
    add("rounds_counted", cell.counted.to_string());
    add("valid", cell.valid.to_string());
    add("duration_s", plain(Some(cell.duration_s)));
    add("requests", cell.requests.to_string());
    fields.extend(estimate("requests_per_second", cell.requests_per_second));
    fields.extend(estimate("throughput_ratio", cell.throughput_ratio));
    fields.push(("bytes_per_second".to_owned(), plain(cell.bytes_per_second)));
    fields.extend(latency(cell));
    fields.extend(errors(cell));
    fields.extend(estimate("cpu_us_per_request", cell.cpu_us_per_request));
    fields.extend(estimate("cpu_ratio", cell.cpu_ratio));
    let mut add = |name: &str, value: String| fields.push((name.to_owned(), value));
    add("cpus_used", plain(cell.cpus_used));
    add("client_cpus_used", plain(cell.client_cpus_used));
    add("rss_initial_bytes", whole(cell.rss_initial_bytes));
    add("rss_peak_bytes", whole(cell.rss_peak_bytes));
    add("first_call_us", plain(cell.first_call_us));
    add("following_calls_us", plain(cell.following_calls_us));
    add("bottleneck", cell.bottleneck.clone().unwrap_or_default());
    let of_process = |process: &CellProcessFacts| {
        let us = process.cpu_us_per_request.map(|estimate| estimate.value);
        format!("{}={}", process.name, plain(us))
    };
    let processes: Vec<String> = cell.processes.iter().map(of_process).collect();
    add("process_cpu_us_per_request", processes.join("; "));
    add("flamegraph", cell.flamegraph.clone().unwrap_or_default());
    add("problems", cell.problems.join("; "));
    add("thresholds_broken", cell.broken.join("; "));
    fields
}

/// What was measured, and how.
fn setting(bench: &Bench, cell: &CellFacts) -> Fields {
    let budget = &cell.budget;
    let cpus = |cpus: &[u32]| if cpus.is_empty() { String::new() } else { cpus.len().to_string() };
    [
        ("bench", bench.id.to_string()),
        ("level", cell.level.name.clone()),
        ("mode", cell.level.mode.clone()),
        ("connections", cell.level.connections.to_string()),
        ("rate", plain(cell.level.rate)),
        ("target", cell.target.clone()),
        ("language", cell.language.clone()),
        ("revision", cell.revision.clone().unwrap_or_default()),
        ("baseline", bench.baseline.clone().unwrap_or_default()),
        ("script", cell.script.clone()),
        ("engine", cell.engine.clone()),
        ("threads", whole(cell.threads.map(u64::from))),
        ("warmup_s", plain(Some(cell.warmup_s))),
        ("budget", budget.name.clone().unwrap_or_default()),
        ("budget_cpus", whole(budget.cpus.map(u64::from))),
        ("server_cpus", cpus(&budget.server_cpus)),
        ("load_cpus", cpus(&budget.load_cpus)),
        ("workers", whole(budget.workers.map(u64::from))),
        ("db_connections", whole(budget.db_connections.map(u64::from))),
        ("memory_bytes", whole(budget.memory_bytes)),
        ("memory_enforced", budget.memory_enforced.map(|is| is.to_string()).unwrap_or_default()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn latency(cell: &CellFacts) -> Fields {
    let us = &cell.latency_us;
    let mut fields = vec![
        ("latency_kind".to_owned(), cell.latency_kind.clone().unwrap_or_default()),
        ("latency_from".to_owned(), cell.latency_from.clone().unwrap_or_default()),
    ];
    let figures = [
        ("mean", us.mean),
        ("stdev", us.stdev),
        ("p10", us.p10),
        ("p25", us.p25),
        ("p50", us.p50),
        ("p75", us.p75),
        ("p90", us.p90),
        ("p95", us.p95),
        ("p99", us.p99),
        ("p99_9", us.p99_9),
        ("max", us.max),
    ];
    fields.extend(figures.map(|(name, us)| (format!("latency_{name}_us"), plain(us))));
    fields
}

fn errors(cell: &CellFacts) -> Fields {
    let mut fields = vec![
        ("attempts".to_owned(), cell.attempts.to_string()),
        ("errors".to_owned(), cell.errors.total().to_string()),
        ("error_ratio".to_owned(), plain(cell.error_ratio)),
    ];
    let classes = cell.errors.by_class();
    fields.extend(classes.map(|(class, count)| (format!("errors_{class}"), count.to_string())));
    fields
}

fn estimate(name: &str, estimate: Option<EstimateFacts>) -> Fields {
    let [low, high] =
        estimate.and_then(|estimate| estimate.ci95).map_or([None; 2], |ends| ends.map(Some));
    vec![
        (name.to_owned(), plain(estimate.map(|estimate| estimate.value))),
        (format!("{name}_low"), plain(low)),
        (format!("{name}_high"), plain(high)),
    ]
}

fn whole(number: Option<u64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// Four digits after the point, unless they are zeros.
fn plain(number: Option<f64>) -> String {
    let Some(number) = number else { return String::new() };
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
