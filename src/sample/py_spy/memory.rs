//! The memory of another process, many pieces of it in one look.

use std::io::IoSliceMut;

use nix::{
    sys::uio::{RemoteIoVec, process_vm_readv},
    unistd::Pid,
};

use super::pause::Paused;

/// How many pieces the kernel takes at once (`IOV_MAX`).
const PIECES_MAX: usize = 1024;

/// A piece of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sample) struct Piece {
    pub(in crate::sample) address: u64,
    pub(in crate::sample) length: usize,
}

/// What can be read while it changes.
pub(in crate::sample) trait Memory {
    /// Reads pieces one after the other into `bytes`, as fast as it can. Says how many bytes were
    /// read: all of them, or those before the first piece that is not there.
    fn read(&self, pieces: &[Piece], bytes: &mut [u8]) -> usize;

    /// Holds a thread still, if that can be done, until what this gives is dropped; one that is
    /// held already, a moment later.
    fn pause(&self, tid: u32, held: Option<Paused>) -> Option<Paused>;
}

/// The memory of a process.
#[derive(Debug)]
pub(in crate::sample) struct ProcessMemory(pub(in crate::sample) u32);

impl Memory for ProcessMemory {
    fn read(&self, pieces: &[Piece], bytes: &mut [u8]) -> usize {
        let remote = |piece: &Piece| {
            Some(RemoteIoVec { base: usize::try_from(piece.address).ok()?, len: piece.length })
        };
        let Some(remote) = pieces.iter().map(remote).collect::<Option<Vec<_>>>() else { return 0 };
        let pid = Pid::from_raw(self.0.cast_signed());
        process_vm_readv(pid, &mut [IoSliceMut::new(bytes)], &remote).unwrap_or(0)
    }

    fn pause(&self, tid: u32, held: Option<Paused>) -> Option<Paused> {
        match held {
            Some(held) => held.later(self.0),
            None => Paused::thread(self.0, tid),
        }
    }
}

/// Pieces of memory as they were at one instant, or as nearly as they can be read.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    /// With where each begins in `bytes`.
    pieces: Vec<(Piece, usize)>,
    bytes: Vec<u8>,
    /// The first piece that was not there.
    pub(super) gone: Option<Piece>,
}

impl Snapshot {
    /// Reads these pieces; those that are not there, and what comes after them, are left out.
    pub(super) fn take(memory: &impl Memory, pieces: &[Piece]) -> Self {
        let wanted = pieces.get(..PIECES_MAX).unwrap_or(pieces);
        let mut bytes = vec![0; wanted.iter().map(|piece| piece.length).sum()];
        let read = memory.read(wanted, &mut bytes);
        bytes.truncate(read);
        let mut at = 0;
        let placed = wanted.iter().map(|piece| {
            let start = at;
            at += piece.length;
            (*piece, start)
        });
        let pieces: Vec<(Piece, usize)> =
            placed.take_while(|(piece, start)| start + piece.length <= read).collect();
        let gone = wanted.get(pieces.len()).copied();
        Self { pieces, bytes, gone }
    }

    /// The bytes from an address on, if they are all in one piece.
    pub(super) fn bytes(&self, address: u64, length: usize) -> Option<&[u8]> {
        self.pieces.iter().find_map(|(piece, start)| {
            let offset = usize::try_from(address.checked_sub(piece.address)?).ok()?;
            let end = offset.checked_add(length).filter(|end| *end <= piece.length)?;
            self.bytes.get(start + offset..start + end)
        })
    }

    /// The word at an address.
    pub(super) fn word(&self, address: u64) -> Option<u64> {
        let bytes = self.bytes(address, 8)?.first_chunk()?;
        Some(u64::from_ne_bytes(*bytes))
    }

    /// The same, as the last piece has it that has it.
    pub(super) fn last_word(&self, address: u64) -> Option<u64> {
        let (piece, start) =
            self.pieces.iter().rev().find(|(piece, _)| piece.address == address)?;
        let bytes = self.bytes.get(*start..start + piece.length)?.first_chunk()?;
        Some(u64::from_ne_bytes(*bytes))
    }

    /// The half of a word at an address.
    pub(super) fn half(&self, address: u64) -> Option<u32> {
        let bytes = self.bytes(address, 4)?.first_chunk()?;
        Some(u32::from_ne_bytes(*bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_our_own_memory_are_read_up_to_what_is_not_there() {
        let (first, second) = ([1_u64, 2], 3_u64);
        let memory = ProcessMemory(std::process::id());
        let [a, b] = [first.as_ptr().addr() as u64, (&raw const second).addr() as u64];
        let piece = |address, length| Piece { address, length };
        let snapshot = Snapshot::take(&memory, &[piece(a, 16), piece(8, 8), piece(b, 8)]);
        assert_eq!((snapshot.word(a), snapshot.word(a + 8)), (Some(1), Some(2)));
        assert_eq!((snapshot.word(a + 16), snapshot.word(8), snapshot.word(b)), (None, None, None));
        assert_eq!(snapshot.gone, Some(piece(8, 8)));
        let snapshot = Snapshot::take(&memory, &[piece(a, 16), piece(b, 8)]);
        assert_eq!((snapshot.word(b), snapshot.word(u64::MAX)), (Some(3), None));
    }
}
