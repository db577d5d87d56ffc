//! The program `flameload`.

use std::process::ExitCode;

use flameload::cli;

fn main() -> ExitCode {
    cli::start("flameload", std::env::args_os(), cli::run)
}
