//! The command line of flameload: parse, one call to the library, print, exit code.

mod bench;
mod bench_compare;
mod bench_intervals;
mod bench_load;
mod bench_observer;
mod bench_pipeline;
mod bench_truth;
mod bisect;
mod browser;
mod calibrate;
mod ci;
mod compare;
mod doctor;
mod duel;
mod exit;
mod interrupt;
mod list;
mod out;
mod paths;
mod profile;
mod progress;
mod project;
mod regress;
mod render;
mod sides;
mod summary;
mod table;
mod test;
mod width;

use clap::{Parser, Subcommand};
use flameload::target::left_running;

/// Profiles servers under load and says what each request costs.
///
/// Exit codes: 0 done, 1 a regression or a failed threshold, 2 usage, 3 could not measure (the
/// message says what to do), 4 inconclusive, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Profile(profile::Args),
    Bench(bench::Args),
    Compare(compare::Args),
    Regress(regress::Args),
    Bisect(bisect::Args),
    Calibrate(calibrate::Args),
    Render(render::Args),
    Runs(list::RunsArgs),
    Targets(list::TargetsArgs),
    Scripts(list::ScriptsArgs),
    Doctor(doctor::Args),
    Test(test::Args),
    BenchCompare(bench_compare::Args),
    BenchIntervals(bench_intervals::Args),
    BenchLoad(bench_load::Args),
    BenchObserver(bench_observer::Args),
    BenchPipeline(bench_pipeline::Args),
    BenchTruth(bench_truth::Args),
    Ci(ci::Args),
}

fn main() -> std::process::ExitCode {
    let exit = match Cli::parse().command {
        Command::Profile(args) => profile::run(args),
        Command::Bench(args) => bench::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Regress(args) => regress::run(&args),
        Command::Bisect(args) => bisect::run(&args),
        Command::Calibrate(args) => calibrate::run(&args),
        Command::Render(args) => render::run(&args),
        Command::Runs(args) => list::runs(&args),
        Command::Targets(args) => list::targets(&args),
        Command::Scripts(args) => list::scripts(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Test(args) => test::run(&args),
        Command::BenchCompare(args) => bench_compare::run(&args),
        Command::BenchIntervals(args) => bench_intervals::run(&args),
        Command::BenchLoad(args) => bench_load::run(&args),
        Command::BenchObserver(args) => bench_observer::run(&args),
        Command::BenchPipeline(args) => bench_pipeline::run(&args),
        Command::BenchTruth(args) => bench_truth::run(&args),
        Command::Ci(args) => ci::run(&args),
    };
    let exit = exit.unwrap_or_else(|error| exit::report(&error));
    for left in left_running() {
        out::tell(&format!(
            "warning: {left} could not be stopped and runs on: it is another user's, or hangs in \
             the kernel; end it with `sudo kill -KILL {}`",
            left.pid
        ));
    }
    exit.into()
}
