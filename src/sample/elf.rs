//! What sampling needs of an ELF file: where its code lies, how to unwind it, and its build id.

use std::{fs::File, io, ops::Range, sync::Arc};

use object::{Object, ObjectSection, ObjectSegment, read::ReadCache};

/// The facts of an ELF file.
#[derive(Debug, Default)]
pub(super) struct Elf {
    /// Segments as (offset in the file, size in the file, address).
    segments: Vec<(u64, u64, u64)>,
    pub(super) sections: UnwindSections,
    pub(super) build_id: Option<Vec<u8>>,
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

impl Elf {
    /// Reads the headers and the unwind sections of `file`, and no more of it.
    ///
    /// The sections are copied: a mapping would fault if the file were cut short meanwhile.
    pub(super) fn read(file: &File) -> io::Result<Self> {
        let cache = ReadCache::new(file.try_clone()?);
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
                let (offset, size) = segment.file_range();
                (offset, size, segment.address())
            })
            .collect();
        let range = |name| {
            let section = object.section_by_name(name)?;
            Some(section.address()..section.address().checked_add(section.size())?)
        };
        let section = |name| {
            let data = object.section_by_name(name)?.data().ok()?;
            (!data.is_empty()).then_some(Section { range: range(name)?, data: data.into() })
        };
        let sections = UnwindSections {
            text: range(".text"),
            got: range(".got"),
            eh_frame: section(".eh_frame"),
            eh_frame_hdr: section(".eh_frame_hdr"),
            debug_frame: section(".debug_frame"),
        };
        let build_id = object.build_id().ok().flatten().map(<[u8]>::to_vec);
        Ok(Self { segments, sections, build_id })
    }

    /// The address that the file states for what lies at `offset` in it.
    pub(super) fn address_of(&self, offset: u64) -> Option<u64> {
        self.segments.iter().find_map(|(start, size, address)| {
            let within = offset.checked_sub(*start)?;
            (within < *size).then(|| address.checked_add(within))?
        })
    }
}

fn invalid(error: object::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
