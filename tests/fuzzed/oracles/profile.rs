//! Profiles in their file.

use std::io::Write as _;

use flameload::symbolize::Profile;
use flate2::{Compression, write::GzEncoder};

/// A document is read into a profile that can be written and is then the same, or refused.
///
/// The bytes are the document; as most changes of a compressed one do no more than break it, they
/// are compressed here.
pub(super) fn check(bytes: &[u8]) {
    let mut compressed = GzEncoder::new(Vec::new(), Compression::fast());
    compressed.write_all(bytes).expect("memory takes all");
    let compressed = compressed.finish().expect("memory takes all");
    let Ok(profile) = Profile::read(compressed.as_slice()) else { return };
    let mut written = Vec::new();
    profile.write(&mut written).expect("what was read can be written");
    let again = Profile::read(written.as_slice()).expect("what was written can be read");
    assert_eq!(again, profile);
}
