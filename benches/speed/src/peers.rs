//! The caches that are compared, each behind the same four operations. All bound what they hold, but for hashbrown, which is no cache.
//!
//! Keys and values are bytes. A peer that keeps deadlines itself does; for the others they lie beside the value and are looked at in `get`, by the
//! same clock, a number in memory, that cachette is given. What can be shared between threads hands out `Arc`s, as its users do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
/// The time, in milliseconds: read once a batch by whoever cares.
pub static NOW: AtomicU64 = AtomicU64::new(1_700_000_000_000);

fn now() -> u64 {
    NOW.load(Ordering::Relaxed)
}

/// A cache of strings that live for an hour.
pub trait Peer {
    /// Room for so many entries.
    fn new(entries: usize) -> Self;
    fn set(&mut self, key: &[u8], value: &[u8]);
    /// Something that can only be told by reading the value; 0 if it is not there.
    fn get(&mut self, key: &[u8]) -> usize;
    fn del(&mut self, key: &[u8]);
}

fn read(value: &[u8]) -> usize {
    value.len() + usize::from(value[0])
}

type Timed = (u64, Box<[u8]>);
type Shared = (u64, Arc<[u8]>);

fn timed(value: &[u8]) -> Timed {
    (now() + 3_600_000, value.into())
}

fn shared(value: &[u8]) -> Shared {
    (now() + 3_600_000, value.into())
}

fn alive<V: AsRef<[u8]>>(found: Option<&(u64, V)>) -> usize {
    found.filter(|(deadline, _)| *deadline > now()).map_or(0, |(_, value)| read(value.as_ref()))
}

macro_rules! cachettes {
    ($($(#[$meta:meta])* $name:ident = $builder:expr;)*) => {$(
        $(#[$meta])*
        pub struct $name(cachette::Cache);

        impl Peer for $name {
            fn new(_: usize) -> Self {
                // A limit that is not reached: the policy keeps its books all the same.
                Self($builder.maxmemory(1 << 40).build())
            }

            fn set(&mut self, key: &[u8], value: &[u8]) {
                self.0.set_ttl(key, value, HOUR).expect("room");
            }

            fn get(&mut self, key: &[u8]) -> usize {
                self.0.get(key).expect("a string").map_or(0, read)
            }

            fn del(&mut self, key: &[u8]) {
                self.0.del(key);
            }
        }
    )*};
}

cachettes! {
    Cachette = cachette::Cache::builder().clock(now);
    /// As it is made without a word about clocks: the system's is asked at each call.
    CachetteSystemClock = cachette::Cache::builder();
}

pub struct QuickUnsync(quick_cache::unsync::Cache<Box<[u8]>, Timed>);

impl Peer for QuickUnsync {
    fn new(entries: usize) -> Self {
        Self(quick_cache::unsync::Cache::new(entries))
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.0.insert(key.into(), timed(value));
    }

    fn get(&mut self, key: &[u8]) -> usize {
        alive(self.0.get(key))
    }

    fn del(&mut self, key: &[u8]) {
        self.0.remove(key);
    }
}

pub struct QuickSync(quick_cache::sync::Cache<Box<[u8]>, Shared>);

impl Peer for QuickSync {
    fn new(entries: usize) -> Self {
        Self(quick_cache::sync::Cache::new(entries))
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.0.insert(key.into(), shared(value));
    }

    fn get(&mut self, key: &[u8]) -> usize {
        alive(self.0.get(key).as_ref())
    }

    fn del(&mut self, key: &[u8]) {
        self.0.remove(key);
    }
}

pub struct Moka(moka::sync::Cache<Box<[u8]>, Arc<[u8]>>);

impl Peer for Moka {
    fn new(entries: usize) -> Self {
        Self(moka::sync::Cache::builder().max_capacity(entries as u64).time_to_live(HOUR).build())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.0.insert(key.into(), value.into());
    }

    fn get(&mut self, key: &[u8]) -> usize {
        self.0.get(key).map_or(0, |value| read(&value))
    }

    fn del(&mut self, key: &[u8]) {
        self.0.invalidate(key);
    }
}

/// Looks keys up by their own type only, so it gets arrays, which spares it a pointer.
pub struct MiniMoka(mini_moka::unsync::Cache<[u8; 20], Box<[u8]>>);

fn array(key: &[u8]) -> [u8; 20] {
    key.try_into().expect("keys of twenty bytes")
}

impl Peer for MiniMoka {
    fn new(entries: usize) -> Self {
        Self(mini_moka::unsync::Cache::builder().max_capacity(entries as u64).time_to_live(HOUR).build())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.0.insert(array(key), value.into());
    }

    fn get(&mut self, key: &[u8]) -> usize {
        self.0.get(&array(key)).map_or(0, |value| read(value))
    }

    fn del(&mut self, key: &[u8]) {
        self.0.invalidate(&array(key));
    }
}

pub struct Foyer(foyer_memory::Cache<Box<[u8]>, Timed>);

impl Peer for Foyer {
    fn new(entries: usize) -> Self {
        Self(foyer_memory::Cache::builder(entries).build())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.0.insert(key.into(), timed(value));
    }

    fn get(&mut self, key: &[u8]) -> usize {
        alive(self.0.get(key).as_ref().map(|entry| entry.value()))
    }

    fn del(&mut self, key: &[u8]) {
        self.0.remove(key);
    }
}

pub struct Lru(lru::LruCache<Box<[u8]>, Timed>);

impl Peer for Lru {
    fn new(entries: usize) -> Self {
        Self(lru::LruCache::new(entries.try_into().expect("some")))
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.0.put(key.into(), timed(value));
    }

    fn get(&mut self, key: &[u8]) -> usize {
        alive(self.0.get(key))
    }

    fn del(&mut self, key: &[u8]) {
        self.0.pop(key);
    }
}

pub struct Cached(cached::LruTtlCache<Box<[u8]>, Box<[u8]>>);

impl Peer for Cached {
    fn new(entries: usize) -> Self {
        Self(cached::LruTtlCache::builder().max_size(entries).ttl(HOUR).build().expect("size and span are given"))
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        cached::Cached::cache_set(&mut self.0, key.into(), value.into());
    }

    fn get(&mut self, key: &[u8]) -> usize {
        cached::Cached::cache_get(&mut self.0, key).map_or(0, |value| read(value))
    }

    fn del(&mut self, key: &[u8]) {
        let _ = cached::Cached::cache_remove(&mut self.0, key);
    }
}

pub struct Hashbrown(hashbrown::HashMap<Box<[u8]>, Timed>);

impl Peer for Hashbrown {
    fn new(_: usize) -> Self {
        Self(hashbrown::HashMap::new())
    }

    fn set(&mut self, key: &[u8], value: &[u8]) {
        self.0.insert(key.into(), timed(value));
    }

    fn get(&mut self, key: &[u8]) -> usize {
        alive(self.0.get(key))
    }

    fn del(&mut self, key: &[u8]) {
        self.0.remove(key);
    }
}
