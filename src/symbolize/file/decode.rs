//! The document of a file -> profile. Nothing the file says is trusted: every row is looked up.

use super::document::{Document, SCHEMA, ThreadEntry, Window};
use crate::{
    symbolize::{Frame, FrameId, FrameKind, Profile, Sample, Stack, StackId, Thread, ThreadId},
    unit::{Hertz, Nanos, Samples},
};

/// The profile of a document, whose ids are still to be checked against each other.
pub(super) fn profile(document: Document) -> Result<Profile, String> {
    let Window { schema, hz, started_ns, duration_ns, frames, stacks, threads } =
        document.meta.flameload;
    if schema != SCHEMA {
        return Err(format!("it has schema {schema}, and this version reads {SCHEMA}"));
    }
    let rows = |count: fn(&ThreadEntry) -> usize| document.threads.iter().map(count).sum();
    let mut parts = Parts {
        strings: &document.shared.string_array,
        frames: slots("frames", frames, rows(|thread| thread.flameload.frames.len()))?,
        stacks: slots("stacks", stacks, rows(|thread| thread.flameload.stacks.len()))?,
        samples: vec![None; rows(|thread| thread.flameload.samples.len())],
    };
    let mut named = Vec::new();
    for (i, thread) in (0..).zip(&document.threads) {
        parts.add(ThreadId(i), thread).map_err(|error| format!("thread {i}: {error}"))?;
        named.push(Thread {
            pid: thread.pid.parse().map_err(|_| format!("thread {i}: its pid is no number"))?,
            tid: thread.tid,
            of: thread.flameload.of.clone(),
            process: thread.process_name.clone(),
            name: thread.name.clone(),
        });
    }
    named.truncate(threads);
    Ok(Profile {
        title: document.meta.product.clone(),
        hz: Hertz(hz),
        started: Nanos(started_ns),
        duration: Nanos(duration_ns),
        frames: filled("frame", parts.frames)?,
        stacks: filled("stack", parts.stacks)?,
        threads: named,
        samples: filled("sample", parts.samples)?,
    })
}

/// Room for `count` things, of which the file has at most `rows`.
fn slots<T: Clone>(what: &str, count: usize, rows: usize) -> Result<Vec<Option<T>>, String> {
    if count > rows {
        return Err(format!("it announces {count} {what} and has {rows}"));
    }
    Ok(vec![None; count])
}

fn filled<T>(what: &str, slots: Vec<Option<T>>) -> Result<Vec<T>, String> {
    slots
        .into_iter()
        .enumerate()
        .map(|(i, slot)| slot.ok_or_else(|| format!("{what} {i} is missing")))
        .collect()
}

/// What has been read so far, by its place in the whole profile.
struct Parts<'a> {
    strings: &'a [String],
    frames: Vec<Option<Frame>>,
    stacks: Vec<Option<Stack>>,
    samples: Vec<Option<Sample>>,
}

impl Parts<'_> {
    fn add(&mut self, id: ThreadId, thread: &ThreadEntry) -> Result<(), String> {
        let frame_ids = sums(&thread.flameload.frames)?;
        let stack_ids = sums(&thread.flameload.stacks)?;
        for (row, id) in frame_ids.iter().enumerate() {
            // Threads share frames: the first to name one is enough.
            let slot = self.frames.get(*id as usize).ok_or_else(|| beyond("frame", *id))?;
            if slot.is_none() {
                self.frames[*id as usize] = Some(self.frame(thread, row)?);
            }
        }
        for (row, id) in stack_ids.iter().enumerate() {
            let parent = cell(&thread.stack_table.prefix, row, "prefix")?
                .map(|row| cell(&stack_ids, row as usize, "stack"))
                .transpose()?;
            let frame = cell(&thread.stack_table.frame, row, "frame")?;
            let stack = Stack {
                parent: parent.map(StackId),
                frame: FrameId(cell(&frame_ids, frame as usize, "frame")?),
            };
            *self.stacks.get_mut(*id as usize).ok_or_else(|| beyond("stack", *id))? = Some(stack);
        }
        self.add_samples(id, thread, &stack_ids)
    }

    fn add_samples(
        &mut self,
        id: ThreadId,
        thread: &ThreadEntry,
        stack_ids: &[u32],
    ) -> Result<(), String> {
        let table = &thread.samples;
        let mut time = 0_i64;
        for (row, place) in sums(&thread.flameload.samples)?.into_iter().enumerate() {
            let delta_ms: f64 = cell(&table.time_deltas, row, "time")?;
            // A float that is too great for the integer becomes its greatest.
            time = time.saturating_add((delta_ms * 1e6).round() as i64);
            let stack = cell(&table.stack, row, "stack")?;
            let sample = Sample {
                time: Nanos(u64::try_from(time).map_err(|_| "a sample before the window")?),
                thread: id,
                stack: StackId(cell(stack_ids, stack as usize, "stack")?),
                weight: match &table.weight {
                    Some(weights) => Samples(cell(weights, row, "weight")?),
                    None => Samples(1),
                },
                tag: match thread.flameload.tags.as_slice() {
                    [] => 0,
                    tags => cell(tags, row, "tag")?,
                },
            };
            *self.samples.get_mut(place as usize).ok_or_else(|| beyond("sample", place))? =
                Some(sample);
        }
        Ok(())
    }

    fn frame(&self, thread: &ThreadEntry, row: usize) -> Result<Frame, String> {
        let functions = &thread.func_table;
        let function = cell(&thread.frame_table.func, row, "func")? as usize;
        let name = cell(&functions.name, function, "name")?;
        let file = cell(&functions.file_name, function, "file name")?;
        let module = match usize::try_from(cell(&functions.resource, function, "resource")?) {
            Ok(resource) => Some(cell(&thread.resource_table.name, resource, "resource")?),
            Err(_) => None,
        };
        let module = module.map(|module| self.text(module)).transpose()?;
        let (mut name, mut kind) =
            (self.text(name)?, kind(cell(&thread.frame_table.category, row, "category")?)?);
        if name.trim().is_empty() {
            name = format!("[{}]", module.as_deref().unwrap_or("unknown"));
            kind = FrameKind::Unknown;
        }
        Ok(Frame {
            name,
            module,
            file: file.map(|file| self.text(file)).transpose()?,
            line: cell(&thread.frame_table.line, row, "line")?,
            kind,
        })
    }

    fn text(&self, row: u32) -> Result<String, String> {
        self.strings.get(row as usize).cloned().ok_or_else(|| beyond("string", row))
    }
}

fn kind(category: u8) -> Result<FrameKind, String> {
    [
        FrameKind::User,
        FrameKind::Inlined,
        FrameKind::Kernel,
        FrameKind::Unknown,
        FrameKind::Truncated,
    ]
    .into_iter()
    .find(|kind| super::encode::category(*kind) == category)
    .ok_or_else(|| beyond("category", u32::from(category)))
}

fn cell<T: Copy>(column: &[T], row: usize, what: &str) -> Result<T, String> {
    column.get(row).copied().ok_or_else(|| format!("there is no row {row} of {what}"))
}

fn beyond(what: &str, id: u32) -> String {
    format!("there is no {what} {id}")
}

/// The numbers whose differences these are.
fn sums(differences: &[u32]) -> Result<Vec<u32>, String> {
    let mut sum = 0_u32;
    differences
        .iter()
        .map(|difference| {
            sum = sum.checked_add(*difference).ok_or("an id is too great")?;
            Ok(sum)
        })
        .collect()
}
