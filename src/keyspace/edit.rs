//! The guard through which a collection is changed: when it drops, the books are right again.

use super::entry::{Entry, Stored};
use super::{Class, Keyspace};
use crate::error::{ReplyError, Result};
use crate::value::Env;
use crate::value::table::Pos;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;

/// A collection being changed. Reads and writes like the collection; say [`Edit::changed`] once something really changed.
pub struct Edit<'k, T: Stored> {
    keys: &'k mut Keyspace,
    pos: Pos,
    entry: Entry,
    body: NonNull<T>,
    /// Bytes of the collection when the guard was made.
    before: usize,
    changed: bool,
    /// Seed and limits, to be handed to the collection's methods.
    pub env: Env,
}

impl<'k, T: Stored> Edit<'k, T> {
    pub(super) fn begin(keys: &'k mut Keyspace, pos: Pos, entry: Entry) -> Result<Self> {
        let body = entry.collection::<T>().ok_or(ReplyError::WRONG_TYPE)?;
        // SAFETY: the body belongs to a live entry; the guard holds the keyspace, so nobody else reaches it.
        let before = unsafe { body.as_ref() }.memory();
        let env = keys.env;
        Ok(Self { keys, pos, entry, body, before, changed: false, env })
    }

    /// Says that the collection changed: counts a change, tells watchers, and notes the event.
    pub fn changed(&mut self, class: Class, event: &'static str) {
        self.changed = true;
        // SAFETY: the entry lives as long as the guard, and `changed` frees nothing.
        let key = unsafe { self.entry.key() };
        self.keys.changed(key, class, event);
    }

    /// As [`Edit::changed`], but sessions that wait on the key are not served: there is nothing new for them.
    pub fn touched(&mut self, class: Class, event: &'static str) {
        self.touch();
        self.noted(class, event);
    }

    /// Tells watchers alone.
    pub fn touch(&mut self) {
        // SAFETY: as above.
        self.keys.touch_watchers(unsafe { self.entry.key() });
    }

    /// Counts a change and notes the event; neither watchers nor waiting sessions are told.
    pub fn noted(&mut self, class: Class, event: &'static str) {
        self.changed = true;
        self.keys.dirty = self.keys.dirty.wrapping_add(1);
        // SAFETY: as above.
        self.keys.notify(class, event, unsafe { self.entry.key() });
    }

    /// Has sessions that wait on the key look at it again.
    pub fn wake(&mut self) {
        // SAFETY: as above.
        self.keys.wake(unsafe { self.entry.key() });
    }
}

impl<T: Stored> Deref for Edit<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: see `begin`.
        unsafe { self.body.as_ref() }
    }
}

impl<T: Stored> DerefMut for Edit<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: see `begin`; the guard is borrowed mutably.
        unsafe { self.body.as_mut() }
    }
}

impl<T: Stored> Drop for Edit<'_, T> {
    fn drop(&mut self) {
        let (after, empty) = (self.memory(), self.is_empty());
        self.keys.resized(self.entry, self.before as u64, after as u64);
        if self.changed {
            self.keys.mark_written(self.entry);
        }
        if let Some(due) = self.next_due() {
            self.keys.fields_due(self.pos, self.entry, due);
        }
        if empty {
            let entry = self.keys.unlink(self.pos);
            if self.changed {
                // SAFETY: the entry is freed right below, not earlier.
                self.keys.notify(Class::GENERIC, "del", unsafe { entry.key() });
            }
            // SAFETY: no handle to it is left.
            unsafe { entry.free() };
        }
    }
}
