//! Reads a TOML file strictly: an unknown key is an error that names the nearest known one; and
//! texts with holes in such files, and the names of secrets in them.

pub(crate) mod secret;
pub(crate) mod template;

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::unpack::read_file;

/// Why a file could not be read into its type.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file's text is not what its type asks for.
    #[error("{path}: {message}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, excerpt and reason, with the nearest known key where one is unknown.
        message: String,
    },
}

/// Reads the file at `path` as a `T`, whose types are expected to deny unknown fields.
///
/// # Errors
/// When the file cannot be read, is not TOML, or does not fit `T`.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = read_file(path, BYTES_MAX)
        .and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other))
        .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    parse(&text).map_err(|message| ConfigError::Parse { path: path.to_owned(), message })
}

/// No file of settings is longer than this, be there a body of some megabytes in it.
const BYTES_MAX: u64 = 16 << 20;

/// Parses TOML text as a `T`; the error is a readable message with the place and the advice.
///
/// # Errors
/// When the text is not TOML or does not fit `T`.
pub fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| {
        let message = cut(&error.to_string());
        let advice = match suggestion(error.message()) {
            Some(key) => format!("\ndid you mean `{key}`?"),
            None if error.message().starts_with(TABLE_FOR_LIST) => {
                "\nwhat may come several times has two brackets, as in `[[name]]`".to_owned()
            }
            None => String::new(),
        };
        message.trim_end().to_owned() + &advice
    })
}

/// What serde says of `[name]` where `[[name]]` is meant.
const TABLE_FOR_LIST: &str = "invalid type: map, expected a sequence";

/// More of a line than this nobody reads; a file may be one line of megabytes.
const LINE_MAX: usize = 300;

/// A message whose lines are no longer than that.
fn cut(message: &str) -> String {
    let lines = message.lines().map(|line| match line.char_indices().nth(LINE_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The known name nearest to `name`, if any is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (similarity(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// From 0 to 1. One slip of a finger makes nearly the same of words that are long enough.
fn similarity(name: &str, candidate: &str) -> f64 {
    const LONG_ENOUGH: usize = 3;
    match strsim::osa_distance(name, candidate) {
        0 => 1.0,
        1 if name.chars().count() >= LONG_ENOUGH => 0.99,
        _ => strsim::jaro_winkler(name, candidate),
    }
}

/// Serde lists the known fields of an unknown one: "unknown field `x`, expected one of `a`, `b`".
fn suggestion(message: &str) -> Option<&str> {
    let (unknown, expected) = message.strip_prefix("unknown ")?.split_once(", expected")?;
    let name = unknown.split('`').nth(1)?;
    nearest(name, expected.split('`').skip(1).step_by(2))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only parsed")]
    struct Sample {
        connections: u32,
        timeout: String,
    }

    fn check(text: &str, expected: Expect) {
        expected.assert_eq(&parse::<Sample>(text).expect_err("the text is wrong"));
    }

    #[test]
    fn an_unknown_key_suggests_the_nearest() {
        check(
            "conections = 5\ntimeout = \"2s\"\n",
            expect![[r#"
                TOML parse error at line 1, column 1
                  |
                1 | conections = 5
                  | ^^^^^^^^^^
                unknown field `conections`, expected `connections` or `timeout`
                did you mean `connections`?"#]],
        );
    }

    #[test]
    fn the_nearest_is_one_slip_away() {
        assert_eq!(nearest("wkr", ["wrk2", "wrk", "k6"]), Some("wrk"));
        assert_eq!(nearest("itn", ["int", "file"]), Some("int"));
        assert_eq!(nearest("ab", ["ac", "b"]), None);
    }

    #[test]
    fn a_line_without_end_is_not_repeated() {
        let text = format!("timeout = \"{}\"\nx = 1\nconnections = [", "é".repeat(1 << 16));
        let long = format!("x = {}", "[],".repeat(1 << 16));
        for text in [text, long] {
            let message = parse::<Sample>(&text).expect_err("the text is wrong");
            assert!(message.len() < 2_000, "{} bytes", message.len());
        }
    }

    #[test]
    fn a_distant_key_suggests_nothing() {
        check(
            "zzz = 5\n",
            expect![[r#"
                TOML parse error at line 1, column 1
                  |
                1 | zzz = 5
                  | ^^^
                unknown field `zzz`, expected `connections` or `timeout`"#]],
        );
    }
}
