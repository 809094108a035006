//! The first level: the engine's keyspace, each value behind a header that says how far it can be trusted.
//!
//! ```text
//!   epoch 4 │ flags 4 │ quick_until 8 │ fresh_until 8 │ expires 8 │ written 8 │ tags 4 │ tags' bytes │ value
//! ```
//!
//! The keyspace's own deadline is the end of the grace after `expires`. Values and replies of commands lie in databases of their own, so that
//! they have keys of their own.

use super::Options;
use crate::keyspace::{Keyspace, Lfu, Policy, Rule, Ttl};
use crate::time::Millis;
use crate::value::Env;
use crate::value::seed::Seed;
use alloc::vec::Vec;

/// An epoch that is never a node's: what was not read from Redis.
pub const NEVER: u32 = 0;
/// It was made or written while Redis was down, and is known here alone.
pub const LOCAL: u32 = 1;
/// A factory made nothing.
pub const NEGATIVE: u32 = 2;
/// It is fresh for less long than it lives: in between it is given out as stale while it is made anew.
pub const SERVES_AGING: u32 = 4;

const VALUES: usize = 0;
const REPLIES: usize = 1;
const FIXED: usize = 44;
/// Replies of different commands that are kept for one key.
const REPLIES_A_KEY: usize = 16;

/// The header of an entry, without its tags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    pub epoch: u32,
    pub flags: u32,
    /// Until then it may be given out without another look where it has no tags; from then on it is made anew early.
    pub quick_until: Millis,
    pub fresh_until: Millis,
    /// `u64::MAX` = never.
    pub expires: Millis,
    pub written: Millis,
}

/// An entry as it lies.
pub struct Entry<'a> {
    pub header: Header,
    pub tags: Vec<&'a [u8]>,
    pub value: &'a [u8],
}

fn word(bytes: &[u8], at: usize) -> u64 {
    let end = at.saturating_add(8);
    bytes.get(at..end).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_le_bytes)
}

