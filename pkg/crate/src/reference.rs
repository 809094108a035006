//! Exports of the object cache: keys in here, values in an array in JavaScript, by slot (see `pkg/src/references.ts`).
//!
//! A key lies in the area, or in the input where it is longer than the area's room. A slot is told as its number and one, 0 is none. Where keys may
//! have gone on the way (expired, evicted), the header's `length` tells how many slots became free since they were last taken; where it is one, that
//! slot is `low`, and taken.

use crate::area::{self, Area, PART};
use crate::cache::Cache;
use crate::raw::{MISS, cache, packed, together};
use cachette::keyspace::{Again, TOGETHER, Ttl};

/// The key in its place.
#[inline]
fn key_at<'a>(area: &'a Area, input: &'a [u8], length: u32) -> &'a [u8] {
    if length as usize <= PART { area.key(length) } else { input.get(..length as usize).unwrap_or(&[]) }
}

fn told(slot: Option<u32>) -> u32 {
    slot.map_or(MISS, |slot| slot.wrapping_add(1))
}

fn tell_freed(cache: &mut Cache, area: &mut Area) {
    let keys = &mut cache.engine.keys;
    area.header.length = keys.freed() as u32;
    if area.header.length == 1 {
        area.header.low = keys.unfree().unwrap_or(0);
    }
}

/// Limits the number of keys and the sum of their sizes; 0 is no limit. Before the policy is chosen.
#[unsafe(no_mangle)]
pub extern "C" fn ref_limit(keys: f64, size: f64) {
    cache().engine.keys.limit_references(keys as u64, size as u64);
}

/// The slot of a key, which is marked as used.
#[unsafe(no_mangle)]
pub extern "C" fn ref_get(key: u32) -> u32 {
    let (cache, area) = (cache(), area::area());
    let found = cache.engine.keys.reference(key_at(area, &cache.input, key));
    if found.is_none() {
        tell_freed(cache, area);
    }
    told(found)
}

/// The slot of a key, which is not marked as used.
#[unsafe(no_mangle)]
pub extern "C" fn ref_peek(key: u32) -> u32 {
    let (cache, area) = (cache(), area::area());
    let found = cache.engine.keys.peek_reference(key_at(area, &cache.input, key));
    if found.is_none() {
        tell_freed(cache, area);
    }
    told(found)
}

/// Has a key stand for `slot`, or for the one that it has already: told is which. With `ttl` above 0 it is gone in so many milliseconds; below 0
/// it keeps the deadline it has. 0 where there is no memory.
#[unsafe(no_mangle)]
pub extern "C" fn ref_set(key: u32, slot: u32, size: u32, ttl: f64) -> u32 {
    let (cache, area) = (cache(), area::area());
    let keys = &mut cache.engine.keys;
    let ttl = if ttl > 0.0 {
        Ttl::At(keys.now().saturating_add(ttl as u64))
    } else if ttl < 0.0 {
        Ttl::Keep
    } else {
        Ttl::Clear
    };
    let bytes = key_at(area, &cache.input, key);
    let hash = keys.hash(bytes);
    let slot = match keys.refer_again(hash, bytes, size, ttl) {
        Again::Done(known) => Some(known),
        again => refer(cache, area, key, hash, &Wanted { slot, size, ttl, is_new: matches!(again, Again::Missing) }),
    };
    tell_freed(cache, area);
    told(slot)
}

/// What a key is to stand for.
struct Wanted {
    slot: u32,
    size: u32,
    ttl: Ttl,
    /// There is no such key.
    is_new: bool,
}

/// As `ref_set`, where more has to be done than few instructions can.
#[inline(never)]
fn refer(cache: &mut Cache, area: &Area, key: u32, hash: u64, &Wanted { slot, size, ttl, is_new }: &Wanted) -> Option<u32> {
    let may_grow = cache.may_grow() || cache.may_grow_after_all();
    let (keys, key) = (&mut cache.engine.keys, key_at(area, &cache.input, key));
    let known = if is_new { None } else { keys.refer_hashed(hash, key, size, ttl, may_grow).ok()? };
    match known {
        None if may_grow => keys.refer_anew(hash, key, slot, size, ttl).ok(),
        known => known,
    }
}

