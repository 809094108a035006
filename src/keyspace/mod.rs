//! Names to values: databases, deadlines, eviction, the memory ledger, watch marks and notifications. Nobody goes round it.
//!
//! A command works on the *selected* database (the engine selects the session's before it runs a command). It reads with
//! [`Keyspace::read`], changes with the guard of [`Keyspace::edit`] or [`Keyspace::edit_or_create`], and says what it did with
//! `changed(class, event)`; the guard books the memory, removes an emptied collection and tells watchers. Expired keys are never seen:
//! whoever meets one removes it.

mod access;
mod ahead;
mod blocks;
mod edit;
mod entry;
mod evict;
mod expire;
mod memory;
mod notify;
mod reference;
mod scan;
mod waste;

pub use access::{Lfu, Use};
pub(crate) use ahead::Named;
pub use ahead::TOGETHER;
pub use edit::Edit;
pub use entry::{Marks, Stored, Value, ValueRef, ValueType};
pub use evict::{Policy, Rule};
pub use notify::{Class, Loss, Notice, Touched};

use crate::error::{ReplyError, Result};
use crate::rng::Rng;
use crate::session::{Session, SessionId};
use crate::time::Millis;
use crate::value::seed::Seed;
use crate::value::table::{Pos, Table};
use crate::value::{Env, OutOfMemory};
use access::Marking;
use alloc::vec::Vec;
use blocks::Blocks;
use core::ptr::NonNull;
use entry::{Entry, Short};
use evict::Evict;
use evict::queues::Queues;
use memory::Ledger;
use notify::{Waiters, Watches};
use reference::{References, note_of};
use waste::Heap;

impl From<OutOfMemory> for ReplyError {
    fn from(_: OutOfMemory) -> Self {
        Self::MEMORY
    }
}

/// What happens to a key's deadline when its value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    Keep,
    Clear,
    At(Millis),
}

/// Counters of the keyspace, for `INFO` and `Cache::stats`.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyStats {
    pub hits: u64,
    pub misses: u64,
    pub expired: u64,
    pub evicted: u64,
}

/// What few instructions can do for a key that is set.
pub enum Again<T> {
    /// All of it.
    Done(T),
    /// There is no such key.
    Missing,
    /// Whoever asks has to look closely.
    Unclear,
}

/// One numbered database.
struct Db {
    table: Table,
    /// Entries with a deadline.
    expires: usize,
    /// The keys in the order in which S3-FIFO judges them.
    queues: Queues,
}

impl Db {
    fn new() -> Self {
        Self { table: Table::new(), expires: 0, queues: Queues::default() }
    }

    /// How many keys may be evicted.
    #[inline]
    fn candidates(&self, volatile: bool) -> usize {
        if volatile { self.expires } else { self.table.len() }
    }
}

/// All databases of one engine.
pub struct Keyspace {
    dbs: Vec<Db>,
    selected: usize,
    /// No database behind this one ever held a key: background work need not look at them.
    last_used: usize,
    now: Millis,
    /// Whole seconds of `now`: a division that every use of a key would need.
    second: u64,
    /// Seed and limits that collections work with. Changing the limits concerns later changes only, as in Redis.
    pub env: Env,
    ledger: Ledger,
    pub stats: KeyStats,
    /// Changes since the start, as `rdb_changes_since_last_save` counts them.
    pub dirty: u64,
    watches: Watches,
    waiters: Waiters,
    notices: Vec<Notice>,
    listening: Class,
    /// Somebody tracks keys: changes are kept for [`Keyspace::take_touched`].
    pub(crate) tracked: bool,
    touched: Vec<Touched>,
    /// What went by itself, where somebody wants to know.
    losses: Option<Vec<Loss>>,
    /// An expired key that is met stays, unseen (`CLIENT PAUSE`). Only while a command runs that does not write.
    pub(crate) keep_expired: bool,
    /// What is read now does not count as used (`CLIENT NO-TOUCH`).
    pub(crate) no_touch: bool,
    /// `DEBUG SET-ACTIVE-EXPIRE`: whether `tick` removes expired keys that nobody asks for.
    pub active_expire: bool,
    /// What the marks of entries hold.
    marking: Marking,
    evict: Evict,
    references: References,
    /// What is to be freed.
    waste: Heap,
    /// What counters of uses and eviction leave to chance.
    luck: Rng,
    /// Where entries lie.
    blocks: Blocks,
}

