//! What a comparison says, to the letter.

use expect_test::{Expect, expect};

use crate::{
    compare::{Comparison, Design, Metric, Options, Recorded, compare, recorded, tests::support},
    record::{ProfileFacts, Run, SliceFacts, Status, TargetFacts, UtcTime},
    symbolize::{Frame, FrameId, FrameKind, Profile, Sample, Stack, StackId, Thread, ThreadId},
    unit::{Hertz, Nanos, Samples},
};

/// A run whose slices cost about so much.
fn run(id: &str, us: f64) -> Run {
    let started: UtcTime = "2026-11-21T22:33:44Z".parse().expect("it is a time");
    let target = TargetFacts { name: "hyper".to_owned(), ..TargetFacts::default() };
    let mut run = Run::new(started, "cargo xtask profile hyper".to_owned(), target);
    run.id = id.parse().expect("it is an id");
    run.load.script = "users".to_owned();
    run.load.connections = 64;
    run.load.valid = true;
    run.load.requests_per_second = Some(1e6 / us);
    run.load.latency_us.p50 = Some(64.0 * us);
    run.server.cpu_us_per_request = Some(us);
    run.server.rss_peak_bytes = Some(4 << 20);
    run.server.context_switches = Some(12_000);
    run.slices = (0..8).map(|index| slice(index, us)).collect();
    run.profile = Some(ProfileFacts {
        backend: "perf_event".to_owned(),
        privileges: Some("kernel and user".to_owned()),
        hz_requested: 997,
        samples: 3_000,
        coverage: Some(1.0),
        ..ProfileFacts::default()
    });
    run
}

fn slice(index: u32, us: f64) -> SliceFacts {
    let us = us * (1.0 + 0.01 * f64::from(index % 3));
    SliceFacts {
        index,
        sampled: index % 4 == 1 || index % 4 == 2,
        duration_s: 0.25,
        requests: (0.25e6 / us) as u64,
        p50_us: Some(64.0 * us),
        server_cpu_us_per_request: Some(us),
        valid: true,
        ..SliceFacts::default()
    }
}

/// `main` calls `parse::h…` and `render`, with so many samples.
fn profile(parse: u64, render: u64) -> Profile {
    let frame = |name: &str| Frame {
        name: name.to_owned(),
        module: None,
        file: None,
        line: None,
        kind: FrameKind::User,
    };
    let stack =
        |parent: Option<u32>, frame| Stack { parent: parent.map(StackId), frame: FrameId(frame) };
    let sample = |stack, weight| Sample {
        time: Nanos(0),
        thread: ThreadId(0),
        stack: StackId(stack),
        weight: Samples(weight),
        tag: 0,
    };
    Profile {
        title: "hyper · users".to_owned(),
        hz: Hertz(997),
        started: Nanos(0),
        duration: Nanos(1),
        frames: ["main", "parse|`x`::h0123456789abcdef", "render"].map(frame).into(),
        stacks: vec![stack(None, 0), stack(Some(0), 1), stack(Some(0), 2)],
        threads: vec![Thread { pid: 1, tid: 1, of: None, process: "a".into(), name: "a".into() }],
        samples: vec![sample(1, parse), sample(2, render)],
    }
}

fn one(run: Run, parse: u64, render: u64) -> [Recorded; 1] {
    [Recorded { run, profile: Some(profile(parse, render)) }]
}

#[track_caller]
fn check(found: &Comparison, expected: Expect) {
    expected.assert_eq(&found.markdown());
}

