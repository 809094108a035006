//! A sequence of byte strings in one heap allocation: what every small collection is kept in.
//!
//! Each element carries its length in front and, mirrored, behind, so that the sequence can be walked both ways:
//!
//! ```text
//!   front    data           back   front    data      back
//! ┌────────┬──────────────┬──────┬────────┬─────────┬──────┬ ─ ─ ─ ─ ┐
//! │ length │ bytes        │htgnel│ length │ bytes   │htgnel│  slack
//! └────────┴──────────────┴──────┴────────┴─────────┴──────┴ ─ ─ ─ ─ ┘
//! ▲ Pos of the first             ▲ Pos of the second       ▲ used
//! ```
//!
//! A length is written seven bits a byte, lowest first, with the high bit set on all bytes but the last. The back length
//! is the same bytes in reverse order, so that reading from the end meets them in the order of the front ones. Elements
//! below 128 bytes thus cost two bytes beside their own, those below 16 KiB four.
//!
//! Looking for something is a walk. That is the trade: nothing beats a short walk over adjacent bytes in space or, for
//! the few hundred elements that the collections' limits allow, by much in time.

use alloc::boxed::Box;
use core::iter::FusedIterator;
use core::mem;
use core::ops::Range;

/// Bytes that one `Packed` may hold: cursors are 32 bits wide, and an allocation must not pass `isize::MAX`.
pub const MAX_BYTES: usize = if usize::BITS > 32 { u32::MAX as usize } else { i32::MAX as usize };

/// Place of an element. Holds until the next change of the sequence; elements before the place of a change keep theirs.
///
/// A stale or made-up place never panics: it reads as missing, or as some bytes of the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pos(u32);

/// A sequence of byte strings in one heap allocation. See the module's page for the layout.
#[derive(Default)]
pub struct Packed {
    /// The allocation, whole: elements, then zeroed or stale slack.
    bytes: Box<[u8]>,
    /// Bytes taken by elements; at most `bytes.len()` and `MAX_BYTES`.
    used: u32,
    /// Number of elements.
    count: u32,
}

