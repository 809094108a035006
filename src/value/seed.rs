//! The hash of keys, fields and members: keyed by a seed that the shell draws, so that nobody outside can aim for collisions.
//!
//! The function is a universal hash (NH, as in the UMAC message code) with a mixing step behind it. Every eight bytes of input are
//! two 32-bit halves; each half gets a secret word added, and the two sums are multiplied into 64 bits:
//!
//! ```text
//!   input   | a  b | c  d | e  f | g  h |        32 bytes a block; the last 16 bytes of an input are read
//!   secret  | k0 k1| k2 k3| k4 k5| k6 k7|        backwards from its end and may overlap what went before
//!   sum     (a+k0)(b+k1) + (c+k2)(d+k3) + (e+k4)(f+k5) + (g+k6)(h+k7)
//! ```
//!
//! Two different inputs of up to 32 bytes get the same sum for about one secret in 2^32 at most, *whichever* inputs somebody picks without
//! having seen hashes: this is proven, not hoped for, and it is what a table needs against chosen keys. Longer inputs chain blocks
//! through a one-to-one step. The last step is one-to-one too, so it adds no collisions; it spreads the sum over all 64 bits, and
//! tables may take their slot from either end.
//!
//! Why not a crate: a 64 x 64 -> 128 bit product is one instruction on x86-64, but four multiplications and carries in WebAssembly,
//! where it costs more than SipHash. One 32 x 32 -> 64 product is one cheap instruction on both. Measured with keys of 18 / 40 /
//! 10 to 40 bytes, each hash waiting for the one before it, in nanoseconds (x86-64, and wasm32 in Node 20 on the same machine):
//!
//! | | native | wasm |
//! |---|---|---|
//! | this | 6.5 / 9.0 / 7.1 | 7.5 / 10.3 / 8.4 |
//! | rapidhash 4 nano, secrets from the seed | 5.8 / 7.4 / 5.8 | 15.9 / 19.7 / 16.2 |
//! | SipHash-1-3 | 10.4 / 14.8 / 10.9 | 12.8 / 15.8 / 13.1 |
//!
//! foldhash was left out: one of its two secrets is either fixed for the process or known to all, and the known one can be aimed at.

/// Secret of the hash function. Two engines with the same seed behave the same, natively and in WebAssembly.
#[derive(Clone, Copy, Debug)]
pub struct Seed {
    secret: [u64; 4],
}

/// The odd number nearest to 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Seed {
    /// Stretches 64 bits, which should come from the host's source of randomness, to the secret of the hash.
    pub const fn new(seed: u64) -> Self {
        let a = mix(seed.wrapping_add(GOLDEN));
        let b = mix(a.wrapping_add(GOLDEN));
        let c = mix(b.wrapping_add(GOLDEN));
        let d = mix(c.wrapping_add(GOLDEN));
        Self { secret: [a, b, c, d] }
    }

    /// The hash of `bytes`: all 64 bits are well mixed. O(N), about 6 ns for a key of 18 bytes.
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    #[cfg_attr(target_family = "wasm", inline)]
    pub fn hash(self, bytes: &[u8]) -> u64 {
        let [s0, s1, ..] = self.secret;
        let len = bytes.len();
        // The overlapping reads below show the input but not its length.
        let mut sum = (len as u64).wrapping_mul(GOLDEN);
        if len <= 16 {
            let words = match len {
                8.. => [word(bytes, 0), word(bytes, len - 8)],
                4.. => [half(bytes, 0) | half(bytes, len - 4) << 32, 0],
                1.. => [byte(bytes, 0) | byte(bytes, len / 2) << 8 | byte(bytes, len - 1) << 16, 0],
                0 => [0, 0],
            };
            return mix(sum.wrapping_add(two_products(words, [s0, s1])));
        }
        if len <= 32
            && let (Some(front), Some(back)) = (bytes.first_chunk::<16>(), bytes.last_chunk::<16>())
        {
            // What the general way below does with such a length, in half of the instructions.
            let words = [word(front, 0), word(front, 8), word(back, 0), word(back, 8)];
            return mix(sum.wrapping_add(four_products(words, self.secret)));
        }
        let mut at = 0;
        while len - at > 32 {
            let words = [word(bytes, at), word(bytes, at + 8), word(bytes, at + 16), word(bytes, at + 24)];
            sum = sum.wrapping_add(four_products(words, self.secret));
            sum = sum.wrapping_mul(GOLDEN).rotate_left(32);
            at += 32;
        }
        // 1 to 32 bytes are left. With 16 or fewer of them (only after a whole block) all four words are read from the end.
        let front = if len - at > 16 { at } else { len - 32 };
        let words = [word(bytes, front), word(bytes, front + 8), word(bytes, len - 16), word(bytes, len - 8)];
        mix(sum.wrapping_add(four_products(words, self.secret)))
    }
}

