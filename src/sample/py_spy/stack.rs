//! A thread's stack of frames, read in one look while the interpreter runs on.
//!
//! The frames of plain calls lie one after the other in chunks of the thread's own; those of
//! coroutines and generators lie in these, anywhere, and are linked in when they run. To follow
//! the links by a look each would take so long that a loop of events has gone on to something else
//! meanwhile: the innermost frames would be of one task, the outer ones of another, or of none.
//! So everything where the frames are likely to be is copied at once, and the links are followed
//! in the copy. Where they lead out of it, the next copy has that place too; and if the last frame
//! of the one is in the other, with the same caller, the stack goes on from there.

use super::{
    code::{Codes, Location},
    layout::{
        CHUNK_HEAD, CHUNK_PREVIOUS, CHUNK_SIZE, FRAME_BYTES, FrameLayout, Layout, Lock, OWNED_BY_C,
        THREAD_BYTES,
    },
    memory::{Memory, Piece, Snapshot},
};

/// So many copies are made of a stack at most, until one is whole.
const COPIES: usize = 18;
/// After each so many, its thread is held still; again a moment later, as it may have stopped amid
/// a call.
const RUNNING: usize = 6;
/// Deeper stacks are not followed; a broken link must not lead on forever.
const FRAMES_MAX: usize = 4096;
/// So many links are followed at once to learn where frames are that lie apart.
const APART_MAX: usize = 512;
/// So many of those are kept, if they are not of the last stack.
const APART_KEPT: usize = 48;
/// So many older chunks are copied.
const CHUNKS_MAX: usize = 64;
/// So much of a chunk is copied. Most have 16 KiB; only a huge frame has a larger one.
const CHUNK_MAX: u64 = 256 << 10;
/// What is copied beyond the end of the stack, which moves until the copy is made.
const AHEAD: u64 = 512;
/// An interpreter has fewer threads.
const THREADS_MAX: usize = 4096;

/// Reads stacks from the memory of a process.
#[derive(Debug)]
pub(super) struct Reader<M> {
    memory: M,
    layout: &'static Layout,
    /// The state of the interpreter.
    interpreter: u64,
    /// The state of its lock.
    lock: u64,
    /// The chunks before the newest one, from where they were last.
    older: Vec<Piece>,
    /// Frames that lie in no chunk, from where they were last.
    apart: Vec<u64>,
    codes: Codes,
}

/// A stack as it was read.
#[derive(Debug)]
pub(super) struct ReadStack {
    /// The system's id of the thread.
    pub(super) tid: u32,
    /// From the innermost frame out.
    pub(super) frames: Vec<Location>,
    /// Whether it leads to the end.
    pub(super) is_whole: bool,
}

/// A frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RawFrame {
    pub(super) code: u64,
    pub(super) instruction: u64,
}

/// Something could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unread;

/// A thread of the interpreter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Thread {
    /// Its state.
    pub(super) state: u64,
    /// The system's id of it.
    pub(super) tid: u32,
}

impl<M: Memory> Reader<M> {
    pub(super) fn new(
        memory: M,
        layout: &'static Layout,
        (interpreter, lock): (u64, u64),
        codes: Codes,
    ) -> Self {
        let (older, apart) = (Vec::new(), Vec::new());
        Self { memory, layout, interpreter, lock, older, apart, codes }
    }

    /// The state of the thread that holds the interpreter's lock, if one does.
    pub(super) fn holder(&self) -> Result<Option<u64>, Unread> {
        let piece = |length| Piece { address: self.lock, length };
        let holder = match self.layout.lock {
            Lock::Holder => {
                Snapshot::take(&self.memory, &[piece(8)]).word(self.lock).ok_or(Unread)?
            }
            Lock::LastHolder { holder, locked } => {
                let lock = Snapshot::take(&self.memory, &[piece(24)]);
                let is_held = lock.half(self.lock.wrapping_add(locked)).ok_or(Unread)? != 0;
                let last = lock.word(self.lock.wrapping_add(holder)).ok_or(Unread)?;
                if is_held { last } else { 0 }
            }
        };
        Ok(Some(holder).filter(|holder| *holder != 0))
    }

    /// The threads of the interpreter.
    pub(super) fn threads(&self) -> Result<Vec<Thread>, Unread> {
        let first = self.interpreter.wrapping_add(self.layout.first_thread);
        let piece = Piece { address: first, length: 8 };
        let mut state = Snapshot::take(&self.memory, &[piece]).word(first).ok_or(Unread)?;
        let mut threads = Vec::new();
        while state != 0 && threads.len() < THREADS_MAX {
            let thread = self.thread(state).ok_or(Unread)?;
            threads.push(Thread { state, tid: self.tid(&thread, state).ok_or(Unread)? });
            state = thread.word(state.wrapping_add(self.layout.thread.next)).ok_or(Unread)?;
        }
        Ok(threads)
    }

    fn thread(&self, state: u64) -> Option<Snapshot> {
        let piece = Piece { address: state, length: THREAD_BYTES };
        let thread = Snapshot::take(&self.memory, &[piece]);
        thread.bytes(state, THREAD_BYTES).is_some().then_some(thread)
    }

