//! The mark that every use leaves on a key, in the 24 bits that an entry has for it.
//!
//! ```text
//!   usually        ┌──────────────────────────────────┐
//!                  │ seconds of the last use       24 │   under an LRM policy: of the last change
//!   under an LFU   ├──────────────────────┬───────────┤
//!   policy         │ minutes           16 │ counter 8 │   how often: a logarithm, kept by chance, less by one for every so many
//!   under S3-FIFO  ├──────────────────────┴─┬─────────┤   minutes without use
//!                  │ place in a queue    22 │ uses  2 │   see `evict::queues`
//!                  └────────────────────────┴─────────┘
//! ```

use super::Keyspace;
use super::entry::Entry;
use super::evict::queues::{MOST_USES, uses};

/// How the counter grows and shrinks: `lfu-log-factor` and `lfu-decay-time`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lfu {
    pub log_factor: u64,
    /// Minutes; 0 = it never shrinks.
    pub decay_minutes: u64,
}

/// What marks hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marking {
    /// When the key was used.
    Used,
    /// When it was written.
    Written,
    /// How often it is used.
    Counted(Lfu),
    /// Its place in a queue, and whether it was used since.
    Queued,
}

/// What a mark is set to from outside.
#[derive(Clone, Copy, Debug)]
pub enum Use {
    /// So many seconds ago.
    Idle(u64),
    /// The counter.
    Frequency(u8),
}

const MARK: u64 = 0x00ff_ffff;
/// The counter of a new key: none, and it would be the first to be evicted.
const NEW: u64 = 5;

impl Keyspace {
    fn seconds(&self) -> u64 {
        self.second & MARK
    }

    fn minutes(&self) -> u64 {
        (self.now / 60_000) & 0xffff
    }

    /// The counter as it is by now.
    pub(super) fn counter(&self, mark: u32, lfu: Lfu) -> u64 {
        let (then, counter) = (u64::from(mark >> 8), u64::from(mark & 0xff));
        let passed = self.minutes().wrapping_sub(then) & 0xffff;
        counter.saturating_sub(passed.checked_div(lfu.decay_minutes).unwrap_or(0))
    }

    fn counted(&self, counter: u64) -> u32 {
        (self.minutes() << 8 | counter) as u32
    }

    /// The mark of a new key.
    #[inline]
    pub(super) fn new_mark(&self) -> u32 {
        match self.marking {
            Marking::Counted(_) => self.counted(NEW),
            // No place yet.
            Marking::Queued => 0,
            _ => self.seconds() as u32,
        }
    }

    /// The mark of a key that is written and had another.
    #[inline]
    pub(super) fn next_mark(&mut self, mark: u32) -> u32 {
        match self.marking {
            Marking::Used | Marking::Written => self.seconds() as u32,
            Marking::Counted(lfu) => self.count_use(mark, lfu),
            Marking::Queued => mark.wrapping_add(u32::from(uses(mark) < MOST_USES)),
        }
    }

    #[cold]
    fn count_use(&mut self, mark: u32, lfu: Lfu) -> u32 {
        let counter = self.counter(mark, lfu);
        let rarity = counter.saturating_sub(NEW).saturating_mul(lfu.log_factor).saturating_add(1);
        let more = counter < 255 && self.luck.below(rarity) == 0;
        self.counted(counter.saturating_add(more.into()))
    }

    /// Marks an entry as used, unless whoever uses it does not want that.
    #[inline]
    pub(super) fn mark_used(&mut self, entry: Entry) {
        if self.no_touch {
            return;
        }
        let mark = entry.access();
        match self.marking {
            Marking::Written => {}
            Marking::Queued if uses(mark) == MOST_USES => {}
            _ => entry.set_access(self.next_mark(mark)),
        }
    }

    /// Marks an entry as changed, where that is what counts.
    #[inline]
    pub(super) fn mark_written(&mut self, entry: Entry) {
        if self.marking == Marking::Written {
            entry.set_access(self.seconds() as u32);
        }
    }

    /// Marks a key as used; false where it is missing. Counts nothing.
    pub fn touch(&mut self, key: &[u8]) -> bool {
        let found = self.find(key);
        if let Some((_, entry)) = found {
            self.mark_used(entry);
        }
        found.is_some()
    }

    /// Whether uses are counted (an LFU policy or S3-FIFO) or their time is kept.
    pub fn counts_uses(&self) -> bool {
        matches!(self.marking, Marking::Counted(_) | Marking::Queued)
    }

    /// Seconds since the entry was used, or written.
    pub(super) fn idle(&self, entry: Entry) -> u64 {
        self.seconds().wrapping_sub(entry.access().into()) & MARK
    }

    /// Seconds since the key was last read or written. Means nothing while uses are counted.
    pub fn idle_seconds(&mut self, key: &[u8]) -> Option<u64> {
        let (_, entry) = self.find(key)?;
        Some(self.idle(entry))
    }

    /// The counter of uses. Means nothing while they are not counted.
    pub fn frequency(&mut self, key: &[u8]) -> Option<u64> {
        let (_, entry) = self.find(key)?;
        match self.marking {
            Marking::Counted(lfu) => Some(self.counter(entry.access(), lfu)),
            Marking::Queued => Some(uses(entry.access()).into()),
            _ => None,
        }
    }

    /// Sets a key's mark, if it is of the kind that is kept at present.
    pub fn set_use(&mut self, key: &[u8], used: Use) {
        let now = self.seconds();
        let found = self.find(key);
        let mark = match (used, self.marking) {
            (Use::Frequency(counter), Marking::Counted(_)) => self.counted(counter.into()),
            (Use::Frequency(counter), Marking::Queued) => {
                let mark = found.map_or(0, |(_, entry)| entry.access());
                mark & !MOST_USES | u32::from(counter).min(MOST_USES)
            }
            // Longer ago than this clock knows: as long ago as it can tell, with room left to grow.
            (Use::Idle(idle), Marking::Used | Marking::Written) => {
                now.checked_sub(idle).unwrap_or_else(|| now.wrapping_add(MARK / 2) % MARK) as u32
            }
            _ => return,
        };
        if let Some((_, entry)) = found {
            entry.set_access(mark);
        }
    }
}
