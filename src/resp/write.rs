//! Replies: shapes to bytes. The only place that knows how RESP2 differs from RESP3.

use super::Protocol;
use crate::error::ReplyError;
use crate::number;
use alloc::vec::Vec;

/// Appends one reply after another to a buffer.
///
/// Growth that the allocator refuses does not abort: the writer remembers it ([`Writer::overflowed`]) and drops what follows; the engine
/// then takes the torn reply back and answers an error.
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
    pub protocol: Protocol,
    overflowed: bool,
    /// The length of the buffer that a reply must not pass.
    limit: usize,
    cut: bool,
}

/// Where a header of yet unknown length goes.
pub struct Deferred(usize);

/// A number below ten, as text.
#[inline]
fn digit(number: i64) -> u8 {
    b'0'.wrapping_add(number as u8)
}

impl<'o> Writer<'o> {
    pub fn new(out: &'o mut Vec<u8>, protocol: Protocol) -> Self {
        Self { out, protocol, overflowed: false, limit: usize::MAX, cut: false }
    }

    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Writes at most so many bytes more; a longer reply overflows.
    pub fn limit(&mut self, bytes: usize) {
        self.limit = self.out.len().saturating_add(bytes);
    }

    /// Whether a reply passed the limit, be it taken back.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Bytes in the buffer so far, earlier replies included.
    pub fn position(&self) -> usize {
        self.out.len()
    }

    /// Takes back all that was written since `position` (as [`Writer::position`] told it).
    pub fn rewind(&mut self, position: usize) {
        self.out.truncate(position);
        self.overflowed = false;
    }

    fn resp3(&self) -> bool {
        self.protocol == Protocol::Resp3
    }

    /// Makes room for so many bytes more; false where there is none, now or a moment ago.
    fn room(&mut self, bytes: usize) -> bool {
        let over = self.out.len().saturating_add(bytes) > self.limit;
        self.cut |= over;
        self.overflowed |= over || self.out.try_reserve(bytes).is_err();
        !self.overflowed
    }

    fn put(&mut self, bytes: &[u8]) {
        if self.room(bytes.len()) {
            self.out.extend_from_slice(bytes);
        }
    }

    #[inline]
    fn header(&mut self, mark: u8, number: i64) {
        // Nearly all have one digit or two.
        match number {
            0..10 => self.put(&[mark, digit(number), b'\r', b'\n']),
            10..100 => self.put(&[mark, digit(number / 10), digit(number % 10), b'\r', b'\n']),
            _ => self.long_header(mark, number),
        }
    }

    #[inline(never)]
    fn long_header(&mut self, mark: u8, number: i64) {
        let mut digits = [0; 20];
        let digits = number::write_i64(number, &mut digits);
        if self.room(digits.len().saturating_add(3)) {
            self.out.push(mark);
            self.out.extend_from_slice(digits);
            self.out.extend_from_slice(b"\r\n");
        }
    }

    fn length(&mut self, mark: u8, len: usize) {
        self.header(mark, i64::try_from(len).unwrap_or(i64::MAX));
    }

    pub fn ok(&mut self) {
        self.put(b"+OK\r\n");
    }

    /// A status; `text` must hold no line end.
    pub fn simple(&mut self, text: &str) {
        self.put(b"+");
        self.put(text.as_bytes());
        self.put(b"\r\n");
    }

    pub fn error(&mut self, error: &ReplyError) {
        self.put(b"-");
        self.put(error.as_bytes());
        self.put(b"\r\n");
    }

    pub fn int(&mut self, number: i64) {
        self.header(b':', number);
    }

