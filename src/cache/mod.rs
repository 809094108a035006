//! `Cache`: the engine as a typed, embedded cache. No RESP between caller and data.
//!
//! ```
//! use cachette::{Cache, SetOptions};
//! use std::time::Duration;
//!
//! let mut cache = Cache::new();
//! cache.set(b"greeting", b"hello")?;
//! assert_eq!(cache.get(b"greeting")?, Some(&b"hello"[..]));
//!
//! cache.set_with(b"token", b"abc", SetOptions::new().ttl(Duration::from_secs(60)).only_if_missing())?;
//! assert_eq!(cache.incr_by(b"visits", 3)?, 3);
//! assert_eq!(cache.stats().hits, 1);
//! # Ok::<(), cachette::ReplyError>(())
//! ```
//!
//! This file is a shell: with `std` and the system's clock and entropy, which the engine itself never touches.

extern crate std;

mod collections;
mod sorted_sets;

use crate::command::{keys, string};
use crate::config::{Config, Phase};
use crate::engine::{Engine, Options};
use crate::error::{ReplyError, Result};
use crate::event::Event;
use crate::keyspace::{Class, Keyspace, Ttl, ValueRef, ValueType};
use crate::resp::Protocol;
use crate::resp::read::{self, Value};
use crate::session::{Peer, SessionId};
use crate::time::Millis;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

/// Where a cache takes the time from.
pub trait Clock: Send {
    /// Milliseconds since the Unix epoch. May stand still or jump; the cache never goes back.
    fn now(&self) -> Millis;
}

/// The operating system's clock. On Linux it is read as the kernel keeps it between two of its ticks, which come every 1 to 10 milliseconds: so much a
/// deadline may be late by. That takes a few nanoseconds, where the exact time can take longer than the call that asks for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[cfg(target_os = "linux")]
    #[inline]
    fn now(&self) -> Millis {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::RealtimeCoarse);
        let (seconds, nanoseconds) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_nsec).unwrap_or(0));
        seconds.saturating_mul(1000).saturating_add(nanoseconds / 1_000_000)
    }

    #[cfg(not(target_os = "linux"))]
    fn now(&self) -> Millis {
        use std::time::{SystemTime, UNIX_EPOCH};
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
    }
}

impl<F: Fn() -> Millis + Send> Clock for F {
    fn now(&self) -> Millis {
        self()
    }
}

/// How a cache is made.
pub struct Builder {
    config: Config,
    /// A policy was chosen.
    policy: bool,
    seed: Option<u64>,
    clock: Box<dyn Clock>,
    listen: Class,
    huge_pages: bool,
}

impl Builder {
    /// Evicts keys while more than so many bytes are used, by `allkeys-s3fifo` unless [`Builder::policy`] says otherwise. 0 = no limit.
    pub fn maxmemory(mut self, bytes: u64) -> Self {
        self.config.set_number("maxmemory", bytes);
        if self.policy { self } else { self.policy("allkeys-s3fifo") }
    }

    /// Which keys go: one of [`Policy::NAMES`](crate::keyspace::Policy::NAMES), such as `allkeys-lru`, or `noeviction`, which refuses writes
    /// in place of evicting. Other names change nothing.
    pub fn policy(mut self, name: &str) -> Self {
        let _ = self.config.set(b"maxmemory-policy", &[name.as_bytes()], Phase::Startup);
        self.policy = true;
        self
    }

    /// Replaces the system's clock: for tests, or for a clock that is read once a batch.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Fixes the seed of hashes and random choices, so that a run can be repeated. Without it the operating system draws one.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Whether a cache of more than two megabytes asks the system for huge pages, where Linux leaves that to programs; it does unless told not to. They
    /// make reads of a large cache quicker, and have it take its memory by two megabytes each.
    pub fn huge_pages(mut self, yes: bool) -> Self {
        self.huge_pages = yes;
        self
    }

