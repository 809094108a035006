//! The elements of a collection, however they lie.
//!
//! ```text
//!   plain      count                           { string }
//!
//!   and in one string, as Redis keeps or kept small collections in memory:
//!   listpack   bytes (4)  count (2)            { length or number │ data │ length of both, to be read from its end }          FF
//!   ziplist    bytes (4)  last (4)  count (2)  { length of the one before (1 or FE+4) │ length or kind of number │ data }     FF
//!   zipmap     count (1)                       { length │ field │ length │ free (1) │ value │ free bytes }                    FF
//!   intset     width (4)  count (4)            { number }
//! ```
//!
//! A count of all ones (254 and more in a zipmap) means that nobody counted.

use super::listpack::back_len;
use super::read::{Item, Reader, digits};
use crate::number;
use alloc::borrow::Cow;

/// How they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    /// The same with scores in digits.
    OldScores,
    /// The same with scores as they are in memory.
    Scores,
    Listpack,
    Ziplist,
    Zipmap,
    Intset,
}

/// Elements, one after another.
pub(super) struct Elements<'r, 'a> {
    form: Form,
    pub reader: &'r mut Reader<'a>,
    /// How many are still to come; negative where nobody counted.
    left: i64,
    /// Bytes of a number in an intset.
    width: u64,
    /// In a zipmap: the next one is a value.
    value: bool,
}

/// What lies in front of an element's data.
enum Head {
    Bytes(u64),
    Signed(u64),
    Number(i64),
    End,
}

const UNCOUNTED: i64 = -1;

impl<'r, 'a> Elements<'r, 'a> {
    /// `count` elements that are plain strings (with scores, if the form says so).
    pub(super) fn plain(form: Form, reader: &'r mut Reader<'a>, count: u64) -> Self {
        let left = i64::try_from(count).unwrap_or(i64::MAX);
        Self { form, reader, left, width: 0, value: false }
    }

    /// The elements of a string, of which the reader reads nothing else.
    pub(super) fn packed(form: Form, reader: &'r mut Reader<'a>) -> Self {
        let bytes = reader.rest.len() as u64;
        let (mut width, mut most) = (0, u64::MAX);
        match form {
            Form::Zipmap => most = 254,
            Form::Intset => {
                width = reader.little(4);
                reader.demand(matches!(width, 2 | 4 | 8));
            }
            _ => {
                let claimed = reader.little(4);
                reader.demand(claimed == bytes);
                reader.take(if form == Form::Ziplist { 4 } else { 0 });
                most = 0xffff;
            }
        }
        let count = reader.little(match form {
            Form::Zipmap => 1,
            Form::Intset => 4,
            _ => 2,
        });
        let left = match form {
            _ if count >= most => UNCOUNTED,
            Form::Zipmap => (count as i64).wrapping_mul(2),
            _ => count as i64,
        };
        Self { form, reader, left, width, value: false }
    }

    /// The next element; `None` at the end, which must be where the string ends and the count said, and when the reader failed.
    pub(super) fn next(&mut self) -> Option<Item<'a>> {
        let reader = &mut *self.reader;
        let before = reader.rest.len();
        let head = match self.form {
            Form::Plain | Form::Scores | Form::OldScores | Form::Intset if self.left == 0 => Head::End,
            Form::Plain | Form::Scores | Form::OldScores => {
                self.left = self.left.wrapping_sub(1);
                return Some(reader.string()).filter(|_| reader.ok());
            }
            Form::Intset => Head::Signed(self.width),
            Form::Listpack => listpack_head(reader),
            Form::Ziplist => ziplist_head(reader),
            Form::Zipmap => match reader.byte() {
                255 => Head::End,
                254 => Head::Bytes(reader.little(4)),
                len => Head::Bytes(len.into()),
            },
        };
        let free = if self.value { reader.byte() } else { 0 };
        let item = match head {
            Head::Bytes(len) => Cow::Borrowed(reader.take(len)),
            Head::Signed(width) => digits(reader.signed(width)),
            Head::Number(number) => digits(number),
            Head::End => {
                let plain = matches!(self.form, Form::Plain | Form::Scores | Form::OldScores);
                reader.demand(plain || (reader.rest.is_empty() && self.left <= 0 && !self.value));
                return None;
            }
        };
        if self.form == Form::Listpack {
            reader.take(back_len(before.wrapping_sub(reader.rest.len())));
        }
        if self.form == Form::Zipmap {
            reader.take(free.into());
            self.value = !self.value;
        }
        reader.demand(self.left != 0);
        if self.left > 0 {
            self.left = self.left.wrapping_sub(1);
        }
        Some(item).filter(|_| reader.ok())
    }

    /// The next element, which must be there.
    pub(super) fn expect(&mut self) -> Item<'a> {
        self.next().unwrap_or_else(|| {
            self.reader.demand(false);
            Cow::Borrowed(&[])
        })
    }

    /// The next element, which must be an integer.
    pub(super) fn number(&mut self) -> i64 {
        let number = number::parse_i64(&self.expect());
        self.reader.demand(number.is_some());
        number.unwrap_or_default()
    }

    /// The next element, which must be a score.
    pub(super) fn score(&mut self) -> f64 {
        let score = match self.form {
            Form::Scores => Some(f64::from_bits(self.reader.little(8))),
            Form::OldScores => match self.reader.byte() {
                254 => Some(f64::INFINITY),
                255 => Some(f64::NEG_INFINITY),
                len => number::parse_f64(self.reader.take(len.into())),
            },
            _ => number::parse_f64(&self.expect()),
        };
        let score = score.unwrap_or(f64::NAN);
        self.reader.demand(!score.is_nan());
        score
    }
}

fn listpack_head(reader: &mut Reader<'_>) -> Head {
    let head = reader.byte();
    match head {
        0..=0x7f => Head::Number(head.into()),
        0x80..=0xbf => Head::Bytes((head & 0x3f).into()),
        0xc0..=0xdf => {
            let number = u64::from(head) << 8 | reader.little(1);
            Head::Number((number.wrapping_shl(51) as i64).wrapping_shr(51))
        }
        0xe0..=0xef => Head::Bytes(u64::from(head & 0x0f) << 8 | reader.little(1)),
        0xf0 => Head::Bytes(reader.little(4)),
        0xf1..=0xf3 => Head::Signed(u64::from(head & 0x0f).wrapping_add(1)),
        0xf4 => Head::Signed(8),
        _ => {
            reader.demand(head == 0xff);
            Head::End
        }
    }
}

fn ziplist_head(reader: &mut Reader<'_>) -> Head {
    match reader.byte() {
        0xff => return Head::End,
        0xfe => _ = reader.take(4),
        _ => {}
    }
    let head = reader.byte();
    match head {
        0..=0x3f => Head::Bytes(head.into()),
        0x40..=0x7f => Head::Bytes(u64::from(head & 0x3f) << 8 | reader.little(1)),
        0x80 => Head::Bytes(reader.big(4)),
        0xc0 => Head::Signed(2),
        0xd0 => Head::Signed(4),
        0xe0 => Head::Signed(8),
        0xf0 => Head::Signed(3),
        0xfe => Head::Signed(1),
        _ => {
            reader.demand((0xf1..=0xfd).contains(&head));
            Head::Number(i64::from(head & 0x0f).wrapping_sub(1))
        }
    }
}
