//! Follows a stack from its innermost frame out, and makes no caller up.
//!
//! Where a table says how, it is followed. Where none does, the frame pointer is, and whatever
//! that leads to counts only if it leads to the root of a stack: code that keeps something else in
//! that register leads nowhere, or to what happens to lie there.

use super::AddressSpace;
use crate::sample::{
    instructions::{
        CALL_BYTES, CLONE_BYTES, call_target, end_with_call, is_clone, is_signal_return,
    },
    record::Sample,
    rules::{Rule, Uncomputed},
    unwind::{Caller, Copied, End, Place, Registers, RuleCache},
};

/// Deeper stacks are cut here; no sane server comes near, and a corrupt one must not loop.
const MAX_FRAMES: usize = 2048;

/// A function that does not touch the stack is not longer than this, as a rule.
const LEAF_BYTES_MAX: u64 = 64 << 10;

/// What lies at the address that a frame returns to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Site {
    /// Code, behind a call or where that cannot be told.
    Call,
    /// Code that nobody called from there: the address was put on the stack to be returned to, by
    /// what starts threads and fibers.
    Start,
    /// What takes a thread back to where a signal came.
    SignalReturn,
    /// No code at all.
    Nothing,
}

/// A step out of a frame.
enum Step {
    To(Place),
    /// To a frame that is the last one.
    Last(Place),
    End(End),
}

impl AddressSpace {
    /// Appends the addresses of a sample's user stack, each as a look-up wants it, and says how the
    /// stack ended. The kernel stops callchains at `callchain_max` words.
    pub(in crate::sample) fn follow(
        &mut self,
        sample: &Sample<'_>,
        registers: Registers,
        callchain_max: usize,
        cache: &mut RuleCache,
        addresses: &mut Vec<u64>,
    ) -> End {
        let copy = Copied {
            base: registers.stack_pointer,
            bytes: sample.stack,
            asked: sample.stack_asked,
        };
        let mut walk = Walk { space: self, copy, cache, registers, unsure: None };
        let end = walk.run(addresses);
        let (unsure, last) = (walk.unsure, walk.registers);
        if end == End::Root {
            return end;
        }
        // The chain of the kernel began at the same frame as ours goes on at.
        let is_same = last.frame_pointer != 0 && last.frame_pointer == registers.frame_pointer;
        if let Some(end) = self.go_on(sample.callchain, callchain_max, is_same, addresses) {
            return end;
        }
        match unsure {
            Some(sure) if matches!(end, End::Lost | End::NoRules) => {
                addresses.truncate(sure);
                End::NoRules
            }
            _ => end,
        }
    }

    /// The same of a stack of which nothing else is known.
    #[cfg(test)]
    pub(in crate::sample) fn walk(
        &mut self,
        registers: Registers,
        stack: &[u8],
        addresses: &mut Vec<u64>,
    ) -> End {
        use crate::sample::record::{Callchain, Words};
        let sample = Sample {
            pid: 1,
            tid: 1,
            time: crate::unit::Nanos(0),
            callchain: Callchain(Words::of(&[])),
            registers: Some(registers),
            stack,
            stack_asked: stack.len(),
        };
        self.follow(&sample, registers, 127, &mut RuleCache::new(), addresses)
    }

    /// How to unwind from an address.
    fn rule(&mut self, address: u64) -> Rule {
        if let Some((rule, _)) = self.rules.get(&address) {
            return rule.clone();
        }
        let entry = self.mapped_at(address).and_then(|mapped| {
            let (elf, bias) = mapped.sections.as_ref()?;
            let stated = address.wrapping_sub(*bias);
            let entry = elf.rules.at(&elf.sections, stated)?;
            Some((entry.rule, entry.range.start == stated))
        });
        let entry = entry.unwrap_or((Rule::None, false));
        self.rules.insert(address, entry.clone());
        entry.0
    }

    /// Whether a function that has rules starts at an address.
    fn begins(&mut self, address: u64) -> bool {
        self.rule(address);
        self.rules.get(&address).is_some_and(|(_, begins)| *begins)
    }

