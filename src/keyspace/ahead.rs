//! Reading ahead: the entries of keys that the next requests name are fetched all together, so that their cache misses overlap, and so are members and
//! fields of large collections.
//!
//! A look-up is two cache misses, one after the other: the slot, and the entry that it points to. Sixteen look-ups of sixteen requests, each of
//! which waits for the one before, are thirty-two of them; asked for together they are little more than two. With 100,000 keys of a pipelined client
//! this halves what a request costs (`cargo xtask bench server`).

use super::entry::{Entry, MOST_HEAD, ValueRef};
use super::{Keyspace, same};
use crate::value::near;
use crate::value::seed::Seed;
use crate::value::table::Table;
use crate::value::zset::ZSet;

/// Keys that are fetched together. The processor has room for a dozen or two of misses.
pub const TOGETHER: usize = 32;
/// Databases with fewer keys lie in the cache anyway.
const FEW: usize = 1000;
/// Bytes of a cache line.
const LINE: usize = 64;
/// What lies beyond that comes by itself, since whoever reads so much reads it in a row.
const FARTHEST: usize = 6 * LINE;

impl Keyspace {
    /// How much of a value is fetched where its size is not known.
    pub const REACH: usize = 40;

    /// Has the entries of keys brought near, up to [`TOGETHER`] of them. Changes nothing.
    pub(crate) fn bring_near(&self, db: usize, keys: &[&[u8]]) {
        if let Some(table) = self.dbs.get(db).map(|db| &db.table).filter(|table| table.len() > FEW) {
            bring(table, &self.env.seed, keys, Self::REACH);
        }
    }

    /// As `bring_near`, of the selected database, for who looks the keys up next and reads about `reach` bytes of each value: gives the keys' hashes.
    #[inline]
    pub fn fetch(&self, keys: &[&[u8]], reach: usize) -> [u64; TOGETHER] {
        bring(&self.db().table, &self.env.seed, keys, reach)
    }
}

/// A member or field that a request names.
#[derive(Clone, Copy, Default)]
pub(crate) struct Named<'a> {
    /// The key of the collection.
    pub key: &'a [u8],
    pub member: &'a [u8],
    /// The score that a member of a sorted set is given.
    pub score: Option<f64>,
}

/// A large collection, by its parts that are looked at first.
#[derive(Clone, Copy)]
struct Large<'a> {
    index: &'a Table,
    order: Option<&'a ZSet>,
}

impl Keyspace {
    /// As `bring_near`, of members and fields of large collections. Changes nothing.
    pub(crate) fn bring_members_near(&self, db: usize, named: &[Named<'_>]) {
        let mut found = [None; TOGETHER];
        let mut last: Option<(&[u8], Option<Large<'_>>)> = None;
        for (found, one) in found.iter_mut().zip(named) {
            // A pipeline often stays with one collection.
            let large = last.filter(|(key, _)| *key == one.key).map_or_else(|| self.large(db, one.key), |(_, large)| large);
            last = Some((one.key, large));
            let Some(large) = large else { continue };
            let hash = self.env.seed.hash(one.member);
            large.index.bring_near(hash);
            *found = Some((large, hash, one.score));
        }
        for (large, hash, _) in found.iter().flatten() {
            if let Some(blob) = large.index.candidate(*hash) {
                near::bring(blob.as_ptr());
            }
        }
        for (large, hash, score) in found.into_iter().flatten() {
            if let Some(order) = large.order {
                order.bring_near(hash, score);
            }
        }
    }

    /// The collection under a key, if it is a large one.
    fn large(&self, db: usize, key: &[u8]) -> Option<Large<'_>> {
        let keys = &self.dbs.get(db)?.table;
        // SAFETY: the table holds live entries only; the value stays while `self` is borrowed.
        let value = unsafe {
            let (_, handle, _) = keys.search(self.env.seed.hash(key), |handle| same(Entry::from_handle(handle).key(), key))?;
            Entry::from_handle(handle).value()
        };
        let (index, order) = match value {
            ValueRef::Hash(hash) => (hash.index(), None),
            ValueRef::Set(set) => (set.index(), None),
            ValueRef::ZSet(zset) => (zset.index(), Some(zset)),
            ValueRef::String(_) | ValueRef::List(_) | ValueRef::Stream(_) => (None, None),
        };
        index.filter(|index| index.len() > FEW).map(|index| Large { index, order })
    }
}

/// In none of the passes does a step wait for what another one found. They are short, so that the processor sees many steps of one at a time: where it
/// cannot be asked for memory (see [`near`]), what it sees is all that it fetches together.
#[inline]
fn bring(table: &Table, seed: &Seed, keys: &[&[u8]], reach: usize) -> [u64; TOGETHER] {
    let mut hashes = [0; TOGETHER];
    for (hash, key) in hashes.iter_mut().zip(keys) {
        *hash = seed.hash(key);
    }
    for hash in hashes.iter().take(keys.len()) {
        table.bring_near(*hash);
    }
    let mut found = [None; TOGETHER];
    for (found, hash) in found.iter_mut().zip(&hashes).take(keys.len()) {
        *found = table.candidate(*hash);
    }
    for (handle, key) in found.iter().zip(keys) {
        let Some(handle) = handle else { continue };
        let last = MOST_HEAD.saturating_add(key.len()).saturating_add(reach).min(FARTHEST).wrapping_sub(1);
        // Where it lies across the end of a line is not known: hence its last byte. A line too many costs as much as one that is wanted.
        near::bring(handle.as_ptr());
        near::bring(handle.as_ptr().wrapping_add(last));
        for at in (LINE..last).step_by(LINE) {
            near::bring(handle.as_ptr().wrapping_add(at));
        }
    }
    hashes
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::keyspace::{Ttl, Value};
    use crate::value::hash::Hash;
    use crate::value::{Collection, Env};
    use alloc::boxed::Box;
    use alloc::format;
    use alloc::vec::Vec;

    #[test]
    fn any_key_and_member_may_be_named() {
        let env = Env::default();
        let mut keys = Keyspace::new(2, env);
        let (mut zset, mut hash) = (ZSet::new(), Hash::new());
        for at in 0..2 * FEW {
            let name = format!("member:{at}");
            zset.insert(&env, name.as_bytes(), at as f64).unwrap();
            hash.set(&env, name.as_bytes(), b"value").unwrap();
        }
        keys.put(b"zset", Value::ZSet(Box::new(zset)), Ttl::Clear).unwrap();
        keys.put(b"hash", Value::Hash(Box::new(hash)), Ttl::Clear).unwrap();
        keys.set_string(b"string", b"value", Ttl::Clear).unwrap();
        let before = (keys.audit(), keys.stats.hits, keys.stats.misses);

        let scores = [None, Some(-1.0), Some(1000.5), Some(f64::INFINITY), Some(f64::NAN)];
        let named: Vec<Named<'_>> = [&b"zset"[..], b"hash", b"string", b"nothing"]
            .into_iter()
            .flat_map(|key| [&b"member:7"[..], b"nobody", b""].map(|member| (key, member)))
            .flat_map(|(key, member)| scores.map(|score| Named { key, member, score }))
            .collect();
        named.chunks(TOGETHER).for_each(|named| keys.bring_members_near(0, named));
        keys.bring_members_near(1, &named);
        keys.bring_members_near(9, &named);

        assert_eq!((keys.audit(), keys.stats.hits, keys.stats.misses), before, "nothing is changed or counted");
        assert_eq!(keys.read::<ZSet>(b"zset").unwrap().unwrap().len(), 2 * FEW);
    }
}
