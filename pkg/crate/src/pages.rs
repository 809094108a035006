//! Where dlmalloc's memory comes from: WebAssembly's pages, a share of what there is at a time.
//!
//! To grow is not cheap for a host: every growth makes an `ArrayBuffer` of the whole memory anew. V8 counts the bytes of all that it has not collected
//! yet, and collects its whole heap when they are too many, which by dlmalloc's steps of 64 KiB is at every growth of a large memory.

use core::arch::wasm32::{memory_grow, memory_size};
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

const PAGE: usize = 1 << 16;
/// Memory grows by no less than one part in so many: a doubling takes eleven growths, and what is not used yet, three in a hundred on average, is
/// never touched, so that no host has to find it.
const PARTS: usize = 16;
/// Pages of a whole address space.
const ADDRESSABLE: usize = 1 << 16;
const FOOT: usize = 16;

unsafe extern "C" {
    /// Set by the linker: where data and the stack end, and the memory that an instance begins with.
    static __heap_base: u8;
    static __heap_end: u8;
}

/// Whether what an instance begins with has been given to dlmalloc.
static BEGUN: AtomicBool = AtomicBool::new(false);

/// The pages of this instance's memory.
pub struct Pages;

/// Memory behind what there is, for `size` bytes, or null.
fn grown(size: usize) -> (*mut u8, usize) {
    let least = size.div_ceil(PAGE);
    for pages in [least.max(memory_size(0) / PARTS), least] {
        let end = memory_grow(0, pages);
        if end != usize::MAX {
            // The last bytes of 4 GiB stay unused: the address behind them would be 0.
            let given = if end + pages == ADDRESSABLE { pages * PAGE - FOOT } else { pages * PAGE };
            return ((end * PAGE) as *mut u8, given);
        }
    }
    (ptr::null_mut(), 0)
}

// SAFETY: what is handed out is memory that nothing else has: between data and the end, once, and behind the end.
unsafe impl dlmalloc::Allocator for Pages {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let base = &raw const __heap_base;
        let given = (&raw const __heap_end as usize).saturating_sub(base as usize);
        // Where std is there, its allocator has them.
        if cfg!(lean) && !BEGUN.swap(true, Relaxed) && size <= given {
            return (base.cast_mut(), given, 0);
        }
        let (base, given) = grown(size);
        (base, given, 0)
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}
