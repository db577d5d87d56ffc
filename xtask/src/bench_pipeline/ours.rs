//! A round of our own: `profile`, into a store that is thrown away.

use std::{
    path::Path,
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

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
    /// What of that went by before symbolizing: mostly stopping the sampler and the server.
    pub(super) stop: Duration,
    /// What of it symbolizing took; the rest is folding, drawing and writing.
    pub(super) symbolize: Duration,
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
    let mut steps = Steps::default();
    let finished = profile(workload, dir, interrupted, &mut |event| {
        steps.see(&event);
        events(event);
    })?;
    let ended = Instant::now();
    let Finished { run, directory } = &finished;
    let facts = run.profile.as_ref().context("the record has no profile")?;
    let post_ms = facts.post_processing_ms.context("the record has no time of post-processing")?;
    let names = Folded::root_names(&Store::read_profile(directory)?);
    let text = std::fs::read_to_string(directory.join("cpu.folded"))
        .context("cannot read the folded stacks")?;
    let stacks: Folded = text.parse().context("cannot understand our folded stacks")?;
    let bytes = bytes_in(directory)?;
    let post = Duration::from_secs_f64(post_ms / 1e3);
    let (symbolize, write) = steps.spans(ended).context("the profile told no steps")?;
    Ok(Round {
        post,
        stop: post.saturating_sub(symbolize + write),
        symbolize,
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

/// When the steps after the load began.
#[derive(Debug, Default)]
struct Steps {
    symbolizing: Option<Instant>,
    recording: Option<Instant>,
}

impl Steps {
    fn see(&mut self, event: &Event) {
        match event {
            Event::Symbolizing => self.symbolizing = Some(Instant::now()),
            Event::Recording => self.recording = Some(Instant::now()),
            _ => {}
        }
    }

    /// How long symbolizing and recording took, if both were seen.
    fn spans(&self, ended: Instant) -> Option<(Duration, Duration)> {
        let recording = self.recording?;
        let symbolizing = recording.saturating_duration_since(self.symbolizing?);
        Some((symbolizing, ended.saturating_duration_since(recording)))
    }
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
