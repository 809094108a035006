//! WebAssembly: each block is one of the allocator, which has no threads to guard against and keeps eight bytes for each.

use crate::value::near;
use alloc::alloc::{Layout, alloc, dealloc};
use core::ptr::NonNull;

pub(in super::super) struct Blocks;

impl Blocks {
    pub(in super::super) fn new() -> Self {
        Self
    }

    pub(in super::super) fn use_huge_pages(&mut self, _yes: bool) {}

    pub(in super::super) fn has_spare(&self) -> bool {
        false
    }

    pub(in super::super) fn give_back_some(&mut self) {}

    pub(in super::super) fn overhead(&self, _blocks: impl Iterator<Item = u64>) -> u64 {
        0
    }

    /// # Safety
    /// The size is not 0.
    #[inline(always)]
    pub(in super::super) unsafe fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: as the caller promises.
        NonNull::new(unsafe { alloc(layout) })
    }

    /// Asks for the memory that freeing a block of this size will look at: what lies behind it.
    #[inline(always)]
    pub(in super::super) fn will_free(block: NonNull<u8>, size: u64) {
        near::bring(block.as_ptr().wrapping_add(size as usize).wrapping_add(size_of::<usize>()));
    }

    /// # Safety
    /// The block came from `allocate` with this layout, and is not used any more.
    #[inline(always)]
    pub(in super::super) unsafe fn free(block: NonNull<u8>, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { dealloc(block.as_ptr(), layout) };
    }
}
