//! `flameload cache`: what builds have left, and how to be rid of it.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;

use crate::{
    cli::{exit::Exit, out, paths, width::Width},
    target::{Cached, cached},
};

/// List what builds of targets and revisions have left, or remove what is not used.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flameload cache
  flameload cache prune                     what nothing has asked for in 30 days
  flameload cache prune --days 0            everything that no build has right now")]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List it, what was used longest ago first
    List,
    /// Remove what is not used
    Prune {
        /// What was not used for so many days
        #[arg(long, default_value_t = 30)]
        days: u32,
        /// Say what would be removed, and remove nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// Runs `cache`.
pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let cache = paths::cache();
    let all = cached(&cache).with_context(|| format!("cannot read {}", cache.display()))?;
    match args.command {
        None | Some(Command::List) => list(&all)?,
        Some(Command::Prune { days, dry_run }) => prune(&all, days, dry_run)?,
    }
    Ok(Exit::Done)
}

fn list(all: &[Cached]) -> anyhow::Result<()> {
    let now = SystemTime::now();
    let mut rows = vec![["KIND", "SIZE", "LAST USED", "WHERE"].map(str::to_owned).to_vec()];
    rows.extend(all.iter().map(|it| {
        let days = now.duration_since(it.used).unwrap_or_default().as_secs() / 86_400;
        let used = match days {
            0 => "today".to_owned(),
            1 => "1 day ago".to_owned(),
            days => format!("{days} days ago"),
        };
        vec![it.kind.clone(), megabytes(it.bytes), used, it.path.display().to_string()]
    }));
    let sum = all.iter().map(|it| it.bytes).sum();
    rows.push(vec!["together".to_owned(), megabytes(sum), String::new(), String::new()]);
    out::print(&Width::of_stdout().table(&rows, |column| column != 1, None))
}

fn prune(all: &[Cached], days: u32, dry_run: bool) -> anyhow::Result<()> {
    let (now, long) = (SystemTime::now(), Duration::from_secs(86_400 * u64::from(days)));
    let (mut count, mut bytes) = (0, 0);
    for it in all.iter().filter(|it| it.is_unused(now, long)) {
        let removed = dry_run
            || it.remove().with_context(|| format!("cannot remove {}", it.path.display()))?;
        if !removed {
            out::tell(&format!("{} is in use, and stays", it.path.display()));
            continue;
        }
        out::print(&format!("{}\n", it.path.display()))?;
        count += 1;
        bytes += it.bytes;
    }
    let verb = if dry_run { "would be removed" } else { "removed" };
    out::tell(&format!("{count} of {} {verb}, {}", all.len(), megabytes(bytes)));
    Ok(())
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
