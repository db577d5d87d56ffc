use std::collections::BTreeMap;

use expect_test::{expect, expect_file};
use proptest::prelude::*;
use quick_xml::{Reader, events::Event};

use super::*;
use crate::record::{
    BudgetFacts, CellFacts, CellProcessFacts, ErrorCounts, EstimateFacts, Host, LatencyFacts,
    LevelFacts, RoundFacts, Status, UtcTime,
};

fn level(connections: u32) -> LevelFacts {
    let name = format!("{} connections", crate::render::grouped(connections.into()));
    LevelFacts { name, mode: "closed".into(), connections, rate: None }
}

fn rounds(count: u32, valid: bool) -> Vec<RoundFacts> {
    let round = |round| RoundFacts {
        round,
        place: round,
        run: Some(format!("x/{round}")),
        status: if valid { Status::Complete } else { Status::Failed },
        valid,
        ..RoundFacts::default()
    };
    (1..=count).map(round).collect()
}

fn near(value: f64, share: f64) -> Option<EstimateFacts> {
    let ci95 = Some([value * (1.0 - share), value * (1.0 + share)]);
    Some(EstimateFacts { value, ci95 })
}

/// A cell of four good rounds; its speed decides the rest.
fn cell(target: &str, language: &str, connections: u32, rate: f64) -> CellFacts {
    let us = 1e6 * f64::from(connections) / rate;
    CellFacts {
        target: target.into(),
        language: language.into(),
        script: "hello".into(),
        engine: "builtin".into(),
        budget: BudgetFacts {
            name: Some("multi".into()),
            cpus: Some(4),
            server_cpus: vec![0],
            load_cpus: vec![1],
            workers: Some(4),
            memory_bytes: Some(512 << 20),
            memory_enforced: Some(false),
            ..BudgetFacts::default()
        },
        level: level(connections),
        rounds: rounds(4, true),
        counted: 4,
        valid: true,
        threads: Some(1),
        warmup_s: 2.0,
        duration_s: 10.0,
        requests: (rate * 10.0) as u64,
        requests_per_second: near(rate, 0.03),
        bytes_per_second: Some(rate * 130.0),
        latency_kind: Some("service".into()),
        latency_us: LatencyFacts {
            mean: Some(us),
            stdev: Some(us * 0.4),
            p10: Some(us * 0.7),
            p25: Some(us * 0.8),
            p50: Some(us * 0.95),
            p75: Some(us * 1.1),
            p90: Some(us * 1.3),
            p95: Some(us * 1.5),
            p99: Some(us * 2.1),
            p99_9: Some(us * 4.0),
            max: Some(us * 30.0),
        },
        latency_from: Some("histograms".into()),
        attempts: (rate * 10.0) as u64,
        error_ratio: Some(0.0),
        cpu_us_per_request: near(9.6e5 / rate, 0.01),
        cpus_used: Some(0.96),
        client_cpus_used: Some(0.6),
        rss_initial_bytes: Some(3_400_000),
        rss_peak_bytes: Some(4_200_000),
        first_call_us: Some(1_100.0),
        following_calls_us: Some(140.0),
        bottleneck: Some("server-bound".into()),
        ..CellFacts::default()
    }
}

/// Three targets at three levels, of which one collapses at the last.
fn bench() -> Bench {
    let mut bench =
        Bench::new(UtcTime::from_unix_seconds(1_795_300_424), "cargo xtask bench".into());
    bench.id = "20261121-223344-ab12".parse().expect("an id");
    bench.host = Host {
        cpu_model: Some("AMD EPYC".into()),
        cpus: 2,
        kernel: "6.18".into(),
        virtualization: Some("kvm".into()),
        ..Host::default()
    };
    (bench.rounds, bench.paired) = (4, true);
    bench.baseline = Some("hyper".into());
    for (connections, factor) in [(100, 1.0), (1_000, 0.97), (2_000, 0.9)] {
        bench.cells.push(cell("hyper", "rust", connections, 91_000.0 * factor));
        let mut go = cell("go-nethttp", "Go", connections, 52_000.0 * factor);
        (go.throughput_ratio, go.cpu_ratio) = (near(0.571, 0.04), near(1.75, 0.02));
        bench.cells.push(go);
        let mut python = cell("fastapi", "Python", connections, 4_100.0 * factor);
        (python.throughput_ratio, python.cpu_ratio) = (near(0.045, 0.05), near(22.2, 0.03));
        bench.cells.push(python);
    }
    let collapsed = bench.cells.get_mut(7).expect("there are nine");
    *collapsed = CellFacts {
        target: "go-nethttp".into(),
        language: "Go".into(),
        script: "hello".into(),
        engine: "builtin".into(),
        level: level(2_000),
        rounds: rounds(4, false),
        problems: vec![
            "rounds 1, 2, 3, 4: collapse: 557,619 of 568,419 attempts failed; the server is at \
             its limit of 1,024 open files (1,024 open): raise it with `ulimit -n`"
                .into(),
        ],
        attempts: 568_419,
        error_ratio: Some(0.981),
        errors: ErrorCounts { read: 557_619, ..ErrorCounts::default() },
        rss_initial_bytes: Some(11_800_000),
        rss_peak_bytes: Some(59_000_000),
        first_call_us: Some(2_000.0),
        ..CellFacts::default()
    };
    bench
}

