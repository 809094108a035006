//! Queues of keys in the order of their coming, four bytes a key, and the memory of those that went.
//!
//! A place in a queue holds the upper half of the key's hash, by which the table finds the entry again; no pointer, so an entry may move. The
//! entry's mark holds the number of its place (its *ticket*), so a deleted key empties its place at once, and what stands in a place is never
//! mistaken for a younger key with the same hash.
//!
//! ```text
//!   mark of an entry   | ticket: chunk 11 bits, place 10 bits | main? 1 | uses 2 |
//!
//!   queue    front [ - - h h | h - h h | . . . . | h h ] back       chunks of 1,024; one in which nobody is left takes no memory
//! ```
//!
//! A chunk that deletions emptied by seven eighths gives its last keys to the back of the queue, and so does the first one where many behind it
//! are empty; so a queue takes 4 bytes a key, and below 40 whatever is deleted.

use crate::value::near;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Places of a chunk.
const CHUNK: usize = 1024;
/// Chunks have numbers below this in tickets.
const CHUNKS: usize = 1 << 11;
/// A chunk with fewer keys than this is given up. Each of them has to be looked up then; at a quarter that was a third of what deletions cost.
const SPARSE: usize = CHUNK / 8;

/// Uses that are counted.
pub const MOST_USES: u32 = 3;
const MAIN: u32 = 4;
const TICKET_AT: u32 = 3;

/// How often a key was used, by its mark.
#[inline]
pub fn uses(mark: u32) -> u32 {
    mark & MOST_USES
}

/// Whether a mark names a place of the main queue.
#[inline]
pub fn is_main(mark: u32) -> bool {
    mark & MAIN != 0
}

/// What remains of a mark when the key is used.
pub fn same_place(mark: u32, other: u32) -> bool {
    (mark ^ other) & !MOST_USES & 0x00ff_ffff == 0
}

#[derive(Default)]
struct Chunk {
    /// Upper halves of hashes.
    words: Vec<u32>,
    /// Which places are empty: a bit each. The words of keys that are gone stay, so that a deletion touches no more memory than this.
    gone: [u64; CHUNK / 64],
    live: usize,
}

impl Chunk {
    #[inline]
    fn is_gone(&self, place: usize) -> bool {
        self.gone.get(place.wrapping_div(64)).is_none_or(|bits| bits >> (place % 64) & 1 != 0)
    }

    /// Whether so few are left of a whole chunk that it is given up.
    #[inline]
    fn is_thin(&self) -> bool {
        self.words.len() >= CHUNK && self.live < SPARSE
    }

    /// Empties a place.
    #[inline]
    fn empty(&mut self, place: usize) {
        if let Some(bits) = self.gone.get_mut(place.wrapping_div(64)) {
            *bits |= 1 << (place % 64);
        }
        self.live = self.live.saturating_sub(1);
    }
}

/// One queue.
#[derive(Default)]
pub struct Fifo {
    chunks: VecDeque<Chunk>,
    /// Number of the first chunk.
    first: usize,
    /// Places of the first chunk that were taken out.
    head: usize,
    live: usize,
    /// Bytes of the entries in the queue.
    pub bytes: u64,
    heap: usize,
}

impl Fifo {
    /// Adds a key at the back; its ticket. Nothing where there is no memory.
    #[inline]
    fn push(&mut self, word: u32) -> Option<u32> {
        if self.chunks.back().is_none_or(|last| last.words.len() == last.words.capacity()) {
            self.make_place()?;
        }
        let number = self.first.wrapping_add(self.chunks.len()).wrapping_sub(1);
        let last = self.chunks.back_mut()?;
        let place = last.words.len();
        last.words.push(word);
        last.live = last.live.saturating_add(1);
        self.live = self.live.saturating_add(1);
        Some(ticket(number, place))
    }

