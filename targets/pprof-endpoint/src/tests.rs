use std::{
    hint::black_box,
    io::Read as _,
    pin::pin,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use flate2::read::GzDecoder;
use pprof::protos::{Message as _, Profile};
use tokio::select;

use super::*;

#[test]
fn the_query_has_the_seconds() {
    assert_eq!(seconds(""), Some(30));
    assert_eq!(seconds("seconds=1"), Some(1));
    assert_eq!(seconds("debug=1&seconds=60"), Some(60));
    for wrong in ["seconds=0", "seconds=61", "seconds=", "seconds=-1", "seconds=1.5", "seconds=x"] {
        assert_eq!(seconds(wrong), None, "{wrong}");
    }
}

#[tokio::test]
async fn wrong_seconds_are_refused() {
    let answer = answer(Some("seconds=0")).await;
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(answer.headers()["x-go-pprof"], "1");
    assert_eq!(answer.body(), b"seconds must be a number from 1 to 60\n");
}

/// Uses the CPU until it is told to stop.
#[inline(never)]
fn burn(stop: &AtomicBool) {
    let mut sum: u64 = 0;
    while !stop.load(Ordering::Relaxed) {
        sum = black_box(sum.wrapping_mul(31).wrapping_add(7));
    }
}

/// One test for both, because a process has one profiler.
#[tokio::test]
async fn a_profile_has_the_shape_of_gos_and_is_alone() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let burner = thread::spawn(|| burn(&STOP));
    let mut first = pin!(answer(Some("seconds=1")));
    let second = select! {
        biased;  // The first has begun when another is asked for.
        first = &mut first => panic!("too early: {first:?}"),
        second = answer(Some("seconds=1")) => second,
    };
    assert_eq!(second.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(second.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(second.body(), b"Could not enable CPU profiling: cpu profiling already in use\n");

    let first = first.await;
    STOP.store(true, Ordering::Relaxed);
    burner.join().expect("no panic");
    assert_eq!(first.status(), StatusCode::OK);
    assert_eq!(first.headers()["content-type"], "application/octet-stream");
    let mut bytes = Vec::new();
    GzDecoder::new(first.body().as_slice()).read_to_end(&mut bytes).expect("it is gzip");
    shape(&Profile::decode(bytes.as_slice()).expect("it is a profile"));
}

fn shape(profile: &Profile) {
    let text = |index: i64| profile.string_table[index as usize].as_str();
    let types: Vec<_> =
        profile.sample_type.iter().map(|kind| (text(kind.ty), text(kind.unit))).collect();
    assert_eq!(types, [("samples", "count"), ("cpu", "nanoseconds")]);
    let period = profile.period_type.as_ref().map(|kind| (text(kind.ty), text(kind.unit)));
    assert_eq!((period, profile.period), (Some(("cpu", "nanoseconds")), 10_000_000));
    assert!(profile.duration_nanos >= 1_000_000_000, "{}", profile.duration_nanos);
    assert!(profile.sample.iter().all(|sample| sample.value[1] == sample.value[0] * 10_000_000));

    assert_eq!((profile.mapping.len(), profile.mapping[0].has_functions), (1, true));
    assert!(profile.location.iter().all(|location| location.mapping_id == 1));
    assert!(text(profile.mapping[0].filename).contains("pprof_endpoint"));

    let name = |location: &u64| {
        let location = &profile.location[*location as usize - 1];
        text(profile.function[location.line[0].function_id as usize - 1].name)
    };
    let stacks: Vec<Vec<_>> =
        profile.sample.iter().map(|sample| sample.location_id.iter().map(name).collect()).collect();
    assert!(
        stacks.iter().any(|stack| stack.iter().any(|name| name.ends_with("::burn"))),
        "{stacks:?}"
    );
    assert!(!stacks.iter().flatten().any(|name| name.contains("perf_signal_handler")));
}
