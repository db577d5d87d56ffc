//! Comparisons in the store: `<root>/compare/<id>/`, beside the runs and benchmarks.
//!
//! What is in their files is for those who compare to say: here they are bytes.

use std::{io::Write as _, path::PathBuf};

use super::{
    RecordError, Store,
    write::{Unfinished, write_file},
};
use crate::record::id::RunId;

/// The directory of the comparisons, and the beginning of what they are called on a command line.
const COMPARISONS: &str = "compare";
/// The file that each comparison has.
pub(super) const COMPARISON: &str = "comparison.json";

impl Store {
    /// Makes sure, before anything is measured, that a comparison can be kept.
    ///
    /// # Errors
    /// As [`Self::check_writable`].
    pub fn check_comparison_writable(&self) -> Result<(), RecordError> {
        self.check_writable(COMPARISONS)
    }

    /// Keeps the files of a comparison, `comparison.json` among them, and returns their directory.
    /// Nothing is left where they cannot be kept whole.
    ///
    /// # Errors
    /// When a file cannot be written, or the comparison has been kept already.
    pub fn write_comparison(
        &self,
        id: &RunId,
        files: &[(&str, Vec<u8>)],
    ) -> Result<PathBuf, RecordError> {
        let comparisons = self.root().join(COMPARISONS);
        let place = comparisons.join(id.as_str());
        let unfinished = Unfinished::create(&comparisons)
            .map_err(|source| RecordError::Unwritable { path: comparisons, source })?;
        for (name, bytes) in files {
            write_file(unfinished.path(), name, |file| file.write_all(bytes))?;
        }
        unfinished.finish(&place)?;
        Ok(place)
    }

    /// The directory of the comparison that `text` means: `compare/` and an id, the beginning of
    /// one or `latest`; or a path to its directory. None where no comparison is meant, but maybe
    /// something else.
    ///
    /// # Errors
    /// When none or several are meant; the message names near ones.
    pub fn find_comparison(&self, text: &str) -> Result<Option<PathBuf>, RecordError> {
        self.find_beside(COMPARISONS, COMPARISON, text)
    }
}
