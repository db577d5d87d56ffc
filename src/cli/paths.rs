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

/// Where Go programs, Python environments and databases are kept that targets need.
pub(crate) fn cache() -> PathBuf {
    root().join("target/flameload")
}

/// Where runs are kept.
#[derive(Debug, clap::Args)]
pub(crate) struct StoreArgs {
    /// Where runs are kept [default: flamegraphs/ in the workspace]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl StoreArgs {
    pub(crate) fn store(&self) -> Store {
        Store::new(self.out.clone().unwrap_or_else(|| root().join("flamegraphs")))
    }
}
