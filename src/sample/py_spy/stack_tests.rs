use std::{cell::RefCell, collections::BTreeMap};

use proptest::prelude::*;

use super::*;
use crate::sample::py_spy::{layout::V3_13, memory::Piece, pause::Paused};

/// Memory of words, which a look may change.
#[derive(Default)]
struct Fake {
    words: RefCell<BTreeMap<u64, u64>>,
    /// After so many looks, this word becomes that one.
    change: Option<(RefCell<u32>, u64, u64)>,
}

impl Memory for Fake {
    fn read(&self, pieces: &[Piece], bytes: &mut [u8]) -> usize {
        if let Some((left, address, word)) = &self.change {
            let next = left.borrow().checked_sub(1);
            match next {
                Some(next) => *left.borrow_mut() = next,
                None => drop(self.words.borrow_mut().insert(*address, *word)),
            }
        }
        let mut at = 0;
        for piece in pieces {
            let words = self.words.borrow();
            // Nothing lies in the first page.
            if piece.address < 4096 {
                return at;
            }
            for offset in 0..piece.length as u64 {
                let address = piece.address.wrapping_add(offset);
                let word = words.get(&(address & !7)).copied().unwrap_or(0);
                bytes[at] = word.to_ne_bytes()[(address & 7) as usize];
                at += 1;
            }
        }
        at
    }

    fn pause(&self, _: u32, _: Option<Paused>) -> Option<Paused> {
        None
    }
}

const INTERPRETER: u64 = 0x10_0000;
const LOCK: u64 = 0x20_0000;
const THREAD: u64 = 0x30_0000;
const CHUNK: u64 = 0x40_0000;
const OLDER: u64 = 0x50_0000;
/// A coroutine's frame.
const APART: u64 = 0x60_0000;
const TYPE_OF_CODE: u64 = 0x70_0000;

impl Fake {
    fn put(&self, address: u64, word: u64) {
        self.words.borrow_mut().insert(address, word);
    }

    fn text(&self, address: u64, text: &str) {
        self.put(address + 16, text.len() as u64);
        // One byte a character, compact, ASCII.
        self.put(address + 32, 1 << 2 | 1 << 5 | 1 << 6);
        for (i, part) in text.as_bytes().chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.put(address + 40 + 8 * i as u64, u64::from_ne_bytes(word));
        }
    }

    /// A function with a name of its own, and the code object at `address`.
    fn code(&self, address: u64, name: &str) {
        self.put(address + 8, TYPE_OF_CODE);
        // The first line lies in the upper half.
        self.put(address + 64, 7 << 32);
        self.text(address + 0x1000, "/srv/app.py");
        self.text(address + 0x2000, name);
        self.put(address + 112, address + 0x1000);
        self.put(address + 128, address + 0x2000);
        self.put(address + 136, address + 0x3000);
    }

    fn frame(&self, address: u64, code: u64, previous: u64, owner: u64) {
        self.put(address, code);
        self.put(address + 8, previous);
        self.put(address + 56, code + 200);
        self.put(address + 64, owner << 48);
    }

    /// A thread of Python 3.13: `leaf` is called by the coroutine `task`, that by `run`, and that
    /// through C by `main`, which lies in an older chunk.
    fn with_thread() -> Self {
        let fake = Self::default();
        fake.put(INTERPRETER + 7344, THREAD);
        fake.put(LOCK + 8, THREAD);
        fake.put(LOCK + 16, 1);
        fake.put(THREAD + 160, 77);
        fake.put(THREAD + 72, CHUNK + 200);
        fake.put(THREAD + 232, CHUNK);
        fake.put(THREAD + 240, CHUNK + 400);
        fake.put(CHUNK, OLDER);
        fake.put(OLDER + 8, 16 << 10);
        for (at, name) in [(1, "leaf"), (2, "task"), (3, "run"), (4, "main")] {
            fake.code(0x100_0000 * at, name);
        }
        fake.frame(CHUNK + 200, 0x100_0000, APART, 0);
        fake.frame(APART, 0x200_0000, CHUNK + 24, 1);
        fake.frame(CHUNK + 24, 0x300_0000, 0x80_0000, 0);
        fake.frame(0x80_0000, 1, OLDER + 24, 3);
        fake.frame(OLDER + 24, 0x400_0000, 0, 0);
        fake
    }
}

fn reader(fake: Fake) -> Reader<Fake> {
    Reader::new(fake, &V3_13, (INTERPRETER, LOCK), Codes::new(4_194_405))
}

