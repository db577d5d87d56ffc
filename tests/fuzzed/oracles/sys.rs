//! An allocator that counts, so that an oracle can hold a reader to its memory.

#![expect(unsafe_code, reason = "an allocator has no safe form; each block says why it holds")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    /// What this thread has allocated and not freed, in bytes, and the most that it ever was. What
    /// another thread frees is not counted, so it may be less than nothing.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: isize) {
    // A thread that ends has no counter any more.
    let _ = HELD.try_with(|held| {
        let (now, most) = held.get();
        let now = now.saturating_add(bytes);
        held.set((now, most.max(now)));
    });
}

fn size(layout: Layout) -> isize {
    // No layout is larger: see its documentation.
    isize::try_from(layout.size()).unwrap_or(isize::MAX)
}

// SAFETY: all calls go to the system's allocator as they come; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(size(layout));
        // SAFETY: the caller keeps to the contract of this very function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(size(layout));
        // SAFETY: the caller keeps to the contract of this very function.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, new: usize) -> *mut u8 {
        // Both exist for a moment, where it cannot grow in place.
        count(isize::try_from(new).unwrap_or(isize::MAX));
        count(-size(layout));
        // SAFETY: the caller keeps to the contract of this very function.
        unsafe { System.realloc(place, layout, new) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-size(layout));
        // SAFETY: the caller keeps to the contract of this very function.
        unsafe { System.dealloc(place, layout) }
    }
}

/// The most bytes that this thread holds at once for what is done here, beside what it held before.
pub(crate) fn peak_of(work: impl FnOnce()) -> usize {
    let before = HELD.get().0;
    HELD.set((before, before));
    work();
    HELD.get().1.saturating_sub(before).try_into().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_what_was_held_at_once() {
        let peak = peak_of(|| {
            for _ in 0..3 {
                drop(std::hint::black_box(vec![1_u8; 1 << 20]));
            }
            let mut grown = std::hint::black_box(vec![1_u8; 1 << 20]);
            grown.reserve_exact(3 << 20);
        });
        assert!((5 << 20..6 << 20).contains(&peak), "{peak}");
        assert!(peak_of(|| ()) < 1000);
    }
}
