//! What sampling needs of an ELF file: where its code lies, how to unwind it, and its build id.

use std::{
    fs::File,
    io,
    ops::Range,
    sync::{Arc, OnceLock},
};

use object::{Object, ObjectSection, ObjectSegment, SegmentFlags, elf::PF_X};

use super::rules::Rules;
use crate::unpack::Bounded;

/// The facts of an ELF file.
#[derive(Debug, Default)]
pub(super) struct Elf {
    segments: Vec<CodeSegment>,
    pub(super) sections: UnwindSections,
    pub(super) build_id: Option<Vec<u8>>,
    /// Whether Go's compiler made it, which keeps frame pointers everywhere.
    pub(super) is_go: bool,
    /// What `sections` say of an address.
    pub(super) rules: Rules,
    /// Where stacks begin, once that was asked for: see [`super::roots`].
    pub(super) roots: OnceLock<Vec<Range<u64>>>,
}

/// A segment that is mapped to be executed.
#[derive(Debug)]
struct CodeSegment {
    file_offset: u64,
    file_size: u64,
    address: u64,
    align: u64,
}

/// The sections that tell how to unwind, with the address that each states for itself.
#[derive(Debug, Default, Clone)]
pub(super) struct UnwindSections {
    pub(super) text: Option<Range<u64>>,
    pub(super) got: Option<Range<u64>>,
    pub(super) eh_frame: Option<Section>,
    pub(super) eh_frame_hdr: Option<Section>,
    pub(super) debug_frame: Option<Section>,
}

/// A section's bytes and stated addresses.
#[derive(Debug, Clone)]
pub(super) struct Section {
    pub(super) range: Range<u64>,
    pub(super) data: Arc<[u8]>,
}

/// The largest browsers have less than half of this; a file that is mostly holes may state any size.
const SECTION_MAX: u64 = 64 << 20;

/// Go's table of functions, which a stripped program has too; the second with `-buildmode=pie`.
const GO_SECTIONS: [&str; 2] = [".gopclntab", ".data.rel.ro.gopclntab"];

impl Elf {
    /// Reads the headers and the unwind sections of `file`, and no more of it.
    ///
    /// The sections are copied: a mapping would fault if the file were cut short meanwhile.
    pub(super) fn read(file: &File) -> io::Result<Self> {
        let cache = Bounded::new(file.try_clone()?);
        let object = object::File::parse(&cache).map_err(invalid)?;
        Self::from_object(&object)
    }

    /// Reads the facts of an image in memory.
    pub(super) fn parse(image: &[u8]) -> io::Result<Self> {
        Self::from_object(&object::File::parse(image).map_err(invalid)?)
    }

    fn from_object<'data>(object: &impl Object<'data>) -> io::Result<Self> {
        let segments = object
            .segments()
            .filter(|segment| {
                matches!(segment.flags(), SegmentFlags::Elf { p_flags, .. } if p_flags.0 & PF_X.0 != 0)
            })
            .map(|segment| {
                let (file_offset, file_size) = segment.file_range();
                let (address, align) = (segment.address(), segment.align());
                CodeSegment { file_offset, file_size, address, align }
            })
            .collect();
        // Its tables of frames say nothing of frame pointers, and are wrong where its runtime changes
        // stacks.
        let is_go = GO_SECTIONS.iter().any(|name| object.section_by_name(name).is_some());
        let range = |name| {
            let section = object.section_by_name(name)?;
            Some(section.address()..section.address().checked_add(section.size())?)
        };
        let section = |name| {
            let section = object.section_by_name(name).filter(|it| it.size() <= SECTION_MAX)?;
            let data = section.data().ok()?;
            (!data.is_empty()).then_some(Section { range: range(name)?, data: data.into() })
        };
        let sections = UnwindSections {
            text: range(".text"),
            got: range(".got"),
            eh_frame: section(".eh_frame"),
            eh_frame_hdr: section(".eh_frame_hdr"),
            debug_frame: uncompressed(object, ".debug_frame").filter(|_| !is_go),
        };
        let build_id = object.build_id().ok().flatten().map(<[u8]>::to_vec);
        Ok(Self { segments, sections, build_id, is_go, ..Self::default() })
    }

    /// Code that is in no file, of which this is known.
    pub(super) fn of_generated(sections: UnwindSections) -> Self {
        Self { sections, ..Self::default() }
    }

    #[cfg(test)]
    pub(super) fn without_sections(is_go: bool) -> Self {
        Self { is_go, ..Self::default() }
    }

    /// The address that the file states for the code that lies at `offset` in it.
    ///
    /// A mapping starts at the boundary of a page, so that its offset may lie a little before the
    /// segment's own.
    pub(super) fn address_of(&self, offset: u64) -> Option<u64> {
        let segment = self.segments.iter().find(|segment| {
            let mapped_from = segment.file_offset - segment.file_offset % segment.align.max(1);
            let end = segment.file_offset.saturating_add(segment.file_size);
            (mapped_from..end).contains(&offset)
        })?;
        Some(segment.address.wrapping_sub(segment.file_offset).wrapping_add(offset))
    }
}

/// The most that a table is uncompressed to.
const UNCOMPRESSED_MAX: u64 = 64 << 20;

/// A section that is not loaded, and therefore may be compressed.
fn uncompressed<'data>(object: &impl Object<'data>, name: &str) -> Option<Section> {
    let section = object.section_by_name(name)?;
    let stated = section.compressed_file_range().ok()?.uncompressed_size;
    let data = (stated <= UNCOMPRESSED_MAX).then(|| section.uncompressed_data().ok())??;
    let range = section.address()..section.address().checked_add(data.len() as u64)?;
    (!data.is_empty()).then_some(Section { range, data: data.as_ref().into() })
}

fn invalid(error: object::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
