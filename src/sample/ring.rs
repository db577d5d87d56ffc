//! A stream of records: a CPU's ring, or its replay in tests.

use super::{record, sys::RingMemory};

/// A stream of whole records in the order in which they were written.
pub(super) trait Stream {
    /// The next record, if one has been written. The same one until `pop`.
    fn peek(&mut self) -> Option<&[u8]>;

    /// Gives the record that `peek` showed back to the writer.
    fn pop(&mut self);
}

/// A CPU's ring, read in place.
#[derive(Debug)]
pub(super) struct Ring {
    memory: RingMemory,
    /// Everything before this byte has been read and released.
    tail: u64,
    /// Where a record that wraps around the end of the data is put together.
    wrapped: Vec<u8>,
    /// Size of the record at the tail, once peeked.
    peeked: usize,
}

impl Ring {
    pub(super) fn new(memory: RingMemory) -> Self {
        Self { memory, tail: 0, wrapped: Vec::new(), peeked: 0 }
    }
}

impl Stream for Ring {
    fn peek(&mut self) -> Option<&[u8]> {
        let available = usize::try_from(self.memory.head().wrapping_sub(self.tail)).ok()?;
        if available < record::HEADER_BYTES {
            return None;
        }
        let data = self.memory.data();
        // The data's size is a power of two, and records are multiples of 8 bytes, so that a
        // header never wraps.
        let start = self.tail as usize & (data.len() - 1);
        let size = data.get(start..).and_then(record::stated_size).unwrap_or(available);
        self.peeked = size.min(available);
        match data.get(start..start + self.peeked) {
            Some(whole) => Some(whole),
            None => {
                let (front, back) = (&data[start..], self.peeked - (data.len() - start));
                self.wrapped.clear();
                self.wrapped.extend_from_slice(front);
                self.wrapped.extend_from_slice(&data[..back]);
                Some(&self.wrapped)
            }
        }
    }

    fn pop(&mut self) {
        self.tail = self.tail.wrapping_add(self.peeked as u64);
        self.peeked = 0;
        self.memory.release(self.tail);
    }
}

/// Records from memory: the twin of a ring that needs no kernel and no privileges.
#[cfg(test)]
pub(super) struct Replay(pub(super) std::collections::VecDeque<Vec<u8>>);

#[cfg(test)]
impl Stream for Replay {
    fn peek(&mut self) -> Option<&[u8]> {
        self.0.front().map(Vec::as_slice)
    }

    fn pop(&mut self) {
        self.0.pop_front();
    }
}
