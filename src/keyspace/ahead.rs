//! Reading ahead: the entries of keys that the next requests name are fetched all together, so that their cache misses overlap.
//!
//! A look-up is two cache misses, one after the other: the slot, and the entry that it points to. Sixteen look-ups of sixteen requests, each of
//! which waits for the one before, are thirty-two of them; asked for together they are little more than two. With 100,000 keys of a pipelined client
//! this halves what a request costs (`cargo xtask bench server`).

use super::Keyspace;
use crate::value::near;
use crate::value::seed::Seed;
use crate::value::table::Table;

/// Keys that are fetched together. The processor has room for a dozen or two of misses.
pub const TOGETHER: usize = 32;
/// Databases with fewer keys lie in the cache anyway.
const FEW: usize = 1000;
/// Bytes of a cache line.
const LINE: usize = 64;

impl Keyspace {
    /// Has the entries of keys brought near, up to [`TOGETHER`] of them. Changes nothing.
    pub(crate) fn bring_near(&self, db: usize, keys: &[&[u8]]) {
        if let Some(table) = self.dbs.get(db).map(|db| &db.table).filter(|table| table.len() > FEW) {
            bring(table, &self.env.seed, keys);
        }
    }

    /// As `bring_near`, of the selected database, for who looks the keys up next: gives their hashes.
    #[inline]
    pub fn fetch(&self, keys: &[&[u8]]) -> [u64; TOGETHER] {
        bring(&self.db().table, &self.env.seed, keys)
    }
}

/// In none of the passes does a step wait for what another one found. They are short, so that the processor sees many steps of one at a time: where it
/// cannot be asked for memory (see [`near`]), what it sees is all that it fetches together.
#[inline]
fn bring(table: &Table, seed: &Seed, keys: &[&[u8]]) -> [u64; TOGETHER] {
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
    for handle in found.iter().flatten() {
        near::bring(handle.as_ptr());
        near::bring(handle.as_ptr().wrapping_add(LINE));
    }
    hashes
}
