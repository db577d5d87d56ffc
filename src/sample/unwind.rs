//! Glue to the unwinder: registers and a copied stack -> the addresses of the callers.

use std::{ops::Range, sync::Arc};

use framehop::{
    CacheNative, Error, ExplicitModuleSectionInfo, FrameAddress, MayAllocateDuringUnwind, Module,
    Unwinder, UnwinderNative,
};

use super::{elf::UnwindSections, rules::Table};

/// Which registers a sample carries: those that unwinding needs, as bits of `asm/perf_regs.h`.
#[cfg(target_arch = "x86_64")]
pub(super) const REGISTERS: u64 = 1 << 6 | 1 << 7 | 1 << 8;
/// Which registers a sample carries: those that unwinding needs, as bits of `asm/perf_regs.h`.
#[cfg(target_arch = "aarch64")]
pub(super) const REGISTERS: u64 = 1 << 29 | 1 << 30 | 1 << 31 | 1 << 32;

/// The registers of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Registers {
    pub(super) instruction_pointer: u64,
    pub(super) stack_pointer: u64,
    pub(super) frame_pointer: u64,
    #[cfg(target_arch = "aarch64")]
    link: u64,
}

impl Registers {
    /// From the words that the kernel writes, in the order of the bits of [`REGISTERS`].
    pub(super) fn from_words(mut words: impl Iterator<Item = u64>) -> Option<Self> {
        let frame_pointer = words.next()?;
        #[cfg(target_arch = "aarch64")]
        let link = words.next()?;
        Some(Self {
            frame_pointer,
            #[cfg(target_arch = "aarch64")]
            link,
            stack_pointer: words.next()?,
            instruction_pointer: words.next()?,
        })
    }

    /// Those of the caller, which goes on at `return_address`.
    pub(super) fn with(self, return_address: u64, stack_pointer: u64, frame_pointer: u64) -> Self {
        Self {
            frame_pointer,
            #[cfg(target_arch = "aarch64")]
            link: return_address,
            stack_pointer,
            instruction_pointer: return_address,
        }
    }

    /// A register by its number in unwind tables, where samples carry it.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn get(self, register: gimli::Register) -> Option<u64> {
        match register {
            gimli::X86_64::RSP => Some(self.stack_pointer),
            gimli::X86_64::RBP => Some(self.frame_pointer),
            gimli::X86_64::RA => Some(self.instruction_pointer),
            _ => None,
        }
    }

    /// A register by its number in unwind tables, where samples carry it.
    #[cfg(target_arch = "aarch64")]
    pub(super) fn get(self, register: gimli::Register) -> Option<u64> {
        match register {
            gimli::AArch64::SP => Some(self.stack_pointer),
            gimli::AArch64::X29 => Some(self.frame_pointer),
            gimli::AArch64::X30 => Some(self.link),
            _ => None,
        }
    }

    /// Where a function that has not touched the stack returns to.
    pub(super) fn leaf_return(self, copy: Copied<'_>) -> Option<(u64, Self)> {
        #[cfg(target_arch = "x86_64")]
        let (return_address, stack_pointer) =
            (copy.read(self.stack_pointer)?, self.stack_pointer.checked_add(8)?);
        #[cfg(target_arch = "aarch64")]
        let (return_address, stack_pointer) = (self.link, self.stack_pointer);
        Some((return_address, self.with(return_address, stack_pointer, self.frame_pointer)))
    }

    /// What a thread's registers were when a signal came, from what the kernel has put on the stack
    /// for its return: the layout is part of its interface (`struct rt_sigframe`).
    pub(super) fn interrupted(self, copy: Copied<'_>) -> Result<Self, u64> {
        let read = |offset: u64| {
            let address = self.stack_pointer.wrapping_add(offset);
            copy.read(address).ok_or(address)
        };
        let [frame_pointer, stack_pointer, instruction_pointer] = SIGNAL_FRAME.map(read);
        #[cfg(target_arch = "aarch64")]
        let link = read(SIGNAL_FRAME[0] + 8)?;
        Ok(Self {
            frame_pointer: frame_pointer?,
            #[cfg(target_arch = "aarch64")]
            link,
            stack_pointer: stack_pointer?,
            instruction_pointer: instruction_pointer?,
        })
    }

    #[cfg(target_arch = "x86_64")]
    fn take(&mut self, native: &framehop::x86_64::UnwindRegsX86_64) {
        *self = self.with(native.ip(), native.sp(), native.bp());
    }

    #[cfg(target_arch = "aarch64")]
    fn take(&mut self, native: &framehop::aarch64::UnwindRegsAarch64) {
        *self = self.with(native.lr(), native.sp(), native.fp());
    }

    #[cfg(target_arch = "x86_64")]
    fn native(self) -> framehop::x86_64::UnwindRegsX86_64 {
        framehop::x86_64::UnwindRegsX86_64::new(
            self.instruction_pointer,
            self.stack_pointer,
            self.frame_pointer,
        )
    }

    #[cfg(target_arch = "aarch64")]
    fn native(self) -> framehop::aarch64::UnwindRegsAarch64 {
        framehop::aarch64::UnwindRegsAarch64::new(self.link, self.stack_pointer, self.frame_pointer)
    }
}

/// Where the kernel saves the frame, stack and instruction pointers, from the stack pointer with
/// which a handler returns.
#[cfg(target_arch = "x86_64")]
const SIGNAL_FRAME: [u64; 3] = [120, 160, 168];
#[cfg(target_arch = "aarch64")]
const SIGNAL_FRAME: [u64; 3] = [544, 560, 568];