impl Packed {
    /// An empty sequence. Allocates nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of elements. O(1).
    pub fn len(&self) -> usize {
        self.count as usize
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes that the elements take, lengths included, slack not. O(1).
    pub fn byte_len(&self) -> usize {
        self.used as usize
    }

    /// Heap bytes owned: the requested size of the allocation. O(1).
    pub fn memory(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that an element of `len` bytes takes in a sequence.
    pub const fn cost(len: usize) -> usize {
        len.saturating_add(2 * length_width(len))
    }

    /// Whether one more element of `len` bytes stays within [`MAX_BYTES`]. An insertion for which this is false does
    /// nothing and answers false, so a collection whose limits are set that wide asks here first and converts.
    pub fn fits(&self, len: usize) -> bool {
        self.byte_len().checked_add(Self::cost(len)).is_some_and(|total| total <= MAX_BYTES)
    }

    /// Makes room for `extra` more bytes of elements (see [`Packed::cost`]). False, and nothing changed, when the
    /// allocator refuses or the sequence would pass [`MAX_BYTES`]. After true, adding that much cannot fail.
    pub fn try_reserve(&mut self, extra: usize) -> bool {
        let Some(needed) = self.byte_len().checked_add(extra).filter(|&needed| needed <= MAX_BYTES) else { return false };
        if needed <= self.bytes.len() {
            return true;
        }
        let mut bytes = mem::take(&mut self.bytes).into_vec();
        let granted = bytes.try_reserve_exact(needed - bytes.len()).is_ok();
        if granted {
            bytes.resize(needed, 0);
        }
        self.bytes = bytes.into_boxed_slice();
        granted
    }

    /// Gives all slack back.
    pub fn shrink_to_fit(&mut self) {
        if self.byte_len() < self.bytes.len() {
            self.set_capacity(self.byte_len());
        }
    }

    /// Removes all elements and frees the allocation.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Place of the first element. O(1).
    pub fn first(&self) -> Option<Pos> {
        (self.count > 0).then_some(Pos(0))
    }

    /// Place of the last element. O(1).
    pub fn last(&self) -> Option<Pos> {
        self.before(self.byte_len())
    }

    /// Place of the element after `pos`. O(1).
    pub fn next(&self, pos: Pos) -> Option<Pos> {
        let end = self.span(pos)?.end;
        (end < self.byte_len()).then_some(Pos(end as u32))
    }

    /// Place of the element before `pos`. O(1).
    pub fn prev(&self, pos: Pos) -> Option<Pos> {
        self.before(pos.0 as usize)
    }

    /// Place of the element at `index`, counted from 0; walks from the nearer end.
    pub fn seek(&self, index: usize) -> Option<Pos> {
        if index >= self.len() {
            return None;
        }
        let from_back = self.len() - 1 - index;
        let (mut pos, steps, forward) =
            if index <= from_back { (self.first()?, index, true) } else { (self.last()?, from_back, false) };
        for _ in 0..steps {
            pos = if forward { self.next(pos)? } else { self.prev(pos)? };
        }
        Some(pos)
    }

    /// The element at `pos`; empty for a place that is none. O(1).
    pub fn at(&self, pos: Pos) -> &[u8] {
        self.span(pos).and_then(|span| self.live().get(span.data)).unwrap_or_default()
    }

    /// The element at `index`. O(n) from the nearer end.
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.seek(index).map(|pos| self.at(pos))
    }

    /// All elements in order; both ends can be taken from.
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: self.live(), left: self.count }
    }

    /// Elements from the one at `index` on (none when it is past the end). Walks there from the nearer end.
    pub fn iter_from(&self, index: usize) -> Iter<'_> {
        match self.seek(index) {
            Some(pos) => Iter { rest: self.live().get(pos.0 as usize..).unwrap_or_default(), left: self.count - index as u32 },
            None => Iter { rest: &[], left: 0 },
        }
    }

    /// Elements up to and including the one at `index` (all when it is past the end), for walks backward from there.
    pub fn iter_through(&self, index: usize) -> Iter<'_> {
        match self.seek(index).and_then(|pos| self.next(pos)) {
            Some(end) => Iter { rest: self.live().get(..end.0 as usize).unwrap_or_default(), left: index as u32 + 1 },
            None => self.iter(),
        }
    }

    /// Adds an element behind the last. False, and nothing done, when it does not [fit](Packed::fits).
    pub fn push_back(&mut self, value: &[u8]) -> bool {
        self.insert_at(self.byte_len(), value)
    }

    /// Adds an element before the first; moves all others. False, and nothing done, when it does not [fit](Packed::fits).
    pub fn push_front(&mut self, value: &[u8]) -> bool {
        self.insert_at(0, value)
    }

    /// Adds an element before the one at `pos`, which moves behind it; `pos` is then the new element's place.
    /// False, and nothing done, when it does not [fit](Packed::fits) or there is no such place.
    pub fn insert(&mut self, pos: Pos, value: &[u8]) -> bool {
        self.insert_at(pos.0 as usize, value)
    }

    /// Puts `value` in the place of the element at `pos`, which stays its place. False, and nothing done, when it does
    /// not [fit](Packed::fits) or there is no such place.
    pub fn replace(&mut self, pos: Pos, value: &[u8]) -> bool {
        let Some(span) = self.span(pos) else { return false };
        let at = pos.0 as usize;
        if !self.splice(at, span.end - at, Self::cost(value.len())) {
            return false;
        }
        self.write(at, value);
        self.give_back_slack();
        true
    }

    /// Removes `count` elements from `pos` on, or as many as there are. The place of what follows them, if anything does.
    pub fn remove(&mut self, pos: Pos, count: usize) -> Option<Pos> {
        let at = pos.0 as usize;
        let (mut end, mut removed) = (at, 0);
        while removed < count {
            let Some(span) = self.span(Pos(end as u32)) else { break };
            end = span.end;
            removed += 1;
        }
        self.splice(at, end - at, 0);
        self.count = self.count.saturating_sub(removed as u32);
        self.give_back_slack();
        (at < self.byte_len()).then_some(pos)
    }

    /// Removes elements equal to `value` in one pass: of those, the first `skip` stay and at most `max` go. How many went.
    pub fn remove_equal(&mut self, value: &[u8], skip: usize, max: usize) -> usize {
        let (mut kept, mut at) = (0, 0);
        let (mut matched, mut removed) = (0, 0);
        while removed < max {
            let Some(span) = self.span(Pos(at as u32)) else { break };
            let end = span.end;
            let equal = self.live().get(span.data) == Some(value);
            matched += usize::from(equal);
            if equal && matched > skip {
                removed += 1;
            } else {
                self.bytes.copy_within(at..end, kept);
                kept += end - at;
            }
            at = end;
        }
        self.splice(kept, at - kept, 0);
        self.count = self.count.saturating_sub(removed as u32);
        self.give_back_slack();
        removed
    }

    /// Place of the first element equal to `needle` among those at `start`, `start + step`, `start + 2 * step` …
    /// (a step of 2 looks at the fields of a hash and not at its values).
    pub fn find(&self, needle: &[u8], start: Pos, step: usize) -> Option<Pos> {
        let live = self.live();
        let mut at = start.0 as usize;
        loop {
            let span = span(live, at)?;
            if span.data.len() == needle.len() && live.get(span.data)? == needle {
                return Some(Pos(at as u32));
            }
            at = span.end;
            for _ in 1..step {
                at = self::span(live, at)?.end;
            }
        }
    }

    /// Takes the element at `pos` and all behind it out, as a sequence of their own. Both lose their slack.
    pub fn split_off(&mut self, pos: Pos) -> Packed {
        let at = (pos.0 as usize).min(self.byte_len());
        let tail: Box<[u8]> = self.live().get(at..).unwrap_or_default().into();
        let count = Iter { rest: &tail, left: u32::MAX }.count() as u32;
        let tail = Packed { used: tail.len() as u32, bytes: tail, count };
        self.used = at as u32;
        self.count = self.count.saturating_sub(count);
        self.shrink_to_fit();
        tail
    }

    /// Adds copies of all elements of `other` behind the last. False, and nothing done, when they would pass [`MAX_BYTES`].
    pub fn append(&mut self, other: &Packed) -> bool {
        let at = self.byte_len();
        if !self.splice(at, 0, other.byte_len()) {
            return false;
        }
        if let Some(room) = self.bytes.get_mut(at..at + other.byte_len()) {
            room.copy_from_slice(other.live());
        }
        self.count += other.count;
        true
    }

    /// Asserts what must always hold.
    #[cfg(any(test, debug_assertions))]
    #[doc(hidden)]
    pub fn check(&self) {
        assert!(self.byte_len() <= self.bytes.len());
        assert!(self.used > 0 || self.bytes.is_empty() || self.count == 0);
        let (mut at, mut count) = (0, 0);
        while at < self.byte_len() {
            let span = self.span(Pos(at as u32));
            let Some(span) = span else { unreachable!("an element that cannot be read at {at}") };
            assert_eq!(self.before(span.end), Some(Pos(at as u32)), "the back length mirrors the front one");
            at = span.end;
            count += 1;
        }
        assert_eq!(at, self.byte_len());
        assert_eq!(count, self.len());
    }

    /// The bytes of all elements.
    fn live(&self) -> &[u8] {
        // `used` never passes the allocation.
        &self.bytes[..self.used as usize]
    }

    fn span(&self, pos: Pos) -> Option<Span> {
        span(self.live(), pos.0 as usize)
    }

    /// Place of the element that ends at `end`.
    fn before(&self, end: usize) -> Option<Pos> {
        let (len, width) = read_back(self.live().get(..end)?)?;
        Some(Pos(end.checked_sub(len.checked_add(2 * width)?)? as u32))
    }

    fn insert_at(&mut self, at: usize, value: &[u8]) -> bool {
        if self.count == u32::MAX || !self.splice(at, 0, Self::cost(value.len())) {
            return false;
        }
        self.write(at, value);
        self.count += 1;
        true
    }

    /// Makes the `old` bytes at `at` into `new` bytes of undefined content, moving what is behind. False, and nothing
    /// done, when the sequence would pass `MAX_BYTES` or `at` is beyond it.
    fn splice(&mut self, at: usize, old: usize, new: usize) -> bool {
        let used = self.byte_len();
        let Some(tail) = at.checked_add(old).filter(|&tail| tail <= used) else { return false };
        let Some(total) = (used - old).checked_add(new).filter(|&total| total <= MAX_BYTES) else { return false };
        if total > self.bytes.len() {
            self.set_capacity(roomy(total));
        }
        self.bytes.copy_within(tail..used, at + new);
        self.used = total as u32;
        true
    }

    /// Writes an element at `at`, where `splice` has made room for it.
    fn write(&mut self, at: usize, value: &[u8]) {
        let width = length_width(value.len());
        let room = &mut self.bytes[at..at + value.len() + 2 * width];
        let (front, rest) = room.split_at_mut(width);
        let (data, back) = rest.split_at_mut(value.len());
        data.copy_from_slice(value);
        let mut length = value.len();
        for (front, back) in front.iter_mut().zip(back.iter_mut().rev()) {
            let more = if length > 0x7f { 0x80 } else { 0 };
            *front = (length & 0x7f) as u8 | more;
            *back = *front;
            length >>= 7;
        }
    }

    /// Shrinks the allocation when much of it is unused.
    fn give_back_slack(&mut self) {
        let used = self.byte_len();
        if used == 0 {
            self.bytes = Box::default();
        } else if self.bytes.len() - used > used / 2 + 32 {
            self.set_capacity(roomy(used));
        }
    }

    /// Makes the allocation exactly `capacity` bytes, at least `used`.
    fn set_capacity(&mut self, capacity: usize) {
        let mut bytes = mem::take(&mut self.bytes).into_vec();
        if let Some(extra) = capacity.checked_sub(bytes.len()) {
            bytes.reserve_exact(extra);
            bytes.resize(capacity, 0);
        } else {
            bytes.truncate(capacity);
        }
        self.bytes = bytes.into_boxed_slice();
    }
}

