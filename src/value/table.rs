//! The index under the keyspace and under every large hash and set: from a 64-bit hash to a blob on the heap, 8 bytes a slot.
//!
//! The table owns slots, never what they point to. It knows nothing of keys: the caller says by a closure whether a blob is the one
//! it looks for, and gives each blob's hash again when asked. It is not generic, so one compiled copy serves every owner.
//!
//! ```text
//!   hash:  | directory bits | tag: 16 bits ......  | the rest |        (in WebAssembly 14 bits)
//!
//!   directory  [ 0 0 1 2 ]          top bits of the hash -> segment, several entries may name one segment
//!                |   | |
//!   segment      s0  s1 s2          up to 896 entries, grows alone, splits alone
//!
//!   slots of one segment, sorted by tag; `homes` = how many places a tag can call home
//!      home(tag) = tag * homes >> 16
//!      [ tag|address  tag|address  -  tag|address  -  -  tag|address ]
//!        48..64 0..48                                     ^ the last few slots are nobody's home: they take the overflow
//!
//!   in WebAssembly  [ tag|note|address / 4 ]
//!                   50..64 30..50 0..30
//! ```
//!
//! **Order is the idea.** A segment keeps its slots in the order of their tags (linear probing where a newcomer pushes the larger ones
//! one place to the right), so everything in the table is ordered by the leading bits of the hash. From this follows all else:
//!
//! * a miss stops at the first larger tag, as soon as a hit would;
//! * a segment changes its capacity by spreading the same sequence over another number of homes: no blob is touched, any capacity will do
//!   (not only powers of two), so steps are small and the load stays between 0.75 and 0.86;
//! * two halves join by laying one behind the other;
//! * a SCAN cursor is simply a position in hash space: what lies behind it was returned, what lies before it was not, whatever splits,
//!   joins, growth happen in between.
//!
//! **Growing never stalls.** A full segment splits alone; the directory doubles by copying 4-byte numbers. A split needs one more bit of
//! every tag. Rather than ask all blobs each time (a cache miss each), a segment may live with fewer valid bits (`mask`), down to 13;
//! only then the hashes are asked again.
//!
//! **Deadlines** cost 4 bytes a slot, and only in segments that have any: `offsets[i]` is a lower bound of the deadline of `slots[i]`,
//! so that pushing a deadline back touches nothing here. A tournament over the segments' minima tells when the next one is due.

use alloc::vec::Vec;
use core::ptr::{self, NonNull};

use super::{OutOfMemory, near};

/// Addresses of 32 bits, as WebAssembly has them, leave room in a slot for a [note](Table::note), of 20 bits.
const HAS_NOTES: bool = cfg!(target_pointer_width = "32");
const TAG_BITS: u32 = if HAS_NOTES { 14 } else { 16 };
/// What an address takes: 48 bits hold the user space of x86-64 and AArch64, 30 all multiples of 4 below 4 GiB.
const ADDRESS_BITS: u32 = if HAS_NOTES { 30 } else { 48 };
/// Blobs lie at multiples of so many bytes.
pub const GRANULE: usize = if HAS_NOTES { 4 } else { 1 };
/// The bits of a slot that are none of the tag: note and address.
const REST: u64 = u64::MAX >> TAG_BITS;
const ADDRESS: u64 = (1 << ADDRESS_BITS) - 1;
/// The mask of tags that are valid to the last bit.
const WHOLE: u16 = u16::MAX << (16 - TAG_BITS);
/// A slot without entry: larger than any other, so that comparing tags needs no second test.
const EMPTY: u64 = u64::MAX;
/// Entries at which a segment splits in two. 1,024 slots are 8 KiB: two pages to copy, and the shift of a run stays in the cache.
const SPLIT_AT: usize = if cfg!(miri) { 24 } else { 896 };
/// Entries below which two neighbours join: half of `SPLIT_AT`, so that neither happens soon after the other.
const JOIN_AT: usize = SPLIT_AT / 2;
/// Up to so many slots a segment is one dense sorted run: reading 16 words costs less than the empty ones would.
const DENSE: usize = 16;
/// With fewer valid bits than this in its tags a segment asks for the hashes again when it splits (at 13 bits 1 in 10 misses meets a false friend).
const MIN_TAG_BITS: u32 = 13;
/// Slots that a search judges at once.
const WINDOW: usize = if cfg!(all(target_arch = "x86_64", not(miri))) { 8 } else { 7 };
/// Where many blobs are visited, so many slots ahead each is asked for: one lies nowhere near the other.
const AHEAD: usize = 8;
/// Cursors have 48 bits: 32 of directory and 16 of tag.
const MAX_DEPTH: u8 = 32;
const CURSOR_END: u64 = 1 << 48;

/// Offset of a slot without deadline.
const NEVER: u32 = u32::MAX;
/// Offset of a deadline at least that far (49 days) from the base.
const FAR: u32 = u32::MAX - 1;
/// Room that a base leaves below the deadline that made it: 12 days, in ms.
const BELOW: u64 = 1 << 30;
/// A base this far behind the clock moves up.
const STALE: u64 = 3 << 30;

/// Where an entry stands. Good until the next insert or removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pos {
    segment: u32,
    slot: u32,
}

/// Index from hashes to blobs.
///
/// A new one allocates nothing; one of up to 896 entries is a single allocation.
pub struct Table {
    /// The only segment, while `directory` is empty.
    small: Segment,
    /// Top bits of the hash -> index into `segments`; a power of two long, or empty.
    directory: Vec<u32>,
    segments: Vec<Segment>,
    /// One for each segment, or none at all while no entry ever had a deadline.
    dues: Vec<Due>,
    /// Tournament of the minima of `dues` (root at 1, leaves in the upper half), while there are both `segments` and `dues`.
    firsts: Vec<u64>,
    len: usize,
    /// Bytes of all slots and offsets.
    heap: usize,
    /// Bytes of the directory and what is as long as it or as `segments`. They change rarely, and are asked for by every insert and removal.
    spine: usize,
    /// `hash >> shift` is the place in the directory.
    shift: u8,
    /// Segments whose depth is that of the directory: at 0 the directory can halve.
    deepest: u32,
    /// No segment has more slots than this.
    widest: u32,
}

/// A run of slots for all hashes that begin with `depth` bits of `prefix`.
struct Segment {
    slots: Vec<u64>,
    len: u32,
    homes: u32,
    prefix: u32,
    /// Which bits of the tags are valid: 13 to `TAG_BITS` of the upper ones. The others are 0.
    mask: u16,
    depth: u8,
}

/// Deadlines of one segment.
struct Due {
    base: u64,
    /// No deadline of the segment is earlier; `u64::MAX` = there is none.
    first: u64,
    /// As long as the segment's slots, or empty.
    offsets: Vec<u32>,
}

impl Segment {
    const fn new() -> Self {
        Self { slots: Vec::new(), len: 0, homes: 1, prefix: 0, mask: WHOLE, depth: 0 }
    }

    /// The tag of a hash, in the upper bits, as it stands in a slot.
    #[inline]
    fn key(&self, hash: u64) -> u64 {
        (hash << self.depth) & ((self.mask as u64) << 48)
    }

    /// Where an entry with the tag of this slot would stand if nobody was in its way.
    #[inline]
    fn home(&self, slot: u64) -> usize {
        home(slot, self.homes)
    }

    /// The first place from this tag's home on where no smaller tag stands.
    ///
    /// Where the run of smaller tags ends is as good as random, and a loop that stops there is mispredicted each time (1.8 times a
    /// lookup, against 0.2 for this). So seven or eight slots at a time are judged without a branch.
    #[inline]
    fn pass_smaller(&self, key: u64) -> usize {
        let mut at = self.home(key);
        while let Some(window) = self.slots.get(at..).and_then(|slots| slots.first_chunk::<WINDOW>()) {
            let smaller = smaller_in(window, key);
            at += smaller;
            if smaller < WINDOW {
                return at;
            }
        }
        while self.slots.get(at).is_some_and(|&slot| slot < key) {
            at += 1;
        }
        at
    }

    /// Whether there is an empty slot for an entry of this tag.
    #[inline]
    fn has_room(&self, key: u64) -> bool {
        self.slots.get(self.home(key)..).is_some_and(|slots| slots.contains(&EMPTY))
    }

    /// Puts an entry behind those of its tag and smaller ones, pushing larger ones to the right: its place, and that of the empty
    /// slot which was used up. None, and nothing changed, where there is no empty slot.
    #[inline]
    fn put(&mut self, hash: u64, blob: NonNull<u8>) -> Option<(usize, usize)> {
        let key = self.key(hash);
        let mut at = self.pass_smaller(key);
        while self.slots.get(at).is_some_and(|&slot| slot ^ key < REST) {
            at += 1;
        }
        let mut carried = key | address_of(blob);
        let run = self.slots.get_mut(at..)?;
        for (passed, slot) in run.iter_mut().enumerate() {
            core::mem::swap(&mut carried, slot);
            if carried == EMPTY {
                self.len += 1;
                return Some((at, at + passed));
            }
        }
        // No empty slot up to the end: all back.
        for slot in run.iter_mut().rev() {
            core::mem::swap(&mut carried, slot);
        }
        None
    }

