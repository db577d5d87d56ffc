//! The load's part of a summary: throughput, latencies, schedule, errors, stages, thresholds.

use crate::{
    record::{ErrorFacts, LatencyFacts, LoadFacts, Run, StageFacts, ThresholdFacts},
    render::grouped,
    unit::{Bytes, Ratio},
};

use super::figure;

/// How many kinds of errors a summary shows.
const KINDS: usize = 5;

/// The lines, each with its label.
pub(super) fn lines(run: &Run) -> Vec<(&'static str, String)> {
    let load = &run.load;
    let mut lines = vec![("throughput", throughput(load))];
    if !load.engine_command.iter().all(String::is_empty) {
        lines.push(("engine", engine(load)));
    }
    match load.latency_kind.as_deref() {
        Some("response") => {
            lines.push(("response", latency(&load.latency_us)));
            lines.push(("service", latency(&load.service_us)));
            lines.extend(schedule(load).map(|line| ("schedule", line)));
        }
        _ => {
            lines.push(("latency", latency(&load.latency_us)));
            if load.mode == "closed" {
                let note = "closed loop: service time at saturation, not what users would wait";
                lines.push(("", note.to_owned()));
            }
        }
    }
    lines.push(("errors", errors(load)));
    lines.extend(load.errors.detail.iter().take(KINDS).map(|kind| ("", error(kind))));
    lines.extend(run.diagnosis.iter().map(|diagnosis| ("DIAGNOSIS", diagnosis.clone())));
    if let Some(found) = &run.bottleneck {
        lines.push(("bottleneck", format!("{}: {}", found.verdict, found.why)));
    }
    lines.extend(statuses(load).map(|line| ("statuses", line)));
    lines.extend(load.stages.iter().map(|row| ("stage", stage(row))));
    for request in &load.by_request {
        let text = format!(
            "{}: {} requests/s, {}{}",
            request.name,
            rate(request.requests_per_second),
            latency(&request.service_us),
            failed(request.errors)
        );
        lines.push(("request", text));
    }
    lines.extend(run.thresholds.iter().map(|limit| ("threshold", threshold(limit))));
    lines
}

fn throughput(load: &LoadFacts) -> String {
    // Not every tool counts them.
    let bytes = load.bytes_per_second.map(|bytes| format!(", {}/s", Bytes(bytes as u64)));
    let bytes = bytes.unwrap_or_default();
    let loops = format!(
        "{} connection{}, {} loop",
        load.connections,
        if load.connections == 1 { "" } else { "s" },
        load.mode
    );
    if !load.valid {
        return format!("NOT VALID ({loops})");
    }
    format!("{} requests/s{bytes}, {loops}", rate(load.requests_per_second))
}

fn engine(load: &LoadFacts) -> String {
    let version = load.engine_version.as_deref().unwrap_or("unknown version");
    let command = load.engine_command.as_deref().unwrap_or_default();
    format!("{} ({version}): {command}", load.engine)
}

/// The percentiles of a latency.
fn latency(us: &LatencyFacts) -> String {
    format!(
        "p50 {}, p90 {}, p99 {}, p99.9 {}, max {}",
        duration(us.p50),
        duration(us.p90),
        duration(us.p99),
        duration(us.p99_9),
        duration(us.max)
    )
}

/// Microseconds as a reader wants them.
pub(super) fn duration(us: Option<f64>) -> String {
    match us {
        Some(us) if us >= 1e6 => format!("{:.2} s", us / 1e6),
        Some(us) if us >= 1000.0 => format!("{:.2} ms", us / 1000.0),
        Some(us) => format!("{us:.0} µs"),
        None => "-".to_owned(),
    }
}

/// Requests a second with as many digits as tell slow loads apart.
fn rate(per_second: Option<f64>) -> String {
    let digits = match per_second {
        Some(rate) if rate < 10.0 => 2,
        Some(rate) if rate < 100.0 => 1,
        _ => 0,
    };
    figure(per_second, digits)
}

fn schedule(load: &LoadFacts) -> Option<String> {
    let target = load.rate_target?;
    Some(format!(
        "{} of {} requests/s sent ({} of those due), at most {} late, backlog at most \
         {}, {} dropped",
        rate(load.rate_achieved),
        rate(Some(target)),
        load.achieved_ratio.map_or("-".to_owned(), |ratio| Ratio(ratio).to_string()),
        duration(load.schedule_lag_max_us),
        load.backlog_max.unwrap_or(0),
        load.dropped.unwrap_or(0)
    ))
}

