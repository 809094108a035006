//! Keys that stand for something outside of the engine: a slot number and a size in place of a value.
//!
//! The object cache of the npm package keeps JavaScript values in an array and their places in it here, so that they have what every key has: a
//! deadline, a size in the ledger, eviction. A slot belongs to whoever made it; when its key goes (deleted, expired, evicted), the slot
//! stands in [`References::freed`] until its owner takes it. Such keys and Redis's values are not meant to share a keyspace: to a command that
//! meets one, it is a string of four bytes.
//!
//! The keyspace also knows the entry of a slot, 4 bytes each in WebAssembly, in runs that never move: growing copies nothing. There the index notes
//! the slots below two millions beside the entries' addresses, which makes reading a value a miss of the cache shorter.

use super::entry::Entry;
use super::{Again, Keyspace, Ttl, hash_of, word_of};
use crate::error::{ReplyError, Result};
use crate::time::Millis;
use crate::value::OutOfMemory;
use crate::value::table::{Pos, Table};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr::NonNull;

/// Slots of one run.
const RUN: usize = 1 << 12;

/// The slots of a keyspace.
#[derive(Default)]
pub struct References {
    /// The entry of each slot.
    runs: Vec<Box<[Option<NonNull<u8>>; RUN]>>,
    /// Slots whose keys are gone, until [`Keyspace::take_freed`].
    freed: Vec<u32>,
    /// The key of the last of them that expired or was evicted, where somebody wants to know.
    last: Option<Vec<u8>>,
    /// Sum of the sizes of all.
    size: u64,
    /// The most keys, and the greatest sum of sizes; 0 = no limit.
    most: (u64, u64),
}

impl References {
    pub(super) fn memory(&self) -> u64 {
        let runs = self.runs.len().saturating_mul(RUN).saturating_mul(size_of::<Option<NonNull<u8>>>());
        runs.saturating_add(self.runs.capacity().saturating_mul(size_of::<usize>())) as u64
    }

    pub(super) fn is_bounded(&self) -> bool {
        self.most != (0, 0)
    }

    #[inline]
    fn place(&mut self, slot: u32) -> Option<&mut Option<NonNull<u8>>> {
        let slot = slot as usize;
        self.runs.get_mut(slot.wrapping_div(RUN))?.get_mut(slot.wrapping_rem(RUN))
    }

    /// Makes room for a slot.
    #[inline]
    fn reserve(&mut self, slot: u32) -> Result<(), OutOfMemory> {
        if self.place(slot).is_some() { Ok(()) } else { self.grow(slot) }
    }

    #[inline(never)]
    fn grow(&mut self, slot: u32) -> Result<(), OutOfMemory> {
        while self.runs.len() <= (slot as usize).wrapping_div(RUN) {
            let mut run: Vec<Option<NonNull<u8>>> = Vec::new();
            run.try_reserve_exact(RUN)?;
            run.resize(RUN, None);
            self.runs.try_reserve(1)?;
            self.runs.push(run.into_boxed_slice().try_into().map_err(|_| OutOfMemory)?);
        }
        Ok(())
    }
}

/// What the table notes beside an entry: its slot and one, 0 where it has none.
#[inline]
pub(super) fn note_of(entry: Entry) -> u32 {
    entry.slot().and_then(|slot| slot.checked_add(1)).unwrap_or(0)
}

/// The slot of an entry that has one, by the note beside it or by itself. By the note, a processor that expects the entry to be the one looked for
/// fetches the value while the entry is still on its way: two misses of the cache at once.
#[inline(always)]
fn slot_of(entry: Entry, note: u32) -> u32 {
    if Table::MOST_NOTE == 0 { entry.slot().unwrap_or(0) } else { note.checked_sub(1).unwrap_or_else(|| slot_in(entry)) }
}

/// Out of line, so that there is a branch: who chooses between two numbers waits for both.
#[cold]
#[inline(never)]
fn slot_in(entry: Entry) -> u32 {
    entry.slot().unwrap_or(0)
}

impl Keyspace {
    /// Has keys evicted by the policy when there are more than `keys`, or their sizes are more than `size` together; 0 is no limit.
    pub fn limit_references(&mut self, keys: u64, size: u64) {
        self.references.most = (keys, size);
    }

    /// Sum of the sizes of all keys that refer to something.
    pub fn referenced_size(&self) -> u64 {
        self.references.size
    }

