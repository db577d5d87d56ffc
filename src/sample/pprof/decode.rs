//! The bytes of a profile -> stacks of named functions with their counts.

use std::{collections::hash_map::Entry, sync::Arc};

use prost::{
    Message as _,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};
use rustc_hash::FxHashMap;

use super::{
    error::DecodeError,
    proto::{Function, Location, Mapping, Profile, Sample, ValueType},
};
use crate::{
    sample::named::{NamedFrame, NamedKind},
    unit::{Nanos, Samples},
    unpack::gunzip,
};

/// A profile that unpacks to more is refused: a small answer could fill the memory.
pub(super) const BYTES_MAX: u64 = 64 << 20;
/// The most parts that a profile may have: each takes more memory than it takes bytes.
const PARTS_MAX: usize = 2 << 20;
/// The most numbers and lines that those may have together, by the least bytes that each takes.
const ELEMENTS_MAX: usize = 16 << 20;
/// The most memory that the frames of all stacks may take, in bytes: a short list of places that is
/// repeated often enough is any number of frames.
pub(super) const FRAMES_MAX: usize = 256 << 20;
/// What a frame takes beside its texts, with what the allocator needs and a list that grows; and what
/// it takes wherever it stands in a stack.
const FRAME_BYTES: usize = 2 * size_of::<NamedFrame>() + 64;
const PLACE_BYTES: usize = 2 * size_of::<Arc<NamedFrame>>();
/// The first bytes of gzip (RFC 1952, section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// More samples than this are not added up; see the profile's file, which has the same limit.
const SAMPLES_MAX: u64 = 1 << 53;
/// Go keeps so many frames of a stack, and leaves out the callers of the rest without a word
/// (`maxCPUProfStack` in its runtime).
const GO_FRAMES_MAX: usize = 64;

/// A profile, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The time that a sample stands for.
    pub period: Nanos,
    /// How long the profile was taken; none where it does not say.
    pub duration: Option<Nanos>,
    /// The stacks that were seen.
    pub stacks: Vec<DecodedStack>,
    /// Samples that the program counted and could not keep.
    pub lost: Samples,
}

/// A stack, and how often it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodedStack {
    /// Its frames from the root in; stacks share them.
    pub frames: Vec<Arc<NamedFrame>>,
    /// How often.
    pub count: Samples,
}

/// Reads a profile, packed or not.
///
/// # Errors
/// When the bytes are not a whole CPU profile whose parts fit each other.
pub fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    let unpacked;
    let bytes = if bytes.starts_with(&GZIP) {
        unpacked = unpack(bytes)?;
        unpacked.as_slice()
    } else {
        bytes
    };
    check_parts(bytes)?;
    let profile =
        Profile::decode(bytes).map_err(|error| DecodeError::NotProto(error.to_string()))?;
    if profile.sample_types.is_empty() && profile.strings.is_empty() {
        // Any text may happen to be a message of fields that nobody knows.
        return Err(DecodeError::NotProto("nothing of a profile is in it".to_owned()));
    }
    Reader::new(&profile)?.read()
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let unpacked = gunzip(bytes, BYTES_MAX);
    unpacked.map_err(|error| DecodeError::Unpack(error.to_string()))?.ok_or(DecodeError::TooLarge)
}

/// Counts the parts of a message, and what is in them, before they are read.
fn check_parts(mut bytes: &[u8]) -> Result<(), DecodeError> {
    let wrong = |error: prost::DecodeError| DecodeError::NotProto(error.to_string());
    let mut room = ELEMENTS_MAX;
    for _ in 0..PARTS_MAX {
        if bytes.is_empty() {
            return Ok(());
        }
        let (tag, wire) = decode_key(&mut bytes).map_err(wrong)?;
        if wire == WireType::LengthDelimited {
            let mut rest = bytes;
            let length = decode_varint(&mut rest).map_err(wrong)?;
            let part = usize::try_from(length).ok().and_then(|length| rest.get(..length));
            let elements = elements(tag, part.unwrap_or_default());
            room = room.checked_sub(elements).ok_or(DecodeError::TooManyParts)?;
        }
        skip_field(wire, tag, &mut bytes, DecodeContext::default()).map_err(wrong)?;
    }
    Err(DecodeError::TooManyParts)
}

/// How many elements a part may have: each takes more memory than it takes bytes.
fn elements(tag: u32, part: &[u8]) -> usize {
    match tag {
        // The numbers of a sample: each ends with a byte whose first bit is not set.
        2 => part.iter().filter(|byte| **byte < 0x80).count(),
        // The lines of a location: each has its key and its length.
        4 => part.len() / 2,
        _ => 0,
    }
}

