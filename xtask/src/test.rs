//! Written next.
use crate::exit::Exit;
/// Nothing yet.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}
pub(crate) fn run(_args: &Args) -> anyhow::Result<Exit> {
    Ok(Exit::Done)
}
