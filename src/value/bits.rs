//! Strings as arrays of bits, bit 0 being the highest of byte 0.

/// How many bits of `bytes` are set. O(N), eight bytes at a time.
pub fn count(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let in_words: u64 = words.iter().map(|word| u64::from(u64::from_ne_bytes(*word).count_ones())).sum();
    let in_rest: u64 = rest.iter().map(|byte| u64::from(byte.count_ones())).sum();
    in_words.wrapping_add(in_rest)
}

/// How many bits from `first` to `last`, both included and within the string, are set.
pub fn count_range(bytes: &[u8], first: u64, last: u64) -> u64 {
    let (from, to) = (byte_of(first), byte_of(last));
    let Some(range) = bytes.get(from..=to) else { return 0 };
    let outside = u64::from((head(first) & at(bytes, from)).count_ones())
        .wrapping_add(u64::from((tail(last) & at(bytes, to)).count_ones()));
    count(range).wrapping_sub(outside)
}

/// The first bit of this kind from `first` to `last`, both included and within the string. O(N), eight bytes at a time.
pub fn position(bytes: &[u8], bit: bool, first: u64, last: u64) -> Option<u64> {
    let (from, to) = (byte_of(first), byte_of(last));
    let skip = if bit { 0x00 } else { 0xff };
    let masked = |index: usize| {
        let outside = if index == from { head(first) } else { 0 } | if index == to { tail(last) } else { 0 };
        let byte = at(bytes, index);
        // Bits outside the range look like those that are not looked for.
        if bit { byte & !outside } else { byte | outside }
    };
    let mut index = from;
    while index <= to {
        let word = bytes.get(index..).and_then(<[u8]>::first_chunk::<8>);
        let inside = index > from && index.checked_add(8).is_some_and(|next| next <= to);
        if inside && word.is_some_and(|word| *word == [skip; 8]) {
            index = index.saturating_add(8);
            continue;
        }
        let byte = masked(index);
        if byte != skip {
            let within = if bit { byte.leading_zeros() } else { byte.leading_ones() };
            return Some((index as u64).wrapping_mul(8).wrapping_add(u64::from(within)));
        }
        index = index.saturating_add(1);
    }
    None
}

/// Bits of the first byte that lie before `first`.
fn head(first: u64) -> u8 {
    !(0xff_u8.wrapping_shr((first % 8) as u32))
}

/// Bits of the last byte that lie behind `last`.
fn tail(last: u64) -> u8 {
    0x7f_u8.wrapping_shr((last % 8) as u32)
}

fn byte_of(bit: u64) -> usize {
    usize::try_from(bit / 8).unwrap_or(usize::MAX)
}

fn at(bytes: &[u8], index: usize) -> u8 {
    bytes.get(index).copied().unwrap_or(0)
}

/// One bit; those behind the end are 0.
pub fn get(bytes: &[u8], bit: u64) -> bool {
    at(bytes, byte_of(bit)) & 0x80_u8.wrapping_shr((bit % 8) as u32) != 0
}

/// Sets one bit within the string.
pub fn set(bytes: &mut [u8], bit: u64, to: bool) {
    let mask = 0x80_u8.wrapping_shr((bit % 8) as u32);
    if let Some(byte) = bytes.get_mut(byte_of(bit)) {
        *byte = if to { *byte | mask } else { *byte & !mask };
    }
}

/// The unsigned number in `width` bits (at most 64) from `offset` on; bits behind the end are 0.
pub fn read(bytes: &[u8], offset: u64, width: u32) -> u64 {
    (0..u64::from(width)).fold(0, |number, bit| number.wrapping_shl(1) | u64::from(get(bytes, offset.saturating_add(bit))))
}

/// Writes the lowest `width` bits of a number at `offset`, within the string.
pub fn write(bytes: &mut [u8], offset: u64, width: u32, number: u64) {
    for bit in 0..width {
        let shift = width.wrapping_sub(1).wrapping_sub(bit);
        set(bytes, offset.saturating_add(u64::from(bit)), number.wrapping_shr(shift) & 1 != 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ranges_agree_with_one_bit_at_a_time(bytes in prop::collection::vec(prop_oneof![Just(0u8), Just(255u8), any::<u8>()], 1..60), a in 0u64..480, b in 0u64..480) {
            let bits = bytes.len() as u64 * 8;
            let (first, last) = ((a % bits).min(b % bits), (a % bits).max(b % bits));
            let naive = || (first..=last).map(|bit| get(&bytes, bit));
            prop_assert_eq!(count_range(&bytes, first, last), naive().filter(|bit| *bit).count() as u64);
            for wanted in [false, true] {
                let found = (first..=last).find(|bit| get(&bytes, *bit) == wanted);
                prop_assert_eq!(position(&bytes, wanted, first, last), found);
            }
        }

        #[test]
        fn what_is_written_is_read(mut bytes in prop::collection::vec(any::<u8>(), 16..40), offset in 0u64..64, width in 1u32..=64, number: u64) {
            let before = bytes.clone();
            write(&mut bytes, offset, width, number);
            let mask = if width == 64 { u64::MAX } else { (1 << width) - 1 };
            prop_assert_eq!(read(&bytes, offset, width), number & mask);
            write(&mut bytes, offset, width, read(&before, offset, width));
            prop_assert_eq!(bytes, before);
        }
    }
}
