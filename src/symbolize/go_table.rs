//! Names of functions from the table that Go's runtime keeps for its own stack traces: it is in
//! every program of Go, stripped or not.
//!
//! The layout is that of Go's own reader (`debug/gosym`): a header; for each function where it
//! starts and where it is described; names; and for files and lines, lists of differences.

use std::{fs::File, ops::Range};

use object::{Object, ObjectSection as _, RelocationTarget};

use super::{
    profile::{Frame, FrameKind},
    source_path,
};
use crate::{
    sample::{Code, Module},
    unpack::Bounded,
};

/// Larger tables, and sections in which the table's place is looked up, are not read.
const BYTES_MAX: u64 = 512 << 20;
/// No function is described at greater length.
const NAME_BYTES_MAX: usize = 4096;
const SECTIONS: [&str; 2] = [".gopclntab", ".data.rel.ro.gopclntab"];
/// Where the linker puts what the runtime knows of a program.
const DATA: [&str; 6] =
    [".go.module", ".noptrdata", ".data", ".data.rel.ro", ".data.rel.ro.go.module", ".rodata"];

/// Names what has no name yet, in a program of Go.
pub(super) fn name_unnamed(module: &Module, addresses: &[u64], functions: &mut [Vec<Frame>]) {
    let is_unnamed =
        |frames: &[Frame]| matches!(frames, [frame] if frame.kind == FrameKind::Unknown);
    let Code::Elf { file, .. } = &module.code else { return };
    if module.readable_path().is_none() || !functions.iter().any(|frames| is_unnamed(frames)) {
        return;
    }
    let Some(found) = read(file) else { return };
    let table = found.table();
    for (frames, address) in functions.iter_mut().zip(addresses) {
        if is_unnamed(frames)
            && let Some(function) = table.as_ref().and_then(|table| table.function(*address))
        {
            let file = function.file.map(|file| source_path::shorten(&file).to_owned());
            *frames = vec![Frame {
                name: function.name,
                module: Some(module.name.clone()),
                file,
                line: function.line,
                kind: FrameKind::User,
            }];
        }
    }
}

/// A function and the place in its source.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Function {
    name: String,
    file: Option<String>,
    line: Option<u32>,
}

/// What a file has of it.
struct Found {
    bytes: Vec<u8>,
    /// Where the code begins that functions count from.
    text: u64,
}

impl Found {
    fn table(&self) -> Option<Table<'_>> {
        Table::parse(&self.bytes, self.text)
    }
}

fn read(file: &File) -> Option<Found> {
    let cache = Bounded::new(file.try_clone().ok()?);
    let object = object::File::parse(&cache).ok()?;
    let section = SECTIONS.iter().find_map(|name| object.section_by_name(name))?;
    if section.size() > BYTES_MAX {
        return None;
    }
    let bytes = section.data().ok()?.to_vec();
    let code = object.section_by_name(".text")?;
    let text = text_start(&object, section.address(), &bytes).unwrap_or(code.address());
    Some(Found { bytes, text })
}

/// Where the code of Go begins, from what the runtime knows of the program: it starts with where
/// the table is. The table itself does not say any more (since Go 1.26).
fn text_start<'data>(object: &impl Object<'data>, table: u64, bytes: &[u8]) -> Option<u64> {
    // Words of it, from the first: twelve of lists, then the least and greatest addresses of code.
    const LEAST: usize = 20;
    const TEXT: usize = 22;
    let first = Table::parse(bytes, 0)?.first()?;
    let fits = |least: u64, text: u64| (least == text.wrapping_add(first)).then_some(text);
    let data = DATA.iter().filter_map(|name| object.section_by_name(name));
    let in_data = data.filter(|section| section.size() <= BYTES_MAX).find_map(|section| {
        let words = section.data().ok()?.as_chunks::<8>().0;
        let word = |at: usize| Some(u64::from_le_bytes(*words.get(at)?));
        let mut places = (0..words.len()).filter(|at| word(*at) == Some(table));
        places.find_map(|at| fits(word(at + LEAST)?, word(at + TEXT)?))
    });
    // In a program that is moved when it is loaded, the loader writes them there.
    in_data.or_else(|| {
        let moved: Vec<(u64, u64)> = object
            .dynamic_relocations()?
            .filter(|(_, relocation)| relocation.target() == RelocationTarget::Absolute)
            .map(|(place, relocation)| (place, relocation.addend() as u64))
            .collect();
        let at = |place: u64| moved.iter().find(|(other, _)| *other == place).map(|(_, to)| *to);
        let mut places = moved.iter().filter(|(_, to)| *to == table).map(|(place, _)| *place);
        let word = |place: u64, index: usize| at(place.wrapping_add(8 * index as u64));
        places.find_map(|place| fits(word(place, LEAST)?, word(place, TEXT)?))
    })
}

