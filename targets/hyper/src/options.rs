//! The command line.

use std::{num::NonZero, str::FromStr, thread};

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// Worker threads of the runtime.
    pub workers: usize,
}

impl Options {
    /// Reads `--port N` (default 8080) and `--workers N` (default: the CPUs it may use).
    pub fn from_args(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options =
            Self { port: 8080, workers: thread::available_parallelism().map_or(1, NonZero::get) };
        while let Some(name) = args.next() {
            match name.as_str() {
                "--port" => options.port = value(&name, args.next())?,
                "--workers" => {
                    options.workers = value::<NonZero<usize>>(&name, args.next())?.get();
                }
                _ => return Err(format!("unknown argument '{name}': use --port and --workers")),
            }
        }
        Ok(options)
    }
}

fn value<T: FromStr>(name: &str, text: Option<String>) -> Result<T, String> {
    let text = text.ok_or_else(|| format!("{name} needs a number"))?;
    text.parse().map_err(|_| format!("{name} needs a number, not '{text}'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &str) -> Result<Options, String> {
        Options::from_args(args.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn arguments_are_read() {
        assert_eq!(parse("--port 0 --workers 3"), Ok(Options { port: 0, workers: 3 }));
        assert_eq!(parse("").map(|options| options.port), Ok(8080));
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for wrong in ["--port", "--port x", "--port 65536", "--workers 0", "--host ::1"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