/// Whether two keys are the same. `==` is a call, in WebAssembly even one with a loop over single bytes: for keys as they are the words are quicker.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if a.len() < 8 || (cfg!(not(target_family = "wasm")) && a.len() > 40) {
        return a == b;
    }
    if cfg!(not(target_family = "wasm"))
        && a.len() <= 32
        && let (Some(front), Some(back)) = (a.first_chunk(), a.last_chunk())
        && let (Some(other_front), Some(other_back)) = (b.first_chunk(), b.last_chunk())
    {
        // As keys mostly are, 16 to 32 bytes: their two halves, which may overlap, without a branch between them.
        let differ = |one: &[u8; 16], other: &[u8; 16]| u128::from_le_bytes(*one) ^ u128::from_le_bytes(*other);
        return differ(front, other_front) | differ(back, other_back) == 0;
    }
    // The last word overlaps the one before it.
    let words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
    a.last_chunk::<8>() == b.last_chunk::<8>() && { words }.all(|(a, b)| u64::from_le_bytes(*a) == u64::from_le_bytes(*b))
}

/// What stands in queues for a key: the upper half of its hash.
#[inline]
fn word_of(hash: u64) -> u32 {
    (hash >> 32) as u32
}

#[inline]
fn hash_of(env: &Env, handle: NonNull<u8>) -> u64 {
    // SAFETY: the table of a database holds live entries only.
    env.seed.hash(unsafe { Entry::from_handle(handle).key() })
}

impl Keyspace {
    pub fn new(databases: usize, env: Env) -> Self {
        let mut dbs = Vec::new();
        dbs.resize_with(databases.max(1), Db::new);
        let mut keys = Self {
            dbs,
            selected: 0,
            last_used: 0,
            now: 0,
            second: 0,
            env,
            ledger: Ledger::default(),
            stats: KeyStats::default(),
            dirty: 0,
            watches: Watches::default(),
            waiters: Waiters::default(),
            notices: Vec::new(),
            listening: Class::NONE,
            tracked: false,
            touched: Vec::new(),
            losses: None,
            keep_expired: false,
            no_touch: false,
            active_expire: true,
            marking: Marking::Used,
            evict: Evict::default(),
            references: References::default(),
            waste: Heap::default(),
            luck: Rng::new(0),
            blocks: Blocks::new(),
        };
        keys.set_seed(env.seed);
        keys
    }

    /// Sets the secret of all hashes. Only while no database holds a key.
    pub(crate) fn set_seed(&mut self, seed: Seed) {
        self.env.seed = seed;
        self.luck = Rng::new(seed.hash(b"luck"));
        self.watches.set_seed(seed);
        self.waiters.set_seed(seed);
    }

    /// Sets the clock. Time never goes backwards in here: an earlier moment is ignored.
    pub fn set_now(&mut self, now: Millis) {
        if now > self.now {
            (self.now, self.second) = (now, now / 1000);
        }
    }

    #[inline]
    pub fn now(&self) -> Millis {
        self.now
    }

    pub fn databases(&self) -> usize {
        self.dbs.len()
    }

    pub fn selected(&self) -> usize {
        self.selected
    }

    /// Makes `index` the database that all calls work on; false if there is none.
    #[inline]
    pub fn select(&mut self, index: usize) -> bool {
        if index == self.selected {
            return true;
        }
        let exists = index < self.dbs.len();
        if exists {
            self.selected = index;
        }
        exists
    }

    /// Runs `work` with another database selected.
    pub fn within<R>(&mut self, index: usize, work: impl FnOnce(&mut Self) -> R) -> R {
        let before = self.selected;
        self.select(index);
        let result = work(self);
        self.selected = before;
        result
    }

    /// Keys in the selected database, expired ones that nobody met yet included.
    pub fn len(&self) -> usize {
        self.db().table.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Keys with a deadline in the selected database.
    pub fn expires(&self) -> usize {
        self.db().expires
    }

    /// The databases that may hold keys.
    fn dbs_in_use(&self) -> &[Db] {
        self.dbs.get(..=self.last_used).unwrap_or(&self.dbs)
    }

    #[inline]
    fn db(&self) -> &Db {
        // `select` admits existing databases only, and `new` makes one at least.
        #[allow(clippy::indexing_slicing)]
        &self.dbs[self.selected]
    }

    #[inline]
    fn db_mut(&mut self) -> &mut Db {
        #[allow(clippy::indexing_slicing)]
        &mut self.dbs[self.selected]
    }

    // ---- finding ----------------------------------------------------------------------------------------------------------------

    /// The hash of a key. Whoever needs it twice keeps it: it costs as much as a look into the table.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.env.seed.hash(key)
    }

