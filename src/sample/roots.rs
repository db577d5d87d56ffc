//! The functions that nothing calls: where programs, threads and fibers begin.
//!
//! Most of them say so themselves, in their unwind tables or by a frame pointer of zero. Those of
//! libraries that were built without such tables are known by their names alone.

use std::{collections::BTreeSet, fs::File, ops::Range};

use object::{Object as _, ObjectSymbol as _};

use crate::unpack::Bounded;

/// What they are called: in glibc, in musl, and in the runtime of Go.
const NAMES: [&str; 21] = [
    "_start",
    "_start_c",
    "__start",
    "_dl_start_user",
    "__libc_start_main",
    "__libc_start_main_impl",
    "__libc_start_call_main",
    "libc_start_main_stage2",
    "start_thread",
    "clone",
    "__clone",
    "clone3",
    "__clone3",
    "__start_context",
    "goexit",
    "runtime.goexit",
    "runtime.goexit.abi0",
    "runtime.mstart",
    "runtime.rt0_go",
    "_rt0_amd64",
    "_rt0_arm64",
];

/// What musl calls the beginning of a thread. Programs have functions of that name too: only where
/// the library's own start is in the same file, it is the library's.
const THREAD_START: &str = "start";
const LIBRARY: &str = "__libc_start_main";
/// In musl, what calls `main` lies right before that, and has no name where the library has only
/// those that it exports. What else is there calls nothing of a program's.
const STAGE_BYTES: u64 = 128;

/// Symbols of more than this are not looked through.
const SYMBOLS_MAX: usize = 1 << 18;
/// How far a function reaches of which that is not known, as of those written by hand.
const BYTES: u64 = 64;

/// Where a file has such functions, as it states addresses.
pub(super) fn roots(file: &File) -> Vec<Range<u64>> {
    let Ok(file) = file.try_clone() else { return Vec::new() };
    let cache = Bounded::new(file);
    let Ok(object) = object::File::parse(&cache) else { return Vec::new() };
    let mut found = Vec::new();
    let (mut thread_starts, mut is_library) = (Vec::new(), false);
    let mut seen = BTreeSet::new();
    for symbol in object.symbols().chain(object.dynamic_symbols()).take(SYMBOLS_MAX) {
        let Ok(name) = symbol.name() else { continue };
        let range = || {
            let length = if symbol.size() == 0 { BYTES } else { symbol.size() };
            symbol.address()..symbol.address().saturating_add(length)
        };
        is_library |= name == LIBRARY;
        if !symbol.is_definition() {
            continue;
        }
        if name == LIBRARY {
            found.push(symbol.address().saturating_sub(STAGE_BYTES)..symbol.address());
        }
        if name == THREAD_START {
            thread_starts.push(range());
        } else if NAMES.contains(&name) && seen.insert(symbol.address()) {
            found.push(range());
        }
    }
    if is_library {
        found.extend(thread_starts);
    }
    found
}
