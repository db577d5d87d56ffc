//! The collector fed with replayed records: no kernel, no privileges.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;
use crate::sample::{
    record::tests::{Bytes, sample_bytes},
    ring::Replay,
};

const COMM: u32 = 3;
const EXIT: u32 = 4;
const FORK: u32 = 7;
const LOST: u32 = 2;
const EXEC: u16 = 1 << 13;

fn name(pid: u32, tid: u32, name: &[u8; 8], misc: u16, time: u64) -> Vec<u8> {
    Bytes::new(COMM, misc).u32(pid).u32(tid).raw(name).trailed(pid, tid, time)
}

fn fork(pid: u32, parent: u32, tid: u32, time: u64) -> Vec<u8> {
    Bytes::new(FORK, 0).u32(pid).u32(parent).u32(tid).u32(parent).u64(time).trailed(pid, tid, time)
}

fn collector() -> Collector {
    Collector::new(false, Periods::of(2, Nanos(1_000_000)))
}

fn collect(rings: Vec<Vec<Vec<u8>>>) -> Parts {
    let mut streams: Vec<_> = rings.into_iter().map(|ring| Replay(VecDeque::from(ring))).collect();
    let mut collector = collector();
    collector.drain(&mut streams, Nanos(u64::MAX));
    collector.into_parts()
}

#[test]
fn records_of_several_rings_are_taken_in_the_order_of_time() {
    let parts = collect(vec![
        vec![sample_bytes(20, &[0; 8], 8), name(10, 11, b"late\0\0\0\0", 0, 40)],
        vec![name(10, 10, b"server\0\0", EXEC, 5), fork(10, 10, 11, 10)],
    ]);
    assert_eq!(parts.samples.len(), 1);
    let thread = &parts.threads[parts.samples[0].thread as usize];
    assert_eq!((thread.pid, thread.tid), (10, 11));
    assert_eq!((thread.process.as_str(), thread.name.as_str()), ("server", "late"));
}

#[test]
fn a_stack_that_goes_on_beyond_its_copy_is_counted_and_marked() {
    let parts = collect(vec![vec![sample_bytes(1, &[0; 8], 8)]]);
    assert_eq!(parts.counts.samples, Samples(1));
    assert_eq!(parts.counts.truncated(), Samples(1));
    let innermost = parts.stacks[parts.samples[0].stack.0 as usize];
    assert!(matches!(
        parts.frames[innermost.frame.0 as usize],
        RawFrame::Address { module: KERNEL, .. }
    ));
    let mut root = innermost;
    while let Some(parent) = root.parent {
        root = parts.stacks[parent.0 as usize];
    }
    assert_eq!(parts.frames[root.frame.0 as usize], RawFrame::Truncated);
}

#[test]
fn what_is_lost_and_what_cannot_be_read_is_counted() {
    let lost = Bytes::new(LOST, 0).u64(0).u64(7).trailed(0, 0, 3);
    let parts = collect(vec![vec![lost, vec![9, 0, 0, 0, 0, 0, 8, 0]]]);
    assert_eq!(parts.counts.lost, Samples(7));
    assert_eq!(parts.counts.bad_records, 1);
}

#[test]
fn records_after_the_limit_wait() {
    let mut streams =
        [Replay(VecDeque::from([sample_bytes(10, &[], 0), sample_bytes(30, &[], 0)]))];
    let mut collector = collector();
    collector.drain(&mut streams, Nanos(20));
    assert_eq!(collector.counts().samples, Samples(1));
    collector.drain(&mut streams, Nanos(30));
    assert_eq!(collector.counts().samples, Samples(2));
}

#[test]
fn the_window_forgets_what_came_before_it() {
    let mut streams =
        [Replay(VecDeque::from([sample_bytes(10, &[], 0), sample_bytes(30, &[], 0)]))];
    let mut collector = collector();
    collector.drain(&mut streams, Nanos(15));
    collector.begin_window(Nanos(20));
    collector.drain(&mut streams, Nanos(40));
    let parts = collector.into_parts();
    assert_eq!((parts.counts.samples, parts.samples.len()), (Samples(1), 1));
    assert_eq!(parts.samples[0].time, Nanos(10));
}