    /// Makes a place at the back. Nothing where there is no memory.
    #[inline(never)]
    fn make_place(&mut self) -> Option<()> {
        if self.chunks.back().is_none_or(|last| last.words.len() >= CHUNK) {
            let before = self.chunks.capacity();
            self.chunks.try_reserve(1).ok()?;
            self.heap =
                self.heap.saturating_add(self.chunks.capacity().saturating_sub(before).saturating_mul(size_of::<Chunk>()));
            self.chunks.push_back(Chunk::default());
        }
        let is_first = self.chunks.len() == 1;
        let last = self.chunks.back_mut()?;
        let before = last.words.capacity();
        // The first one grows by doubling, to exactly a chunk in the end: most databases have few keys.
        last.words.try_reserve_exact(if is_first { before.max(4) } else { CHUNK.saturating_sub(before) }).ok()?;
        self.heap = self.heap.saturating_add(last.words.capacity().saturating_sub(before).saturating_mul(size_of::<u32>()));
        Some(())
    }

    /// Takes the key at the front: its word and ticket.
    #[inline]
    fn pop(&mut self) -> Option<(u32, u32)> {
        while let Some(chunk) = self.chunks.front_mut() {
            let Some(word) = chunk.words.get(self.head).copied().filter(|_| chunk.live > 0) else {
                self.drop_front();
                continue;
            };
            let place = self.head;
            self.head = place.saturating_add(1);
            if !chunk.is_gone(place) {
                chunk.empty(place);
                self.live = self.live.saturating_sub(1);
                return Some((word, ticket(self.first, place)));
            }
        }
        self.bytes = 0;
        None
    }

    #[inline(never)]
    fn drop_front(&mut self) {
        let Some(chunk) = self.chunks.pop_front() else { return };
        self.heap = self.heap.saturating_sub(chunk.words.capacity().saturating_mul(size_of::<u32>()));
        (self.first, self.head) = (self.first.wrapping_add(1), 0);
    }

    /// Where the place of a ticket is, if `word` stands there: chunk and place. More than two million places share numbers. `sure`: there is such a
    /// place, so that where only one has its number neither what stands there, which is a cache miss, need be known, nor the word.
    #[inline]
    fn find(&self, ticket: u32, sure: bool, word: impl FnOnce() -> u32) -> Option<(usize, usize)> {
        let (number, place) = ((ticket as usize).wrapping_div(CHUNK), (ticket as usize).wrapping_rem(CHUNK));
        let nearest = number.wrapping_sub(self.first) % CHUNKS;
        if sure && self.chunks.len().wrapping_sub(nearest) <= CHUNKS {
            return self.is_taken(nearest, place).then_some((nearest, place));
        }
        self.find_among(nearest, place, word(), sure).map(|chunk| (chunk, place))
    }

    #[inline]
    fn is_taken(&self, chunk: usize, place: usize) -> bool {
        self.chunks.get(chunk).is_some_and(|chunk| !chunk.is_gone(place))
    }

    /// Which chunk it is of this one and those behind it whose places have the same numbers.
    #[inline(never)]
    fn find_among(&self, nearest: usize, place: usize, word: u32, sure: bool) -> Option<usize> {
        let (mut last, mut taken) = (None, 0usize);
        for at in (nearest..self.chunks.len()).step_by(CHUNKS).filter(|&at| self.is_taken(at, place)) {
            (last, taken) = (Some(at), taken.wrapping_add(1));
        }
        if sure && taken == 1 {
            return last;
        }
        let stands = |at: &usize| self.chunks.get(*at).is_some_and(|chunk| chunk.words.get(place) == Some(&word));
        (nearest..self.chunks.len()).step_by(CHUNKS).find(|at| self.is_taken(*at, place) && stands(at))
    }

    /// Empties the place of a key that is gone, one that `find` gave. True where `tidy` has something to do.
    #[inline]
    fn erase(&mut self, at: usize, place: usize) -> bool {
        let Some(chunk) = self.chunks.get_mut(at) else { return false };
        chunk.empty(place);
        let is_thin = chunk.is_thin();
        self.live = self.live.saturating_sub(1);
        is_thin || self.has_too_many() || self.chunks.front().is_some_and(|chunk| chunk.live == 0)
    }