/// Removes a key; tells the slot that it had.
#[unsafe(no_mangle)]
pub extern "C" fn ref_delete(key: u32) -> u32 {
    let (cache, area) = (cache(), area::area());
    let keys = &mut cache.engine.keys;
    let freed = keys.discard(key_at(area, &cache.input, key)).then(|| keys.unfree()).flatten();
    tell_freed(cache, area);
    told(freed)
}

/// Removes the key of a slot; 0 where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn ref_drop(slot: u32) -> u32 {
    let keys = &mut cache().engine.keys;
    u32::from(keys.discard_slot(slot) && keys.unfree().is_some())
}

/// Evicts one key; tells the slot that it had, 0 where none may go. The header's `low` is the address of the key, `length` its bytes.
#[unsafe(no_mangle)]
pub extern "C" fn ref_evict() -> u32 {
    let (keys, area) = (&mut cache().engine.keys, area::area());
    keys.keep_freed_key();
    let freed = keys.evict_next().then(|| keys.unfree()).flatten();
    area.header.low = area.header.show(keys.freed_key());
    told(freed)
}

/// The key of a slot, described as a value; 0 where there is none.
#[unsafe(no_mangle)]
pub extern "C" fn ref_key(slot: u32) -> u32 {
    let (cache, area) = (cache(), area::area());
    cache.engine.keys.key_of(slot).map_or(MISS, |key| area.header.show(key))
}

/// The deadline of a key, in Unix milliseconds; -1 where it has none, -2 where there is no such key. A slot that becomes free by that is told later.
#[unsafe(no_mangle)]
pub extern "C" fn ref_deadline(key: u32) -> f64 {
    let (cache, area) = (cache(), area::area());
    let deadline = cache.engine.keys.deadline(key_at(area, &cache.input, key));
    deadline.map_or(-2.0, |deadline| deadline.map_or(-1.0, |deadline| deadline as f64))
}

/// The slots of `count` keys packed in the area's value. `low` is the address of as many words; whatever became free is to be taken by [`ref_freed`].
#[unsafe(no_mangle)]
pub extern "C" fn ref_mget(count: u32) -> u32 {
    let (cache, area) = (cache(), area::area());
    let Cache { engine, lengths, .. } = cache;
    lengths.clear();
    let mut words = packed(&area.value).take(count as usize);
    // Slots stand in front of keys: nothing behind these is read.
    while let (keys @ [_, ..], hashes) = together(&engine.keys, &mut words, &mut [&[]; TOGETHER], 0) {
        for (key, hash) in keys.iter().zip(hashes) {
            lengths.push(told(engine.keys.reference_hashed(hash, key)));
        }
    }
    area.header.low = lengths.as_ptr() as usize as u32;
    area.header.length = engine.keys.freed() as u32;
    count
}

/// Takes slots that became free into the area's value, as words; how many. Come again until it is none.
#[unsafe(no_mangle)]
pub extern "C" fn ref_freed() -> u32 {
    let (cache, area) = (cache(), area::area());
    let mut count = 0;
    for (to, slot) in area.value.chunks_exact_mut(4).zip(cache.engine.keys.take_freed(AT_ONCE)) {
        to.copy_from_slice(&slot.to_le_bytes());
        count += 1;
    }
    count
}

/// Slots that [`ref_freed`] gives out at once: fewer than the area's value has room for.
const AT_ONCE: usize = 8192;

/// Keys, and the sum of their sizes, as doubles in the area's value.
#[unsafe(no_mangle)]
pub extern "C" fn ref_count() {
    let (cache, area) = (cache(), area::area());
    let figures = [cache.engine.keys.len() as u64, cache.engine.keys.referenced_size()];
    for (to, figure) in area.value.chunks_exact_mut(8).zip(figures) {
        to.copy_from_slice(&(figure as f64).to_le_bytes());
    }
}

/// Removes all keys; no slot of theirs is told.
#[unsafe(no_mangle)]
pub extern "C" fn ref_clear() {
    let keys = &mut cache().engine.keys;
    keys.flush();
    keys.forget_references();
}