fn errors(load: &LoadFacts) -> String {
    let classes: Vec<String> = load
        .errors
        .by_class()
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(class, count)| format!("{class} {}", grouped(count)))
        .collect();
    if classes.is_empty() {
        return "none".to_owned();
    }
    let (failed, attempts) = (grouped(load.errors.total()), grouped(load.attempts));
    let share = load.error_ratio.map(|ratio| format!(" ({})", Ratio(ratio))).unwrap_or_default();
    format!("{failed} of {attempts} attempts failed{share}: {}", classes.join(", "))
}

fn error(kind: &ErrorFacts) -> String {
    let ErrorFacts { phase, cause, connection, count, first_s, last_s } = kind;
    format!(
        "{} x {phase}: {cause}, on a {connection} connection, {first_s:.1} s to {last_s:.1} s",
        grouped(*count)
    )
}

/// Good responses by status, where several are good.
fn statuses(load: &LoadFacts) -> Option<String> {
    let count = |(status, count): (&String, &u64)| {
        let share = Ratio(*count as f64 / load.requests as f64);
        format!("{status}: {} ({share})", grouped(*count))
    };
    let counts: Vec<String> = load.by_status.iter().map(count).collect();
    (!counts.is_empty()).then(|| counts.join(", "))
}

fn stage(row: &StageFacts) -> String {
    let mark = if row.record { "" } else { " (not recorded)" };
    format!(
        "{}: {} to {} in {:.1} s{mark}: {} requests/s, p99 {}, {} µs CPU/request{}",
        row.index,
        row.level_from,
        row.level_to,
        row.duration_s,
        figure(row.requests_per_second, 0),
        duration(row.latency_us.p99),
        figure(row.server_cpu_us_per_request, 2),
        failed(row.errors)
    )
}

fn failed(errors: u64) -> String {
    if errors == 0 { String::new() } else { format!(", {} failed", grouped(errors)) }
}

fn threshold(limit: &ThresholdFacts) -> String {
    let bounds: Vec<String> = [("at least", limit.min), ("at most", limit.max)]
        .into_iter()
        .filter_map(|(word, bound)| Some(format!("{word} {}", in_unit(&limit.metric, bound?))))
        .collect();
    let mark = if limit.passed { "kept" } else { "BROKEN" };
    let value = limit.value.map_or("-".to_owned(), |value| in_unit(&limit.metric, value));
    let reason = limit.reason.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
    let aborted = if limit.aborted { ", and ended the measurement" } else { "" };
    format!("{mark}: {} {}, is {value}{reason}{aborted}", limit.metric, bounds.join(", "))
}

/// A figure of a metric: microseconds of the record as a time, everything else as it is.
fn in_unit(metric: &str, value: f64) -> String {
    let is_time = ["latency.", "service.", "cpu_us"].iter().any(|start| metric.starts_with(start));
    match metric {
        _ if is_time => duration(Some(value)),
        "rps" => format!("{} requests/s", rate(Some(value))),
        _ if value.fract() == 0.0 => format!("{value}"),
        _ => plain(value),
    }
}