    /// Whether more chunks were given up than not, and wait for the first one.
    #[inline]
    fn has_too_many(&self) -> bool {
        self.chunks.len() > self.live.wrapping_div(SPARSE / 2).saturating_add(4)
    }

    /// Gives back what is to spare after a deletion from a chunk. Keys that lose their places by that are given out, words and tickets, to be pushed
    /// again.
    fn tidy(&mut self, at: usize) -> Vec<(u32, u32)> {
        let moved = if self.chunks.get(at).is_some_and(Chunk::is_thin) {
            self.give_up(at)
        } else if self.has_too_many() {
            self.give_up(0)
        } else {
            Vec::new()
        };
        while self.chunks.len() > 1 && self.chunks.front().is_some_and(|chunk| chunk.live == 0) {
            self.drop_front();
        }
        moved
    }

    fn give_up(&mut self, at: usize) -> Vec<(u32, u32)> {
        let chunk = self.chunks.get_mut(at).map(core::mem::take).unwrap_or_default();
        self.live = self.live.saturating_sub(chunk.live);
        self.heap = self.heap.saturating_sub(chunk.words.capacity().saturating_mul(size_of::<u32>()));
        let number = self.first.wrapping_add(at);
        let left = chunk.words.iter().enumerate().filter(|(place, _)| !chunk.is_gone(*place));
        left.map(|(place, word)| (*word, ticket(number, place))).collect()
    }
}

#[inline]
fn ticket(number: usize, place: usize) -> u32 {
    ((number % CHUNKS).wrapping_mul(CHUNK).wrapping_add(place)) as u32
}

/// Hashes of keys that left the small queue: buckets of four, each with sixteen bits of a hash and of the time. A key that comes back while it
/// is remembered has shown that it is wanted.
#[derive(Default)]
struct Ghost {
    /// The slots, a page at a time: each is made when the first key goes there, as room for a million keys would stop the engine for milliseconds.
    pages: Vec<Vec<u32>>,
    /// Slots of all pages, be they made or not.
    slots: usize,
    /// Bytes of the pages that are made, and of what lists them.
    heap: usize,
    /// Keys that went in.
    clock: u32,
    /// A unit of the time is so many of them, as a power of two.
    shift: u32,
}

const WAYS: usize = 4;
/// Slots of a page.
const PAGE: usize = 1024;

impl Ghost {
    /// The page of a key, and where in it the key's bucket begins.
    #[inline]
    fn place(&self, word: u32) -> (usize, usize) {
        let buckets = self.slots.wrapping_div(WAYS) as u64;
        let slot = (((u64::from(word).wrapping_mul(buckets)) >> 32) as usize).wrapping_mul(WAYS);
        (slot.wrapping_div(PAGE), slot % PAGE)
    }

    /// The bucket of a key; empty where its page was never made.
    #[inline]
    fn bucket(&mut self, word: u32) -> &mut [u32] {
        let (page, at) = self.place(word);
        let page = self.pages.get_mut(page).map_or(&mut [][..], Vec::as_mut_slice);
        page.get_mut(at..).and_then(|slots| slots.get_mut(..WAYS)).unwrap_or(&mut [])
    }

    /// Has a key's bucket brought near.
    #[inline]
    fn bring_near(&self, word: u32) {
        let (page, at) = self.place(word);
        if let Some(page) = self.pages.get(page) {
            near::bring(page.as_ptr().wrapping_add(at).cast());
        }
    }

    /// Makes the page that a key belongs to, if there is memory.
    #[inline(never)]
    fn make_page(&mut self, word: u32) {
        let (at, _) = self.place(word);
        let Some(page) = self.pages.get_mut(at).filter(|page| page.is_empty()) else { return };
        let slots = PAGE.min(self.slots);
        if page.try_reserve_exact(slots).is_ok() {
            page.resize(slots, 0);
            self.heap = self.heap.saturating_add(page.capacity().saturating_mul(size_of::<u32>()));
        }
    }

