use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;

use flate2::read::GzDecoder;

use super::*;
use crate::{
    symbolize::{Frame, FrameId, FrameKind, Sample, Stack, StackId, Thread, ThreadId},
    unit::{Hertz, Nanos, Samples},
};

fn written(profile: &Profile) -> Vec<u8> {
    let mut bytes = Vec::new();
    profile.write(&mut bytes).expect("a consistent profile can be written");
    bytes
}

fn packed(json: &[u8]) -> Vec<u8> {
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::fast());
    gzip.write_all(json).expect("memory takes everything");
    gzip.finish().expect("memory takes everything")
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut json = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut json).expect("it was just packed");
    json
}

fn kind() -> impl Strategy<Value = FrameKind> {
    prop::sample::select(vec![
        FrameKind::User,
        FrameKind::Inlined,
        FrameKind::Kernel,
        FrameKind::Unknown,
        FrameKind::Truncated,
    ])
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[a-d]{0,2}"]
}

fn frame() -> impl Strategy<Value = Frame> {
    (
        text(),
        proptest::option::of(text()),
        proptest::option::of(text()),
        any::<Option<u32>>(),
        kind(),
    )
        .prop_map(|(name, module, file, line, kind)| {
            // A frame without a name is not written by this tool, nor read as it is.
            let name = if name.trim().is_empty() { "?".to_owned() } else { name };
            Frame { name, module, file, line, kind }
        })
}

fn thread() -> impl Strategy<Value = Thread> {
    let ids = (any::<u32>(), any::<u32>(), prop::option::of(text()));
    (ids, text(), text()).prop_map(|((pid, tid, of), process, name)| Thread {
        pid,
        tid,
        of,
        process,
        name,
    })
}

fn tag() -> impl Strategy<Value = u16> {
    prop_oneof![Just(0), any::<u16>()]
}

/// Stacks whose parents come first, whatever the numbers are.
fn stacks(numbers: Vec<(u32, u32)>, frames: usize) -> Vec<Stack> {
    numbers
        .into_iter()
        .enumerate()
        .map(|(i, (parent, frame))| Stack {
            parent: (parent as usize % (i + 1)).checked_sub(1).map(|i| StackId(i as u32)),
            frame: FrameId(frame % frames as u32),
        })
        .collect()
}

fn profile() -> impl Strategy<Value = Profile> {
    let parts = (
        prop::collection::vec(frame(), 1..8),
        prop::collection::vec(any::<(u32, u32)>(), 1..20),
        prop::collection::vec(thread(), 0..4),
        prop::collection::vec(
            (0..=TIME_MAX, any::<u32>(), any::<u32>(), 0..1_u64 << 48, tag()),
            0..30,
        ),
    );
    (any::<String>(), any::<(u32, u64, u64)>(), parts).prop_map(
        |(title, (hz, started, duration), (frames, numbers, threads, samples))| {
            let stacks = stacks(numbers, frames.len());
            let samples = samples
                .into_iter()
                .filter(|_| !threads.is_empty())
                .map(|(time, thread, stack, weight, tag)| Sample {
                    time: Nanos(time),
                    thread: ThreadId(thread % threads.len() as u32),
                    stack: StackId(stack % stacks.len() as u32),
                    weight: Samples(weight),
                    tag,
                })
                .collect();
            let (hz, started, duration) = (Hertz(hz), Nanos(started), Nanos(duration));
            Profile { title, hz, started, duration, frames, stacks, threads, samples }
        },
    )
}

proptest! {
    #[test]
    fn a_profile_survives_its_file(profile in profile()) {
        let bytes = written(&profile);
        prop_assert_eq!(&Profile::read(&bytes[..]).expect("it was just written"), &profile);
        prop_assert_eq!(written(&profile), bytes);
    }

    #[test]
    fn foreign_bytes_are_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Profile::read(&bytes[..]).is_err());
        prop_assert!(Profile::read(&packed(&bytes)[..]).is_err());
    }

    /// One damaged number or text either still makes sense or is an error: it never panics.
    #[test]
    fn a_damaged_file_never_panics(
        profile in profile(),
        at in any::<prop::sample::Index>(),
        byte in prop::sample::select(b"0123456789-,:{}[]\"en ".to_vec()),
    ) {
        let mut json = unpacked(&written(&profile));
        let at = at.index(json.len());
        json[at] = byte;
        if let Ok(read) = Profile::read(&packed(&json)[..]) {
            read.check().expect("what is read is consistent");
        }
    }

    #[test]
    fn a_cut_file_is_an_error(profile in profile(), at in any::<prop::sample::Index>()) {
        let bytes = written(&profile);
        prop_assert!(Profile::read(&bytes[..at.index(bytes.len())]).is_err());
    }
}