/// Where an element's own bytes are, and where the element ends.
struct Span {
    data: Range<usize>,
    end: usize,
}

fn span(live: &[u8], at: usize) -> Option<Span> {
    let (len, width) = read_front(live.get(at..)?)?;
    let start = at + width;
    let data = start..start.checked_add(len)?;
    let end = data.end.checked_add(width)?;
    (end <= live.len()).then_some(Span { data, end })
}

/// Bytes that a length takes, once.
const fn length_width(len: usize) -> usize {
    match len {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        0x20_0000..=0xfff_ffff => 4,
        _ => 5,
    }
}

/// Reads a length at the start of `bytes`: the length and the bytes it takes.
fn read_front(bytes: &[u8]) -> Option<(usize, usize)> {
    match bytes.first() {
        Some(&byte) if byte < 0x80 => Some((byte as usize, 1)),
        _ => read_long(bytes.iter()),
    }
}

/// Reads a mirrored length at the end of `bytes`.
fn read_back(bytes: &[u8]) -> Option<(usize, usize)> {
    match bytes.last() {
        Some(&byte) if byte < 0x80 => Some((byte as usize, 1)),
        _ => read_long(bytes.iter().rev()),
    }
}

fn read_long<'a>(bytes: impl Iterator<Item = &'a u8>) -> Option<(usize, usize)> {
    let mut len = 0u32;
    for (index, byte) in bytes.take(5).enumerate() {
        len |= u32::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            return Some((len as usize, index + 1));
        }
    }
    None
}

