//! Requests: bytes to argument vectors. Nothing is allocated for an argument: it borrows the input.
//!
//! A request is an array of bulk strings (`*2\r\n$4\r\nLLEN\r\n$1\r\nk\r\n`) or an inline line (`LLEN k\r\n`, for people with a terminal).
//! Headers are believed only as far as bytes have really arrived: no length sizes an allocation.

use crate::error::ProtocolError;
use crate::number;
use alloc::vec::Vec;

/// What may be sent before it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `proto-max-bulk-len`.
    pub bulk: u64,
    /// Requests of a session that has not authenticated stay small.
    pub authenticated: bool,
}

const INLINE_MAX: usize = 64 * 1024;
const UNAUTHENTICATED_ARGS: i64 = 10;
const UNAUTHENTICATED_BULK: i64 = 16_384;

/// One look at the input.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The arguments were pushed; the frame took so many bytes. No argument means an empty request, to be passed over.
    Request(usize),
    /// An inline request whose words are quoted or escaped: they are in `Unquoted`. The frame took so many bytes.
    Quoted(usize, Vec<Vec<u8>>),
    /// The frame is not whole yet. At least so many more bytes are needed (a hint, never 0).
    Incomplete(usize),
}

/// Reads the first request of `input` and appends its words to `args`; where it is not whole, or wrong, some of its words may stand there all the same.
pub fn request<'a>(input: &'a [u8], limits: Limits, args: &mut Vec<&'a [u8]>) -> Result<Parsed, ProtocolError> {
    match input.first() {
        None => Ok(Parsed::Incomplete(1)),
        Some(b'*') => multibulk(input, limits, args),
        Some(_) => inline(input, args),
    }
}

/// The line at `at` without its end, and where the next begins. Redis takes the first `\r` as the end and skips what follows it.
fn header_line(input: &[u8], at: usize, too_big: ProtocolError) -> Result<Option<(&[u8], usize)>, ProtocolError> {
    let rest = input.get(at..).unwrap_or(&[]);
    let Some(end) = rest.iter().position(|&byte| byte == b'\r') else {
        return if rest.len() > INLINE_MAX { Err(too_big) } else { Ok(None) };
    };
    let next = at.saturating_add(end).saturating_add(2);
    match rest.get(..end) {
        Some(line) if next <= input.len() => Ok(Some((line, next))),
        _ => Ok(None),
    }
}

/// The number of the header at `at`, and where the next line begins, if it is what nearly all are: one to three digits, all of it there.
#[inline(always)]
fn short_number(input: &[u8], at: usize) -> Option<(i64, usize)> {
    let digit = |byte: &u8| i64::from(byte.wrapping_sub(b'0'));
    let (number, length) = match input.get(at.saturating_add(1)..)? {
        [a @ b'0'..=b'9', b'\r', _, ..] => (digit(a), 4),
        [a @ b'1'..=b'9', b @ b'0'..=b'9', b'\r', _, ..] => (digit(a).wrapping_mul(10).wrapping_add(digit(b)), 5),
        [a @ b'1'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b'\r', _, ..] => {
            (digit(a).wrapping_mul(10).wrapping_add(digit(b)).wrapping_mul(10).wrapping_add(digit(c)), 6)
        }
        _ => return None,
    };
    Some((number, at.saturating_add(length)))
}

/// The number of the header at `at`, and where the next line begins; nothing where it is not whole.
#[inline(always)]
fn header(input: &[u8], at: usize, too_big: ProtocolError, wrong: ProtocolError) -> Result<Option<(i64, usize)>, ProtocolError> {
    match short_number(input, at) {
        Some(short) => Ok(Some(short)),
        None => long_header(input, at, too_big, wrong),
    }
}

#[inline(never)]
fn long_header(
    input: &[u8],
    at: usize,
    too_big: ProtocolError,
    wrong: ProtocolError,
) -> Result<Option<(i64, usize)>, ProtocolError> {
    let Some((line, next)) = header_line(input, at, too_big)? else { return Ok(None) };
    let number = number::parse_i64(line.get(1..).unwrap_or(&[])).ok_or(wrong)?;
    Ok(Some((number, next)))
}

