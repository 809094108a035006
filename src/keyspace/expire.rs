//! Deadlines: absolute moments after which a key is gone.
//!
//! A key whose deadline has passed is removed by whoever meets it, and by `tick` for those that nobody meets. The table keeps lower bounds
//! of the deadlines of its entries, so that the next moment at which something is due is known, and nothing is found by sampling.

use super::entry::Entry;
use super::{Class, Keyspace};
use crate::error::Result;
use crate::time::Millis;
use crate::value::table::Pos;

impl Keyspace {
    /// The deadline of a key: `None` where the key is missing, `Some(None)` where it has none.
    pub fn deadline(&mut self, key: &[u8]) -> Option<Option<Millis>> {
        self.find(key).map(|(_, entry)| entry.deadline())
    }

    /// Gives an existing key another deadline or none, telling nobody. False where the key is missing.
    ///
    /// # Errors
    /// `OOM` where the entry has to move and cannot.
    pub fn set_deadline(&mut self, key: &[u8], deadline: Option<Millis>) -> Result<bool> {
        let Some((pos, entry)) = self.find(key) else { return Ok(false) };
        let (bytes, before) = (entry.memory(), entry.deadline());
        // SAFETY: the entry is live; only the returned handle is used afterwards.
        let moved = unsafe { entry.with_deadline(deadline)? };
        self.db_mut().table.replace(pos, moved.handle());
        self.ledger.adjust(bytes, moved.memory());
        self.note_deadline(pos, before, deadline);
        Ok(true)
    }

    /// Keeps count and index right after the deadline of the entry at `pos` went from `before` to `after`.
    #[inline]
    pub(super) fn note_deadline(&mut self, pos: Pos, before: Option<Millis>, after: Option<Millis>) {
        let db = self.db_mut();
        match (before, after) {
            (None, Some(deadline)) => {
                db.expires = db.expires.saturating_add(1);
                self.lower_due(pos, deadline);
            }
            (Some(old), Some(new)) if new < old => self.lower_due(pos, new),
            (Some(_), None) => db.expires = db.expires.saturating_sub(1),
            _ => {}
        }
    }

    #[inline(never)]
    fn lower_due(&mut self, pos: Pos, deadline: Millis) {
        let table = &mut self.db_mut().table;
        let before = table.memory() as u64;
        // Without room for the bound, the key expires when somebody meets it, as always; only `tick` does not know of it.
        let _ = table.lower_due(pos, deadline);
        let after = table.memory() as u64;
        self.ledger.adjust(before, after);
    }

    /// How long keys with a deadline still live on the average, milliseconds, told from a sample of the first keys of the index; 0 of none.
    pub fn average_ttl(&self) -> u64 {
        const SAMPLE: usize = 64;
        let (mut sum, mut count) = (0u64, 0u64);
        for handle in self.db().table.iter().take(SAMPLE) {
            // SAFETY: the table holds live entries only.
            if let Some(deadline) = unsafe { Entry::from_handle(handle) }.deadline() {
                sum = sum.saturating_add(deadline.saturating_sub(self.now));
                count = count.saturating_add(1);
            }
        }
        sum.checked_div(count).unwrap_or(0)
    }

    /// Removes the expired entry at `pos` and says so.
    #[inline(never)]
    pub(super) fn expire_at(&mut self, pos: Pos) {
        let entry = self.unlink(pos);
        self.bury(entry);
    }

    /// Counts, tells and frees an entry that is out of the table.
    fn bury(&mut self, entry: Entry) {
        self.stats.expired = self.stats.expired.wrapping_add(1);
        // SAFETY: the entry is freed at the end, not earlier.
        let key = unsafe { entry.key() };
        self.note_touch(key, true);
        self.notify(Class::EXPIRED, "expired", key);
        // SAFETY: no handle to it is left.
        unsafe { entry.free() };
    }

    /// The earliest moment at which a key may be gone, over all databases; early by some at times, never late.
    pub fn next_due(&self) -> Option<Millis> {
        if !self.active_expire {
            return None;
        }
        // A key lives through the millisecond of its deadline.
        self.dbs.iter().filter_map(|db| db.table.next_due()).min().map(|deadline| deadline.saturating_add(1))
    }

    /// Removes up to `budget` keys whose deadline has passed. True when none is left.
    pub fn expire_due(&mut self, budget: usize) -> bool {
        if !self.active_expire {
            return true;
        }
        let selected = self.selected;
        let mut left = budget;
        let mut finished = true;
        for index in 0..self.dbs.len() {
            self.selected = index;
            finished &= self.expire_due_here(&mut left);
        }
        self.selected = selected;
        finished
    }

    fn expire_due_here(&mut self, left: &mut usize) -> bool {
        let Some(past) = self.now.checked_sub(1) else { return true };
        let mut gone = alloc::vec::Vec::new();
        let db = self.db_mut();
        let before = db.table.memory() as u64;
        // SAFETY: the table holds live entries only.
        let deadline_of = |handle| unsafe { Entry::from_handle(handle) }.deadline();
        let finished = db.table.take_due(past, *left, deadline_of, |handle| gone.push(handle));
        let after = db.table.memory() as u64;
        db.expires = db.expires.saturating_sub(gone.len());
        self.ledger.adjust(before, after);
        *left = left.saturating_sub(gone.len());
        for handle in gone {
            // SAFETY: taken out of the table just now.
            let entry = unsafe { Entry::from_handle(handle) };
            self.ledger.adjust(entry.memory(), 0);
            self.bury(entry);
        }
        finished
    }
}
