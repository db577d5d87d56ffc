//! Decodes the kernel's records, whose layout `perf_event_open(2)` gives.
//!
//! Total over any bytes: what does not fit decodes to `None` and is counted as a bad record.

use super::unwind::{REGISTERS, Registers};
use crate::unit::Nanos;

const MMAP: u32 = 1;
const LOST: u32 = 2;
const COMM: u32 = 3;
const EXIT: u32 = 4;
const THROTTLE: u32 = 5;
const FORK: u32 = 7;
const SAMPLE: u32 = 9;
const MMAP2: u32 = 10;

/// Set in a header's `misc` where a name came with a new program.
const MISC_COMM_EXEC: u16 = 1 << 13;
/// Size of `struct perf_event_header`.
pub(super) const HEADER_BYTES: usize = 8;
/// The trailer of all but samples: process, thread, time.
const TRAILER_BYTES: usize = 16;
/// In a sample, the time comes after the instruction pointer and the two ids.
const SAMPLE_TIME_OFFSET: usize = HEADER_BYTES + 16;
const PROT_EXEC: u32 = 4;

/// One decoded record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    Sample(Sample<'a>),
    Mapping(Mapping),
    Name { pid: u32, tid: u32, name: String, exec: bool },
    Fork { pid: u32, parent_pid: u32, tid: u32, parent_tid: u32 },
    Exit { pid: u32, tid: u32 },
    Lost { records: u64 },
    Throttle,
    Other,
}

/// A sample: where a thread was, and what is needed to find out how it got there.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sample<'a> {
    pub(super) pid: u32,
    pub(super) tid: u32,
    pub(super) time: Nanos,
    /// What the kernel found of the stack, by its own unwinder and by the user's frame pointers.
    pub(super) callchain: Callchain<'a>,
    /// None for a thread without user registers, such as one that is exiting.
    pub(super) registers: Option<Registers>,
    /// The user stack from the stack pointer up.
    pub(super) stack: &'a [u8],
    /// How much of the stack was asked for; `stack` is shorter where the stack's memory ends.
    pub(super) stack_asked: usize,
}

/// Addresses from the innermost out: the kernel's, then the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Callchain<'a>(pub(super) Words<'a>);

/// The kernel marks the parts of a callchain with words above this one (`PERF_CONTEXT_MAX`).
const CONTEXT_MARKERS: u64 = -4095_i64 as u64;
/// Begins the user's part (`PERF_CONTEXT_USER`).
const CONTEXT_USER: u64 = -512_i64 as u64;

impl<'a> Callchain<'a> {
    pub(super) fn kernel(self) -> impl Iterator<Item = u64> + 'a {
        self.0.iter().take_while(|word| *word != CONTEXT_USER).filter(is_address)
    }

    /// The user's part, followed from frame pointer to frame pointer. Code that keeps something
    /// else in that register makes it worthless from there on.
    pub(super) fn user(self) -> impl Iterator<Item = u64> + 'a {
        self.0.iter().skip_while(|word| *word != CONTEXT_USER).filter(is_address)
    }

    /// How many words the kernel wrote, its markers included: it stops at a limit.
    pub(super) fn len(self) -> usize {
        self.0.len()
    }
}

fn is_address(word: &u64) -> bool {
    *word < CONTEXT_MARKERS
}

/// A mapping of code into a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) pid: u32,
    pub(super) address: u64,
    pub(super) length: u64,
    pub(super) file_offset: u64,
    pub(super) executable: bool,
    pub(super) path: Vec<u8>,
    /// Which file it is, whatever it is called; none of what is in none.
    pub(super) file: Option<FileId>,
}

impl Mapping {
    /// Whether it is of a file, or at least of what has a name like one.
    pub(super) fn is_in_file(&self) -> bool {
        !matches!(self.path.as_slice(), b"//anon" | b"" | [b'[', ..])
    }
}

/// A file, as long as it exists: a path may be another file's the next moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FileId {
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl FileId {
    /// None where the kernel states no file.
    pub(super) fn new(major: u32, minor: u32, inode: u64) -> Option<Self> {
        (inode != 0).then(|| Self { device: rustix::fs::makedev(major, minor), inode })
    }
}

/// A list of 64-bit words in the bytes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Words<'a>(&'a [u8]);

impl<'a> Words<'a> {
    #[cfg(test)]
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn iter(self) -> impl Iterator<Item = u64> + 'a {
        self.0.as_chunks::<8>().0.iter().map(|word| u64::from_ne_bytes(*word))
    }

    fn len(self) -> usize {
        self.0.len() / 8
    }
}