/// The capacity to take for `needed` bytes: an eighth more, so that a sequence of n elements moves O(log n) times, but
/// never more than 64 KiB of slack, and a multiple of 8, since allocators give no less.
fn roomy(needed: usize) -> usize {
    let slack = if needed < 64 { 0 } else { (needed / 8).min(1 << 16) };
    ((needed + slack).div_ceil(8).saturating_mul(8)).min(MAX_BYTES)
}

/// A copy has no slack.
impl Clone for Packed {
    fn clone(&self) -> Self {
        Self { bytes: self.live().into(), used: self.used, count: self.count }
    }
}

impl core::fmt::Debug for Packed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &'a Packed {
    type Item = &'a [u8];
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Elements of a [`Packed`], from either end.
#[derive(Clone, Default)]
pub struct Iter<'a> {
    rest: &'a [u8],
    left: u32,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.left == 0 {
            return None;
        }
        let span = span(self.rest, 0)?;
        let element = self.rest.get(span.data)?;
        self.rest = self.rest.get(span.end..)?;
        self.left -= 1;
        Some(element)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let (len, width) = read_back(self.rest)?;
        let end = self.rest.len().checked_sub(width)?;
        let start = end.checked_sub(len)?;
        let element = self.rest.get(start..end)?;
        self.rest = self.rest.get(..start.checked_sub(width)?)?;
        self.left -= 1;
        Some(element)
    }
}

