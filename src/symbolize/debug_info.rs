//! What a file has of debug information, before anybody reads it.

use std::{fs::File, os::unix::fs::FileExt as _, path::Path};

use object::{Object as _, ObjectSection as _};

use crate::unpack::Bounded;

/// What a file has of debug information.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct DebugInfo {
    /// How large it is, uncompressed.
    pub(super) bytes: u64,
    /// Whether the most of it is in files of its own that are not there: the compiler leaves them
    /// beside what it compiles (`-gsplit-dwarf`), and only a package of them (`.dwp`) is read.
    pub(super) is_elsewhere: bool,
    /// Whether the file is none of code, or states more of headers and symbols than any honest one
    /// has: whoever reads its tables whole may need more memory than there is.
    pub(super) is_unreadable: bool,
}

/// How a unit begins: its length, the version of its layout, and its kind (DWARF 5, 7.5.1).
const UNIT_BYTES: usize = 7;
/// A unit of which all but the frame is elsewhere.
const SKELETON: u8 = 4;
const UNITS_MAX: usize = 1 << 16;

impl DebugInfo {
    /// Of the file at a path; nothing where that cannot be told.
    pub(super) fn of(path: &Path) -> Self {
        let Ok(file) = File::open(path) else { return Self::default() };
        let Ok(own) = file.try_clone() else { return Self::default() };
        let cache = Bounded::new(file);
        let Ok(object) = object::File::parse(&cache) else {
            return Self { is_unreadable: true, ..Self::default() };
        };
        let units = object.section_by_name(".debug_info").and_then(|section| {
            let range = section.compressed_file_range().ok()?;
            let is_plain = range.format == object::CompressionFormat::None;
            is_plain.then_some((range.offset, range.offset.saturating_add(range.uncompressed_size)))
        });
        let mut package = path.as_os_str().to_owned();
        package.push(".dwp");
        let is_elsewhere = units.is_some_and(|(from, to)| has_skeleton(&own, from, to))
            && !Path::new(&package).exists();
        let debug = object.sections().filter(|section| {
            section
                .name()
                .is_ok_and(|name| name.starts_with(".debug_") || name.starts_with(".zdebug_"))
        });
        // What a section claims to be uncompressed is reserved before it is read.
        let size = |section: object::Section<'_, '_, _>| {
            section.compressed_file_range().map_or(u64::MAX, |range| range.uncompressed_size)
        };
        let bytes = debug.map(size).fold(0, u64::saturating_add);
        Self { bytes, is_elsewhere, is_unreadable: false }
    }
}

/// Whether one of the units of debug information in a part of a file is elsewhere.
fn has_skeleton(file: &File, from: u64, to: u64) -> bool {
    let mut at = from;
    for _ in 0..UNITS_MAX {
        let mut unit = [0; UNIT_BYTES];
        if at >= to || file.read_exact_at(&mut unit, at).is_err() {
            return false;
        }
        let [length @ .., version, 0, kind] = unit else { return false };
        if version >= 5 && kind == SKELETON {
            return true;
        }
        // Longer ones than this are written in another way, and never are skeletons.
        match u32::from_le_bytes(length) {
            u32::MAX => return false,
            length => at = at.saturating_add(4 + u64::from(length)),
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_program_has_some() {
        let own = std::env::current_exe().expect("a program");
        let of_own = DebugInfo::of(&own);
        assert!(of_own.bytes > 0 && !of_own.is_elsewhere);
        let unreadable = DebugInfo { is_unreadable: true, ..DebugInfo::default() };
        assert_eq!(DebugInfo::of(Path::new("/dev/null")), unreadable);
    }
}