/// The size that a record's header states, if the header is whole and the size can hold it.
pub(super) fn stated_size(bytes: &[u8]) -> Option<usize> {
    let size = usize::from(u16::from_ne_bytes(*bytes.get(6..)?.first_chunk()?));
    (HEADER_BYTES..).contains(&size).then_some(size)
}

/// When the record was made, without decoding the rest.
pub(super) fn time(bytes: &[u8]) -> Option<Nanos> {
    let offset = if kind(bytes)? == SAMPLE {
        SAMPLE_TIME_OFFSET
    } else {
        bytes.len().checked_sub(8).filter(|offset| *offset >= HEADER_BYTES)?
    };
    Some(Nanos(u64::from_ne_bytes(*bytes.get(offset..)?.first_chunk()?)))
}

/// Decodes one whole record, header included.
pub(super) fn decode(bytes: &[u8]) -> Option<Record<'_>> {
    let misc = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
    let mut body = Cursor(bytes.get(HEADER_BYTES..)?);
    let record = match kind(bytes)? {
        SAMPLE => return sample(body).map(Record::Sample),
        MMAP | MMAP2 => Record::Mapping(mapping(body, kind(bytes)? == MMAP2)?),
        COMM => Record::Name {
            pid: body.u32()?,
            tid: body.u32()?,
            name: String::from_utf8_lossy(body.text()).into_owned(),
            exec: misc & MISC_COMM_EXEC != 0,
        },
        FORK => Record::Fork {
            pid: body.u32()?,
            parent_pid: body.u32()?,
            tid: body.u32()?,
            parent_tid: body.u32()?,
        },
        EXIT => {
            let (pid, _parent_pid, tid) = (body.u32()?, body.u32()?, body.u32()?);
            Record::Exit { pid, tid }
        }
        LOST => {
            let (_id, records) = (body.u64()?, body.u64()?);
            Record::Lost { records }
        }
        THROTTLE => Record::Throttle,
        _ => Record::Other,
    };
    Some(record)
}

fn kind(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.first_chunk()?))
}

fn sample(mut body: Cursor<'_>) -> Option<Sample<'_>> {
    let _instruction_pointer = body.u64()?;
    let (pid, tid) = (body.u32()?, body.u32()?);
    let time = Nanos(body.u64()?);
    let callchain_words = usize::try_from(body.u64()?).ok()?;
    let callchain = Callchain(Words(body.bytes(callchain_words.checked_mul(8)?)?));
    // The kernel writes no registers at all where it has none (ABI 0).
    let registers = match body.u64()? {
        0 => None,
        _abi => {
            let words = Words(body.bytes(REGISTERS.count_ones() as usize * 8)?);
            Registers::from_words(words.iter())
        }
    };
    let stack_asked = usize::try_from(body.u64()?).ok()?;
    let dump = body.bytes(stack_asked)?;
    let stack_copied = if stack_asked == 0 { 0 } else { usize::try_from(body.u64()?).ok()? };
    let stack = dump.get(..stack_copied)?;
    Some(Sample { pid, tid, time, callchain, registers, stack, stack_asked })
}

fn mapping(mut body: Cursor<'_>, second_form: bool) -> Option<Mapping> {
    let (pid, _tid) = (body.u32()?, body.u32()?);
    let (address, length, file_offset) = (body.u64()?, body.u64()?, body.u64()?);
    let (executable, file) = if second_form {
        let (major, minor, inode, _generation) =
            (body.u32()?, body.u32()?, body.u64()?, body.u64()?);
        let (protection, _flags) = (body.u32()?, body.u32()?);
        (protection & PROT_EXEC != 0, FileId::new(major, minor, inode))
    } else {
        (true, None)
    };
    let path = body.text().to_vec();
    Some(Mapping { pid, address, length, file_offset, executable, path, file })
}

/// Reads fields off the front of a record's body.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(front)
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_ne_bytes(*self.bytes(4)?.first_chunk()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_ne_bytes(*self.bytes(8)?.first_chunk()?))
    }

    /// The zero-terminated text at the front, which ends at the latest where the trailer begins.
    fn text(&self) -> &'a [u8] {
        let field = &self.0[..self.0.len().saturating_sub(TRAILER_BYTES)];
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
        &field[..end]
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
pub(super) mod tests;
