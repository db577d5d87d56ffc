//! What in `symbolize` reads foreign bytes, for tests that make up such bytes; no part of the
//! interface.

use std::path::Path;

use super::{
    go_table,
    names::{Detail, Names},
    perf_map::PerfMap,
};
use crate::sample::fuzzing::of_file;

/// The functions at each address of a file of code, from the outermost in; nothing where it is no
/// such file.
pub fn names(path: &Path, addresses: &[u64]) -> Vec<Vec<String>> {
    let Some(module) = of_file(path) else { return Vec::new() };
    let mut functions = Names::new(Detail::Auto).with_bound(&module, addresses, &[]);
    go_table::name_unnamed(&module, addresses, &mut functions);
    functions
        .into_iter()
        .map(|frames| frames.into_iter().map(|frame| frame.name).collect())
        .collect()
}

/// The function at each address, by a map with these bytes.
pub fn perf_map(bytes: &[u8], addresses: &[u64]) -> Vec<Option<String>> {
    let mut map = PerfMap::default();
    map.add(bytes);
    addresses.iter().map(|address| map.name(*address).map(str::to_owned)).collect()
}
