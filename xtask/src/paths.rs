//! Where things are in the workspace.

use std::path::{Path, PathBuf};

use flameload::record::Store;

/// The root of the workspace that this binary was built in.
pub(crate) fn root() -> &'static Path {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.parent().unwrap_or(xtask)
}

pub(crate) fn targets() -> PathBuf {
    root().join("targets")
}

pub(crate) fn scripts() -> PathBuf {
    root().join("scripts")
}

pub(crate) fn store() -> Store {
    Store::new(root().join("flamegraphs"))
}
