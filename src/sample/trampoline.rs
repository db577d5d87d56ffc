//! How to unwind the trampolines of Python: the one kind of generated code that can be told from
//! all others, and that says where its caller is.
//!
//! With `-X perf`, CPython from 3.12 on calls the interpreter for each of its functions through a
//! piece of code of that function's own, so that a sampler sees the function on the native stack.
//! All these pieces are copies of one (`Objects/asm_trampoline.S`), laid out one after the other
//! in mappings that hold nothing else. On x86-64 it moves the stack pointer and keeps no frame
//! pointer; as the interpreter keeps none either, nothing but a table leads out of it. We write
//! that table. Where the pieces keep a frame pointer (on aarch64, and from 3.15 on), there is no
//! need of one.

use std::{fs::File, os::unix::fs::FileExt as _, sync::Arc};

use super::{
    elf::{Section, UnwindSections},
    record::Mapping,
};

/// Longest mapping that is read: CPython makes them of 64 KiB, and the kernel joins neighbours.
const BYTES_MAX: u64 = 4 << 20;

/// `endbr64`, where Python was built to check where calls go.
const ENDBR: [u8; 4] = [0xf3, 0x0f, 0x1e, 0xfa];
/// `sub $8, %rsp`
const ENTER: [u8; 4] = [0x48, 0x83, 0xec, 0x08];
/// The first byte of `call *%reg`; the second names the register.
const CALL: u8 = 0xff;
/// `add $8, %rsp; ret`
const LEAVE: [u8; 5] = [0x48, 0x83, 0xc4, 0x08, 0xc3];
/// The length of what comes after `endbr64`.
const LENGTH: usize = ENTER.len() + 2 + LEAVE.len();

/// How to unwind the trampolines that a mapping consists of; none where it has anything else, or
/// where its bytes cannot be read any more.
///
/// The addresses in the table are offsets in the mapping.
pub(super) fn sections(mapping: &Mapping) -> Option<UnwindSections> {
    if !cfg!(target_arch = "x86_64") || mapping.length > BYTES_MAX {
        return None;
    }
    let memory = File::open(format!("/proc/{}/mem", mapping.pid)).ok()?;
    // Other generated code comes in mappings of megabytes, often: its first bytes are enough.
    let mut first = [0; ENDBR.len() + LENGTH];
    memory.read_exact_at(&mut first, mapping.address).ok()?;
    trampoline_at(&first)?;
    let mut code = vec![0; usize::try_from(mapping.length).ok()?];
    memory.read_exact_at(&mut code, mapping.address).ok()?;
    Some(table(&trampolines(&code)?))
}

/// A piece of code that only calls the interpreter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Trampoline {
    /// Where in the mapping it starts.
    start: u32,
    /// How many bytes of it come before the stack pointer moves.
    before: u8,
}

/// The trampolines of a mapping, none if it has any other code: between them is nothing but
/// zeros, as many as aligning takes.
fn trampolines(code: &[u8]) -> Option<Vec<Trampoline>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = code.get(at..).filter(|rest| !rest.is_empty()) {
        match trampoline_at(rest) {
            Some(before) => {
                found.push(Trampoline { start: u32::try_from(at).ok()?, before });
                at += usize::from(before) + LENGTH;
            }
            None if rest[0] == 0 => at += 1,
            None => return None,
        }
    }
    (!found.is_empty()).then_some(found)
}

/// Whether code begins with a trampoline: how many of its bytes come before the stack moves.
fn trampoline_at(code: &[u8]) -> Option<u8> {
    let (before, code) = match code.strip_prefix(&ENDBR) {
        Some(rest) => (ENDBR.len() as u8, rest),
        None => (0, code),
    };
    let [CALL, 0xd0..=0xd7, rest @ ..] = code.strip_prefix(&ENTER)? else { return None };
    rest.starts_with(&LEAVE).then_some(before)
}

/// An `.eh_frame` that says of each trampoline where its caller is, and nothing of the bytes
/// between them (Linux Standard Base Core, 10.6; DWARF 5, 6.4).
fn table(trampolines: &[Trampoline]) -> UnwindSections {
    let mut data = COMMON.to_vec();
    for Trampoline { start, before } in trampolines {
        // Once the stack pointer has moved, the return address lies 8 bytes further up; at the
        // `ret`, it does not any more.
        let rows = [
            [ADVANCE | (before + ENTER.len() as u8), DEF_CFA_OFFSET, 16],
            [ADVANCE | (LENGTH - ENTER.len() - 1) as u8, DEF_CFA_OFFSET, 8],
        ];
        let length = u32::from(*before) + LENGTH as u32;
        let own = data.len() as u32;
        // The length of what follows; how far back the common part is from here.
        data.extend((ENTRY_BYTES - 4).to_le_bytes());
        data.extend((own + 4).to_le_bytes());
        data.extend(start.to_le_bytes());
        data.extend(length.to_le_bytes());
        // Nothing that augments it.
        data.push(0);
        data.extend(rows.concat());
        data.push(NOP);
    }
    // No more follows.
    data.extend([0; 4]);
    let range = 0..data.len() as u64;
    let data: Arc<[u8]> = data.into();
    UnwindSections { eh_frame: Some(Section { range, data }), ..UnwindSections::default() }
}

/// The size of what the table says of one trampoline.
const ENTRY_BYTES: u32 = 24;

