//! Profiles that Go wrote, profiles made up, and what is left of them when they are damaged.

use std::io::Write as _;

use expect_test::{Expect, expect, expect_file};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::*;
use crate::sample::pprof::proto::Line;

/// A CPU profile of `tests/programs/known-go`, written by Go 1.26.
const GO: &[u8] = include_bytes!("../../../../tests/data/pprof/go.pb.gz");

/// The period, the duration and what was lost; then each stack with its count.
fn text(decoded: &Decoded) -> String {
    let frame = |frame: &Arc<NamedFrame>| {
        let place = frame.file.as_deref().and_then(|file| file.rsplit('/').next());
        let place = place.map(|file| format!(" {file}:{}", frame.line.unwrap_or(0)));
        let kind = match frame.kind {
            NamedKind::Function => "",
            NamedKind::Inlined => " (inlined)",
            NamedKind::Unknown => " (unknown)",
            NamedKind::Truncated => " (truncated)",
        };
        let module = frame.module.as_deref().map(|module| format!("{module}!"));
        let (module, place) = (module.unwrap_or_default(), place.unwrap_or_default());
        format!("{module}{}{place}{kind}", frame.name)
    };
    let stacks = decoded.stacks.iter().map(|stack| {
        let frames: Vec<String> = stack.frames.iter().map(frame).collect();
        format!("{} x {}\n", stack.count.0, frames.join(" > "))
    });
    let Decoded { period, duration, lost, .. } = decoded;
    let seconds = duration.map(|duration| duration.as_secs_f64());
    format!("{} ns, {seconds:?} s, lost {}\n{}", period.0, lost.0, stacks.collect::<String>())
}

#[track_caller]
fn check(profile: &Profile, expected: Expect) {
    let found = match decode(&profile.encode_to_vec()) {
        Ok(decoded) => text(&decoded),
        Err(error) => format!("{error}\n"),
    };
    expected.assert_eq(&found);
}

/// One stack, twice: `outer` with `inner` inlined into it, called by a location without a name.
fn profile() -> Profile {
    let strings =
        ["", "samples", "count", "cpu", "nanoseconds", "/srv/bin/app", "inner", "outer", "/a/b.go"];
    let line = |function, line| Line { function, line };
    let kinds = vec![ValueType { kind: 1, unit: 2 }, ValueType { kind: 3, unit: 4 }];
    let location = |id, lines| Location { id, mapping: 7, lines };
    Profile {
        sample_types: kinds,
        samples: vec![Sample { locations: vec![10, 20], values: vec![2, 20_000_000] }],
        mappings: vec![Mapping { id: 7, file: 5 }],
        locations: vec![location(10, vec![line(1, 3), line(2, 9)]), location(20, vec![])],
        functions: vec![
            Function { id: 1, name: 6, system_name: 0, file: 8 },
            Function { id: 2, name: 0, system_name: 7, file: 0 },
        ],
        strings: strings.map(|string| string.as_bytes().to_vec()).into(),
        duration_nanos: 1_000_000_000,
        period_type: Some(ValueType { kind: 3, unit: 4 }),
        period: 10_000_000,
    }
}

/// Its text was held against what `go tool pprof -raw` says of the same file.
#[test]
fn what_go_writes_is_read() {
    let decoded = decode(GO).expect("Go wrote it");
    expect_file!["../../../../tests/data/pprof/go.stacks"].assert_eq(&text(&decoded));
}