/// The part of a stack that a sample copied.
#[derive(Debug, Clone, Copy)]
pub(super) struct Copied<'a> {
    /// Where it begins: at the stack pointer.
    pub(super) base: u64,
    pub(super) bytes: &'a [u8],
    /// How much was asked for; `bytes` is shorter where the stack's memory ends.
    pub(super) asked: usize,
}

/// Nothing that lies further beyond the copy is part of the same stack.
const STACK_BYTES_MAX: u64 = 16 << 20;

impl Copied<'_> {
    /// A word of the stack.
    pub(super) fn read(self, address: u64) -> Option<u64> {
        let offset = usize::try_from(address.checked_sub(self.base)?).ok()?;
        let word = self.bytes.get(offset..)?.first_chunk()?;
        Some(u64::from_ne_bytes(*word))
    }

    /// Why a word of the stack cannot be read.
    pub(super) fn why_unread(self, address: u64) -> End {
        // The word before the end may be cut itself.
        let end = self.base.saturating_add(self.bytes.len() as u64).saturating_sub(7);
        let is_just_beyond = (end..end.saturating_add(STACK_BYTES_MAX)).contains(&address);
        match self.bytes.len() == self.asked && is_just_beyond {
            true => End::DumpExhausted,
            false => End::Lost,
        }
    }
}

/// How an unwound stack ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// At the root of the thread.
    Root,
    /// Where the copied part of the stack ended: a larger copy would have shown more.
    DumpExhausted,
    /// At the greatest number of frames that are followed.
    TooDeep,
    /// At code that says nothing of its callers, and keeps no chain of frame pointers.
    NoRules,
    /// Where what was found made no sense.
    Lost,
}

/// A place in code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The next instruction: of the thread, or of what a signal interrupted.
    Exact(u64),
    /// Where a call returns to.
    Return(u64),
}

impl Place {
    /// The address as a look-up wants it: return addresses less one, so that they lie in the call.
    pub(super) fn lookup(self) -> u64 {
        match self {
            Self::Exact(address) => address,
            Self::Return(address) => address.saturating_sub(1),
        }
    }

    fn native(self) -> Option<FrameAddress> {
        match self {
            Self::Exact(address) => Some(FrameAddress::from_instruction_pointer(address)),
            Self::Return(address) => FrameAddress::from_return_address(address),
        }
    }
}

type Tables = UnwinderNative<Arc<[u8]>, MayAllocateDuringUnwind>;

/// The unwind tables of one process's modules.
#[derive(Clone)]
pub(super) struct Unwinding {
    loaded: Tables,
    /// Apart, because a file may have both, each of other functions.
    debug: Tables,
}

/// Rules by address, shared by all processes.
pub(super) struct RuleCache(CacheNative<MayAllocateDuringUnwind>);

impl RuleCache {
    pub(super) fn new() -> Self {
        Self(CacheNative::new())
    }

    /// How often a rule was found, and how often it had to be read from the tables.
    pub(super) fn hits_and_misses(&self) -> (u64, u64) {
        let stats = self.0.stats();
        (stats.hits(), stats.misses())
    }
}

/// The caller of a frame, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// It goes on at this address.
    At(u64),
    /// Nobody called.
    Nobody,
    /// Not known.
    Unknown(End),
}

impl Unwinding {
    pub(super) fn new() -> Self {
        Self { loaded: Tables::new(), debug: Tables::new() }
    }

    /// Makes the unwind information of a mapping known; replaces what was mapped at its start.
    pub(super) fn add(&mut self, range: Range<u64>, bias: u64, sections: &UnwindSections) {
        let common = || ExplicitModuleSectionInfo {
            base_svma: 0,
            text_svma: sections.text.clone(),
            got_svma: sections.got.clone(),
            ..Default::default()
        };
        let module = |info| Module::new(String::new(), range.clone(), bias, info);
        if let Some(section) = &sections.eh_frame {
            let index = sections.eh_frame_hdr.as_ref();
            self.loaded.add_module(module(ExplicitModuleSectionInfo {
                eh_frame_svma: Some(section.range.clone()),
                eh_frame: Some(section.data.clone()),
                eh_frame_hdr_svma: index.map(|section| section.range.clone()),
                eh_frame_hdr: index.map(|section| section.data.clone()),
                ..common()
            }));
        }
        if let Some(section) = &sections.debug_frame {
            let debug_frame = Some(section.data.clone());
            self.debug.add_module(module(ExplicitModuleSectionInfo { debug_frame, ..common() }));
        }
    }

    pub(super) fn remove(&mut self, start: u64) {
        self.loaded.remove_module(start);
        self.debug.remove_module(start);
    }

    /// Takes the registers of a frame to those of its caller, by a table that has a rule for it.
    pub(super) fn step(
        &self,
        table: Table,
        place: Place,
        registers: &mut Registers,
        copy: Copied<'_>,
        cache: &mut RuleCache,
    ) -> Caller {
        let Some(address) = place.native() else { return Caller::Unknown(End::Lost) };
        let tables = match table {
            Table::Loaded => &self.loaded,
            Table::Debug => &self.debug,
        };
        let mut native = registers.native();
        let mut read = |address| copy.read(address).ok_or(());
        let caller = tables.unwind_frame(address, &mut native, &mut cache.0, &mut read);
        registers.take(&native);
        match caller {
            Ok(Some(0) | None) => Caller::Nobody,
            Ok(Some(return_address)) => Caller::At(return_address),
            Err(Error::CouldNotReadStack(address)) => Caller::Unknown(copy.why_unread(address)),
            Err(_) => Caller::Unknown(End::Lost),
        }
    }
}