    pub(super) fn has_rule(&mut self, address: u64) -> bool {
        !matches!(self.rule(address), Rule::None)
    }

    fn site(&mut self, return_address: u64) -> Site {
        if let Some(site) = self.sites.get(&return_address) {
            return *site;
        }
        let site = self.look_at(return_address);
        self.sites.insert(return_address, site);
        site
    }

    fn look_at(&mut self, return_address: u64) -> Site {
        if self.mapped_at(return_address.saturating_sub(1)).is_none() {
            return Site::Nothing;
        }
        if matches!(self.rule(return_address), Rule::Signal) {
            return Site::SignalReturn;
        }
        // In the middle of a function that has rules, all is as it should be.
        if self.has_rule(return_address.saturating_sub(1)) && !self.begins(return_address) {
            return Site::Call;
        }
        if self.code(return_address).is_some_and(|code| is_signal_return(&code)) {
            return Site::SignalReturn;
        }
        match self.is_called(return_address) {
            Some(false) => Site::Start,
            _ => Site::Call,
        }
    }

    /// Whether a call comes before an address; none where the code cannot be read.
    fn is_called(&self, return_address: u64) -> Option<bool> {
        self.call_before(return_address).map(|bytes| end_with_call(&bytes))
    }

    /// Whether the kernel was asked to start a thread right before an address.
    fn starts_thread(&self, address: u64) -> bool {
        let before = address.checked_sub(CLONE_BYTES as u64).and_then(|start| self.code(start));
        before.is_some_and(|before| is_clone(&before))
    }

    fn call_before(&self, return_address: u64) -> Option<[u8; CALL_BYTES]> {
        self.code(return_address.checked_sub(CALL_BYTES as u64)?)
    }

    fn code<const BYTES: usize>(&self, address: u64) -> Option<[u8; BYTES]> {
        let mapped = self.mapped_at(address)?;
        let last = address.checked_add(BYTES as u64 - 1)?;
        mapped.range.contains(&last).then_some(())?;
        mapped.read(address)
    }
}

struct Walk<'a, 'c> {
    space: &'a mut AddressSpace,
    copy: Copied<'c>,
    cache: &'a mut RuleCache,
    registers: Registers,
    /// How many addresses there were before the first that only a frame pointer vouches for.
    unsure: Option<usize>,
}

impl Walk<'_, '_> {
    fn run(&mut self, addresses: &mut Vec<u64>) -> End {
        let mut place = Place::Exact(self.registers.instruction_pointer);
        addresses.push(place.lookup());
        while addresses.len() < MAX_FRAMES {
            let step = match self.space.rule(place.lookup()) {
                Rule::Table(table) => {
                    let caller = self.space.unwinding.step(
                        table,
                        place,
                        &mut self.registers,
                        self.copy,
                        self.cache,
                    );
                    self.go_to_caller(caller)
                }
                Rule::Computed(computed) => {
                    let caller = computed.caller(self.registers, |address| self.copy.read(address));
                    self.go_to_computed(caller)
                }
                Rule::Signal => self.go_to_interrupted(),
                Rule::None => self.without_rule(place, addresses.len()),
            };
            match step {
                Step::To(next) => {
                    addresses.push(next.lookup());
                    place = next;
                }
                Step::Last(last) => {
                    addresses.push(last.lookup());
                    return End::Root;
                }
                Step::End(end) => return end,
            }
        }
        End::TooDeep
    }

    fn go_to_caller(&mut self, caller: Caller) -> Step {
        match caller {
            Caller::At(return_address) => self.go_to_return(return_address),
            Caller::Nobody => Step::End(End::Root),
            Caller::Unknown(end) => Step::End(end),
        }
    }

    fn go_to_computed(&mut self, caller: Result<Registers, Uncomputed>) -> Step {
        match caller {
            Ok(caller) if caller.instruction_pointer == 0 => Step::End(End::Root),
            Ok(caller) => {
                self.registers = caller;
                self.go_to_return(caller.instruction_pointer)
            }
            Err(Uncomputed::Unread(address)) => Step::End(self.copy.why_unread(address)),
            Err(Uncomputed::Impossible) => Step::End(End::Lost),
        }
    }

