//! Replies as values: for callers in Rust who ask with words and want an answer to match on.

use crate::error::ReplyError;
use crate::number;
use alloc::vec::Vec;

/// One reply, RESP3's types.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Status(Vec<u8>),
    Integer(i64),
    Double(f64),
    Boolean(bool),
    Bytes(Vec<u8>),
    Array(Vec<Value>),
    Set(Vec<Value>),
    Push(Vec<Value>),
    Map(Vec<(Value, Value)>),
    /// An error inside an array: of one command of a transaction.
    Error(ReplyError),
}

impl Value {
    /// The bytes of a string or status.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) | Self::Status(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

/// Replies nest as deep as transactions of nested arrays can: this bounds the recursion.
const DEPTH: usize = 32;

/// Reads the first reply of `input`; `None` where it is not one whole reply. Returns what is left too.
pub fn reply(input: &[u8]) -> Option<(Value, &[u8])> {
    read(input, DEPTH)
}

fn read(input: &[u8], depth: usize) -> Option<(Value, &[u8])> {
    let depth = depth.checked_sub(1)?;
    let end = input.windows(2).position(|pair| pair == b"\r\n")?;
    let (mark, text) = input.get(..end)?.split_first()?;
    let rest = input.get(end.checked_add(2)?..)?;
    let value = match mark {
        b'+' => Value::Status(text.to_vec()),
        b'-' => Value::Error(ReplyError::bytes(&[text])),
        b':' => Value::Integer(number::parse_i64(text)?),
        b',' => Value::Double(number::parse_f64(text)?),
        b'#' => Value::Boolean(text == b"t"),
        b'_' => Value::Null,
        b'$' | b'=' => return bulk(*mark, text, rest),
        b'*' | b'~' | b'>' => return aggregate(*mark, text, rest, depth),
        b'%' => return map(text, rest, depth),
        _ => return None,
    };
    Some((value, rest))
}

fn bulk<'a>(mark: u8, text: &[u8], rest: &'a [u8]) -> Option<(Value, &'a [u8])> {
    if text == b"-1" {
        return Some((Value::Null, rest));
    }
    let len = usize::try_from(number::parse_i64(text)?).ok()?;
    let bytes = rest.get(..len)?;
    let bytes = if mark == b'=' { bytes.get(4..)? } else { bytes };
    Some((Value::Bytes(bytes.to_vec()), rest.get(len.checked_add(2)?..)?))
}

fn aggregate<'a>(mark: u8, text: &[u8], mut rest: &'a [u8], depth: usize) -> Option<(Value, &'a [u8])> {
    let len = number::parse_i64(text)?;
    if len < 0 {
        return Some((Value::Null, rest));
    }
    let mut values = Vec::new();
    for _ in 0..len {
        let (value, tail) = read(rest, depth)?;
        values.push(value);
        rest = tail;
    }
    let value = match mark {
        b'~' => Value::Set(values),
        b'>' => Value::Push(values),
        _ => Value::Array(values),
    };
    Some((value, rest))
}

fn map<'a>(text: &[u8], mut rest: &'a [u8], depth: usize) -> Option<(Value, &'a [u8])> {
    let mut pairs = Vec::new();
    for _ in 0..number::parse_i64(text)? {
        let (key, tail) = read(rest, depth)?;
        let (value, tail) = read(tail, depth)?;
        pairs.push((key, value));
        rest = tail;
    }
    Some((Value::Map(pairs), rest))
}