/// Reads the parts of a profile, which refer to each other.
struct Reader<'a> {
    profile: &'a Profile,
    mappings: FxHashMap<u64, &'a Mapping>,
    locations: FxHashMap<u64, &'a Location>,
    functions: FxHashMap<u64, &'a Function>,
    values: Values,
}

/// Where in a sample its count is.
#[derive(Debug, Clone, Copy)]
struct Values {
    count: Option<usize>,
    /// CPU time in nanoseconds.
    time: Option<usize>,
    period: u64,
}

impl<'a> Reader<'a> {
    fn new(profile: &'a Profile) -> Result<Self, DecodeError> {
        let mappings = profile.mappings.iter().map(|mapping| (mapping.id, mapping));
        let locations = profile.locations.iter().map(|location| (location.id, location));
        let functions = profile.functions.iter().map(|function| (function.id, function));
        let mut reader = Self {
            profile,
            mappings: mappings.collect(),
            locations: locations.collect(),
            functions: functions.collect(),
            values: Values { count: None, time: None, period: 0 },
        };
        reader.values = reader.values()?;
        Ok(reader)
    }

    fn read(&self) -> Result<Decoded, DecodeError> {
        let (mut stacks, mut lost, mut total) = (Vec::new(), Samples(0), 0_u64);
        let mut expanded = Expanded { room: FRAMES_MAX, frames: FxHashMap::default() };
        for sample in &self.profile.samples {
            let count = self.count(sample);
            total = total.saturating_add(count.0);
            if total > SAMPLES_MAX {
                return Err(DecodeError::TooMany);
            }
            if count == Samples(0) {
                continue;
            }
            let frames = self.stack(sample, &mut expanded)?;
            match frames.last() {
                Some(leaf) if is_loss(&leaf.name) => lost += count,
                _ => stacks.push(DecodedStack { frames, count }),
            }
        }
        mark_truncated(&mut stacks);
        let duration = u64::try_from(self.profile.duration_nanos).ok().filter(|nanos| *nanos > 0);
        let (period, duration) = (Nanos(self.values.period), duration.map(Nanos));
        Ok(Decoded { period, duration, stacks, lost })
    }

    /// Finds the values that matter: a count of samples, or the CPU time that they stand for.
    fn values(&self) -> Result<Values, DecodeError> {
        let types = &self.profile.sample_types;
        let named =
            types.iter().map(|kind| self.value_type(kind)).collect::<Result<Vec<_>, _>>()?;
        let find = |wanted: (&str, &str)| {
            named.iter().position(|(kind, unit)| (kind.as_str(), unit.as_str()) == wanted)
        };
        let (count, time) = (find(("samples", "count")), find(("cpu", "nanoseconds")));
        if count.or(time).is_none() {
            let all: Vec<String> =
                named.iter().map(|(kind, unit)| format!("{kind} in {unit}")).collect();
            let all = if all.is_empty() { "no values".to_owned() } else { all.join(", ") };
            return Err(DecodeError::NotCpu(all));
        }
        let stated = match &self.profile.period_type {
            Some(kind)
                if self.value_type(kind)? == ("cpu".to_owned(), "nanoseconds".to_owned()) =>
            {
                u64::try_from(self.profile.period).ok().filter(|period| *period > 0)
            }
            _ => None,
        };
        let period = stated.or_else(|| self.mean_period(count?, time?));
        let period = period.ok_or(DecodeError::NoPeriod)?;
        Ok(Values { count, time, period })
    }

    /// The time of a sample, where a profile states it only by both of its values.
    fn mean_period(&self, count: usize, time: usize) -> Option<u64> {
        let sum = |index: usize| -> f64 {
            let values = self.profile.samples.iter().filter_map(|sample| sample.values.get(index));
            values.map(|value| *value as f64).sum()
        };
        let period = (sum(time) / sum(count)).round();
        (period.is_finite() && period >= 1.0).then_some(period as u64)
    }

    fn value_type(&self, kind: &ValueType) -> Result<(String, String), DecodeError> {
        Ok((self.string(kind.kind)?, self.string(kind.unit)?))
    }

    fn count(&self, sample: &Sample) -> Samples {
        let value = |index: Option<usize>| {
            let value = sample.values.get(index?).copied()?;
            u64::try_from(value).ok()
        };
        let from_time = || {
            let time = value(self.values.time)?;
            Some((time + self.values.period / 2) / self.values.period)
        };
        Samples(value(self.values.count).or_else(from_time).unwrap_or(0))
    }

    /// The frames of a sample from the root in.
    fn stack(
        &self,
        sample: &Sample,
        expanded: &mut Expanded,
    ) -> Result<Vec<Arc<NamedFrame>>, DecodeError> {
        let mut frames = Vec::new();
        for id in sample.locations.iter().rev() {
            let location = self.locations.get(id);
            let location = location.ok_or(DecodeError::Dangling { what: "location", id: *id })?;
            frames.extend_from_slice(expanded.at(location, self)?);
        }
        if frames.is_empty() {
            // It was CPU time all the same, of code that is not known.
            frames.push(Arc::new(mark("[unknown]", NamedKind::Unknown)));
        }
        Ok(frames)
    }

