//! Printing that survives a reader who has seen enough, as in `… | head -1`.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    path::Path,
};

use crate::plain::visible;

/// Prints a result. A closed stdout is no failure: the work is done and kept. On one that takes
/// no more, as of a full disk, the result goes to stderr.
///
/// # Errors
/// Where it was not printed to stdout.
pub fn print(text: &str) -> anyhow::Result<()> {
    let text = visible(text);
    match is_colored(&io::stdout()) {
        true => print_styled(&colored(&text)),
        false => print_styled(&text),
    }
}

/// The same with colours of our own: what is foreign in `text` was made harmless before.
///
/// # Errors
/// Where it was not printed to stdout.
pub(crate) fn print_styled(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            tell(text);
            Err(PrintError(error).into())
        }
        _ => Ok(()),
    }
}

/// Standard output took nothing more.
#[derive(Debug)]
pub(crate) struct PrintError(io::Error);

impl fmt::Display for PrintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot write to standard output: {}; the result is above, on standard error, and what \
             was measured is kept",
            self.0
        )
    }
}

impl std::error::Error for PrintError {}

/// Tells the user something. Where nobody listens any more, the work goes on all the same.
pub fn tell(message: &str) {
    let message = visible(message);
    let _ = match is_colored(&io::stderr()) {
        true => writeln!(io::stderr(), "{}", colored(&message)),
        false => writeln!(io::stderr(), "{message}"),
    };
}

/// Whether somebody sees colours there, and has not asked for none (<https://no-color.org>).
pub(crate) fn is_colored(to: &impl IsTerminal) -> bool {
    to.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Colours the words that lines begin with where they tell good from bad: `error:`, `WARNING`,
/// `REGRESSED`.
fn colored(text: &str) -> String {
    let line = |line: &str| {
        let rest = line.trim_start_matches(' ');
        let indent = line.len() - rest.len();
        let word = rest.split([' ', '\n']).next().unwrap_or_default();
        match color(word).filter(|_| indent <= 2) {
            Some(color) => {
                let (before, after) = (&line[..indent], &rest[word.len()..]);
                format!("{before}\x1b[{color}m{word}\x1b[0m{after}")
            }
            None => line.to_owned(),
        }
    };
    text.split_inclusive('\n').map(line).collect()
}

fn color(word: &str) -> Option<&'static str> {
    Some(match word {
        "error:" | "FAILED" | "REGRESSED" | "DIAGNOSIS" | "CULPRIT" => "1;31",
        "warning:" | "WARNING" | "CAVEAT" | "INCONCLUSIVE" | "INTERRUPTED" | "UNLIKE" => "33",
        "IMPROVED" | "EQUIVALENT" => "32",
        _ => return None,
    })
}

/// A path as one would type it: relative to the current directory where that is shorter.
pub(crate) fn shown_path(path: &Path) -> String {
    let current = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(current).unwrap_or(path).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_words_that_judge_have_colors() {
        assert_eq!(colored("error: no such file\n"), "\x1b[1;31merror:\x1b[0m no such file\n");
        let text = "hyper · users\n  CPU          8 µs\n  WARNING      doubtful\n    WARNING x";
        let expected = "hyper · users\n  CPU          8 µs\n  \x1b[33mWARNING\x1b[0m      doubtful\n    WARNING x";
        assert_eq!(colored(text), expected);
        assert_eq!(colored(""), "");
    }
}