    fn tid(&self, thread: &Snapshot, state: u64) -> Option<u32> {
        thread.word(state.wrapping_add(self.layout.thread.id)).and_then(|id| u32::try_from(id).ok())
    }

    /// The stack of the thread with this state, copied until it is whole and `is_right` says that
    /// it begins where those of its thread do. The last copy, where none is; nothing, where the
    /// thread is gone.
    ///
    /// A coroutine that pauses has no caller any more, and looks like the end of a stack.
    pub(super) fn stack(
        &mut self,
        state: u64,
        is_right: impl Fn(u32, &Location) -> bool,
    ) -> Option<ReadStack> {
        let (mut cut, mut last) = (None, None);
        let mut paused = None;
        for copies in 0..COPIES {
            if let (true, Some((tid, _))) = (copies > 0 && copies.is_multiple_of(RUNNING), &last) {
                paused = self.memory.pause(*tid, paused.take());
                // Nothing of before has to do with where it stands now.
                cut = None;
            }
            let Some((tid, chain)) = self.copy(state, cut.take()) else { continue };
            if let Ends::AtRoot = chain.end {
                let read = self.locate(tid, &chain);
                let root = read.frames.last();
                if read.is_whole && root.is_none_or(|root| is_right(tid, root)) {
                    return Some(read);
                }
            }
            last = Some((tid, chain.clone()));
            cut = Some(chain);
        }
        drop(paused);
        last.map(|(tid, chain): (u32, Chain)| self.locate(tid, &chain))
    }

    fn locate(&mut self, tid: u32, chain: &Chain) -> ReadStack {
        let frames = self.codes.locate(&chain.frames, self.layout, &self.memory);
        let is_whole = frames.is_some() && matches!(chain.end, Ends::AtRoot);
        ReadStack { tid, frames: frames.unwrap_or_default(), is_whole }
    }

    /// Copies the stack of a thread once, to go on with one that was cut where the last copy
    /// ended, and learns from it where the next copy has to look.
    fn copy(&mut self, state: u64, cut: Option<Chain>) -> Option<(u32, Chain)> {
        let Layout { thread: layout, frame: frame_layout, .. } = *self.layout;
        let thread = self.thread(state)?;
        let word = |offset| thread.word(state.wrapping_add(offset));
        let innermost = match layout.through {
            Some(offset) => word(layout.frame)?.wrapping_add(offset),
            None => state.wrapping_add(layout.frame),
        };
        let tid = self.tid(&thread, state)?;
        let (chunk, top) = (word(layout.chunk)?, word(layout.top)?);
        let place = state.wrapping_add(layout.frame);
        let mut pieces = self.pieces(innermost, chunk, top);
        // Once more at the end: where they are the same, no other function began meanwhile.
        pieces.extend([innermost, place].map(|address| Piece { address, length: 8 }));
        let snapshot = Snapshot::take(&self.memory, &pieces);
        let stands = snapshot.last_word(place) == word(layout.frame)
            && snapshot.last_word(innermost) == snapshot.word(innermost);
        self.learn_chunks(snapshot.word(chunk.wrapping_add(CHUNK_PREVIOUS)).unwrap_or(0));
        if let Some(gone) = snapshot.gone {
            // It hides what comes after it.
            self.apart.retain(|frame| *frame != gone.address);
            self.older.retain(|chunk| *chunk != gone);
        }
        let mut chain = match cut.and_then(|cut| cut.go_on(&snapshot, &frame_layout)) {
            Some(chain) => chain,
            None => Chain::follow(&snapshot, snapshot.word(innermost)?, &frame_layout),
        };
        match chain.end {
            Ends::AtRoot => {
                let is_apart =
                    |frame: &u64| !in_chunk(*frame, chunk, top) && !self.in_older(*frame);
                let apart = chain.visited.iter().copied().filter(is_apart);
                let mut apart: Vec<u64> = apart.collect();
                // Others are likely to be of use again: memory that is free is used again soon.
                let others = self.apart.iter().filter(|frame| !chain.visited.contains(frame));
                apart.extend(others.take(APART_KEPT.saturating_sub(apart.len())));
                self.apart = apart;
            }
            Ends::At(frame) => self.learn_frames(frame, &snapshot, &frame_layout),
            Ends::Nowhere => {}
        }
        // What was innermost may be over, and its callers' frames those of others by now.
        if !stands {
            chain.end = Ends::Nowhere;
        }
        Some((tid, chain))
    }

    /// Where the frames are likely to be, what changes most often first.
    fn pieces(&self, innermost: u64, chunk: u64, top: u64) -> Vec<Piece> {
        let mut pieces = vec![Piece { address: innermost, length: 8 }];
        if chunk != 0 && in_chunk(top, chunk, top) {
            let length = (top - chunk).saturating_add(AHEAD);
            // The smallest chunk is as large: what is beyond it may be no memory.
            let length = length.min((16 << 10).max(top - chunk));
            pieces.push(Piece { address: chunk, length: length as usize });
        }
        pieces.extend(&self.older);
        let frame = |address: &u64| Piece { address: *address, length: FRAME_BYTES };
        pieces.extend(self.apart.iter().map(frame));
        pieces
    }