    /// The functions at a location, from the outermost in; what they take is taken from `room`.
    fn frames(
        &self,
        location: &Location,
        room: &mut usize,
    ) -> Result<Vec<Arc<NamedFrame>>, DecodeError> {
        let mut frames = Vec::new();
        let module = self.module(location)?;
        let mut push = |frame: NamedFrame| {
            let texts = [Some(&frame.name), frame.file.as_ref(), frame.module.as_ref()];
            let text: usize = texts.into_iter().flatten().map(String::len).sum();
            take(room, text + FRAME_BYTES)?;
            frames.push(Arc::new(frame));
            Ok(())
        };
        let unnamed = || {
            let name = module.as_deref().unwrap_or("unknown");
            NamedFrame { module: module.clone(), ..mark(&format!("[{name}]"), NamedKind::Unknown) }
        };
        for (index, line) in location.lines.iter().rev().enumerate() {
            let id = line.function;
            let function = self.functions.get(&id);
            let function = function.ok_or(DecodeError::Dangling { what: "function", id })?;
            let mut name = self.string(function.name)?;
            if name.trim().is_empty() {
                name = self.string(function.system_name)?;
            }
            if name.trim().is_empty() {
                push(unnamed())?;
                continue;
            }
            push(NamedFrame {
                name,
                module: module.clone(),
                file: Some(self.string(function.file)?).filter(|file| !file.is_empty()),
                line: u32::try_from(line.line).ok().filter(|line| *line > 0),
                kind: if index == 0 { NamedKind::Function } else { NamedKind::Inlined },
            })?;
        }
        if location.lines.is_empty() {
            push(unnamed())?;
        }
        Ok(frames)
    }

    /// The base name of the file that a location's code is in.
    fn module(&self, location: &Location) -> Result<Option<String>, DecodeError> {
        let id = location.mapping;
        if id == 0 {
            return Ok(None);
        }
        let mapping = self.mappings.get(&id);
        let mapping = mapping.ok_or(DecodeError::Dangling { what: "mapping", id })?;
        let path = self.string(mapping.file)?;
        let name = path.rsplit('/').next().unwrap_or_default().trim_matches(['[', ']']);
        Ok((!name.is_empty()).then(|| name.to_owned()))
    }

    fn string(&self, index: i64) -> Result<String, DecodeError> {
        let place = usize::try_from(index).ok();
        let found = place.and_then(|index| self.profile.strings.get(index));
        // The first one is empty, and stands for none.
        match found {
            Some(bytes) => Ok(String::from_utf8_lossy(bytes).into_owned()),
            None if index == 0 => Ok(String::new()),
            None => Err(DecodeError::Dangling { what: "string", id: index as u64 }),
        }
    }
}

/// The frames of the locations that were met, each made once, and the room that is left for more.
struct Expanded {
    room: usize,
    frames: FxHashMap<u64, Vec<Arc<NamedFrame>>>,
}

impl Expanded {
    /// The frames at a location, for one more stack.
    fn at(
        &mut self,
        location: &Location,
        reader: &Reader<'_>,
    ) -> Result<&[Arc<NamedFrame>], DecodeError> {
        let frames = match self.frames.entry(location.id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => new.insert(reader.frames(location, &mut self.room)?),
        };
        take(&mut self.room, frames.len().saturating_mul(PLACE_BYTES))?;
        Ok(frames)
    }
}

fn take(room: &mut usize, bytes: usize) -> Result<(), DecodeError> {
    *room = room.checked_sub(bytes).ok_or(DecodeError::TooManyFrames)?;
    Ok(())
}

/// Whether a function stands for samples that Go counted and could not keep.
fn is_loss(name: &str) -> bool {
    name == "runtime/pprof.lostProfileEvent" || name.starts_with("runtime._Lost")
}

/// Puts a frame for the missing callers on stacks that Go cut.
fn mark_truncated(stacks: &mut [DecodedStack]) {
    let deepest = stacks.iter().map(|stack| stack.frames.len()).max();
    if deepest != Some(GO_FRAMES_MAX) {
        return;
    }
    for stack in stacks.iter_mut().filter(|stack| stack.frames.len() == GO_FRAMES_MAX) {
        stack.frames.insert(0, Arc::new(mark("[truncated]", NamedKind::Truncated)));
    }
}

fn mark(name: &str, kind: NamedKind) -> NamedFrame {
    NamedFrame { name: name.to_owned(), module: None, file: None, line: None, kind }
}

#[cfg(test)]
mod tests;
