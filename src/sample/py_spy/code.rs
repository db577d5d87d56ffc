//! Code objects: the functions that frames are of, and the lines that they are at.

use std::{path::PathBuf, sync::Arc};

use rustc_hash::FxHashMap;

use super::{
    layout::{BYTES, CODE_BYTES, CodeLayout, Layout, SIZE, TEXT_STATE, TYPE, TextLayout},
    memory::{Memory, Piece, Snapshot},
    stack::RawFrame,
};
use crate::sample::python_file;

/// So many functions are kept; a program that makes them up as it goes has more.
const KNOWN_MAX: usize = 1 << 16;
/// Names and paths have fewer characters.
const TEXT_MAX: u64 = 4096;
/// Tables of lines are shorter.
const LINES_MAX: u64 = 1 << 16;

/// A place in a program of Python.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Location {
    pub(super) function: Arc<Function>,
    /// The line, from 1.
    pub(super) line: Option<u32>,
}

/// A function of Python.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    /// With the classes and functions that it is in.
    pub(super) name: String,
    pub(super) file: String,
    /// The file from its outermost package on.
    pub(super) short: String,
}

/// The code objects that were met.
#[derive(Debug)]
pub(super) struct Codes {
    known: FxHashMap<u64, Code>,
    /// The type that all code objects have.
    code_type: Option<u64>,
    /// Where the process finds its files.
    root: PathBuf,
}

#[derive(Debug)]
struct Code {
    /// Its bytes, as far as they tell it from another that comes to lie at the same place.
    identity: Identity,
    function: Arc<Function>,
    lines: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    of_type: u64,
    file: u64,
    name: u64,
    lines: u64,
    first_line: u32,
}

impl Identity {
    fn at(code: u64, layout: &CodeLayout, snapshot: &Snapshot) -> Option<Self> {
        let word = |offset| snapshot.word(code.wrapping_add(offset));
        Some(Self {
            of_type: word(TYPE)?,
            file: word(layout.file)?,
            name: word(layout.name)?,
            lines: word(layout.lines)?,
            first_line: snapshot.half(code.wrapping_add(layout.first_line))?,
        })
    }
}

impl Codes {
    pub(super) fn new(pid: u32) -> Self {
        let root = PathBuf::from(format!("/proc/{pid}/root"));
        Self { known: FxHashMap::default(), code_type: None, root }
    }

    /// Where these frames are; none if what one of them has is no code.
    pub(super) fn locate(
        &mut self,
        frames: &[RawFrame],
        layout: &Layout,
        memory: &impl Memory,
    ) -> Option<Vec<Location>> {
        let mut codes: Vec<u64> = frames.iter().map(|frame| frame.code).collect();
        codes.sort_unstable();
        codes.dedup();
        let piece = |code: &u64| Piece { address: *code, length: CODE_BYTES };
        let pieces: Vec<Piece> = codes.iter().map(piece).collect();
        // All at once: they are looked at each time, in case others lie there by now.
        let snapshot = Snapshot::take(memory, &pieces);
        for code in codes {
            self.learn(code, layout, &snapshot, memory)?;
        }
        let locate = |frame: &RawFrame| {
            let Code { identity, function, lines } = self.known.get(&frame.code)?;
            let start = frame.code.wrapping_add(layout.code.start);
            let offset = frame.instruction.wrapping_sub(start).cast_signed();
            let line = line_at(identity.first_line, lines, offset);
            Some(Location { function: function.clone(), line })
        };
        let located: Option<Vec<Location>> = frames.iter().map(locate).collect();
        // Pieces of the interpreter's own have no file.
        located.map(|all| all.into_iter().filter(|one| one.function.is_shown()).collect())
    }

    fn learn(
        &mut self,
        code: u64,
        layout: &Layout,
        snapshot: &Snapshot,
        memory: &impl Memory,
    ) -> Option<()> {
        let identity = Identity::at(code, &layout.code, snapshot)?;
        if self.known.get(&code).is_some_and(|known| known.identity == identity) {
            return Some(());
        }
        if self.code_type.is_some_and(|code_type| code_type != identity.of_type) {
            return None;
        }
        let name = text(identity.name, &layout.text, memory)?;
        let file = text(identity.file, &layout.text, memory)?;
        let lines = bytes(identity.lines, memory)?;
        self.code_type = Some(identity.of_type);
        let short = python_file::short(&file, &self.root).to_owned();
        let function = Arc::new(Function { name, file, short });
        if self.known.len() >= KNOWN_MAX {
            self.known.clear();
        }
        self.known.insert(code, Code { identity, function, lines });
        Some(())
    }
}