fn names(read: &ReadStack) -> Vec<&str> {
    read.frames.iter().map(|frame| frame.function.name.as_str()).collect()
}

fn is_main(_: u32, root: &Location) -> bool {
    root.function.name == "main"
}

#[test]
fn frames_are_found_wherever_they_lie() {
    let mut reader = reader(Fake::with_thread());
    assert_eq!(reader.holder(), Ok(Some(THREAD)));
    assert_eq!(reader.threads(), Ok(vec![Thread { state: THREAD, tid: 77 }]));
    let read = reader.stack(THREAD, is_main).expect("a stack");
    assert_eq!((read.tid, read.is_whole), (77, true));
    assert_eq!(names(&read), ["leaf", "task", "run", "main"]);
    assert_eq!(read.frames[0].line, Some(7));
    assert_eq!(read.frames[0].function.file, "/srv/app.py");
    // What was learned is enough for one copy from then on.
    let (_, chain) = reader.copy(THREAD, None).expect("a stack");
    assert!(matches!(chain.end, Ends::AtRoot));
    assert!(reader.stack(8, is_main).is_none(), "no thread");
}

#[test]
fn a_coroutine_that_pauses_is_not_the_end_of_a_stack() {
    let mut fake = Fake::with_thread();
    fake.put(APART + 8, 0);
    // It goes on after some looks.
    fake.change = Some((RefCell::new(12), APART + 8, CHUNK + 24));
    let read = reader(fake).stack(THREAD, is_main).expect("a stack");
    assert_eq!((names(&read), read.is_whole), (vec!["leaf", "task", "run", "main"], true));

    let fake = Fake::with_thread();
    fake.put(APART + 8, 0);
    let read = reader(fake).stack(THREAD, is_main).expect("a stack");
    assert_eq!(names(&read), ["leaf", "task"], "what there is of it");
}

#[test]
fn a_cut_stack_goes_on_while_its_last_frame_waits() {
    let fake = Fake::with_thread();
    let mut reader = reader(fake);
    let (_, cut) = reader.copy(THREAD, None).expect("a stack");
    assert!(matches!(cut.end, Ends::At(APART)));
    // Another function is called meanwhile, by the same one that waits.
    reader.memory.put(THREAD + 72, CHUNK + 24);
    let (_, chain) = reader.copy(THREAD, Some(cut.clone())).expect("a stack");
    assert_eq!(chain.visited[..2], [CHUNK + 200, APART]);
    // It has returned, and there is another in its place.
    reader.memory.put(CHUNK + 200, 0x200_0000);
    let (_, chain) = reader.copy(THREAD, Some(cut)).expect("a stack");
    assert_eq!(chain.visited[0], CHUNK + 24);
}

#[test]
fn broken_links_end_somewhere() {
    let circle = Fake::with_thread();
    circle.put(CHUNK + 24 + 8, APART);
    let read = reader(circle).stack(THREAD, is_main).expect("a stack");
    assert!(!read.is_whole);
    // Out of a frame that is not in the copy, into a circle of those that are.
    let circle = Fake::with_thread();
    circle.frame(CHUNK + 100, 0x300_0000, CHUNK + 24, 0);
    circle.put(CHUNK + 24 + 8, CHUNK + 100);
    let read = reader(circle).stack(THREAD, is_main).expect("a stack");
    assert!(!read.is_whole);
    // What lies where the code should be is none.
    let other = Fake::with_thread();
    other.put(0x300_0000 + 8, TYPE_OF_CODE + 8);
    let mut reader = reader(other);
    assert!(!reader.stack(THREAD, is_main).expect("a stack").is_whole);
}

proptest! {
    #[test]
    fn any_memory_is_read(
        // Words that are addresses of each other, or numbers.
        words in prop::collection::btree_map(0_u64..200, 0_u64..400, 0..150),
        layout in prop::sample::select(vec![11, 12, 13]),
    ) {
        let fake = Fake::default();
        let place = |word: u64| if word < 200 { 4096 + 8 * word } else { word - 200 };
        words.into_iter().for_each(|(at, word)| fake.put(4096 + 8 * at, place(word)));
        let layout = Layout::of(3, layout).expect("known");
        let mut reader = Reader::new(fake, layout, (4096, 4200), Codes::new(4_194_405));
        let _ = (reader.holder(), reader.threads());
        for state in [4096, 4400, 5000, u64::MAX - 8] {
            let _ = reader.stack(state, is_main);
        }
    }
}
