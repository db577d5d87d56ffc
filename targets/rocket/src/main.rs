//! A small REST service on Rocket: posts that are kept in memory.

mod posts;

use std::process::ExitCode;

use clap::Parser;
use rocket::Config;

/// Serves HTTP on the address in Rocket.toml, whose other settings hold as well.
#[derive(Debug, Parser)]
struct Options {
    /// The port; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
}

#[rocket::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    let figment = Config::figment().merge(("port", options.port));
    // It stops at SIGTERM and SIGINT by itself.
    match rocket::custom(figment).attach(posts::stage()).launch().await {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rocket-server: {error}");
            ExitCode::FAILURE
        }
    }
}
