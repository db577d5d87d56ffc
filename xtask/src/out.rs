//! Printing that survives a reader who has seen enough, as in `… | head -1`.

use std::{
    io::{self, Write},
    path::Path,
};

/// Prints a result. A closed stdout is no failure: the work is done and kept.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot print the result"))
        }
        _ => Ok(()),
    }
}

/// Tells the user something. Where nobody listens any more, the work goes on all the same.
pub(crate) fn tell(message: &str) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// A path as one would type it: relative to the current directory where that is shorter.
pub(crate) fn shown_path(path: &Path) -> String {
    let current = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(current).unwrap_or(path).display().to_string()
}