fn small() -> Profile {
    let frame = |name: &str, kind| Frame {
        name: name.into(),
        module: Some("app".into()),
        file: Some("src/main.rs".into()),
        line: Some(7),
        kind,
    };
    Profile {
        title: "app · users".into(),
        hz: Hertz(997),
        started: Nanos(5),
        duration: Nanos(1_000_000_000),
        frames: vec![frame("main", FrameKind::User), frame("inlined", FrameKind::Inlined)],
        stacks: vec![
            Stack { parent: None, frame: FrameId(0) },
            Stack { parent: Some(StackId(0)), frame: FrameId(1) },
        ],
        threads: vec![Thread {
            pid: 1,
            tid: 1,
            of: None,
            process: "app".into(),
            name: "app".into(),
        }],
        samples: vec![Sample {
            time: Nanos(1_500_000),
            thread: ThreadId(0),
            stack: StackId(1),
            weight: Samples(1),
            tag: 0,
        }],
    }
}

/// Every key path in a JSON value, arrays being one step.
fn keys(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                found.insert(format!("{path}.{key}"));
                keys(value, &format!("{path}.{key}"), found);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| keys(value, path, found)),
        _ => {}
    }
}

/// Held against the format's own types (`src/types/profile.ts`): a viewer misses none of these.
#[test]
fn every_key_that_viewers_need_is_there() {
    let json: Value = serde_json::from_slice(&unpacked(&written(&small()))).expect("it is JSON");
    let mut found = BTreeSet::new();
    keys(&json, "", &mut found);
    let tables = [
        ("stackTable", "frame prefix length"),
        (
            "frameTable",
            "address inlineDepth category subcategory func nativeSymbol innerWindowID line column \
             length",
        ),
        ("funcTable", "name isJS relevantForJS resource fileName lineNumber columnNumber length"),
        ("resourceTable", "length lib name host type"),
        ("nativeSymbols", "libIndex address name functionSize length"),
        ("markers", "data name startTime endTime phase category length"),
        ("samples", "stack timeDeltas weight weightType length"),
    ];
    for (table, columns) in tables {
        for column in columns.split_whitespace() {
            let key = format!(".threads.{table}.{column}");
            assert!(found.contains(&key), "{key}");
        }
    }
    for key in [
        ".meta.categories.subcategories",
        ".meta.interval",
        ".meta.startTime",
        ".meta.preprocessedProfileVersion",
        ".meta.markerSchema",
        ".meta.product",
        ".meta.stackwalk",
        ".meta.processType",
        ".libs.breakpadId",
        ".libs.debugName",
        ".shared.stringArray",
        ".threads.isMainThread",
        ".threads.pausedRanges",
        ".threads.pid",
        ".threads.tid",
        ".threads.processStartupTime",
        ".threads.processShutdownTime",
        ".threads.registerTime",
        ".threads.unregisterTime",
    ] {
        assert!(found.contains(key), "{key}");
    }
    for table in ["frameTable", "funcTable", "resourceTable", "stackTable", "samples"] {
        let table = &json["threads"][0][table];
        for (name, column) in table.as_object().expect("a table").iter() {
            if let Some(column) = column.as_array() {
                assert_eq!(Some(column.len() as u64), table["length"].as_u64(), "{name}");
            }
        }
    }
}

#[test]
fn a_function_without_a_name_is_called_by_its_module() {
    let mut profile = small();
    profile.frames[1].name = " ".to_owned();
    let read = Profile::read(written(&profile).as_slice()).expect("a profile");
    let module = read.frames[1].module.clone().unwrap_or("unknown".to_owned());
    assert_eq!(read.frames[1].name, format!("[{module}]"));
    assert_eq!(read.frames[1].kind, FrameKind::Unknown);
}

#[test]
fn an_inconsistent_profile_is_not_written() {
    let mut profile = small();
    profile.samples[0].stack = StackId(9);
    let error = profile.write(Vec::new()).expect_err("stack 9 does not exist");
    assert_eq!(
        error.to_string(),
        "the profile contradicts itself: sample 0 has the unknown stack 9"
    );
}

#[test]
fn numbers_that_would_not_survive_are_not_written() {
    for change in [(|sample| sample.time = Nanos(TIME_MAX + 1)) as fn(&mut Sample), |sample| {
        sample.weight = Samples(u64::MAX)
    }] {
        let mut profile = small();
        change(&mut profile.samples[0]);
        let error = profile.write(Vec::new()).expect_err("it is too great");
        assert!(error.to_string().contains("too "), "{error}");
    }
}

#[test]
fn a_later_schema_is_refused() {
    let json = String::from_utf8(unpacked(&written(&small()))).expect("JSON is text");
    let later = json.replace("\"schema\":1", "\"schema\":2");
    let error = Profile::read(&packed(later.as_bytes())[..]).expect_err("schema 2 is unknown");
    assert_eq!(
        error.to_string(),
        "the profile file cannot be used: it has schema 2, and this version reads 1"
    );
}
