//! The file that keeps a [`Profile`]: `profile.json.gz`.
//!
//! It is the Firefox Profiler's processed profile format, version 57, so that
//! <https://profiler.firefox.com> and `samply load` open it. The format is described in
//! `docs-developer/processed-profile-format.md` and `docs-developer/CHANGELOG-formats.md` of
//! <https://github.com/firefox-devtools/profiler>; its types are in `src/types/profile.ts`.
//!
//! That format keeps frames and stacks per thread. What it has no place for (the identity of
//! frames and stacks across threads, the order of samples across threads, exact nanoseconds) is
//! added under keys named `flameload`, which viewers pass over. The crate
//! `fxprof-processed-profile` writes the same format, but has no columns for source lines and
//! inlined frames that are known already, and cannot read.

mod decode;
mod document;
mod encode;

use std::io::{BufWriter, Read, Write};

use flate2::{Compression, GzBuilder};
use thiserror::Error;

use self::document::Document;
use super::profile::Profile;
use crate::unpack::gunzip;

/// More JSON than this is not read: a profile of a million samples is a fifth of it, and read it
/// takes several times the memory.
const JSON_BYTES_MAX: u64 = 512 << 20;

/// The greatest time in nanoseconds, six days: times are kept as milliseconds in floating point,
/// and three roundings of 2^-53 each still leave the nanosecond exact.
const TIME_MAX: u64 = 1 << 49;

/// The greatest number of samples, which viewers add up in floating point.
const SAMPLES_MAX: u64 = 1 << 53;

/// Why a profile could not be kept or read.
#[derive(Debug, Error)]
pub enum ProfileFileError {
    /// The profile contradicts itself.
    #[error("the profile contradicts itself: {0}")]
    Inconsistent(String),
    /// The file contradicts itself, or a later version wrote it.
    #[error("the profile file cannot be used: {0}")]
    Damaged(String),
    /// The file could not be written.
    #[error("cannot write the profile: {0}")]
    Write(#[source] std::io::Error),
    /// The bytes could not be read or unpacked.
    #[error("cannot unpack the profile: {0}; it is a gzip file when whole")]
    Unpack(std::io::Error),
    /// The file unpacks to more than a profile can be.
    #[error(
        "the profile unpacks to more than {} MiB of JSON, or to a hundred times its size",
        JSON_BYTES_MAX >> 20
    )]
    TooLarge,
    /// The JSON is not a profile that this program wrote.
    #[error("not a profile written by flameload: {0}")]
    Foreign(serde_json::Error),
}

impl Profile {
    /// Writes the profile as gzipped JSON; the same profile gives the same bytes.
    ///
    /// # Errors
    /// When an id of the profile leads nowhere, when it has more than 2^53 samples or 2^49 ns
    /// (six days), or when `to` cannot be written.
    pub fn write(&self, to: impl Write) -> Result<(), ProfileFileError> {
        self.check().map_err(ProfileFileError::Inconsistent)?;
        // The default header has neither a time nor a file name in it. Level 3 packs a profile
        // nearly as well as level 6 in a third of the time.
        let gzip = GzBuilder::new().write(to, Compression::new(3));
        let mut buffer = BufWriter::with_capacity(1 << 16, gzip);
        serde_json::to_writer(&mut buffer, &encode::document(self))
            .map_err(|error| ProfileFileError::Write(error.into()))?;
        buffer
            .into_inner()
            .map_err(|error| error.into_error())
            .and_then(|gzip| gzip.finish())
            .and_then(|mut to| to.flush())
            .map_err(ProfileFileError::Write)
    }

    /// Reads a profile that [`Profile::write`] wrote.
    ///
    /// # Errors
    /// When the bytes are not such a file, whole and consistent.
    pub fn read(from: impl Read) -> Result<Self, ProfileFileError> {
        let json = gunzip(from, JSON_BYTES_MAX).map_err(ProfileFileError::Unpack)?;
        let json = json.ok_or(ProfileFileError::TooLarge)?;
        let document: Document =
            serde_json::from_slice(&json).map_err(ProfileFileError::Foreign)?;
        let profile = decode::profile(document).map_err(ProfileFileError::Damaged)?;
        profile.check().map_err(ProfileFileError::Damaged)?;
        Ok(profile)
    }

    /// Says which id leads nowhere, if any, or which number is too great to be kept.
    fn check(&self) -> Result<(), String> {
        for (i, stack) in self.stacks.iter().enumerate() {
            if stack.frame.0 as usize >= self.frames.len() {
                return Err(format!("stack {i} has the unknown frame {}", stack.frame.0));
            }
            if let Some(parent) = stack.parent
                && parent.0 as usize >= i
            {
                return Err(format!("stack {i} comes before its callers, stack {}", parent.0));
            }
        }
        let mut total = 0_u64;
        for (i, sample) in self.samples.iter().enumerate() {
            total = total.saturating_add(sample.weight.0);
            if sample.time.0 > TIME_MAX {
                return Err(format!("sample {i} is too late: {} ns", sample.time.0));
            }
            if sample.thread.0 as usize >= self.threads.len() {
                return Err(format!("sample {i} has the unknown thread {}", sample.thread.0));
            }
            if sample.stack.0 as usize >= self.stacks.len() {
                return Err(format!("sample {i} has the unknown stack {}", sample.stack.0));
            }
        }
        match total {
            0..=SAMPLES_MAX => Ok(()),
            _ => Err(format!("its samples are too many: {total}")),
        }
    }
}

#[cfg(test)]
mod tests;
