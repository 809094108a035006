//! Exports over plain numbers, and the hot lanes among them.
//!
//! A lane's arguments lie in the [`Area`], its answer is the returned number, and more is in the area's header. A lane runs the command's
//! own handler, so that its meaning lives once. Where something stands in the way (a transaction, a watch, memory that is short) it
//! answers [`DOOR`], and the caller sends the same as a request.

use crate::area::{self, Area};
use crate::cache::Cache;
use alloc::vec::Vec;
use cachette::command::args::{Key, LateInt, Many};
use cachette::command::{hash, keys, string};
use cachette::error::{ReplyError, Result};
use cachette::keyspace::{Class, Keyspace, TOGETHER, Ttl};
use cachette::value::hash::Hash;
use core::cell::UnsafeCell;

/// No such key or field.
pub const MISS: u32 = 0;
/// The command was refused; the header describes the words.
const REFUSED: u32 = 1;
/// Send it as a request.
const DOOR: u32 = 2;
/// Done; the header holds the answer, if there is one.
const DONE: u32 = 3;

struct Shared(UnsafeCell<Option<Cache>>);

// SAFETY: the module has one thread.
unsafe impl Sync for Shared {}

static CACHE: Shared = Shared(UnsafeCell::new(None));

/// The cache of this instance, for as long as one export runs.
#[inline]
pub fn cache() -> &'static mut Cache {
    // SAFETY: one thread; each export calls this once, and there is nothing of JavaScript's to call (the module imports nothing), hence none runs
    // inside another.
    let place = unsafe { &mut *CACHE.0.get() };
    match place {
        Some(cache) => cache,
        None => first(place),
    }
}

#[cold]
#[inline(never)]
fn first(place: &'static mut Option<Cache>) -> &'static mut Cache {
    // SAFETY: there is nothing to drop in a `None`, and so no code for dropping a cache, which never happens in here, is carried along.
    unsafe { core::ptr::write(place, Some(Cache::new())) };
    match place {
        Some(cache) => cache,
        None => unreachable!("written above"),
    }
}

/// Address of the [`Area`].
#[unsafe(no_mangle)]
pub extern "C" fn area() -> *mut Area {
    area::address()
}

// ---- the door -------------------------------------------------------------------------------------------------------------------------

/// Address of room for a request of so many bytes, 0 where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn input(bytes: u32) -> *mut u8 {
    cache().make_input(bytes as usize).unwrap_or(core::ptr::null_mut())
}

/// Runs the requests in the input. Returns the address of the replies; the header has their length.
#[unsafe(no_mangle)]
pub extern "C" fn execute(bytes: u32) -> *const u8 {
    let cache = cache();
    cache.execute(bytes as usize);
    area::area().header.length = cache.output.len() as u32;
    cache.output.as_ptr()
}

/// The replies have been read.
#[unsafe(no_mangle)]
pub extern "C" fn forget() {
    cache().forget_output();
}

// ---- sessions of their own: commands that wait, subscriptions --------------------------------------------------------------------------

/// Runs the request in the input in a session of its own; returns the session's number. The header's `low` is the address of what it answered, its
/// length 0 while it waits.
#[unsafe(no_mangle)]
pub extern "C" fn converse(bytes: u32) -> f64 {
    let cache = cache();
    let id = cache.converse(bytes as usize);
    given(cache, id)
}

/// The next such session that something happened to (0: none): it was given something, described as by [`converse`]; its wait ended; it is gone (see
/// [`given`]).
#[unsafe(no_mangle)]
pub extern "C" fn hear() -> f64 {
    let cache = cache();
    let id = cache.hear();
    given(cache, id)
}

/// The header's `high` is the session's state: 1 it is gone, 2 it has not said yet who it is, 4 it waits.
fn given(cache: &Cache, id: u64) -> f64 {
    let header = &mut area::area().header;
    header.length = cache.output.len() as u32;
    header.low = cache.output.as_ptr() as usize as u32;
    header.high = cache.state(id);
    id as f64
}

/// Begins a conversation with a client: its address is the area's key, ours the field. Returns the session's number.
#[unsafe(no_mangle)]
pub extern "C" fn meet(addr: u32, laddr: u32, trusted: u32) -> f64 {
    let (cache, area) = (cache(), area::area());
    let id = cache.meet(area.key(addr), area.field(laddr), trusted != 0);
    cache.output.clear();
    given(cache, id)
}

