//! Values with what the tier must know of them: opt-in, and for values with tags.
//!
//! ```text
//!   mark 8 │ written 16 hex digits │ expires 16 hex digits │ tags 4 hex digits │ each tag: length 4 hex digits, bytes │ value
//! ```
//!
//! Moments are Unix milliseconds; digits, so that Redis's Lua can compare them as text. All that begins with the mark is taken for an envelope.

use crate::time::Millis;
use alloc::format;
use alloc::vec::Vec;

/// Text, so that it passes through clients that know nothing else.
pub const MARK: &[u8; 8] = b"\x01CTENV1\x02";
/// Sets a key unless Redis holds an envelope that is as new or newer: 1 if it was set. KEYS: key. ARGV: envelope, deadline (Unix milliseconds, 0 = none).
/// An empty envelope removes the key; the third argument is the time of that, as in envelopes.
pub const SCRIPT: &[u8] = b"local old=redis.call('GET',KEYS[1])
local written=ARGV[3]
if old and string.sub(old,1,8)==string.char(1)..'CTENV1'..string.char(2) and string.sub(old,9,24)>=written then return 0 end
if ARGV[1]=='' then redis.call('UNLINK',KEYS[1])
elseif ARGV[2]=='0' then redis.call('SET',KEYS[1],ARGV[1])
else redis.call('SET',KEYS[1],ARGV[1],'PXAT',ARGV[2]) end
return 1";

/// An envelope, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened<'a> {
    pub written: Millis,
    /// `u64::MAX` = never.
    pub expires: Millis,
    pub tags: Vec<&'a [u8]>,
    pub value: &'a [u8],
}

/// A moment as it stands in envelopes.
pub fn moment(moment: Millis) -> Vec<u8> {
    format!("{moment:016x}").into_bytes()
}

pub fn seal(written: Millis, expires: Millis, tags: &[Vec<u8>], value: &[u8]) -> Vec<u8> {
    let mut sealed = MARK.to_vec();
    sealed.extend(moment(written));
    sealed.extend(moment(expires));
    let tags = tags.iter().filter(|tag| tag.len() <= 0xffff).take(0xffff);
    sealed.extend(format!("{:04x}", tags.clone().count()).into_bytes());
    for tag in tags {
        sealed.extend(format!("{:04x}", tag.len()).into_bytes());
        sealed.extend_from_slice(tag);
    }
    sealed.extend_from_slice(value);
    sealed
}

/// The envelope's parts; `None` where the bytes are a bare value.
pub fn open(bytes: &[u8]) -> Option<Opened<'_>> {
    let rest = bytes.strip_prefix(MARK)?;
    let (written, rest) = number(rest, 16)?;
    let (expires, rest) = number(rest, 16)?;
    let (count, mut rest) = number(rest, 4)?;
    let mut tags = Vec::new();
    for _ in 0..count {
        let (length, tail) = number(rest, 4)?;
        let (tag, tail) = tail.split_at_checked(usize::try_from(length).ok()?)?;
        tags.push(tag);
        rest = tail;
    }
    Some(Opened { written, expires, tags, value: rest })
}

fn number(bytes: &[u8], digits: usize) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_at_checked(digits)?;
    Some((u64::from_str_radix(core::str::from_utf8(number).ok()?, 16).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened() {
        let sealed = seal(7, u64::MAX, &[b"a".to_vec(), b"".to_vec()], b"value");
        let opened = open(&sealed).unwrap();
        assert_eq!(opened, Opened { written: 7, expires: u64::MAX, tags: alloc::vec![b"a", b""], value: b"value" });
    }

    #[test]
    fn bare_and_broken_values_are_no_envelopes() {
        assert_eq!(open(b"value"), None);
        let sealed = seal(7, 9, &[b"tag".to_vec()], b"");
        for cut in 0..sealed.len() {
            assert_eq!(open(&sealed[..cut]), None);
        }
    }
}