    /// Chooses events that [`Cache::take_event`] tells, such as [`Class::EXPIRED`].
    pub fn listen(mut self, classes: Class) -> Self {
        self.listen = classes;
        self
    }

    pub fn build(self) -> Cache {
        let seed = self.seed.unwrap_or_else(random_seed);
        let mut engine = Engine::new(Options { seed, config: self.config });
        let session = engine.open(Peer::default(), self.clock.now());
        if let Some(session) = engine.session_mut(session) {
            session.protocol = Protocol::Resp3;
        }
        engine.listen(self.listen);
        engine.keys.use_huge_pages(self.huge_pages);
        Cache { engine, session, clock: self.clock, db: 0, out: Vec::new() }
    }
}

/// A seed from the operating system; from the clock and an address where it has none to give.
fn random_seed() -> u64 {
    getrandom::u64().unwrap_or_else(|_| {
        let here = &raw const SYSTEM_CLOCK as u64;
        SystemClock.now().rotate_left(32) ^ here
    })
}

static SYSTEM_CLOCK: SystemClock = SystemClock;

/// Options of [`Cache::set_with`].
#[derive(Clone, Copy, Debug, Default)]
pub struct SetOptions {
    ttl: Option<Duration>,
    deadline: Option<Millis>,
    keep_ttl: bool,
    condition: Option<string::Condition>,
}

impl SetOptions {
    pub fn new() -> Self {
        Self::default()
    }

    /// The key lives so long from now. Spans below a millisecond count as one.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// The key lives until this moment, in Unix milliseconds.
    pub fn deadline(mut self, deadline: Millis) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The key keeps the deadline that it has.
    pub fn keep_ttl(mut self) -> Self {
        self.keep_ttl = true;
        self
    }

    /// Sets nothing where the key exists.
    pub fn only_if_missing(mut self) -> Self {
        self.condition = Some(string::Condition::Missing);
        self
    }

    /// Sets nothing where the key is missing.
    pub fn only_if_present(mut self) -> Self {
        self.condition = Some(string::Condition::Present);
        self
    }
}

/// Counters and sizes of a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    pub hits: u64,
    pub misses: u64,
    pub expired: u64,
    pub evicted: u64,
    /// Keys in the selected database.
    pub keys: usize,
    /// Bytes of data and index, as the ledger counts them.
    pub bytes: u64,
    pub peak_bytes: u64,
}

/// What a key's deadline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remaining {
    /// There is no such key.
    Missing,
    /// It stays.
    Forever,
    /// It goes after this.
    For(Duration),
}

/// A Redis-compatible cache in this process. Single-threaded by design: share it behind a lock, or give each thread its own.
pub struct Cache {
    engine: Engine,
    session: SessionId,
    clock: Box<dyn Clock>,
    /// The database that the session has selected.
    db: usize,
    out: Vec<u8>,
}

impl Default for Cache {
    fn default() -> Self {
        Self::new()
    }
}

/// Milliseconds of a span, at least 1.
fn span_ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1)
}

impl Cache {
    /// A cache without a memory limit, on the system's clock.
    pub fn new() -> Self {
        Self::builder().build()
    }

    pub fn builder() -> Builder {
        Builder {
            config: Config::default(),
            policy: false,
            seed: None,
            clock: Box::new(SystemClock),
            listen: Class::NONE,
            huge_pages: true,
        }
    }

    /// The keyspace with clock and database set: what every typed method begins with.
    #[inline]
    fn keys(&mut self) -> &mut Keyspace {
        let now = self.clock.now();
        self.keys_at(now)
    }

    /// As `keys`, where the clock was read already.
    #[inline]
    fn keys_at(&mut self, now: Millis) -> &mut Keyspace {
        let keys = &mut self.engine.keys;
        keys.set_now(now);
        keys.select(self.db);
        keys
    }