    #[inline]
    fn is_full(&self) -> bool {
        let slots = self.slots.len();
        let most = if slots <= DENSE { slots } else { slots - slots / 8 - slots / 64 };
        self.len as usize >= most
    }

    /// First hash behind those of this segment.
    fn end(&self) -> Option<u64> {
        ((self.prefix as u64) << 32).checked_add(1u64.checked_shl(64 - self.depth as u32)?)
    }
}

/// How many slots of a sorted window have smaller tags: all that do stand in front.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
#[inline(always)]
fn smaller_in(window: &[u64; 7], key: u64) -> usize {
    // Of the odd ones all are asked at once: a window lies on two lines of the cache as a rule, and whoever halves it waits for one after the other.
    let pairs = (window[1] < key) as usize + (window[3] < key) as usize + (window[5] < key) as usize;
    2 * pairs + (window[2 * pairs] < key) as usize
}

/// The same with the registers of 16 bytes that every x86-64 has: the eight tags go into one, and are compared together.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn smaller_in(window: &[u64; 8], key: u64) -> usize {
    use core::arch::x86_64::*;
    // SAFETY: SSE2 is part of x86-64; no pointer is involved.
    unsafe {
        let two = |at: usize| _mm_castsi128_ps(_mm_set_epi64x(window[at + 1] as i64, window[at] as i64));
        // The upper halves of four slots, and of these the upper halves, as numbers that packing leaves as they are.
        let four = |at: usize| {
            let halves = _mm_shuffle_ps::<0b11_01_11_01>(two(at), two(at + 2));
            _mm_srai_epi32::<16>(_mm_castps_si128(halves))
        };
        let tags = _mm_packs_epi32(four(0), four(4));
        let more = _mm_subs_epu16(_mm_set1_epi16((key >> 48) as i16), tags);
        let not_smaller = _mm_movemask_epi8(_mm_cmpeq_epi16(more, _mm_setzero_si128())) as u32;
        // Two bits a slot; one more behind the last.
        ((not_smaller | 1 << 16).trailing_zeros() / 2) as usize
    }
}

#[inline]
fn home(slot: u64, homes: u32) -> usize {
    (((slot >> (64 - TAG_BITS)) * homes as u64) >> TAG_BITS) as usize
}

/// Homes and slots for `entries`: a load of 0.75, which leaves 1/7 to grow; but no more than the last entry before a split needs.
fn plan(entries: usize) -> (u32, usize) {
    if entries <= DENSE {
        return (1, entries.next_multiple_of(4));
    }
    let mut homes = entries + entries / 4 + entries / 16;
    if entries <= SPLIT_AT {
        homes = homes.min(SPLIT_AT + SPLIT_AT / 8 + SPLIT_AT / 64 + 4);
    }
    (homes as u32, homes + homes / 64 + 2)
}

fn filled<T: Clone>(value: T, count: usize) -> Result<Vec<T>, OutOfMemory> {
    let mut all = Vec::new();
    all.try_reserve_exact(count)?;
    all.resize(count, value);
    Ok(all)
}

fn cloned<T: Copy>(all: &[T]) -> Result<Vec<T>, OutOfMemory> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(all.len())?;
    copy.extend_from_slice(all);
    Ok(copy)
}

/// Lays a sorted sequence of slots (empty ones among them are skipped) over `homes`, in at least `slots` slots; `offsets` go along.
fn spread(from: &[u64], offsets: &[u32], homes: u32, slots: usize) -> Result<(Vec<u64>, Vec<u32>), OutOfMemory> {
    let mut count = slots;
    loop {
        let mut into = filled(EMPTY, count)?;
        let mut into_offsets = filled(NEVER, if offsets.is_empty() { 0 } else { count })?;
        let mut end = 0;
        for (i, &slot) in from.iter().enumerate() {
            // No branch asks whether the slot is empty, which would be mispredicted every fifth time: an empty one is
            // written where the next one goes.
            let used = slot != EMPTY;
            let at = (home(slot, homes) & (used as usize).wrapping_neg()).max(end);
            end = at + used as usize;
            if let Some(into) = into.get_mut(at) {
                *into = slot;
                if let (Some(into), Some(&offset)) = (into_offsets.get_mut(at), offsets.get(i)) {
                    *into = offset;
                }
            }
        }
        if end <= count {
            return Ok((into, into_offsets));
        }
        // More than the overflow was planned for: then as much as is needed, and a bit.
        count = end + end / 16 + 2;
    }
}

impl Due {
    const NONE: Self = Self { base: 0, first: u64::MAX, offsets: Vec::new() };

    fn is_none(&self) -> bool {
        self.offsets.is_empty()
    }

    fn offset(&self, deadline: u64) -> u32 {
        deadline.saturating_sub(self.base).min(FAR as u64) as u32
    }

    /// Moves the base. Bounds that fall below the new one rise to it, which only the clock having passed it makes right; those that
    /// are out of its reach come nearer, and `first` with them.
    fn rebase(&mut self, base: u64) {
        let old = self.base;
        self.base = base;
        for offset in self.offsets.iter_mut().filter(|offset| **offset != NEVER) {
            *offset = old.saturating_add(*offset as u64).saturating_sub(base).min(FAR as u64) as u32;
            if *offset == FAR {
                self.first = self.first.min(base.saturating_add(FAR as u64));
            }
        }
    }

    /// Counts `first` anew, and gives the array back when nobody has a deadline.
    fn recount(&mut self) {
        match self.offsets.iter().copied().min() {
            None | Some(NEVER) => *self = Self::NONE,
            Some(least) => self.first = self.base.saturating_add(least as u64),
        }
    }
}

#[inline]
fn blob_of(slot: u64) -> Option<NonNull<u8>> {
    if slot == EMPTY {
        return None;
    }
    NonNull::new(ptr::with_exposed_provenance_mut((slot & ADDRESS) as usize * GRANULE))
}

#[inline]
fn address_of(blob: NonNull<u8>) -> u64 {
    (blob.as_ptr().expose_provenance() / GRANULE) as u64
}

/// Next number of a well-mixed sequence.
fn mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A number below `bound`, from 32 random bits.
fn below(random: u32, bound: usize) -> usize {
    ((random as u64 * bound as u64) >> 32) as usize
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}

impl Table {
    /// The greatest number that [`Table::note`] keeps; 0 where addresses leave no room for any.
    pub const MOST_NOTE: u32 = (REST >> ADDRESS_BITS) as u32;

