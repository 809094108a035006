//! What strings can be asked beyond their bytes: ranges of them, and what two have in common.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use super::OutOfMemory;
use alloc::vec::Vec;
use core::ops::Range;

/// The bytes from `start` to `end`, both included, of a string of `len` bytes; negative positions count from its end (-1 = the last).
/// Never outside of the string; empty where nothing is left.
pub fn range(len: usize, start: i64, end: i64) -> Range<usize> {
    // Both from the end and the wrong way round: nothing, even where clipping would leave the first byte.
    if start < 0 && end < 0 && start > end {
        return 0..0;
    }
    let signed = i64::try_from(len).unwrap_or(i64::MAX);
    let place = |position: i64| {
        let place = if position < 0 { position.saturating_add(signed).max(0) } else { position };
        usize::try_from(place).unwrap_or(usize::MAX)
    };
    let (start, end) = (place(start), place(end).saturating_add(1).min(len));
    if start < end { start..end } else { 0..0 }
}

/// A stretch that two strings have in common: first and last position in either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    pub a: (usize, usize),
    pub b: (usize, usize),
}

impl Stretch {
    pub fn len(&self) -> usize {
        self.a.1.saturating_sub(self.a.0).saturating_add(1)
    }

    pub fn is_empty(&self) -> bool {
        false
    }
}

/// A longest common subsequence of two strings.
#[derive(Debug, Default)]
pub struct Common {
    pub text: Vec<u8>,
    /// The stretches that make it up, the last one first.
    pub stretches: Vec<Stretch>,
}

/// The length of the longest common subsequence. O(a * b) time, four bytes of memory for each byte of `b`.
///
/// # Errors
/// Where that memory cannot be had.
pub fn common_length(a: &[u8], b: &[u8]) -> Result<u32, OutOfMemory> {
    compare(a, b, |_| {})
}

/// The longest common subsequence that Redis finds. O(a * b) time, one bit of memory for each pair of bytes and four bytes for each byte
/// of `b`: Redis keeps four bytes a pair, but on the way back only one question is asked of a pair of different bytes, namely whether
/// leaving out the byte of `a` loses less than leaving out that of `b`.
///
/// # Errors
/// Where that memory cannot be had.
pub fn common(a: &[u8], b: &[u8]) -> Result<Common, OutOfMemory> {
    let pairs = a.len().checked_mul(b.len()).ok_or(OutOfMemory)?;
    let mut skip_a = Bits::with_capacity(pairs)?;
    compare(a, b, |skip| skip_a.push(skip))?;
    skip_a.finish();
    let mut found = Common::default();
    let mut stretch: Option<Stretch> = None;
    let (mut i, mut j) = (a.len(), b.len());
    while let (Some(up), Some(left)) = (i.checked_sub(1), j.checked_sub(1)) {
        let byte = a.get(up).copied();
        if byte == b.get(left).copied() {
            found.text.extend(byte);
            let current = stretch.get_or_insert(Stretch { a: (up, up), b: (left, left) });
            current.a.0 = up;
            current.b.0 = left;
            (i, j) = (up, left);
        } else {
            found.stretches.extend(stretch.take());
            if skip_a.get(up.wrapping_mul(b.len()).wrapping_add(left)) {
                i = up;
            } else {
                j = left;
            }
        }
    }
    found.stretches.extend(stretch);
    found.text.reverse();
    Ok(found)
}

/// Fills the table of lengths row by row (a row for each byte of `a`), keeping one row only; tells `note`, pair after pair, whether the
/// length without the byte of `a` exceeds that without the byte of `b`. Gives the length of all.
fn compare(a: &[u8], b: &[u8], mut note: impl FnMut(bool)) -> Result<u32, OutOfMemory> {
    let mut row: Vec<u32> = Vec::new();
    row.try_reserve_exact(b.len()).map_err(|_| OutOfMemory)?;
    row.resize(b.len(), 0);
    for x in a {
        let (mut diagonal, mut left) = (0u32, 0u32);
        for (cell, y) in row.iter_mut().zip(b) {
            let up = *cell;
            *cell = if x == y { diagonal.wrapping_add(1) } else { up.max(left) };
            note(up > left);
            (diagonal, left) = (up, *cell);
        }
    }
    Ok(row.last().copied().unwrap_or(0))
}

/// A row of bits, filled from the front.
struct Bits {
    words: Vec<u64>,
    word: u64,
    used: u32,
}

impl Bits {
    fn with_capacity(bits: usize) -> Result<Self, OutOfMemory> {
        let mut words = Vec::new();
        words.try_reserve_exact(bits.div_ceil(64)).map_err(|_| OutOfMemory)?;
        Ok(Self { words, word: 0, used: 0 })
    }

    #[inline]
    fn push(&mut self, bit: bool) {
        self.word |= u64::from(bit).wrapping_shl(self.used);
        self.used = self.used.wrapping_add(1);
        if self.used == 64 {
            self.finish();
        }
    }

    fn finish(&mut self) {
        if self.used > 0 {
            self.words.push(self.word);
        }
        (self.word, self.used) = (0, 0);
    }

    fn get(&self, index: usize) -> bool {
        self.words.get(index / 64).is_some_and(|word| word.wrapping_shr((index % 64) as u32) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    /// The whole table, and the way back through it.
    fn model(a: &[u8], b: &[u8]) -> (Vec<u8>, u32) {
        let mut table = vec![vec![0u32; b.len() + 1]; a.len() + 1];
        for i in 1..=a.len() {
            for j in 1..=b.len() {
                table[i][j] = if a[i - 1] == b[j - 1] { table[i - 1][j - 1] + 1 } else { table[i - 1][j].max(table[i][j - 1]) };
            }
        }
        let (mut i, mut j, mut text) = (a.len(), b.len(), Vec::new());
        while i > 0 && j > 0 {
            if a[i - 1] == b[j - 1] {
                text.insert(0, a[i - 1]);
                (i, j) = (i - 1, j - 1);
            } else if table[i - 1][j] > table[i][j - 1] {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        (text, table[a.len()][b.len()])
    }

    #[test]
    fn ranges_count_from_either_end() {
        assert_eq!(range(11, 0, 4), 0..5);
        assert_eq!(range(11, -5, -1), 6..11);
        assert_eq!(range(11, -100, 100), 0..11);
        assert_eq!(range(11, 4, 2), 0..0);
        assert_eq!(range(11, 11, 12), 0..0);
        assert_eq!(range(11, -100, -50), 0..1);
        assert_eq!(range(11, -50, -100), 0..0);
        assert_eq!(range(0, 0, -1), 0..0);
        assert_eq!(range(3, i64::MIN, i64::MAX), 0..3);
    }

    proptest! {
        #[test]
        fn common_subsequences_are_those_of_the_whole_table(
            a in prop::collection::vec(prop::sample::select(b"abcd".to_vec()), 0..40),
            b in prop::collection::vec(prop::sample::select(b"abce".to_vec()), 0..40),
        ) {
            let (text, len) = model(&a, &b);
            let found = common(&a, &b).unwrap_or_default();
            prop_assert_eq!(common_length(&a, &b), Ok(len));
            prop_assert_eq!(&found.text, &text);
            let spelled: Vec<u8> = found.stretches.iter().rev().flat_map(|s| a[s.a.0..=s.a.1].to_vec()).collect();
            prop_assert_eq!(&spelled, &text);
            let spelled: Vec<u8> = found.stretches.iter().rev().flat_map(|s| b[s.b.0..=s.b.1].to_vec()).collect();
            prop_assert_eq!(&spelled, &text);
        }
    }
}
