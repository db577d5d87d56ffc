//! A process's address space: which module lies where, and how to unwind it.

mod walk;

use std::{fs::File, ops::Range, os::unix::fs::FileExt as _, sync::Arc};

use rustc_hash::FxHashMap;

use super::{
    elf::Elf,
    module::{Code, ModuleId, Modules},
    record::{Callchain, Mapping},
    roots::roots,
    rules::Rule,
    stacks::{RawFrame, RawFrameId, Stacks},
    trampoline,
    unwind::{End, Unwinding},
};
use walk::Site;

/// A process's address space.
#[derive(Clone)]
pub(super) struct AddressSpace {
    /// Ordered by start; mappings do not overlap.
    mapped: Vec<Mapped>,
    unwinding: Unwinding,
    /// Frames by address, until a mapping changes.
    frames: FxHashMap<u64, RawFrameId>,
    /// How to unwind from an address, and whether a function with rules starts there; as long.
    rules: FxHashMap<u64, (Rule, bool)>,
    /// What lies at return addresses; as long.
    sites: FxHashMap<u64, Site>,
}

#[derive(Clone)]
struct Mapped {
    range: Range<u64>,
    module: ModuleId,
    /// What is subtracted from an address to get the module's.
    bias: u64,
    /// How to unwind it, where that is known, and what is subtracted for that.
    sections: Option<(Arc<Elf>, u64)>,
    /// The file that its code is in, and what is subtracted for an offset in it.
    code: Option<(Arc<File>, u64)>,
}

impl Mapped {
    fn read<const BYTES: usize>(&self, address: u64) -> Option<[u8; BYTES]> {
        let (file, bias) = self.code.as_ref()?;
        let mut bytes = [0; BYTES];
        file.read_exact_at(&mut bytes, address.wrapping_sub(*bias)).ok()?;
        Some(bytes)
    }
}

impl AddressSpace {
    pub(super) fn new() -> Self {
        Self {
            mapped: Vec::new(),
            unwinding: Unwinding::new(),
            frames: FxHashMap::default(),
            rules: FxHashMap::default(),
            sites: FxHashMap::default(),
        }
    }

    /// With code at `range` that has this table, whose addresses count from its start.
    #[cfg(test)]
    pub(super) fn of_table(range: Range<u64>, sections: super::elf::UnwindSections) -> Self {
        let mut space = Self::new();
        let (bias, elf) = (range.start, Arc::new(Elf::of_generated(sections)));
        let sections = Some((elf, bias));
        space.insert(Mapped { range, module: ModuleId(1), bias, sections, code: None });
        space
    }

    /// Code of which nothing is known.
    #[cfg(test)]
    pub(super) fn map_code(&mut self, range: Range<u64>) {
        self.insert(Mapped { range, module: ModuleId(1), bias: 0, sections: None, code: None });
    }

    /// Code in a file that is nothing but this code, without a table.
    #[cfg(test)]
    pub(super) fn map_bytes(&mut self, start: u64, code: &[u8]) {
        use std::io::Write as _;
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(code).expect("it is ours");
        let (range, code) = (start..start + code.len() as u64, Some((Arc::new(file), start)));
        self.insert(Mapped { range, module: ModuleId(1), bias: start, sections: None, code });
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
        let sections = match code {
            Code::Elf { .. } | Code::Vdso => Some((elf, bias)),
            Code::Generated { .. } => trampoline::sections(mapping)
                .map(|sections| (Arc::new(Elf::of_generated(sections)), mapping.address)),
            Code::Kernel | Code::Unreadable => None,
        };
        let code = match code {
            Code::Elf { file, .. } => {
                Some((file.clone(), mapping.address.wrapping_sub(mapping.file_offset)))
            }
            _ => None,
        };
        self.insert(Mapped { range, module, bias, sections, code });
    }

    fn insert(&mut self, mapped: Mapped) {
        if let Some((elf, bias)) = &mapped.sections {
            self.unwinding.add(mapped.range.clone(), *bias, &elf.sections);
        }
        let at = self.mapped.partition_point(|other| other.range.start < mapped.range.start);
        self.mapped.insert(at, mapped);
    }

    /// Whether code of a file lies in a range.
    pub(super) fn has_file(&self, range: &Range<u64>) -> bool {
        let overlaps = |it: &&Mapped| it.range.start < range.end && range.start < it.range.end;
        self.mapped.iter().filter(overlaps).any(|mapped| mapped.code.is_some())
    }

    /// Forgets what lies in `range`, as the kernel does when it maps something over it; what
    /// sticks out on either side stays.
    fn unmap(&mut self, range: &Range<u64>) {
        self.frames.clear();
        self.rules.clear();
        self.sites.clear();
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
        let mapped = self.mapped_at(address)?;
        Some((mapped.module, address.wrapping_sub(mapped.bias)))
    }

    fn mapped_at(&self, address: u64) -> Option<&Mapped> {
        let after = self.mapped.partition_point(|mapped| mapped.range.start <= address);
        self.mapped[..after].last().filter(|mapped| mapped.range.contains(&address))
    }

