//! A snapshot: all databases as one run of bytes, in the form of Redis's RDB files. What replicas begin with.
//!
//! ```text
//!   ┌─────────┬─────────┬───────────┬──────────────────────────────────────────────┬─────┬────────┐
//!   │ "REDIS" │ version │ remarks   │ database: number, sizes, keys                │ end │ CRC-64 │
//!   │ 5       │ 4 digits│ FA name … │ FE …  FB …  ([FC deadline] type key value) … │ FF  │ 8      │
//!   └─────────┴─────────┴───────────┴──────────────────────────────────────────────┴─────┴────────┘
//! ```

use crate::keyspace::Keyspace;
use crate::rdb::{self, Out};
use crate::value::OutOfMemory;
use alloc::format;
use alloc::vec::Vec;

/// What stands in front of what follows.
mod mark {
    pub const REMARK: u8 = 0xfa;
    pub const SIZES: u8 = 0xfb;
    pub const DEADLINE_MS: u8 = 0xfc;
    pub const DATABASE: u8 = 0xfe;
    pub const END: u8 = 0xff;
}

/// All keys that are alive, with their values and deadlines. O(all data).
///
/// # Errors
/// Where there is no memory for it.
pub fn save(keys: &mut Keyspace) -> Result<Vec<u8>, OutOfMemory> {
    let mut out = Out::default();
    out.put(format!("REDIS{:04}", rdb::VERSION).as_bytes());
    remark(&mut out, "redis-ver", crate::command::REDIS_VERSION.as_bytes());
    remark(&mut out, "redis-bits", b"64");
    remark(&mut out, "ctime", crate::effects::decimal(keys.now() / 1000).as_slice());
    let mut newer = false;
    for index in 0..keys.databases() {
        newer |= keys.within(index, |keys| database(&mut out, index, keys));
    }
    out.put(&[mark::END]);
    if newer {
        out.patch(5, format!("{:04}", rdb::NEWEST).as_bytes());
    }
    rdb::checksum(&mut out);
    out.finish()
}

fn remark(out: &mut Out, name: &str, text: &[u8]) {
    out.put(&[mark::REMARK]);
    out.string(name.as_bytes());
    out.string(text);
}

/// One database; whether it holds what only the newest version can say.
fn database(out: &mut Out, index: usize, keys: &mut Keyspace) -> bool {
    if keys.is_empty() {
        return false;
    }
    out.put(&[mark::DATABASE]);
    out.length(index as u64);
    out.put(&[mark::SIZES]);
    out.length(keys.len() as u64);
    out.length(keys.expires() as u64);
    let mut newer = false;
    for (key, value, deadline) in keys.states() {
        if let Some(deadline) = deadline {
            out.put(&[mark::DEADLINE_MS]);
            out.put(&deadline.to_le_bytes());
        }
        newer |= rdb::save_named(out, key, &value);
    }
    newer
}