    /// The slot under `key`. Counts a hit or a miss and marks the key as used.
    #[inline]
    pub fn reference(&mut self, key: &[u8]) -> Option<u32> {
        self.reference_hashed(self.hash(key), key)
    }

    /// As [`Keyspace::reference`], where the hash of the key is known.
    #[inline]
    pub fn reference_hashed(&mut self, hash: u64, key: &[u8]) -> Option<u32> {
        match self.first_look(hash, key, |entry, note, key, now| entry.is_reference_of(key, now).then(|| slot_of(entry, note))) {
            Some(found) => found,
            None => self.any_reference(hash, key),
        }
    }

    /// As `reference_hashed`, where the first look did not tell.
    #[inline(never)]
    fn any_reference(&mut self, hash: u64, key: &[u8]) -> Option<u32> {
        self.look_up_hashed(hash, key)?.1.slot()
    }

    /// As [`Keyspace::reference`], but nothing is counted or marked.
    #[inline]
    pub fn peek_reference(&mut self, key: &[u8]) -> Option<u32> {
        self.find(key)?.1.slot()
    }

    /// Has `key` stand for a slot. A key that stands for one already keeps that: returns which it is. Tells nobody.
    ///
    /// # Errors
    /// `OOM` where no memory is left; nothing has changed then. `WRONGTYPE` where the key is there and holds a value.
    pub fn refer(&mut self, key: &[u8], slot: u32, size: u32, ttl: Ttl) -> Result<u32> {
        let hash = self.hash(key);
        let known = match self.refer_again(hash, key, size, ttl) {
            Again::Done(slot) => Some(slot),
            Again::Missing => None,
            Again::Unclear => self.refer_hashed(hash, key, size, ttl, true)?,
        };
        known.map_or_else(|| self.refer_anew(hash, key, slot, size, ttl), Ok)
    }

    /// As `refer`, where nothing but the deadline changes of what the key stands for, and few instructions tell that: which slot that is, as before.
    /// Needs no memory. Nothing is done unless it says so.
    #[inline(always)]
    pub fn refer_again(&mut self, hash: u64, key: &[u8], size: u32, ttl: Ttl) -> Again<u32> {
        self.set_again(hash, key, ttl, |entry, note, key, now, deadline| {
            Some((entry.renew_reference(key, now, size, deadline)?, slot_of(entry, note)))
        })
    }

    /// As [`Keyspace::refer`], where the hash of the key is known and `refer_again` could not tell; nothing where there is no such key. Without
    /// `may_grow` only what needs no memory is done.
    ///
    /// # Errors
    /// As `refer`; `OOM` also where it may not grow and would have to.
    #[inline(never)]
    pub fn refer_hashed(&mut self, hash: u64, key: &[u8], size: u32, ttl: Ttl, may_grow: bool) -> Result<Option<u32>> {
        let Some((pos, entry)) = self.find_hashed(hash, key) else { return Ok(None) };
        let (slot, old) = entry.reference().ok_or(ReplyError::WRONG_TYPE)?;
        let before = entry.deadline();
        let deadline = self.deadline_after(Some(entry), ttl);
        if size == old && entry.renew(deadline) {
            entry.set_access(self.next_mark(entry.access()));
            self.note_deadline(pos, before, deadline);
        } else if may_grow {
            self.refer_resized(pos, entry, size, deadline)?;
        } else {
            return Err(ReplyError::MEMORY);
        }
        Ok(Some(slot))
    }

    /// As `refer`, of a key that stands for a slot, where the entry or the sum of sizes changes.
    #[inline(never)]
    fn refer_resized(&mut self, pos: Pos, entry: Entry, size: u32, deadline: Option<Millis>) -> Result<()> {
        let (slot, old) = entry.reference().ok_or(ReplyError::WRONG_TYPE)?;
        let (before, bytes) = (entry.deadline(), entry.memory());
        // SAFETY: the entry is live; only the returned handle is used afterwards.
        let moved = unsafe { entry.with_deadline(self.blocks_for(bytes as usize), deadline)? };
        moved.set_access(self.next_mark(moved.access()));
        self.db_mut().table.replace(pos, moved.handle());
        self.references.place(slot).map(|place| place.replace(moved.handle()));
        moved.set_size(size);
        self.resized(moved, bytes, moved.memory());
        self.references.size = self.references.size.saturating_add(size.into()).saturating_sub(old.into());
        self.note_deadline(pos, before, deadline);
        if size > old {
            self.make_way(0, 0);
        }
        Ok(())
    }

