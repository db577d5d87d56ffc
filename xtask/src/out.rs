//! Printing that survives a reader who has seen enough, as in `… | head -1`.

use std::io::{self, Write};

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