    /// The entry of a key, whether its deadline has passed or not.
    #[inline]
    fn find_any(&self, key: &[u8]) -> Option<(Pos, Entry)> {
        self.find_any_hashed(self.hash(key), key)
    }

    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    #[cfg_attr(target_family = "wasm", inline)]
    fn find_any_hashed(&self, hash: u64, key: &[u8]) -> Option<(Pos, Entry)> {
        // SAFETY: the table holds live entries only.
        let (pos, handle, _) = self.db().table.search(hash, |handle| unsafe { same(Entry::from_handle(handle).key(), key) })?;
        // SAFETY: as above.
        Some((pos, unsafe { Entry::from_handle(handle) }))
    }

    /// The entry of a key that is alive; an expired one is removed on the way.
    #[inline]
    fn find(&mut self, key: &[u8]) -> Option<(Pos, Entry)> {
        self.find_hashed(self.hash(key), key)
    }

    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    #[cfg_attr(target_family = "wasm", inline)]
    fn find_hashed(&mut self, hash: u64, key: &[u8]) -> Option<(Pos, Entry)> {
        let (pos, entry) = self.find_any_hashed(hash, key)?;
        if self.is_past(entry) {
            if !self.keep_expired {
                self.expire_at(pos);
            }
            return None;
        }
        if entry.has_fields_due() && !self.expire_fields(pos, entry) {
            return None;
        }
        Some((pos, entry))
    }

    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    #[cfg_attr(target_family = "wasm", inline)]
    fn is_past(&self, entry: Entry) -> bool {
        entry.deadline().is_some_and(|deadline| deadline < self.now)
    }

    /// As `find`, counted as a hit or a miss, and the entry marked as used.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    #[cfg_attr(target_family = "wasm", inline)]
    fn look_up(&mut self, key: &[u8]) -> Option<(Pos, Entry)> {
        self.look_up_hashed(self.hash(key), key)
    }

    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    #[cfg_attr(target_family = "wasm", inline)]
    fn look_up_hashed(&mut self, hash: u64, key: &[u8]) -> Option<(Pos, Entry)> {
        match self.find_hashed(hash, key) {
            Some(found) => {
                self.stats.hits = self.stats.hits.wrapping_add(1);
                self.mark_used(found.1);
                Some(found)
            }
            None => {
                self.missed(key);
                None
            }
        }
    }

    #[inline(never)]
    fn missed(&mut self, key: &[u8]) {
        self.stats.misses = self.stats.misses.wrapping_add(1);
        if self.listening.intersects(Class::KEY_MISS) {
            self.notify(Class::KEY_MISS, "keymiss", key);
        }
    }

    /// Counts a hit or a miss for a command that looks at a key without using it (`TYPE`, `TTL`, `OBJECT`).
    pub fn count_look(&mut self, key: &[u8], found: bool) {
        if found {
            self.stats.hits = self.stats.hits.wrapping_add(1);
        } else {
            self.missed(key);
        }
    }

    // ---- reading ----------------------------------------------------------------------------------------------------------------

    /// The collection under `key`. Counts a hit or a miss.
    ///
    /// # Errors
    /// `WRONGTYPE` where the key holds something else.
    #[inline]
    pub fn read<T: Stored>(&mut self, key: &[u8]) -> Result<Option<&T>> {
        let Some((_, entry)) = self.look_up(key) else { return Ok(None) };
        let body = entry.collection::<T>().ok_or(ReplyError::WRONG_TYPE)?;
        // SAFETY: the body belongs to a live entry and stays while `self` is borrowed.
        Ok(Some(unsafe { body.as_ref() }))
    }

    /// The string under `key`. Counts a hit or a miss.
    ///
    /// # Errors
    /// `WRONGTYPE` where the key holds something else.
    #[inline]
    pub fn read_string(&mut self, key: &[u8]) -> Result<Option<&[u8]>> {
        self.read_string_hashed(self.hash(key), key)
    }

    /// As [`Keyspace::read_string`], where the hash of the key is known.
    #[inline]
    pub fn read_string_hashed(&mut self, hash: u64, key: &[u8]) -> Result<Option<&[u8]>> {
        // SAFETY: the bytes stay while `self` is borrowed.
        match self.first_look(hash, key, |entry, _, key, now| unsafe { entry.string_of(key, now) }) {
            Some(found) => Ok(found),
            None => self.read_any_string(hash, key),
        }
    }

