//! What sampling needs of an ELF file: where its code lies, how to unwind it, and its build id.

use std::{
    fs::File,
    io,
    ops::Range,
    sync::{Arc, OnceLock},
};

use object::{Object, ObjectSection, ObjectSegment, SegmentFlags, elf::PF_X};

use super::{record::Mapping, rules::Rules};
use crate::unpack::Bounded;

/// The facts of an ELF file.
#[derive(Debug, Default)]
pub(super) struct Elf {
    segments: Vec<Segment>,
    pub(super) sections: UnwindSections,
    pub(super) build_id: Option<Vec<u8>>,
    /// Whether Go's compiler made it, which keeps frame pointers everywhere.
    pub(super) is_go: bool,
    /// What `sections` say of an address.
    pub(super) rules: Rules,
    /// Where stacks begin, once that was asked for: see [`super::roots`].
    pub(super) roots: OnceLock<Vec<Range<u64>>>,
}

/// A segment that is mapped.
#[derive(Debug)]
struct Segment {
    executable: bool,
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
            .map(|segment| {
                let executable = matches!(segment.flags(), SegmentFlags::Elf { p_flags, .. } if p_flags.0 & PF_X.0 != 0);
                let (file_offset, file_size) = segment.file_range();
                let (address, align) = (segment.address(), segment.align());
                Segment { executable, file_offset, file_size, address, align }
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
    pub(super) fn address_of(&self, offset: u64) -> Option<u64> {
        let segment = self.code().find(|segment| segment.mapped().contains(&offset))?;
        Some(segment.address_of(offset))
    }

    /// The offset in the file of the code that belongs at `range` in a process, where another part
    /// of the file is mapped so. None where that is not of one segment of code.
    pub(super) fn offset_of(&self, range: &Range<u64>, other: &Mapping) -> Option<u64> {
        // Neighbours share a page of the file.
        let holds = |segment: &&Segment| {
            segment.executable == other.executable && segment.mapped().contains(&other.file_offset)
        };
        let known = self.segments.iter().find(holds)?;
        let bias = other.address.wrapping_sub(known.address_of(other.file_offset));
        self.code().find_map(|segment| {
            let shift = segment.address_of(0).wrapping_add(bias);
            let offsets = range.start.wrapping_sub(shift)..range.end.wrapping_sub(shift);
            let holds = segment.mapped();
            // The last page is mapped whole.
            let end = holds.end.checked_next_multiple_of(PAGE)?;
            let is_within = holds.start <= offsets.start && offsets.end <= end;
            (is_within && offsets.start < offsets.end).then_some(offsets.start)
        })
    }

    fn code(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(|segment| segment.executable)
    }
}

/// The smallest page of the kinds of machines that this runs on.
const PAGE: u64 = 4096;

impl Segment {
    /// The offsets that are mapped with it: a mapping starts at the boundary of a page, which may
    /// lie a little before the segment.
    fn mapped(&self) -> Range<u64> {
        let start = self.file_offset - self.file_offset % self.align.max(1);
        start..self.file_offset.saturating_add(self.file_size)
    }

    /// The address that the file states for what lies at an offset in this segment.
    fn address_of(&self, offset: u64) -> u64 {
        self.address.wrapping_sub(self.file_offset).wrapping_add(offset)
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