impl Default for Seed {
    /// A fixed seed, for tests: no protection.
    fn default() -> Self {
        Self::new(0)
    }
}

/// The sum of four products, `(low half of word + low half of secret) * (the same of the high halves)`: the sums in parentheses wrap at 32 bits, the
/// products cannot wrap.
#[cfg(any(not(target_arch = "x86_64"), miri))]
#[inline(always)]
fn four_products([a, b, c, d]: [u64; 4], [s0, s1, s2, s3]: [u64; 4]) -> u64 {
    two_products([a, b], [s0, s1]).wrapping_add(two_products([c, d], [s2, s3]))
}

#[cfg(any(not(target_arch = "x86_64"), miri))]
#[inline(always)]
fn two_products([a, b]: [u64; 2], [s0, s1]: [u64; 2]) -> u64 {
    product(a, s0).wrapping_add(product(b, s1))
}

#[cfg(any(not(target_arch = "x86_64"), miri, test))]
#[inline(always)]
fn product(word: u64, secret: u64) -> u64 {
    let low = (word as u32).wrapping_add(secret as u32);
    let high = ((word >> 32) as u32).wrapping_add((secret >> 32) as u32);
    low as u64 * high as u64
}

/// The same with the registers of 16 bytes that every x86-64 has, whose multiplication is just this one: a third of the instructions.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn four_products([a, b, c, d]: [u64; 4], [s0, s1, s2, s3]: [u64; 4]) -> u64 {
    use core::arch::x86_64::_mm_add_epi64;
    // SAFETY: SSE2 is part of x86-64; no pointer is involved.
    unsafe { both(_mm_add_epi64(lanes([a, b], [s0, s1]), lanes([c, d], [s2, s3]))) }
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn two_products(words: [u64; 2], secrets: [u64; 2]) -> u64 {
    both(lanes(words, secrets))
}

/// Two products side by side.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn lanes([a, b]: [u64; 2], [s, t]: [u64; 2]) -> core::arch::x86_64::__m128i {
    use core::arch::x86_64::*;
    // SAFETY: as above.
    unsafe {
        let sums = _mm_add_epi32(_mm_set_epi64x(b as i64, a as i64), _mm_set_epi64x(t as i64, s as i64));
        _mm_mul_epu32(sums, _mm_srli_epi64::<32>(sums))
    }
}

/// The sum of both halves.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
fn both(lanes: core::arch::x86_64::__m128i) -> u64 {
    use core::arch::x86_64::*;
    // SAFETY: as above.
    unsafe { _mm_cvtsi128_si64(_mm_add_epi64(lanes, _mm_unpackhi_epi64(lanes, lanes))) as u64 }
}

/// A one-to-one map that lets every bit of `x` reach every bit of the result (the finish of SplitMix64).
#[inline(always)]
const fn mix(mut x: u64) -> u64 {
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

// The readers below are only called within bounds; the compiler sees that after inlining and leaves the fallback out.

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(<[u8]>::first_chunk).map_or(0, |b| u64::from_le_bytes(*b))
}

#[inline(always)]
fn half(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 4).and_then(<[u8]>::first_chunk).map_or(0, |b| u64::from(u32::from_le_bytes(*b)))
}