#[test]
fn a_thread_id_that_is_used_again_is_another_thread() {
    let exit = Bytes::new(EXIT, 0).u32(10).u32(10).u32(11).u32(11).u64(3).trailed(10, 11, 3);
    let parts = collect(vec![vec![
        name(10, 11, b"first\0\0\0", 0, 1),
        sample_bytes(2, &[], 0),
        exit,
        name(10, 11, b"second\0\0", 0, 4),
        sample_bytes(5, &[], 0),
    ]]);
    let names: Vec<_> = parts
        .samples
        .iter()
        .map(|sample| parts.threads[sample.thread as usize].name.as_str())
        .collect();
    assert_eq!(names, ["first", "second"]);
}

#[test]
fn samples_bear_the_tag_of_their_time_even_if_they_come_later() {
    let mut collector = collector();
    collector.tag(Nanos(2), 4);
    collector.tag(Nanos(4), 0);
    let ring = [1, 2, 3, 4].map(|time| sample_bytes(time, &[], 0));
    collector.drain(&mut [Replay(VecDeque::from(ring))], Nanos(u64::MAX));
    let tags: Vec<u16> = collector.into_parts().samples.iter().map(|sample| sample.tag).collect();
    assert_eq!(tags, [0, 4, 4, 0]);
}

#[test]
fn records_of_others_are_left_out_where_all_are_seen() {
    let ring = vec![
        fork(8, 7, 8, 1),
        name(8, 8, b"other\0\0\0", EXEC, 2),
        fork(20, 10, 20, 3),
        name(20, 20, b"child\0\0\0", 0, 4),
        sample_bytes(5, &[], 0),
    ];
    let mut collector = Collector::new(true, Periods::of(1, Nanos(7)));
    collector.belongs(10, 0);
    collector.drain(&mut [Replay(VecDeque::from(ring))], Nanos(u64::MAX));
    let parts = collector.into_parts();
    let names: Vec<&str> = parts.threads.iter().map(|thread| thread.name.as_str()).collect();
    assert_eq!(names[0], "child");
    assert!(!names.contains(&"other"), "{names:?}");
    assert_eq!((parts.counts.samples, parts.counts.sampled), (Samples(1), Nanos(7)));
}

#[test]
fn what_a_watched_process_forks_belongs_to_it() {
    // Above the greatest id that Linux gives (2^22), so procfs knows none of them.
    let pid = |number: u32| 4_194_900 + number;
    let exit = |number| {
        let (pid, time) = (pid(number), 3);
        Bytes::new(EXIT, 0).u32(pid).u32(pid).u32(pid).u32(pid).u64(3).trailed(pid, pid, time)
    };
    let ring = vec![
        fork(pid(3), pid(1), pid(3), 1),
        fork(pid(4), pid(3), pid(4), 2),
        exit(3),
        name(pid(5), pid(5), b"stray\0\0\0", 0, 4),
    ];
    let mut collector = collector();
    collector.belongs(pid(1), 0);
    collector.belongs(pid(2), 1);
    collector.drain(&mut [Replay(VecDeque::from(ring))], Nanos(u64::MAX));
    collector.name(pid(2), pid(2), "back".to_owned());
    let parts = collector.into_parts();
    let of = |number| {
        parts.threads.iter().find(|thread| thread.pid == pid(number)).map(|thread| thread.of)
    };
    assert_eq!([3, 4, 2, 5].map(of), [Some(Some(0)), Some(Some(0)), Some(Some(1)), Some(None)]);
}

proptest! {
    #[test]
    fn any_records_are_taken_or_counted(
        bodies in prop::collection::vec((0_u32..12, prop::collection::vec(any::<u8>(), 0..200)), 0..40),
    ) {
        let ring = bodies.into_iter().map(|(kind, body)| Bytes::new(kind, 0).raw(&body).sized());
        let parts = collect(vec![ring.collect()]);
        let kept: Samples = parts.samples.iter().map(|sample| sample.weight).sum();
        prop_assert!(kept <= parts.counts.samples);
    }
}
