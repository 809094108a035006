//! Redis's RDB form of values: what `DUMP` gives, `RESTORE` takes, and snapshots are made of. Bytes in and out: no keys, no files.
//!
//! ```text
//!   ┌──────┬──────────────────────────┬─────────┬──────────┐
//!   │ type │ value, as the type says  │ version │ CRC-64   │   the last two close a payload of DUMP, least byte first
//!   │ 1    │                          │ 2       │ 8        │
//!   └──────┴──────────────────────────┴─────────┴──────────┘
//! ```
//!
//! Read is every form that Redis wrote from 2.0 to 8.0: plain ones (a count, then strings), and collections that lie in one string as Redis keeps
//! them in memory (listpack, and before it ziplist, zipmap, intset). Written are those of Redis 7.0 that take the least code: lists and sets
//! plain, hashes and sorted sets plain or as a listpack according to how they are kept (so that they are kept so where they arrive), streams as
//! listpacks because there is no other way. Strings are not compressed, but compressed ones are read.
//!
//! A payload may come from anywhere. No length in it is believed: memory is taken for bytes that are there, every value is built by the same calls
//! that commands use, and what contradicts itself is [`Refusal::Damaged`].

mod crc64;
#[cfg(feature = "tier-core")]
pub(crate) use crc64::crc64;
mod elements;
mod listpack;
mod load;
mod lzf;
mod read;
mod save;
mod stream;

pub use load::load;
pub use read::Reader;
pub use save::{Out, save, save_named};

use crate::keyspace::{Value, ValueRef};
use crate::value::{Env, OutOfMemory};
use alloc::vec::Vec;

/// The version that is written: Redis 7.0's.
pub const VERSION: u16 = 10;

/// The newest version whose forms of values are known: Redis 7.4's. It is written where a hash has fields with deadlines, which are in no other.
pub const NEWEST: u16 = 12;

/// Bytes behind the value in a payload: version and checksum.
const FOOTER: usize = 10;

/// Why bytes do not become a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Another version, or not what was written.
    Checksum,
    /// Not a value.
    Damaged,
    /// No memory for it.
    Memory,
}

/// What reading gives.
pub type Result<T> = core::result::Result<T, Refusal>;

/// The numbers of the types, as far as they are written.
mod kind {
    pub const STRING: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    pub const HASH: u8 = 4;
    pub const ZSET_2: u8 = 5;
    pub const HASH_LISTPACK: u8 = 16;
    pub const ZSET_LISTPACK: u8 = 17;
    pub const STREAM_LISTPACKS_2: u8 = 19;
    pub const HASH_METADATA: u8 = 24;
}

/// The payload of a value, as `DUMP` answers it.
///
/// # Errors
/// Where there is no memory for it.
pub fn dump(value: &ValueRef<'_>) -> core::result::Result<Vec<u8>, OutOfMemory> {
    let mut out = Out::default();
    save(&mut out, value);
    let newer = out.bytes().first() == Some(&kind::HASH_METADATA);
    seal(&mut out, if newer { NEWEST } else { VERSION });
    out.finish()
}

/// Makes a type and a value into a payload.
pub fn seal(out: &mut Out, version: u16) {
    out.put(&version.to_le_bytes());
    checksum(out);
}

/// Appends the checksum of what there is.
pub fn checksum(out: &mut Out) {
    let sum = crc64::crc64(out.bytes());
    out.put(&sum.to_le_bytes());
}

/// The value of a payload. `spare` is how many bytes decompression may make of it.
///
/// # Errors
/// Every [`Refusal`].
pub fn restore(payload: &[u8], env: &Env, spare: u64) -> Result<Value> {
    let (value, footer) = payload.split_last_chunk::<FOOTER>().ok_or(Refusal::Checksum)?;
    let [low, high, sum @ ..] = *footer;
    let summed = payload.get(..payload.len().saturating_sub(sum.len())).unwrap_or_default();
    if u16::from_le_bytes([low, high]) > NEWEST || crc64::crc64(summed) != u64::from_le_bytes(sum) {
        return Err(Refusal::Checksum);
    }
    let mut reader = Reader::new(value, spare);
    let value = load(&mut reader, env);
    match reader.fault {
        None => value.ok_or(Refusal::Damaged),
        Some(why) => Err(why),
    }
}