fn half(bytes: &[u8], at: usize) -> u32 {
    let end = at.saturating_add(4);
    bytes.get(at..end).and_then(|bytes| bytes.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn write(header: &Header, tags: &[Vec<u8>], value: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend(header.epoch.to_le_bytes());
    out.extend(header.flags.to_le_bytes());
    for moment in [header.quick_until, header.fresh_until, header.expires, header.written] {
        out.extend(moment.to_le_bytes());
    }
    let length = tags.iter().fold(0usize, |sum, tag| sum.saturating_add(tag.len()).saturating_add(4));
    out.extend((length as u32).to_le_bytes());
    for tag in tags {
        out.extend((tag.len() as u32).to_le_bytes());
        out.extend_from_slice(tag);
    }
    out.extend_from_slice(value);
}

fn read(stored: &[u8]) -> Option<Entry<'_>> {
    let header = Header {
        epoch: half(stored, 0),
        flags: half(stored, 4),
        quick_until: word(stored, 8),
        fresh_until: word(stored, 16),
        expires: word(stored, 24),
        written: word(stored, 32),
    };
    let (mut rest, value) = stored.get(FIXED..)?.split_at_checked(half(stored, 40) as usize)?;
    let mut tags = Vec::new();
    while let Some((length, tail)) = rest.split_first_chunk::<4>() {
        let (tag, tail) = tail.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        tags.push(tag);
        rest = tail;
    }
    Some(Entry { header, tags, value })
}

pub struct L1 {
    keys: Keyspace,
    limit: u64,
    value_limit: usize,
    grace: Millis,
    /// Room for an entry in the making.
    room: Vec<u8>,
}

// SAFETY: a keyspace owns every block that its tables and spares point to, shares none, and holds nothing else that is bound to a thread.
unsafe impl Send for L1 {}

impl L1 {
    pub fn new(options: &Options, seed: u64) -> Self {
        let mut keys = Keyspace::new(2, Env { seed: Seed::new(seed), ..Env::default() });
        let policy = Policy { rule: Rule::S3Fifo, volatile: false };
        keys.evict_by(policy, Lfu { log_factor: 10, decay_minutes: 1 }, 5, true);
        Self { keys, limit: options.l1_bytes, value_limit: options.l1_value_bytes, grace: options.grace, room: Vec::new() }
    }

    #[inline]
    pub fn set_now(&mut self, now: Millis) {
        self.keys.set_now(now);
    }

    pub fn bytes(&self) -> u64 {
        self.keys.used_memory()
    }

    pub fn len(&mut self) -> usize {
        self.keys.within(VALUES, |keys| keys.len())
    }

    /// The value of a key that may be given out without another look.
    #[inline]
    pub fn quick(&mut self, key: &[u8], epoch: u32) -> Option<(&[u8], Millis)> {
        let now = self.keys.now();
        let stored = self.keys.read_string(key).ok()??;
        let fixed = stored.first_chunk::<FIXED>()?;
        let tagged = half(fixed, 40) != 0;
        if half(fixed, 0) != epoch || word(fixed, 8) <= now || half(fixed, 4) & (LOCAL | NEGATIVE) != 0 || tagged {
            return None;
        }
        Some((stored.get(FIXED..)?, now.saturating_sub(word(fixed, 32))))
    }

    /// What lies under a key, be it as old as it may.
    pub fn look(&mut self, key: &[u8]) -> Option<Entry<'_>> {
        read(self.keys.read_string(key).ok()??)
    }

    pub fn put(&mut self, key: &[u8], header: &Header, tags: &[Vec<u8>], value: &[u8]) {
        let deadline = header.expires.saturating_add(self.grace);
        if value.len() > self.value_limit || deadline <= self.keys.now() {
            self.remove_value(key);
            return;
        }
        let mut room = core::mem::take(&mut self.room);
        write(header, tags, value, &mut room);
        let ttl = if deadline == u64::MAX { Ttl::Clear } else { Ttl::At(deadline) };
        if !self.keys.make_room(self.limit) || self.keys.set_string(key, &room, ttl).is_err() {
            self.remove_value(key);
        }
        room.truncate(0);
        if room.capacity() <= 64 << 10 {
            self.room = room;
        }
    }

    fn remove_value(&mut self, key: &[u8]) -> bool {
        self.keys.discard(key)
    }

    /// Removes value and replies of a key.
    pub fn remove(&mut self, key: &[u8]) {
        self.remove_value(key);
        self.remove_replies(key);
    }

    /// Removes the replies of commands that are kept for a key.
    pub fn remove_replies(&mut self, key: &[u8]) {
        self.keys.within(REPLIES, |keys| {
            if !keys.is_empty() {
                keys.discard(key);
            }
        });
    }

    /// Removes all keys of which `gone` is true.
    pub fn remove_where(&mut self, gone: impl Fn(&[u8]) -> bool) {
        for db in [VALUES, REPLIES] {
            self.keys.within(db, |keys| {
                let found: Vec<Vec<u8>> = keys.keys().filter(|key| gone(key)).map(<[u8]>::to_vec).collect();
                found.iter().for_each(|key| {
                    keys.discard(key);
                });
            });
        }
    }

    /// The reply that is kept of a command, its key, and its header.
    pub fn reply(&mut self, key: &[u8], command: &[u8]) -> Option<(Header, Vec<u8>)> {
        self.keys.within(REPLIES, |keys| {
            if keys.is_empty() {
                return None;
            }
            let entry = read(keys.read_string(key).ok()??)?;
            let found = pairs(entry.value).find(|(words, _)| *words == command)?;
            Some((entry.header, found.1.to_vec()))
        })
    }

    /// Keeps the reply of a command. Replies of an earlier epoch go.
    pub fn put_reply(&mut self, key: &[u8], header: &Header, command: &[u8], reply: &[u8]) {
        let mut kept = Vec::new();
        pack(&mut kept, command);
        pack(&mut kept, reply);
        let limit = self.value_limit;
        self.keys.within(REPLIES, |keys| {
            let old = keys.read_string(key).ok().flatten().and_then(read).filter(|old| old.header.epoch == header.epoch);
            for (words, reply) in old.iter().flat_map(|old| pairs(old.value)).take(REPLIES_A_KEY) {
                if words != command {
                    pack(&mut kept, words);
                    pack(&mut kept, reply);
                }
            }
            let mut room = Vec::new();
            write(header, &[], &kept, &mut room);
            let ttl = if header.expires == u64::MAX { Ttl::Clear } else { Ttl::At(header.expires) };
            if kept.len() > limit || header.expires <= keys.now() || keys.set_string(key, &room, ttl).is_err() {
                keys.discard(key);
            }
        });
        self.keys.make_room(self.limit);
    }

    /// Removes some of what has expired.
    pub fn tick(&mut self) {
        self.keys.expire_due(64);
    }

    /// All values, for tests and for `keys`.
    pub fn entries(&mut self) -> Vec<(Vec<u8>, Header, Vec<u8>)> {
        self.keys.within(VALUES, |keys| {
            let names: Vec<Vec<u8>> = keys.keys().map(<[u8]>::to_vec).collect();
            let entries = names.into_iter().filter_map(|key| {
                let entry = read(keys.read_string(&key).ok()??)?;
                let (header, value) = (entry.header, entry.value.to_vec());
                Some((key, header, value))
            });
            entries.collect()
        })
    }
}

fn pack(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend((bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}

/// Commands and replies as [`pack`] wrote them.
fn pairs(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut next = move || {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (found, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        bytes = rest;
        Some(found)
    };
    core::iter::from_fn(move || Some((next()?, next()?)))
}
