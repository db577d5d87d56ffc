//! A process's address space: which module lies where, and how to unwind it.

use std::{ops::Range, sync::Arc};

use rustc_hash::FxHashMap;

use super::{
    elf::Elf,
    module::{Code, ModuleId, Modules},
    record::Mapping,
    stacks::{RawFrame, RawFrameId, Stacks},
    unwind::Unwinding,
};

/// A process's address space.
#[derive(Clone)]
pub(super) struct AddressSpace {
    /// Ordered by start; mappings do not overlap.
    mapped: Vec<Mapped>,
    pub(super) unwinding: Unwinding,
    /// Frames by address, until a mapping changes.
    frames: FxHashMap<u64, RawFrameId>,
}

#[derive(Clone)]
struct Mapped {
    range: Range<u64>,
    module: ModuleId,
    /// What is subtracted from an address to get the module's.
    bias: u64,
    /// How to unwind the module, where it is a file.
    sections: Option<Arc<Elf>>,
}

impl AddressSpace {
    pub(super) fn new() -> Self {
        Self { mapped: Vec::new(), unwinding: Unwinding::new(), frames: FxHashMap::default() }
    }

    /// Adds a mapping of code, in place of whatever it covers.
    pub(super) fn map(&mut self, mapping: &Mapping, modules: &mut Modules) {
        let Some(end) = mapping.address.checked_add(mapping.length) else { return };
        let range = mapping.address..end;
        self.unmap(&range);
        if !mapping.executable || range.is_empty() {
            return;
        }
        let (module, elf) = modules.of_mapping(mapping);
        let code = &modules.get(module).code;
        let address_in_module = match code {
            // What the file says nothing about counts from its offset.
            Code::Elf { .. } => elf.address_of(mapping.file_offset).unwrap_or(mapping.file_offset),
            Code::Vdso => 0,
            Code::Unreadable => mapping.file_offset,
            Code::Kernel | Code::Generated { .. } => mapping.address,
        };
        let bias = mapping.address.wrapping_sub(address_in_module);
        let sections = matches!(code, Code::Elf { .. } | Code::Vdso).then_some(elf);
        self.insert(Mapped { range, module, bias, sections });
    }

    fn insert(&mut self, mapped: Mapped) {
        if let Some(elf) = &mapped.sections {
            self.unwinding.add(mapped.range.clone(), mapped.bias, &elf.sections);
        }
        let at = self.mapped.partition_point(|other| other.range.start < mapped.range.start);
        self.mapped.insert(at, mapped);
    }

    /// Forgets what lies in `range`, as the kernel does when it maps something over it; what
    /// sticks out on either side stays.
    fn unmap(&mut self, range: &Range<u64>) {
        self.frames.clear();
        let overlaps =
            |mapped: &Mapped| mapped.range.start < range.end && range.start < mapped.range.end;
        let covered: Vec<Mapped> = self.mapped.extract_if(.., |mapped| overlaps(mapped)).collect();
        for old in covered {
            self.unwinding.remove(old.range.start);
            for left in [old.range.start..range.start, range.end..old.range.end] {
                if !left.is_empty() {
                    self.insert(Mapped { range: left, ..old.clone() });
                }
            }
        }
    }

    /// The files mapped, with what is subtracted from an address to get the file's own.
    pub(super) fn modules(&self) -> impl Iterator<Item = (ModuleId, u64)> + '_ {
        self.mapped.iter().map(|mapped| (mapped.module, mapped.bias))
    }

    /// The module at an address, and the address in it.
    pub(super) fn locate(&self, address: u64) -> Option<(ModuleId, u64)> {
        let after = self.mapped.partition_point(|mapped| mapped.range.start <= address);
        let mapped = self.mapped[..after].last().filter(|m| m.range.contains(&address))?;
        Some((mapped.module, address.wrapping_sub(mapped.bias)))
    }

    /// The frame at an address.
    pub(super) fn frame(&mut self, address: u64, stacks: &mut Stacks) -> RawFrameId {
        if let Some(frame) = self.frames.get(&address) {
            return *frame;
        }
        let frame = match self.locate(address) {
            Some((module, address)) => RawFrame::Address { module, address },
            None => RawFrame::Unmapped,
        };
        let frame = stacks.frame(frame);
        self.frames.insert(address, frame);
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated(address: u64, length: u64) -> Mapping {
        let path = b"//anon".to_vec();
        Mapping { pid: 1, address, length, file_offset: 0, executable: true, path }
    }

    #[test]
    fn a_mapping_over_another_leaves_what_sticks_out() {
        let (mut space, mut modules) = (AddressSpace::new(), Modules::new());
        let mut stacks = Stacks::default();
        space.map(&generated(0x1000, 0x3000), &mut modules);
        space.map(&Mapping { executable: false, ..generated(0x2000, 0x1000) }, &mut modules);
        let unmapped = stacks.frame(RawFrame::Unmapped);
        let is_mapped = |address, space: &mut AddressSpace, stacks: &mut Stacks| {
            space.frame(address, stacks) != unmapped
        };
        let found = [0xfff, 0x1000, 0x1fff, 0x2000, 0x2fff, 0x3000, 0x3fff, 0x4000]
            .map(|address| is_mapped(address, &mut space, &mut stacks));
        assert_eq!(found, [false, true, true, false, false, true, true, false]);
    }

    #[test]
    fn impossible_ranges_are_ignored() {
        let (mut space, mut modules) = (AddressSpace::new(), Modules::new());
        space.map(&generated(u64::MAX, 2), &mut modules);
        space.map(&generated(0x1000, 0), &mut modules);
        let mut stacks = Stacks::default();
        let unmapped = stacks.frame(RawFrame::Unmapped);
        assert_eq!(space.frame(0x1000, &mut stacks), unmapped);
    }
}
