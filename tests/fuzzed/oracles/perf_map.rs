//! Maps that runtimes write of the code that they make.

use flameload::symbolize::fuzzing::perf_map;

/// Any map names addresses or does not; no name is empty.
pub(super) fn check(bytes: &[u8]) {
    let addresses: Vec<u64> = (0..0x4000).step_by(0x10).chain([u64::MAX]).collect();
    let names = perf_map(bytes, &addresses);
    assert!(names.iter().flatten().all(|name| !name.is_empty()));
    assert_eq!(names, perf_map(bytes, &addresses));
}
