//! What the unwind tables of a file say of an address: whether they say anything, and whether it
//! is of the ordinary kind.
//!
//! The unwinder guesses where its tables say nothing. A guess makes callers up, so it is never
//! asked there: that is decided by this module, and what is done instead by `space::walk`.

use std::{
    ops::Range,
    sync::{Arc, OnceLock},
};

use gimli::{
    BaseAddresses, CfaRule, DebugFrame, EhFrame, EhFrameHdr, Encoding, EndianSlice, Evaluation,
    EvaluationResult, Expression, FrameDescriptionEntry, Location, NativeEndian, Register,
    RegisterRule, UnwindContext, UnwindSection, Value,
};

use super::{
    elf::{Section, UnwindSections},
    unwind::Registers,
};

type Bytes<'a> = EndianSlice<'a, NativeEndian>;

/// One of the two tables that a file may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// `.eh_frame`
    Loaded,
    /// `.debug_frame`
    Debug,
}

/// How to get from a frame to its caller's.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    /// No table says, or only by registers that samples do not carry.
    None,
    /// As a table says.
    Table(Table),
    /// A signal came here: the kernel has put all registers on the stack.
    Signal,
    /// As a table says, by expressions that look into memory.
    Computed(Arc<Computed>),
}

/// What is known of a function and of one address in it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Where the function lies, as the file states addresses.
    pub(super) range: Range<u64>,
    /// How to unwind from the address.
    pub(super) rule: Rule,
}

/// The tables of a file, made ready to be searched when they first are.
#[derive(Debug, Default)]
pub(super) struct Rules {
    loaded: OnceLock<Vec<Indexed>>,
    debug: OnceLock<Vec<Indexed>>,
}

/// Where in a table a function is described.
#[derive(Debug)]
struct Indexed {
    start: u64,
    offset: usize,
}

impl Rules {
    /// Where the last function that the loaded table describes starts, up to an address.
    pub(super) fn start_before(&self, sections: &UnwindSections, address: u64) -> Option<u64> {
        let section = sections.eh_frame.as_ref()?;
        let (bases, frames) = (bases(sections), EhFrame::new(&section.data, NativeEndian));
        let offset = self.loaded_at(sections, &bases, &frames, address)?;
        let described =
            frames.fde_from_offset(&bases, offset.into(), EhFrame::cie_from_offset).ok()?;
        Some(described.initial_address()).filter(|start| *start <= address)
    }

    /// What the tables say of an address.
    pub(super) fn at(&self, sections: &UnwindSections, address: u64) -> Option<Entry> {
        let bases = bases(sections);
        let loaded = sections.eh_frame.as_ref().and_then(|section| {
            let frames = EhFrame::new(&section.data, NativeEndian);
            let offset = self.loaded_at(sections, &bases, &frames, address)?;
            entry(&frames, &bases, offset, address, Table::Loaded)
        });
        loaded.or_else(|| {
            let section = sections.debug_frame.as_ref()?;
            let frames = DebugFrame::new(&section.data, NativeEndian);
            let made = self.debug.get_or_init(|| indexed(&frames, &bases));
            entry(&frames, &bases, find(made, address)?, address, Table::Debug)
        })
    }

    /// Where the loaded table describes the function at or before an address.
    fn loaded_at(
        &self,
        sections: &UnwindSections,
        bases: &BaseAddresses,
        frames: &EhFrame<Bytes<'_>>,
        address: u64,
    ) -> Option<usize> {
        let searched =
            sections.eh_frame_hdr.as_ref().and_then(|index| searched(index, bases, address));
        searched.or_else(|| {
            // Without an index to search, or with one that is damaged, one is made.
            let made = self.loaded.get_or_init(|| match is_searchable(sections, bases) {
                true => Vec::new(),
                false => indexed(frames, bases),
            });
            find(made, address)
        })
    }
}

fn bases(sections: &UnwindSections) -> BaseAddresses {
    let start = |section: &Option<Section>| section.as_ref().map_or(0, |s| s.range.start);
    BaseAddresses::default()
        .set_eh_frame_hdr(start(&sections.eh_frame_hdr))
        .set_eh_frame(start(&sections.eh_frame))
        .set_text(sections.text.as_ref().map_or(0, |text| text.start))
        .set_got(sections.got.as_ref().map_or(0, |got| got.start))
}

fn is_searchable(sections: &UnwindSections, bases: &BaseAddresses) -> bool {
    let parsed = |index: &Section| {
        let parsed = EhFrameHdr::new(&index.data, NativeEndian).parse(bases, 8).ok();
        parsed.is_some_and(|parsed| parsed.table().is_some())
    };
    sections.eh_frame_hdr.as_ref().is_some_and(parsed)
}

/// Where the function at or before an address is described, by the file's own index.
fn searched(index: &Section, bases: &BaseAddresses, address: u64) -> Option<usize> {
    let index = EhFrameHdr::new(&index.data, NativeEndian).parse(bases, 8).ok()?;
    let table = index.table()?;
    let pointer = table.lookup(address, bases).ok()?;
    table.pointer_to_offset(pointer).ok().map(|offset| offset.0)
}

/// All functions of a table, by where they start. What cannot be read ends it.
fn indexed<'a, S: UnwindSection<Bytes<'a>>>(frames: &S, bases: &BaseAddresses) -> Vec<Indexed> {
    let mut made = Vec::new();
    let mut entries = frames.entries(bases);
    while let Ok(Some(entry)) = entries.next() {
        let gimli::CieOrFde::Fde(partial) = entry else { continue };
        let offset = partial.offset();
        if let Ok(fde) = partial.parse(S::cie_from_offset) {
            made.push(Indexed { start: fde.initial_address(), offset });
        }
    }
    made.sort_by_key(|indexed| indexed.start);
    made
}

