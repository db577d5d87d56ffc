//! What the tables of a script need to know of their surroundings.

use std::path::{Path, PathBuf};

use crate::{load::LoadError, unpack::read_file};

/// More than this is no body, table of values or certificate of a script.
const BYTES_MAX: u64 = 64 << 20;

/// What surrounds a script's file.
pub(in crate::load::script) struct Context<'a> {
    /// The script's name, for errors.
    pub(in crate::load::script) name: &'a str,
    /// The directory that files are relative to.
    pub(in crate::load::script) dir: &'a Path,
    /// The value of a variable of the environment.
    pub(in crate::load::script) environment: &'a dyn Fn(&str) -> Option<String>,
}

impl Context<'_> {
    pub(super) fn invalid(&self, message: impl Into<String>) -> LoadError {
        LoadError::invalid(self.name, message)
    }

    /// Where a file is that the script names.
    pub(super) fn path(&self, path: &Path) -> PathBuf {
        self.dir.join(path)
    }

    /// The bytes of a file that the script names.
    pub(super) fn read(&self, path: &Path) -> Result<Vec<u8>, LoadError> {
        let path = self.path(path);
        read_file(&path, BYTES_MAX).map_err(|source| LoadError::Read { path, source })
    }
}
