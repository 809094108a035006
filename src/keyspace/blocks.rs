//! The memory that entries lie in: small blocks lie in pages of blocks of one size.
//!
//! ```text
//!                                                        64-bit addresses            WebAssembly
//!   region   64 pages from the allocator                 2 MiB, a huge page          1 MiB
//!            (the first eight are small)                 256 KiB                     256 KiB
//!     page   [ shade | head | block | block | ... ]      32 KiB, multiples of 8      16 KiB, multiples of 4
//! ```
//!
//! A general allocator keeps a header beside each block, and joins a freed one with its neighbours: at a million keys each of these looks at memory that
//! nobody had asked for. Here a freed block is put in front of its page's list, and a page whose blocks are all free goes
//! back to its region, for blocks of any size. Huge pages spare the processor the walk through the page tables that most reads of a large cache begin with.
//!
//! The heads of pages would all lie in the same few sets of the processor's cache if they lay where pages begin: so each lies a bit further on, by its *shade*.
//!
//! An entry is freed where it lies, by whoever took it out of the table: no call needs more than the block itself.

use crate::value::{OutOfMemory, near};
use alloc::alloc::{Layout, alloc, dealloc};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr::{self, NonNull};

/// Where addresses have 32 bits, as in WebAssembly, caches are smaller, and so are pages.
const IS_NARROW: bool = cfg!(target_pointer_width = "32");
const PAGE: usize = if IS_NARROW { 1 << 14 } else { 1 << 15 };
const HEAD: usize = size_of::<Page>();
/// Bytes of a line of the processor's cache.
const LINE: usize = 64;
const SHADES: usize = if IS_NARROW { 2 } else { 16 };
/// Sizes go by this.
const STEP: usize = if IS_NARROW { 4 } else { 8 };
/// Larger blocks are the allocator's own affair: few fit on a page, and what it adds to one of them matters less.
const LARGEST: usize = if IS_NARROW { 256 } else { 512 };
const SIZES: usize = LARGEST / STEP;
/// Pages of a region: one bit of a word each.
const PAGES: u32 = 64;
const HUGE: usize = PAGE * PAGES as usize;
/// A cache that is small does not hold a whole region for it. In WebAssembly these are not so small that they would be made of the last memory, which is kept
/// for other things (`pkg/crate/src/memory.rs`).
const FEW_PAGES: u32 = if IS_NARROW { 16 } else { 8 };
/// So many regions are small.
const SMALL_REGIONS: usize = 8;
/// The place of a region that is not open.
const NOWHERE: u32 = u32::MAX;

/// What stands on each page in front of its blocks. Behind a whole line, blocks of 64 bytes lie on one line each.
#[cfg_attr(target_pointer_width = "64", repr(C, align(64)))]
#[cfg_attr(not(target_pointer_width = "64"), repr(C))]
struct Page {
    pool: NonNull<Pool>,
    /// The block that was freed last. Each of them begins with the address of the one freed before it.
    freed: *mut u8,
    /// Neighbours among the pages of this size that have room.
    next: *mut Page,
    previous: *mut Page,
    /// Behind the last block that was ever used, from the page's beginning.
    fresh: u32,
    live: u32,
    size: u32,
    region: u32,
    has_room: bool,
}

const _: () = assert!(HEAD <= LINE);

struct Region {
    start: NonNull<u8>,
    pages: u32,
    /// Pages that are not in use.
    free: u64,
    /// Its place in `Pool::open`, or `NOWHERE`.
    place: u32,
    /// It stands in `Pool::emptied`.
    is_emptied: bool,
}

impl Region {
    fn layout(pages: u32) -> Option<Layout> {
        let (size, align) = ((pages as usize).wrapping_mul(PAGE), if pages == PAGES && !IS_NARROW { HUGE } else { PAGE });
        Layout::from_size_align(size, align).ok()
    }

    fn all(pages: u32) -> u64 {
        u64::MAX.wrapping_shr(PAGES.wrapping_sub(pages))
    }

    fn is_empty(&self) -> bool {
        self.free == Self::all(self.pages)
    }
}

struct Pool {
    /// By size, a page that has room.
    rooms: [*mut Page; SIZES],
    /// A place stays a region's; those of regions that went are in `vacant`.
    regions: Vec<Option<Region>>,
    vacant: Vec<u32>,
    /// Regions with free pages.
    open: Vec<u32>,
    /// Regions of which all pages were free; in some of them none may be by now.
    emptied: Vec<u32>,
    /// Regions of which all pages are free.
    empty: u32,
    is_huge: bool,
}

