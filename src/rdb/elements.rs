//! Small collections that lie in one string, as Redis keeps or kept them in memory.
//!
//! ```text
//!   listpack   bytes (4)  count (2)            { form, length or number │ data │ length of both, to be read from its end }   FF
//!   ziplist    bytes (4)  last (4)  count (2)  { length of the one before (1 or FE+4) │ form … │ data }                      FF
//!   zipmap     count (1)                       { length │ field │ length │ free (1) │ value │ free bytes }                   FF
//!   intset     width (4)  count (4)            { number }
//! ```
//!
//! A count of all ones (254 and more in a zipmap) means that nobody counted.

use super::listpack::back_len;
use super::read::{Item, Reader};
use super::{Refusal, Result};

/// How they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Listpack,
    Ziplist,
    Zipmap,
    Intset,
}

/// The elements of such a string, one after another.
pub(super) struct Elements<'a> {
    form: Form,
    reader: Reader<'a>,
    /// How many are still to come, where somebody counted.
    left: Option<u64>,
    /// Bytes of a number in an intset.
    width: u64,
    /// In a zipmap: the next one is a value.
    value: bool,
}

/// What a form of an element says.
enum Shape {
    Bytes(u64),
    Signed(u64),
    Number(i64),
    End,
}

impl<'a> Elements<'a> {
    pub(super) fn open(form: Form, bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes, 0);
        let mut width = 0;
        let left;
        match form {
            Form::Listpack | Form::Ziplist => {
                if reader.little(4)? != bytes.len() as u64 {
                    return Err(Refusal::Damaged);
                }
                reader.take(if form == Form::Ziplist { 4 } else { 0 })?;
                left = Some(reader.little(2)?).filter(|count| *count != 0xffff);
            }
            Form::Zipmap => {
                left = Some(u64::from(reader.byte()?)).filter(|count| *count < 254).map(|pairs| pairs.wrapping_mul(2))
            }
            Form::Intset => {
                width = reader.little(4)?;
                left = Some(reader.little(4)?);
                if !matches!(width, 2 | 4 | 8) {
                    return Err(Refusal::Damaged);
                }
            }
        }
        Ok(Self { form, reader, left, width, value: false })
    }

    /// The next element; `None` at the end, which must be where the string ends and the count said.
    pub(super) fn next(&mut self) -> Result<Option<Item<'a>>> {
        let before = self.reader.rest.len();
        let reader = &mut self.reader;
        let shape = match self.form {
            Form::Listpack => listpack_shape(reader)?,
            Form::Ziplist => ziplist_shape(reader)?,
            Form::Zipmap => match (reader.byte()?, self.value) {
                (255, false) => Shape::End,
                (255, true) => return Err(Refusal::Damaged),
                (254, _) => Shape::Bytes(reader.little(4)?),
                (len, _) => Shape::Bytes(len.into()),
            },
            Form::Intset if before == 0 => Shape::End,
            Form::Intset => Shape::Signed(self.width),
        };
        let free = if self.form == Form::Zipmap && self.value { reader.byte()? } else { 0 };
        let item = match shape {
            Shape::Bytes(len) => Item::There(reader.take(len)?),
            Shape::Signed(width) => Item::number(reader.signed(width)?),
            Shape::Number(number) => Item::number(number),
            Shape::End if reader.rest.is_empty() && self.left.is_none_or(|left| left == 0) => return Ok(None),
            Shape::End => return Err(Refusal::Damaged),
        };
        match self.form {
            Form::Listpack => {
                reader.take(back_len(before.saturating_sub(reader.rest.len())))?;
            }
            Form::Zipmap => {
                reader.take(free.into())?;
                self.value = !self.value;
            }
            _ => {}
        }
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(1).ok_or(Refusal::Damaged)?;
        }
        Ok(Some(item))
    }

    /// The next element, which must be there.
    pub(super) fn expect(&mut self) -> Result<Item<'a>> {
        self.next()?.ok_or(Refusal::Damaged)
    }
}

fn listpack_shape(reader: &mut Reader<'_>) -> Result<Shape> {
    let head = reader.byte()?;
    let low = |bits: u8| u64::from(head & bits) << 8;
    Ok(match head {
        0..=0x7f => Shape::Number(head.into()),
        0x80..=0xbf => Shape::Bytes((head & 0x3f).into()),
        0xc0..=0xdf => {
            let number = low(0x1f) | u64::from(reader.byte()?);
            Shape::Number((number.wrapping_shl(51) as i64).wrapping_shr(51))
        }
        0xe0..=0xef => Shape::Bytes(low(0x0f) | u64::from(reader.byte()?)),
        0xf0 => Shape::Bytes(reader.little(4)?),
        0xf1..=0xf3 => Shape::Signed(u64::from(head & 0x0f).wrapping_add(1)),
        0xf4 => Shape::Signed(8),
        0xff => Shape::End,
        _ => return Err(Refusal::Damaged),
    })
}

fn ziplist_shape(reader: &mut Reader<'_>) -> Result<Shape> {
    match reader.byte()? {
        0xff => return Ok(Shape::End),
        0xfe => _ = reader.take(4)?,
        _ => {}
    }
    let head = reader.byte()?;
    Ok(match head {
        0..=0x3f => Shape::Bytes(head.into()),
        0x40..=0x7f => Shape::Bytes(u64::from(head & 0x3f) << 8 | u64::from(reader.byte()?)),
        0x80 => Shape::Bytes(reader.big(4)?),
        0xc0 => Shape::Signed(2),
        0xd0 => Shape::Signed(4),
        0xe0 => Shape::Signed(8),
        0xf0 => Shape::Signed(3),
        0xfe => Shape::Signed(1),
        0xf1..=0xfd => Shape::Number(i64::from(head & 0x0f).wrapping_sub(1)),
        _ => return Err(Refusal::Damaged),
    })
}