#[test]
fn two_runs_as_markdown() {
    let a = run("20261121-223344-ab12", 10.0);
    let mut b = run("20261121-223444-cd34", 12.0);
    b.load.connections = 128;
    b.target.revision = Some("0123456789abcdef".to_owned());
    b.target.dirty = Some(true);
    b.status = Status::Interrupted;
    let pair = recorded(&one(a, 1_000, 2_000), &one(b, 1_500, 2_000));
    check(
        &compare(&pair, &Options::default()),
        expect![[r#"
            ### CPU/request: inconclusive, +20.0 % (-10.6 to +61.0); a change of 73.5 % would have been seen

            - **A**: `hyper/20261121-223344-ab12` (users; rounds: 1)
            - **B**: `hyper/20261121-223444-cd34` (users, at 0123456789 with changes; rounds: 1)
            - **Unlike connections**: A 64, B 128
            - one process on each side: intervals are within one process each
            - A and B were measured at different times: drift is in it, whatever the machine did meanwhile
            - the interval is widened by what two identical servers differ by, assumed to be 15.0 % (standard deviation)
            - B: it was interrupted

            | | A | B | change | 95 % interval, % | |
            |---|--:|--:|--:|--:|---|
            | CPU/request | 10.00 µs | 12.00 µs | +20.0 % | -10.6 to +61.0 | inconclusive |
            | throughput | 100000/s | 83333/s | -16.7 % | - | inconclusive (one figure on each side at different times) |
            | p50 latency | 640 µs | 768 µs | +20.0 % | - | inconclusive (one figure on each side at different times) |
            | memory peak | 4.0 MiB | 4.0 MiB | +0.0 % | - | inconclusive (one figure on each side at different times) |
            | context switches/request | 0.061 | 0.073 | +20.0 % | - | inconclusive (one figure on each side at different times) |

            #### Where CPU/request changed

            Time in each function itself, in µs for each request.

            | function | A | B | change | 95 % interval | |
            |---|--:|--:|--:|--:|---|
            | `parse\|'x'` | 3.333 | 5.143 | +1.810 | -1.085 to +4.704 | not sure |
            | `render` | 6.667 | 6.857 | +0.190 | -4.411 to +4.792 | not sure |
            | **total** | 10.000 | 12.000 | +2.000 | - |  |

            - 0 of the 2 functions that cost enough to be judged differ by more than samples and most functions do, by at least 0.055 µs
            - without replicates, what differs from one process to the next is only guessed
        "#]],
    );
}

#[test]
fn an_interleaved_measurement_as_markdown() {
    let rounds = |us: f64, parse: u64| {
        let round = |at: u64| {
            let folded = format!("main;parse {parse}\nmain;render {}", 2_000 + at);
            support::profiled(us + 0.001 * at as f64, &folded)
        };
        (0..5).map(round).collect()
    };
    let pair = support::pair(Design::Interleaved, rounds(10.0, 1_000), rounds(10.5, 1_150));
    check(
        &compare(&pair, &Options::default()),
        expect![[r#"
            ### CPU/request: slower by 5.0 % (5.0 to 5.0)

            - **A**: `base` (made up; rounds: 5)
            - **B**: `change` (made up; rounds: 5)

            | | A | B | change | 95 % interval, % | |
            |---|--:|--:|--:|--:|---|
            | CPU/request | 10.00 µs | 10.50 µs | +5.0 % | +5.0 to +5.0 | slower |

            #### Where CPU/request changed

            Time in each function itself, in µs for each request.

            | function | A | B | change | 95 % interval | |
            |---|--:|--:|--:|--:|---|
            | `parse` | 3.332 | 3.832 | +0.500 | +0.401 to +0.599 | slower |
            | `render` | 6.670 | 6.670 | +0.000 | -0.099 to +0.099 | not sure |
            | **total** | 10.002 | 10.502 | +0.500 | - |  |

            - 1 of the 2 functions that cost enough to be judged surely changed (at most 5 % of them are expected not to have), by at least 0.051 µs
        "#]],
    );
}

#[test]
fn runs_that_were_sampled_differently_have_no_functions() {
    let a = run("20261121-223344-ab12", 10.0);
    let mut b = run("20261121-223444-cd34", 10.0);
    b.profile.as_mut().expect("it has one").privileges = Some("user only".to_owned());
    let pair = recorded(&one(a, 1, 1), &one(b, 1, 1));
    let found = compare(&pair, &Options::default());
    assert_eq!(found.frames, None);
    expect!["A was sampled as kernel and user by perf_event, B as user only by perf_event: their shares are not of the same"].assert_eq(found.without_frames.as_deref().unwrap_or_default());
}

#[test]
fn a_run_is_a_round_of_its_unsampled_slices() {
    let recorded_pair = recorded(
        &one(run("20261121-223344-ab12", 10.0), 1, 1),
        &one(run("20261121-223444-cd34", 10.0), 1, 1),
    );
    let round = &recorded_pair.a.rounds[0];
    assert_eq!(round.slices.len(), 4);
    assert_eq!(round.figures[&Metric::Cpu], 10.0);
    let requests: u64 = (0..8).map(|index| slice(index, 10.0).requests).sum();
    assert_eq!(round.figures[&Metric::Switches], 12_000.0 / requests as f64);
    assert_eq!(round.figures.get(&Metric::P99), None);
    let profile = round.profile.as_ref().expect("it has one");
    assert_eq!((profile.stacks.total(), profile.us_per_request), (2, 10.0));
}

#[test]
fn runs_are_in_turns_where_no_side_goes_on() {
    let side = |times: &[&str]| -> Vec<Recorded> {
        let at = |time: &&str| {
            let mut run = run("20261121-223344-ab12", 10.0);
            run.started_at = format!("2026-11-21T{time}:00Z").parse().expect("it is a time");
            Recorded { run, profile: None }
        };
        times.iter().map(at).collect()
    };
    let design = |a: &[&str], b: &[&str]| recorded(&side(a), &side(b)).design;
    assert_eq!(design(&["10:00"], &["10:01"]), Design::Separate);
    assert_eq!(design(&["10:00", "10:01"], &["10:02", "10:03"]), Design::Separate);
    assert_eq!(design(&["10:00", "10:03"], &["10:01", "10:02"]), Design::Turns);
    assert_eq!(design(&["10:00", "10:03", "10:04"], &["10:01", "10:02", "10:05"]), Design::Turns);
    assert_eq!(design(&["10:00", "10:01", "10:02"], &["10:03", "10:04"]), Design::Separate);
}

#[test]
fn what_is_not_valid_says_so_first() {
    let mut b = run("20261121-223444-cd34", 10.0);
    b.load.valid = false;
    let pair = recorded(&one(run("20261121-223344-ab12", 10.0), 1, 1), &one(b, 1, 1));
    expect!["B is not valid, so nothing can be said: the throughput of hyper/20261121-223444-cd34 is not valid"].assert_eq(&compare(&pair, &Options::default()).headline);
}