    fn in_older(&self, address: u64) -> bool {
        let holds = |piece: &Piece| {
            address.checked_sub(piece.address).is_some_and(|offset| offset < piece.length as u64)
        };
        self.older.iter().any(holds)
    }

    /// Learns where the chunks are from this one on, unless that is known.
    fn learn_chunks(&mut self, newest: u64) {
        if self.older.first().map_or(0, |piece| piece.address) == newest {
            return;
        }
        self.older.clear();
        let mut chunk = newest;
        while chunk != 0 && self.older.len() < CHUNKS_MAX {
            let piece = Piece { address: chunk, length: CHUNK_HEAD };
            let head = Snapshot::take(&self.memory, &[piece]);
            let Some(size) = head.word(chunk.wrapping_add(CHUNK_SIZE)) else { return };
            self.older.push(Piece { address: chunk, length: size.min(CHUNK_MAX) as usize });
            chunk = head.word(chunk.wrapping_add(CHUNK_PREVIOUS)).unwrap_or(0);
        }
    }

    /// Learns where the frames are that lie apart, from this one on.
    fn learn_frames(&mut self, from: u64, known: &Snapshot, layout: &FrameLayout) {
        if self.apart.len() >= APART_MAX {
            self.apart.clear();
        }
        let mut frame = from;
        // The links may lead in a circle.
        for _ in 0..FRAMES_MAX {
            if frame == 0 || self.apart.len() >= APART_MAX {
                return;
            }
            let previous = frame.wrapping_add(layout.previous);
            if let Some(next) = known.word(previous) {
                frame = next;
                continue;
            }
            let piece = Piece { address: frame, length: FRAME_BYTES };
            let own = Snapshot::take(&self.memory, &[piece]);
            let Some(next) = own.word(previous).filter(|_| !self.apart.contains(&frame)) else {
                return;
            };
            self.apart.push(frame);
            frame = next;
        }
    }
}

/// Whether an address lies in the newest chunk, as far as it is used.
fn in_chunk(address: u64, chunk: u64, top: u64) -> bool {
    address.checked_sub(chunk).is_some_and(|offset| offset <= CHUNK_MAX)
        && address <= top.saturating_add(AHEAD)
}

/// Frames that follow each other in a copy.
#[derive(Debug, Clone)]
struct Chain {
    /// Where frames are, with those that are no function's.
    visited: Vec<u64>,
    frames: Vec<RawFrame>,
    /// The code of the last one visited.
    last_code: u64,
    end: Ends,
}

/// Where a chain ends.
#[derive(Debug, Clone)]
enum Ends {
    /// At the first frame of its thread, or at a coroutine that pauses.
    AtRoot,
    /// At a frame that is not in the copy.
    At(u64),
    /// In a circle.
    Nowhere,
}

impl Chain {
    fn follow(snapshot: &Snapshot, innermost: u64, layout: &FrameLayout) -> Self {
        let (visited, frames) = (Vec::new(), Vec::new());
        let mut chain = Self { visited, frames, last_code: 0, end: Ends::AtRoot };
        let mut frame = innermost;
        while frame != 0 {
            if chain.visited.len() >= FRAMES_MAX {
                chain.end = Ends::Nowhere;
                break;
            }
            let field = |offset| snapshot.word(frame.wrapping_add(offset));
            let owner = snapshot.bytes(frame.wrapping_add(layout.owner), 1);
            let found = field(layout.code).zip(field(layout.instruction));
            let (Some((code, instruction)), Some(previous), Some([owner])) =
                (found, field(layout.previous), owner)
            else {
                chain.end = Ends::At(frame);
                break;
            };
            chain.visited.push(frame);
            chain.last_code = code;
            if *owner != OWNED_BY_C {
                chain.frames.push(RawFrame { code, instruction });
            }
            frame = previous;
        }
        chain
    }

    /// Follows a chain on, in a later copy, from where it left an earlier one. None where its last
    /// frame is gone meanwhile, or has another caller: as long as it is there, those that wait for
    /// it stay what they are.
    fn go_on(mut self, snapshot: &Snapshot, layout: &FrameLayout) -> Option<Self> {
        let (last, Ends::At(missing)) = (*self.visited.last()?, &self.end) else { return None };
        let field = |offset| snapshot.word(last.wrapping_add(offset));
        if field(layout.previous)? != *missing || field(layout.code)? != self.last_code {
            return None;
        }
        let rest = Self::follow(snapshot, *missing, layout);
        if rest.visited.is_empty() || self.visited.len() + rest.visited.len() > FRAMES_MAX {
            return None;
        }
        self.visited.extend(rest.visited);
        self.frames.extend(rest.frames);
        Some(Self { last_code: rest.last_code, end: rest.end, ..self })
    }
}

#[cfg(test)]
#[path = "stack_tests.rs"]
mod tests;
