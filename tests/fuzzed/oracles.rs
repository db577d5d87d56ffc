//! What must hold of any bytes, one function for each reader of them; each panics where it does
//! not. Shared with the targets in `fuzz/`.

mod answer;
mod cookies;
mod folded;
mod pieces;
mod pprof;
mod procfs;
mod profile;
mod record;
mod response;
mod script;
mod tools;

use self::pieces::Pieces;

/// Panics when what it is given is not treated as it should be.
pub(crate) type Oracle = fn(&[u8]);

/// The name of each oracle, which its target and the folder of its seeds share.
pub(crate) const ALL: [(&str, Oracle); 10] = [
    ("answer", answer::check),
    ("cookies", cookies::check),
    ("folded", folded::check),
    ("pprof", pprof::check),
    ("procfs", procfs::check),
    ("profile", profile::check),
    ("record", record::check),
    ("response", response::check),
    ("script", script::check),
    ("tools", tools::check),
];