#[test]
fn a_page_of_three_targets_at_three_levels() {
    expect_file!["../../tests/data/report/table.md"].assert_eq(&markdown(&bench()));
}

#[test]
fn every_figure_is_in_the_csv() {
    let csv = String::from_utf8(csv(&bench()).expect("it can be written")).expect("it is text");
    expect_file!["../../tests/data/report/table.csv"].assert_eq(&csv);
}

#[test]
fn a_chart_of_three_targets_at_three_levels() {
    let svg = String::from_utf8(chart(&bench()).expect("it can be drawn")).expect("it is text");
    expect_file!["../../tests/data/report/chart.svg"].assert_eq(&svg);
}

/// A benchmark with one text in every place that has a name or a sentence.
fn named(text: &str) -> Bench {
    let mut bench = bench();
    bench.command = text.into();
    bench.warnings = vec![text.into()];
    bench.host.cpu_model = Some(text.into());
    bench.baseline = Some(text.into());
    for cell in &mut bench.cells {
        cell.target = format!("{text}{}", cell.target);
        cell.language = text.into();
        cell.script = text.into();
        cell.engine = text.into();
        cell.level.name = format!("{text}{}", cell.level.name);
        cell.problems = vec![text.into()];
        cell.broken = vec![text.into()];
        cell.warnings = vec![text.into()];
        cell.bottleneck = Some(text.into());
        cell.flamegraph = Some(format!("a/{text}"));
        let (name, flamegraph) = (text.to_owned(), Some(text.to_owned()));
        cell.processes = vec![CellProcessFacts { name, flamegraph, ..Default::default() }];
    }
    bench
}

/// The texts of a chart, if it is XML as it should be.
#[track_caller]
fn texts(svg: &[u8]) -> String {
    let svg = std::str::from_utf8(svg).expect("it is text");
    let mut reader = Reader::from_str(svg);
    reader.config_mut().check_end_names = true;
    let (mut texts, mut depth) = (String::new(), 0_i64);
    loop {
        match reader.read_event().expect("it is XML") {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            Event::Text(text) => {
                texts += &text;
                texts.push('\n');
            }
            Event::GeneralRef(entity) => {
                let known = matches!(&*entity, "lt" | "gt" | "amp" | "quot" | "apos");
                assert!(known, "{entity:?}");
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0);
    let allowed = |c: char| c == '\n' || c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}';
    assert!(svg.chars().all(allowed), "XML has no place for some character of {svg:?}");
    texts
}

/// Every row of every table has as many cells as its header.
#[track_caller]
fn check_tables(page: &str) -> usize {
    let mut rows = 0;
    let mut columns = None;
    for line in page.lines() {
        let is_row = line.starts_with("| ");
        let bars = line.replace("\\\\", "").replace("\\|", "").matches('|').count();
        match columns {
            _ if !is_row => columns = None,
            None => columns = Some(bars),
            Some(columns) => {
                assert_eq!(bars, columns, "{line}");
                rows += 1;
            }
        }
    }
    rows
}

#[test]
fn names_are_names_in_every_format() {
    let bench = named("a|b <i>\"c\" & `d` \\ *e*, 'f'\n]]> --> _g_ ");
    let page = markdown(&bench);
    // A rule and nine rows in each of four tables.
    assert_eq!(check_tables(&page), 40);
    // Where it is code, nothing else means anything.
    let prose = page.lines().filter(|line| !line.starts_with("Made by")).collect::<String>();
    assert!(!prose.contains("<i>") && page.contains("a\\|b &lt;i&gt;"), "{page}");
    let link = "(<../../a/a%7Cb %3Ci%3E\"c\" & `d` %5C *e*, 'f']]%3E --%3E _g_ >)";
    assert!(page.contains(link), "{page}");
    let table = csv(&bench).expect("it can be written");
    let mut reader = ::csv::Reader::from_reader(table.as_slice());
    let rows: Vec<BTreeMap<String, String>> =
        reader.deserialize().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 9);
    assert_eq!(rows[0]["target"], bench.cells[0].target);
    let texts = texts(&chart(&bench).expect("it can be drawn"));
    assert!(texts.contains("a|b "), "{texts}");
}