/// Runs the requests in the input in such a conversation. Returns how many bytes were taken; what was answered is described as by [`converse`].
#[unsafe(no_mangle)]
pub extern "C" fn say(id: f64, bytes: u32) -> u32 {
    let cache = cache();
    let taken = cache.say(id as u64, bytes as usize);
    given(cache, id as u64);
    taken as u32
}

/// Tells how many bytes such a session has been given and its client has not taken yet.
#[unsafe(no_mangle)]
pub extern "C" fn owe(id: f64, bytes: u32) {
    cache().owe(id as u64, bytes as usize);
}

/// Ends such a session: its wait, its subscriptions.
#[unsafe(no_mangle)]
pub extern "C" fn leave(id: f64) {
    cache().leave(id as u64);
}

/// When such a session's wait ends; -1 if it does not, or does not wait.
#[unsafe(no_mangle)]
pub extern "C" fn deadline(id: f64) -> f64 {
    moment(cache().deadline(id as u64))
}

// ---- clock, seed, events --------------------------------------------------------------------------------------------------------------

/// Sets the clock: Unix milliseconds.
#[unsafe(no_mangle)]
pub extern "C" fn turn(now: f64) {
    cache().turn(now as u64);
}

/// Sets the seed, which the host draws: before the first turn.
#[unsafe(no_mangle)]
pub extern "C" fn seed(low: u32, high: u32) {
    cache().seed(u64::from(high) << 32 | u64::from(low));
}

/// The moment at which something is due next, -1 if nothing is. It is done by [`tick`].
#[unsafe(no_mangle)]
pub extern "C" fn due() -> f64 {
    moment(cache().due())
}

/// Removes expired keys, a bounded number, and ends waits; returns when to come again, -1 if nothing is due.
#[unsafe(no_mangle)]
pub extern "C" fn tick() -> f64 {
    moment(cache().tick())
}

fn moment(due: Option<u64>) -> f64 {
    due.map_or(-1.0, |due| due as f64)
}

/// Chooses whether expiries and evictions are kept for [`event`].
#[unsafe(no_mangle)]
pub extern "C" fn listen(on: u32) {
    cache().listen(on != 0);
}

/// Takes the next event: 0 none, 1 expired, 2 evicted. The area's value holds the key (cut at its end), the header its length, and its
/// database in `low`.
#[unsafe(no_mangle)]
pub extern "C" fn event() -> u32 {
    let Some(notice) = cache().next_notice() else { return 0 };
    let area = area::area();
    let length = notice.key.len().min(area.value.len());
    for (to, from) in area.value.iter_mut().zip(&notice.key) {
        *to = *from;
    }
    area.header.length = length as u32;
    area.header.low = notice.db as u32;
    if notice.class == Class::EXPIRED { 1 } else { 2 }
}

/// Writes figures to the area's value, as doubles: keys of all databases, hits, misses, expired, evicted, bytes, most bytes, limit.
#[unsafe(no_mangle)]
pub extern "C" fn stats() {
    let engine = &mut cache().engine;
    let keys = (0..engine.keys.databases()).map(|db| engine.keys.within(db, |keys| keys.len()) as u64).sum();
    let counts = engine.keys.stats;
    let (used, peak) = (engine.keys.used_memory(), engine.keys.peak_memory());
    let figures = [keys, counts.hits, counts.misses, counts.expired, counts.evicted, used, peak, engine.server.config.maxmemory];
    for (to, figure) in area::area().value.chunks_exact_mut(8).zip(figures) {
        to.copy_from_slice(&(figure as f64).to_le_bytes());
    }
}

// ---- hot lanes ------------------------------------------------------------------------------------------------------------------------

/// GET.
#[unsafe(no_mangle)]
pub extern "C" fn get(key: u32) -> u32 {
    let (cache, area) = (cache(), area::area());
    if !cache.may_read() {
        return DOOR;
    }
    // As `string::get`: its handler is this line.
    let found = cache.engine.keys.read_string(area.key(key));
    shown(area, found)
}