/// The blocks of one keyspace. New ones allocate nothing.
pub(super) struct Blocks {
    pool: Option<NonNull<Pool>>,
}

/// Asks for huge pages where the system leaves that to programs.
fn make_huge(start: NonNull<u8>, size: usize) {
    #[cfg(all(feature = "std", target_os = "linux", not(miri)))]
    // SAFETY: the range is one allocation, and what lies there does not change.
    let _ = unsafe { rustix::mm::madvise(start.as_ptr().cast(), size, rustix::mm::Advice::LinuxHugepage) };
    #[cfg(not(all(feature = "std", target_os = "linux", not(miri))))]
    let _ = (start, size);
}

/// How far into its page the head lies.
#[inline]
fn shade(page: usize) -> usize {
    page.wrapping_div(PAGE).wrapping_rem(SHADES).wrapping_mul(LINE)
}

/// The head of the page that starts here.
#[inline]
unsafe fn head_at(page: *mut u8) -> *mut Page {
    // SAFETY: shades and head are less than a page.
    unsafe { page.add(shade(page.addr())).cast() }
}

#[inline]
fn start_of(block: *mut u8) -> *mut u8 {
    block.map_addr(|address| address & !PAGE.wrapping_sub(1))
}

#[inline]
fn class_of(size: usize) -> usize {
    size.wrapping_sub(1).wrapping_div(STEP)
}

impl Page {
    #[inline]
    fn is_full(&self) -> bool {
        self.freed.is_null() && self.fresh.wrapping_add(self.size) as usize > PAGE
    }
}

impl Pool {
    /// The list of a size.
    #[inline]
    fn room(&mut self, class: usize) -> &mut *mut Page {
        // Sizes are looked at before they come here.
        #[allow(clippy::indexing_slicing)]
        &mut self.rooms[class]
    }

    #[inline]
    unsafe fn allocate(pool: NonNull<Self>, class: usize) -> Option<NonNull<u8>> {
        // SAFETY: pages in a list are in use and have room; a block that was freed holds an address.
        unsafe {
            let mut page = *(*pool.as_ptr()).room(class);
            if page.is_null() {
                page = Self::open_page(pool, class).ok()?;
            }
            let head = &mut *page;
            let block = if head.freed.is_null() {
                let block = start_of(page.cast()).add(head.fresh as usize);
                head.fresh = head.fresh.wrapping_add(head.size);
                block
            } else {
                let block = head.freed;
                head.freed = block.cast::<*mut u8>().read();
                block
            };
            head.live = head.live.wrapping_add(1);
            if head.is_full() {
                (*pool.as_ptr()).unlist(page);
            }
            NonNull::new(block)
        }
    }

    /// Gives a size another page.
    #[inline(never)]
    unsafe fn open_page(pool: NonNull<Self>, class: usize) -> Result<*mut Page, OutOfMemory> {
        // SAFETY: the page is not in use.
        unsafe {
            let (start, region) = (*pool.as_ptr()).take_page()?;
            // Where nobody calls `tick`, new keys give back what old ones had.
            (*pool.as_ptr()).give_back_region();
            let page = head_at(start);
            let fresh = shade(start.addr()).wrapping_add(HEAD) as u32;
            let size = class.wrapping_add(1).wrapping_mul(STEP) as u32;
            let (next, previous, freed) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
            page.write(Page { pool, freed, next, previous, fresh, live: 0, size, region, has_room: false });
            (*pool.as_ptr()).list(page);
            Ok(page)
        }
    }

    /// A free page, and its region.
    fn take_page(&mut self) -> Result<(*mut u8, u32), OutOfMemory> {
        if self.open.is_empty() {
            self.open_region()?;
        }
        let index = *self.open.last().ok_or(OutOfMemory)?;
        let region = self.region(index).ok_or(OutOfMemory)?;
        let was_empty = region.is_empty();
        let page = region.free.trailing_zeros();
        region.free &= region.free.wrapping_sub(1);
        let (start, is_used_up) = (region.start, region.free == 0);
        if is_used_up {
            region.place = NOWHERE;
            self.open.pop();
        }
        self.empty = self.empty.wrapping_sub(u32::from(was_empty));
        // SAFETY: the region has so many pages.
        Ok((unsafe { start.as_ptr().add((page as usize).wrapping_mul(PAGE)) }, index))
    }