    /// Bytes as they are: what is no reply.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.put(bytes);
    }

    pub fn bulk(&mut self, bytes: &[u8]) {
        self.length(b'$', bytes.len());
        if self.room(bytes.len().saturating_add(2)) {
            self.out.extend_from_slice(bytes);
            self.out.extend_from_slice(b"\r\n");
        }
    }

    /// An integer as a bulk string, as values that look like numbers are told.
    pub fn bulk_int(&mut self, number: i64) {
        let mut digits = [0; 20];
        let digits = number::write_i64(number, &mut digits);
        self.bulk(digits);
    }

    pub fn null(&mut self) {
        self.put(if self.resp3() { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// The null that stands where an array was expected (`*-1` in RESP2).
    pub fn null_array(&mut self) {
        self.put(if self.resp3() { b"_\r\n" } else { b"*-1\r\n" });
    }

    pub fn array(&mut self, len: usize) {
        self.length(b'*', len);
    }

    /// A map of `pairs` keys with values; a flat array in RESP2.
    pub fn map(&mut self, pairs: usize) {
        if self.resp3() {
            self.length(b'%', pairs);
        } else {
            self.length(b'*', pairs.saturating_mul(2));
        }
    }

    /// A double as a bulk string in both protocols, as ZSCAN tells scores.
    pub fn bulk_double(&mut self, number: f64) {
        let mut digits = [0; number::F64_LEN];
        let digits = number::write_f64(number, &mut digits);
        self.bulk(digits);
    }

    pub fn set(&mut self, len: usize) {
        self.length(if self.resp3() { b'~' } else { b'*' }, len);
    }

    pub fn push(&mut self, len: usize) {
        self.length(if self.resp3() { b'>' } else { b'*' }, len);
    }

    /// An array of `count` pairs, each opened by [`Writer::pair`]: nested in RESP3, flat in RESP2.
    pub fn pairs(&mut self, count: usize) {
        self.array(if self.resp3() { count } else { count.saturating_mul(2) });
    }

    /// Opens a pair of [`Writer::pairs`]; its two elements follow.
    pub fn pair(&mut self) {
        if self.resp3() {
            self.array(2);
        }
    }

    /// A map of `count` names, each opened by [`Writer::named`]: an array of pairs in RESP2.
    pub fn named_parts(&mut self, count: usize) {
        if self.resp3() {
            self.length(b'%', count);
        } else {
            self.array(count);
        }
    }

    /// A name of [`Writer::named_parts`]; its value follows.
    pub fn named(&mut self, name: &[u8]) {
        if !self.resp3() {
            self.array(2);
        }
        self.bulk(name);
    }

    pub fn double(&mut self, number: f64) {
        let mut digits = [0; number::F64_LEN];
        self.decimal(number::write_f64(number, &mut digits));
    }

    /// A double in digits of the caller's.
    pub fn decimal(&mut self, digits: &[u8]) {
        if self.resp3() {
            self.put(b",");
            self.put(digits);
            self.put(b"\r\n");
        } else {
            self.bulk(digits);
        }
    }

    pub fn boolean(&mut self, truth: bool) {
        match (self.resp3(), truth) {
            (true, true) => self.put(b"#t\r\n"),
            (true, false) => self.put(b"#f\r\n"),
            (false, truth) => self.int(i64::from(truth)),
        }
    }

    /// An integer of any length, given in decimal digits: a bulk string in RESP2.
    pub fn big_number(&mut self, digits: &str) {
        if self.resp3() {
            self.put(b"(");
            self.put(digits.as_bytes());
            self.put(b"\r\n");
        } else {
            self.bulk(digits.as_bytes());
        }
    }

    /// Begins `pairs` facts about the reply that follows; false in RESP2, which has no place for them.
    pub fn attribute(&mut self, pairs: usize) -> bool {
        if self.resp3() {
            self.length(b'|', pairs);
        }
        self.resp3()
    }

    /// Text for people (`INFO`, `LOLWUT`): a verbatim string of format `txt` in RESP3.
    pub fn verbatim(&mut self, text: &[u8]) {
        if self.resp3() {
            self.length(b'=', text.len().saturating_add(4));
            self.put(b"txt:");
            self.put(text);
            self.put(b"\r\n");
        } else {
            self.bulk(text);
        }
    }

    /// Opens an array, map or set whose length is known only at its end: write the elements, then call [`Writer::close`].
    pub fn defer(&mut self) -> Deferred {
        Deferred(self.out.len())
    }

    pub fn close_array(&mut self, at: Deferred, len: usize) {
        self.close(at, |writer| writer.array(len));
    }

    pub fn close_set(&mut self, at: Deferred, len: usize) {
        self.close(at, |writer| writer.set(len));
    }

    pub fn close_map(&mut self, at: Deferred, pairs: usize) {
        self.close(at, |writer| writer.map(pairs));
    }

    /// Ends one step of a SCAN: what was written since `at` are its `len` elements, `cursor` goes before them.
    pub fn close_scan(&mut self, at: Deferred, cursor: u64, len: usize) {
        self.close(at, |writer| {
            writer.array(2);
            writer.bulk_int(i64::try_from(cursor).unwrap_or(i64::MAX));
            writer.array(len);
        });
    }

    /// Writes a header behind the elements and turns it to their front.
    fn close(&mut self, at: Deferred, header: impl FnOnce(&mut Self)) {
        let end = self.out.len();
        header(self);
        let grown = self.out.len().saturating_sub(end);
        if let Some(elements_and_header) = self.out.get_mut(at.0..) {
            elements_and_header.rotate_right(grown);
        }
    }
}
