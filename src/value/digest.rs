//! XXH3 with 64 bits, no seed and the secret that everybody uses: what `DIGEST` tells of a string. The same number everywhere, as Redis has it.
//!
//! Up to 240 bytes are mixed sixteen by sixteen with parts of the secret; what is longer goes through eight sums, 64 bytes at a time, that are
//! stirred every 1024 bytes.

/// Sixty-four times three bytes of no meaning.
#[rustfmt::skip]
static SECRET: [u8; 192] = [
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c, 0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb,
    0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f, 0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c, 0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb,
    0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3, 0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d, 0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31,
    0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64, 0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e, 0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc,
    0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce, 0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
];

const P32: [u64; 3] = [0x9e37_79b1, 0x85eb_ca77, 0xc2b2_ae3d];
const P64: [u64; 5] =
    [0x9e37_79b1_85eb_ca87, 0xc2b2_ae3d_27d4_eb4f, 0x1656_67b1_9e37_79f9, 0x85eb_ca77_c2b2_ae63, 0x27d4_eb2f_1656_67c5];

/// The shortest string that is long.
const LONG: usize = 241;

fn word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u64::from_le_bytes(*word))
}

fn half(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u32::from_le_bytes(*word).into())
}

fn secret(at: usize) -> u64 {
    word(&SECRET, at)
}

/// Both halves of a product, put together.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a).wrapping_mul(b.into());
    product as u64 ^ (product >> 64) as u64
}

fn finish(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 37).wrapping_mul(0x1656_6791_9e37_79f9);
    hash ^ hash >> 32
}

/// The older ending, for the shortest.
fn finish_short(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 33).wrapping_mul(P64[1]);
    let hash = (hash ^ hash >> 29).wrapping_mul(P64[2]);
    hash ^ hash >> 32
}

/// Sixteen bytes with sixteen of the secret.
fn mix(bytes: &[u8], at: usize, with: usize) -> u64 {
    fold(word(bytes, at) ^ secret(with), word(bytes, at + 8) ^ secret(with + 8))
}

/// The digest of a string.
pub fn digest(bytes: &[u8]) -> u64 {
    let len = bytes.len();
    let size = len as u64;
    let mut sum = size.wrapping_mul(P64[0]);
    match len {
        0 => finish_short(secret(56) ^ secret(64)),
        1..4 => {
            // There is a byte at each of these places.
            let [first, middle, last] = [bytes[0], bytes[len / 2], bytes[len - 1]].map(u64::from);
            finish_short((first << 16 | middle << 24 | last | size << 8) ^ half(&SECRET, 0) ^ half(&SECRET, 4))
        }
        4..9 => {
            const BY: u64 = 0x9fb2_1c65_1e98_df25;
            let hash = half(bytes, len - 4).wrapping_add(half(bytes, 0) << 32) ^ secret(8) ^ secret(16);
            let hash = (hash ^ hash.rotate_left(49) ^ hash.rotate_left(24)).wrapping_mul(BY);
            let hash = (hash ^ (hash >> 35).wrapping_add(size)).wrapping_mul(BY);
            hash ^ hash >> 28
        }
        9..17 => {
            let low = word(bytes, 0) ^ secret(24) ^ secret(32);
            let high = word(bytes, len - 8) ^ secret(40) ^ secret(48);
            finish(size.wrapping_add(low.swap_bytes()).wrapping_add(high).wrapping_add(fold(low, high)))
        }
        17..129 => {
            for pair in 0..=(len - 1) / 32 {
                let here = mix(bytes, 16 * pair, 32 * pair);
                sum = sum.wrapping_add(here).wrapping_add(mix(bytes, len - 16 * (pair + 1), 32 * pair + 16));
            }
            finish(sum)
        }
        129..LONG => {
            for part in 0..len / 16 {
                sum = sum.wrapping_add(mix(bytes, 16 * part, if part < 8 { 16 * part } else { 16 * part - 125 }));
                if part == 7 {
                    sum = finish(sum);
                }
            }
            finish(sum.wrapping_add(mix(bytes, len - 16, 119)))
        }
        _ => long(bytes, sum),
    }
}

