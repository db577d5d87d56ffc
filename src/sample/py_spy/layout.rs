//! Where CPython keeps what is needed of a stack, by version: offsets in bytes.
//!
//! They are those of `cpython/pystate.h`, `cpython/code.h`, `cpython/unicodeobject.h` and
//! `internal/pycore_frame.h`, as the compiler lays them out where pointers have 8 bytes.

/// The offsets of one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// In the state of an interpreter: its first thread.
    pub(super) first_thread: u64,
    pub(super) lock: Lock,
    pub(super) thread: ThreadLayout,
    pub(super) frame: FrameLayout,
    pub(super) code: CodeLayout,
    pub(super) text: TextLayout,
}

/// How the holder of the interpreter's lock is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// Its state is there, or nothing.
    Holder,
    /// The last one's state is there, and whether it is held.
    LastHolder {
        /// The last holder.
        holder: u64,
        /// Whether it is held, four bytes.
        locked: u64,
    },
}

/// In the state of a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ThreadLayout {
    pub(super) next: u64,
    /// The system's id of the thread.
    pub(super) id: u64,
    /// What leads to the innermost frame.
    pub(super) frame: u64,
    /// Where that leads to something that has the frame: where in it.
    pub(super) through: Option<u64>,
    /// The newest chunk of the stack of frames.
    pub(super) chunk: u64,
    /// Where that stack ends.
    pub(super) top: u64,
}

/// In a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameLayout {
    pub(super) code: u64,
    pub(super) previous: u64,
    pub(super) instruction: u64,
    pub(super) owner: u64,
}

/// In a code object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CodeLayout {
    pub(super) first_line: u64,
    pub(super) file: u64,
    pub(super) name: u64,
    pub(super) lines: u64,
    /// Its first instruction.
    pub(super) start: u64,
}

/// Of a text whose characters follow its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TextLayout {
    /// The size of the head of a text in ASCII.
    pub(super) ascii: u64,
    /// The size of the head of another.
    pub(super) other: u64,
}

/// Bytes of a frame that are of use, and those of a thread's state and of a code object that hold
/// all fields named here.
pub(super) const FRAME_BYTES: usize = 72;
pub(super) const THREAD_BYTES: usize = 312;
pub(super) const CODE_BYTES: usize = 144;

/// In every object: its type. In one of variable size: how many elements it has, and where the
/// bytes of a `bytes` are.
pub(super) const TYPE: u64 = 8;
pub(super) const SIZE: u64 = 16;
pub(super) const BYTES: u64 = 32;
/// In a text: how its characters are kept.
pub(super) const TEXT_STATE: u64 = 32;
/// In the head of a chunk: the one before it, and its size with the head.
pub(super) const CHUNK_PREVIOUS: u64 = 0;
pub(super) const CHUNK_SIZE: u64 = 8;
pub(super) const CHUNK_HEAD: usize = 24;

/// The owner of a frame that only marks where the interpreter was called from C.
pub(super) const OWNED_BY_C: u8 = 3;

const V3_11: Layout = Layout {
    first_thread: 16,
    lock: Lock::Holder,
    thread: ThreadLayout { next: 8, id: 160, frame: 56, through: Some(8), chunk: 296, top: 304 },
    frame: FrameLayout { code: 32, previous: 48, instruction: 56, owner: 69 },
    code: CodeLayout { first_line: 72, file: 112, name: 128, lines: 136, start: 184 },
    text: TextLayout { ascii: 48, other: 72 },
};

const V3_12: Layout = Layout {
    first_thread: 72,
    lock: Lock::LastHolder { holder: 8, locked: 16 },
    thread: ThreadLayout { next: 8, id: 144, frame: 56, through: Some(0), chunk: 232, top: 240 },
    frame: FrameLayout { code: 0, previous: 8, instruction: 56, owner: 70 },
    code: CodeLayout { first_line: 68, file: 112, name: 128, lines: 136, start: 192 },
    text: TextLayout { ascii: 40, other: 56 },
};

pub(super) const V3_13: Layout = Layout {
    first_thread: 7344,
    thread: ThreadLayout { next: 8, id: 160, frame: 72, through: None, chunk: 232, top: 240 },
    code: CodeLayout { start: 200, ..V3_12.code },
    ..V3_12
};

impl Layout {
    /// That of a version, if it is known.
    pub(super) fn of(major: u64, minor: u64) -> Option<&'static Self> {
        match (major, minor) {
            _ if cfg!(not(target_pointer_width = "64")) => None,
            (3, 11) => Some(&V3_11),
            (3, 12) => Some(&V3_12),
            (3, 13) => Some(&V3_13),
            _ => None,
        }
    }
}

/// What is read of each is large enough for what is looked for in it.
const _: () = {
    let layouts = [V3_11, V3_12, V3_13];
    let mut i = 0;
    while i < layouts.len() {
        let Layout { thread, frame, code, .. } = layouts[i];
        assert!(thread.top + 8 <= THREAD_BYTES as u64 && thread.chunk < thread.top);
        assert!(frame.instruction + 8 <= FRAME_BYTES as u64 && frame.owner < FRAME_BYTES as u64);
        assert!(code.lines + 8 <= CODE_BYTES as u64 && code.first_line < code.lines);
        i += 1;
    }
};
