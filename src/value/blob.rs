//! Entries of large hashes and sets: key and value in one allocation, found through a [`Table`].
//!
//! ```text
//!   [ length of key: 1, or 0xfe and 4 ][ length of value: 1, or 0xfe and 4 ][ key ][ value ]
//! ```
//!
//! Nothing is aligned, lengths below 254 take a byte. A collection without values (a set) leaves their length out as well: that is known to
//! the owner, not written in the entry. An entry with a deadline has 7 bytes in front, `[ 0xff ][ deadline, ms: 6 ]`, and the table has a lower
//! bound of it; an entry without has nothing.
//!
//! This is the only file of hashes and sets with unsafe code. What makes it sound: every address in the table of a [`Blobs`] was made by
//! `new_blob` with that owner's shape and length of key and value as its head says, is in the table once, and is freed when it leaves.

use alloc::alloc::{alloc, dealloc, handle_alloc_error};
use core::alloc::Layout;
use core::ptr::{self, NonNull};

pub use super::table::Pos;
use super::{
    OutOfMemory,
    seed::Seed,
    table::{self, Table},
};

/// Lengths from this on take five bytes.
const LONG: usize = 0xfe;
/// What an entry with a deadline begins with, where others have the length of their key; how many bytes it has for that.
const TIMED: u8 = 0xff;
const STAMP: usize = 7;
/// The latest deadline that an entry can have, ms.
pub const LATEST: u64 = (1 << 48) - 1;

/// Is told key, value and deadline (Unix milliseconds) of an entry.
pub type DeadlineVisitor<'a> = dyn FnMut(&[u8], &[u8], Option<u64>) + 'a;

/// A map from byte strings to byte strings, or a set of them, that owns its entries.
///
/// Hashes come from the caller (`Seed::hash` of the key, always with the same seed).
pub struct Blobs {
    table: Table,
    /// Bytes of all entries.
    bytes: usize,
    /// Whether entries have a value.
    valued: bool,
    /// The owner's note: whether Redis would still keep these as a `listpackex`.
    pub packed_elsewhere: bool,
}

fn layout(valued: bool, timed: bool, key: usize, value: usize) -> Option<Layout> {
    if key > u32::MAX as usize || value > u32::MAX as usize {
        return None;
    }
    let head = width(key) + if valued { width(value) } else { 0 } + if timed { STAMP } else { 0 };
    Layout::from_size_align(key.checked_add(value)?.checked_add(head)?, table::GRANULE).ok()
}

fn width(length: usize) -> usize {
    if length < LONG { 1 } else { 5 }
}

/// Writes a length, and answers where the next thing goes.
///
/// # Safety
/// There are `width(length)` bytes to write to.
unsafe fn write_length(at: NonNull<u8>, length: usize) -> NonNull<u8> {
    // SAFETY: the caller's promise.
    unsafe {
        if length < LONG {
            at.write(length as u8);
            at.add(1)
        } else {
            at.write(LONG as u8);
            at.add(1).cast::<u32>().write_unaligned(length as u32);
            at.add(5)
        }
    }
}

/// Reads a length, and answers where the next thing is.
///
/// # Safety
/// `write_length` wrote here.
#[inline]
unsafe fn read_length(at: NonNull<u8>) -> (usize, NonNull<u8>) {
    // SAFETY: the caller's promise.
    unsafe {
        match at.read() as usize {
            LONG => (at.add(1).cast::<u32>().read_unaligned() as usize, at.add(5)),
            length => (length, at.add(1)),
        }
    }
}

fn new_blob(valued: bool, deadline: Option<u64>, key: &[u8], value: &[u8]) -> Result<NonNull<u8>, OutOfMemory> {
    let layout = layout(valued, deadline.is_some(), key.len(), value.len()).ok_or(OutOfMemory)?;
    // SAFETY: the size is not 0, for at least the length of the key is written.
    let blob = NonNull::new(unsafe { alloc(layout) }).ok_or(OutOfMemory)?;
    if !Table::fits(blob) {
        // SAFETY: allocated above with this layout.
        unsafe { dealloc(blob.as_ptr(), layout) };
        return Err(OutOfMemory);
    }
    // SAFETY: `layout` counts exactly what is written here, and nobody else knows the allocation yet.
    unsafe {
        let mut at = blob;
        if let Some(deadline) = deadline {
            write_deadline(blob, deadline);
            at = blob.add(STAMP);
        }
        at = write_length(at, key.len());
        if valued {
            at = write_length(at, value.len());
        }
        ptr::copy_nonoverlapping(key.as_ptr(), at.as_ptr(), key.len());
        ptr::copy_nonoverlapping(value.as_ptr(), at.add(key.len()).as_ptr(), value.len());
    }
    Ok(blob)
}