#[inline(always)]
fn byte(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at).map_or(0, |b| u64::from(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::string::String;
    use alloc::vec;
    use alloc::vec::Vec;

    /// Chi-square of `keys` over 1024 buckets taken from the low and from the high end of the hash.
    fn spread(seed: Seed, keys: &[String]) -> [f64; 2] {
        [0, 54].map(|shift| {
            let mut buckets = vec![0u32; 1024];
            for key in keys {
                buckets[(seed.hash(key.as_bytes()) >> shift & 1023) as usize] += 1;
            }
            let mean = keys.len() as f64 / 1024.0;
            buckets.iter().map(|n| (f64::from(*n) - mean).powi(2) / mean).sum()
        })
    }

    #[test]
    fn products_are_the_same_however_they_are_made() {
        for at in 0..1000u64 {
            let [words, secrets] = [at, !at].map(|from| [0, 1, 2, 3].map(|nth| mix(from.wrapping_mul(4).wrapping_add(nth))));
            let all = (0..4).map(|nth| product(words[nth], secrets[nth]));
            assert_eq!(four_products(words, secrets), all.clone().fold(0, u64::wrapping_add));
            let [a, b, ..] = words;
            let [s, t, ..] = secrets;
            assert_eq!(two_products([a, b], [s, t]), all.take(2).fold(0, u64::wrapping_add));
        }
    }

    #[test]
    fn every_length_and_every_byte_counts() {
        let seed = Seed::new(7);
        let longest = if cfg!(miri) { 70 } else { 200 };
        let mut seen = Vec::new();
        for len in 0..longest {
            let mut bytes = vec![0u8; len];
            seen.push(seed.hash(&bytes));
            for at in 0..len {
                bytes[at] = 1;
                seen.push(seed.hash(&bytes));
                bytes[at] = 0x80;
                seen.push(seed.hash(&bytes));
                bytes[at] = 0;
            }
        }
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all);
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn counted_names_spread_evenly_at_both_ends() {
        let shapes: [fn(u32) -> String; 6] = [
            |n| format!("{n}"),
            |n| format!("user:{n}"),
            |n| format!("user:{n:08}:profile"),
            |n| format!("{:024b}", n),
            |n| format!("session:{n:032x}"),
            |n| format!("{n:08x}:a rather long tail that all the names have in common, to the very last"),
        ];
        for shape in shapes {
            let keys: Vec<String> = (0..20_000).map(shape).collect();
            for seed in 0..8 {
                for chi in spread(Seed::new(seed), &keys) {
                    // 1023 degrees of freedom: mean 1023, standard deviation 45.
                    assert!((780.0..1270.0).contains(&chi), "{} seed {seed}: {chi}", keys[0]);
                }
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore)]
    fn one_flipped_bit_flips_half_of_the_hash() {
        for len in [1usize, 3, 6, 8, 13, 18, 32, 40, 70] {
            for bit in 0..len * 8 {
                let mut flips = [0u32; 64];
                for trial in 0..512u64 {
                    let mut bytes: Vec<u8> = (0..len as u64).map(|i| mix(trial << 8 | i) as u8).collect();
                    let seed = Seed::new(trial);
                    let before = seed.hash(&bytes);
                    bytes[bit / 8] ^= 1 << (bit % 8);
                    let changed = before ^ seed.hash(&bytes);
                    for (out, n) in flips.iter_mut().enumerate() {
                        *n += (changed >> out & 1) as u32;
                    }
                }
                for n in flips {
                    assert!((180..332).contains(&n), "len {len} bit {bit}: {n} of 512");
                }
            }
        }
    }

    #[test]
    fn a_seed_decides_the_hash() {
        // Written down, so that native and wasm, little and big endian, today and tomorrow give the same order of a SCAN.
        let written = [
            (&b""[..], 0x6db1_adc1_dd88_1bcb),
            (&b"k"[..], 0x64e2_a194_5e0c_3217),
            (&b"hello"[..], 0x47d1_ada6_2362_cabd),
            (&b"foo:12345"[..], 0xcfeb_9af2_3f50_dcd4),
            (&b"user:123456:profile"[..], 0xc84e_7570_6025_91c5),
            (&b"a name longer than one whole block of 32 bytes"[..], 0x03da_0d04_27aa_d46b),
        ];
        for (key, hash) in written {
            assert_eq!(Seed::new(1).hash(key), hash);
            assert_ne!(Seed::new(2).hash(key), hash);
        }
    }
}
