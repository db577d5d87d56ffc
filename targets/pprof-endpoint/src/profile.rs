//! A profile: taken, resolved and encoded.

use std::{
    env,
    io::{self, Write as _},
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use pprof::{
    ProfilerGuardBuilder, Report, UnresolvedReport,
    protos::{Mapping, Message as _, Profile},
};
use thiserror::Error;
use tokio::{task, time};

/// Samples per second of CPU time, as in Go.
const FREQUENCY: i32 = 100;

/// Why there is no profile.
#[derive(Debug, Error)]
pub enum Failure {
    /// Another one is being taken; in Go's words.
    #[error("Could not enable CPU profiling: cpu profiling already in use")]
    Busy,
    /// Profiling cannot begin.
    #[error("Could not enable CPU profiling: {0}")]
    Start(pprof::Error),
    /// The samples cannot be read.
    #[error("Could not read the samples: {0}")]
    Read(pprof::Error),
    /// The profile cannot be encoded.
    #[error("Could not encode the profile: {0}")]
    Encode(io::Error),
    /// The task that resolves names ended before its time.
    #[error("Could not resolve the samples: {0}")]
    Resolve(#[from] task::JoinError),
}

/// Samples the process for this many seconds; gives a gzipped profile.proto.
pub async fn take(seconds: u64) -> Result<Vec<u8>, Failure> {
    let profiler = ProfilerGuardBuilder::default().frequency(FREQUENCY).build();
    let profiler = profiler.map_err(|error| match error {
        pprof::Error::Running => Failure::Busy,
        error => Failure::Start(error),
    })?;
    time::sleep(Duration::from_secs(seconds)).await;
    let samples = profiler.report().build_unresolved().map_err(Failure::Read)?;
    // What comes now is no longer part of what is measured.
    drop(profiler);
    task::spawn_blocking(|| encoded(samples)).await?
}

/// Finds the names, which takes a while for a large program.
fn encoded(samples: UnresolvedReport) -> Result<Vec<u8>, Failure> {
    let UnresolvedReport { data, timing } = samples;
    let data = data.into_iter().map(|(stack, count)| (stack.into(), count)).collect();
    let mut profile: Profile = Report { data, timing }.pprof().map_err(Failure::Read)?;
    map(&mut profile);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&profile.encode_to_vec()).map_err(Failure::Encode)?;
    gzip.finish().map_err(Failure::Encode)
}

/// Says that all functions belong to the program and have their names. The crate leaves that out,
/// and its locations have no addresses: `go tool pprof PROGRAM PROFILE` would look them up anew,
/// and find whatever is at the address 0.
fn map(profile: &mut Profile) {
    let program = env::current_exe().unwrap_or_default();
    profile.mapping.push(Mapping {
        id: 1,
        filename: profile.string_table.len() as i64,
        has_functions: true,
        has_filenames: true,
        has_line_numbers: true,
        has_inline_frames: true,
        ..Mapping::default()
    });
    profile.string_table.push(program.to_string_lossy().into_owned());
    for location in &mut profile.location {
        location.mapping_id = 1;
    }
}