    /// What `tell` says of the key's entry and the note beside it, counted and marked as a hit or a miss; `None` where whoever asks has to look
    /// closely.
    ///
    /// What most reads meet is told by few instructions, so that a processor gets as far as the next read while this one waits for its entry.
    #[inline(always)]
    fn first_look<T>(
        &mut self,
        hash: u64,
        key: &[u8],
        tell: impl FnOnce(Entry, u32, Short<'_>, Millis) -> Option<T>,
    ) -> Option<Option<T>> {
        let short = Short::new(key)?;
        let Some((_, handle, note)) = self.db().table.search(hash, |_| true) else {
            self.missed(key);
            return Some(None);
        };
        // SAFETY: the table holds live entries only.
        let entry = unsafe { Entry::from_handle(handle) };
        let told = tell(entry, note, short, self.now)?;
        self.stats.hits = self.stats.hits.wrapping_add(1);
        self.mark_used(entry);
        Some(Some(told))
    }

    /// Where an entry is that shall go, if it is found at the first look; `None` means that whoever asks has to look closely.
    #[inline(always)]
    fn find_to_remove(&self, hash: u64, key: &[u8]) -> Option<Pos> {
        let short = Short::new(key)?;
        let table = &self.db().table;
        let (pos, handle, _) = table.search(hash, |_| true)?;
        table.will_remove(pos);
        // SAFETY: the table holds live entries only.
        unsafe { Entry::from_handle(handle) }.is_plain_of(short, self.now).then_some(pos)
    }

    #[inline(never)]
    fn find_out_of_line(&mut self, hash: u64, key: &[u8]) -> Option<(Pos, Entry)> {
        self.find_hashed(hash, key)
    }

    #[inline(never)]
    fn read_any_string(&mut self, hash: u64, key: &[u8]) -> Result<Option<&[u8]>> {
        let Some((_, entry)) = self.look_up_hashed(hash, key) else { return Ok(None) };
        // SAFETY: the bytes stay while `self` is borrowed.
        unsafe { entry.string() }.map(Some).ok_or(ReplyError::WRONG_TYPE)
    }

    /// Whatever is under `key`. Counts a hit or a miss.
    pub fn read_any(&mut self, key: &[u8]) -> Option<ValueRef<'_>> {
        let (_, entry) = self.look_up(key)?;
        // SAFETY: the value stays while `self` is borrowed.
        Some(unsafe { entry.value() })
    }

    /// Whether the key exists. Counts a hit or a miss, but does not mark the key as used.
    #[inline]
    pub fn exists(&mut self, key: &[u8]) -> bool {
        let exists = self.find(key).is_some();
        let counter = if exists { &mut self.stats.hits } else { &mut self.stats.misses };
        *counter = counter.wrapping_add(1);
        exists
    }

