//! Walking over keys: cursors, patterns of the whole keyspace, one key at random.

use super::Keyspace;
use super::entry::{Entry, ValueRef, ValueType};
use crate::rng::Rng;
use crate::time::Millis;
use alloc::vec::Vec;

impl Keyspace {
    /// Visits about `count` keys from `cursor` on; returns the next cursor, 0 at the end. A key that exists from the first call to the last
    /// is visited at least once. Expired keys are removed instead.
    pub fn scan(&mut self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], ValueType)) -> u64 {
        let mut past: Vec<Vec<u8>> = Vec::new();
        let next = self.db().table.scan(cursor, count, |handle| {
            // SAFETY: the table holds live entries only.
            let entry = unsafe { Entry::from_handle(handle) };
            // SAFETY: the slice is used up by the call.
            let key = unsafe { entry.key() };
            if self.is_past(entry) {
                past.push(key.to_vec());
            } else {
                visit(key, entry.value_type());
            }
        });
        for key in past {
            self.contains(&key);
        }
        next
    }

    /// All keys of the selected database that are not expired, in the order of the index. O(keys).
    pub fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.db().table.iter().filter_map(|handle| {
            // SAFETY: the table holds live entries only, and `self` stays borrowed.
            let entry = unsafe { Entry::from_handle(handle) };
            if self.is_past(entry) { None } else { Some(unsafe { entry.key() }) }
        })
    }

    /// All keys with their values and deadlines, as [`Keyspace::keys`].
    pub(crate) fn states(&self) -> impl Iterator<Item = (&[u8], ValueRef<'_>, Option<Millis>)> {
        self.db().table.iter().filter_map(|handle| {
            // SAFETY: the table holds live entries only, and `self` stays borrowed.
            let entry = unsafe { Entry::from_handle(handle) };
            if self.is_past(entry) { None } else { Some(unsafe { (entry.key(), entry.value(), entry.deadline()) }) }
        })
    }

    /// All keys with their values, as [`Keyspace::keys`].
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], ValueRef<'_>)> {
        self.db().table.iter().filter_map(|handle| {
            // SAFETY: the table holds live entries only, and `self` stays borrowed.
            let entry = unsafe { Entry::from_handle(handle) };
            if self.is_past(entry) { None } else { Some(unsafe { (entry.key(), entry.value()) }) }
        })
    }

    /// A key of the selected database, each as likely as the others; `None` in an empty one. Expired keys that it meets are removed.
    pub fn random_key(&mut self, rng: &mut Rng) -> Option<Vec<u8>> {
        loop {
            let table = &self.db().table;
            let pos = table.sample(rng.draw())?;
            // SAFETY: the table holds live entries only.
            let entry = unsafe { Entry::from_handle(table.get(pos)) };
            if !self.is_past(entry) {
                // SAFETY: copied at once.
                return Some(unsafe { entry.key() }.to_vec());
            }
            self.expire_at(pos);
        }
    }
}