    /// Begins anew, empty, with room for `wanted` keys: that happens while a cache fills.
    #[inline(never)]
    fn begin(&mut self, wanted: usize) {
        *self = Self::default();
        let pages = wanted.div_ceil(PAGE);
        if self.pages.try_reserve_exact(pages).is_err() {
            return;
        }
        self.pages.resize_with(pages, Vec::new);
        self.heap = self.pages.capacity().wrapping_mul(size_of::<Vec<u32>>());
        self.slots = wanted;
        self.shift = (wanted.ilog2()).saturating_sub(12);
    }

    #[inline]
    fn age(now: u32, slot: u32) -> u32 {
        now.wrapping_sub(slot >> 16) & 0xffff
    }

    /// Remembers a key, beside `keys` that are kept: as many are remembered.
    #[inline]
    fn insert(&mut self, word: u32, keys: usize) {
        let wanted = keys.saturating_add(keys.wrapping_div(4)).next_multiple_of(WAYS).max(4 * WAYS);
        if keys > self.slots || wanted < self.slots.wrapping_div(8) {
            self.begin(wanted);
        }
        self.make_page(word);
        self.clock = self.clock.wrapping_add(1);
        let now = self.clock >> self.shift;
        let slot = self.bucket(word).iter_mut().max_by_key(|slot| if **slot == 0 { u32::MAX } else { Self::age(now, **slot) });
        if let Some(slot) = slot {
            *slot = (now << 16) | (word & 0xffff);
        }
    }

    /// Whether a key is remembered; it is forgotten by that.
    #[inline]
    fn take(&mut self, word: u32) -> bool {
        let (now, oldest) = (self.clock >> self.shift, (self.slots >> self.shift) as u32);
        let is = |slot: &&mut u32| **slot != 0 && **slot & 0xffff == word & 0xffff && Self::age(now, **slot) <= oldest;
        self.bucket(word).iter_mut().find(is).map(core::mem::take).is_some()
    }
}

/// The queues of one database.
#[derive(Default)]
pub struct Queues {
    small: Fifo,
    main: Fifo,
    ghost: Ghost,
    /// Something had to go already.
    full: bool,
    /// Keys from here on in the order of SCAN may be in no queue yet.
    pub cursor: Option<u64>,
    /// Some key may be in no queue although it should be.
    pub unplaced: bool,
}

impl Queues {
    #[inline]
    pub fn memory(&self) -> u64 {
        self.small.heap.wrapping_add(self.main.heap).wrapping_add(self.ghost.heap) as u64
    }

    #[inline]
    fn of(&mut self, mark: u32) -> &mut Fifo {
        if is_main(mark) { &mut self.main } else { &mut self.small }
    }

    /// Frees up to `budget` chunks of queues that nobody asks anything more; true once all is freed.
    pub fn free_some(&mut self, budget: usize) -> bool {
        for _ in 0..budget {
            let queue = if self.small.chunks.is_empty() { &mut self.main } else { &mut self.small };
            if queue.chunks.is_empty() {
                *self = Self::default();
                return true;
            }
            queue.drop_front();
        }
        false
    }

    /// Puts a key behind the others of a queue; the mark that says so. `None` where there is no memory.
    #[inline]
    pub fn push(&mut self, main: bool, word: u32, uses: u32, bytes: u64) -> Option<u32> {
        let flag = if main { MAIN } else { 0 };
        let queue = self.of(flag);
        let Some(ticket) = queue.push(word) else {
            self.unplaced = true;
            return None;
        };
        queue.bytes = queue.bytes.saturating_add(bytes);
        Some(ticket << TICKET_AT | flag | uses)
    }

    /// Puts a new key into the small queue, or into the main one if it is remembered. While there is room for all, the queues get their shares.
    #[inline]
    pub fn push_new(&mut self, word: u32, bytes: u64) -> Option<u32> {
        let main = if self.full { self.ghost.take(word) } else { self.small.bytes.wrapping_mul(9) >= self.main.bytes };
        self.push(main, word, 0, bytes)
    }

