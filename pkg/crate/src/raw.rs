//! Exports over plain numbers. Arguments lie in the area, results in its header; a returned number is a pointer, a code or an answer.
#![allow(clippy::missing_safety_doc)]

use crate::area::{self, Area};
use crate::placeholder::Store;
use core::cell::UnsafeCell;

struct Cache {
    store: Store,
    input: Vec<u8>,
    output: Vec<u8>,
}
struct Shared(UnsafeCell<Option<Cache>>);
// SAFETY: the module has one thread.
unsafe impl Sync for Shared {}
static CACHE: Shared = Shared(UnsafeCell::new(None));

fn cache() -> &'static mut Cache {
    // SAFETY: one thread, not re-entered.
    unsafe { &mut *CACHE.0.get() }.get_or_insert_with(|| Cache { store: Store::default(), input: Vec::new(), output: Vec::new() })
}

/// Address of the [`Area`].
#[unsafe(no_mangle)]
pub extern "C" fn area() -> *mut Area {
    area::address()
}

#[unsafe(no_mangle)]
pub extern "C" fn input(bytes: u32) -> *mut u8 {
    let input = &mut cache().input;
    input.clear();
    if input.try_reserve(bytes as usize).is_err() {
        return core::ptr::null_mut();
    }
    input.resize(bytes as usize, 0);
    input.as_mut_ptr()
}

#[unsafe(no_mangle)]
pub extern "C" fn execute(bytes: u32) -> *const u8 {
    let cache = cache();
    cache.output.clear();
    cache.store.execute(&cache.input[..bytes as usize], &mut cache.output);
    area::area().header.show(&cache.output);
    cache.output.as_ptr()
}

#[unsafe(no_mangle)]
pub extern "C" fn turn(now: f64) {
    cache().store.now = now as u64;
}

const MISS: u32 = 0;

#[unsafe(no_mangle)]
pub extern "C" fn get(key: u32) -> u32 {
    let area = area::area();
    match cache().store.get(area.key(key)) {
        Some(value) => area.header.show(value),
        None => MISS,
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn set(key: u32, value: u32, ttl: f64) -> u32 {
    let area = area::area();
    let store = &mut cache().store;
    let deadline = if ttl > 0.0 { store.now + ttl as u64 } else { u64::MAX };
    store.set(area.key(key), area.value(value), deadline);
    1
}

#[unsafe(no_mangle)]
pub extern "C" fn del(key: u32) -> u32 {
    u32::from(cache().store.del(area::area().key(key)))
}