#[test]
fn little_and_nothing_can_be_drawn() {
    let mut bench = bench();
    bench.cells.truncate(1);
    bench.cells[0].requests_per_second =
        Some(EstimateFacts { value: 1e-9, ci95: Some([0.0, 1e300]) });
    bench.cells[0].cpu_us_per_request = None;
    bench.cells[0].latency_us = LatencyFacts::default();
    texts(&chart(&bench).expect("it can be drawn"));
    bench.cells.clear();
    texts(&chart(&bench).expect("it can be drawn"));
    assert_eq!(check_tables(&markdown(&bench)), 3);
    let table = csv(&bench).expect("it can be written");
    assert_eq!(table.iter().filter(|byte| **byte == b'\n').count(), 1);
}

#[test]
fn what_holds_for_every_cell_is_said_once() {
    let mut bench = bench();
    bench.cells.truncate(6);
    for cell in &mut bench.cells {
        cell.warnings = vec!["server and load share CPUs".into()];
    }
    bench.cells[1].warnings.push("first error: reset".into());
    bench.cells[2].problems = vec!["round 3: collapse".into()];
    bench.cells[3].broken = vec!["latency.p95 at most 50000: broken in 2 of 4".into()];
    bench.cells[4].latency_from = Some("medians".into());
    let (target, level) = ("fastapi".into(), level(1_000));
    bench.cells[5] = CellFacts { target, level, ..CellFacts::default() };
    expect![[r#"
        fastapi, 100 connections: left out: round 3: collapse
        hyper, 1,000 connections: THRESHOLD latency.p95 at most 50000: broken in 2 of 4 rounds
        fastapi, 1,000 connections: not measured
        server and load share CPUs
        go-nethttp, 100 connections: first error: reset
        where an engine gives no histogram, percentiles are medians of the rounds' own
    "#]]
    .assert_eq(&notes(&bench).into_iter().map(|note| note + "\n").collect::<String>());
}

#[test]
fn several_processes_have_a_table() {
    let mut bench = bench();
    bench.cells.truncate(1);
    let process = |name: &str, us| CellProcessFacts {
        name: name.into(),
        cpu_us_per_request: near(us, 0.02),
        cpus_used: Some(us / 20.0),
        rss_initial_bytes: Some(3_000_000),
        rss_peak_bytes: Some(4_000_000),
        flamegraph: Some(format!("chain/1/cpu-{name}.svg")),
    };
    bench.cells[0].processes = vec![process("front", 12.0), process("back", 6.5)];
    let page = markdown(&bench);
    let from = page.find("## Processes").expect("a table");
    let section = page[from..].split("Made by").next().unwrap_or_default();
    expect![[r#"
        ## Processes

        | level | target | process | CPU µs/request | 95 % | CPUs used | memory after start | at its peak | flamegraph |
        | :--- | :--- | :--- | ---: | ---: | ---: | ---: | ---: | :--- |
        | 100 connections | hyper | front | 12.00 | ±2.0 % | 0.60 | 2.9 MiB | 3.8 MiB | [last round](<../../chain/1/cpu-front.svg>) |
        | 100 connections | hyper | back | 6.50 | ±2.0 % | 0.33 | 2.9 MiB | 3.8 MiB | [last round](<../../chain/1/cpu-back.svg>) |

    "#]]
    .assert_eq(section);
    let csv = String::from_utf8(csv(&bench).expect("it can be written")).expect("it is text");
    assert!(csv.contains(",front=12; back=6.5,"), "{csv}");
}

proptest! {
    #[test]
    fn any_text_may_be_a_name(text in any::<String>()) {
        let bench = named(&text);
        texts(&chart(&bench).expect("it can be drawn"));
        prop_assert_eq!(check_tables(&markdown(&bench)), 40);
        let table = csv(&bench).expect("it can be written");
        let mut rows = ::csv::Reader::from_reader(table.as_slice());
        prop_assert_eq!(rows.records().filter_map(Result::ok).count(), 9);
    }
}
