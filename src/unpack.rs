//! Bytes of others, read and unpacked within limits.

mod bounded;

pub(crate) use bounded::Bounded;

use std::{
    cell::Cell,
    fs::File,
    io::{self, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;

/// Honest profiles unpack to some ten times their size; a bomb unpacks to a thousand times.
const RATIO_MAX: u64 = 100;
/// A small file may be as empty as it likes.
const ALWAYS: u64 = 16 << 20;

/// Unpacks gzip of any number of members; none where it comes to more than `most` bytes, or to a
/// hundred times its size.
///
/// # Errors
/// When it cannot be read, or is no gzip.
pub(crate) fn gunzip(from: impl Read, most: u64) -> io::Result<Option<Vec<u8>>> {
    let packed = Cell::new(0);
    let mut decoder = MultiGzDecoder::new(Counted { from, count: &packed });
    let mut unpacked = Vec::new();
    let mut chunk = [0; 1 << 16];
    loop {
        let read = match decoder.read(&mut chunk) {
            Ok(0) => return Ok(Some(unpacked)),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        unpacked.extend_from_slice(chunk.get(..read).unwrap_or_default());
        let limit = ALWAYS.saturating_add(RATIO_MAX.saturating_mul(packed.get())).min(most);
        if unpacked.len() as u64 > limit {
            return Ok(None);
        }
    }
}

/// The bytes of a file of at most `most`.
///
/// # Errors
/// When it cannot be read, or has more.
pub(crate) fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(io::Error::other(format!("it has more than {} MiB", most >> 20))),
        false => Ok(bytes),
    }
}

/// A reader that counts what was read.
struct Counted<'a, R> {
    from: R,
    count: &'a Cell<u64>,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(to)?;
        self.count.set(self.count.get() + read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn packed(bytes: impl Iterator<Item = u8>) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&bytes.collect::<Vec<_>>()).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn bombs_are_refused_before_they_fill_the_memory() {
        let bomb = packed(std::iter::repeat_n(0, 64 << 20));
        assert!(bomb.len() < 100_000);
        assert_eq!(gunzip(&*bomb, u64::MAX).expect("gzip"), None);
        let small = packed(std::iter::repeat_n(0, 1 << 20));
        assert_eq!(gunzip(&*small, u64::MAX).expect("gzip").map(|it| it.len()), Some(1 << 20));
        assert_eq!(gunzip(&*small, 1 << 19).expect("gzip"), None);
        let two = [packed(b"one".iter().copied()), packed(b"two".iter().copied())].concat();
        assert_eq!(gunzip(&*two, 10).expect("gzip").as_deref(), Some(&b"onetwo"[..]));
        assert!(gunzip(&two[..two.len() - 1], 10).is_err() && gunzip(&b"x"[..], 10).is_err());
    }

    #[test]
    fn files_are_read_up_to_their_limit_and_endless_ones_are_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("file");
        std::fs::write(&path, "12345").expect("room");
        assert_eq!(read_file(&path, 5).expect("it fits"), b"12345");
        assert!(read_file(&path, 4).is_err() && read_file(dir.path(), 4).is_err());
        let endless = read_file(Path::new("/dev/zero"), 1 << 20).expect_err("it has no end");
        assert_eq!(endless.to_string(), "it has more than 1 MiB");
    }
}