fn multibulk<'a>(input: &'a [u8], limits: Limits, args: &mut Vec<&'a [u8]>) -> Result<Parsed, ProtocolError> {
    let Some((count, mut at)) = header(input, 0, ProtocolError::BigCountLine, ProtocolError::InvalidMultibulkLength)? else {
        return Ok(Parsed::Incomplete(1));
    };
    if count > i64::from(i32::MAX) {
        return Err(ProtocolError::InvalidMultibulkLength);
    }
    if !limits.authenticated && count > UNAUTHENTICATED_ARGS {
        return Err(ProtocolError::UnauthenticatedMultibulk);
    }
    for _ in 0..count.max(0) {
        match input.get(at) {
            None => return Ok(Parsed::Incomplete(1)),
            Some(b'$') => {}
            Some(&other) => return Err(ProtocolError::ExpectedDollar(other)),
        }
        let Some((len, body)) = header(input, at, ProtocolError::BigBulkLine, ProtocolError::InvalidBulkLength)? else {
            return Ok(Parsed::Incomplete(1));
        };
        if u64::try_from(len).map_or(true, |len| len > limits.bulk) {
            return Err(ProtocolError::InvalidBulkLength);
        }
        if !limits.authenticated && len > UNAUTHENTICATED_BULK {
            return Err(ProtocolError::UnauthenticatedBulk);
        }
        let len = usize::try_from(len).map_err(|_| ProtocolError::InvalidBulkLength)?;
        let end = body.checked_add(len).ok_or(ProtocolError::InvalidBulkLength)?;
        let next = end.checked_add(2).ok_or(ProtocolError::InvalidBulkLength)?;
        let (true, Some(arg)) = (next <= input.len(), input.get(body..end)) else {
            return Ok(Parsed::Incomplete(next.saturating_sub(input.len()).max(1)));
        };
        args.push(arg);
        at = next;
    }
    Ok(Parsed::Request(at))
}

fn inline<'a>(input: &'a [u8], args: &mut Vec<&'a [u8]>) -> Result<Parsed, ProtocolError> {
    let Some(newline) = input.iter().position(|&byte| byte == b'\n') else {
        return if input.len() > INLINE_MAX { Err(ProtocolError::BigInline) } else { Ok(Parsed::Incomplete(1)) };
    };
    let consumed = newline.saturating_add(1);
    let line = input.get(..newline).unwrap_or(&[]);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.iter().any(|byte| matches!(byte, b'"' | b'\'')) {
        let words = split_quoted(line).ok_or(ProtocolError::UnbalancedQuotes)?;
        return Ok(Parsed::Quoted(consumed, words));
    }
    // A NUL ends the line, as it does in Redis, where lines are C strings.
    let line = line.split(|&byte| byte == 0).next().unwrap_or(&[]);
    args.extend(line.split(|byte| is_space(*byte)).filter(|word| !word.is_empty()));
    Ok(Parsed::Request(consumed))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Splits a line into words as Redis's inline requests and configuration files do: double quotes with `\n`, `\xff` escapes, single quotes with `\'`.
/// `None` where a quote is not closed or is followed by something other than a space.
pub fn split_quoted(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        while let [first, tail @ ..] = rest
            && is_space(*first)
        {
            rest = tail;
        }
        if rest.is_empty() || rest.first() == Some(&0) {
            return Some(words);
        }
        let (word, tail) = quoted_word(rest)?;
        words.push(word);
        rest = tail;
    }
}

fn quoted_word(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut word = Vec::new();
    loop {
        match rest {
            [] | [0, ..] => return Some((word, &[])),
            [b'"', tail @ ..] => return close_quote(double_quoted(tail, &mut word)?, word),
            [b'\'', tail @ ..] => return close_quote(single_quoted(tail, &mut word)?, word),
            [byte, ..] if is_space(*byte) => return Some((word, rest)),
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
}

fn close_quote(rest: &[u8], word: Vec<u8>) -> Option<(Vec<u8>, &[u8])> {
    match rest.first() {
        Some(byte) if !is_space(*byte) && *byte != 0 => None,
        _ => Some((word, rest)),
    }
}

fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] | [0, ..] => return None,
            [b'"', tail @ ..] => return Some(tail),
            [b'\\', b'x', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                word.push(hex(*high).wrapping_shl(4) | hex(*low));
                rest = tail;
            }
            [b'\\', escaped, tail @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                rest = tail;
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        match rest {
            [] | [0, ..] => return None,
            [b'\'', tail @ ..] => return Some(tail),
            [b'\\', b'\'', tail @ ..] => {
                word.push(b'\'');
                rest = tail;
            }
            [byte, tail @ ..] => {
                word.push(*byte);
                rest = tail;
            }
        }
    }
}

fn hex(digit: u8) -> u8 {
    (digit as char).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or(0)
}