/// # Safety
/// There are `STAMP` bytes to write to.
unsafe fn write_deadline(blob: NonNull<u8>, deadline: u64) {
    let [a, b, c, d, e, f, ..] = deadline.min(LATEST).to_le_bytes();
    // SAFETY: the caller's promise.
    unsafe { blob.cast::<[u8; STAMP]>().write([TIMED, a, b, c, d, e, f]) };
}

/// An entry's deadline, if it has one.
///
/// # Safety
/// As for `parts`.
unsafe fn deadline_of(blob: NonNull<u8>) -> Option<u64> {
    // SAFETY: a first byte of `TIMED` says that the stamp is there.
    unsafe {
        if blob.read() != TIMED {
            return None;
        }
        let [_, a, b, c, d, e, f] = blob.cast::<[u8; STAMP]>().read();
        Some(u64::from_le_bytes([a, b, c, d, e, f, 0, 0]))
    }
}

/// Where key and value stand, with their lengths.
///
/// # Safety
/// `new_blob` made it with this `valued`, and it was not freed.
#[inline]
unsafe fn parts(blob: NonNull<u8>, valued: bool) -> (NonNull<[u8]>, NonNull<[u8]>) {
    // SAFETY: `new_blob` wrote the head and as many bytes behind it as the head says.
    unsafe {
        let head = if blob.read() == TIMED { blob.add(STAMP) } else { blob };
        let (key, mut at) = read_length(head);
        let mut value = 0;
        if valued {
            (value, at) = read_length(at);
        }
        (NonNull::slice_from_raw_parts(at, key), NonNull::slice_from_raw_parts(at.add(key), value))
    }
}

/// Frees an entry; how many bytes it had.
///
/// # Safety
/// As for `parts`, and nobody uses the entry any more.
unsafe fn free(blob: NonNull<u8>, valued: bool) -> usize {
    // SAFETY: the lengths are those that the entry was made with, so the layout is as well.
    unsafe {
        let (key, value) = parts(blob, valued);
        let Some(layout) = layout(valued, deadline_of(blob).is_some(), key.len(), value.len()) else { return 0 };
        dealloc(blob.as_ptr(), layout);
        layout.size()
    }
}

impl Blobs {
    /// An empty map (`valued`) or set. Allocates nothing.
    pub const fn new(valued: bool) -> Self {
        Self { table: Table::new(), bytes: 0, valued, packed_elsewhere: false }
    }