impl ExactSizeIterator for Iter<'_> {}
impl FusedIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn packed(elements: &[&[u8]]) -> Packed {
        let mut packed = Packed::new();
        for element in elements {
            assert!(packed.push_back(element));
        }
        packed.check();
        packed
    }

    fn elements(packed: &Packed) -> Vec<Vec<u8>> {
        packed.iter().map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn is_small_and_empty_without_an_allocation() {
        assert!(size_of::<Packed>() <= 24);
        let empty = Packed::new();
        assert_eq!((empty.memory(), empty.len(), empty.first(), empty.last(), empty.seek(0)), (0, 0, None, None, None));
        assert_eq!(empty.iter().next_back(), None);
    }

    #[test]
    fn elements_of_every_length_class_walk_both_ways() {
        let lengths: &[usize] =
            if cfg!(miri) { &[0, 1, 127, 128, 300] } else { &[0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] };
        let all: Vec<Vec<u8>> = lengths.iter().map(|&len| vec![0xff; len]).collect();
        let packed = packed(&all.iter().map(Vec::as_slice).collect::<Vec<_>>());
        assert_eq!(elements(&packed), all);
        assert!(packed.iter().rev().eq(all.iter().rev().map(Vec::as_slice)));
        assert_eq!(packed.byte_len(), lengths.iter().map(|&len| Packed::cost(len)).sum());
        assert_eq!((Packed::cost(0), Packed::cost(127), Packed::cost(128)), (2, 129, 132));
    }

    #[test]
    fn finds_with_a_step_so_that_values_are_not_taken_for_fields() {
        let hash = packed(&[b"name", b"colour", b"colour", b"red"]);
        let first = Pos(0);
        assert_eq!(hash.find(b"colour", first, 1), hash.seek(1));
        assert_eq!(hash.find(b"colour", first, 2), hash.seek(2));
        assert_eq!(hash.find(b"red", first, 2), None);
    }

    #[test]
    fn removes_equal_elements_in_one_pass() {
        let mut list = packed(&[b"a", b"b", b"a", b"c", b"a", b"a"]);
        assert_eq!(list.remove_equal(b"a", 1, 2), 2);
        list.check();
        assert_eq!(elements(&list), [b"a", b"b", b"c", b"a"]);
        assert_eq!(list.remove_equal(b"x", 0, usize::MAX), 0);
        assert_eq!(list.remove_equal(b"a", 0, usize::MAX), 2);
        assert_eq!(elements(&list), [b"b", b"c"]);
    }

    #[test]
    fn made_up_places_do_no_harm() {
        let original = packed(&[b"one", b"two", &[0xff; 40]]);
        for place in [1, 3, 4, 6, 11, 30, 51, 52, 53, 1000, u32::MAX] {
            let mut packed = original.clone();
            let _ = (packed.at(Pos(place)).len(), packed.next(Pos(place)), packed.prev(Pos(place)));
            let _ = (packed.find(b"two", Pos(place), 2), packed.clone().split_off(Pos(place)));
            packed.insert(Pos(place), b"x");
        }
        let beyond = Pos(1000);
        let mut packed = original.clone();
        assert_eq!((packed.at(beyond), packed.next(beyond), packed.prev(beyond)), (&b""[..], None, None));
        assert!(!packed.insert(beyond, b"x") && !packed.replace(beyond, b"x"));
        assert_eq!((packed.remove(beyond, 1), packed.split_off(beyond).len()), (None, 0));
        assert_eq!(elements(&packed), elements(&original));
    }

    #[test]
    fn refuses_what_could_not_be_addressed() {
        let mut packed = packed(&[b"one"]);
        assert!(packed.fits(1 << 20) && !packed.fits(MAX_BYTES) && !packed.fits(usize::MAX));
        assert!(!packed.try_reserve(usize::MAX) && !packed.try_reserve(MAX_BYTES));
        assert!(packed.try_reserve(100));
        assert_eq!(packed.memory(), 105);
        packed.shrink_to_fit();
        assert_eq!(packed.memory(), 5);
    }

    #[test]
    fn keeps_little_slack() {
        let mut packed = Packed::new();
        for count in 0..if cfg!(miri) { 100 } else { 2000u32 } {
            packed.push_back(&count.to_le_bytes());
            assert!(packed.memory() <= packed.byte_len() + packed.byte_len() / 8 + 8);
        }
        while let Some(last) = packed.last() {
            packed.remove(last, 1);
            assert!(packed.memory() <= packed.byte_len() + packed.byte_len() / 2 + 40);
        }
        assert_eq!(packed.memory(), 0);
    }

    #[derive(Clone, Debug)]
    enum Step {
        PushBack(Vec<u8>),
        PushFront(Vec<u8>),
        Insert(usize, Vec<u8>),
        Replace(usize, Vec<u8>),
        Remove(usize, usize),
        RemoveEqual(Vec<u8>, usize, usize),
        SplitAndRejoin(usize),
        Find(Vec<u8>, usize, usize),
        Shrink,
    }

    fn element() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            6 => prop::collection::vec(0u8..3, 0..3),
            2 => prop::collection::vec(any::<u8>(), 0..40),
            1 => (120usize..140).prop_map(|len| vec![7; len]),
            1 => (16_380usize..16_390).prop_map(|len| vec![7; if cfg!(miri) { len / 100 } else { len }]),
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        let at = 0usize..50;
        prop_oneof![
            4 => element().prop_map(Step::PushBack),
            4 => element().prop_map(Step::PushFront),
            4 => (at.clone(), element()).prop_map(|(at, value)| Step::Insert(at, value)),
            4 => (at.clone(), element()).prop_map(|(at, value)| Step::Replace(at, value)),
            2 => (at.clone(), 0usize..6).prop_map(|(at, count)| Step::Remove(at, count)),
            1 => (element(), 0usize..3, 0usize..4).prop_map(|(value, skip, max)| Step::RemoveEqual(value, skip, max)),
            1 => at.clone().prop_map(Step::SplitAndRejoin),
            2 => (element(), at, 1usize..4).prop_map(|(value, at, step)| Step::Find(value, at, step)),
            1 => Just(Step::Shrink),
        ]
    }

    fn take(packed: &mut Packed, model: &mut Vec<Vec<u8>>, step: Step) {
        let seek = |at: usize| packed.seek(at);
        match step {
            Step::PushBack(value) => {
                assert!(packed.push_back(&value));
                model.push(value);
            }
            Step::PushFront(value) => {
                assert!(packed.push_front(&value));
                model.insert(0, value);
            }
            Step::Insert(at, value) => {
                let Some(pos) = seek(at) else { return };
                assert!(packed.insert(pos, &value));
                model.insert(at, value);
            }
            Step::Replace(at, value) => {
                let Some(pos) = seek(at) else { return };
                assert!(packed.replace(pos, &value));
                model[at] = value;
            }
            Step::Remove(at, count) => {
                let Some(pos) = seek(at) else { return };
                let follows = packed.remove(pos, count);
                model.drain(at..(at + count).min(model.len()));
                assert_eq!(follows.map(|pos| packed.at(pos)), model.get(at).map(Vec::as_slice));
            }
            Step::RemoveEqual(value, skip, max) => {
                let (mut matched, mut removed) = (0, 0);
                model.retain(|element| {
                    matched += usize::from(*element == value);
                    let goes = *element == value && matched > skip && removed < max;
                    removed += usize::from(goes);
                    !goes
                });
                assert_eq!(packed.remove_equal(&value, skip, max), removed);
            }
            Step::SplitAndRejoin(at) => {
                let Some(pos) = seek(at) else { return };
                let tail = packed.split_off(pos);
                tail.check();
                packed.check();
                assert_eq!((packed.len(), tail.len()), (at, model.len() - at));
                assert!(packed.append(&tail));
            }
            Step::Find(value, at, step) => {
                let Some(pos) = seek(at) else { return };
                let found = (at..model.len()).step_by(step).find(|&index| model[index] == value);
                assert_eq!(packed.find(&value, pos, step), found.and_then(|index| packed.seek(index)));
            }
            Step::Shrink => packed.shrink_to_fit(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 4 } else { 256 },
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn behaves_as_a_vector(steps in prop::collection::vec(step(), 1..if cfg!(miri) { 25 } else { 120 })) {
            let (mut packed, mut model) = (Packed::new(), Vec::new());
            for step in steps {
                take(&mut packed, &mut model, step);
                packed.check();
                prop_assert_eq!(&elements(&packed), &model);
            }
            prop_assert!(packed.iter().rev().eq(model.iter().rev().map(Vec::as_slice)));
            for index in 0..=model.len() {
                prop_assert_eq!(packed.get(index), model.get(index).map(Vec::as_slice));
                prop_assert!(packed.iter_from(index).eq(model[index..].iter().map(Vec::as_slice)));
                let through = &model[..(index + 1).min(model.len())];
                prop_assert!(packed.iter_through(index).rev().eq(through.iter().rev().map(Vec::as_slice)));
            }
        }
    }
}
