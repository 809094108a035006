//! What users were refused: ACL LOG.

use crate::time::Millis;
use alloc::vec::Vec;

/// One refusal, or several of the same kind.
#[derive(Debug)]
pub struct Entry {
    pub count: u64,
    /// `command`, `key`, `channel` or `auth`.
    pub reason: &'static str,
    /// `toplevel` or `multi`.
    pub context: &'static str,
    /// The command, key or channel.
    pub object: Vec<u8>,
    pub username: Vec<u8>,
    /// The last time.
    pub at: Millis,
    /// The line of CLIENT INFO of who was refused last.
    pub client: Vec<u8>,
}

/// Refusals of the same kind within this time are one entry.
const TOGETHER_MS: Millis = 60_000;

/// How many of the latest entries are looked at for one of the same kind.
const LOOKED_AT: usize = 10;

impl Entry {
    fn is_like(&self, other: &Self) -> bool {
        (self.reason, self.context) == (other.reason, other.context)
            && (&self.object, &self.username) == (&other.object, &other.username)
            && other.at.abs_diff(self.at) <= TOGETHER_MS
    }
}

/// Adds a refusal in front, and forgets the oldest beyond `most`.
pub fn add(log: &mut Vec<Entry>, mut entry: Entry, most: usize) {
    if let Some(known) = log.iter().take(LOOKED_AT).position(|known| known.is_like(&entry)) {
        entry.count = log.remove(known).count.saturating_add(1);
    }
    log.insert(0, entry);
    log.truncate(most);
}