#[test]
fn stacks_stand_from_the_root_in_with_what_was_inlined() {
    check(
        &profile(),
        expect![[r#"
            10000000 ns, Some(1.0) s, lost 0
            2 x app![app] (unknown) > app!outer > app!inner b.go:3 (inlined)
        "#]],
    );
}

#[test]
fn counts_come_from_time_where_there_are_none() {
    let mut timed = profile();
    timed.sample_types = vec![ValueType { kind: 3, unit: 4 }];
    timed.samples = vec![Sample { locations: vec![], values: vec![34_000_000] }];
    check(
        &timed,
        expect![[r#"
            10000000 ns, Some(1.0) s, lost 0
            3 x [unknown] (unknown)
        "#]],
    );
    let mut unstated = profile();
    (unstated.period, unstated.period_type, unstated.duration_nanos) = (0, None, 0);
    check(
        &unstated,
        expect![[r#"
            10000000 ns, None s, lost 0
            2 x app![app] (unknown) > app!outer > app!inner b.go:3 (inlined)
        "#]],
    );
    unstated.samples.clear();
    check(
        &unstated,
        expect![[r#"
        it does not say how much time a sample stands for
    "#]],
    );
}

#[test]
fn samples_that_go_lost_are_counted_as_lost() {
    let mut lossy = profile();
    lossy.strings[6] = b"runtime/pprof.lostProfileEvent".to_vec();
    check(
        &lossy,
        expect![[r#"
            10000000 ns, Some(1.0) s, lost 2
        "#]],
    );
}

#[test]
fn a_stack_that_go_cut_has_a_mark() {
    let mut deep = profile();
    deep.samples =
        [63, 64].map(|depth| Sample { locations: vec![20; depth], values: vec![1] }).into();
    let decoded = decode(&deep.encode_to_vec()).expect("it is whole");
    let root = |index: usize| decoded.stacks[index].frames[0].kind;
    assert_eq!((root(0), root(1)), (NamedKind::Unknown, NamedKind::Truncated));
    // Who keeps more than Go does has not cut where Go would have.
    deep.samples.push(Sample { locations: vec![20; 65], values: vec![1] });
    let decoded = decode(&deep.encode_to_vec()).expect("it is whole");
    assert!(decoded.stacks.iter().all(|stack| stack.frames[0].kind == NamedKind::Unknown));
}

#[test]
fn what_is_no_cpu_profile_says_why() {
    let broken = |change: fn(&mut Profile)| {
        let mut profile = profile();
        change(&mut profile);
        profile
    };
    let heap = broken(|profile| {
        profile.strings[1] = b"inuse_space".to_vec();
        profile.strings[2] = b"bytes".to_vec();
        profile.sample_types.truncate(1);
    });
    check(
        &heap,
        expect![[r#"
        it is not a CPU profile, but has inuse_space in bytes
    "#]],
    );
    check(
        &Profile::default(),
        expect![[r#"
        it is empty
    "#]],
    );
    check(
        &broken(|profile| profile.locations.truncate(1)),
        expect![[r#"
        it refers to location 20, which it does not have
    "#]],
    );
    check(
        &broken(|profile| profile.functions.truncate(1)),
        expect![[r#"
        it refers to function 2, which it does not have
    "#]],
    );
    check(
        &broken(|profile| profile.mappings.clear()),
        expect![[r#"
        it refers to mapping 7, which it does not have
    "#]],
    );
    check(
        &broken(|profile| profile.strings.truncate(8)),
        expect![[r#"
        it refers to string 8, which it does not have
    "#]],
    );
    check(
        &broken(|profile| {
            profile.samples =
                [i64::MAX; 2].map(|n| Sample { locations: vec![20], values: vec![n] }).into();
        }),
        expect![[r#"
            it has more samples than can be added up
        "#]],
    );
}

#[test]
fn damage_is_told_from_a_profile() {
    let half = &GO[..GO.len() / 2];
    assert!(matches!(decode(half), Err(DecodeError::Unpack(_))), "{:?}", decode(half));
    let page = b"<html>it works</html>";
    assert!(matches!(decode(page), Err(DecodeError::NotProto(_))), "{:?}", decode(page));
    assert_eq!(decode(b""), Err(DecodeError::Empty));
}

/// Each is small, and would take gigabytes.
#[test]
fn bombs_are_refused_before_they_fill_the_memory() {
    let zeroes = packed(&vec![0; 80 << 20]);
    assert!(zeroes.len() < 1 << 20);
    assert_eq!(decode(&zeroes), Err(DecodeError::TooLarge));
    // Field 2, of no bytes: a sample of nothing.
    let empty_samples = [0x12, 0].repeat(PARTS_MAX + 1);
    assert_eq!(decode(&empty_samples), Err(DecodeError::TooManyParts));
    // More numbers, and more lines, than parts.
    let numbers = Sample { locations: vec![10; ELEMENTS_MAX], values: vec![1, 10_000_000] };
    let many = Profile { samples: vec![numbers], ..profile() };
    assert_eq!(decode(&many.encode_to_vec()), Err(DecodeError::TooManyParts));
    // A long name that many stacks have is kept once; many places with it are too many.
    let mut long = profile();
    long.strings[6] = vec![b'x'; 1 << 20];
    let sample = Sample { locations: vec![10; 64], values: vec![1, 10_000_000] };
    long.samples = vec![sample; 64];
    assert_eq!(decode(&long.encode_to_vec()).expect("it is small").stacks.len(), 64);
    let place = long.locations.iter().find(|place| place.id == 10).expect("a place").clone();
    let lines = vec![place.lines[0]; 300];
    long.locations = vec![Location { lines, ..place }];
    assert_eq!(decode(&long.encode_to_vec()), Err(DecodeError::TooManyFrames));
    // A thousand functions at a place that a stack has very often.
    let mut often = profile();
    let place = often.locations.iter_mut().find(|place| place.id == 10).expect("a place");
    place.lines = vec![place.lines[0]; 1000];
    let locations = vec![10; 1 << 20];
    often.samples = vec![Sample { locations, values: vec![1, 10_000_000] }];
    assert_eq!(decode(&often.encode_to_vec()), Err(DecodeError::TooManyFrames));
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).expect("memory takes all");
    gzip.finish().expect("memory takes all")
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_eq!(decode(&packed(&bytes)).is_ok(), decode(&bytes).is_ok());
    }

    #[test]
    fn a_damaged_profile_never_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        end in any::<prop::sample::Index>(),
    ) {
        let mut bytes = unpack(GO).expect("it is whole");
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes.truncate(end.index(bytes.len() * 2));
        if let Ok(decoded) = decode(&bytes) {
            prop_assert!(decoded.stacks.iter().all(|stack| !stack.frames.is_empty()));
        }
    }
}