/// The versions of the layout, by the number that each begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Up to Go 1.15.
    V2,
    /// Go 1.16 and 1.17.
    V16,
    /// From Go 1.18 on: functions count from where the code begins.
    V18,
}

/// The table, as far as it is looked at.
#[derive(Debug)]
struct Table<'a> {
    bytes: &'a [u8],
    layout: Layout,
    quantum: u64,
    text: u64,
    count: usize,
    names: usize,
    units: usize,
    files: usize,
    values: usize,
    functions: usize,
}

impl<'a> Table<'a> {
    /// None for what is no table, or is for a machine of another word.
    fn parse(bytes: &'a [u8], text: u64) -> Option<Self> {
        let [magic @ .., 0, 0, quantum @ (1 | 2 | 4), 8] = *bytes.first_chunk::<8>()? else {
            return None;
        };
        let layout = match u32::from_le_bytes(magic) {
            0xffff_fffb => Layout::V2,
            0xffff_fffa => Layout::V16,
            0xffff_fff0 | 0xffff_fff1 => Layout::V18,
            _ => return None,
        };
        let word = |index: usize| usize::try_from(u64_at(bytes, 8 + 8 * index)?).ok();
        let [names, units, files, values, functions] = match layout {
            Layout::V2 => [0, 0, 0, 0, 16],
            Layout::V16 => [word(2)?, word(3)?, word(4)?, word(5)?, word(6)?],
            Layout::V18 => [word(3)?, word(4)?, word(5)?, word(6)?, word(7)?],
        };
        let quantum = quantum.into();
        let count = word(0)?.min(bytes.len() / 8);
        Some(Self { bytes, layout, quantum, text, count, names, units, files, values, functions })
    }

    /// Where a function starts, relative to the code, and where it is described.
    fn entry(&self, index: usize) -> Option<(u64, usize)> {
        let word = match self.layout {
            Layout::V18 => 4,
            _ => 8,
        };
        let at = self.functions.checked_add(index.checked_mul(2 * word)?)?;
        match self.layout {
            Layout::V18 => {
                let start = u64::from(u32_at(self.bytes, at)?);
                Some((start, u32_at(self.bytes, at + 4).unwrap_or_default() as usize))
            }
            _ => {
                let described = u64_at(self.bytes, at + 8).unwrap_or_default();
                Some((u64_at(self.bytes, at)?, usize::try_from(described).ok()?))
            }
        }
    }

    /// Where the first function starts, relative to the code.
    fn first(&self) -> Option<u64> {
        self.entry(0).map(|(start, _)| start)
    }

