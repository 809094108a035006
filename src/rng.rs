//! The engine's randomness: a small generator whose seed the shell draws, so that (seed, now, bytes) decide everything.

/// SplitMix64 (Steele, Lea, Flood 2014): 64 bits of state, every output reached once a period. Not for secrets.
#[derive(Clone, Copy, Debug)]
pub struct Rng(u64);

impl Rng {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `0..bound`, near enough to uniform for sampling (bias below 2^-32 for bounds below 2^32); 0 where bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.draw()).wrapping_mul(u128::from(bound))) >> 64) as u64
    }
}
