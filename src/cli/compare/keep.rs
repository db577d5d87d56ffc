//! Keeps a comparison: its figures, its pictures, and where they are.

use std::path::{Path, PathBuf};

use crate::{
    compare::{Comparison, Pair},
    record::{RunId, Store, UtcTime},
    report,
};

use crate::cli::{browser, out};

/// What becomes of a comparison beside what is printed.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct KeepArgs {
    /// Keep nothing: print only
    #[arg(long)]
    no_keep: bool,

    /// Open the page with A, B and their difference when done
    #[arg(long, conflicts_with = "no_keep")]
    open: bool,
}

impl KeepArgs {
    /// Makes sure, before anything is measured, that it can be kept.
    pub(crate) fn check(&self, store: &Store) -> anyhow::Result<()> {
        match self.no_keep {
            true => Ok(()),
            false => Ok(store.check_comparison_writable()?),
        }
    }

    /// Keeps the comparison and returns where, unless it is to be printed only.
    pub(crate) fn keep(
        &self,
        store: &Store,
        pair: &Pair,
        comparison: &Comparison,
    ) -> anyhow::Result<Option<PathBuf>> {
        if self.no_keep {
            return Ok(None);
        }
        keep(store, pair, comparison).map(Some)
    }

    /// Opens what was kept, if that was asked for.
    pub(crate) fn open_if_asked(&self, kept: Option<&Path>) {
        if let Some(directory) = kept.filter(|_| self.open)
            && let Err(error) = browser::open(&directory.join(PAGE))
        {
            // The comparison was made and kept: a browser that is missing does not undo that.
            out::tell(&format!("note: {error:#}"));
        }
    }
}

/// The page with A, B and the difference.
const PAGE: &str = "index.html";
/// The difference alone.
const PICTURE: &str = "diff.svg";

/// Keeps a comparison with its pictures, and returns its directory.
pub(crate) fn keep(store: &Store, pair: &Pair, comparison: &Comparison) -> anyhow::Result<PathBuf> {
    let files = report::derive_comparison(pair, comparison)?;
    Ok(store.write_comparison(&RunId::new(UtcTime::now()), &files)?)
}

/// The lines of a summary that say where a comparison is.
pub(crate) fn places(directory: &Path) -> String {
    [("page", PAGE), ("flamegraph", PICTURE)]
        .into_iter()
        .map(|(label, file)| (label, directory.join(file)))
        .filter(|(_, path)| path.is_file())
        .map(|(label, path)| format!("  {label:<12} {}\n", out::shown_path(&path)))
        .collect()
}

/// The comparison as Markdown, with links to its files where it was kept.
pub(crate) fn markdown(comparison: &Comparison, kept: Option<&Path>) -> String {
    match kept {
        Some(directory) => report::comparison_markdown(comparison, &out::shown_path(directory)),
        None => comparison.markdown(),
    }
}
