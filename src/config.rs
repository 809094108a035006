//! Parameters, with redis.conf's names.

use crate::keyspace::Class;
use alloc::vec::Vec;

/// What `CONFIG` reads and writes.
#[derive(Clone, Debug)]
pub struct Config {
    pub databases: usize,
    pub maxmemory: u64,
    pub requirepass: Vec<u8>,
    pub proto_max_bulk_len: u64,
    pub notify_keyspace_events: Class,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            databases: 16,
            maxmemory: 0,
            requirepass: Vec::new(),
            proto_max_bulk_len: 512 * 1024 * 1024,
            notify_keyspace_events: Class::NONE,
        }
    }
}
