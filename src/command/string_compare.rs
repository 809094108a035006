//! Strings under the condition that they are as expected: SET's IFEQ and its kin, DELEX, DIGEST. (Redis 8.4.)

use super::args::key_flags::*;
use super::args::{Key, args, choice};
use super::reply::Reply;
use super::rows;
use super::string::current;
use crate::call::Call;
use crate::error::{ReplyError, Result};
use crate::resp::write::Writer;
use crate::value::digest::{digest, hexadecimal};

rows! {
    pub(super) static ROWS: String = [
        { "delex", delex as DelEx, since: "8.4.0", cost: "O(1); O(N) for a digest, N the length", flags: [WRITE, FAST, REPEATS_DEADLINE], reply: Truth,
          "Removes a key, if its string is as expected." },
        { "digest", digest_of as Digest, since: "8.4.0", cost: "O(N), N the length", flags: [READONLY, FAST], reply: Maybe(&Bulk),
          "The XXH3 hash of a string in hexadecimal." },
    ]
}

choice! {
    /// What the present string is to be. A missing key is like no string: unequal to all.
    Comparison<'a> {
        "IFEQ" => Equal(ifeq_value: &'a [u8]),
        "IFNE" => Unequal(ifne_value: &'a [u8]),
        "IFDEQ" => DigestEqual(ifdeq_digest: &'a [u8]),
        "IFDNE" => DigestUnequal(ifdne_digest: &'a [u8]),
    }
}

impl Comparison<'_> {
    /// # Errors
    /// `WRONGTYPE`; what is no digest.
    pub fn holds(self, call: &mut Call<'_>, key: &[u8]) -> Result<bool> {
        let (expected, by_digest, equal) = match self {
            Self::Equal(value) => (value, false, true),
            Self::Unequal(value) => (value, false, false),
            Self::DigestEqual(digest) => (digest, true, true),
            Self::DigestUnequal(digest) => (digest, true, false),
        };
        if by_digest && expected.len() != 16 {
            return Err(ReplyError::err("must be exactly 16 hexadecimal characters"));
        }
        call.keys.touch(key);
        let is = match current(call, key)? {
            Some(text) if by_digest => hexadecimal(digest(text)).eq_ignore_ascii_case(expected),
            Some(text) => text == expected,
            None => false,
        };
        Ok(is == equal)
    }
}

args! { DelEx<'a> { key: Key<'a, RW_ACCESS_DELETE>; condition: Option<Comparison<'a>> } }

pub fn delex(call: &mut Call<'_>, args: DelEx<'_>) -> Result<bool> {
    let holds = args.condition.map_or(Ok(true), |condition| condition.holds(call, &args.key))?;
    Ok(holds && call.keys.delete(&args.key))
}

args! { Digest<'a> { key: Key<'a, RO_ACCESS> } }

/// Sixteen digits.
pub struct Hexadecimal([u8; 16]);

impl Reply for Hexadecimal {
    fn write(self, writer: &mut Writer<'_>) {
        writer.bulk(&self.0);
    }
}

pub fn digest_of(call: &mut Call<'_>, args: Digest<'_>) -> Result<Option<Hexadecimal>> {
    Ok(call.keys.read_string(&args.key)?.map(|text| Hexadecimal(hexadecimal(digest(text)))))
}
