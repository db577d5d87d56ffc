//! A file of which only parts are read, and not too much in all.

use std::{cell::Cell, fs::File, ops::Range};

use object::{ReadRef, read::ReadCache};

/// More of a file than this is never read to understand it: all that the largest programs have of
/// symbols, and unwind tables. A file of holes takes no room and may state any size.
const BYTES_MAX: u64 = 256 << 20;

/// A file whose parts are read when they are asked for, and kept.
#[derive(Debug)]
pub(crate) struct Bounded {
    cache: ReadCache<File>,
    left: Cell<u64>,
}

impl Bounded {
    /// A file of which nothing is read yet.
    pub(crate) fn new(file: File) -> Self {
        Self { cache: ReadCache::new(file), left: Cell::new(BYTES_MAX) }
    }

    fn take(&self, bytes: u64) -> Result<(), ()> {
        self.left.set(self.left.get().checked_sub(bytes).ok_or(())?);
        Ok(())
    }
}

impl<'a> ReadRef<'a> for &'a Bounded {
    fn len(self) -> Result<u64, ()> {
        (&self.cache).len()
    }

    fn read_bytes_at(self, offset: u64, size: u64) -> Result<&'a [u8], ()> {
        // What was read before may be asked for again, and costs nothing then; that is not known
        // here, and only what is large counts.
        if size > 1 << 16 {
            self.take(size)?;
        }
        (&self.cache).read_bytes_at(offset, size)
    }

    fn read_bytes_at_until(self, range: Range<u64>, delimiter: u8) -> Result<&'a [u8], ()> {
        (&self.cache).read_bytes_at_until(range, delimiter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_holes_does_not_fill_the_memory() {
        let file = tempfile::tempfile().expect("a file");
        file.set_len(1 << 40).expect("holes take no room");
        let bounded = Bounded::new(file);
        assert_eq!((&bounded).len(), Ok(1 << 40));
        assert_eq!((&bounded).read_bytes_at(1 << 39, 4), Ok(&[0; 4][..]));
        assert!((&bounded).read_bytes_at(0, BYTES_MAX + 1).is_err());
        assert!((&bounded).read_bytes_at(0, 1 << 20).is_ok(), "it is not spent by that");
    }
}