    fn function(&self, address: u64) -> Option<Function> {
        let relative = match self.layout {
            Layout::V18 => address.checked_sub(self.text)?,
            _ => address,
        };
        // The last one that starts at the address or before it; behind all stands where they end.
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.entry(middle)?.0 <= relative {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        let (start, described) = self.entry(low.checked_sub(1)?)?;
        let (end, _) = self.entry(low)?;
        (start..end).contains(&relative).then_some(())?;
        let described = match self.layout {
            Layout::V2 => described,
            _ => self.functions.checked_add(described)?,
        };
        self.described(described, relative - start)
    }

    /// The function that is described at a place, and the source `distance` bytes into it.
    fn described(&self, at: usize, distance: u64) -> Option<Function> {
        let start_bytes = match self.layout {
            Layout::V18 => 4,
            _ => 8,
        };
        let field = |index: usize| u32_at(self.bytes, at.checked_add(start_bytes + 4 * index)?);
        let name = self.text_at(self.names.checked_add(field(0)? as usize)?)?;
        // A name, arguments, where it is left by panics, the stack, the file, the line.
        let value = |index| self.value(field(index)?, distance);
        let line = value(5).and_then(|line| u32::try_from(line).ok()).filter(|line| *line > 0);
        let file = (self.layout != Layout::V2).then(|| {
            let number = u32::try_from(value(4)?).ok()?;
            let unit = field(7)?.checked_add(number)?;
            let place = self.units.checked_add(usize::try_from(unit).ok()?.checked_mul(4)?)?;
            let file = u32_at(self.bytes, place)? as usize;
            self.text_at(self.files.checked_add(file)?)
        });
        Some(Function { name, file: file.flatten(), line })
    }

    /// What a list of differences says of a place: each pair is a value, and for how long.
    fn value(&self, list: u32, distance: u64) -> Option<i64> {
        let at = self.values.checked_add(usize::try_from(list).ok()?).filter(|_| list != 0)?;
        let mut rest = self.bytes.get(at..)?;
        let (mut value, mut reached) = (-1_i64, 0_u64);
        loop {
            let change = variable(&mut rest)?;
            if change == 0 && reached > 0 {
                return None;
            }
            // The lowest bit is the sign.
            let change = (change >> 1) as i64 ^ -((change & 1) as i64);
            value = value.wrapping_add(change);
            let length = variable(&mut rest)?.checked_mul(self.quantum)?;
            reached = reached.checked_add(length)?;
            if length == 0 {
                return None;
            }
            if distance < reached {
                return Some(value);
            }
        }
    }

    fn text_at(&self, at: usize) -> Option<String> {
        let rest = self.bytes.get(at..)?;
        let rest = &rest[..rest.len().min(NAME_BYTES_MAX)];
        let length = rest.iter().position(|byte| *byte == 0)?;
        let text = String::from_utf8_lossy(&rest[..length]).into_owned();
        (!text.trim().is_empty()).then_some(text)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// A number of seven bits a byte, the lowest first.
fn variable(rest: &mut &[u8]) -> Option<u64> {
    const BITS: Range<u32> = 0..35;
    let mut number = 0;
    for shift in BITS.step_by(7) {
        let (byte, behind) = rest.split_first()?;
        *rest = behind;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn has_table(path: &Path) -> bool {
        let found = File::open(path).ok().and_then(|file| read(&file));
        found.is_some_and(|found| found.table().is_some())
    }

    /// A table of two functions, of 16 and 32 bytes from 0x20 on.
    fn table() -> Vec<u8> {
        let names = b"\0main.work\0main.rest\0".to_vec();
        let units = 0_u32.to_le_bytes().to_vec();
        let files = b"/srv/main.go\0".to_vec();
        // Line 7 for 16 bytes, then line 9; file 0 throughout.
        let values = [&[0][..], &[16, 16, 4, 16, 0], &[2, 32, 0]].concat();
        let header = 8 + 8 * 8;
        let offsets = [names.len(), units.len(), files.len(), values.len()];
        let mut places = vec![header];
        for length in offsets {
            places.push(places.last().expect("one") + length);
        }
        let mut functions = Vec::new();
        let described = 2 * 8 + 4;
        for (start, index) in [(0x20_u32, 0_u32), (0x30, 1)] {
            functions.extend(start.to_le_bytes());
            functions.extend((described + index * 36).to_le_bytes());
        }
        functions.extend(0x50_u32.to_le_bytes());
        for (start, name) in [(0x20_u32, 1_u32), (0x30, 11)] {
            // Name, arguments, panics, stack, file, line, more, unit.
            for field in [start, name, 0, 0, 0, 6, 1, 0, 0] {
                functions.extend(field.to_le_bytes());
            }
        }
        let mut bytes = vec![0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8];
        for word in [2, 1, 0, places[0], places[1], places[2], places[3], places[4]] {
            bytes.extend((word as u64).to_le_bytes());
        }
        bytes.extend([names, units, files, values, functions].concat());
        bytes
    }

    #[test]
    fn functions_are_found_by_address() {
        let bytes = table();
        let table = Table::parse(&bytes, 0x1000).expect("a table");
        let found =
            |address| table.function(address).map(|function| (function.name, function.line));
        assert_eq!(found(0x101f), None);
        assert_eq!(found(0x1020), Some(("main.work".to_owned(), Some(7))));
        assert_eq!(found(0x102f), Some(("main.work".to_owned(), Some(7))));
        assert_eq!(found(0x1030), Some(("main.rest".to_owned(), Some(7))));
        assert_eq!(found(0x1045), Some(("main.rest".to_owned(), Some(9))));
        assert_eq!(found(0x1050), None);
        let file = table.function(0x1020).and_then(|function| function.file);
        assert_eq!(file.as_deref(), Some("/srv/main.go"));
    }

    #[test]
    fn other_files_have_no_table() {
        assert!(!has_table(&std::env::current_exe().expect("a program")));
        assert!(!has_table(Path::new("/dev/null")));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..40),
            length in any::<prop::sample::Index>(),
            address in 0_u64..0x2000,
        ) {
            let mut bytes = table();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(length.index(bytes.len() + 1));
            if let Some(table) = Table::parse(&bytes, 0x1000) {
                let _ = table.function(address);
            }
        }
    }
}