    pub const fn new() -> Self {
        Self {
            small: Segment::new(),
            directory: Vec::new(),
            segments: Vec::new(),
            dues: Vec::new(),
            firsts: Vec::new(),
            len: 0,
            heap: 0,
            spine: 0,
            shift: 63,
            deepest: 0,
            widest: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Heap bytes of the index itself, as requested from the allocator. O(1).
    #[inline]
    pub fn memory(&self) -> usize {
        self.heap + self.spine
    }

    fn spine(&self) -> usize {
        self.directory.capacity() * size_of::<u32>()
            + self.segments.capacity() * size_of::<Segment>()
            + self.dues.capacity() * size_of::<Due>()
            + self.firsts.capacity() * size_of::<u64>()
    }

    /// To be called where that may have changed.
    fn count_spine(&mut self) {
        self.spine = self.spine();
    }

    /// Whether a slot can hold this address. A blob's allocator refuses one that does not fit.
    #[inline]
    pub fn fits(blob: NonNull<u8>) -> bool {
        blob.as_ptr().addr().is_multiple_of(GRANULE) && address_of(blob) < ADDRESS
    }

    #[inline]
    fn segments(&self) -> &[Segment] {
        if self.directory.is_empty() { core::slice::from_ref(&self.small) } else { &self.segments }
    }

    #[inline]
    fn segment_mut(&mut self, index: usize) -> &mut Segment {
        if self.directory.is_empty() { &mut self.small } else { &mut self.segments[index] }
    }

    #[inline]
    fn segment_of(&self, hash: u64) -> Option<(usize, &Segment)> {
        if self.directory.is_empty() {
            return Some((0, &self.small));
        }
        let index = *self.directory.get((hash >> self.shift) as usize)? as usize;
        Some((index, self.segments.get(index)?))
    }

    /// Keeps a number beside the blob at a position, wherever it goes in the table: what one wants to know before the blob itself has come near.
    /// 0 is kept instead of one above `MOST_NOTE`.
    #[inline]
    pub fn note(&mut self, pos: Pos, number: u32) {
        if HAS_NOTES {
            let number = if number > Self::MOST_NOTE { 0 } else { number };
            let slot = &mut self.segment_mut(pos.segment as usize).slots[pos.slot as usize];
            *slot = (*slot & !(REST ^ ADDRESS)) | (number as u64) << ADDRESS_BITS;
        }
    }

    /// The entry with this hash that `eq` recognizes. `eq` is asked rarely for any other (0.5 to 10 in 100 calls), so it may touch the blob.
    #[inline]
    pub fn find(&self, hash: u64, eq: impl FnMut(NonNull<u8>) -> bool) -> Option<Pos> {
        self.search(hash, eq).map(|(pos, ..)| pos)
    }

    /// As `find`, with the blob and what is [noted](Self::note) beside it, 0 where nothing is.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    #[cfg_attr(target_family = "wasm", inline)]
    pub fn search(&self, hash: u64, mut eq: impl FnMut(NonNull<u8>) -> bool) -> Option<(Pos, NonNull<u8>, u32)> {
        let (index, segment) = self.segment_of(hash)?;
        let key = segment.key(hash);
        let mut at = segment.pass_smaller(key);
        loop {
            let slot = *segment.slots.get(at)?;
            // One question for another tag and for an empty slot, which looks like the last tag with an address that no blob has: asked apart, the
            // second would be mispredicted whenever a run ends.
            if slot ^ key >= REST {
                return None;
            }
            let blob = NonNull::new(ptr::with_exposed_provenance_mut((slot & ADDRESS) as usize * GRANULE))?;
            if eq(blob) {
                let note = ((slot & REST) >> ADDRESS_BITS) as u32;
                return Some((Pos { segment: index as u32, slot: at as u32 }, blob, note));
            }
            at += 1;
        }
    }

    /// As `find`, where only the upper half of the hash is known.
    #[inline]
    pub fn find_upper(&self, upper: u32, eq: &mut dyn FnMut(NonNull<u8>) -> bool) -> Option<Pos> {
        let hash = (upper as u64) << 32;
        let (index, segment) = self.segment_of(hash)?;
        let last = segment.key(hash | u32::MAX as u64) | REST;
        let start = segment.pass_smaller(segment.key(hash));
        for (at, &slot) in segment.slots.iter().enumerate().skip(start) {
            match blob_of(slot) {
                // With a deep directory several tags begin like that, and there may be gaps between them.
                None if at >= segment.home(last) => return None,
                None => {}
                Some(_) if slot > last => return None,
                Some(blob) if eq(blob) => return Some(Pos { segment: index as u32, slot: at as u32 }),
                Some(_) => {}
            }
        }
        None
    }

    /// Has the slots brought near that `find` will look at.
    #[inline]
    pub fn bring_near(&self, hash: u64) {
        if let Some((_, segment)) = self.segment_of(hash) {
            let slots = segment.slots.as_ptr().wrapping_add(segment.home(segment.key(hash)));
            near::bring(slots.cast());
            near::bring(slots.wrapping_add(WINDOW - 1).cast());
        }
    }

    /// Has brought near what `remove` looks at beside the slot.
    #[inline]
    pub fn will_remove(&self, pos: Pos) {
        if let Some(due) = self.dues.get(pos.segment as usize) {
            near::bring(due.offsets.as_ptr().wrapping_add(pos.slot as usize).cast());
        }
    }

    /// The first blob that `find` would show to `eq`, without touching any blob: for a first pass over many keys, so that the cache
    /// misses of the second pass overlap.
    #[inline]
    pub fn candidate(&self, hash: u64) -> Option<NonNull<u8>> {
        let mut first = None;
        self.find(hash, |blob| {
            first = Some(blob);
            true
        });
        first
    }

    /// The blob at a position that `find`, `insert` or `sample` gave.
    #[inline]
    pub fn get(&self, pos: Pos) -> NonNull<u8> {
        match blob_of(self.segments()[pos.segment as usize].slots[pos.slot as usize]) {
            Some(blob) => blob,
            None => unreachable!("a position outlived its entry"),
        }
    }

    /// Puts another blob with the same hash in the place of the one at `pos` (it moved, say); the note stays. `Table::fits` holds for it.
    #[inline]
    pub fn replace(&mut self, pos: Pos, blob: NonNull<u8>) {
        debug_assert!(Self::fits(blob));
        let slot = &mut self.segment_mut(pos.segment as usize).slots[pos.slot as usize];
        *slot = (*slot & !ADDRESS) | (address_of(blob) & ADDRESS);
    }

    /// Makes sure that the next `insert` of this hash needs no memory.
    pub fn try_reserve_one(&mut self, hash: u64, rehash: impl Fn(NonNull<u8>) -> u64) -> Result<(), OutOfMemory> {
        self.make_room(hash, &rehash).map(|_| ())
    }

    /// Adds an entry; the caller knows that there is none with an equal key. `rehash` gives the hash of a blob that is in the table.
    ///
    /// About 1/7 of the segment's slots are copied each 1/7 of its entries; once in 896 entries it splits.
    #[inline]
    pub fn insert(&mut self, hash: u64, blob: NonNull<u8>, rehash: impl Fn(NonNull<u8>) -> u64) -> Result<Pos, OutOfMemory> {
        self.insert_dyn(hash, blob, &rehash)
    }

    #[inline]
    fn insert_dyn(&mut self, hash: u64, blob: NonNull<u8>, rehash: &dyn Fn(NonNull<u8>) -> u64) -> Result<Pos, OutOfMemory> {
        if !Self::fits(blob) {
            return Err(OutOfMemory);
        }
        let (index, segment) = self.segment_of(hash).ok_or(OutOfMemory)?;
        let ready = (segment.len as usize) < SPLIT_AT && !segment.is_full();
        let put = if ready { self.segment_mut(index).put(hash, blob) } else { None };
        let (index, at, free) = match put {
            Some((at, free)) => (index, at, free),
            None => {
                let index = self.make_room(hash, rehash)?;
                let (at, free) = self.segment_mut(index).put(hash, blob).ok_or(OutOfMemory)?;
                (index, at, free)
            }
        };
        self.len += 1;
        if let Some(run) = self.dues.get_mut(index).and_then(|due| due.offsets.get_mut(at..=free)) {
            // One by one, as in `cut`.
            for nth in (1..run.len()).rev() {
                run[nth] = run[nth - 1];
            }
            run[0] = NEVER;
        }
        Ok(Pos { segment: index as u32, slot: at as u32 })
    }

    /// The segment for one more entry of this hash, with room for it.
    #[inline(never)]
    fn make_room(&mut self, hash: u64, rehash: &dyn Fn(NonNull<u8>) -> u64) -> Result<usize, OutOfMemory> {
        loop {
            let (index, segment) = self.segment_of(hash).ok_or(OutOfMemory)?;
            let entries = segment.len as usize;
            if entries >= SPLIT_AT && self.may_split(index) {
                let split = self.split(index, rehash);
                self.count_spine();
                split?;
            } else if segment.is_full() {
                self.resize(index, plan(entries + 1))?;
            } else if segment.has_room(segment.key(hash)) {
                return Ok(index);
            } else {
                // The overflow at the end is full: more of it, the homes stay.
                let plan = (segment.homes, segment.slots.len() + segment.slots.len() / 16 + 2);
                self.resize(index, plan)?;
            }
        }
    }

    /// The directory must not outgrow the segments: with hashes that begin alike a segment grows instead.
    fn may_split(&self, index: usize) -> bool {
        let segment = &self.segments()[index];
        let entries = segment.len as usize;
        let doubled = self.directory.len().saturating_mul(2);
        entries <= 4 * SPLIT_AT
            && segment.depth < MAX_DEPTH
            && (segment.depth < self.depth() || doubled <= self.segments.len() * 4 + 16)
    }

    /// Bits of the hash that the directory reads.
    fn depth(&self) -> u8 {
        if self.directory.is_empty() { 0 } else { 64 - self.shift }
    }

    /// Gives a segment another number of homes and slots.
    fn resize(&mut self, index: usize, (homes, slots): (u32, usize)) -> Result<(), OutOfMemory> {
        let offsets = self.dues.get(index).map_or(&[][..], |due| &due.offsets);
        let (slots, offsets) = spread(&self.segments()[index].slots, offsets, homes, slots)?;
        self.segment_mut(index).homes = homes;
        self.adopt(index, slots, offsets);
        Ok(())
    }

    /// Books and stores a segment's new arrays.
    fn adopt(&mut self, index: usize, slots: Vec<u64>, offsets: Vec<u32>) {
        self.widest = self.widest.max(slots.len() as u32);
        self.heap += slots.capacity() * size_of::<u64>() + offsets.capacity() * size_of::<u32>();
        let old = core::mem::replace(&mut self.segment_mut(index).slots, slots);
        self.heap -= old.capacity() * size_of::<u64>();
        if let Some(due) = self.dues.get_mut(index) {
            let old = core::mem::replace(&mut due.offsets, offsets);
            self.heap -= old.capacity() * size_of::<u32>();
        }
    }

    /// Splits a segment by the next bit of its hashes.
    fn split(&mut self, index: usize, rehash: &dyn Fn(NonNull<u8>) -> u64) -> Result<(), OutOfMemory> {
        let segment = &self.segments()[index];
        let entries = segment.len as usize;
        let depth = segment.depth + 1;
        let ask = segment.mask.count_ones() <= MIN_TAG_BITS;
        let mask = if ask { WHOLE } else { segment.mask << 1 };
        let due = self.dues.get(index).filter(|due| !due.is_none());
        let mut words = Vec::new();
        words.try_reserve_exact(entries)?;
        let mut offsets = Vec::new();
        offsets.try_reserve_exact(if due.is_some() { entries } else { 0 })?;
        let mut lower = 0;
        for (i, &slot) in segment.slots.iter().enumerate().filter(|(_, slot)| **slot != EMPTY) {
            let key = match blob_of(slot) {
                Some(blob) if ask => rehash(blob) << depth,
                _ => (slot & !REST) << 1,
            } & ((mask as u64) << 48);
            let from = if slot >> 63 == 0 { 0 } else { lower };
            // Only entries whose shorter tags were equal can be out of order now.
            let mut at = words.len();
            while at > from && words[at - 1] & !REST > key {
                at -= 1;
            }
            words.insert(at, key | (slot & REST));
            if let Some(due) = due {
                offsets.insert(at, due.offsets[i]);
            }
            if slot >> 63 == 0 {
                lower = words.len();
            }
        }
        let cut = lower.min(offsets.len());
        let (low_homes, low_slots) = plan(lower);
        let low = spread(&words[..lower], &offsets[..cut], low_homes, low_slots)?;
        let (high_homes, high_slots) = plan(entries - lower);
        let high = spread(&words[lower..], &offsets[cut..], high_homes, high_slots)?;
        self.reserve_segment(index)?;

        // From here on nothing fails.
        if self.directory.is_empty() {
            self.segments.push(core::mem::replace(&mut self.small, Segment::new()));
            self.directory.extend([0, 0]);
            self.shift = 63;
            self.deepest = 0;
            if !self.dues.is_empty() {
                self.rebuild_firsts();
            }
        }
        if depth > self.depth() {
            self.double_directory();
        }
        let segment = &mut self.segments[index];
        (segment.depth, segment.mask, segment.homes, segment.len) = (depth, mask, low_homes, lower as u32);
        let prefix = segment.prefix | (1 << (32 - depth as u32));
        self.adopt(index, low.0, low.1);
        let added = self.segments.len();
        self.segments.push(Segment { slots: Vec::new(), len: (entries - lower) as u32, homes: high_homes, prefix, mask, depth });
        if let Some(due) = self.dues.get(index) {
            let due = Due { base: due.base, first: due.first, offsets: Vec::new() };
            self.dues.push(due);
        }
        self.adopt(added, high.0, high.1);
        self.point(added);
        if depth == self.depth() {
            self.deepest += 2;
        }
        for index in [index, added] {
            if let Some(due) = self.dues.get_mut(index) {
                self.heap -= due.offsets.capacity() * size_of::<u32>();
                due.recount();
                self.heap += due.offsets.capacity() * size_of::<u32>();
                self.note_first(index);
            }
        }
        Ok(())
    }

    /// Memory for what a split of `index` adds beside the slots.
    fn reserve_segment(&mut self, index: usize) -> Result<(), OutOfMemory> {
        if self.directory.is_empty() {
            self.directory.try_reserve_exact(2)?;
            self.segments.try_reserve_exact(2)?;
        } else {
            if self.segments[index].depth == self.depth() {
                self.directory.try_reserve_exact(self.directory.len())?;
            }
            self.segments.try_reserve(1)?;
        }
        if !self.dues.is_empty() {
            self.dues.try_reserve(1)?;
            self.reserve_firsts(self.dues.len() + 1)?;
        }
        Ok(())
    }

    fn double_directory(&mut self) {
        let half = self.directory.len();
        self.directory.resize(half * 2, 0);
        for i in (0..half).rev() {
            let index = self.directory[i];
            self.directory[2 * i] = index;
            self.directory[2 * i + 1] = index;
        }
        self.shift -= 1;
        self.deepest = 0;
    }

    /// Lets all directory entries of a segment name it.
    fn point(&mut self, index: usize) {
        let segment = &self.segments[index];
        let start = (((segment.prefix as u64) << 32) >> self.shift) as usize;
        let count = 1usize << (self.depth() - segment.depth);
        self.directory[start..start + count].fill(index as u32);
    }

    /// Takes the entry out and gives its blob back to the caller.
    #[inline]
    pub fn remove(&mut self, pos: Pos) -> NonNull<u8> {
        let blob = self.get(pos);
        let index = pos.segment as usize;
        self.cut(index, pos.slot as usize);
        if self.may_be_tidied(index) {
            self.tidy(index);
        }
        blob
    }

    /// Takes a slot out; those behind it that stand away from their home move up.
    #[inline]
    fn cut(&mut self, index: usize, at: usize) {
        let segment = if self.directory.is_empty() { &mut self.small } else { &mut self.segments[index] };
        let mut no_offsets = [];
        let offsets = self.dues.get_mut(index).map_or(&mut no_offsets[..], |due| &mut due.offsets[..]);
        let homes = segment.homes;
        let run = &mut segment.slots[at..];
        let mut moved = 0;
        while let Some(&next) = run.get(moved + 1) {
            if next == EMPTY || home(next, homes) > at + moved {
                break;
            }
            run[moved] = next;
            moved += 1;
        }
        run[moved] = EMPTY;
        if let Some(run) = offsets.get_mut(at..=at + moved) {
            // They go along one by one: mostly there are none or two, for which a call would cost more.
            for nth in 0..moved {
                run[nth] = run[nth + 1];
            }
            run[moved] = NEVER;
        }
        segment.len -= 1;
        self.len -= 1;
    }

    /// Whether a segment has so few entries that it is worth planning. Mostly it is far from that.
    #[inline]
    fn may_be_tidied(&self, index: usize) -> bool {
        let segment = &self.segments()[index];
        let entries = segment.len as usize;
        entries <= 4 * DENSE || entries + entries / 2 + entries / 8 < segment.homes as usize
    }

    /// Gives memory back after removals: joins a segment that became small with its neighbour, or shrinks it. Where the allocator
    /// refuses, things stay as they are.
    #[inline(never)]
    fn tidy(&mut self, mut index: usize) {
        if self.len == 0 {
            *self = Self::new();
            return;
        }
        loop {
            if !self.may_be_tidied(index) {
                return;
            }
            let segment = &self.segments()[index];
            let entries = segment.len as usize;
            // One place more than needed, so that one entry coming and going does not allocate each time.
            let (homes, slots) = plan(if entries == 0 { 0 } else { entries + 1 });
            let shrinks =
                if segment.slots.len() <= DENSE { slots < segment.slots.len() } else { homes + homes / 2 < segment.homes };
            if !shrinks {
                return;
            }
            let joined = self.join(index);
            self.count_spine();
            match joined {
                Some(joined) => index = joined,
                None => {
                    let _ = self.resize(index, (homes, slots));
                    return;
                }
            }
        }
    }

    /// Joins a segment with its neighbour, if both together are small: the index of the whole.
    fn join(&mut self, index: usize) -> Option<usize> {
        let segment = self.segments.get(index).filter(|segment| segment.depth > 0)?;
        let bit = 1u32 << (32 - segment.depth as u32);
        let (other, neighbour) = self.segment_of(((segment.prefix ^ bit) as u64) << 32)?;
        let entries = segment.len as usize + neighbour.len as usize;
        if other == index || neighbour.depth != segment.depth || entries > JOIN_AT {
            return None;
        }
        let (low, high) = if segment.prefix & bit == 0 { (index, other) } else { (other, index) };
        let depth = segment.depth - 1;
        // The bit that the directory knew comes back to the front of the tag.
        let valid = |segment: &Segment| ((segment.mask >> 1) | 0x8000) & WHOLE;
        let mask = valid(segment).min(valid(neighbour));

        let base = self.shared_base(low, high);
        let mut words = Vec::new();
        words.try_reserve_exact(entries).ok()?;
        let mut offsets = Vec::new();
        offsets.try_reserve_exact(if base.is_some() { entries } else { 0 }).ok()?;
        for (side, part) in [(0, low), (1 << 63, high)] {
            if let (Some(base), Some(due)) = (base, self.dues.get_mut(part)) {
                due.rebase(base);
                self.note_first(part);
            }
            for (i, &slot) in self.segments[part].slots.iter().enumerate().filter(|(_, slot)| **slot != EMPTY) {
                let key = (((slot & !REST) >> 1) | side) & ((mask as u64) << 48);
                words.push(key | (slot & REST));
                if base.is_some() {
                    offsets.push(self.dues.get(part).and_then(|due| due.offsets.get(i)).copied().unwrap_or(NEVER));
                }
            }
        }
        let (homes, slots) = plan(entries);
        let (slots, offsets) = spread(&words, &offsets, homes, slots).ok()?;

        let segment = &mut self.segments[low];
        (segment.depth, segment.mask, segment.homes, segment.len) = (depth, mask, homes, entries as u32);
        self.adopt(low, slots, offsets);
        if depth + 1 == self.depth() {
            self.deepest -= 2;
        }
        self.point(low);
        if let Some(first) = self.dues.get(high).map(|due| due.first) {
            let due = &mut self.dues[low];
            due.first = due.first.min(first);
            due.base = base.unwrap_or(due.base);
            self.note_first(low);
        }
        Some(self.drop_segment(high, low))
    }

    /// A base for the deadlines of two segments, if there are any: the earlier one.
    fn shared_base(&self, low: usize, high: usize) -> Option<u64> {
        let base = |part: usize| self.dues.get(part).filter(|due| !due.is_none()).map(|due| due.base);
        match (base(low), base(high)) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// Removes a segment that no directory entry names any more; where `kept` stands afterwards.
    fn drop_segment(&mut self, index: usize, kept: usize) -> usize {
        let last = self.segments.len() - 1;
        self.adopt(index, Vec::new(), Vec::new());
        self.segments.swap_remove(index);
        if !self.dues.is_empty() {
            self.set_first(last, u64::MAX);
            self.dues.swap_remove(index);
        }
        if index < last {
            self.point(index);
            self.note_first(index);
        }
        while self.deepest == 0 && self.directory.len() > 1 {
            self.halve_directory();
        }
        if self.segments.len() == 1 {
            if let Some(segment) = self.segments.pop() {
                self.small = segment;
            }
            self.directory = Vec::new();
            self.segments = Vec::new();
            self.firsts = Vec::new();
            return 0;
        }
        // Late, so that what is copied is small: half a megabyte of fresh pages took 5 ms at the end of ten million keys.
        if self.segments.len() * 16 < self.segments.capacity() {
            self.segments.shrink_to(self.segments.len() * 2);
            self.dues.shrink_to(self.dues.len() * 2);
        }
        if kept == last { index } else { kept }
    }

    fn halve_directory(&mut self) {
        let half = self.directory.len() / 2;
        for i in 0..half {
            self.directory[i] = self.directory[2 * i];
        }
        self.directory.truncate(half);
        self.directory.shrink_to_fit();
        // With one entry left there is one segment, and no shift that would do; the caller drops the directory then.
        self.shift = (self.shift + 1).min(63);
        let depth = self.depth();
        self.deepest = self.segments.iter().filter(|segment| segment.depth == depth).count() as u32;
        self.widest = self.segments.iter().map(|segment| segment.slots.len()).max().unwrap_or(0) as u32;
    }

    /// All blobs, in no order that means anything.
    pub fn iter(&self) -> Iter<'_> {
        Iter { segments: self.segments().iter(), slots: [].iter(), left: self.len }
    }

    /// Visits the blobs from `cursor` on (0 = the start), at least `count` of them unless the end comes first; the cursor to go on
    /// with, 0 = the end. Cursors stay below 2^48; any number may be given.
    ///
    /// What is in the table from the first call to the last is visited at least once, whatever comes and goes meanwhile.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(NonNull<u8>)) -> u64 {
        self.scan_dyn(cursor, count, &mut visit)
    }

    fn scan_dyn(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(NonNull<u8>)) -> u64 {
        if cursor >= CURSOR_END {
            return 0;
        }
        let mut hash = cursor << 16;
        let mut seen = 0;
        while let Some((_, segment)) = self.segment_of(hash) {
            let key = segment.key(hash);
            let mut last = None;
            for &slot in segment.slots.get(segment.home(key)..).unwrap_or(&[]) {
                let Some(blob) = blob_of(slot).filter(|_| slot > key) else { continue };
                let tag = slot & !REST;
                // Entries with one tag stay together: a cursor cannot point between them.
                if seen >= count.max(1) && last != Some(tag) {
                    return (((segment.prefix as u64) << 32) | (tag >> segment.depth)) >> 16;
                }
                visit(blob);
                seen += 1;
                last = Some(tag);
            }
            match segment.end() {
                Some(end) => hash = end,
                None => return 0,
            }
            if seen >= count.max(1) {
                return hash >> 16;
            }
        }
        0
    }

    /// An entry by chance, each as likely as any other. None in an empty table. O(1) but in tables of very uneven segments.
    pub fn sample(&self, random: u64) -> Option<Pos> {
        if self.len == 0 {
            return None;
        }
        let segments = self.segments();
        let widest = if self.directory.is_empty() { self.small.slots.len() } else { self.widest as usize };
        let mut state = random;
        // Darts at a board of segments times slots: what hits an entry hits each with the same chance. About 0.4 to 0.8 hit.
        for _ in 0..64 {
            let dart = mix(&mut state);
            let segment = below((dart >> 32) as u32, segments.len());
            let slot = below(dart as u32, widest);
            if segments[segment].slots.get(slot).is_some_and(|&slot| slot != EMPTY) {
                return Some(Pos { segment: segment as u32, slot: slot as u32 });
            }
        }
        let mut nth = ((mix(&mut state) as u128 * self.len as u128) >> 64) as usize;
        for (index, segment) in segments.iter().enumerate() {
            if nth >= segment.len as usize {
                nth -= segment.len as usize;
                continue;
            }
            let (slot, _) = segment.slots.iter().enumerate().filter(|(_, slot)| **slot != EMPTY).nth(nth)?;
            return Some(Pos { segment: index as u32, slot: slot as u32 });
        }
        None
    }

    /// An entry by chance of those that were given a deadline (and may have lost it since). None where there are none.
    pub fn sample_due(&self, random: u64) -> Option<Pos> {
        let mut state = random;
        let widest = if self.directory.is_empty() { self.small.slots.len() } else { self.widest as usize };
        let is_due = |offset: &u32| *offset != NEVER;
        for _ in 0..16 {
            let dart = mix(&mut state);
            let segment = below((dart >> 32) as u32, self.dues.len());
            let slot = below(dart as u32, widest);
            if self.dues.get(segment).and_then(|due| due.offsets.get(slot)).is_some_and(is_due) {
                return Some(Pos { segment: segment as u32, slot: slot as u32 });
            }
        }
        // They are few: the next one from a place by chance on.
        let dart = mix(&mut state);
        let (before, after) = self.dues.split_at(below((dart >> 32) as u32, self.dues.len()));
        for (segment, due) in (before.len()..).zip(after).chain((0..).zip(before)) {
            let (left, right) = due.offsets.split_at(below(dart as u32, due.offsets.len()));
            let found = right.iter().position(is_due).map(|at| left.len() + at);
            if let Some(slot) = found.or_else(|| left.iter().position(is_due)) {
                return Some(Pos { segment: segment as u32, slot: slot as u32 });
            }
        }
        None
    }

    /// Visits the blobs at these places of the order of `iter`; the places ascend. Segments with none of them are passed over whole.
    pub fn visit_ranks(&self, ranks: &[usize], mut visit: impl FnMut(NonNull<u8>)) {
        self.visit_ranks_dyn(ranks, &mut visit);
    }

    fn visit_ranks_dyn(&self, ranks: &[usize], visit: &mut dyn FnMut(NonNull<u8>)) {
        let mut wanted = ranks.iter().copied().peekable();
        let mut passed = 0;
        for segment in self.segments() {
            let end = passed + segment.len as usize;
            if wanted.peek().is_some_and(|&rank| rank < end) {
                for (rank, blob) in (passed..).zip(segment.slots.iter().filter_map(|&slot| blob_of(slot))) {
                    if wanted.next_if_eq(&rank).is_some() {
                        visit(blob);
                    }
                }
            }
            passed = end;
        }
    }

    /// Makes `copy`, which is empty, an index of copies: `clone` makes one of each blob. When it fails, `copy` holds what was made so
    /// far, and is good for `drain` only.
    pub fn clone_into(
        &self,
        copy: &mut Table,
        mut clone: impl FnMut(NonNull<u8>) -> Result<NonNull<u8>, OutOfMemory>,
    ) -> Result<(), OutOfMemory> {
        self.clone_dyn(copy, &mut clone)
    }

    fn clone_dyn(
        &self,
        copy: &mut Table,
        clone: &mut dyn FnMut(NonNull<u8>) -> Result<NonNull<u8>, OutOfMemory>,
    ) -> Result<(), OutOfMemory> {
        copy.directory = cloned(&self.directory)?;
        copy.firsts = cloned(&self.firsts)?;
        copy.segments.try_reserve_exact(self.segments.len())?;
        copy.dues.try_reserve_exact(self.dues.len())?;
        copy.count_spine();
        (copy.shift, copy.deepest, copy.widest) = (self.shift, self.deepest, self.widest);
        for due in &self.dues {
            let offsets = cloned(&due.offsets)?;
            copy.heap += offsets.capacity() * size_of::<u32>();
            copy.dues.push(Due { offsets, ..*due });
        }
        for segment in self.segments() {
            let slots = filled(EMPTY, segment.slots.len())?;
            copy.heap += slots.capacity() * size_of::<u64>();
            let part = Segment { slots, len: 0, ..*segment };
            if self.directory.is_empty() {
                copy.small = part;
            } else {
                copy.segments.push(part);
            }
            let part = copy.segments.last_mut().unwrap_or(&mut copy.small);
            for (into, &slot) in part.slots.iter_mut().zip(&segment.slots) {
                if let Some(blob) = blob_of(slot) {
                    *into = (slot & !ADDRESS) | (address_of(clone(blob)?) & ADDRESS);
                    part.len += 1;
                    copy.len += 1;
                }
            }
        }
        Ok(())
    }

    /// Empties the table, handing every blob to `visit`.
    pub fn drain(&mut self, visit: impl FnMut(NonNull<u8>)) {
        self.drain_some(usize::MAX, visit);
    }

    /// Takes up to `budget` blobs out, in no order; true once the table is empty and has given all its memory back.
    ///
    /// After a first call that gave false the table is good for `drain_some` and `len` only: it finds and accepts nothing.
    pub fn drain_some(&mut self, budget: usize, mut visit: impl FnMut(NonNull<u8>)) -> bool {
        self.drain_dyn(budget, &mut visit)
    }

    fn drain_dyn(&mut self, mut budget: usize, visit: &mut dyn FnMut(NonNull<u8>)) -> bool {
        // A directory that leads nowhere.
        if self.directory.first().is_some_and(|&index| index != u32::MAX) {
            self.directory.fill(u32::MAX);
        }
        self.firsts = Vec::new();
        self.count_spine();
        loop {
            let segment = self.segments.last_mut().unwrap_or(&mut self.small);
            while let Some(slot) = segment.slots.pop() {
                let Some(blob) = blob_of(slot) else { continue };
                if budget == 0 {
                    segment.slots.push(slot);
                    return false;
                }
                budget -= 1;
                segment.len -= 1;
                self.len -= 1;
                let ahead = segment.slots.len().checked_sub(AHEAD).and_then(|at| blob_of(segment.slots[at]));
                ahead.into_iter().for_each(|blob| near::bring(blob.as_ptr()));
                visit(blob);
            }
            self.heap -= segment.slots.capacity() * size_of::<u64>();
            if let Some(due) = self.dues.pop() {
                self.heap -= due.offsets.capacity() * size_of::<u32>();
            }
            if self.segments.pop().is_none() {
                break;
            }
        }
        *self = Self::new();
        true
    }

    /// Says that the entry at `pos` has a deadline (ms), and no later one than this. To be called when an entry gets its first deadline or
    /// an earlier one; a later one, or none, needs no call: the truth is asked when the old one comes up.
    #[inline]
    pub fn lower_due(&mut self, pos: Pos, deadline: u64) -> Result<(), OutOfMemory> {
        let index = pos.segment as usize;
        if self.dues.get(index).is_none_or(|due| due.is_none() || deadline < due.base) {
            let reached = self.reach_down(index, deadline);
            self.count_spine();
            reached?;
        }
        let due = &mut self.dues[index];
        let offset = due.offset(deadline);
        let at = &mut due.offsets[pos.slot as usize];
        *at = offset.min(*at);
        let first = due.base.saturating_add(offset as u64);
        if first < due.first {
            due.first = first;
            self.set_first(index, first);
        }
        Ok(())
    }

    /// Has a segment's offsets reach down to a deadline.
    #[inline(never)]
    fn reach_down(&mut self, index: usize, deadline: u64) -> Result<(), OutOfMemory> {
        let segments = self.segments().len();
        if self.dues.is_empty() {
            if !self.directory.is_empty() {
                self.reserve_firsts(segments)?;
            }
            let mut dues = Vec::new();
            dues.try_reserve_exact(segments)?;
            dues.resize_with(segments, || Due::NONE);
            self.dues = dues;
            if !self.directory.is_empty() {
                self.rebuild_firsts();
            }
        }
        let slots = self.segments()[index].slots.len();
        let due = &mut self.dues[index];
        let base = deadline.saturating_sub(BELOW);
        if due.is_none() {
            due.offsets = filled(NEVER, slots)?;
            due.base = base;
            self.heap += due.offsets.capacity() * size_of::<u32>();
        } else {
            due.rebase(base);
        }
        Ok(())
    }

    /// No entry is due before this (ms). None: there are no deadlines. It may be early; `take_due` at that time corrects it.
    #[inline]
    pub fn next_due(&self) -> Option<u64> {
        let first = if self.directory.is_empty() { self.dues.first().map(|due| due.first) } else { self.firsts.get(1).copied() };
        first.filter(|first| *first != u64::MAX)
    }

    /// Segment and moment of the deadline that is due first.
    fn earliest(&self) -> Option<(usize, u64)> {
        let first = self.next_due()?;
        if self.directory.is_empty() {
            return Some((0, first));
        }
        let leaves = self.firsts.len() / 2;
        let mut node = 1;
        while node < leaves {
            node = if self.firsts[2 * node] == first { 2 * node } else { 2 * node + 1 };
        }
        Some((node - leaves, first))
    }

    /// Takes the entries out whose deadline is at most `now`, handing each blob to `expire`; looks at no more than `budget` entries.
    /// `deadline_of` tells a blob's deadline (None: it has none any more). True when nothing else is due: then `next_due` is after `now`.
    pub fn take_due(
        &mut self,
        now: u64,
        budget: usize,
        deadline_of: impl Fn(NonNull<u8>) -> Option<u64>,
        mut expire: impl FnMut(NonNull<u8>),
    ) -> bool {
        self.take_due_dyn(now, budget, &deadline_of, &mut expire)
    }

    fn take_due_dyn(
        &mut self,
        now: u64,
        mut budget: usize,
        deadline_of: &dyn Fn(NonNull<u8>) -> Option<u64>,
        expire: &mut dyn FnMut(NonNull<u8>),
    ) -> bool {
        while let Some((index, first)) = self.earliest() {
            if first > now {
                break;
            }
            if budget == 0 {
                return false;
            }
            let entries = self.len;
            budget = self.take_due_in(index, now, budget, deadline_of, expire);
            if self.len < entries {
                self.tidy(index);
            }
        }
        true
    }

    /// The due entries of one segment; what is left of the budget, of which at least 1 is used.
    fn take_due_in(
        &mut self,
        index: usize,
        now: u64,
        budget: usize,
        deadline_of: &dyn Fn(NonNull<u8>) -> Option<u64>,
        expire: &mut dyn FnMut(NonNull<u8>),
    ) -> usize {
        let due = &mut self.dues[index];
        if now.saturating_sub(due.base) > STALE {
            due.rebase(now - BELOW);
        }
        let mut left = budget;
        let mut at = 0;
        if let Some(passed) = now.checked_sub(due.base) {
            let passed = passed.min(FAR as u64) as u32;
            loop {
                let due = &mut self.dues[index];
                let Some(found) = due.offsets[at..].iter().position(|&offset| offset <= passed) else { break };
                if left == 0 {
                    return 0;
                }
                left -= 1;
                at += found;
                let ahead = self.segments()[index].slots.get(at + AHEAD).copied().and_then(blob_of);
                ahead.into_iter().for_each(|blob| near::bring(blob.as_ptr()));
                let blob = self.get(Pos { segment: index as u32, slot: at as u32 });
                let due = &mut self.dues[index];
                match deadline_of(blob) {
                    Some(deadline) if deadline <= now => {
                        self.cut(index, at);
                        expire(blob);
                    }
                    Some(deadline) => due.offsets[at] = due.offset(deadline),
                    None => due.offsets[at] = NEVER,
                }
            }
        }
        let due = &mut self.dues[index];
        self.heap -= due.offsets.capacity() * size_of::<u32>();
        due.recount();
        self.heap += due.offsets.capacity() * size_of::<u32>();
        self.note_first(index);
        left.min(budget - 1)
    }

    /// Memory for a tournament of so many segments.
    fn reserve_firsts(&mut self, segments: usize) -> Result<(), OutOfMemory> {
        let nodes = segments.next_power_of_two() * 2;
        if nodes > self.firsts.len() {
            let more = nodes - self.firsts.len();
            self.firsts.try_reserve_exact(more)?;
        }
        Ok(())
    }

    /// Plays the whole tournament again, over as many leaves as there is memory for.
    fn rebuild_firsts(&mut self) {
        let leaves = self.firsts.capacity() / 2;
        self.firsts.clear();
        self.firsts.resize(leaves * 2, u64::MAX);
        for (i, due) in self.dues.iter().enumerate() {
            self.firsts[leaves + i] = due.first;
        }
        for node in (1..leaves).rev() {
            self.firsts[node] = self.firsts[2 * node].min(self.firsts[2 * node + 1]);
        }
    }

    /// Tells the tournament what a segment's minimum is now.
    fn note_first(&mut self, index: usize) {
        if let Some(first) = self.dues.get(index).map(|due| due.first) {
            self.set_first(index, first);
        }
    }

    #[inline(never)]
    fn set_first(&mut self, index: usize, first: u64) {
        if self.directory.is_empty() {
            return;
        }
        if self.firsts.len() / 2 <= index {
            return self.rebuild_firsts();
        }
        let mut node = self.firsts.len() / 2 + index;
        if self.firsts[node] == first {
            return;
        }
        self.firsts[node] = first;
        while node > 1 {
            node /= 2;
            let least = self.firsts[2 * node].min(self.firsts[2 * node + 1]);
            if self.firsts[node] == least {
                return;
            }
            self.firsts[node] = least;
        }
    }
}

impl Table {
    /// Recounts everything that the table claims about itself; `rehash` as for `insert`. Cost: the whole table.
    #[doc(hidden)]
    pub fn check(&self, rehash: impl Fn(NonNull<u8>) -> u64) {
        let segments = self.segments();
        let mut entries = 0;
        let mut heap = 0;
        for (index, segment) in segments.iter().enumerate() {
            assert!(segment.mask.count_ones() >= MIN_TAG_BITS && segment.mask.leading_ones() == segment.mask.count_ones());
            heap += segment.slots.capacity() * size_of::<u64>();
            let mut counted = 0;
            let mut last = 0;
            for (at, &slot) in segment.slots.iter().enumerate() {
                let Some(blob) = blob_of(slot) else {
                    assert_eq!(slot, EMPTY);
                    continue;
                };
                let (tag, hash) = (slot & !REST, rehash(blob));
                assert_eq!(segment.key(hash), tag, "a tag is the bits of the hash");
                assert!(tag >= last, "tags stand in order");
                assert!(segment.home(slot) <= at && segment.slots[segment.home(slot)..at].iter().all(|&slot| slot != EMPTY));
                assert_eq!(self.segment_of(hash).map(|(index, _)| index), Some(index), "the directory leads to it");
                last = tag;
                counted += 1;
            }
            assert_eq!(counted, segment.len);
            entries += counted as usize;
            assert!(self.directory.is_empty() || segment.slots.len() <= self.widest as usize);
        }
        assert_eq!(entries, self.len);
        if self.directory.is_empty() {
            assert!(self.segments.is_empty() && self.firsts.is_empty() && self.small.depth == 0);
        } else {
            assert_eq!(self.directory.len(), 1 << self.depth());
            assert_eq!(self.deepest as usize, segments.iter().filter(|segment| segment.depth == self.depth()).count());
            assert!(self.deepest > 0 && segments.len() > 1);
            for (i, &index) in self.directory.iter().enumerate() {
                let segment = &segments[index as usize];
                let prefix = ((i as u64) << self.shift) >> (64 - segment.depth as u32) << (64 - segment.depth as u32);
                assert_eq!(segment.prefix as u64, prefix >> 32);
            }
        }
        assert!(self.dues.is_empty() || self.dues.len() == segments.len());
        for (index, due) in self.dues.iter().enumerate() {
            heap += due.offsets.capacity() * size_of::<u32>();
            assert!(due.is_none() || due.offsets.len() == segments[index].slots.len());
            if !self.directory.is_empty() {
                assert_eq!(self.firsts[self.firsts.len() / 2 + index], due.first);
            }
            for (&offset, &slot) in due.offsets.iter().zip(&segments[index].slots) {
                assert!(slot != EMPTY || offset == NEVER);
                assert!(offset == NEVER || due.base.saturating_add(offset as u64) >= due.first);
            }
        }
        for node in 1..self.firsts.len() / 2 {
            assert_eq!(self.firsts[node], self.firsts[2 * node].min(self.firsts[2 * node + 1]));
        }
        assert_eq!((heap, self.spine()), (self.heap, self.spine));
    }
}

/// The blobs of a table.
pub struct Iter<'a> {
    segments: core::slice::Iter<'a, Segment>,
    slots: core::slice::Iter<'a, u64>,
    left: usize,
}

