//! What must hold of any bytes, one function for each reader of them; each panics where it does
//! not. Shared with the targets in `fuzz/`.

mod answer;
mod bench;
mod cookies;
mod elf;
mod files;
mod folded;
mod manifest;
mod perf_map;
mod pieces;
mod pprof;
mod procfs;
mod profile;
mod record;
mod response;
mod run;
mod script;
mod sys;
mod tools;

use self::pieces::Pieces;

/// Panics when what it is given is not treated as it should be.
pub(crate) type Oracle = fn(&[u8]);

/// So much memory may be held for any bytes, and as much again for each of them: whoever sends a
/// server's profile, or leaves a file, must not fill the machine with it.
const MEMORY: usize = 64 << 20;
const MEMORY_FOR_EACH: usize = 512;

/// Holds bytes against an oracle, and what reads them to its memory.
///
/// # Panics
/// When either does not hold.
pub(crate) fn hold(check: Oracle, bytes: &[u8]) {
    let peak = sys::peak_of(|| check(bytes));
    let most = MEMORY + MEMORY_FOR_EACH * bytes.len();
    assert!(peak <= most, "{peak} bytes of memory for {} bytes", bytes.len());
}

/// The name of each oracle, which its target and the folder of its seeds share.
pub(crate) const ALL: [(&str, Oracle); 15] = [
    ("answer", answer::check),
    ("bench", bench::check),
    ("cookies", cookies::check),
    ("elf", elf::check),
    ("folded", folded::check),
    ("manifest", manifest::check),
    ("perf_map", perf_map::check),
    ("pprof", pprof::check),
    ("procfs", procfs::check),
    ("profile", profile::check),
    ("record", record::check),
    ("response", response::check),
    ("run", run::check),
    ("script", script::check),
    ("tools", tools::check),
];