    /// Whether the small queue has more than a tenth of the bytes.
    #[inline]
    fn small_is_large(&self) -> bool {
        self.small.bytes.wrapping_mul(9) > self.main.bytes
    }

    /// Takes the next key to be judged: its word, and its mark without uses. The small queue is next while it has more than a tenth of the bytes.
    #[inline]
    pub fn pop(&mut self) -> Option<(u32, u32)> {
        self.full = true;
        let order = if self.small_is_large() || self.main.live == 0 { [0, MAIN] } else { [MAIN, 0] };
        order.into_iter().find_map(|flag| {
            let (word, ticket) = self.of(flag).pop()?;
            Some((word, ticket << TICKET_AT | flag))
        })
    }

    /// Has brought near what giving a new key its place will look at, and says which key is to be judged next.
    #[inline]
    pub fn bring_near(&self, word: u32) -> Option<u32> {
        if !self.full {
            return None;
        }
        self.ghost.bring_near(word);
        let queue = if self.small_is_large() { &self.small } else { &self.main };
        let next = *queue.chunks.front()?.words.get(queue.head)?;
        self.ghost.bring_near(next);
        Some(next)
    }

    /// Remembers a key that goes.
    #[inline]
    pub fn remember(&mut self, word: u32, keys: usize) {
        self.ghost.insert(word, keys);
    }

    /// Books that an entry in a queue grew or shrank, or left it (`after` is 0).
    #[inline]
    pub fn weigh(&mut self, mark: u32, before: u64, after: u64) {
        let queue = self.of(mark);
        queue.bytes = queue.bytes.saturating_add(after).saturating_sub(before);
    }

    /// Whether the key has the place that its mark names.
    pub fn holds(&mut self, mark: u32, word: u32) -> bool {
        self.of(mark).find(mark >> TICKET_AT, false, || word).is_some()
    }

    /// Takes out a key that is gone, if it has a place. `all`: all keys of the database should have one. The chunk that [`Queues::tidy`] is to be
    /// called with, if any.
    #[inline]
    pub fn erase(&mut self, mark: u32, bytes: u64, all: bool, word: impl FnOnce() -> u32) -> Option<usize> {
        let sure = all && !self.unplaced;
        let queue = self.of(mark);
        let (at, place) = queue.find(mark >> TICKET_AT, sure, word)?;
        queue.bytes = queue.bytes.saturating_sub(bytes);
        queue.erase(at, place).then_some(at)
    }

    /// Gives memory back of the queue that a mark names. Keys that lose their places by that are returned, words and marks.
    pub fn tidy(&mut self, mark: u32, at: usize) -> Vec<(u32, u32)> {
        let flag = mark & MAIN;
        let mut moved = self.of(flag).tidy(at);
        moved.iter_mut().for_each(|(_, ticket)| *ticket = *ticket << TICKET_AT | flag);
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_known_until_as_many_came_after_it() {
        for keys in [1000usize, 5000, 100_000] {
            let mut ghost = Ghost::default();
            let word = |nth: usize| (nth as u32).wrapping_add(1).wrapping_mul(0x9e37_79b9);
            ghost.insert(word(0), keys);
            assert!(ghost.heap < 20_000, "memory comes with what is remembered");
            assert!(ghost.take(word(0)) && !ghost.take(word(0)));
            (0..2 * keys).for_each(|nth| ghost.insert(word(nth), keys));
            let known = |from: usize, ghost: &mut Ghost| (from..from + keys).filter(|&nth| ghost.take(word(nth))).count();
            assert!(known(0, &mut ghost) <= keys / 2, "the older half of {keys}");
            let newer = known(keys, &mut ghost);
            assert!(newer >= keys / 2, "{newer} of the newer {keys}");
            assert_eq!(
                ghost.heap,
                ghost.pages.capacity() * size_of::<Vec<u32>>()
                    + ghost.pages.iter().map(|page| page.capacity() * 4).sum::<usize>()
            );
        }
    }
}