impl Iterator for Iter<'_> {
    type Item = NonNull<u8>;

    fn next(&mut self) -> Option<NonNull<u8>> {
        loop {
            for &slot in self.slots.by_ref() {
                if let Some(blob) = blob_of(slot) {
                    self.left = self.left.saturating_sub(1);
                    return Some(blob);
                }
            }
            self.slots = self.segments.next()?.slots.iter();
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::{BTreeMap, BTreeSet};
    use proptest::prelude::*;

    /// Blobs of these tests are numbers that pretend to be addresses: the table never looks at what they point to.
    fn blob(n: u64) -> NonNull<u8> {
        NonNull::new(ptr::without_provenance_mut((n as usize + 1) * GRANULE)).unwrap()
    }

    fn number(blob: NonNull<u8>) -> u64 {
        (blob.as_ptr().addr() / GRANULE) as u64 - 1
    }

    /// How the hashes of a test are spread: well, or so that many begin alike, or are equal.
    #[derive(Clone, Copy, Debug)]
    enum Spread {
        Even,
        Clustered,
        Equal,
    }

    fn hash(spread: Spread, n: u64) -> u64 {
        let even = mix(&mut n.clone());
        match spread {
            Spread::Even => even,
            Spread::Clustered => even >> 7 | (even % 3) << 62,
            Spread::Equal => 0xFEDC_BA98_7654_3210 ^ (n % 2),
        }
    }

    struct Model {
        table: Table,
        /// Number -> deadline.
        entries: BTreeMap<u64, Option<u64>>,
        spread: Spread,
        /// The latest moment of an expiry.
        now: u64,
    }

    impl Model {
        fn new(spread: Spread) -> Self {
            Self { table: Table::new(), entries: BTreeMap::new(), spread, now: 0 }
        }

        fn find(&self, n: u64) -> Option<Pos> {
            self.table.find(hash(self.spread, n), |found| number(found) == n)
        }

        fn insert(&mut self, n: u64) {
            if self.entries.contains_key(&n) {
                assert_eq!(number(self.table.get(self.find(n).unwrap())), n);
                return;
            }
            assert_eq!(self.find(n), None);
            let spread = self.spread;
            let pos = self.table.insert(hash(spread, n), blob(n), |blob| hash(spread, number(blob))).unwrap();
            assert_eq!(self.find(n), Some(pos));
            self.table.note(pos, Self::note_of(n));
            self.entries.insert(n, None);
        }

        /// Some that are kept and some that are not; others than each one's neighbours have.
        fn note_of(n: u64) -> u32 {
            (n as u32).wrapping_mul(0x9E37_79B9) >> 10
        }

        fn remove(&mut self, n: u64) {
            let found = self.find(n);
            assert_eq!(found.is_some(), self.entries.remove(&n).is_some());
            if let Some(pos) = found {
                assert_eq!(number(self.table.remove(pos)), n);
            }
        }

        fn set_deadline(&mut self, n: u64, deadline: Option<u64>) {
            let Some(old) = self.entries.get(&n).copied() else { return };
            if let Some(new) = deadline.filter(|new| old.is_none_or(|old| *new < old)) {
                self.table.lower_due(self.find(n).unwrap(), new).unwrap();
            }
            self.entries.insert(n, deadline);
        }

        fn expire(&mut self, now: u64, budget: usize) -> bool {
            self.now = now;
            let entries = self.entries.clone();
            let mut expired = Vec::new();
            let done = self.table.take_due(now, budget, |blob| entries[&number(blob)], |blob| expired.push(number(blob)));
            assert!(expired.len() <= budget);
            for n in expired {
                assert!(self.entries.remove(&n).unwrap().unwrap() <= now);
            }
            if done {
                assert!(self.entries.values().flatten().all(|deadline| *deadline > now), "all that was due is gone");
                assert!(self.table.next_due().is_none_or(|next| next > now), "no busy loop");
            }
            done
        }

        fn check(&self) {
            let spread = self.spread;
            self.table.check(|blob| hash(spread, number(blob)));
            assert_eq!(self.table.len(), self.entries.len());
            let mut all: Vec<_> = self.table.iter().map(number).collect();
            all.sort();
            assert!(all.iter().eq(self.entries.keys()));
            // Only where addresses have 32 bits can this tell anything but 0 (ARCHITECTURE.md says how to run it there).
            for n in all {
                let kept = if Self::note_of(n) > Table::MOST_NOTE { 0 } else { Self::note_of(n) };
                assert_eq!(self.table.search(hash(spread, n), |found| number(found) == n).unwrap().2, kept);
            }
            let next = self.entries.values().flatten().min();
            // What is past may be told as any moment that is past.
            assert!(next.is_none_or(|next| self.table.next_due().is_some_and(|due| due <= self.now.max(*next))));
            if self.entries.is_empty() {
                assert_eq!(self.table.memory(), 0);
            }
        }
    }

    #[derive(Clone, Debug)]
    enum Op {
        Insert(u64, u64),
        Remove(u64, u64),
        Replace(u64),
        Deadline(u64, Option<u64>),
        Expire(u64, usize),
        Sample(u64),
        Scan(usize),
    }

    fn ops() -> impl Strategy<Value = (Spread, Vec<Op>)> {
        let many = if cfg!(miri) { 60u64 } else { 6000 };
        let op = prop_oneof![
            6 => (0..many, 1..many / 3).prop_map(|(n, count)| Op::Insert(n, count)),
            4 => (0..many, 1..many / 2).prop_map(|(n, count)| Op::Remove(n, count)),
            1 => (0..many).prop_map(Op::Replace),
            3 => (0..many, proptest::option::of(prop_oneof![0..5000u64, 1 << 31..1u64 << 33, 0..1u64 << 40])).prop_map(|(n, at)| Op::Deadline(n, at)),
            2 => (prop_oneof![0..2000u64, 1 << 29..1u64 << 32], 1..200usize).prop_map(|(by, budget)| Op::Expire(by, budget)),
            1 => any::<u64>().prop_map(Op::Sample),
            2 => (1..100usize).prop_map(Op::Scan),
        ];
        let spread = prop_oneof![8 => Just(Spread::Even), 2 => Just(Spread::Clustered), 1 => Just(Spread::Equal)];
        (spread, proptest::collection::vec(op, 1..if cfg!(miri) { 30 } else { 80 }))
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 6 } else { 200 }, failure_persistence: None, ..ProptestConfig::default()
        })]

        #[test]
        fn behaves_like_a_map_and_scans_and_expires_what_it_should((spread, ops) in ops()) {
            let mut model = Model::new(spread);
            let mut now = 0;
            let mut cursor = 0;
            // What was there all the time since the scan began, and what the scan returned since.
            let mut there = BTreeSet::new();
            let mut seen = BTreeSet::new();
            for op in ops {
                match op {
                    Op::Insert(n, count) => (n..n + count).for_each(|n| model.insert(n)),
                    Op::Remove(n, count) => (n..n + count).for_each(|n| model.remove(n)),
                    Op::Replace(n) => if let Some(pos) = model.find(n) {
                        model.table.replace(pos, blob(n));
                        assert_eq!(model.find(n), Some(pos));
                    },
                    Op::Deadline(n, at) => {
                        for n in n..n + n % 50 {
                            model.set_deadline(n, at.map(|at| now + at + n % 7));
                        }
                    }
                    Op::Expire(by, budget) => {
                        now += by;
                        if model.expire(now, budget)
                            && let Some(next) = model.table.next_due().filter(|next| *next < now + (1 << 34)) {
                                now = next;
                                while !model.expire(now, budget) {}
                            }
                    }
                    Op::Sample(random) => {
                        assert_eq!(model.table.sample(random).is_none(), model.entries.is_empty());
                        if let Some(pos) = model.table.sample(random) {
                            assert!(model.entries.contains_key(&number(model.table.get(pos))));
                        }
                    }
                    Op::Scan(count) => {
                        if cursor == 0 {
                            there = model.entries.keys().copied().collect();
                            seen.clear();
                        }
                        let mut returned = 0;
                        cursor = model.table.scan(cursor, count, |blob| {
                            returned += 1;
                            seen.insert(number(blob));
                        });
                        assert!(cursor < 1 << 48);
                        assert!(returned >= count || cursor == 0);
                        if cursor == 0 {
                            assert!(there.is_subset(&seen));
                        }
                    }
                }
                there.retain(|n| model.entries.contains_key(n));
                model.check();
            }
            let mut copy = Table::new();
            model.table.clone_into(&mut copy, Ok).unwrap();
            copy.check(|blob| hash(spread, number(blob)));
            assert!(copy.iter().eq(model.table.iter()));
            assert_eq!(copy.next_due(), model.table.next_due());
            let ranks: Vec<_> = (0..copy.len()).filter(|rank| rank % 7 == 3 || rank % 2000 < 3).collect();
            let mut visited = Vec::new();
            copy.visit_ranks(&ranks, |blob| visited.push(blob));
            assert!(visited.into_iter().eq(ranks.iter().map(|&rank| copy.iter().nth(rank).unwrap())));

            let mut left = model.entries.len();
            loop {
                let mut drained = 0;
                let done = model.table.drain_some(100, |blob| {
                    assert!(model.entries.remove(&number(blob)).is_some());
                    drained += 1;
                });
                left -= drained;
                assert_eq!(model.table.len(), left);
                if done { break }
                assert_eq!(drained, 100);
            }
            model.check();
        }
    }

    #[test]
    fn grows_to_many_and_gives_all_back() {
        let many = if cfg!(miri) { 300 } else { 100_000 };
        let mut model = Model::new(Spread::Even);
        for n in 0..many {
            model.insert(n);
            if n % 5000 == 4999 {
                let each = model.table.memory() as f64 / model.table.len() as f64;
                assert!(each < 11.2, "{each} bytes an entry at {n}");
            }
        }
        model.check();
        let full = model.table.memory();
        for n in 0..many - many / 20 {
            model.remove(n);
        }
        model.check();
        assert!(model.table.memory() < full / 8, "{} of {full}", model.table.memory());
        for n in 0..many {
            model.remove(n);
        }
        model.check();
    }

    #[test]
    fn a_scan_returns_all_once_when_nothing_changes() {
        for many in [0, 1, 15, 16, 17, 500, if cfg!(miri) { 501 } else { 20_000 }] {
            let mut model = Model::new(Spread::Even);
            (0..many).for_each(|n| model.insert(n));
            let (mut cursor, mut seen, mut calls) = (0, Vec::new(), 0);
            loop {
                cursor = model.table.scan(cursor, 10, |blob| seen.push(number(blob)));
                calls += 1;
                if cursor == 0 {
                    break;
                }
            }
            seen.sort();
            assert!(seen.into_iter().eq(0..many));
            assert!(calls <= many / 10 + 1);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn samples_are_uniform() {
        for many in [1u64, 3, 30, 700, 3000] {
            let mut model = Model::new(Spread::Even);
            (0..many * 3).for_each(|n| model.insert(n));
            (0..many * 2).for_each(|n| model.remove(n));
            let rounds = 200;
            let mut counts = BTreeMap::new();
            for i in 0..many * rounds {
                let pos = model.table.sample(i.wrapping_mul(77)).unwrap();
                *counts.entry(number(model.table.get(pos))).or_insert(0u64) += 1;
            }
            let chi: f64 = (many * 2..many * 3)
                .map(|n| (*counts.get(&n).unwrap_or(&0) as f64 - rounds as f64).powi(2) / rounds as f64)
                .sum();
            let freedom = many as f64 - 1.0;
            assert!(chi <= freedom + 5.0 * (2.0 * freedom).sqrt() + 1.0, "{many}: {chi}");
        }
    }

    #[test]
    fn a_deadline_taken_back_or_put_off_is_forgotten_when_it_comes_up() {
        let mut model = Model::new(Spread::Even);
        (0..20).for_each(|n| model.insert(n));
        model.set_deadline(1, Some(1000));
        model.set_deadline(2, Some(1000));
        model.set_deadline(2, Some(5000));
        model.set_deadline(1, None);
        assert_eq!(model.table.next_due(), Some(1000));
        assert!(model.expire(1000, 10));
        assert_eq!(model.table.next_due(), Some(5000));
        assert!(model.expire(5000, 10));
        assert_eq!((model.table.next_due(), model.table.len()), (None, 19));
        model.check();
    }

    #[test]
    fn deadlines_of_years_ahead_come_due_at_last() {
        const DAY: u64 = 86_400_000;
        let mut model = Model::new(Spread::Even);
        (0..5).for_each(|n| model.insert(n));
        let start = 1_700_000_000_000;
        model.set_deadline(0, Some(start + 400 * DAY));
        model.set_deadline(1, Some(start + 10));
        model.set_deadline(2, Some(u64::MAX));
        let mut now = start;
        let mut wakes = 0;
        while model.entries.contains_key(&0) {
            now = model.table.next_due().unwrap();
            assert!(model.expire(now, 10));
            wakes += 1;
        }
        assert_eq!(now, start + 400 * DAY);
        assert!(wakes < 20, "{wakes}");
        model.check();
    }
}