    fn region(&mut self, index: u32) -> Option<&mut Region> {
        self.regions.get_mut(index as usize)?.as_mut()
    }

    /// A region more, as large as there is memory for.
    fn open_region(&mut self) -> Result<(), OutOfMemory> {
        let is_small = self.regions.len().wrapping_sub(self.vacant.len()) < SMALL_REGIONS;
        if is_small || self.add_region(PAGES).is_err() { self.add_region(FEW_PAGES) } else { Ok(()) }
    }

    fn add_region(&mut self, pages: u32) -> Result<(), OutOfMemory> {
        // First all that may be refused. What is freed later needs no memory for it.
        let most = self.regions.len().wrapping_add(1);
        self.regions.try_reserve(1)?;
        self.vacant.try_reserve(most.saturating_sub(self.vacant.len()))?;
        self.open.try_reserve(most.saturating_sub(self.open.len()))?;
        self.emptied.try_reserve(most.saturating_sub(self.emptied.len()))?;
        let layout = Region::layout(pages).ok_or(OutOfMemory)?;
        // SAFETY: the size is not 0.
        let start = NonNull::new(unsafe { alloc(layout) }).ok_or(OutOfMemory)?;
        if pages == PAGES && self.is_huge && !IS_NARROW {
            make_huge(start, HUGE);
        }
        let region = Region { start, pages, free: Region::all(pages), place: self.open.len() as u32, is_emptied: false };
        let index = self.vacant.pop().unwrap_or(self.regions.len() as u32);
        match self.regions.get_mut(index as usize) {
            Some(place) => *place = Some(region),
            None => self.regions.push(Some(region)),
        }
        self.open.push(index);
        self.empty = self.empty.wrapping_add(1);
        Ok(())
    }

    /// Puts a page in front of those that have room.
    unsafe fn list(&mut self, page: *mut Page) {
        // SAFETY: all of these pages are in use.
        unsafe {
            let room = self.room(class_of((*page).size as usize));
            ((*page).next, (*page).previous, (*page).has_room) = (*room, ptr::null_mut(), true);
            if !(*room).is_null() {
                (**room).previous = page;
            }
            *room = page;
        }
    }

    unsafe fn unlist(&mut self, page: *mut Page) {
        // SAFETY: all of these pages are in use.
        unsafe {
            let (next, previous) = ((*page).next, (*page).previous);
            if !next.is_null() {
                (*next).previous = previous;
            }
            if previous.is_null() {
                *self.room(class_of((*page).size as usize)) = next;
            } else {
                (*previous).next = next;
            }
            (*page).has_room = false;
        }
    }

    /// What follows from a block that was freed, where its page was full or now is empty.
    #[inline(never)]
    unsafe fn turn(&mut self, page: *mut Page) {
        // SAFETY: the page is in use.
        unsafe {
            if !(*page).has_room {
                self.list(page);
            }
            if (*page).live == 0 {
                self.unlist(page);
                self.give_back(start_of(page.cast()), (*page).region);
            }
        }
    }

    /// Gives a page back to its region.
    fn give_back(&mut self, page: *mut u8, index: u32) {
        let next = self.open.len() as u32;
        let Some(region) = self.region(index) else { return };
        let at = page.addr().wrapping_sub(region.start.addr().get()).wrapping_div(PAGE);
        region.free |= 1u64.wrapping_shl(at as u32);
        let is_empty = region.is_empty();
        if region.place == NOWHERE {
            region.place = next;
            self.open.push(index);
        }
        if is_empty {
            self.note_empty(index);
        }
        // Where no system has to be asked, that takes no time that would have to be waited for.
        if IS_NARROW {
            self.give_back_region();
        }
    }

    fn note_empty(&mut self, index: u32) {
        self.empty = self.empty.wrapping_add(1);
        let Some(region) = self.region(index) else { return };
        if !core::mem::replace(&mut region.is_emptied, true) {
            self.emptied.push(index);
        }
    }

    /// Whether there are regions to give back: one that is empty is kept.
    fn has_spare(&self) -> bool {
        self.empty > 1
    }