    /// Follows a stack of Go code on from where unwinding it ended: by the callers that the kernel
    /// found, which lie on another stack. None where that cannot be done.
    ///
    /// Go's runtime changes stacks for much of its own work, and for calls to C, with the caller's
    /// frame pointer kept across the change; the copy has only the stack that the thread was on.
    ///
    /// The kernel stops at `callchain_max` words. `is_same` says that the frame pointer is again
    /// what it was when the sample was taken, so that the kernel's chain goes on from here.
    fn go_on(
        &mut self,
        callchain: Callchain<'_>,
        callchain_max: usize,
        is_same: bool,
        addresses: &mut Vec<u64>,
    ) -> Option<End> {
        let last = *addresses.last()?;
        if !self.is_go(last) {
            return None;
        }
        // All but the innermost are return addresses: one less lies in the call.
        let lies_in = |(i, address): (usize, u64)| address.saturating_sub(u64::from(i > 0));
        let chain: Vec<u64> = callchain.user().enumerate().map(lies_in).collect();
        // A recursion has the same address several times.
        let nth = addresses.iter().filter(|address| **address == last).count() - 1;
        let known = chain.iter().enumerate().filter(|(_, address)| **address == last).nth(nth);
        let known = known.map(|(at, _)| at).or(is_same.then_some(0))?;
        let callers = chain.get(known + 1..).filter(|callers| !callers.is_empty())?;
        if !callers.iter().all(|address| self.is_go(*address)) {
            return None;
        }
        addresses.extend(callers);
        let is_whole = callchain.len() < callchain_max;
        Some(if is_whole { End::Root } else { End::TooDeep })
    }

    /// Whether Go's compiler made the code at an address. It writes no rules, and what was compiled
    /// from C into the same file has some.
    fn is_go(&mut self, address: u64) -> bool {
        let sections = self.mapped_at(address).and_then(|mapped| mapped.sections.as_ref());
        sections.is_some_and(|(elf, _)| elf.is_go) && !self.has_rule(address)
    }

    /// Whether the function at an address is one that nothing calls, by its name.
    fn is_root(&self, address: u64) -> bool {
        let Some(mapped) = self.mapped_at(address) else { return false };
        let (Some((elf, bias)), Some((file, _))) = (&mapped.sections, &mapped.code) else {
            return false;
        };
        let ranges = elf.roots.get_or_init(|| roots(file));
        ranges.iter().any(|range| range.contains(&address.wrapping_sub(*bias)))
    }

    /// Whether two addresses lie in one mapping, and no function with rules starts between them: the
    /// second may be in a function that starts at the first, or behind the part of it that has any.
    fn is_one_piece(&self, first: u64, last: u64) -> bool {
        let Some(mapped) = self.mapped_at(first) else { return false };
        let start = mapped.sections.as_ref().and_then(|(elf, bias)| {
            let start = elf.rules.start_before(&elf.sections, last.wrapping_sub(*bias))?;
            Some(start.wrapping_add(*bias))
        });
        mapped.range.contains(&last) && start.is_none_or(|start| start <= first)
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
    use crate::sample::record::Words;

    fn generated(address: u64, length: u64) -> Mapping {
        let path = b"//anon".to_vec();
        Mapping { pid: 1, address, length, file_offset: 0, executable: true, path, file: None }
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

    /// A space with code of Go from 0x1000 and other code from 0x9000.
    fn with_go() -> AddressSpace {
        let mut space = AddressSpace::new();
        for (start, is_go) in [(0x1000, true), (0x9000, false)] {
            let elf = Elf::without_sections(is_go);
            let range = start..start + 0x1000;
            let (module, sections) = (ModuleId(1), Some((Arc::new(elf), 0)));
            space.insert(Mapped { range, module, bias: 0, sections, code: None });
        }
        space
    }

    fn went_on(unwound: &[u64], callchain: &[u64]) -> (Vec<u64>, Option<End>) {
        let user = [&[USER], callchain].concat();
        let bytes: Vec<u8> = user.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let mut addresses = unwound.to_vec();
        let end = with_go().go_on(Callchain(Words::of(&bytes)), 127, false, &mut addresses);
        (addresses, end)
    }

    const USER: u64 = -512_i64 as u64;

    #[test]
    fn a_stack_of_go_goes_on_where_the_kernel_knows_its_callers() {
        // The second is where the runtime changed stacks.
        assert_eq!(
            went_on(&[0x1010, 0x101f], &[0x1010, 0x1020, 0x1030, 0x1040]),
            (vec![0x1010, 0x101f, 0x102f, 0x103f], Some(End::Root))
        );
        // A recursion: the second time that the address comes is the one.
        assert_eq!(
            went_on(&[0x1010, 0x101f, 0x101f], &[0x1010, 0x1020, 0x1020, 0x1020, 0x1040]).0,
            [0x1010, 0x101f, 0x101f, 0x101f, 0x103f]
        );
        // So many that the kernel may have stopped before the root.
        let many: Vec<u64> = (0..126).map(|i| 0x1010 + i * 16).collect();
        assert_eq!(went_on(&[0x1010], &many).1, Some(End::TooDeep));
    }

    #[test]
    fn a_callchain_that_does_not_fit_is_no_help() {
        let unchanged = |unwound: &[u64], callchain: &[u64]| {
            assert_eq!(went_on(unwound, callchain), (unwound.to_vec(), None));
        };
        unchanged(&[0x1010, 0x101f], &[0x1010, 0x1030]);
        unchanged(&[0x1010, 0x101f], &[0x1010, 0x1020]);
        // Addresses that are no code of Go: somebody kept something else in the register.
        unchanged(&[0x1010, 0x101f], &[0x1010, 0x1020, 0x9010]);
        unchanged(&[0x1010, 0x101f], &[0x1010, 0x1020, 0x1030, 7]);
        // Other code, which may not keep frame pointers.
        unchanged(&[0x9010, 0x901f], &[0x9010, 0x9020, 0x9030]);
        unchanged(&[], &[0x1010, 0x1020]);
        unchanged(&[0x1010], &[]);
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
