//! Data structures: no keys, no error wording, no clock, no randomness of their own.

pub mod bits;
pub mod blob;
pub mod digest;
pub mod geo;
pub mod hash;
pub mod hyperloglog;
mod intset;
pub mod list;
pub mod near;
pub mod packed;
pub mod rank_tree;
pub mod sample;
pub mod seed;
pub mod set;
pub mod sort;
pub mod stream;
pub mod string;
pub mod table;
pub mod zset;

/// Sizes at which a collection leaves its packed form, with Redis's parameter names and defaults.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `list-max-listpack-size`: positive = entries a node, -1..-5 = 4, 8, 16, 32, 64 KiB a node.
    pub list_max_listpack_size: i32,
    pub hash_max_listpack_entries: usize,
    pub hash_max_listpack_value: usize,
    pub set_max_intset_entries: usize,
    pub zset_max_listpack_entries: usize,
    pub zset_max_listpack_value: usize,
    /// `hll-sparse-max-bytes`: bytes at which a HyperLogLog becomes dense.
    pub hll_sparse_max_bytes: u64,
    /// `stream-node-max-bytes`: bytes a block of a stream, as Redis counts them; 0 = no limit.
    pub stream_node_max_bytes: u64,
    /// `stream-node-max-entries`: entries a block of a stream; 0 = no limit.
    pub stream_node_max_entries: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            list_max_listpack_size: -2,
            hash_max_listpack_entries: 512,
            hash_max_listpack_value: 64,
            set_max_intset_entries: 512,
            zset_max_listpack_entries: 128,
            zset_max_listpack_value: 64,
            hll_sparse_max_bytes: 3000,
            stream_node_max_bytes: 4096,
            stream_node_max_entries: 100,
        }
    }
}

/// What a collection needs from outside to work: the seed of its hashes and the limits of its packed form.
#[derive(Clone, Copy, Debug, Default)]
pub struct Env {
    pub seed: seed::Seed,
    pub limits: Limits,
}

/// The allocator refused: nothing was changed by the call that returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

impl From<alloc::collections::TryReserveError> for OutOfMemory {
    fn from(_: alloc::collections::TryReserveError) -> Self {
        Self
    }
}

/// A collection kept under one key.
pub trait Collection {
    /// Heap bytes owned by the value, the value's own struct not included. O(1).
    fn memory(&self) -> usize;
    /// Number of elements. O(1).
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Redis's name of the present encoding, as `OBJECT ENCODING` prints it.
    fn encoding(&self) -> &'static str;
    /// When the next of the elements is due (ms) that have a deadline of their own: early at times, never late. O(1).
    fn next_due(&self) -> Option<u64> {
        None
    }
}