fn long(bytes: &[u8], start: u64) -> u64 {
    const STRIPE: usize = 64;
    const STRIPES_A_BLOCK: usize = 16;
    let mut sums = [P32[2], P64[0], P64[1], P64[2], P64[3], P32[1], P64[4], P32[0]];
    let add = |sums: &mut [u64; 8], at: usize, with: usize| {
        for lane in 0..8 {
            let data = word(bytes, at + 8 * lane);
            let key = data ^ secret(with + 8 * lane);
            sums[lane ^ 1] = sums[lane ^ 1].wrapping_add(data);
            sums[lane] = sums[lane].wrapping_add((key & 0xffff_ffff).wrapping_mul(key >> 32));
        }
    };
    for stripe in 0..(bytes.len() - 1) / STRIPE {
        let place = stripe % STRIPES_A_BLOCK;
        add(&mut sums, STRIPE * stripe, 8 * place);
        // A block that ends where the string does is not stirred.
        if place == STRIPES_A_BLOCK - 1 {
            for (lane, sum) in sums.iter_mut().enumerate() {
                *sum = (*sum ^ *sum >> 47 ^ secret(128 + 8 * lane)).wrapping_mul(P32[0]);
            }
        }
    }
    add(&mut sums, bytes.len() - STRIPE, 121);
    finish((0..4).fold(start, |sum, pair| {
        sum.wrapping_add(fold(sums[2 * pair] ^ secret(11 + 16 * pair), sums[2 * pair + 1] ^ secret(19 + 16 * pair)))
    }))
}

/// A digest as it is written: sixteen hexadecimal digits.
pub fn hexadecimal(digest: u64) -> [u8; 16] {
    core::array::from_fn(|at| {
        let digit = (digest >> (60 - 4 * at)) as u8 & 15;
        if digit < 10 { b'0' + digit } else { b'a' - 10 + digit }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// What the reference implementation says of strings of every kind of length.
    #[rustfmt::skip]
    const KNOWN: [(usize, u64); 42] = [
        (0, 0x2d06800538d394c2), (1, 0xc44bdff4074eecdb), (2, 0x9093381c8763d62e), (3, 0xc3489259e968ad9e), (4, 0xd3d60c1519014e89),
        (5, 0x559935c0f3f7327f), (7, 0x0ffc4827844c63a6), (8, 0xb88dee77f6bf6980), (9, 0x03688dcad730d826), (12, 0x305c5bae3681d0e0),
        (16, 0x9da23836adf2be1e), (17, 0xf34c3c9cf5a112d1), (31, 0x1c67766271b95c64), (32, 0x99cb9ad0f1a11fbe), (33, 0xc077b45492d29cde),
        (64, 0x6efb76ff16f37561), (65, 0x2640848e9137156b), (96, 0x764d2d5db92942df), (97, 0x077acb7e5f4fd940), (128, 0x65f3c2c00fa93185),
        (129, 0x28065c6ec25f5b25), (143, 0x2a0cabb0c54e9ca6), (144, 0x600e8d345ff9620d), (160, 0xcc592da68fea2254), (200, 0x7c64f3b17285e96a),
        (239, 0x6ce0b13191e635ea), (240, 0x4917a75c0ef8eed7), (241, 0x541b19226f0052e8), (255, 0x99b37c2c806e33d3), (256, 0xff5a1cefade75bb9),
        (257, 0x84eb2acdd4c7b1a1), (320, 0xa1de328cc060b895), (512, 0xe0410eb388a9c9fa), (1023, 0x3d31fcc1037648a4), (1024, 0x71bee625238addb4),
        (1025, 0xd9b414f4e1bbf7ad), (1087, 0x447e484994151cb5), (1088, 0xb74e423e955e509d), (1089, 0x6acaa6909cdbe786), (2048, 0x3293e8238bd8f743),
        (2049, 0x922549b11c04c2eb), (3000, 0xf8b5749ec75008ab),
    ];

    #[test]
    fn it_is_the_one_that_everybody_computes() {
        assert_eq!(hexadecimal(digest(b"Hello world")), *b"b6acb9d84a38ff74");
        let bytes: Vec<u8> = (0..3000usize).map(|at| (at * 7 + at / 256) as u8).collect();
        for (len, known) in KNOWN {
            assert_eq!(digest(&bytes[..len]), known, "{len}");
        }
    }
}