    /// As [`Keyspace::refer`] of a key that is not there.
    ///
    /// # Errors
    /// `OOM` where no memory is left; nothing has changed then.
    #[inline]
    pub fn refer_anew(&mut self, hash: u64, key: &[u8], slot: u32, size: u32, ttl: Ttl) -> Result<u32> {
        self.bring_eviction_near(word_of(hash));
        self.make_way(1, size.into());
        let before = self.references.memory();
        let reserved = self.references.reserve(slot);
        self.ledger.adjust(before, self.references.memory());
        reserved?;
        let deadline = self.deadline_after(None, ttl);
        let entry = Entry::new_reference(self.blocks_for(key.len()), key, slot, size, deadline)?;
        self.insert(entry, hash)?;
        self.references.size = self.references.size.saturating_add(size.into());
        self.references.place(slot).map(|place| place.replace(entry.handle()));
        Ok(slot)
    }

    /// Evicts until so many keys, of that size together, can be added.
    #[inline]
    fn make_way(&mut self, keys: u64, size: u64) {
        while self.is_over(keys, size) && self.evict_next() {}
    }

    fn is_over(&self, keys: u64, size: u64) -> bool {
        let (most_keys, most_size) = self.references.most;
        (most_keys != 0 && (self.len() as u64).saturating_add(keys) > most_keys)
            || (most_size != 0 && self.references.size.saturating_add(size) > most_size)
    }

    /// Keeps the key of a slot that became free by itself, for [`Keyspace::freed_key`].
    pub(super) fn note_freed(&mut self, key: &[u8]) {
        if let Some(last) = &mut self.references.last {
            last.clear();
            last.extend_from_slice(key);
        }
    }

    /// Has [`Keyspace::freed_key`] tell something from now on.
    pub fn keep_freed_key(&mut self) {
        self.references.last.get_or_insert_default();
    }

    /// The key that stands for a slot.
    pub fn key_of(&self, slot: u32) -> Option<&[u8]> {
        let slot = slot as usize;
        let handle = (*self.references.runs.get(slot.wrapping_div(RUN))?.get(slot.wrapping_rem(RUN))?)?;
        // SAFETY: the places of slots hold live entries only; the key stays while `self` is borrowed.
        Some(unsafe { Entry::from_handle(handle).key() })
    }

    /// Removes the key that stands for a slot, telling nobody. False where there is none.
    #[inline(never)]
    pub fn discard_slot(&mut self, slot: u32) -> bool {
        let Some(handle) = self.references.place(slot).and_then(|place| *place) else { return false };
        let hash = hash_of(&self.env, handle);
        let Some(pos) = self.db().table.find(hash, |other| other == handle) else { return false };
        let entry = self.unlink(pos);
        // SAFETY: no handle to it is left.
        unsafe { entry.free() };
        true
    }

    /// Notes that the slot of an entry, which is out of the table, is free.
    #[inline]
    pub(super) fn release(&mut self, entry: Entry) {
        if let Some((slot, size)) = entry.reference() {
            self.references.size = self.references.size.saturating_sub(size.into());
            self.references.place(slot).map(Option::take);
            self.references.freed.push(slot);
        }
    }

    /// How many slots became free since [`Keyspace::take_freed`].
    #[inline]
    pub fn freed(&self) -> usize {
        self.references.freed.len()
    }

    /// The slot that became free last, as if it had been taken.
    pub fn unfree(&mut self) -> Option<u32> {
        self.references.freed.pop()
    }

    /// The key of the slot that became free last because its key expired or was evicted.
    pub fn freed_key(&self) -> &[u8] {
        self.references.last.as_deref().unwrap_or_default()
    }

    /// Takes up to `most` slots that became free.
    pub fn take_freed(&mut self, most: usize) -> impl Iterator<Item = u32> {
        let freed = &mut self.references.freed;
        freed.drain(freed.len().saturating_sub(most)..)
    }

    /// Lets go of all slots, after [`Keyspace::flush`].
    pub fn forget_references(&mut self) {
        self.ledger.adjust(self.references.memory(), 0);
        let References { most, ref mut last, .. } = self.references;
        self.references = References { most, last: last.take(), ..References::default() };
    }
}
