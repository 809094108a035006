//! Field names and values as they lie in a block: bytes behind their length, or, where they spell an integer, the integer.
//!
//! ```text
//!   varint(length · 2)      bytes            any bytes
//!   varint(n · 2 + 1)       n bytes          an integer of n bytes, zigzag, least byte first
//! ```
//!
//! The form is the only one for given bytes, so that equal words have equal forms.

use core::ops::Deref;

use crate::number;

/// A field name or value: borrowed from its stream, or spelt from an integer that is kept in fewer bytes.
#[derive(Clone, Copy, Debug)]
pub struct Word<'a>(Form<'a>);

#[derive(Clone, Copy, Debug)]
enum Form<'a> {
    Bytes(&'a [u8]),
    /// Digits at the end of the array, and where they begin.
    Digits([u8; 20], u8),
}

impl Deref for Word<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Form::Bytes(bytes) => bytes,
            Form::Digits(digits, start) => digits.get(usize::from(*start)..).unwrap_or(&[]),
        }
    }
}

impl PartialEq<[u8]> for Word<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}

/// The integer that the bytes spell, where keeping it as one saves room.
fn integer(bytes: &[u8]) -> Option<u64> {
    let number = if (2..=20).contains(&bytes.len()) { number::parse_i64(bytes)? } else { return None };
    Some(((number << 1) ^ (number >> 63)) as u64)
}

fn integer_len(zigzag: u64) -> usize {
    (8 - zigzag.leading_zeros() as usize / 8).max(1)
}

/// Bytes that a word takes in a block.
pub(super) fn cost(bytes: &[u8]) -> usize {
    match integer(bytes) {
        Some(zigzag) => 1 + integer_len(zigzag),
        None => varint_len((bytes.len() as u64) << 1) + bytes.len(),
    }
}

/// Appends a word. The caller has made room.
pub(super) fn put(out: &mut alloc::vec::Vec<u8>, bytes: &[u8]) {
    match integer(bytes) {
        Some(zigzag) => {
            let len = integer_len(zigzag);
            out.push((len << 1 | 1) as u8);
            out.extend(zigzag.to_le_bytes().into_iter().take(len));
        }
        None => {
            put_varint(out, (bytes.len() as u64) << 1);
            out.extend_from_slice(bytes);
        }
    }
}

/// Takes the next word off the front of `rest`.
pub(super) fn take<'a>(rest: &mut &'a [u8]) -> Word<'a> {
    let head = take_varint(rest);
    let len = (head >> 1) as usize;
    let (bytes, behind) = rest.split_at_checked(len).unwrap_or((rest, &[]));
    *rest = behind;
    if head & 1 == 0 {
        return Word(Form::Bytes(bytes));
    }
    let zigzag = bytes.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let number = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
    let mut digits = [0; 20];
    let len = number::write_i64(number, &mut digits).len();
    Word(Form::Digits(digits, 20u8.saturating_sub(len as u8)))
}

/// Seven bits a byte, the least first; the top bit says that more follow.
pub(super) fn put_varint(out: &mut alloc::vec::Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn varint_len(number: u64) -> usize {
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

pub(super) fn take_varint(rest: &mut &[u8]) -> u64 {
    let (mut number, mut shift) = (0u64, 0u32);
    while let Some((byte, behind)) = rest.split_first() {
        *rest = behind;
        number |= u64::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 || shift > 63 {
            break;
        }
    }
    number
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn round(bytes: &[u8]) -> usize {
        let mut out = Vec::new();
        put(&mut out, bytes);
        assert_eq!(out.len(), cost(bytes));
        let mut rest = &out[..];
        assert_eq!(&*take(&mut rest), bytes);
        assert!(rest.is_empty());
        out.len()
    }

    #[test]
    fn words_come_back_and_integers_take_little() {
        for text in [&b""[..], b"1", b"-1", b"007", b"-0", b"+5", b"12a", b"9223372036854775808", &[0; 300]] {
            round(text);
        }
        assert_eq!(round(b"12"), 2);
        assert_eq!(round(b"-64"), 2);
        assert_eq!(round(b"1700000000000"), 7);
        assert_eq!(round(b"-9223372036854775808"), 9);
        assert_eq!(round(b"9223372036854775807"), 9);
    }

    proptest! {
        #[test]
        fn any_word_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..300), number: i64) {
            round(&bytes);
            round(alloc::format!("{number}").as_bytes());
        }

        #[test]
        fn varints_come_back(number: u64, shift in 0u32..64) {
            let mut out = Vec::new();
            put_varint(&mut out, number >> shift);
            prop_assert_eq!(out.len(), varint_len(number >> shift));
            prop_assert_eq!(take_varint(&mut &out[..]), number >> shift);
        }
    }
}
