//! The last memory: what keeps a full WebAssembly memory from being the end of the instance.
//!
//! Large allocations are asked for and may be refused (`try_reserve`, entries, tables). Small ones are not: a refused one would trap. So a
//! spare block is held, and given back the first time that the allocator has nothing left; the command under way ends on it. From then on
//! memory is *short*: whatever may grow is refused with `OOM`, reads and deletions go on, until the spare can be had again.

// The tests of the binding run on std and its allocator.
#![cfg_attr(not(lean), allow(dead_code))]

use crate::pages::Pages;
use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering::Relaxed};
use dlmalloc::Dlmalloc;

/// Enough for the small allocations of any one command: large requests are weighed before they run (see `Cache::execute`).
pub const SPARE: usize = 256 << 10;

/// The spare block; null while memory is short, or before it was first taken.
static SPARE_BLOCK: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

fn spare_layout() -> Layout {
    Layout::new::<[u64; SPARE / 8]>()
}

/// dlmalloc, over pages that come a share at a time.
struct Heap(UnsafeCell<Dlmalloc<Pages>>);

// SAFETY: WebAssembly as it is built here has no threads.
unsafe impl Sync for Heap {}

static HEAP: Heap = Heap(UnsafeCell::new(Dlmalloc::new_with_allocator(Pages)));

// SAFETY: dlmalloc's promises, passed on. It calls nothing that would allocate.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is dlmalloc's; nobody else is in it.
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { (*self.0.get()).free(block, layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { (*self.0.get()).realloc(block, layout.size(), layout.align(), size) }
    }
}

/// The heap, with the spare behind it.
pub struct Allocator;

impl Allocator {
    /// Gives the spare back to the allocator, if an allocation of this size is one of those that it is for.
    fn release(size: usize) -> bool {
        let block = if size < SPARE { SPARE_BLOCK.swap(ptr::null_mut(), Relaxed) } else { ptr::null_mut() };
        if !block.is_null() {
            // SAFETY: allocated by `take_spare` with this layout, and nobody else has it any more.
            unsafe { HEAP.dealloc(block, spare_layout()) };
        }
        !block.is_null()
    }
}

// SAFETY: the heap's promises, passed on; a second attempt follows a failed one, which changes nothing.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise is the heap's.
        unsafe {
            let block = HEAP.alloc(layout);
            if block.is_null() && Self::release(layout.size()) { HEAP.alloc(layout) } else { block }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { HEAP.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above; a failed `realloc` leaves the block as it was.
        unsafe {
            let moved = HEAP.realloc(block, layout, size);
            if moved.is_null() && Self::release(size) { HEAP.realloc(block, layout, size) } else { moved }
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
        let block = unsafe { HEAP.alloc(spare_layout()) };
        SPARE_BLOCK.store(block, Relaxed);
    }
    has_spare()
}