    pub fn len(&self) -> usize {
        self.table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// The index of the keys, to be looked at ahead.
    pub fn index(&self) -> &Table {
        &self.table
    }

    /// Heap bytes of index and entries. O(1).
    pub fn memory(&self) -> usize {
        self.table.memory() + self.bytes
    }

    #[inline]
    fn slices(&self, blob: NonNull<u8>) -> (&[u8], &[u8]) {
        // SAFETY: all blobs that reach this come from our table, and stay unchanged while `self` is borrowed.
        unsafe {
            let (key, value) = parts(blob, self.valued);
            (key.as_ref(), value.as_ref())
        }
    }

    /// Where the entry with this key is. O(1).
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<Pos> {
        self.table.find(hash, |blob| self.slices(blob).0 == key)
    }

    /// Key and value (empty in a set) of the entry at a position from `find`, `insert` or `sample`.
    #[inline]
    pub fn at(&self, pos: Pos) -> (&[u8], &[u8]) {
        self.slices(self.table.get(pos))
    }

    /// Adds an entry whose key is not there yet.
    pub fn insert(&mut self, seed: Seed, key: &[u8], value: &[u8]) -> Result<Pos, OutOfMemory> {
        let valued = self.valued;
        let hash = seed.hash(key);
        // SAFETY: the table asks about blobs that are in it.
        let rehash = |blob| seed.hash(unsafe { parts(blob, valued).0.as_ref() });
        self.table.try_reserve_one(hash, rehash)?;
        let blob = new_blob(valued, None, key, if valued { value } else { &[] })?;
        match self.table.insert(hash, blob, rehash) {
            Ok(pos) => {
                self.bytes += width(key.len()) + key.len() + if valued { width(value.len()) + value.len() } else { 0 };
                Ok(pos)
            }
            Err(refused) => {
                // SAFETY: made above, and in no table.
                unsafe { free(blob, valued) };
                Err(refused)
            }
        }
    }

    /// Gives the entry at `pos` another value; its deadline stays. Nothing moves when the new one is as long as the old one.
    pub fn set_value(&mut self, pos: Pos, value: &[u8]) -> Result<(), OutOfMemory> {
        if !self.valued {
            return Ok(());
        }
        let old = self.table.get(pos);
        // SAFETY: `old` is in our table.
        let (old_value, deadline) = unsafe { (parts(old, true).1, deadline_of(old)) };
        if old_value.len() == value.len() {
            // SAFETY: `self` is borrowed mutably, so no slice of the old value is alive, and `value` is none of them.
            unsafe { ptr::copy_nonoverlapping(value.as_ptr(), old_value.cast().as_ptr(), value.len()) };
            return Ok(());
        }
        self.remake(pos, deadline, Some(value))
    }

    /// Puts an entry with the same key, and the same value unless another is given, in the place of the one at `pos`.
    fn remake(&mut self, pos: Pos, deadline: Option<u64>, value: Option<&[u8]>) -> Result<(), OutOfMemory> {
        let old = self.table.get(pos);
        let (key, old_value) = self.slices(old);
        let value = value.unwrap_or(old_value);
        let added = layout(self.valued, deadline.is_some(), key.len(), value.len()).map_or(0, |layout| layout.size());
        let blob = new_blob(self.valued, deadline, key, value)?;
        self.table.replace(pos, blob);
        self.bytes += added;
        // SAFETY: it left the table, and nobody borrows from `self`.
        self.bytes -= unsafe { free(old, self.valued) };
        Ok(())
    }

    /// When the entry at `pos` is due, if ever.
    pub fn deadline(&self, pos: Pos) -> Option<u64> {
        // SAFETY: it is in our table.
        unsafe { deadline_of(self.table.get(pos)) }
    }

    /// Gives the entry at `pos` another deadline (ms, at most [`LATEST`]) or none.
    pub fn set_deadline(&mut self, pos: Pos, deadline: Option<u64>) -> Result<(), OutOfMemory> {
        if let Some(deadline) = deadline {
            self.table.lower_due(pos, deadline)?;
        }
        match (self.deadline(pos), deadline) {
            (None, None) => Ok(()),
            (Some(_), Some(deadline)) => {
                // SAFETY: in our table, with a stamp.
                unsafe { write_deadline(self.table.get(pos), deadline) };
                Ok(())
            }
            _ => self.remake(pos, deadline, None),
        }
    }

    /// As [`Table::next_due`].
    pub fn next_due(&self) -> Option<u64> {
        self.table.next_due()
    }

    /// Removes up to `budget` entries whose deadline is at most `past`, each told to `gone`; how many.
    pub fn expire(&mut self, past: u64, budget: usize, gone: &mut dyn FnMut(&[u8])) -> usize {
        let Self { table, bytes, valued, .. } = self;
        let before = table.len();
        // SAFETY: the table asks about blobs that are in it, and hands out those that left it, which are freed here and not earlier.
        table.take_due(
            past,
            budget,
            |blob| unsafe { deadline_of(blob) },
            |blob| unsafe {
                gone(parts(blob, *valued).0.as_ref());
                *bytes -= free(blob, *valued);
            },
        );
        before - table.len()
    }

    /// Removes the entry at `pos`.
    pub fn remove(&mut self, pos: Pos) {
        let blob = self.table.remove(pos);
        // SAFETY: it left the table, and nobody borrows from `self`.
        self.bytes -= unsafe { free(blob, self.valued) };
    }

    /// All entries, in no order that means anything.
    pub fn iter(&self) -> Iter<'_> {
        Iter { blobs: self, inner: self.table.iter() }
    }

    /// All entries with their deadlines, in the order of `iter`.
    pub fn visit_all(&self, visit: &mut DeadlineVisitor<'_>) {
        for blob in self.table.iter() {
            let (key, value) = self.slices(blob);
            // SAFETY: it is in our table.
            visit(key, value, unsafe { deadline_of(blob) });
        }
    }

    /// As [`Table::scan`].
    pub fn scan(&self, cursor: u64, count: usize, visit: &mut dyn FnMut(&[u8], &[u8])) -> u64 {
        self.table.scan(cursor, count, |blob| {
            let (key, value) = self.slices(blob);
            visit(key, value);
        })
    }

    /// An entry by chance, each as likely as any other.
    pub fn sample(&self, random: u64) -> Option<Pos> {
        self.table.sample(random)
    }

