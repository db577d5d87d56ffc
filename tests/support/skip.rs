//! Tests that this machine does not allow: they say so, and where all must run, they fail.

use std::{
    env,
    fmt::Display,
    fs::OpenOptions,
    io::{self, Write as _},
    thread,
};

/// Names the file to which a line goes for each skipped test; `cargo xtask test` sets it.
const LIST: &str = "FLAMELOAD_SKIPPED_TESTS";

/// Says that the rest of the test that calls it is left out, and why: on stderr, past the capture
/// of a test's output, and to those who count.
///
/// # Panics
/// With `CI=true` in the environment: nothing is left out there.
pub(crate) fn skip(why: impl Display) {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let is_ci = env::var_os("CI").is_some_and(|value| value == "true");
    assert!(!is_ci, "with CI=true, no test is skipped: {why}");
    // Where even this fails, nobody is there to be told.
    let _ = writeln!(io::stderr(), "SKIPPED {name}: {why}");
    let list = env::var_os(LIST).and_then(|list| OpenOptions::new().append(true).open(list).ok());
    if let Some(mut list) = list {
        let line = format!("{name}\t{why}").replace('\n', " ");
        let _ = list.write_all(format!("{line}\n").as_bytes());
    }
}
