use std::path::PathBuf;

use crate::record::{
    CellFacts, EstimateFacts, LatencyFacts, LevelFacts, RoundFacts, Status, UtcTime,
};
use expect_test::expect;

use super::*;

fn cell(target: &str, connections: u32, rate: f64) -> CellFacts {
    let near = |value: f64| Some(EstimateFacts { value, ci95: Some([value * 0.97, value * 1.03]) });
    let round = RoundFacts { run: Some("x/1".into()), ..RoundFacts::default() };
    CellFacts {
        target: target.into(),
        script: "hello".into(),
        engine: "builtin".into(),
        level: LevelFacts {
            name: format!("{connections} connections"),
            mode: "closed".into(),
            connections,
            rate: None,
        },
        rounds: vec![round; 2],
        counted: 2,
        valid: true,
        warmup_s: 2.0,
        duration_s: 4.0,
        requests_per_second: near(rate),
        latency_us: LatencyFacts {
            p50: Some(1e6 / rate),
            p99: Some(3e6 / rate),
            ..LatencyFacts::default()
        },
        cpu_us_per_request: near(9e5 / rate),
        rss_peak_bytes: Some(4_200_000),
        bottleneck: Some("server-bound".into()),
        ..CellFacts::default()
    }
}

fn bench() -> Bench {
    let mut bench = Bench::new(UtcTime::from_unix_seconds(0), String::new());
    bench.baseline = Some("hyper".into());
    (bench.rounds, bench.paired) = (2, true);
    let mut go = cell("go-nethttp", 8, 40_000.0);
    go.throughput_ratio = Some(EstimateFacts { value: 0.5, ci95: Some([0.48, 0.52]) });
    let mut collapsed = cell("go-nethttp", 2_000, 1.0);
    (collapsed.valid, collapsed.requests_per_second, collapsed.cpu_us_per_request) =
        (false, None, None);
    collapsed.latency_us = LatencyFacts::default();
    collapsed.rounds.iter_mut().for_each(|round| round.status = Status::Failed);
    collapsed.problems = vec!["rounds 1, 2: the server is at its limit of open files".into()];
    (collapsed.errors.read, collapsed.error_ratio) = (9, Some(0.981));
    let flamegraph = Some("hyper/1/cpu.svg".into());
    let hyper = CellFacts { flamegraph, ..cell("hyper", 2_000, 80_000.0) };
    bench.cells = vec![cell("hyper", 8, 80_000.0), go, hyper, collapsed];
    bench.warnings = vec!["unlike budgets: workers 1 (hyper), 4 (go-nethttp)".into()];
    bench
}

const PLAIN: Look = Look { width: Width(Some(60)), color: false };

#[test]
fn levels_stand_below_each_other_with_their_bars() {
    expect![[r#"
        hello: hyper, go-nethttp
          builtin engine · closed loop · 2 rounds of 2 s in turns ·
          2 s of warm-up each · not profiled
          1970-01-01
          BEWARE unlike budgets: workers 1 (hyper), 4 (go-nethttp)

        8 connections
          target      requests/s    95 %              × hyper    p50
                p99  errors  CPU µs/req  peak memory  limit
          hyper           80,000  ±3.0 %                    1  12 µs
              38 µs    none       11.25      4.0 MiB  server-bound
          go-nethttp      40,000  ±3.0 %  0.50 (0.48 to 0.52)  25 µs
              75 µs    none       22.50      4.0 MiB  server-bound

          requests/s
          hyper       ████████████████████████████████ 80,000
          go-nethttp  ████████████████ 40,000

          CPU µs/request
          hyper       ████████████████ 11.25
          go-nethttp  ████████████████████████████████ 22.50

        2000 connections
          target      requests/s    95 %  × hyper    p50    p99
              errors  CPU µs/req  peak memory  limit
          hyper           80,000  ±3.0 %        1  12 µs  38 µs
                none       11.25      4.0 MiB  server-bound
          go-nethttp   NOT VALID       -        -      -      -
              98.1 %           -      4.0 MiB  server-bound

          requests/s
          hyper       ████████████████████████████████ 80,000
          go-nethttp  NOT VALID

          CPU µs/request
          hyper       ████████████████████████████████ 11.25
          go-nethttp  NOT VALID

          go-nethttp, 2000 connections: NOT VALID: rounds 1, 2: the
          server is at its limit of open files

          tables       flamegraphs/bench/1/table.md
          chart        flamegraphs/bench/1/chart.svg
          flamegraph   flamegraphs/hyper/1/cpu.svg (hyper, 2000 connections)
    "#]]
    .assert_eq(&text(&bench(), &PathBuf::from("flamegraphs/bench/1"), PLAIN));
}

#[test]
fn colors_are_for_terminals() {
    let directory = PathBuf::from("flamegraphs/bench/1");
    let colored = text(&bench(), &directory, Look { color: true, ..PLAIN });
    assert!(colored.contains("\x1b[1;31mNOT VALID\x1b[0m"), "{colored}");
    let mut plain = String::new();
    for (index, part) in colored.split("\x1b[").enumerate() {
        let rest = part.split_once('m').map_or("", |(_, rest)| rest);
        plain += if index == 0 { part } else { rest };
    }
    assert_eq!(plain, text(&bench(), &directory, PLAIN));
    assert!(!text(&bench(), &directory, PLAIN).contains('\x1b'));
}
