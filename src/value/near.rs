//! Asking the processor for memory before it is needed: what a batch will look at comes while the batch before it is still at work.

/// Whether asking costs next to nothing.
pub const IS_POSSIBLE: bool = cfg!(all(target_arch = "x86_64", not(miri)));

/// Asks for the cache line of an address, whatever stands there, if anything does.
#[inline(always)]
pub(crate) fn bring(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: SSE is part of x86-64, and a prefetch reads nothing that a program could see, of no matter what address.
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    // WebAssembly has no such instruction. A load whose result nobody wants does as much, if it is within the memory.
    #[cfg(target_arch = "wasm32")]
    if (address as usize) < core::arch::wasm32::memory_size(0) << 16 {
        // SAFETY: it may be of no allocation, but it is of the memory, and what stands there is not looked at.
        unsafe { address.read_volatile() };
    }
    #[cfg(not(any(target_arch = "wasm32", all(target_arch = "x86_64", not(miri)))))]
    let _ = address;
}
