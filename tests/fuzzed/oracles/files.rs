//! What is read from a file, whose bytes are made up.

use std::{cell::OnceCell, fs, path::Path};

use tempfile::TempDir;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// Calls `read` with a folder in which there is a file `name` of these bytes.
pub(super) fn with_file<T>(name: &str, bytes: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| tempfile::tempdir().expect("a folder")).path();
        fs::write(folder.join(name), bytes).expect("a file");
        read(folder)
    })
}