    /// Gives one region back to the allocator, if there is one to spare.
    fn give_back_region(&mut self) {
        while self.has_spare()
            && let Some(index) = self.emptied.pop()
        {
            let Some(region) = self.region(index) else { continue };
            region.is_emptied = false;
            if region.is_empty() {
                self.empty = self.empty.wrapping_sub(1);
                return self.remove_region(index);
            }
        }
    }

    fn remove_region(&mut self, index: u32) {
        let Some(region) = self.regions.get_mut(index as usize).and_then(Option::take) else { return };
        let place = region.place as usize;
        self.open.swap_remove(place);
        if let Some(moved) = self.open.get(place).copied()
            && let Some(moved) = self.region(moved)
        {
            moved.place = place as u32;
        }
        self.vacant.push(index);
        free_region(region);
    }
}

fn free_region(region: Region) {
    if let Some(layout) = Region::layout(region.pages) {
        // SAFETY: it was allocated so, and nobody uses its pages.
        unsafe { dealloc(region.start.as_ptr(), layout) };
    }
}

impl Blocks {
    pub(super) fn new() -> Self {
        Self { pool: None }
    }

    /// Whether large caches ask for huge pages. Regions that are there stay as they are.
    pub(super) fn use_huge_pages(&mut self, yes: bool) {
        if IS_NARROW {
            return;
        }
        let pool = self.pool.unwrap_or_else(|| self.begin());
        // SAFETY: the pool lives as long as this.
        unsafe { (*pool.as_ptr()).is_huge = yes };
    }

    /// Whether memory waits to be given back to the allocator.
    pub(super) fn has_spare(&self) -> bool {
        // SAFETY: the pool lives as long as this.
        !IS_NARROW && self.pool.is_some_and(|pool| unsafe { pool.as_ref() }.has_spare())
    }

    /// Gives back a part of it, of two megabytes at most: each takes the system a while, and at the end of a flush all of it becomes free at once.
    pub(super) fn give_back_some(&mut self) {
        if let Some(pool) = self.pool.filter(|_| !IS_NARROW) {
            // SAFETY: the pool lives as long as this.
            unsafe { (*pool.as_ptr()).give_back_region() };
        }
    }

    /// Whether a block of any size up to this one can be had; what it is made of is asked for.
    pub(super) fn has_room(&mut self, bytes: usize) -> bool {
        let pool = self.pool.unwrap_or_else(|| self.begin());
        // SAFETY: the pool lives as long as this.
        let has_page = unsafe { !(*pool.as_ptr()).open.is_empty() || (*pool.as_ptr()).open_region().is_ok() };
        has_page && (bytes <= LARGEST || Vec::<u8>::new().try_reserve_exact(bytes).is_ok())
    }

    /// A block of so many bytes at a multiple of [`STEP`], whatever alignment the layout names.
    ///
    /// # Safety
    /// The size is not 0.
    #[inline]
    pub(super) unsafe fn allocate(&mut self, layout: Layout) -> Option<NonNull<u8>> {
        // SAFETY: as the caller promises.
        unsafe {
            if layout.size() > LARGEST {
                return NonNull::new(alloc(layout));
            }
            let pool = match self.pool {
                Some(pool) => pool,
                None => self.begin(),
            };
            Pool::allocate(pool, class_of(layout.size()))
        }
    }

    #[inline(never)]
    fn begin(&mut self) -> NonNull<Pool> {
        let pool = Pool {
            rooms: [ptr::null_mut(); SIZES],
            regions: Vec::new(),
            vacant: Vec::new(),
            open: Vec::new(),
            emptied: Vec::new(),
            empty: 0,
            is_huge: true,
        };
        let pool = NonNull::from(Box::leak(Box::new(pool)));
        self.pool = Some(pool);
        pool
    }

    /// Asks for the memory that freeing a block of this size will look at: the head of its page, or what lies behind a larger one.
    #[inline]
    pub(super) fn will_free(block: NonNull<u8>, size: u64) {
        let block = block.as_ptr();
        if size <= LARGEST as u64 {
            let page = start_of(block);
            return near::bring(page.wrapping_add(shade(page.addr())));
        }
        near::bring(block.wrapping_add(size as usize).wrapping_add(size_of::<usize>()));
    }

