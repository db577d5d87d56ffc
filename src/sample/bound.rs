//! Names for functions that their own file does not name: those that the loader bound.
//!
//! A stripped C library has no names for its processor-specific versions of `memcpy` and the like,
//! which is where much of a server's time goes. But the loader has written their addresses into
//! the slots through which they are called, and each slot is named by its relocation; the unwind
//! table tells how far a function extends.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    ops::Range,
    os::unix::fs::FileExt as _,
};

use gimli::{BaseAddresses, EhFrame, EhFrameHdr, EndianSlice, NativeEndian, UnwindSection as _};
use object::{
    Object, ObjectSymbol as _, ObjectSymbolTable as _, RelocationFlags, RelocationTarget,
    SymbolFlags, elf, read::ReadCache,
};

use super::{
    elf::UnwindSections,
    module::{Code, ModuleId, Modules},
    space::AddressSpace,
};

/// A function whose name is known from the slots that are bound to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BoundFunction {
    /// The module that its code is in.
    pub module: ModuleId,
    /// Where in the module, as addresses that the file states.
    pub range: Range<u64>,
    /// The name or names of the slots, such as `memcpy/memmove`.
    pub name: String,
}

/// A slot of a file's table: its stated address and the name of what is called through it.
type Slot = (u64, String);

#[cfg(target_arch = "x86_64")]
const BY_SYMBOL: [elf::RelocationType; 2] = [elf::R_X86_64_GLOB_DAT, elf::R_X86_64_JUMP_SLOT];
#[cfg(target_arch = "x86_64")]
const BY_RESOLVER: elf::RelocationType = elf::R_X86_64_IRELATIVE;
#[cfg(target_arch = "aarch64")]
const BY_SYMBOL: [elf::RelocationType; 2] = [elf::R_AARCH64_GLOB_DAT, elf::R_AARCH64_JUMP_SLOT];
#[cfg(target_arch = "aarch64")]
const BY_RESOLVER: elf::RelocationType = elf::R_AARCH64_IRELATIVE;

/// What the slots of a running process are bound to. Reads its memory; where that is not
/// allowed, nothing is found.
pub(super) fn bound_functions(
    pid: u32,
    space: &AddressSpace,
    modules: &Modules,
) -> Vec<BoundFunction> {
    let Ok(memory) = File::open(format!("/proc/{pid}/mem")) else { return Vec::new() };
    let mut names: BTreeMap<(ModuleId, u64), BTreeSet<String>> = BTreeMap::new();
    for (module, bias) in space.modules() {
        let Code::Elf { file, .. } = &modules.get(module).code else { continue };
        for (slot, name) in slots(file).unwrap_or_default() {
            let mut word = [0; 8];
            if memory.read_exact_at(&mut word, slot.wrapping_add(bias)).is_ok()
                && let Some(target) = space.locate(u64::from_ne_bytes(word))
            {
                names.entry(target).or_default().insert(name);
            }
        }
    }
    names
        .into_iter()
        .filter_map(|((module, start), names)| {
            let range = function_at(&modules.elf(module).sections, start)?;
            let name = names.into_iter().collect::<Vec<_>>().join("/");
            Some(BoundFunction { module, range, name })
        })
        .collect()
}

/// The slots of a file that the loader fills with the addresses of functions.
fn slots(file: &File) -> Option<Vec<Slot>> {
    let cache = ReadCache::new(file.try_clone().ok()?);
    let object = object::File::parse(&cache).ok()?;
    let symbols = object.dynamic_symbol_table()?;
    let mut resolvers: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for symbol in symbols.symbols() {
        let SymbolFlags::Elf { st_info, .. } = symbol.flags() else { continue };
        if st_info.st_type() == elf::STT_GNU_IFUNC
            && let Ok(name) = symbol.name()
        {
            resolvers.entry(symbol.address()).or_default().insert(name.to_owned());
        }
    }
    let mut slots = Vec::new();
    for (address, relocation) in object.dynamic_relocations()? {
        let RelocationFlags::Elf { r_type } = relocation.flags() else { continue };
        if BY_SYMBOL.contains(&r_type) {
            let RelocationTarget::Symbol(index) = relocation.target() else { continue };
            let name = symbols.symbol_by_index(index).and_then(|symbol| symbol.name());
            slots.extend(name.ok().map(|name| (address, name.to_owned())));
        } else if r_type == BY_RESOLVER
            && let Some(names) = resolvers.get(&(relocation.addend() as u64))
        {
            slots.extend(names.iter().map(|name| (address, name.clone())));
        }
    }
    Some(slots)
}

/// The extent of the function that starts at an address, from the unwind table.
fn function_at(sections: &UnwindSections, start: u64) -> Option<Range<u64>> {
    let (index, table) = (sections.eh_frame_hdr.as_ref()?, sections.eh_frame.as_ref()?);
    let bases = BaseAddresses::default()
        .set_eh_frame_hdr(index.range.start)
        .set_eh_frame(table.range.start)
        .set_text(sections.text.as_ref().map_or(0, |text| text.start))
        .set_got(sections.got.as_ref().map_or(0, |got| got.start));
    let index = EhFrameHdr::new(&index.data, NativeEndian).parse(&bases, 8).ok()?;
    let frames = EhFrame::<EndianSlice<'_, NativeEndian>>::new(&table.data, NativeEndian);
    let entry =
        index.table()?.fde_for_address(&frames, &bases, start, EhFrame::cie_from_offset).ok()?;
    let range = entry.initial_address()..entry.initial_address().checked_add(entry.len())?;
    (range.start == start).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::attach;

    #[test]
    fn the_copying_functions_of_our_own_library_get_names() {
        let (mut space, mut modules) = (AddressSpace::new(), Modules::new());
        let pid = std::process::id();
        for mapping in attach::mappings(pid).expect("our own mappings can be read") {
            space.map(&mapping, &mut modules);
        }
        let found = bound_functions(pid, &space, &modules);
        let memcpy = found.iter().find(|function| function.name.split('/').any(|n| n == "memcpy"));
        let memcpy = memcpy.unwrap_or_else(|| panic!("memcpy is bound, but found: {found:?}"));
        assert!(modules.get(memcpy.module).name.starts_with("libc"), "{memcpy:?}");
        assert!(!memcpy.range.is_empty());
    }
}
