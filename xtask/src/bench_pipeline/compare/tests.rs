use expect_test::expect;
use flameload::unit::Ratio;

use super::{super::shares::Shares, *};

fn round(post_ms: u64, hand: Option<[u64; 4]>) -> Round {
    let shares = Shares { rootless: Ratio(0.032), nameless: Ratio(0.0) };
    let ours = ours::Round {
        post: Duration::from_millis(post_ms),
        stop: Duration::from_millis(20),
        symbolize: Duration::from_millis(80),
        run: Bytes(1 << 20),
        temporary: Bytes(0),
        shares,
        samples: 5000,
        truncated: Some(Ratio(0.0)),
        unknown: None,
        lost: 0,
        throttled: 0,
        requests_per_second: Some(30_000.4),
    };
    let hand = hand.map(|times| {
        let [record, script, collapse, flamegraph] = times.map(Duration::from_millis);
        hand::Round {
            record,
            script,
            collapse,
            flamegraph,
            perf_data: Bytes(200 << 20),
            svg: Bytes(1 << 19),
            folded: Bytes(3 << 20),
            build_ids: Bytes(20 << 20),
            shares,
            counts: Counts { samples: 10_000, lost_records: 2 },
            requests_per_second: 28_000.0,
        }
    });
    Round { ours, hand }
}

fn comparison(rounds: Vec<Round>) -> Comparison {
    let tools = rounds[0].hand.as_ref().map(|_| "perf version 6".to_owned());
    Comparison { workload: "hyper · users".to_owned(), rounds, tools }
}

/// With a line that is not indented, since the indent that all lines share does not count.
fn shown(comparison: &Comparison) -> String {
    format!("output:\n{comparison}")
}

#[test]
fn rounds_are_shown_in_the_order_they_were_made() {
    let rounds =
        vec![round(200, Some([100, 8000, 150, 50])), round(250, Some([100, 9000, 150, 50]))];
    expect![[r#"
        output:
          hyper · users
          by hand: perf version 6

          from the end of the load to the flamegraph, in milliseconds
          round  side  record  script  collapse  flamegraph  pipe  total
              1  ours       -       -         -           -     -    200
              1  hand     100    8000       150          50  8200   8300
              2  hand     100    9000       150          50  9200   9300
              2  ours       -       -         -           -     -    250

          what it is made of
          round  side  requests/s  samples  lost  no root  nameless  left on disk
              1  ours       30000     5000     0    3.2 %     0.0 %       1.0 MiB
              1  hand       28000    10000     2    3.2 %     0.0 %     200.5 MiB
              2  hand       28000    10000     2    3.2 %     0.0 %     200.5 MiB
              2  ours       30000     5000     0    3.2 %     0.0 %       1.0 MiB

          ours: 20 ms to stop sampler and server, 80 ms for names, 150 ms to fold, draw and write; run directory 1.0 MiB, temporary files 0 B
          hand: perf.data 200.0 MiB, SVG 512.0 KiB; besides, perf's build-id cache 20.0 MiB; folded text would take 3.0 MiB

          by hand over our total, with its 95 % interval
            38.8 times (19.5 to 77.2)  the pipe
            39.3 times (19.6 to 78.7)  its total, with what perf record does first
            19.4 times (9.8 to 38.6)  the pipe, for each sample
    "#]].assert_eq(&shown(&comparison(rounds)));
}

#[test]
fn without_perf_only_ours_is_shown_and_the_gap_named() {
    expect![[r#"
        output:
          hyper · users
          COMPARISON SKIPPED: perf does not run here

          from the end of the load to the flamegraph, in milliseconds
          round  side  record  script  collapse  flamegraph  pipe  total
              1  ours       -       -         -           -     -    200

          what it is made of
          round  side  requests/s  samples  lost  no root  nameless  left on disk
              1  ours       30000     5000     0    3.2 %     0.0 %       1.0 MiB

          ours: 20 ms to stop sampler and server, 80 ms for names, 100 ms to fold, draw and write; run directory 1.0 MiB, temporary files 0 B
    "#]]
    .assert_eq(&shown(&comparison(vec![round(200, None)])));
}

#[test]
fn ratios_are_geometric_means() {
    let rounds = vec![round(100, Some([0, 1000, 0, 0])), round(100, Some([300, 3900, 50, 50]))];
    let ratios = comparison(rounds).ratios().expect("there are rounds of both sides");
    // 10 and 40 times: 20 in the middle; of twice the samples, so half of that for each.
    assert!((ratios.pipe.value - 20.0).abs() < 1e-9);
    assert!((ratios.per_sample.expect("there are samples").value - 10.0).abs() < 1e-9);
    assert!(ratios.all.value > ratios.pipe.value);
    assert!(ratios.pipe.ci95.is_some());
}

#[test]
fn a_side_without_samples_or_time_has_no_ratio() {
    let mut sampled_none = round(100, Some([0, 1000, 0, 0]));
    sampled_none.ours.samples = 0;
    let ratios = comparison(vec![sampled_none]).ratios().expect("the times are there");
    assert!(ratios.per_sample.is_none());
    assert!(comparison(vec![round(0, Some([0, 1000, 0, 0]))]).ratios().is_none());
}

#[test]
fn programs_get_every_figure() {
    let json = comparison(vec![round(200, Some([100, 8000, 150, 50]))]).json();
    assert_eq!(json["rounds"][0]["hand"]["pipe_ms"], 8200.0);
    assert_eq!(json["rounds"][0]["ours"]["post_processing_ms"], 200.0);
    let ratio = json["pipe_over_ours"]["ratio"].as_f64().expect("a number");
    assert!((ratio - 41.0).abs() < 1e-9, "{ratio}");
    assert!(comparison(vec![round(200, None)]).json()["rounds"][0]["hand"].is_null());
}

#[test]
fn the_sides_take_turns_to_begin() {
    let order: String = (0..4).map(|round| if ours_first(round) { "oh " } else { "ho " }).collect();
    assert_eq!(order, "oh ho oh ho ");
}
