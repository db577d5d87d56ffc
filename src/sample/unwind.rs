//! Glue to the unwinder: registers and a copied stack -> the addresses of the callers.

use std::{ops::Range, sync::Arc};

use framehop::{
    CacheNative, Error, ExplicitModuleSectionInfo, MayAllocateDuringUnwind, Module, Unwinder,
    UnwinderNative,
};

use super::elf::UnwindSections;

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
    frame_pointer: u64,
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

/// How an unwound stack ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// At the root of the thread.
    Root,
    /// Where the copied part of the stack ended: a larger copy would have shown more.
    DumpExhausted,
    /// Where the unwinder lost the trail.
    Lost,
}

/// Deeper stacks are cut here; no sane server comes near, and a corrupt one must not loop.
const MAX_FRAMES: usize = 2048;

/// The rules of one process's modules.
#[derive(Clone)]
pub(super) struct Unwinding(UnwinderNative<Arc<[u8]>, MayAllocateDuringUnwind>);

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

impl Unwinding {
    pub(super) fn new() -> Self {
        Self(UnwinderNative::new())
    }

    /// Makes the unwind information of a mapping known; replaces what was mapped at its start.
    pub(super) fn add(&mut self, range: Range<u64>, bias: u64, sections: &UnwindSections) {
        let info = ExplicitModuleSectionInfo {
            base_svma: 0,
            text_svma: sections.text.clone(),
            got_svma: sections.got.clone(),
            eh_frame_svma: sections.eh_frame.as_ref().map(|section| section.range.clone()),
            eh_frame: sections.eh_frame.as_ref().map(|section| section.data.clone()),
            eh_frame_hdr_svma: sections.eh_frame_hdr.as_ref().map(|section| section.range.clone()),
            eh_frame_hdr: sections.eh_frame_hdr.as_ref().map(|section| section.data.clone()),
            debug_frame: sections.debug_frame.as_ref().map(|section| section.data.clone()),
            ..Default::default()
        };
        self.0.add_module(Module::new(String::new(), range, bias, info));
    }

    pub(super) fn remove(&mut self, start: u64) {
        self.0.remove_module(start);
    }

    /// Appends the addresses from the innermost frame out, each as a look-up wants it: return
    /// addresses less one, so that they lie in the call.
    pub(super) fn walk(
        &self,
        registers: Registers,
        stack: &[u8],
        stack_asked: usize,
        cache: &mut RuleCache,
        addresses: &mut Vec<u64>,
    ) -> End {
        let base = registers.stack_pointer;
        let mut read = |address: u64| {
            let offset = usize::try_from(address.checked_sub(base).ok_or(())?).map_err(|_| ())?;
            let word = stack.get(offset..).and_then(|rest| rest.first_chunk()).ok_or(())?;
            Ok(u64::from_ne_bytes(*word))
        };
        let pc = registers.instruction_pointer;
        let mut frames = self.0.iter_frames(pc, registers.native(), &mut cache.0, &mut read);
        for _ in 0..MAX_FRAMES {
            match frames.next() {
                Ok(Some(frame)) => addresses.push(frame.address_for_lookup()),
                Ok(None) => return End::Root,
                Err(Error::CouldNotReadStack(address)) => {
                    let dump_full = stack.len() == stack_asked;
                    let just_beyond = address >= base.saturating_add(stack.len() as u64);
                    return if dump_full && just_beyond { End::DumpExhausted } else { End::Lost };
                }
                Err(_) => return End::Lost,
            }
        }
        End::Lost
    }
}
