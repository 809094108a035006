//! SHA-256 (FIPS 180-4), for passwords: users keep their hashes only.

/// The first 32 bits behind the point of the cube roots of the first 64 primes.
const ROUNDS: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// The same of the square roots of the first eight.
const START: [u32; 8] = [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

fn block(state: &mut [u32; 8], bytes: &[u8; 64]) {
    // The last sixteen words of the schedule, the oldest first.
    let mut words = [0u32; 16];
    for (word, four) in words.iter_mut().zip(bytes.as_chunks::<4>().0) {
        *word = u32::from_be_bytes(*four);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
    for round in ROUNDS {
        let [word, next, .., w9, _, _, _, _, w14, _] = words;
        let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = (e & f) ^ (!e & g);
        let one = h.wrapping_add(s1).wrapping_add(choice).wrapping_add(round).wrapping_add(word);
        let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let two = s0.wrapping_add((a & b) ^ (a & c) ^ (b & c));
        (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(one), c, b, a, one.wrapping_add(two));
        let low = next.rotate_right(7) ^ next.rotate_right(18) ^ (next >> 3);
        let high = w14.rotate_right(17) ^ w14.rotate_right(19) ^ (w14 >> 10);
        words.rotate_left(1);
        words[15] = word.wrapping_add(low).wrapping_add(w9).wrapping_add(high);
    }
    for (sum, part) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        *sum = sum.wrapping_add(part);
    }
}

/// The hash of some bytes in 64 hexadecimal digits, as users and their texts have it.
pub fn hex(bytes: &[u8]) -> [u8; 64] {
    let mut state = START;
    let (blocks, rest) = bytes.as_chunks::<64>();
    for bytes in blocks {
        block(&mut state, bytes);
    }
    // What is left, a one, zeros, and the length in bits.
    let mut last = [0u8; 64];
    for (to, from) in last.iter_mut().zip(rest.iter().chain([&0x80])) {
        *to = *from;
    }
    if rest.len() >= 56 {
        block(&mut state, &last);
        last = [0; 64];
    }
    if let Some(length) = last.last_chunk_mut() {
        *length = (bytes.len() as u64).wrapping_mul(8).to_be_bytes();
    }
    block(&mut state, &last);
    let mut digits = [0; 64];
    for (word, digits) in state.iter_mut().zip(digits.as_chunks_mut::<8>().0) {
        for digit in digits {
            *word = word.rotate_left(4);
            let value = *word as u8 & 15;
            *digit = if value < 10 { b'0'.wrapping_add(value) } else { b'W'.wrapping_add(value) };
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::hex;
    use alloc::string::String;
    use alloc::vec;

    /// Against coreutils' `sha256sum`.
    #[test]
    fn the_hashes_of_known_texts() {
        let of = |bytes: &[u8]| String::from_utf8(hex(bytes).to_vec()).unwrap();
        for (length, expected) in [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
            (55, "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"),
            (56, "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"),
            (64, "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"),
            (119, "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"),
        ] {
            assert_eq!(of(&vec![b'a'; length]), expected, "{length}");
        }
        assert_eq!(of(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