fn find(made: &[Indexed], address: u64) -> Option<usize> {
    let after = made.partition_point(|indexed| indexed.start <= address);
    made[..after].last().map(|indexed| indexed.offset)
}

fn entry<'a, S: UnwindSection<Bytes<'a>>>(
    frames: &S,
    bases: &BaseAddresses,
    offset: usize,
    address: u64,
    table: Table,
) -> Option<Entry> {
    let described =
        frames.fde_from_offset(bases, S::Offset::from(offset), S::cie_from_offset).ok()?;
    let start = described.initial_address();
    let range = start..start.checked_add(described.len())?;
    if !range.contains(&address) {
        return None;
    }
    let rule = rule(frames, bases, &described, address, table).unwrap_or(Rule::None);
    Some(Entry { range, rule })
}

#[cfg(target_arch = "x86_64")]
const REGISTERS: [Register; 2] = [gimli::X86_64::RSP, gimli::X86_64::RBP];
#[cfg(target_arch = "aarch64")]
const REGISTERS: [Register; 2] = [gimli::AArch64::SP, gimli::AArch64::X29];

fn rule<'a, S: UnwindSection<Bytes<'a>>>(
    frames: &S,
    bases: &BaseAddresses,
    described: &FrameDescriptionEntry<Bytes<'a>>,
    address: u64,
    table: Table,
) -> Option<Rule> {
    let mut context = UnwindContext::new();
    let row = described.unwind_info_for_address(frames, bases, &mut context, address).ok()?;
    let is_signal = described.is_signal_trampoline();
    Some(match row.cfa() {
        _ if is_signal && cfg!(target_arch = "aarch64") => Rule::Signal,
        CfaRule::Expression(_) if is_signal => Rule::Signal,
        CfaRule::Expression(frame) if cfg!(target_arch = "x86_64") => {
            let bytes = |at: &gimli::UnwindExpression<usize>| -> Option<Vec<u8>> {
                Some(at.get(frames).ok()?.0.slice().to_vec())
            };
            let [_, frame_pointer] = REGISTERS;
            let frame_pointer = match row.register(frame_pointer) {
                Some(RegisterRule::Offset(offset)) => Saved::Beside(offset),
                Some(RegisterRule::Expression(at)) => Saved::At(bytes(&at)?),
                _ => Saved::Nowhere,
            };
            let encoding = described.cie().encoding();
            Rule::Computed(Arc::new(Computed { frame: bytes(frame)?, frame_pointer, encoding }))
        }
        CfaRule::RegisterAndOffset { register, .. } if !REGISTERS.contains(register) => Rule::None,
        _ => Rule::Table(table),
    })
}

/// Where a frame is, as an expression. Compilers state it so where a function has moved its stack
/// to a boundary that its data needs, and linkers for the stubs that call other files.
#[derive(Debug)]
pub(super) struct Computed {
    frame: Vec<u8>,
    frame_pointer: Saved,
    encoding: Encoding,
}

/// Where the caller's frame pointer was saved.
#[derive(Debug)]
enum Saved {
    /// It is still in its register.
    Nowhere,
    /// So far from the frame.
    Beside(i64),
    /// Where this expression says.
    At(Vec<u8>),
}

/// Why a frame's caller cannot be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Uncomputed {
    /// Nothing is known of the memory here.
    Unread(u64),
    /// The expression asks for something else, or makes no sense.
    Impossible,
}

/// No sane expression is longer.
const STEPS_MAX: u32 = 256;

impl Computed {
    /// The caller's registers, with the return address as instruction pointer.
    pub(super) fn caller(
        &self,
        registers: Registers,
        read: impl Fn(u64) -> Option<u64>,
    ) -> Result<Registers, Uncomputed> {
        let read = |address| read(address).ok_or(Uncomputed::Unread(address));
        let frame = self.evaluate(&self.frame, registers, read)?;
        let frame_pointer = match &self.frame_pointer {
            Saved::Nowhere => registers.frame_pointer,
            Saved::Beside(offset) => read(frame.wrapping_add_signed(*offset))?,
            Saved::At(expression) => read(self.evaluate(expression, registers, read)?)?,
        };
        if frame <= registers.stack_pointer {
            return Err(Uncomputed::Impossible);
        }
        let return_address = read(frame.wrapping_sub(8))?;
        Ok(registers.with(return_address, frame, frame_pointer))
    }

    fn evaluate(
        &self,
        expression: &[u8],
        registers: Registers,
        read: impl Fn(u64) -> Result<u64, Uncomputed>,
    ) -> Result<u64, Uncomputed> {
        let bytes = EndianSlice::new(expression, NativeEndian);
        let mut evaluation: Evaluation<Bytes<'_>> = Expression(bytes).evaluation(self.encoding);
        evaluation.set_max_iterations(STEPS_MAX);
        let impossible = |_| Uncomputed::Impossible;
        let mut state = evaluation.evaluate().map_err(impossible)?;
        loop {
            state = match state {
                EvaluationResult::Complete => break,
                EvaluationResult::RequiresRegister { register, .. } => {
                    let value = registers.get(register).ok_or(Uncomputed::Impossible)?;
                    evaluation.resume_with_register(Value::Generic(value)).map_err(impossible)?
                }
                EvaluationResult::RequiresMemory { address, size: 8, space: None, .. } => {
                    let value = Value::Generic(read(address)?);
                    evaluation.resume_with_memory(value).map_err(impossible)?
                }
                _ => return Err(Uncomputed::Impossible),
            };
        }
        match evaluation.as_result().last().map(|piece| &piece.location) {
            Some(Location::Address { address }) => Ok(*address),
            _ => Err(Uncomputed::Impossible),
        }
    }
}
