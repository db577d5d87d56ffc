//! `flameload render`: re-create the derived files of a run from its profile and record.

use crate::record::Store;

use crate::cli::{exit::Exit, out, paths::StoreArgs};

/// Re-create a run's folded stacks and flamegraph, byte for byte, from its profile.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flameload render latest
  flameload render latest --raw          every frame, as profile --raw draws them
  flameload render 20261121-2233
  flameload render .flameload/runs/hyper/20261121-223344-ab12")]
pub struct Args {
    /// The run: its id or the start of it, `latest`, or its directory
    run: String,

    /// Draw every frame with its full name, whatever the run was made with; without this, the
    /// next `render` draws as the record says
    #[arg(long)]
    raw: bool,

    #[command(flatten)]
    store: StoreArgs,
}

/// Runs the command.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let directory = args.store.kept().find(&args.run)?;
    let svg = match args.raw {
        true => Store::render_raw(&directory)?,
        false => Store::render(&directory)?,
    };
    out::print(&format!("{}\n", svg.display()))?;
    Ok(Exit::Done)
}
