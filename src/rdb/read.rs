//! Taking numbers, lengths and strings off the front of bytes.

use super::{Refusal, Result, lzf};
use crate::number::write_i64;
use alloc::vec::Vec;
use core::ops::Deref;

/// Bytes that are read from the front.
#[derive(Clone)]
pub struct Reader<'a> {
    pub(super) rest: &'a [u8],
    /// How many bytes decompression may still make.
    spare: u64,
}

/// A string out of a payload: where it lies there, or made from a shorter form.
#[derive(Clone)]
pub enum Item<'a> {
    There(&'a [u8]),
    /// Digits at the end of the array, and how many.
    Digits([u8; 20], u8),
    Made(Vec<u8>),
}

impl Item<'_> {
    pub(super) fn number(number: i64) -> Self {
        let mut digits = [0; 20];
        let len = write_i64(number, &mut digits).len() as u8;
        Self::Digits(digits, len)
    }
}

impl Deref for Item<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::There(bytes) => bytes,
            Self::Digits(digits, len) => digits.get(digits.len().saturating_sub(usize::from(*len))..).unwrap_or_default(),
            Self::Made(bytes) => bytes,
        }
    }
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8], spare: u64) -> Self {
        Self { rest: bytes, spare }
    }

    pub(super) fn take(&mut self, len: u64) -> Result<&'a [u8]> {
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(Refusal::Damaged)?;
        self.rest = rest;
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        self.little(1).map(|byte| byte as u8)
    }

    /// A number of `width` bytes, the least first.
    pub(super) fn little(&mut self, width: u64) -> Result<u64> {
        Ok(self.take(width)?.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The same, the greatest first.
    pub(super) fn big(&mut self, width: u64) -> Result<u64> {
        Ok(self.take(width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// The same as [`Reader::little`] with a sign.
    pub(super) fn signed(&mut self, width: u64) -> Result<i64> {
        let unused = 64u32.wrapping_sub(width.wrapping_mul(8) as u32);
        Ok((self.little(width)?.wrapping_shl(unused) as i64).wrapping_shr(unused))
    }

    /// A length; or, as an error, the number of a special form of a string.
    fn length_or_form(&mut self) -> Result<core::result::Result<u64, u8>> {
        let head = self.byte()?;
        Ok(Ok(match head >> 6 {
            0 => u64::from(head),
            1 => u64::from(head & 0x3f) << 8 | u64::from(self.byte()?),
            2 if head == 0x80 => self.big(4)?,
            2 if head == 0x81 => self.big(8)?,
            3 => return Ok(Err(head & 0x3f)),
            _ => return Err(Refusal::Damaged),
        }))
    }

    /// A length.
    pub fn length(&mut self) -> Result<u64> {
        self.length_or_form()?.map_err(|_| Refusal::Damaged)
    }

    /// A string in whatever form.
    pub fn string(&mut self) -> Result<Item<'a>> {
        match self.length_or_form()? {
            Ok(len) => self.take(len).map(Item::There),
            Err(form @ 0..=2) => self.signed(1 << form).map(Item::number),
            Err(3) => {
                let (packed, len) = (self.length()?, self.length()?);
                let packed = self.take(packed)?;
                let made = lzf::decompress(packed, usize::try_from(len).unwrap_or(usize::MAX))?;
                self.spare = self.spare.checked_sub(len).ok_or(Refusal::Memory)?;
                Ok(Item::Made(made))
            }
            Err(_) => Err(Refusal::Damaged),
        }
    }
}
