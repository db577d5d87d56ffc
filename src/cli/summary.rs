//! What a run came to, for a reader at a terminal.

mod alone;
mod budget;
mod load;
mod sampling;
mod sweep;

use crate::{
    measure::Finished,
    record::{ProcessFacts, Run, Status},
    render::plus_minus,
    unit::Bytes,
};

use crate::cli::{
    out::{self, shown_path},
    width::Width,
};
pub(crate) use sweep::{Sweep, level};

/// How many of the hottest functions a summary shows.
const HOTTEST: usize = 5;
/// How wide a column of costs is.
const COST: usize = 15;

/// Prints the record as one line of JSON, or the summary.
pub(crate) fn print(finished: &Finished, json: bool) -> anyhow::Result<()> {
    if json {
        return out::print(&(serde_json::to_string(&finished.run)? + "\n"));
    }
    let width = Width::of_stdout();
    let mut pictures = String::new();
    for (label, file) in sampling::pictures(&finished.run) {
        pictures += &width.line(label, &shown_path(&finished.directory.join(file)));
    }
    out::print(&format!("{}\n{pictures}", text(&finished.run, width)))
}

fn text(run: &Run, width: Width) -> String {
    let mut out = format!("{} · {}\n", run.target.name, run.load.script);
    let mut line = |label: &str, value: String| out += &width.line(label, &value);
    match run.status {
        Status::Complete => {}
        Status::Interrupted => line("INTERRUPTED", "what was measured until then".to_owned()),
        Status::Failed => line("FAILED", run.reason.clone().unwrap_or_default()),
    }
    for (label, value) in load::lines(run) {
        line(label, value);
    }
    if let Some(budget) = budget::line(&run.budget) {
        line("budget", budget);
    }
    line("CPU", cpu(run));
    line("memory", memory(run));
    for process in run.processes.iter().filter(|_| run.processes.len() > 1) {
        line(&format!("  {}", process.name), own(process));
    }
    for (label, value) in sampling::lines(run) {
        line(label, value);
    }
    for warning in &run.warnings {
        line("WARNING", warning.clone());
    }
    out.push_str(&hottest(run, width));
    out.push_str(&alone::text(run, width));
    out
}

fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
}

fn cpu(run: &Run) -> String {
    format!(
        "{} µs/request on {} CPUs (load generator: {} µs/request)",
        figure(run.server.cpu_us_per_request, 2),
        figure(run.server.cpus_used, 2),
        figure(run.client.cpu_us_per_request, 2)
    )
}

fn memory(run: &Run) -> String {
    let following = run.server.following_calls_us.as_ref().and_then(|calls| calls.p50);
    let then =
        following.map(|us| format!(", then {}", load::duration(Some(us)))).unwrap_or_default();
    format!(
        "{} after start, {} at its peak; first call {}{then}",
        bytes(run.server.rss_initial_bytes),
        bytes(run.server.rss_peak_bytes),
        load::duration(run.server.first_call_us)
    )
}

/// What one of several processes used.
fn own(process: &ProcessFacts) -> String {
    let memory = format!(
        "{} after start, {} at its peak",
        bytes(process.rss_initial_bytes),
        bytes(process.rss_peak_bytes)
    );
    match process.samples {
        Some(samples) => format!(
            "{} µs/request on {} CPUs; {memory}; {samples} samples",
            figure(process.cpu_us_per_request, 2),
            figure(process.cpus_used, 2)
        ),
        None => format!("{memory}; not profiled"),
    }
}

fn bytes(bytes: Option<u64>) -> String {
    bytes.map_or("-".to_owned(), |bytes| Bytes(bytes).to_string())
}

fn hottest(run: &Run, width: Width) -> String {
    if run.hottest.is_empty() {
        return String::new();
    }
    let row = |own: &str, total: &str, name: &str| {
        vec![format!("{own:>COST$}"), total.to_owned(), name.to_owned()]
    };
    let mut rows = vec![row("self", &format!("{:>COST$}", "total"), "hottest functions")];
    rows.push(row("µs/request", "µs/request", ""));
    rows.extend(run.hottest.iter().take(HOTTEST).map(|frame| {
        let own = cost(frame.self_us_per_request, frame.self_ci95);
        row(&own, &cost(frame.total_us_per_request, frame.total_ci95), &frame.name)
    }));
    format!("\n{}", width.table(&rows, |column| column == 2, Some(2)))
}

/// A cost with half of its interval.
fn cost(us: Option<f64>, ci95: Option<[f64; 2]>) -> String {
    match (us, ci95) {
        (Some(us), Some([low, high])) => plus_minus(us, (high - low) / 2.0),
        (us, _) => figure(us, 3),
    }
}
