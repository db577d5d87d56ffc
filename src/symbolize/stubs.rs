//! What symbols say wrongly of a file's code: the stubs through which it calls other files have
//! none (see the psABI's *Procedure Linkage Table*), and a symbol without a size seems to reach
//! over them.

use std::{collections::BTreeMap, fs::File, ops::Range, path::Path};

use object::{
    Architecture, Object, ObjectSection, ObjectSymbol, ObjectSymbolTable, RelocationTarget,
    SectionFlags, elf::SHF_EXECINSTR,
};

use crate::unpack::Bounded;

/// More code than this in stubs is no table of them.
const STUBS_MAX: u64 = 16 << 20;

/// The sections of code of a file, and the stubs in them.
#[derive(Debug, Default)]
pub(super) struct Stubs {
    sections: Vec<Range<u64>>,
    /// Where tables of stubs are.
    tables: Vec<Range<u64>>,
    /// The function that each stub calls, by the stub's first address, with the one after its last.
    names: BTreeMap<u64, (u64, String)>,
}

/// What is to be made of an address and its symbol.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<'a> {
    /// The symbol is right.
    Right,
    /// It is a stub, to call this function.
    Stub(&'a str),
    /// The symbol is that of other code, and nobody names this one.
    Wrong,
}

impl Stubs {
    /// Reads the headers and tables of a file; empty where they cannot be understood.
    pub(super) fn read(path: &Path) -> Self {
        Self::of(path).unwrap_or_default()
    }

    fn of(path: &Path) -> Option<Self> {
        let cache = Bounded::new(File::open(path).ok()?);
        let object = object::File::parse(&cache).ok()?;
        let is_code = |flags| match flags {
            SectionFlags::Elf { sh_flags, .. } => sh_flags.0 & SHF_EXECINSTR.0 != 0,
            _ => false,
        };
        let mut stubs = Self::default();
        let mut targets = None;
        for section in object.sections().filter(|section| is_code(section.flags())) {
            let end = section.address().checked_add(section.size())?;
            let range = section.address()..end;
            if section.name().is_ok_and(|name| name.starts_with(".plt")) {
                stubs.tables.push(range.clone());
                if section.size() <= STUBS_MAX && object.architecture() == Architecture::X86_64 {
                    let targets = targets.get_or_insert_with(|| targets_of(&object));
                    let align = section.align().clamp(8, 16);
                    stubs.add(range.start, section.data().unwrap_or_default(), align, targets);
                }
            }
            stubs.sections.push(range);
        }
        Some(stubs)
    }

    /// Adds the stubs of a table: each jumps to an address that it reads from the slot of its
    /// function, by an instruction that says how far away that is.
    fn add(&mut self, start: u64, code: &[u8], align: u64, targets: &BTreeMap<u64, String>) {
        /// `jmp *DISTANCE(%rip)`, and how long that is.
        const JUMP: ([u8; 2], u64) = ([0xff, 0x25], 6);
        for at in memchr::memmem::find_iter(code, &JUMP.0) {
            let Some(distance) = code.get(at + 2..at + 6).and_then(|bytes| bytes.try_into().ok())
            else {
                continue;
            };
            let jump = start.wrapping_add(at as u64);
            let distance = i64::from(i32::from_le_bytes(distance));
            let slot = jump.wrapping_add(JUMP.1).wrapping_add_signed(distance);
            if let Some(name) = targets.get(&slot) {
                let stub = jump - jump % align;
                self.names.insert(stub, (stub + align, name.clone()));
            }
        }
    }

    /// What is to be made of an address whose symbol begins at `symbol`.
    pub(super) fn verdict(&self, address: u64, symbol: u64) -> Verdict<'_> {
        if self.tables.iter().any(|table| table.contains(&address)) {
            return match self.names.range(..=address).next_back() {
                Some((_, (end, name))) if address < *end => Verdict::Stub(name),
                _ => Verdict::Wrong,
            };
        }
        match self.sections.iter().find(|section| section.contains(&address)) {
            Some(section) if !section.contains(&symbol) => Verdict::Wrong,
            _ => Verdict::Right,
        }
    }
}

/// The functions whose addresses the loader puts into slots, by the slot.
fn targets_of<'data>(object: &object::File<'data, &'data Bounded>) -> BTreeMap<u64, String> {
    let symbols = object.dynamic_symbol_table();
    let relocations = object.dynamic_relocations().into_iter().flatten();
    relocations
        .filter_map(|(slot, relocation)| {
            let RelocationTarget::Symbol(index) = relocation.target() else { return None };
            let symbol = symbols.as_ref()?.symbol_by_index(index).ok()?;
            let name = symbol.name().ok().filter(|name| !name.is_empty())?;
            Some((slot, name.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stubs_are_named_by_what_they_call() {
        let mut stubs = Stubs::default();
        // push; jmp of the table itself, then `endbr64; jmp *0xfe6(%rip)`, padded.
        let mut code = vec![0xff, 0x35, 0, 0, 0, 0, 0xff, 0x25, 2, 0, 0, 0, 0, 0, 0, 0];
        code.extend([0xf3, 0x0f, 0x1e, 0xfa, 0xff, 0x25, 0xe6, 0x0f, 0, 0, 0, 0, 0, 0, 0, 0]);
        let targets = BTreeMap::from([(0x2000, "tiny_step".to_owned())]);
        stubs.add(0x1000, &code, 16, &targets);
        stubs.tables.push(0x1000..0x1020);
        stubs.sections.extend([0x0f00..0x0f1b, 0x1000..0x1020, 0x1020..0x1100]);
        assert_eq!(stubs.verdict(0x1014, 0x0f00), Verdict::Stub("tiny_step"));
        assert_eq!(stubs.verdict(0x101f, 0x0f00), Verdict::Stub("tiny_step"));
        assert_eq!(stubs.verdict(0x1004, 0x0f00), Verdict::Wrong);
        assert_eq!(stubs.verdict(0x0f10, 0x0f00), Verdict::Right);
        assert_eq!(stubs.verdict(0x1030, 0x0f00), Verdict::Wrong);
        assert_eq!(stubs.verdict(0x1030, 0x1020), Verdict::Right);
        // What is in no section that we know of is not judged.
        assert_eq!(stubs.verdict(0x9000, 0x1020), Verdict::Right);
    }

    #[test]
    fn files_of_any_bytes_are_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("file");
        for bytes in [&b""[..], b"\x7fELF", b"#!/bin/sh\n"] {
            std::fs::write(&path, bytes).expect("room");
            assert_eq!(Stubs::read(&path).verdict(0x1000, 0x0f00), Verdict::Right);
        }
    }
}
