//! Manifests of targets.

use flameload::target::Manifest;

use super::files::with_file;

/// Any file is a manifest with a process, or refused with a reason.
pub(super) fn check(bytes: &[u8]) {
    with_file("target.toml", bytes, |folder| match Manifest::read(folder) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(manifest) => assert!(!manifest.processes.is_empty()),
    });
}
