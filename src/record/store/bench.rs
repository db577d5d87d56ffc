//! Benchmarks in the store: `<root>/bench/<id>/`, beside the runs that they are made of.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use super::{
    RecordError, Store, of_version, read_json,
    write::{Unfinished, write_file},
};
use crate::record::bench::Bench;

/// The directory of the benchmarks, and the beginning of what they are called on a command line.
const BENCHES: &str = "bench";
/// The record's file.
pub(super) const BENCH: &str = "bench.json";

impl Store {
    /// Makes sure, before anything is measured, that a benchmark can be kept.
    ///
    /// # Errors
    /// As [`Self::check_writable`].
    pub fn check_bench_writable(&self) -> Result<(), RecordError> {
        self.check_writable(BENCHES)
    }

    /// Keeps a benchmark with the files that were derived from it, and returns its directory.
    /// Nothing is left where it cannot be kept whole.
    ///
    /// # Errors
    /// When a file cannot be written, or the benchmark has been kept already.
    pub fn write_bench(
        &self,
        bench: &Bench,
        derived: &[(&str, Vec<u8>)],
    ) -> Result<PathBuf, RecordError> {
        let benches = self.root().join(BENCHES);
        let place = benches.join(bench.id.as_str());
        let unfinished = Unfinished::create(&benches)
            .map_err(|source| RecordError::Unwritable { path: benches, source })?;
        let mut json = serde_json::to_vec_pretty(bench)
            .map_err(|source| RecordError::Bench { path: place.join(BENCH), source })?;
        json.push(b'\n');
        write_file(unfinished.path(), BENCH, |file| file.write_all(&json))?;
        for (name, bytes) in derived {
            write_file(unfinished.path(), name, |file| file.write_all(bytes))?;
        }
        unfinished.finish(&place)?;
        Ok(place)
    }

    /// The record in a benchmark's directory.
    ///
    /// # Errors
    /// When there is none, or it is of another version.
    pub fn read_bench(directory: &Path) -> Result<Bench, RecordError> {
        let path = directory.join(BENCH);
        let json = read_json(&path)?;
        let error = |source| RecordError::Bench { path: path.clone(), source };
        of_version(&json, &path, error)
    }

    /// The directory of the benchmark that `text` means: `bench/` and an id, the beginning of one
    /// or `latest`; or a path to its directory. None where no benchmark is meant, but maybe a run.
    ///
    /// # Errors
    /// When none or several are meant; the message names near ones.
    pub fn find_bench(&self, text: &str) -> Result<Option<PathBuf>, RecordError> {
        self.find_beside(BENCHES, BENCH, text)
    }
}
