//! The last memory: what keeps a full WebAssembly memory from being the end of the instance.
//!
//! Large allocations are asked for and may be refused (`try_reserve`, entries, tables). Small ones are not: a refused one would trap. So a
//! spare block is held, and given back the first time that the allocator has nothing left; the command under way ends on it. From then on
//! memory is *short*: whatever may grow is refused with `OOM`, reads and deletions go on, until the spare can be had again.

// The tests of the binding run on std and its allocator.
#![cfg_attr(not(lean), allow(dead_code))]

use core::alloc::{GlobalAlloc, Layout};
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};

/// Enough for the small allocations of any one command: large requests are weighed before they run (see `Cache::execute`).
pub const SPARE: usize = 256 << 10;

/// The spare block; null while memory is short, or before it was first taken.
static SPARE_BLOCK: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

fn spare_layout() -> Layout {
    Layout::new::<[u64; SPARE / 8]>()
}

/// dlmalloc, with the spare behind it.
pub struct Allocator;

impl Allocator {
    /// Gives the spare back to the allocator, if an allocation of this size is one of those that it is for.
    fn release(size: usize) -> bool {
        let block = if size < SPARE { SPARE_BLOCK.swap(ptr::null_mut(), Relaxed) } else { ptr::null_mut() };
        if !block.is_null() {
            // SAFETY: allocated by `take_spare` with this layout, and nobody else has it any more.
            unsafe { dlmalloc::GlobalDlmalloc.dealloc(block, spare_layout()) };
        }
        !block.is_null()
    }
}

// SAFETY: dlmalloc's promises, passed on; a second attempt follows a failed one, which changes nothing.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is dlmalloc's.
        unsafe {
            let block = dlmalloc::GlobalDlmalloc.alloc(layout);
            if block.is_null() && Self::release(layout.size()) { dlmalloc::GlobalDlmalloc.alloc(layout) } else { block }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { dlmalloc::GlobalDlmalloc.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above; a failed `realloc` leaves the block as it was.
        unsafe {
            let moved = dlmalloc::GlobalDlmalloc.realloc(block, layout, size);
            if moved.is_null() && Self::release(size) { dlmalloc::GlobalDlmalloc.realloc(block, layout, size) } else { moved }
        }
    }
}

/// Whether the spare is there.
pub fn has_spare() -> bool {
    !SPARE_BLOCK.load(Relaxed).is_null()
}

/// Takes the spare if it is not there; false where memory is too short for it.
pub fn take_spare() -> bool {
    if !has_spare() {
        // SAFETY: the layout is not empty.
        let block = unsafe { dlmalloc::GlobalDlmalloc.alloc(spare_layout()) };
        SPARE_BLOCK.store(block, Relaxed);
    }
    has_spare()
}