    fn go_to_return(&mut self, return_address: u64) -> Step {
        match self.space.site(return_address) {
            Site::Call => Step::To(Place::Return(return_address)),
            Site::Start => Step::Last(Place::Exact(return_address)),
            Site::SignalReturn => self.go_to_interrupted(),
            Site::Nothing => Step::End(End::Lost),
        }
    }

    /// To where a signal came. The code that a handler returns to is no function of anybody's.
    fn go_to_interrupted(&mut self) -> Step {
        match self.registers.interrupted(self.copy) {
            Ok(registers) => {
                self.registers = registers;
                match self.space.mapped_at(registers.instruction_pointer) {
                    Some(_) => Step::To(Place::Exact(registers.instruction_pointer)),
                    None => Step::End(End::Lost),
                }
            }
            Err(address) => Step::End(self.copy.why_unread(address)),
        }
    }

    fn without_rule(&mut self, place: Place, known: usize) -> Step {
        let is_go = self.space.is_go(place.lookup());
        if let Place::Exact(address) = place {
            if let Some((return_address, caller)) = self.leaf_caller(address) {
                self.registers = caller;
                return Step::To(Place::Return(return_address));
            }
            // Both the thread that starts another and the other come out of the kernel here.
            if self.space.starts_thread(address) {
                return Step::End(End::Root);
            }
        }
        if self.space.is_root(place.lookup()) {
            return Step::End(End::Root);
        }
        let link = self.registers.frame_pointer;
        if link == 0 {
            // Whoever starts a stack leaves a zero. A function that works with the register may
            // have one there too; of what has called, that is less likely.
            let is_root = is_go || matches!(place, Place::Return(_));
            return Step::End(if is_root { End::Root } else { End::NoRules });
        }
        self.along(link, known, is_go)
    }

    /// Follows a frame pointer: to the caller's, and its return address beside it.
    fn along(&mut self, link: u64, known: usize, is_go: bool) -> Step {
        if link < self.registers.stack_pointer || !link.is_multiple_of(8) {
            return Step::End(End::NoRules);
        }
        let pair = (self.copy.read(link), self.copy.read(link.saturating_add(8)));
        let (Some(next), Some(return_address)) = pair else {
            return Step::End(match self.copy.why_unread(link.saturating_add(8)) {
                End::Lost => End::NoRules,
                end => end,
            });
        };
        let was_sure = self.unsure.is_none();
        self.unsure.get_or_insert(known);
        if return_address == 0 {
            // The first link of a chain may be anything, zeros too.
            let is_root = next == 0 && (is_go || !was_sure);
            return Step::End(if is_root { End::Root } else { End::NoRules });
        }
        self.registers = self.registers.with(return_address, link.saturating_add(16), next);
        match self.space.site(return_address) {
            Site::Nothing => Step::End(End::NoRules),
            Site::SignalReturn => self.go_to_interrupted(),
            Site::Start if next == 0 => Step::Last(Place::Exact(return_address)),
            Site::Start if !is_go => Step::End(End::NoRules),
            Site::Start => Step::To(Place::Return(return_address)),
            Site::Call if is_go || self.space.is_called(return_address) != Some(false) => {
                Step::To(Place::Return(return_address))
            }
            Site::Call => Step::End(End::NoRules),
        }
    }

    /// Who called a function that has not touched the stack: the return address is still where the
    /// call left it. That anything else lies there is ruled out by the call itself, which has to
    /// lead to where the function begins.
    fn leaf_caller(&mut self, address: u64) -> Option<(u64, Registers)> {
        let (return_address, caller) = self.registers.leaf_return(self.copy)?;
        let target = call_target(&self.space.call_before(return_address)?, return_address)?;
        let is_here = target <= address
            && address - target < LEAF_BYTES_MAX
            && self.space.is_one_piece(target, address);
        is_here.then_some((return_address, caller))
    }
}

#[cfg(test)]
mod tests;