/// A figure of any size.
fn plain(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::record::{BottleneckFacts, ErrorCounts, TargetFacts, UtcTime};
    use expect_test::{Expect, expect};

    use super::*;

    fn run(load: LoadFacts) -> Run {
        let mut run = Run::new(UtcTime::now(), String::new(), TargetFacts::default());
        run.load = load;
        run
    }

    #[track_caller]
    fn check(run: &Run, expected: Expect) {
        let lines = lines(run).into_iter().map(|(label, text)| format!("{label}| {text}\n"));
        expected.assert_eq(&lines.collect::<String>());
    }

    fn latencies(p50: f64) -> LatencyFacts {
        LatencyFacts {
            p50: Some(p50),
            p90: Some(p50 * 2.0),
            p99: Some(p50 * 3.0),
            p99_9: Some(p50 * 4.0),
            max: Some(p50 * 50.0),
            ..LatencyFacts::default()
        }
    }

    #[test]
    fn a_closed_loop_says_what_its_latency_is_not() {
        let mut run = run(LoadFacts {
            mode: "closed".into(),
            connections: 64,
            requests_per_second: Some(64_123.4),
            bytes_per_second: Some(1e6),
            latency_kind: Some("service".into()),
            latency_us: latencies(300.0),
            valid: true,
            ..LoadFacts::default()
        });
        run.bottleneck =
            Some(BottleneckFacts { verdict: "server-bound".into(), why: "it was busy".into() });
        check(
            &run,
            expect![[r#"
            throughput| 64123 requests/s, 976.6 KiB/s, 64 connections, closed loop
            latency| p50 300 µs, p90 600 µs, p99 900 µs, p99.9 1.20 ms, max 15.00 ms
            | closed loop: service time at saturation, not what users would wait
            errors| none
            bottleneck| server-bound: it was busy
        "#]],
        );
    }

    #[test]
    fn an_open_loop_says_how_it_kept_its_schedule() {
        let mut run = run(LoadFacts {
            mode: "open".into(),
            connections: 512,
            requests_per_second: Some(19_990.0),
            latency_kind: Some("response".into()),
            latency_us: latencies(900.0),
            service_us: latencies(100.0),
            rate_target: Some(20_000.0),
            rate_achieved: Some(19_998.0),
            achieved_ratio: Some(0.9999),
            schedule_lag_max_us: Some(1_234.0),
            backlog_max: Some(3),
            dropped: Some(0),
            valid: true,
            ..LoadFacts::default()
        });
        run.load.stages = vec![StageFacts {
            level_from: 0.0,
            level_to: 20_000.0,
            duration_s: 30.0,
            requests_per_second: Some(9_876.0),
            errors: 3,
            ..StageFacts::default()
        }];
        run.thresholds = vec![
            ThresholdFacts {
                metric: "latency.p99".into(),
                max: Some(25_000.0),
                value: Some(2_700.0),
                passed: true,
                ..ThresholdFacts::default()
            },
            ThresholdFacts {
                metric: "errors.rate".into(),
                max: Some(0.01),
                value: Some(0.02),
                aborted: true,
                ..ThresholdFacts::default()
            },
        ];
        check(
            &run,
            expect![[r#"
            throughput| 19990 requests/s, 512 connections, open loop
            response| p50 900 µs, p90 1.80 ms, p99 2.70 ms, p99.9 3.60 ms, max 45.00 ms
            service| p50 100 µs, p90 200 µs, p99 300 µs, p99.9 400 µs, max 5.00 ms
            schedule| 19998 of 20000 requests/s sent (100.0 % of those due), at most 1.23 ms late, backlog at most 3, 0 dropped
            errors| none
            stage| 0: 0 to 20000 in 30.0 s (not recorded): 9876 requests/s, p99 -, - µs CPU/request, 3 failed
            threshold| kept: latency.p99 at most 25.00 ms, is 2.70 ms
            threshold| BROKEN: errors.rate at most 0.0100, is 0.0200, and ended the measurement
        "#]],
        );
    }

    #[test]
    fn a_collapse_has_no_rate() {
        let mut run = run(LoadFacts {
            mode: "closed".into(),
            connections: 2_000,
            requests_per_second: Some(360.0),
            attempts: 568_419,
            error_ratio: Some(0.981),
            errors: ErrorCounts {
                read: 557_619,
                detail: vec![ErrorFacts {
                    phase: "first byte".into(),
                    cause: "closed by the server".into(),
                    connection: "new".into(),
                    count: 557_619,
                    first_s: 0.15,
                    last_s: 1.1,
                }],
                ..ErrorCounts::default()
            },
            ..LoadFacts::default()
        });
        run.diagnosis = Some("the server is at its limit of 1,024 open files".into());
        check(
            &run,
            expect![[r#"
            throughput| NOT VALID (2000 connections, closed loop)
            latency| p50 -, p90 -, p99 -, p99.9 -, max -
            | closed loop: service time at saturation, not what users would wait
            errors| 557,619 of 568,419 attempts failed (98.1 %): read 557,619
            | 557,619 x first byte: closed by the server, on a new connection, 0.1 s to 1.1 s
            DIAGNOSIS| the server is at its limit of 1,024 open files
        "#]],
        );
    }
}
