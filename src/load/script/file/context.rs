//! What the tables of a script need to know of their surroundings.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use crate::load::LoadError;

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
        read_limited(&path).map_err(|source| LoadError::Read { path, source })
    }
}

/// More than this is no body, table of values or certificate of a script.
const BYTES_MAX: u64 = 64 << 20;

fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if File::open(path)?.take(BYTES_MAX + 1).read_to_end(&mut bytes)? as u64 > BYTES_MAX {
        return Err(io::Error::other("it has more than 64 MiB"));
    }
    Ok(bytes)
}