/// `DW_CFA_advance_loc`, with the distance in the lower six bits.
const ADVANCE: u8 = 0x40;
const DEF_CFA_OFFSET: u8 = 0x0e;
const NOP: u8 = 0;

/// What all entries have in common: the caller's frame begins 8 bytes above the stack pointer
/// (register 7), and the return address (register 16) lies below it.
const COMMON: [u8; 24] = [
    // Length, and that this is the common part.
    20, 0, 0, 0, 0, 0, 0,
    0, // Version, and that addresses have an encoding: 4 bytes, unsigned.
    1, b'z', b'R', 0, // Code counts by 1, data by -8; the return address; one byte: encoding.
    1, 0x78, 16, 1, 0x03, // DW_CFA_def_cfa 7, 8; DW_CFA_offset 16 at -8.
    0x0c, 7, 8, 0x90, 1, NOP, NOP,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::{
        elf::Elf,
        space::AddressSpace,
        unwind::{End, Registers},
    };

    /// As CPython 3.12.1 lays them out, and as 3.13.0 does.
    const V3_12: [u8; 11] = [0x48, 0x83, 0xec, 8, 0xff, 0xd1, 0x48, 0x83, 0xc4, 8, 0xc3];
    const V3_13: [u8; 16] =
        [0x48, 0x83, 0xec, 8, 0xff, 0xd1, 0x48, 0x83, 0xc4, 8, 0xc3, 0, 0, 0, 0, 0];

    fn starts(code: &[u8]) -> Option<Vec<u32>> {
        trampolines(code).map(|all| all.iter().map(|one| one.start).collect())
    }

    #[test]
    fn the_layouts_of_both_versions_are_known() {
        let padded = [V3_12.repeat(3), vec![0; 9]].concat();
        assert_eq!(starts(&padded), Some(vec![0, 11, 22]));
        assert_eq!(starts(&V3_13.repeat(3)), Some(vec![0, 16, 32]));
        // Two mappings that the kernel has joined.
        assert_eq!(starts(&padded.repeat(2)), Some(vec![0, 11, 22, 42, 53, 64]));
        let checked = [&ENDBR, V3_12.as_slice(), &[0]].concat().repeat(2);
        assert_eq!(starts(&checked), Some(vec![0, 16]));
    }

    #[test]
    fn other_code_is_left_alone() {
        let other = |code: &[u8]| assert_eq!(trampolines(code), None);
        other(&[]);
        other(&[0; 64]);
        other(&[V3_12.as_slice(), &[0x55]].concat());
        other(&[V3_12.as_slice(), &V3_12[..7]].concat());
        // It jumps instead of calling.
        other(&[0x48, 0x83, 0xec, 8, 0xff, 0xe1, 0x48, 0x83, 0xc4, 8, 0xc3]);
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_caller_is_found_from_every_instruction() {
        let code = [[V3_12, V3_12].concat(), V3_13.to_vec()].concat();
        let base = 0x7f00_0000_0000_u64;
        let found = trampolines(&code).expect("trampolines");
        let mut space = AddressSpace::of_table(base..base + 4096, table(&found));
        let caller = 0x5555_0000_1000_u64;
        space.map_code(caller..caller + 4096);
        for start in [0, 11, 22] {
            for (offset, pushed) in [(0, 0), (4, 1), (6, 1), (10, 0)] {
                let words = [vec![7; pushed], vec![caller + 8, 9, 9]].concat();
                let stack: Vec<u8> =
                    words.iter().flat_map(|word: &u64| word.to_le_bytes()).collect();
                // The frame pointer is anything but one.
                let registers = [1, 0x1000, base + start + offset];
                let registers = Registers::from_words(registers.into_iter()).expect("three");
                let mut addresses = Vec::new();
                space.walk(registers, &stack, &mut addresses);
                assert_eq!(addresses[1], caller + 7, "at {start} + {offset}");
            }
        }
    }

    #[test]
    fn a_process_that_is_gone_changes_nothing() {
        let path = b"//anon".to_vec();
        let (pid, address, length) = (4_194_404, 0x1000, 0x1000);
        let mapping =
            Mapping { pid, address, length, file_offset: 0, executable: true, path, file: None };
        assert!(sections(&mapping).is_none());
    }

    /// Bytes that often begin or end like the real ones.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(V3_12.to_vec()),
            Just(V3_13.to_vec()),
            Just(ENDBR.to_vec()),
            Just(vec![0; 5]),
            prop::collection::vec(any::<u8>(), 0..12),
        ];
        prop::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_code_is_read(code in bytes(), offset in 0_u64..400, words in any::<[u64; 8]>()) {
            let Some(found) = trampolines(&code) else { return Ok(()) };
            let mut space = AddressSpace::of_table(0x1000..0x2000, table(&found));
            let stack: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let registers = [words[0], 0x8000, 0x1000 + offset, 0].into_iter();
            let registers = Registers::from_words(registers).expect("enough");
            let mut addresses = Vec::new();
            let end = space.walk(registers, &stack, &mut addresses);
            prop_assert!(!addresses.is_empty() || end != End::Root);
        }
    }

    #[test]
    fn it_counts_as_no_file() {
        let elf = Elf::of_generated(table(&[Trampoline { start: 0, before: 0 }]));
        assert!(elf.build_id.is_none() && elf.address_of(0).is_none());
    }
}
