//! The allocator: mimalloc, as Redis has jemalloc.
//!
//! A cache frees blocks in an order that has nothing to do with where they lie. The system's allocator joins freed neighbours and keeps what comes of it in
//! sorted lists, which takes longer the more pieces there are. Here blocks of a size share pages, and freeing one is a push on its page's list. Small entries have such
//! pages of their own (`keyspace/blocks`); members, fields and longer values come from here.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` and `mi_option_generic_collect` of mimalloc.h (its third version), for which its crate has no names; hence that crate is pinned.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
const GENERIC_COLLECT: libmimalloc_sys::mi_option_t = 34;

/// Has each page go back to the system as soon as it is empty. What is put off, and done for many of them together, stops the loop for
/// milliseconds: put 100 or 1000 here, and see ten million keys expire in `cargo xtask bench latency`. And it looks at all pages of the heap, which may be
/// very many, a hundred times less often.
pub fn never_stop() {
    // SAFETY: sets numbers of the allocator; nothing else runs yet.
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, 0);
        libmimalloc_sys::mi_option_set(GENERIC_COLLECT, 1_000_000);
    }
}

/// Whether the system may keep this process's memory in huge pages, where it leaves that to programs; memory that it has already stays as it is.
/// The allocator asks for them whatever the cache does, so it is the system that has to be told.
pub fn allow_huge_pages(yes: bool) {
    // A system that does not know the question has no huge pages to give.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(!yes);
    #[cfg(not(target_os = "linux"))]
    let _ = yes;
}
