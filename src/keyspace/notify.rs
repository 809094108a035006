//! What the keyspace tells others about changes: keyspace notifications, and which watching sessions lost their bet.

use crate::session::{SessionId, SessionsByName, key_of_name, name_of_key};
use crate::value::seed::Seed;
use alloc::vec::Vec;

/// Classes of events, as the letters of `notify-keyspace-events` name them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Class(u32);

impl Class {
    pub const NONE: Self = Self(0);
    pub const KEYSPACE: Self = Self(1 << 0);
    pub const KEYEVENT: Self = Self(1 << 1);
    pub const GENERIC: Self = Self(1 << 2);
    pub const STRING: Self = Self(1 << 3);
    pub const LIST: Self = Self(1 << 4);
    pub const SET: Self = Self(1 << 5);
    pub const HASH: Self = Self(1 << 6);
    pub const ZSET: Self = Self(1 << 7);
    pub const EXPIRED: Self = Self(1 << 8);
    pub const EVICTED: Self = Self(1 << 9);
    pub const STREAM: Self = Self(1 << 10);
    pub const KEY_MISS: Self = Self(1 << 11);
    pub const MODULE: Self = Self(1 << 13);
    pub const NEW: Self = Self(1 << 14);
    /// `A`: all but `m` and `n`.
    pub const ALL: Self = Self(0b10_0111_1111_1100);

    const LETTERS: [(u8, Self); 14] = [
        (b'g', Self::GENERIC),
        (b'$', Self::STRING),
        (b'l', Self::LIST),
        (b's', Self::SET),
        (b'h', Self::HASH),
        (b'z', Self::ZSET),
        (b'x', Self::EXPIRED),
        (b'e', Self::EVICTED),
        (b't', Self::STREAM),
        (b'd', Self::MODULE),
        (b'n', Self::NEW),
        (b'K', Self::KEYSPACE),
        (b'E', Self::KEYEVENT),
        (b'm', Self::KEY_MISS),
    ];

    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[inline]
    pub fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Reads the flags of `notify-keyspace-events`; `None` at an unknown letter.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut classes = Self::NONE;
        for letter in text {
            let class = match letter {
                b'A' => Self::ALL,
                letter => Self::LETTERS.iter().find(|(known, _)| known == letter)?.1,
            };
            classes = classes.union(class);
        }
        Some(classes)
    }

    /// The flags as `CONFIG GET` prints them.
    pub fn letters(self) -> Vec<u8> {
        let all = self.contains(Self::ALL);
        let mut text = Vec::new();
        if all {
            text.push(b'A');
        }
        let shown = Self::LETTERS.iter().filter(|(_, class)| self.contains(*class) && !(all && Self::ALL.contains(*class)));
        text.extend(shown.map(|(letter, _)| *letter));
        text
    }
}

/// One event of a key, for whoever listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub class: Class,
    /// Redis's event name: `set`, `expired`, `lpush` …
    pub event: &'static str,
    pub db: usize,
    pub key: Vec<u8>,
}

/// A change that those who track keys hear of.
#[derive(Debug)]
pub struct Touched {
    /// `None`: all keys of a database are gone.
    pub key: Option<Vec<u8>>,
    /// Nobody did it: its time was over.
    pub expired: bool,
}

/// A key, or fields of a hash, that no command removed: its time was over, or room was needed.
#[derive(Debug)]
pub struct Loss {
    pub db: usize,
    pub key: Vec<u8>,
    /// None: the key is gone.
    pub fields: Vec<Vec<u8>>,
}

/// Who waits on which key, and which of those keys changed.
#[derive(Default)]
pub(super) struct Waiters {
    by_key: SessionsByName,
    /// Keys that somebody waits on and that changed, in order.
    pub(super) ready: Vec<(usize, Vec<u8>)>,
}

impl Waiters {
    pub(super) fn set_seed(&mut self, seed: Seed) {
        self.by_key.set_seed(seed);
    }

    pub(super) fn add(&mut self, db: usize, key: &[u8], session: SessionId) {
        self.by_key.add(&name_of_key(db, key), session);
    }

    pub(super) fn remove(&mut self, db: usize, key: &[u8], session: SessionId) {
        self.by_key.remove(&name_of_key(db, key), session);
    }

    pub(super) fn of(&self, db: usize, key: &[u8]) -> Vec<SessionId> {
        self.by_key.of(&name_of_key(db, key)).to_vec()
    }

    #[inline]
    pub(super) fn changed(&mut self, db: usize, key: &[u8]) {
        if !self.by_key.is_empty() {
            self.make_ready(db, key);
        }
    }

    /// Notes a key that changed for those who wait on it, if anybody does.
    #[inline(never)]
    fn make_ready(&mut self, db: usize, key: &[u8]) {
        let waited_for = !self.by_key.of(&name_of_key(db, key)).is_empty();
        if waited_for && !self.ready.iter().any(|(ready_db, ready)| *ready_db == db && ready == key) {
            self.ready.push((db, key.to_vec()));
        }
    }

    /// Every key of a database that somebody waits on is worth a try.
    pub(super) fn all_changed(&mut self, db: usize) {
        let keys = self.by_key.iter().map(|(name, _)| key_of_name(name)).filter(|(key_db, _)| *key_db == db);
        self.ready.extend(keys.map(|(key_db, key)| (key_db, key.to_vec())));
    }
}

/// Who watches what, and whose watched keys were changed.
#[derive(Default)]
pub(super) struct Watches {
    by_key: SessionsByName,
    /// Sessions to be told, drained by the engine after each command.
    pub(super) dirtied: Vec<SessionId>,
}

impl Watches {
    pub(super) fn set_seed(&mut self, seed: Seed) {
        self.by_key.set_seed(seed);
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    pub(super) fn watch(&mut self, db: usize, key: &[u8], session: SessionId) {
        self.by_key.add(&name_of_key(db, key), session);
    }

    pub(super) fn unwatch(&mut self, db: usize, key: &[u8], session: SessionId) {
        self.by_key.remove(&name_of_key(db, key), session);
    }

    pub(super) fn changed(&mut self, db: usize, key: &[u8]) {
        self.dirtied.extend_from_slice(self.by_key.of(&name_of_key(db, key)));
    }

    /// The keys that somebody watches in one of these databases.
    pub(super) fn names(&self, dbs: &[usize]) -> Vec<Vec<u8>> {
        let watched = self.by_key.iter().map(|(name, _)| key_of_name(name));
        watched.filter(|(db, _)| dbs.contains(db)).map(|(_, key)| key.to_vec()).collect()
    }

    /// Marks the watchers of every key of database `db` for which `affected` says so.
    pub(super) fn changed_where(&mut self, db: usize, affected: &mut dyn FnMut(&[u8]) -> bool) {
        for (name, watchers) in self.by_key.iter() {
            let (watched_db, key) = key_of_name(name);
            if watched_db == db && affected(key) {
                self.dirtied.extend_from_slice(watchers);
            }
        }
    }
}