    /// Whatever is under `key`, without counting and without marking it as used (`OBJECT`, `TYPE`, `DEBUG`).
    pub fn peek(&mut self, key: &[u8]) -> Option<ValueRef<'_>> {
        let (_, entry) = self.find(key)?;
        // SAFETY: the value stays while `self` is borrowed.
        Some(unsafe { entry.value() })
    }

    /// As [`Keyspace::peek`], for commands that look at several values at once: an expired key is passed over, and stays.
    pub fn view(&self, key: &[u8]) -> Option<ValueRef<'_>> {
        let (_, entry) = self.find_any(key)?;
        // SAFETY: the value stays while `self` is borrowed.
        (!self.is_past(entry)).then(|| unsafe { entry.value() })
    }

    /// Whether the key exists. Counts nothing.
    pub fn contains(&mut self, key: &[u8]) -> bool {
        self.find(key).is_some()
    }

    /// Redis's name of a value's encoding.
    pub fn encoding(&mut self, key: &[u8]) -> Option<&'static str> {
        let (_, entry) = self.find(key)?;
        // SAFETY: the value is only looked at here.
        let value = unsafe { entry.value() };
        Some(memory::encoding_name(&value, entry))
    }

    /// How a key's string came about; nothing for other types and missing keys.
    pub fn marks(&mut self, key: &[u8]) -> Marks {
        self.find(key).map_or_else(Marks::default, |(_, entry)| entry.marks())
    }

    /// Gives a key what [`Keyspace::marks`] said of the value that was put there.
    pub fn set_marks(&mut self, key: &[u8], marks: Marks) {
        if let Some((_, entry)) = self.find(key) {
            entry.set_marks(marks);
        }
    }

    /// Bytes that the ledger counts for a key: block, value and index slot.
    pub fn memory_of(&mut self, key: &[u8]) -> Option<u64> {
        let (_, entry) = self.find(key)?;
        Some(entry.memory().saturating_add(memory::SLOT_BYTES))
    }

    // ---- writing ----------------------------------------------------------------------------------------------------------------

    /// Sets a string, whatever the key held before. Tells nobody: the command says [`Keyspace::changed`].
    ///
    /// # Errors
    /// `OOM` where no memory is left; nothing has changed then.
    #[inline]
    pub fn set_string(&mut self, key: &[u8], value: &[u8], ttl: Ttl) -> Result<()> {
        let hash = self.hash(key);
        // SAFETY: nothing borrows what the entry holds.
        let again = self.set_again(hash, key, ttl, |entry, _, key, now, deadline| unsafe {
            Some((entry.overwrite_plain(key, now, value, deadline)?, ()))
        });
        match again {
            Again::Done(()) => Ok(()),
            Again::Missing => self.set_any_string(None, hash, key, value, ttl),
            Again::Unclear => {
                let found = self.find_hashed(hash, key);
                self.set_any_string(found, hash, key, value, ttl)
            }
        }
    }

    #[inline]
    fn set_any_string(&mut self, found: Option<(Pos, Entry)>, hash: u64, key: &[u8], value: &[u8], ttl: Ttl) -> Result<()> {
        let deadline = self.deadline_after(found.map(|(_, entry)| entry), ttl);
        if let Some((pos, old)) = found {
            let before = old.deadline();
            // SAFETY: `old` is live and nothing borrows it.
            if unsafe { old.overwrite(value, deadline) } {
                old.set_access(self.next_mark(old.access()));
                self.note_deadline(pos, before, deadline);
                return Ok(());
            }
        } else {
            self.bring_eviction_near(word_of(hash));
        }
        let entry = Entry::new_string(self.blocks_for(key.len().saturating_add(value.len())), key, value, deadline)?;
        self.place(found.map(|(pos, _)| pos), entry, hash)
    }

    /// Sets a key that is there, and has a deadline where it shall have one, by what few instructions can do: `renew` does it to the entry, given the
    /// note beside it, and says whether the deadline came nearer. Nothing has changed unless it is done.
    ///
    /// The fewer instructions, the earlier a processor that waits for the entry gets at what is written beside it and behind it.
    #[inline(always)]
    fn set_again<T>(
        &mut self,
        hash: u64,
        key: &[u8],
        ttl: Ttl,
        renew: impl FnOnce(Entry, u32, Short<'_>, Millis, Option<Millis>) -> Option<(bool, T)>,
    ) -> Again<T> {
        let deadline = match ttl {
            Ttl::At(deadline) => Some(deadline),
            Ttl::Clear => None,
            Ttl::Keep => return Again::Unclear,
        };
        let Some(short) = Short::new(key) else { return Again::Unclear };
        let Some((pos, handle, note)) = self.db().table.search(hash, |_| true) else { return Again::Missing };
        // SAFETY: the table holds live entries only.
        let entry = unsafe { Entry::from_handle(handle) };
        let Some((nearer, done)) = renew(entry, note, short, self.now, deadline) else { return Again::Unclear };
        entry.set_access(self.next_mark(entry.access()));
        if let (true, Some(deadline)) = (nearer, deadline) {
            self.lower_due(pos, deadline);
        }
        Again::Done(done)
    }

    /// Makes `OBJECT ENCODING` call the string under `key` text, even where it spells an integer, until it is set again.
    pub fn mark_plain(&mut self, key: &[u8]) {
        if let Some((_, entry)) = self.find(key) {
            entry.set_plain();
        }
    }

    /// Puts a value under a key, whatever the key held before. An empty collection only removes the key. Tells nobody.
    pub fn put(&mut self, key: &[u8], value: Value, ttl: Ttl) -> Result<()> {
        let hash = self.hash(key);
        let found = self.find_hashed(hash, key);
        let deadline = self.deadline_after(found.map(|(_, entry)| entry), ttl);
        let entry = Entry::new_value(self.blocks_for(key.len()), key, value, deadline)?;
        self.place(found.map(|(pos, _)| pos), entry, hash)
    }

    /// As [`Keyspace::put`] for a collection, with the deadline cleared: what the `…STORE` commands do. Says `changed` with the event, or
    /// deletes (event `del`) where the collection is empty. Returns its length.
    pub fn store<T: Stored>(&mut self, key: &[u8], value: T, class: Class, event: &'static str) -> Result<usize> {
        let len = value.len();
        if len == 0 {
            self.delete(key);
            return Ok(0);
        }
        self.put(key, T::wrap(alloc::boxed::Box::new(value)), Ttl::Clear)?;
        self.changed(key, class, event);
        Ok(len)
    }

    #[inline]
    fn deadline_after(&self, old: Option<Entry>, ttl: Ttl) -> Option<Millis> {
        match ttl {
            Ttl::Keep => old.and_then(Entry::deadline),
            Ttl::Clear => None,
            Ttl::At(deadline) => Some(deadline),
        }
    }

    /// Puts a finished entry at `at`, freeing what is there, or in a new place. `hash` is that of its key.
    #[inline]
    fn place(&mut self, at: Option<Pos>, entry: Entry, hash: u64) -> Result<()> {
        match at {
            Some(pos) => self.place_again(pos, entry),
            None => {
                self.insert(entry, hash)?;
            }
        }
        Ok(())
    }

    /// Puts a finished entry in the place of the one at `pos`, which is freed.
    #[inline(never)]
    fn place_again(&mut self, pos: Pos, entry: Entry) {
        let added = entry.memory();
        let db = self.db_mut();
        // SAFETY: the table holds live entries; the old one is replaced before it is freed.
        let old = unsafe { Entry::from_handle(db.table.get(pos)) };
        db.table.replace(pos, entry.handle());
        db.table.note(pos, note_of(entry));
        let (removed, before) = (old.memory(), old.deadline());
        entry.set_access(self.next_mark(old.access()));
        self.lost(old);
        // SAFETY: no handle to it is left.
        unsafe { self.let_go(old) };
        self.resized(entry, removed, added);
        self.note_deadline(pos, before, entry.deadline());
        self.note_fields(pos, entry);
    }

    /// Enters a new key, whose hash is known; frees the entry where the table cannot grow.
    #[inline]
    fn insert(&mut self, entry: Entry, hash: u64) -> Result<Pos> {
        self.free_a_little();
        self.last_used = self.last_used.max(self.selected);
        entry.set_access(self.new_mark());
        let env = self.env;
        let db = self.db_mut();
        let before = db.table.memory();
        let inserted = db.table.insert(hash, entry.handle(), |handle| hash_of(&env, handle));
        if let Ok(pos) = inserted {
            db.table.note(pos, note_of(entry));
        }
        let after = db.table.memory();
        self.ledger.adjust(before as u64, after as u64);
        match inserted {
            Ok(pos) => {
                let bytes = entry.memory();
                self.ledger.adjust(0, bytes);
                if self.marking == Marking::Queued && !self.evict.policy.volatile {
                    self.enqueue(entry, word_of(hash), bytes);
                }
                self.note_deadline(pos, None, entry.deadline());
                self.note_fields(pos, entry);
                if self.listening.intersects(Class::NEW) {
                    // SAFETY: the entry is live.
                    let key = unsafe { entry.key() };
                    self.notify(Class::NEW, "new", key);
                }
                Ok(pos)
            }
            Err(refused) => {
                // SAFETY: the table did not take it.
                unsafe { entry.free() };
                Err(refused.into())
            }
        }
    }

    /// Takes the entry at `pos` out of the table and the books; the caller frees it.
    #[inline]
    fn unlink(&mut self, pos: Pos) -> Entry {
        let db = self.db_mut();
        // SAFETY: the table holds live entries only.
        let entry = unsafe { Entry::from_handle(db.table.get(pos)) };
        // A cache miss that can begin now.
        let block = entry.block_bytes();
        Blocks::will_free(entry.handle(), block);
        let before = db.table.memory();
        db.table.remove(pos);
        let after = db.table.memory();
        if entry.has_deadline() {
            db.expires = db.expires.saturating_sub(1);
        }
        let bytes = entry.memory_with(block);
        self.ledger.adjust((before as u64).saturating_add(bytes), after as u64);
        self.forget(entry, bytes);
        self.lost(entry);
        self.release(entry);
        entry
    }

    /// Whoever waits for a consumer group of a stream that goes has waited in vain.
    #[inline]
    fn lost(&mut self, entry: Entry) {
        if entry.value_type() == ValueType::Stream {
            // SAFETY: the entry is out of the table, but not freed yet.
            self.wake(unsafe { entry.key() });
        }
    }

    /// The string under `key`, created if missing, grown with zeros or cut to `len` bytes, to be written into. Its encoding is `raw` from
    /// then on; the deadline stays. Tells nobody.
    ///
    /// # Errors
    /// `WRONGTYPE`; `OOM` where the memory cannot be had.
    pub fn resize_string(&mut self, key: &[u8], len: usize) -> Result<&mut [u8]> {
        let hash = self.hash(key);
        let (pos, entry) = match self.find_hashed(hash, key) {
            Some(found) => {
                self.mark_used(found.1);
                self.mark_written(found.1);
                found
            }
            None => {
                self.reserve(len as u64)?;
                let entry = Entry::new_string(self.blocks_for(key.len()), key, &[], None)?;
                (self.insert(entry, hash)?, entry)
            }
        };
        if entry.value_type() != ValueType::String {
            return Err(ReplyError::WRONG_TYPE);
        }
        let before = entry.memory();
        self.reserve((len as u64).saturating_sub(before))?;
        // SAFETY: the entry is live; only the returned handle is used afterwards.
        let resized = unsafe { entry.resized(self.blocks_for(len), len)? };
        self.db_mut().table.replace(pos, resized.handle());
        self.resized(resized, before, resized.memory());
        // SAFETY: the bytes stay while `self` is borrowed.
        unsafe { resized.string_mut() }.ok_or(ReplyError::WRONG_TYPE)
    }

    /// A guard to change the collection under `key`; `None` where the key is missing. Counts nothing.
    ///
    /// # Errors
    /// `WRONGTYPE` where the key holds something else.
    pub fn edit<T: Stored>(&mut self, key: &[u8]) -> Result<Option<Edit<'_, T>>> {
        match self.find(key) {
            Some((pos, entry)) => {
                self.mark_used(entry);
                Edit::begin(self, pos, entry).map(Some)
            }
            None => Ok(None),
        }
    }

    /// As [`Keyspace::edit`]; a missing key becomes an empty collection (which goes again if it is still empty at the end).
    pub fn edit_or_create<T: Stored>(&mut self, key: &[u8]) -> Result<Edit<'_, T>> {
        let hash = self.hash(key);
        if let Some((pos, entry)) = self.find_hashed(hash, key) {
            self.mark_used(entry);
            return Edit::begin(self, pos, entry);
        }
        let empty = T::wrap(alloc::boxed::Box::default());
        let entry = Entry::new_value(self.blocks_for(key.len()), key, empty, None)?;
        let pos = self.insert(entry, hash)?;
        Edit::begin(self, pos, entry)
    }

    /// Removes a key and frees its value; says so to watchers and as event `del`. False where there was none.
    #[inline]
    pub fn delete(&mut self, key: &[u8]) -> bool {
        let existed = self.discard(key);
        if existed {
            self.changed(key, Class::GENERIC, "del");
        }
        existed
    }

    /// Removes a key and frees its value, telling nobody.
    #[inline]
    pub fn discard(&mut self, key: &[u8]) -> bool {
        let hash = self.hash(key);
        let pos = match self.find_to_remove(hash, key) {
            Some(pos) => pos,
            None => match self.find_out_of_line(hash, key) {
                Some((pos, _)) => pos,
                None => return false,
            },
        };
        let entry = self.unlink(pos);
        // SAFETY: no handle to it is left.
        unsafe { self.let_go(entry) };
        true
    }

    /// Takes a value with its deadline out of the keyspace, telling nobody.
    pub fn take(&mut self, key: &[u8]) -> Option<(Value, Option<Millis>)> {
        let hash = self.hash(key);
        let (pos, _) = self.find_hashed(hash, key)?;
        let entry = self.unlink(pos);
        let deadline = entry.deadline();
        // SAFETY: no handle to it is left.
        Some((unsafe { entry.take() }, deadline))
    }

    /// Removes all keys of the selected database; many of them are freed later, see [`Keyspace::free_waste`]. Watchers of keys that existed are told.
    pub fn flush(&mut self) {
        let selected = self.selected;
        let mut watches = core::mem::take(&mut self.watches);
        watches.changed_where(selected, &mut |key| self.find_any(key).is_some());
        self.watches = watches;
        self.throw_db();
        // One word for all databases that go together.
        if self.tracked && self.touched.last().is_none_or(|last| last.key.is_some()) {
            self.touched.push(Touched { key: None, expired: false });
        }
        self.waiters.all_changed(selected);
    }

    /// Exchanges two databases; false where one does not exist.
    pub fn swap(&mut self, a: usize, b: usize) -> bool {
        if a >= self.dbs.len() || b >= self.dbs.len() {
            return false;
        }
        if a == b {
            return true;
        }
        // What is past goes before, so that watchers do not hear later of an end that is none to them.
        for key in self.watches.names(&[a, b]) {
            for db in [a, b] {
                self.within(db, |keys| keys.contains(&key));
            }
        }
        let mut watches = core::mem::take(&mut self.watches);
        for db in [a, b] {
            watches.changed_where(db, &mut |key| {
                [a, b].iter().any(|&index| self.within(index, |keys| keys.find_any(key).is_some()))
            });
        }
        self.watches = watches;
        self.last_used = self.last_used.max(a).max(b);
        self.dbs.swap(a, b);
        self.waiters.all_changed(a);
        self.waiters.all_changed(b);
        true
    }

    // ---- telling ----------------------------------------------------------------------------------------------------------------

    /// Says that a command changed `key`: counts a change, tells watchers, and notes the event for whoever listens.
    #[inline]
    pub fn changed(&mut self, key: &[u8], class: Class, event: &'static str) {
        self.touch_watchers(key);
        self.waiters.changed(self.selected, key);
        self.dirty = self.dirty.wrapping_add(1);
        self.notify(class, event, key);
    }

    /// Has sessions that wait on a key look at it again.
    pub fn wake(&mut self, key: &[u8]) {
        self.waiters.changed(self.selected, key);
    }

    /// Tells watchers, and those who track keys, alone.
    #[inline]
    pub fn touch_watchers(&mut self, key: &[u8]) {
        self.note_touch(key, false);
    }

    #[inline]
    fn note_touch(&mut self, key: &[u8], expired: bool) {
        if self.tracked || !self.watches.is_empty() {
            self.tell_touch(key, expired);
        }
    }

    #[cold]
    fn tell_touch(&mut self, key: &[u8], expired: bool) {
        self.watches.changed(self.selected, key);
        if self.tracked {
            self.touched.push(Touched { key: Some(key.to_vec()), expired });
        }
    }

    /// Whether to keep what goes by itself for [`Keyspace::take_losses`].
    pub(crate) fn note_losses(&mut self, wanted: bool) {
        self.losses = wanted.then(Vec::new);
    }

    fn note_loss(&mut self, key: &[u8], fields: Vec<Vec<u8>>) {
        if let Some(losses) = &mut self.losses {
            losses.push(Loss { db: self.selected, key: key.to_vec(), fields });
        }
    }

    /// Says that a key went by itself: expired, or was evicted.
    fn went(&mut self, key: &[u8]) {
        self.note_touch(key, true);
        self.note_loss(key, Vec::new());
        self.note_freed(key);
    }

    /// What went by itself since the last call.
    pub(crate) fn take_losses(&mut self) -> Vec<Loss> {
        self.losses.as_mut().map(core::mem::take).unwrap_or_default()
    }

    /// Value and deadline of a key, be its time over or not.
    pub(crate) fn state(&self, key: &[u8]) -> Option<(ValueRef<'_>, Option<Millis>)> {
        let (_, entry) = self.find_any(key)?;
        // SAFETY: the value stays while `self` is borrowed.
        Some((unsafe { entry.value() }, entry.deadline()))
    }

    /// Changes since the last call, for those who track keys.
    pub(crate) fn take_touched(&mut self) -> Vec<Touched> {
        core::mem::take(&mut self.touched)
    }

    /// Notes an event alone.
    #[inline]
    pub fn notify(&mut self, class: Class, event: &'static str, key: &[u8]) {
        if self.listening.intersects(class) {
            self.note_event(class, event, key);
        }
    }

    #[inline(never)]
    fn note_event(&mut self, class: Class, event: &'static str, key: &[u8]) {
        self.notices.push(Notice { class, event, db: self.selected, key: key.to_vec() });
    }

    /// Chooses the classes of events that are kept for [`Keyspace::take_notices`].
    pub fn listen(&mut self, classes: Class) {
        self.listening = classes;
    }

    pub fn take_notices(&mut self) -> Vec<Notice> {
        core::mem::take(&mut self.notices)
    }

    /// Whether a command left something to be told: to trackers, watchers, listeners, or waiting sessions.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        self.tracked || self.has_notices() || !self.watches.dirtied.is_empty() || !self.waiters.ready.is_empty()
    }

    pub fn has_notices(&self) -> bool {
        !self.notices.is_empty()
    }

    /// Has a session wait on `key` of database `db`, behind those that came before.
    pub fn wait(&mut self, db: usize, key: &[u8], session: SessionId) {
        self.waiters.add(db, key, session);
    }

    pub fn end_wait(&mut self, db: usize, key: &[u8], session: SessionId) {
        self.waiters.remove(db, key, session);
    }

    /// Sessions that wait on a key, in the order in which they came.
    pub fn waiting_on(&self, db: usize, key: &[u8]) -> Vec<SessionId> {
        self.waiters.of(db, key)
    }

    /// Keys that changed since the last call and that somebody waits on, in order.
    pub fn take_ready(&mut self) -> Vec<(usize, Vec<u8>)> {
        core::mem::take(&mut self.waiters.ready)
    }

    /// Begins to watch `key` of the selected database for a session.
    pub fn watch(&mut self, key: &[u8], session: SessionId) {
        self.watches.watch(self.selected, key, session);
    }

    /// Ends all watches of a session, won or lost.
    pub fn unwatch_all(&mut self, session: &mut Session) {
        for (db, key) in core::mem::take(&mut session.watched) {
            self.watches.unwatch(db, &key, session.id);
        }
        session.watch_lost = false;
    }

    /// Sessions whose watched keys changed since the last call.
    pub fn take_dirtied(&mut self) -> Vec<SessionId> {
        core::mem::take(&mut self.watches.dirtied)
    }
}

impl Drop for Keyspace {
    fn drop(&mut self) {
        self.free_all_waste();
        for db in &mut self.dbs {
            // SAFETY: each handle is handed out once and the table goes with the keyspace.
            db.table.drain(|handle| unsafe { Entry::from_handle(handle).free() });
        }
    }
}