    fn call<R>(&mut self, work: impl FnOnce(&mut crate::call::Call<'_>) -> Result<R>) -> Result<R> {
        let now = self.clock.now();
        self.engine.with_call(self.session, now, work).unwrap_or(Err(ReplyError::MEMORY))
    }

    /// As `call`, where memory may grow.
    fn growing_call<R>(&mut self, work: impl FnOnce(&mut crate::call::Call<'_>) -> Result<R>) -> Result<R> {
        self.engine.make_room()?;
        self.call(work)
    }

    // ---- strings ----------------------------------------------------------------------------------------------------------------

    /// The string under a key, borrowed from the cache: nothing is copied.
    ///
    /// # Errors
    /// `WRONGTYPE` where the key holds a collection.
    #[inline]
    pub fn get(&mut self, key: &[u8]) -> Result<Option<&[u8]>> {
        self.keys().read_string(key)
    }

    /// Sets a string without a deadline.
    ///
    /// # Errors
    /// `OOM` where the memory limit is reached.
    #[inline]
    pub fn set(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        let now = self.clock.now();
        self.write(key, value, Ttl::Clear, now)
    }

    /// Sets a string that lives for `ttl`.
    ///
    /// # Errors
    /// `OOM` where the memory limit is reached.
    #[inline]
    pub fn set_ttl(&mut self, key: &[u8], value: &[u8], ttl: Duration) -> Result<()> {
        let now = self.clock.now();
        self.write(key, value, Ttl::At(now.saturating_add(span_ms(ttl))), now)
    }

    #[inline]
    fn write(&mut self, key: &[u8], value: &[u8], ttl: Ttl, now: Millis) -> Result<()> {
        self.engine.make_room()?;
        let keys = self.keys_at(now);
        keys.set_string(key, value, ttl)?;
        keys.changed(key, Class::STRING, "set");
        Ok(())
    }

    /// Sets a string under conditions; false where they did not hold and nothing changed.
    ///
    /// # Errors
    /// `OOM` where the memory limit is reached.
    pub fn set_with(&mut self, key: &[u8], value: &[u8], options: SetOptions) -> Result<bool> {
        let now = self.clock.now();
        let ttl = match (options.ttl, options.deadline) {
            (Some(ttl), _) => Ttl::At(now.saturating_add(span_ms(ttl))),
            (None, Some(deadline)) => Ttl::At(deadline),
            (None, None) if options.keep_ttl => Ttl::Keep,
            (None, None) => Ttl::Clear,
        };
        let exists = self.keys_at(now).contains(key);
        let allowed = match options.condition {
            None => true,
            Some(string::Condition::Missing) => !exists,
            Some(string::Condition::Present) => exists,
        };
        if allowed {
            self.write(key, value, ttl, now)?;
        }
        Ok(allowed)
    }

    /// Adds to the number that the key's string spells (0 for a missing key); the sum.
    ///
    /// # Errors
    /// `WRONGTYPE`; `ERR` where the string is no integer or the sum overflows; `OOM`.
    pub fn incr_by(&mut self, key: &[u8], increment: i64) -> Result<i64> {
        self.growing_call(|call| string::incr_by(call, string::IncrBy { key: crate::command::args::Key(key), increment }))
    }

    // ---- keys -------------------------------------------------------------------------------------------------------------------

    /// Removes a key; false where there was none.
    pub fn del(&mut self, key: &[u8]) -> bool {
        self.keys().delete(key)
    }

    pub fn contains(&mut self, key: &[u8]) -> bool {
        self.keys().contains(key)
    }

    pub fn type_of(&mut self, key: &[u8]) -> Option<ValueType> {
        self.keys().peek(key).map(|value| value.value_type())
    }

    /// Lets a key live for `ttl` from now; false where there is no such key.
    ///
    /// # Errors
    /// `OOM` where the entry has to grow and cannot.
    pub fn expire(&mut self, key: &[u8], ttl: Duration) -> Result<bool> {
        let now = self.clock.now();
        let keys = self.keys_at(now);
        let found = keys.set_deadline(key, Some(now.saturating_add(span_ms(ttl))))?;
        if found {
            keys.changed(key, Class::GENERIC, "expire");
        }
        Ok(found)
    }

    /// Takes a key's deadline away; false where there was none.
    ///
    /// # Errors
    /// `OOM` where the entry has to move and cannot.
    pub fn persist(&mut self, key: &[u8]) -> Result<bool> {
        self.call(|call| keys::persist(call, keys::Persist { key: crate::command::args::Key(key) }))
    }

    /// What is left of a key's time.
    pub fn ttl(&mut self, key: &[u8]) -> Remaining {
        let keys = self.keys();
        let now = keys.now();
        match keys.deadline(key) {
            None => Remaining::Missing,
            Some(None) => Remaining::Forever,
            Some(Some(deadline)) => Remaining::For(Duration::from_millis(deadline.saturating_sub(now))),
        }
    }

    /// Keys in the selected database, expired ones that nobody met yet included.
    pub fn len(&self) -> usize {
        self.engine.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all keys of the selected database and frees them. (`FLUSHDB`, by [`Cache::execute`], leaves that to [`Cache::tick`], slice by slice.)
    pub fn clear(&mut self) {
        let keys = self.keys();
        keys.flush();
        while !keys.free_slice(usize::MAX) {}
    }

    /// All keys, in no order that means anything.
    pub fn iter_keys(&mut self) -> impl Iterator<Item = &[u8]> {
        let keys: &Keyspace = self.keys();
        keys.keys()
    }

    /// All keys with their values, in no order that means anything.
    pub fn iter(&mut self) -> impl Iterator<Item = (&[u8], ValueRef<'_>)> {
        let keys: &Keyspace = self.keys();
        keys.entries()
    }

    // ---- any command ------------------------------------------------------------------------------------------------------------

    /// Runs any command, given as words.
    ///
    /// ```
    /// # use cachette::{Cache, Value};
    /// let mut cache = Cache::new();
    /// let reply = cache.execute(&[b"SET", b"k", b"v", b"GET"])?;
    /// assert_eq!(reply, Value::Null);
    /// assert!(cache.execute(&[b"INCR", b"k"]).is_err());
    /// # Ok::<(), cachette::ReplyError>(())
    /// ```
    ///
    /// # Errors
    /// What the command answers as an error.
    pub fn execute(&mut self, words: &[&[u8]]) -> Result<Value> {
        let now = self.clock.now();
        let mut out = core::mem::take(&mut self.out);
        out.clear();
        self.engine.command(self.session, words, now, &mut out);
        let reply = read::reply(&out).map(|(value, _)| value);
        self.out = out;
        self.db = self.engine.session(self.session).map_or(0, |session| session.db);
        match reply {
            Some(Value::Error(error)) => Err(error),
            Some(value) => Ok(value),
            None => Ok(Value::Null),
        }
    }

    // ---- the cache itself -------------------------------------------------------------------------------------------------------

    pub fn stats(&self) -> CacheStats {
        let keys = &self.engine.keys;
        CacheStats {
            hits: keys.stats.hits,
            misses: keys.stats.misses,
            expired: keys.stats.expired,
            evicted: keys.stats.evicted,
            keys: keys.len(),
            bytes: keys.used_memory(),
            peak_bytes: keys.peak_memory(),
        }
    }

    /// Removes up to `budget` expired keys. Returns the moment at which the next is due, `None` if no key has a deadline.
    pub fn tick(&mut self, budget: usize) -> Option<Millis> {
        let now = self.clock.now();
        self.engine.tick(now, budget)
    }

    /// The next event of the classes that the builder's `listen` chose.
    pub fn take_event(&mut self) -> Option<Event> {
        self.engine.settle(None);
        self.engine.take_event()
    }

    /// The engine under the cache: sessions, RESP, everything.
    pub fn engine(&mut self) -> &mut Engine {
        &mut self.engine
    }
}