/// SET, with a deadline `ttl` milliseconds from now if that is above 0.
#[unsafe(no_mangle)]
pub extern "C" fn set(key: u32, value: u32, ttl: f64) -> u32 {
    let (cache, area) = (cache(), area::area());
    if !cache.may_grow() {
        return DOOR;
    }
    // As `string::set` without options: its handler stores and says so. Directly, since a `Call` costs a third of the whole.
    let keys = &mut cache.engine.keys;
    let (key, value) = (area.key(key), area.value(value));
    let deadline = (ttl > 0.0).then(|| keys.now().saturating_add(ttl as u64));
    if let Err(error) = keys.set_string(key, value, deadline.map_or(Ttl::Clear, Ttl::At)) {
        return refused(area, error);
    }
    keys.changed(key, Class::STRING, "set");
    if deadline.is_some() {
        keys.notify(Class::GENERIC, "expire", key);
    }
    DONE
}

/// DEL of one key.
#[unsafe(no_mangle)]
pub extern "C" fn del(key: u32) -> u32 {
    let (cache, area) = (cache(), area::area());
    if !cache.may_read() {
        return DOOR;
    }
    // As `keys::del`.
    let existed = cache.engine.keys.delete(area.key(key));
    area.header.integer(i64::from(existed));
    DONE
}

/// EXISTS of one key.
#[unsafe(no_mangle)]
pub extern "C" fn exists(key: u32) -> u32 {
    let (cache, area) = (cache(), area::area());
    if !cache.may_read() {
        return DOOR;
    }
    // As `keys::exists`.
    let exists = cache.engine.keys.exists(area.key(key));
    area.header.integer(i64::from(exists));
    DONE
}

/// INCR.
#[unsafe(no_mangle)]
pub extern "C" fn incr(key: u32) -> u32 {
    let (cache, area) = (cache(), area::area());
    if !cache.may_grow() {
        return DOOR;
    }
    let key = Key(area.key(key));
    let done = cache.call(|call| string::incr(call, string::Count { key }));
    counted(area, done)
}

/// EXPIRE without a condition.
#[unsafe(no_mangle)]
pub extern "C" fn expire(key: u32, seconds: f64) -> u32 {
    let (cache, area) = (cache(), area::area());
    if !cache.may_read() {
        return DOOR;
    }
    let (key, seconds) = (Key(area.key(key)), LateInt(Some(seconds as i64)));
    let done = cache.call(|call| keys::expire(call, keys::Expire { key, seconds, condition: keys::When::default() }));
    counted(area, done.map(|done| done.map(i64::from)))
}

/// TTL.
#[unsafe(no_mangle)]
pub extern "C" fn ttl(key: u32) -> u32 {
    let (cache, area) = (cache(), area::area());
    if !cache.may_read() {
        return DOOR;
    }
    let key = Key(area.key(key));
    let done = cache.call(|call| keys::ttl(call, keys::ReadKey { key }));
    counted(area, done)
}

/// HGET.
#[unsafe(no_mangle)]
pub extern "C" fn hget(key: u32, field: u32) -> u32 {
    let (cache, area) = (cache(), area::area());
    if !cache.may_read() {
        return DOOR;
    }
    // As `hash::hget`.
    let keys = &mut cache.engine.keys;
    let env = keys.env;
    let found = keys.read::<Hash>(area.key(key)).map(|hash| hash.and_then(|hash| hash.get(&env, area.field(field))));
    shown(area, found)
}

/// HSET of one field.
#[unsafe(no_mangle)]
pub extern "C" fn hset(key: u32, field: u32, value: u32) -> u32 {
    let (cache, area) = (cache(), area::area());
    if !cache.may_grow() {
        return DOOR;
    }
    let words = [area.field(field), area.value(value)];
    let key = Key(area.key(key));
    let done = cache.call(|call| hash::hset(call, hash::HSet { key, fields: Many::new(&words) }));
    counted(area, done.map(|done| done.map(|created| created as i64)))
}