impl Function {
    fn is_shown(&self) -> bool {
        !self.file.is_empty() && self.file != "<shim>"
    }
}

/// One piece of memory.
fn read(memory: &impl Memory, address: u64, length: u64) -> Option<Snapshot> {
    let length = usize::try_from(length).ok()?;
    let snapshot = Snapshot::take(memory, &[Piece { address, length }]);
    snapshot.bytes(address, length)?;
    Some(snapshot)
}

/// A text whose characters follow its head, as those of code objects do.
fn text(address: u64, layout: &TextLayout, memory: &impl Memory) -> Option<String> {
    let head = read(memory, address, layout.ascii)?;
    let length = head.word(address.wrapping_add(SIZE)).filter(|length| *length < TEXT_MAX)?;
    let state = head.half(address.wrapping_add(TEXT_STATE))?;
    let (width, is_compact, is_ascii) = (state >> 2 & 7, state >> 5 & 1 == 1, state >> 6 & 1 == 1);
    if !is_compact || !matches!(width, 1 | 2 | 4) {
        return None;
    }
    if length == 0 {
        return Some(String::new());
    }
    let start = address.wrapping_add(if is_ascii { layout.ascii } else { layout.other });
    let bytes = length * u64::from(width);
    let characters = read(memory, start, bytes)?;
    let characters = characters.bytes(start, usize::try_from(bytes).ok()?)?;
    let point =
        |bytes: &[u8]| bytes.iter().rev().fold(0, |point: u32, byte| point << 8 | u32::from(*byte));
    characters.chunks(width as usize).map(|bytes| char::from_u32(point(bytes))).collect()
}

/// What is in a `bytes`.
fn bytes(address: u64, memory: &impl Memory) -> Option<Vec<u8>> {
    let head = read(memory, address, BYTES)?;
    let length = head.word(address.wrapping_add(SIZE)).filter(|length| *length < LINES_MAX)?;
    if length == 0 {
        return Some(Vec::new());
    }
    let start = address.wrapping_add(BYTES);
    let content = read(memory, start, length)?;
    Some(content.bytes(start, usize::try_from(length).ok()?)?.to_vec())
}

/// The line of the instruction at `offset`, from a table as CPython has it since 3.11
/// (`Objects/locations.md`): entries of a byte or more, each for up to eight units of two bytes.
fn line_at(first_line: u32, table: &[u8], offset: i64) -> Option<u32> {
    let (mut line, mut end) = (i64::from(first_line), 0_i64);
    let mut rest = table.iter().copied();
    while let Some(byte) = rest.next() {
        end += 2 * (i64::from(byte & 7) + 1);
        let kind = byte >> 3 & 15;
        line += match kind {
            // Nowhere.
            15 => 0,
            14 => {
                let delta = signed(&mut rest)?;
                // The last line, and two columns.
                (0..3).try_for_each(|_| unsigned(&mut rest).map(drop))?;
                delta
            }
            13 => signed(&mut rest)?,
            10..=12 => {
                rest.nth(1);
                i64::from(kind) - 10
            }
            _ => {
                rest.next();
                0
            }
        };
        if end > offset {
            break;
        }
    }
    u32::try_from(line).ok().filter(|line| *line > 0)
}

/// A number in pieces of six bits, the lowest first.
fn unsigned(rest: &mut impl Iterator<Item = u8>) -> Option<i64> {
    let mut number = 0;
    for shift in (0..60).step_by(6) {
        let byte = rest.next()?;
        number |= i64::from(byte & 63) << shift;
        if byte & 64 == 0 {
            return Some(number);
        }
    }
    None
}

/// The same with its sign in the lowest bit.
fn signed(rest: &mut impl Iterator<Item = u8>) -> Option<i64> {
    let number = unsigned(rest)?;
    Some(if number & 1 == 1 { -(number >> 1) } else { number >> 1 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_found_in_the_table() {
        // A line like the first; one of two units, one further; and one three back, without columns.
        let table = [0x80, 0x00, 0x80 | 11 << 3 | 1, 1, 2, 0x80 | 13 << 3, 7];
        let lines = [-2, 0, 2, 4, 6, 8].map(|offset| line_at(10, &table, offset));
        assert_eq!(lines, [10, 10, 11, 11, 8, 8].map(Some));
        assert_eq!(line_at(1, &[0x80 | 13 << 3, 7], 0), None, "before the first line");
    }

    proptest! {
        #[test]
        fn any_table_is_read(
            first in any::<u32>(),
            table in prop::collection::vec(any::<u8>(), 0..60),
            offset in any::<i64>(),
        ) {
            let _ = line_at(first, &table, offset);
        }
    }
}
