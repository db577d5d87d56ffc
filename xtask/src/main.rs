//! What develops flameload, beside the commands of the product: `cargo xtask profile hyper` is
//! `flameload profile hyper`, built from the sources at hand.

mod bench_compare;
mod bench_intervals;
mod bench_load;
mod bench_observer;
mod bench_pipeline;
mod bench_truth;
mod ci;
mod project;
mod test;

use std::process::ExitCode;

use clap::Subcommand;
use flameload::cli::{
    self, compare, duel, exit, interrupt, out, paths, profile, progress, sides, table, width,
};

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Product(cli::Command),
    Test(test::Args),
    BenchCompare(bench_compare::Args),
    BenchIntervals(bench_intervals::Args),
    BenchLoad(bench_load::Args),
    BenchObserver(bench_observer::Args),
    BenchPipeline(bench_pipeline::Args),
    BenchTruth(bench_truth::Args),
    Ci(ci::Args),
}

fn main() -> ExitCode {
    cli::start("cargo xtask", std::env::args_os(), |command| match command {
        Command::Product(command) => cli::run(command),
        Command::Test(args) => test::run(&args),
        Command::BenchCompare(args) => bench_compare::run(&args),
        Command::BenchIntervals(args) => bench_intervals::run(&args),
        Command::BenchLoad(args) => bench_load::run(&args),
        Command::BenchObserver(args) => bench_observer::run(&args),
        Command::BenchPipeline(args) => bench_pipeline::run(&args),
        Command::BenchTruth(args) => bench_truth::run(&args),
        Command::Ci(args) => ci::run(&args),
    })
}
