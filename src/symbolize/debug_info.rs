//! What a file has of debug information, before anybody reads it.

use std::{fs::File, path::Path};

use object::{Object as _, ObjectSection as _, read::ReadCache};

/// What a file has of debug information.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct DebugInfo {
    /// How large it is, uncompressed.
    pub(super) bytes: u64,
}

impl DebugInfo {
    /// Of the file at a path; nothing where that cannot be told.
    pub(super) fn of(path: &Path) -> Self {
        let Ok(file) = File::open(path) else { return Self::default() };
        let cache = ReadCache::new(file);
        let Ok(object) = object::File::parse(&cache) else { return Self::default() };
        let debug = object.sections().filter(|section| {
            section
                .name()
                .is_ok_and(|name| name.starts_with(".debug_") || name.starts_with(".zdebug_"))
        });
        // What a section claims to be uncompressed is reserved before it is read.
        let size = |section: object::Section<'_, '_, _>| {
            section.compressed_file_range().map_or(u64::MAX, |range| range.uncompressed_size)
        };
        Self { bytes: debug.map(size).fold(0, u64::saturating_add) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_program_has_some() {
        let own = std::env::current_exe().expect("a program");
        assert!(DebugInfo::of(&own).bytes > 0);
        assert_eq!(DebugInfo::of(Path::new("/dev/null")), DebugInfo::default());
    }
}