/// MGET of `count` keys packed in the area's value. `low` is the address of their lengths (see [`LENGTH_ASCII`], [`LENGTH_MISS`]), `high` that of
/// the values, one after the other.
#[unsafe(no_mangle)]
pub extern "C" fn mget(count: u32) -> u32 {
    let (cache, area) = (cache(), area::area());
    if !cache.may_read() {
        return DOOR;
    }
    let Cache { engine, output, lengths, reach, .. } = cache;
    output.clear();
    lengths.clear();
    let mut words = packed(&area.value).take(count as usize);
    while let (keys @ [_, ..], hashes) = together(&engine.keys, &mut words, &mut [&[]; TOGETHER], *reach) {
        *reach = Keyspace::REACH;
        for (key, hash) in keys.iter().zip(hashes) {
            // As `string::mget`: what is no string counts as missing.
            let length = match engine.keys.read_string_hashed(hash, key) {
                Ok(Some(value)) => {
                    if output.try_reserve(value.len()).is_err() || output.len() + value.len() > MGET_MOST {
                        return DOOR;
                    }
                    output.extend_from_slice(value);
                    *reach = (*reach).max(value.len());
                    value.len() as u32 | if area::is_ascii(value) { LENGTH_ASCII } else { 0 }
                }
                _ => LENGTH_MISS,
            };
            lengths.push(length);
        }
    }
    area.header.low = lengths.as_ptr() as usize as u32;
    area.header.high = output.as_ptr() as usize as u32;
    DONE
}

/// A length's bit that says that the value is ASCII.
const LENGTH_ASCII: u32 = 1 << 31;
/// The length of no value.
const LENGTH_MISS: u32 = u32::MAX;
/// Bytes of values that MGET's lane hands over; more goes through the door, which knows how to refuse.
const MGET_MOST: usize = 1 << 24;

/// MSET of `count` words, keys and values in turn, packed in the area's value.
#[unsafe(no_mangle)]
pub extern "C" fn mset(count: u32) -> u32 {
    let (cache, area) = (cache(), area::area());
    if !cache.may_grow() {
        return DOOR;
    }
    let words: Vec<&[u8]> = packed(&area.value).take(count as usize).collect();
    let done = cache.call(|call| string::mset(call, string::Mset { data: Many::new(&words) }).map(drop));
    settled(area, done)
}

/// Words as the glue packs them: a length in four bytes, the bytes, room up to a multiple of four.
pub fn packed(mut room: &[u8]) -> impl Iterator<Item = &[u8]> {
    core::iter::from_fn(move || {
        let (length, rest) = room.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let word = rest.get(..length)?;
        room = rest.get(length.next_multiple_of(4)..)?;
        Some(word)
    })
}

/// The next keys that are looked up together, none at the end, with their hashes; what they lead to is on its way, `reach` bytes of each value.
#[inline]
pub fn together<'a, 'k>(
    keyspace: &Keyspace,
    words: &mut impl Iterator<Item = &'a [u8]>,
    keys: &'k mut [&'a [u8]; TOGETHER],
    reach: usize,
) -> (&'k [&'a [u8]], [u64; TOGETHER]) {
    let mut count = 0;
    for (to, key) in keys.iter_mut().zip(words) {
        *to = key;
        count += 1;
    }
    let keys = keys.get(..count).unwrap_or_default();
    (keys, keyspace.fetch(keys, reach))
}

// ---- answers --------------------------------------------------------------------------------------------------------------------------

/// A value or none: the value's address, with the header describing it.
fn shown(area: &mut Area, found: Result<Option<&[u8]>>) -> u32 {
    match found {
        Ok(Some(value)) => area.header.show(value),
        Ok(None) => MISS,
        Err(error) => refused(area, error),
    }
}

fn settled(area: &mut Area, done: Option<Result<()>>) -> u32 {
    match done {
        Some(Ok(())) => DONE,
        Some(Err(error)) => refused(area, error),
        None => DOOR,
    }
}

fn counted(area: &mut Area, done: Option<Result<i64>>) -> u32 {
    match done {
        Some(Ok(count)) => {
            area.header.integer(count);
            DONE
        }
        Some(Err(error)) => refused(area, error),
        None => DOOR,
    }
}

/// Puts the wording into the area, from which it is read at once.
#[cold]
fn refused(area: &mut Area, error: ReplyError) -> u32 {
    let text = error.as_bytes();
    for (to, from) in area.value.iter_mut().zip(text) {
        *to = *from;
    }
    area.header.length = text.len().min(area.value.len()) as u32;
    REFUSED
}
