//! The least that a string cache in WebAssembly can do: one index of 8-byte slots, one allocation an entry, a deadline looked at and a clock bit
//! set by every read. No types, no eviction, no ledger, no events, no errors, a table that never grows. `cargo xtask bench js` holds cachette's GET
//! and SET against it: the difference is what a whole engine costs on top.

use cachette::value::seed::Seed;
use std::ptr;

/// Slots of the index; a power of two.
const SLOTS: usize = 1 << 19;
const KEY_ROOM: usize = 256;
const VALUE_ROOM: usize = 1 << 16;

struct Slot {
    tag: u32,
    entry: *mut Entry,
}

/// The head of an entry; key and value lie behind it.
#[repr(C)]
struct Entry {
    deadline: f64,
    value_len: u32,
    key_len: u16,
    used: u8,
}

struct Store {
    slots: Vec<Slot>,
    seed: Seed,
    now: f64,
    key: [u8; KEY_ROOM],
    value: [u8; VALUE_ROOM],
    length: u32,
}

static mut STORE: *mut Store = ptr::null_mut();

fn store() -> &'static mut Store {
    // SAFETY: the module has one thread, and `start` was called first.
    unsafe { &mut *STORE }
}

/// Makes the store; returns the address of the room for keys. Values go `KEY_ROOM` bytes behind, the length of a value read is said behind those.
#[unsafe(no_mangle)]
pub extern "C" fn start(seed: f64) -> *const u8 {
    let slots = (0..SLOTS).map(|_| Slot { tag: 0, entry: ptr::null_mut() }).collect();
    let store = Box::leak(Box::new(Store {
        slots,
        seed: Seed::new(seed.to_bits()),
        now: 0.0,
        key: [0; KEY_ROOM],
        value: [0; VALUE_ROOM],
        length: 0,
    }));
    // SAFETY: as above.
    unsafe { STORE = store };
    store.key.as_ptr()
}

/// Address of the length of the value that `get` found.
#[unsafe(no_mangle)]
pub extern "C" fn length_at() -> *const u32 {
    &raw const store().length
}

/// Address of the room for values.
#[unsafe(no_mangle)]
pub extern "C" fn value_at() -> *const u8 {
    store().value.as_ptr()
}

#[unsafe(no_mangle)]
pub extern "C" fn turn(now: f64) {
    store().now = now;
}

impl Store {
    fn find(&self, key: &[u8]) -> (usize, u32, bool) {
        let hash = self.seed.hash(key);
        let (mut at, tag) = (hash as usize & (SLOTS - 1), (hash >> 32) as u32);
        loop {
            let slot = &self.slots[at];
            if slot.entry.is_null() {
                return (at, tag, false);
            }
            // SAFETY: an entry lives as long as its slot.
            if slot.tag == tag && same(unsafe { key_of(slot.entry) }, key) {
                return (at, tag, true);
            }
            at = (at + 1) & (SLOTS - 1);
        }
    }
}

fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() || a.len() < 8 {
        return a == b;
    }
    let words = a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0);
    a.last_chunk::<8>() == b.last_chunk::<8>() && { words }.all(|(a, b)| u64::from_le_bytes(*a) == u64::from_le_bytes(*b))
}

/// # Safety
/// The entry is live.
unsafe fn key_of<'a>(entry: *mut Entry) -> &'a [u8] {
    // SAFETY: `set` wrote so many bytes there.
    unsafe { std::slice::from_raw_parts(entry.add(1).cast(), usize::from((*entry).key_len)) }
}

/// # Safety
/// The entry is live.
unsafe fn value_of(entry: *mut Entry) -> *mut u8 {
    // SAFETY: it lies behind the key.
    unsafe { entry.add(1).cast::<u8>().add(usize::from((*entry).key_len)) }
}

/// The address of the value, 0 if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn get(key_len: u32) -> *const u8 {
    let store = store();
    let (at, _, found) = store.find(&store.key[..key_len as usize]);
    if !found {
        return ptr::null();
    }
    let entry = store.slots[at].entry;
    // SAFETY: the entry lives as long as its slot.
    unsafe {
        if (*entry).deadline < store.now {
            return ptr::null();
        }
        (*entry).used = 1;
        store.length = (*entry).value_len;
        value_of(entry)
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn set(key_len: u32, value_len: u32, ttl: f64) {
    let store = store();
    let deadline = store.now + ttl;
    let (key, value) = (&store.key[..key_len as usize], &store.value[..value_len as usize]);
    let (at, tag, found) = store.find(key);
    // SAFETY: an entry is as large as `bytes` says for its key and value, and lives until it is replaced.
    unsafe {
        if found && (*store.slots[at].entry).value_len == value_len {
            let entry = store.slots[at].entry;
            (*entry).deadline = deadline;
            ptr::copy_nonoverlapping(value.as_ptr(), value_of(entry), value.len());
            return;
        }
        let bytes = |entry: &Entry| size_of::<Entry>() + usize::from(entry.key_len) + entry.value_len as usize;
        let layout = |entry: &Entry| std::alloc::Layout::from_size_align_unchecked(bytes(entry), 8);
        let head = Entry { deadline, value_len, key_len: key_len as u16, used: 0 };
        let entry = std::alloc::alloc(layout(&head)).cast::<Entry>();
        entry.write(head);
        ptr::copy_nonoverlapping(key.as_ptr(), entry.add(1).cast(), key.len());
        ptr::copy_nonoverlapping(value.as_ptr(), value_of(entry), value.len());
        let old = std::mem::replace(&mut store.slots[at], Slot { tag, entry });
        if found {
            std::alloc::dealloc(old.entry.cast(), layout(&*old.entry));
        }
    }
}
