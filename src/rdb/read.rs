//! Taking numbers, lengths and strings off the front of bytes.
//!
//! Whatever is not as it must be makes a reader *fail*: from then on there are no bytes, numbers are 0 and strings empty, and whoever reads asks
//! [`Reader::ok`] before anything is done with them. In WebAssembly this takes half the code of a `Result` at each step.

use super::{Refusal, lzf};
use crate::number::write_i64;
use alloc::borrow::Cow;

/// Bytes that are read from the front.
pub struct Reader<'a> {
    pub(super) rest: &'a [u8],
    /// How many bytes decompression may still make.
    spare: u64,
    /// Why it failed, if it did.
    pub fault: Option<Refusal>,
}

/// A string out of a payload: as it lies there, or made from a shorter form.
pub type Item<'a> = Cow<'a, [u8]>;

/// An integer in digits.
pub(super) fn digits<'a>(number: i64) -> Item<'a> {
    Cow::Owned(write_i64(number, &mut [0; 20]).to_vec())
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8], spare: u64) -> Self {
        Self { rest: bytes, spare, fault: None }
    }

    pub fn ok(&self) -> bool {
        self.fault.is_none()
    }

    #[cold]
    pub(super) fn fail(&mut self, why: Refusal) {
        self.rest = &[];
        self.fault.get_or_insert(why);
    }

    /// Fails unless `truth`.
    pub(super) fn demand(&mut self, truth: bool) {
        if !truth {
            self.fail(Refusal::Damaged);
        }
    }

    pub(super) fn take(&mut self, len: u64) -> &'a [u8] {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let (bytes, rest) = self.rest.split_at_checked(len).unwrap_or_else(|| {
            self.fail(Refusal::Damaged);
            (&[], &[])
        });
        self.rest = rest;
        bytes
    }

    pub(super) fn byte(&mut self) -> u8 {
        self.little(1) as u8
    }

    /// A number of `width` bytes, the least first.
    pub(super) fn little(&mut self, width: u64) -> u64 {
        self.take(width).iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// The same, the greatest first.
    pub(super) fn big(&mut self, width: u64) -> u64 {
        self.take(width).iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    /// The same as [`Reader::little`] with a sign.
    pub(super) fn signed(&mut self, width: u64) -> i64 {
        let unused = 64u32.wrapping_sub(width.wrapping_mul(8) as u32);
        (self.little(width).wrapping_shl(unused) as i64).wrapping_shr(unused)
    }

    /// A length, or the number of a special form of a string.
    fn length_or_form(&mut self) -> (u64, bool) {
        let head = self.byte();
        let low = u64::from(head & 0x3f);
        let length = match head {
            0..=0x3f => low,
            0x40..=0x7f => low << 8 | self.big(1),
            0x80 => self.big(4),
            0x81 => self.big(8),
            0xc0.. => return (low, true),
            _ => {
                self.fail(Refusal::Damaged);
                0
            }
        };
        (length, false)
    }

    /// A length.
    pub fn length(&mut self) -> u64 {
        let (length, special) = self.length_or_form();
        self.demand(!special);
        length
    }

    /// A string in whatever form.
    pub fn string(&mut self) -> Item<'a> {
        match self.length_or_form() {
            (len, false) => Cow::Borrowed(self.take(len)),
            (form @ 0..=2, true) => digits(self.signed(1 << form)),
            (3, true) => Cow::Owned(self.compressed()),
            _ => {
                self.fail(Refusal::Damaged);
                Cow::Borrowed(&[])
            }
        }
    }

    fn compressed(&mut self) -> alloc::vec::Vec<u8> {
        let (packed, len) = (self.length(), self.length());
        let packed = self.take(packed);
        let made = lzf::decompress(packed, usize::try_from(len).unwrap_or(usize::MAX)).and_then(|made| {
            self.spare = self.spare.checked_sub(len).ok_or(Refusal::Memory)?;
            Ok(made)
        });
        made.unwrap_or_else(|why| {
            self.fail(why);
            alloc::vec::Vec::new()
        })
    }
}
