//! Lists, hashes and sets of a [`Cache`]: the handlers of the commands, called with typed arguments.
//!
//! ```
//! use cachette::Cache;
//!
//! let mut cache = Cache::new();
//! cache.rpush(b"queue", &[b"first", b"second"])?;
//! assert_eq!(cache.lpop(b"queue")?.as_deref(), Some(&b"first"[..]));
//!
//! cache.hset(b"user:1", &[(b"name", b"Ada"), (b"lang", b"en")])?;
//! assert_eq!(cache.hget(b"user:1", b"name")?, Some(&b"Ada"[..]));
//!
//! cache.sadd(b"tags", &[b"rust", b"wasm"])?;
//! assert_eq!(cache.set_of(b"tags")?.map(|set| set.iter().count()), Some(2));
//! # Ok::<(), cachette::ReplyError>(())
//! ```

use super::Cache;
use crate::command::args::{Key, Many};
use crate::command::{hash, list, set};
use crate::error::Result;
use crate::value::hash::Hash;
use crate::value::list::{End, List};
use crate::value::set::Set;
use alloc::vec::Vec;

impl Cache {
    // ---- lists ------------------------------------------------------------------------------------------------------------------

    /// Adds elements at the front, one after another; the new length.
    ///
    /// # Errors
    /// `WRONGTYPE`; `OOM`.
    pub fn lpush(&mut self, key: &[u8], elements: &[&[u8]]) -> Result<usize> {
        self.growing_call(|call| list::lpush(call, list::Push { key: Key(key), elements: Many::new(elements) }))
    }

    /// Adds elements at the back; the new length.
    ///
    /// # Errors
    /// `WRONGTYPE`; `OOM`.
    pub fn rpush(&mut self, key: &[u8], elements: &[&[u8]]) -> Result<usize> {
        self.growing_call(|call| list::rpush(call, list::Push { key: Key(key), elements: Many::new(elements) }))
    }

    /// Takes the first element.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn lpop(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.call(|call| list::pop_one(call, key, End::Front))
    }

    /// Takes the last element.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn rpop(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.call(|call| list::pop_one(call, key, End::Back))
    }

    /// How many elements; 0 for a missing key.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn llen(&mut self, key: &[u8]) -> Result<usize> {
        self.call(|call| list::llen(call, list::Llen { key: Key(key) }))
    }

    /// The list under a key, to be read: `get`, `iter`, `iter_from`, borrowed from the cache.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn list_of(&mut self, key: &[u8]) -> Result<Option<&List>> {
        self.keys().read(key)
    }

    /// The elements from `start` to `stop`, both included; negative indexes count from the back.
    ///
    /// ```
    /// # let mut cache = cachette::Cache::new();
    /// cache.rpush(b"l", &[b"a", b"b", b"c"])?;
    /// let tail: Vec<&[u8]> = cache.lrange(b"l", -2, -1)?.collect();
    /// assert_eq!(tail, [b"b", b"c"]);
    /// # Ok::<(), cachette::ReplyError>(())
    /// ```
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn lrange(&mut self, key: &[u8], start: i64, stop: i64) -> Result<impl Iterator<Item = &[u8]>> {
        list::range(self.keys(), key, start, stop)
    }

    // ---- hashes -----------------------------------------------------------------------------------------------------------------

    /// Sets fields; how many are new.
    ///
    /// # Errors
    /// `WRONGTYPE`; `OOM`.
    pub fn hset(&mut self, key: &[u8], fields: &[(&[u8], &[u8])]) -> Result<usize> {
        let words: Vec<&[u8]> = fields.iter().flat_map(|(field, value)| [*field, *value]).collect();
        self.growing_call(|call| hash::hset(call, hash::HSet { key: Key(key), fields: Many::new(&words) }))
    }

    /// The value of a field, borrowed from the cache.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn hget(&mut self, key: &[u8], field: &[u8]) -> Result<Option<&[u8]>> {
        let env = self.engine.keys.env;
        Ok(self.keys().read::<Hash>(key)?.and_then(|hash| hash.get(&env, field)))
    }

    /// Removes fields; how many there were.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn hdel(&mut self, key: &[u8], fields: &[&[u8]]) -> Result<usize> {
        self.call(|call| hash::hdel(call, hash::HDel { key: Key(key), fields: Many::new(fields) }))
    }

    /// Adds to the number in a field; the sum.
    ///
    /// # Errors
    /// `WRONGTYPE`; `ERR` where the field is no integer or the sum overflows; `OOM`.
    pub fn hincr_by(&mut self, key: &[u8], field: &[u8], increment: i64) -> Result<i64> {
        self.growing_call(|call| hash::hincrby(call, hash::HIncrBy { key: Key(key), field, increment }))
    }

    /// The hash under a key, to be read: `iter`, `len`, borrowed from the cache.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn hash_of(&mut self, key: &[u8]) -> Result<Option<&Hash>> {
        self.keys().read(key)
    }

    // ---- sets -------------------------------------------------------------------------------------------------------------------

    /// Adds members; how many are new.
    ///
    /// # Errors
    /// `WRONGTYPE`; `OOM`.
    pub fn sadd(&mut self, key: &[u8], members: &[&[u8]]) -> Result<usize> {
        self.growing_call(|call| set::sadd(call, set::SAdd { key: Key(key), members: Many::new(members) }))
    }

    /// Removes members; how many there were.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn srem(&mut self, key: &[u8], members: &[&[u8]]) -> Result<usize> {
        self.call(|call| set::srem(call, set::SRem { key: Key(key), members: Many::new(members) }))
    }

    /// Whether the set has this member.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn sismember(&mut self, key: &[u8], member: &[u8]) -> Result<bool> {
        self.call(|call| set::sismember(call, set::SIsMember { key: Key(key), member }))
    }

    /// How many members; 0 for a missing key.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn scard(&mut self, key: &[u8]) -> Result<usize> {
        self.call(|call| set::scard(call, set::SCard { key: Key(key) }))
    }

    /// The set under a key, to be read: `iter`, `len`, borrowed from the cache.
    ///
    /// # Errors
    /// `WRONGTYPE`.
    pub fn set_of(&mut self, key: &[u8]) -> Result<Option<&Set>> {
        self.keys().read(key)
    }
}
