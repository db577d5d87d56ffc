//! A round of our own: `profile`, into a store that is thrown away.

use std::{path::Path, sync::atomic::AtomicBool, time::Duration};

use anyhow::{Context, bail};
use flameload::{
    fold::Folded,
    measure::{self, Event, Finished, MeasureError},
    record::{Run, Status, Store},
    unit::{Bytes, Ratio},
};

use super::{Workload, hand::bytes_in, shares::Shares};

/// What one round of ours came to.
#[derive(Debug, Clone)]
pub(super) struct Round {
    /// From the end of the load to the picture on disk, as the record has it.
    pub(super) post: Duration,
    /// What the run's directory takes.
    pub(super) run: Bytes,
    /// What was left elsewhere in the store.
    pub(super) temporary: Bytes,
    pub(super) shares: Shares,
    pub(super) samples: u64,
    /// As the record has it.
    pub(super) truncated: Option<Ratio>,
    /// As the record has it.
    pub(super) unknown: Option<Ratio>,
    pub(super) lost: u64,
    pub(super) throttled: u64,
    pub(super) requests_per_second: Option<f64>,
}

/// Makes one round in the directory `dir`.
pub(super) fn round(
    workload: &Workload,
    dir: &Path,
    interrupted: &AtomicBool,
    events: &mut dyn FnMut(Event),
) -> anyhow::Result<Round> {
    let finished = profile(workload, dir, interrupted, events)?;
    let Finished { run, directory } = &finished;
    let facts = run.profile.as_ref().context("the record has no profile")?;
    let post_ms = facts.post_processing_ms.context("the record has no time of post-processing")?;
    let names = Folded::root_names(&Store::read_profile(directory)?);
    let text = std::fs::read_to_string(directory.join("cpu.folded"))
        .context("cannot read the folded stacks")?;
    let stacks: Folded = text.parse().context("cannot understand our folded stacks")?;
    let bytes = bytes_in(directory)?;
    Ok(Round {
        post: Duration::from_secs_f64(post_ms / 1e3),
        run: bytes,
        temporary: Bytes(bytes_in(dir)?.0.saturating_sub(bytes.0)),
        shares: Shares::of(&stacks, &names),
        samples: facts.samples,
        truncated: facts.truncated_ratio.map(Ratio),
        unknown: facts.unknown_ratio.map(Ratio),
        lost: facts.lost,
        throttled: facts.throttled,
        requests_per_second: run.load.requests_per_second,
    })
}

/// Profiles the workload into a store in `dir`.
///
/// # Errors
/// When it could not be measured to its end.
pub(super) fn profile(
    workload: &Workload,
    dir: &Path,
    interrupted: &AtomicBool,
    events: &mut dyn FnMut(Event),
) -> anyhow::Result<Finished> {
    let store = Store::new(dir);
    let finished =
        measure::profile(&workload.what(), &workload.settings(), &store, interrupted, events)?;
    let Run { status, reason, .. } = &finished.run;
    match status {
        Status::Complete => Ok(finished),
        Status::Interrupted => Err(MeasureError::Interrupted.into()),
        Status::Failed => bail!("the run failed: {}", reason.as_deref().unwrap_or("no reason")),
    }
}
