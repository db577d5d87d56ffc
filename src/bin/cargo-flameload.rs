//! The program that `cargo flameload` runs.

use std::process::ExitCode;

use flameload::cli;

fn main() -> ExitCode {
    // Cargo repeats the name of its subcommand.
    let mut arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|first| first == "flameload") {
        arguments.remove(1);
    }
    cli::start("cargo flameload", arguments, cli::run)
}
