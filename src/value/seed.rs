//! The hash of keys, fields and members: keyed by a seed that the shell draws, so that nobody outside can aim for collisions.

/// Key of the hash function. Two engines with the same seed behave the same.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seed(u64);

impl Seed {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }
}