    /// # Safety
    /// The block came from `allocate` with this layout, and is not used any more; the `Blocks` it came from is still there.
    #[inline]
    pub(super) unsafe fn free(block: NonNull<u8>, layout: Layout) {
        // SAFETY: as the caller promises: the block lies on a page in use, or is one of the allocator.
        unsafe {
            if layout.size() > LARGEST {
                return dealloc(block.as_ptr(), layout);
            }
            let page = head_at(start_of(block.as_ptr()));
            let head = &mut *page;
            block.as_ptr().cast::<*mut u8>().write(head.freed);
            head.freed = block.as_ptr();
            head.live = head.live.wrapping_sub(1);
            if !head.has_room || head.live == 0 {
                let pool = head.pool;
                (*pool.as_ptr()).turn(page);
            }
        }
    }

    /// Bytes that are taken from the allocator for blocks of up to [`LARGEST`] bytes, and what these are called in the ledger: those of `blocks`.
    pub(super) fn overhead(&self, blocks: impl Iterator<Item = u64>) -> u64 {
        let Some(pool) = self.pool else { return 0 };
        // SAFETY: the pool lives as long as this, and nobody changes it meanwhile.
        let pool = unsafe { pool.as_ref() };
        let regions = pool.regions.iter().flatten().map(|region| u64::from(region.pages).wrapping_mul(PAGE as u64));
        let lists = pool.regions.capacity().wrapping_mul(size_of::<Option<Region>>());
        let numbers = [&pool.vacant, &pool.open, &pool.emptied].map(|list| list.capacity().wrapping_mul(size_of::<u32>()));
        let own = numbers.into_iter().fold(size_of::<Pool>().wrapping_add(lists), usize::wrapping_add) as u64;
        let within = blocks.filter(|bytes| *bytes <= LARGEST as u64);
        regions.fold(own, u64::wrapping_add).wrapping_sub(within.fold(0, u64::wrapping_add))
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        let Some(pool) = self.pool.take() else { return };
        // SAFETY: it was leaked by `begin`, and no entry is left that would look for it.
        let pool = unsafe { Box::from_raw(pool.as_ptr()) };
        pool.regions.into_iter().flatten().for_each(free_region);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// A block, and what is written in each byte of it.
    struct Held {
        block: NonNull<u8>,
        layout: Layout,
        mark: u8,
    }

    impl Held {
        fn new(blocks: &mut Blocks, size: usize, mark: u8) -> Self {
            let layout = Layout::from_size_align(size, 8).unwrap();
            // SAFETY: the size is not 0, and the block is as large.
            unsafe {
                let block = blocks.allocate(layout).unwrap();
                block.write_bytes(mark, size);
                Self { block, layout, mark }
            }
        }

        fn is_whole(&self) -> bool {
            // SAFETY: the block is held.
            unsafe { core::slice::from_raw_parts(self.block.as_ptr(), self.layout.size()) }.iter().all(|byte| *byte == self.mark)
        }

        fn free(self) {
            // SAFETY: it goes with this.
            unsafe { Blocks::free(self.block, self.layout) };
        }
    }

    fn regions(blocks: &Blocks) -> usize {
        blocks.pool.map_or(0, |pool| unsafe { pool.as_ref() }.regions.iter().flatten().count())
    }

    /// Gives back all there is to spare, a region at a time.
    fn give_back_all(blocks: &mut Blocks) {
        while blocks.has_spare() {
            let before = regions(blocks);
            blocks.give_back_some();
            assert_eq!(regions(blocks), before - 1);
        }
    }

    #[test]
    fn nobody_writes_into_the_block_of_another() {
        let steps = if cfg!(miri) { 3_000 } else { 300_000 };
        for seed in 0..4 {
            let (mut blocks, mut rng, mut held) = (Blocks::new(), Rng::new(seed), Vec::new());
            let mut below = |limit: u64| rng.draw() % limit;
            for step in 0..steps {
                // By turns it grows and shrinks.
                let grows = (step / (steps / 6)) % 2 == 0;
                if held.is_empty() || below(100) < if grows { 70 } else { 30 } {
                    let size = if below(50) == 0 { LARGEST as u64 + 1 + below(3000) } else { 9 + below(LARGEST as u64 - 8) };
                    held.push(Held::new(&mut blocks, size as usize, step as u8));
                } else {
                    let one: Held = held.swap_remove(below(held.len() as u64) as usize);
                    assert!(one.is_whole(), "seed {seed}, step {step}");
                    one.free();
                }
            }
            assert!(held.iter().all(Held::is_whole), "seed {seed}");
            assert!(held.iter().all(|one| one.block.addr().get() % STEP == 0));
            held.into_iter().for_each(Held::free);
            give_back_all(&mut blocks);
            assert!(regions(&blocks) <= 1, "seed {seed}: {} regions of nothing", regions(&blocks));
        }
    }

    #[test]
    fn pages_of_one_size_serve_another_once_they_are_empty() {
        let mut blocks = Blocks::new();
        let fill = |blocks: &mut Blocks, size: usize| -> Vec<Held> {
            (0..1_280_000 / size).map(|_| Held::new(blocks, size, 1)).collect()
        };
        let first = fill(&mut blocks, 64);
        let most = regions(&blocks);
        first.into_iter().for_each(Held::free);
        for size in [72, 80, 64, 40] {
            let held = fill(&mut blocks, size);
            assert!(regions(&blocks) <= most + 1, "{} regions of {size} bytes, {most} of 64", regions(&blocks));
            held.into_iter().rev().for_each(Held::free);
        }
        give_back_all(&mut blocks);
        assert_eq!(regions(&blocks), 1);
    }

    #[test]
    fn new_blocks_give_back_what_others_had() {
        let mut blocks = Blocks::new();
        let held: Vec<Held> = (0..20_000).map(|_| Held::new(&mut blocks, LARGEST, 1)).collect();
        let most = regions(&blocks);
        held.into_iter().for_each(Held::free);
        let left = if IS_NARROW { 1 } else { most };
        assert_eq!(regions(&blocks), left, "freeing stops for the system's regions, and for no others");
        let held: Vec<Held> = (0..2_000).map(|_| Held::new(&mut blocks, LARGEST, 1)).collect();
        assert!(regions(&blocks) < most);
        held.into_iter().for_each(Held::free);
    }

    #[test]
    fn what_is_taken_beyond_the_blocks_is_known() {
        let mut blocks = Blocks::new();
        assert_eq!(blocks.overhead(core::iter::empty()), 0);
        let held: Vec<Held> = (0..1_000).map(|_| Held::new(&mut blocks, 100, 1)).collect();
        let overhead = blocks.overhead(held.iter().map(|one| one.layout.size() as u64));
        let own = blocks.overhead(core::iter::empty());
        assert_eq!(own - overhead, 100_000);
        // A small cache does not take megabytes.
        assert!(own < 300_000, "{own}");
        held.into_iter().for_each(Held::free);
    }

    #[test]
    fn huge_pages_are_taken_by_large_caches_alone() {
        let mut blocks = Blocks::new();
        let small = PAGE * FEW_PAGES as usize;
        let mut held = Vec::new();
        while regions(&blocks) <= SMALL_REGIONS {
            held.push(Held::new(&mut blocks, LARGEST, 1));
        }
        let taken = held.len() * LARGEST;
        assert!(taken > small * (SMALL_REGIONS - 1) && taken <= small * SMALL_REGIONS, "{taken}");
        let pool = unsafe { blocks.pool.unwrap().as_ref() };
        let last = pool.regions.last().unwrap().as_ref().unwrap();
        assert_eq!((last.pages, last.start.addr().get() % if IS_NARROW { PAGE } else { HUGE }), (PAGES, 0));
        if cfg!(all(target_pointer_width = "64", feature = "std", target_os = "linux", not(miri))) {
            is_advised(last.start.addr().get());
        }
        held.into_iter().for_each(Held::free);
    }

    /// The system knows that the memory at an address may lie in huge pages. Says nothing where it has none.
    fn is_advised(address: usize) {
        extern crate std;
        if !std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
            return;
        }
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let bound = |text: &str| usize::from_str_radix(text, 16).ok();
        let range = |line: &str| {
            line.split(' ').next().and_then(|range| range.split_once('-')).and_then(|(a, b)| Some(bound(a)?..bound(b)?))
        };
        let flags = maps.lines().skip_while(|line| !range(line).is_some_and(|range| range.contains(&address)));
        let flags = { flags }.find(|line| line.starts_with("VmFlags:")).unwrap();
        assert!(flags.split(' ').any(|flag| flag == "hg"), "{flags}");
    }
}