    /// Visits the entries at these places of the order of `iter`; the places ascend.
    pub fn visit_ranks(&self, ranks: &[usize], visit: &mut dyn FnMut(&[u8], &[u8])) {
        self.table.visit_ranks(ranks, |blob| {
            let (key, value) = self.slices(blob);
            visit(key, value);
        });
    }

    /// Frees up to `budget` entries; true once all are gone. After a first call that gave false nothing else may be asked but this.
    pub fn free_some(&mut self, budget: usize) -> bool {
        let Self { table, bytes, valued, .. } = self;
        // SAFETY: what is drained is in the table no more.
        table.drain_some(budget, |blob| *bytes -= unsafe { free(blob, *valued) })
    }

    /// A copy of everything. O(N).
    pub fn try_clone(&self) -> Result<Self, OutOfMemory> {
        let mut copy = Self::new(self.valued);
        // Should it fail, `copy` holds what was made so far, which is less than this, and frees it.
        copy.bytes = self.bytes;
        copy.packed_elsewhere = self.packed_elsewhere;
        let done = self.table.clone_into(&mut copy.table, |blob| {
            let (key, value) = self.slices(blob);
            // SAFETY: `blob` is in our table.
            new_blob(self.valued, unsafe { deadline_of(blob) }, key, value)
        });
        done.map(|()| copy)
    }

    /// Asserts what must always hold.
    #[cfg(any(test, debug_assertions))]
    #[doc(hidden)]
    pub fn check(&self, seed: Seed) {
        self.table.check(|blob| seed.hash(self.slices(blob).0));
        let bytes = |blob| {
            let (key, value) = self.slices(blob);
            // SAFETY: `blob` is in our table.
            let timed = unsafe { deadline_of(blob) }.is_some();
            layout(self.valued, timed, key.len(), value.len()).map_or(0, |layout| layout.size())
        };
        assert_eq!(self.table.iter().map(bytes).sum::<usize>(), self.bytes);
        assert_eq!(self.iter().count(), self.len());
        for (key, _) in self.iter() {
            assert!(self.find(seed.hash(key), key).is_some_and(|pos| core::ptr::eq(self.at(pos).0, key)), "a key is there once");
        }
    }
}

impl Drop for Blobs {
    fn drop(&mut self) {
        self.free_some(usize::MAX);
    }
}

impl Clone for Blobs {
    fn clone(&self) -> Self {
        match self.try_clone() {
            Ok(copy) => copy,
            Err(OutOfMemory) => handle_alloc_error(Layout::new::<u8>()),
        }
    }
}

/// The entries of a [`Blobs`], each as (key, value).
pub struct Iter<'a> {
    blobs: &'a Blobs,
    inner: table::Iter<'a>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.inner.next().map(|blob| self.blobs.slices(blob))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    /// Lengths around the one at which a length takes more bytes.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let length = prop_oneof![0..3usize, 250..260usize, Just(1000)];
        (length, 0..if cfg!(miri) { 3 } else { 20u8 }).prop_map(|(length, fill)| vec![fill; length])
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 4 } else { 200 }, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn behaves_like_a_map(ops in proptest::collection::vec((bytes(), proptest::option::of(bytes())), 1..if cfg!(miri) { 30 } else { 150 })) {
            let seed = Seed::new(5);
            for valued in [true, false] {
                let mut blobs = Blobs::new(valued);
                let mut model = BTreeMap::new();
                for (key, value) in &ops {
                    let found = blobs.find(seed.hash(key), key);
                    assert_eq!(found.is_some(), model.contains_key(key));
                    match (value, found) {
                        (Some(value), None) => {
                            let pos = blobs.insert(seed, key, value).unwrap();
                            model.insert(key.clone(), if valued { value.clone() } else { vec![] });
                            assert_eq!(blobs.at(pos).0, &**key);
                        }
                        (Some(value), Some(pos)) if valued => {
                            blobs.set_value(pos, value).unwrap();
                            model.insert(key.clone(), value.clone());
                        }
                        (None, Some(pos)) => {
                            blobs.remove(pos);
                            model.remove(key);
                        }
                        _ => {}
                    }
                    blobs.check(seed);
                }
                let copy = blobs.clone();
                blobs.free_some(2);
                drop(blobs);
                copy.check(seed);
                let mut all: Vec<_> = copy.iter().collect();
                all.sort();
                assert!(all.into_iter().eq(model.iter().map(|(key, value)| (&**key, &**value))));
            }
        }
    }
}
